"""Which messages of a long stream came before, in bounded memory.

The ids of the latest million or two messages are held by their hash; retries come soon, so nearly every repeat is found
there at once. What leaves memory goes to disk, parted by hash; at the end each part is read on its own and tells of the
repeats that lay further apart. Only a stream with such has to be gone through again, now knowing which lines to drop.

A hash has 64 bits: among a hundred million ids the chance that any two are taken for one is 0.03 %.
"""

from array import array
from collections.abc import Sequence
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import IO

GENERATION = 1 << 20  # ids held before the older half goes to disk
PARTS = 64


class Repeats:
    """drop: numbers of messages known to be repeats from an earlier pass. Use as a context manager."""

    def __init__(self, drop: frozenset[int] = frozenset(), generation: int = GENERATION) -> None:
        self._drop = drop
        self._generation = generation
        self._recent: set[int] = set()
        self._older: set[int] = set()
        self._keys = array("q")  # the recent ones, and beside them the numbers of their messages
        self._numbers = array("q")
        self._files: list[IO[bytes]] = []
        self._closing = ExitStack()

    def __enter__(self) -> "Repeats":
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def is_repeat(self, message_id: str, number: int) -> bool:
        """Whether this id came before, as far as memory and earlier passes tell. number: of the message, rising."""
        return self._is_repeat(hash(message_id), number)

    def find(self, keys: Sequence[int], numbers: Sequence[int]) -> set[int]:
        """The numbers of those that came before. keys: hashes of their message ids, all made by processes that hash
        alike."""
        fresh = set(keys)
        if (
            len(fresh) == len(keys)
            and self._recent.isdisjoint(fresh)
            and self._older.isdisjoint(fresh)
            and self._drop.isdisjoint(numbers)
        ):
            self._recent |= fresh
            self._keys.extend(keys)
            self._numbers.extend(numbers)
            if len(self._recent) >= self._generation:
                self._spill()
            return set()
        return {number for key, number in zip(keys, numbers, strict=True) if self._is_repeat(key, number)}

    def _is_repeat(self, key: int, number: int) -> bool:
        if key in self._recent or key in self._older:
            return True
        self._recent.add(key)
        self._keys.append(key)
        self._numbers.append(number)
        if len(self._recent) >= self._generation:
            self._spill()
        return number in self._drop

    def _spill(self) -> None:
        if not self._files:
            for _ in range(PARTS):
                file = TemporaryFile(prefix="segd-")  # noqa: SIM115  (`_closing` closes it)
                self._files.append(self._closing.enter_context(file))
        parts = [array("q") for _ in self._files]
        adders = [part.append for part in parts]
        for key, number in zip(self._keys, self._numbers, strict=True):
            add = adders[key % PARTS]
            add(key)
            add(number)
        for part, file in zip(parts, self._files, strict=True):
            part.tofile(file)  # type: ignore[arg-type]
        self._older, self._recent = self._recent, set()
        del self._keys[:], self._numbers[:]

    def missed(self) -> frozenset[int]:
        """After the last message: the repeats that were taken for new, by number. Empty for nearly every stream."""
        if not self._files:
            return frozenset()
        self._spill()
        found: set[int] = set()
        for file in self._files:
            file.seek(0)
            part = array("q", file.read())
            keys, numbers = part[::2], part[1::2]
            if len(set(keys)) == len(keys):
                continue
            first: dict[int, int] = {}
            for key, number in zip(keys, numbers, strict=True):
                if first.setdefault(key, number) != number:
                    found.add(number)
        return frozenset(found - self._drop)
