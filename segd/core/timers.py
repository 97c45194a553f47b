"""Timers: a heap of due instants with handles that can be cancelled.

Cancelling marks the handle and leaves its entry, for a heap cannot give up one from its middle; when more than half are
such, the heap is built anew. Timers due at the same instant come in order of their segments' rank (a segment after
those its filter names), then of the events that opened them.
"""

from collections.abc import Iterator
from datetime import tzinfo
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from segd.core.digest import Digest
from segd.core.instants import Instant

if TYPE_CHECKING:
    from segd.core.actor import UserActor
    from segd.core.triggers.base import Candidate, Trigger


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


def firing_order(timer: Timer) -> tuple[Instant, int, Instant, int]:
    return timer.due, timer.trigger.rank, timer.cause.timestamp, timer.cause.sequence


class Timers:
    """All pending timers of a population, or of one user that is folded again. heap: entries by due instant, among them
    some that were cancelled; read its head to see whether anything may be due."""

    __slots__ = ("_cancelled", "_count", "heap")

    def __init__(self) -> None:
        self.heap: list[tuple[Instant, int, Instant, int, int, Timer]] = []
        self._count = 0  # settles ties, so that handles are never compared
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
        self._count += 1
        heappush(self.heap, (due, trigger.rank, cause.timestamp, cause.sequence, self._count, timer))
        return timer

    def adopt(self, others: "Timers") -> None:
        """Take over all that is pending in others."""
        for timer in others.pending():
            self._count += 1
            cause = timer.cause
            entry = (timer.due, timer.trigger.rank, cause.timestamp, cause.sequence, self._count, timer)
            heappush(self.heap, entry)

    def cancel(self, timer: Timer) -> None:
        """timer: pending here; one that fired or was cancelled already is left alone."""
        if timer.actor is None:
            return
        timer.actor = None
        self._cancelled += 1
        if self._cancelled > 1000 and self._cancelled * 2 > len(self.heap):
            self.heap = [entry for entry in self.heap if entry[-1].actor is not None]
            heapify(self.heap)
            self._cancelled = 0

    def pop(self, before: Instant) -> "tuple[Timer, UserActor] | None":
        """The earliest timer due before that instant, and whose it is; None when there is none."""
        heap = self.heap
        while heap and heap[0][0] < before:
            timer = heappop(heap)[-1]
            actor = timer.actor
            if actor is not None:
                timer.actor = None
                return timer, actor
            self._cancelled -= 1
        return None

    def pending(self) -> Iterator[Timer]:
        return (entry[-1] for entry in self.heap if entry[-1].actor is not None)

    def __len__(self) -> int:
        return len(self.heap) - self._cancelled
