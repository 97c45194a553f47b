"""The messages that were refused lately, so that somebody can look at what a client sends wrongly."""

import json
import re
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from msgspec import Struct

from segd.core.time.instants import Instant

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
        if code == "forgotten_user":
            content = b""  # which would tell of them
        self._latest.appendleft(Rejection(at, code, message, content[:BEGINNING].decode(errors="replace")))

    def forget(self, ids: Iterable[str]) -> None:
        """Drop whatever may tell of these: one in which an id stands, as it is or escaped."""
        written = {text for id in ids for text in (id, json.dumps(id)[1:-1], json.dumps(id, ensure_ascii=False)[1:-1])}
        told = re.compile("|".join(rf"(?<!\w){re.escape(text)}(?!\w)" for text in sorted(written)))
        kept = [one for one in self._latest if not told.search(one.content) and not told.search(one.message)]
        self._latest = deque(kept, self._latest.maxlen)

    def latest(self, most: int = KEPT) -> Sequence[Rejection]:
        """The latest first."""
        return list(islice(self._latest, most))
