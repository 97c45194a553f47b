"""Timers: a heap of due instants with handles that can be cancelled.

Cancelling marks the handle and leaves its entry, for a heap cannot give up one from its middle; when more than half are
such, the heap is built anew. Timers due at the same instant come in order of their segments' rank (a segment after
those its filter names), then of the events that opened them.
"""

from collections import deque
from collections.abc import Iterator
from datetime import tzinfo
from heapq import heapify, heappop, heappush, heapreplace
from itertools import chain
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from segd.core.deciding.digest import Digest
from segd.core.time.instants import Instant

if TYPE_CHECKING:
    from segd.core.deciding.actor import UserActor
    from segd.core.deciding.triggers.base import Candidate, Trigger


class Timer(Struct, eq=False):
    """A handle on one pending instant. actor is None once it has fired or was cancelled, which also ends the cycle
    between a user and its timers. zone: of a date, read when its event came. candidate: it has happened already, and
    only its filter waits for the instant to be over."""

    due: Instant
    actor: "UserActor | None"
    trigger: "Trigger"
    cause: Digest
    key: Any
    zone: tzinfo | None
    candidate: "Candidate | None"


def _is_in_order(one: Timer, other: Timer) -> bool:
    # The common cases of comparing `firing_order`, without making it.
    if one.due != other.due:
        return one.due < other.due
    if one.cause is other.cause:
        return one.trigger.rank <= other.trigger.rank
    return firing_order(one) <= firing_order(other)


Lane = deque[Timer]
Entry = tuple[Instant, int, Instant, int, int, Timer, Lane | None]  # in firing order; the fifth settles ties


def firing_order(timer: Timer) -> tuple[Instant, int, Instant, int]:
    return timer.due, timer.trigger.rank, timer.cause.timestamp, timer.cause.sequence


class Timers:
    """All pending timers of a population, or of one user that is folded again. heap: entries by due instant, among them
    some that were cancelled; read its head to see whether anything may be due.

    What is due some length after its cause nearly always comes in order: it stands in a lane for that length, of which
    only the first is in the heap.
    """

    __slots__ = ("_cancelled", "_count", "_lanes", "_size", "heap")

    def __init__(self) -> None:
        self.heap: list[Entry] = []
        self._lanes: dict[int, Lane] = {}
        self._count = 0  # of entries, so that handles are never compared
        self._size = 0  # with those that were cancelled
        self._cancelled = 0

    def set(
        self,
        due: Instant,
        actor: "UserActor",
        trigger: "Trigger",
        cause: Digest,
        key: Any = None,
        zone: tzinfo | None = None,
        candidate: "Candidate | None" = None,
    ) -> Timer:
        timer = Timer(due, actor, trigger, cause, key, zone, candidate)
        self._size += 1
        self._push(timer)
        return timer

    def set_after(self, length: int, actor: "UserActor", trigger: "Trigger", cause: Digest, key: Any) -> Timer:
        """length: microseconds after the cause."""
        due = cause.timestamp + length
        timer = Timer(due, actor, trigger, cause, key, None, None)
        self._size += 1
        lane = self._lanes.get(length)
        if lane is None:
            lane = self._lanes[length] = deque()
        if not lane:
            lane.append(timer)
            self._push(timer, lane)
        elif _is_in_order(lane[-1], timer):
            lane.append(timer)
        else:
            self._push(timer)
        return timer

    def _push(self, timer: Timer, lane: "Lane | None" = None) -> None:
        heappush(self.heap, self._entry(timer, lane))

    def _entry(self, timer: Timer, lane: "Lane | None") -> "Entry":
        self._count += 1
        cause = timer.cause  # its `firing_order`, without making that first
        return timer.due, timer.trigger.rank, cause.timestamp, cause.sequence, self._count, timer, lane

    def adopt(self, others: "Timers") -> None:
        """Take over all that is pending in others."""
        for timer in others.pending():
            self._size += 1
            self._push(timer)

    def cancel(self, timer: Timer) -> None:
        """timer: pending here; one that fired or was cancelled already is left alone."""
        if timer.actor is None:
            return
        timer.actor = None
        self._cancelled += 1
        if self._cancelled > 1000 and self._cancelled * 2 > self._size:
            self._sweep()

    def _sweep(self) -> None:
        """Forget those that were cancelled."""
        self.heap = [entry for entry in self.heap if entry[-1] is None and entry[-2].actor is not None]
        heapify(self.heap)
        for length, lane in list(self._lanes.items()):
            left = self._lanes[length] = deque(timer for timer in lane if timer.actor is not None)
            if left:
                self._push(left[0], left)
            else:
                del self._lanes[length]
        self._size -= self._cancelled
        self._cancelled = 0

    def pop(self, before: Instant) -> "tuple[Timer, UserActor] | None":
        """The earliest timer due before that instant, and whose it is; None when there is none."""
        heap = self.heap
        while heap and heap[0][0] < before:
            first = heap[0]
            timer, lane = first[5], first[6]
            if lane is None:
                heappop(heap)
            else:
                lane.popleft()
                if lane:
                    heapreplace(heap, self._entry(lane[0], lane))
                else:
                    heappop(heap)
            self._size -= 1
            actor = timer.actor
            if actor is not None:
                timer.actor = None
                return timer, actor
            self._cancelled -= 1
        return None

    def pending(self) -> Iterator[Timer]:
        alone = (entry[-2] for entry in self.heap if entry[-1] is None)
        return (timer for timer in chain(alone, *self._lanes.values()) if timer.actor is not None)

    def __len__(self) -> int:
        return self._size - self._cancelled
