"""Lengths of time as text: `90s`, `10m`, `1h30m`, `5d`, `2w`. A day is 24 hours here."""

import re
from itertools import pairwise

from segd.core.time.instants import DAY, HOUR, MINUTE, SECOND

LONGEST = 36_500 * DAY  # about a century: keeps every sum of an instant and a length a small integer

_UNITS = {"w": 7 * DAY, "d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND}
_LENGTH = re.compile(r"(?:\d{1,12}[wdhms])+", re.ASCII)
_PART = re.compile(r"(\d+)([wdhms])", re.ASCII)
_EXPECTED = "expected a length such as 90s, 10m, 1h30m, 5d or 2w"


def parse_length(text: str) -> int:
    """Microseconds, above zero. Units from large to small, each once. Raises ValueError, saying what would be right."""
    if not _LENGTH.fullmatch(text):
        raise ValueError(_EXPECTED)
    parts = _PART.findall(text)
    sizes = [_UNITS[unit] for _, unit in parts]
    if any(first <= second for first, second in pairwise(sizes)):
        raise ValueError(_EXPECTED + ": larger units first, each once")
    length = sum(int(number) * _UNITS[unit] for number, unit in parts)
    if length == 0:
        raise ValueError("expected a length above zero")
    if length > LONGEST:
        raise ValueError("expected at most 36500d")
    return length
