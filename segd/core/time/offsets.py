"""Offsets of date triggers as text: `-5d`, `0d`, `2w`, `-36h`.

How an offset is spelled decides what it means: with only `d` and `w` it moves the calendar, so that `-1d` keeps the
time of day across a clock change; with any other unit it is time that elapses, and `-24h` does not.
"""

import re

from msgspec import Struct

from segd.core.time.instants import DAY
from segd.core.time.lengths import parse_length

_ZERO = re.compile(r"0{1,12}[wdhms]", re.ASCII)
_EXPECTED = "expected an offset such as -5d, 0d, 2w or -1d12h: larger units first, each once, at most 36500d"


class Offset(Struct, frozen=True):
    """days: whole calendar days, None for elapsed time. elapsed: microseconds, 0 beside days. Below zero is before."""

    days: int | None
    elapsed: int


def parse_offset(text: str) -> Offset:
    """A length with an optional `-` in front, or zero. Raises ValueError, saying what would be right."""
    size = text.removeprefix("-")
    try:
        length = 0 if _ZERO.fullmatch(size) else parse_length(size)
    except ValueError:
        raise ValueError(_EXPECTED) from None
    if size != text:
        length = -length
    if set(size) <= set("0123456789dw"):
        return Offset(days=length // DAY, elapsed=0)
    return Offset(days=None, elapsed=length)
