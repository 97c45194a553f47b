"""Users by when to wake them."""

from heapq import heapify, heappop, heappush

from segd.core.deciding.actor import FOREVER
from segd.core.time.instants import Instant

LEFT = 1_000  # entries of who was woken or forgotten meanwhile


class Sleepers:
    """Each is woken once, when the earliest comes that was asked for since then."""

    def __init__(self) -> None:
        self._heap: list[tuple[Instant, int]] = []
        self._at: dict[int, Instant] = {}  # by user: of several entries the one that holds

    def put(self, number: int, at: Instant) -> None:
        if self._at.get(number, FOREVER) > at:
            self._at[number] = at
            heappush(self._heap, (at, number))
            if len(self._heap) > LEFT + 2 * len(self._at):
                self._heap = [(at, number) for number, at in self._at.items()]
                heapify(self._heap)

    def discard(self, number: int) -> None:
        self._at.pop(number, None)

    def __contains__(self, number: int) -> bool:
        return number in self._at

    def next_due(self) -> Instant:
        """No later than when the next is to be woken."""
        return self._heap[0][0] if self._heap else FOREVER

    def wake(self, now: Instant, most: int) -> list[int]:
        """Those whose time has come, at most so many."""
        woken: list[int] = []
        while self._heap and len(woken) < most and self._heap[0][0] <= now:
            at, number = heappop(self._heap)
            if self._at.get(number) == at:
                woken.append(number)
                del self._at[number]
        return woken
