"""The messages that were refused lately, so that somebody can look at what a client sends wrongly."""

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final

from msgspec import Struct

from segd.core.instants import Instant

KEPT: Final = 1_000  # messages; with BEGINNING at most 2 MB
BEGINNING: Final = 2_048  # bytes of each


class Rejection(Struct, frozen=True):
    """One refused message. at: when it came. content: its beginning, as it came, what is no UTF-8 replaced."""

    at: Instant
    code: str
    message: str
    content: str


class Rejected:
    """The last refused messages, and how many there were in all."""

    def __init__(self, kept: int = KEPT) -> None:
        self._latest: deque[Rejection] = deque(maxlen=kept)
        self.count = 0

    def add(self, at: Instant, code: str, message: str, content: bytes) -> None:
        self.count += 1
        self._latest.appendleft(Rejection(at, code, message, content[:BEGINNING].decode(errors="replace")))

    def latest(self, most: int = KEPT) -> Sequence[Rejection]:
        """The latest first."""
        return list(islice(self._latest, most))
