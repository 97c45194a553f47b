"""The latest few of many."""

from collections import deque
from collections.abc import Iterable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

SHOWN: Final = 5  # in a frame, of which there are 4 a second
KEPT: Final = 4 * SHOWN  # a second's worth, so that what is shown is no older


class Sample(Generic[T]):
    """Keeps the latest of what comes until it is shown, and counts what had to give way."""

    def __init__(self) -> None:
        self._kept: deque[T] = deque(maxlen=KEPT)
        self._left_out = 0

    def __bool__(self) -> bool:
        return bool(self._kept)

    def add(self, item: T) -> None:
        self._left_out += len(self._kept) == KEPT
        self._kept.append(item)

    def extend(self, items: Iterable[T], *, before: int = 0) -> None:
        """before: how many there were before these that are not among them."""
        self._left_out += before
        for item in items:
            self.add(item)

    def take(self) -> tuple[list[T], int]:
        """What to show next, oldest first, and how many gave way since the last time."""
        taken = [self._kept.popleft() for _ in range(min(SHOWN, len(self._kept)))]
        left_out, self._left_out = self._left_out, 0
        return taken, left_out

    def clear(self) -> None:
        self._kept.clear()
        self._left_out = 0
