"""A user's rows of timers: whom to wake when, and for what. They follow the timers as those are set and end, so that
an event costs what it changed, however many windows are open."""

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop
from typing import Any, NamedTuple

from segd.core.deciding.actor import FOREVER, UserActor
from segd.core.deciding.digest import Digest
from segd.core.deciding.plan import Plan
from segd.core.deciding.timers import Lane, Timer, Timers
from segd.core.deciding.triggers.base import Trigger
from segd.core.effects import Waiting
from segd.core.time.instants import Instant


class Cause(NamedTuple):
    """sequence: of the event that opened the window or matched."""

    segment: int
    sequence: int


class Rows:
    """What the store has of a user's timers, or is about to: of several with the same cause the earliest."""

    __slots__ = ("_changed", "_hidden", "_rows")

    def __init__(self, stored: Iterable[Waiting]) -> None:
        self._rows: dict[Cause, Waiting] = {_cause(row): row for row in stored}
        self._hidden: dict[Cause, list[Waiting]] = {}  # by the earlier ones with the same cause
        self._changed: dict[Cause, Waiting | None] = {}  # since `take_changes`, with what was there then

    def __len__(self) -> int:
        return len(self._rows)

    def earliest(self) -> Instant | None:
        """When the user is to be woken."""
        return min((row.due for row in self._rows.values()), default=None)

    def add(self, row: Waiting) -> None:
        cause = _cause(row)
        self._changed.setdefault(cause, self._rows.get(cause))
        self._put(cause, row)

    def remove(self, row: Waiting) -> None:
        """row: one that was added."""
        cause = _cause(row)
        there = self._rows.pop(cause)
        self._changed.setdefault(cause, there)
        if cause in self._hidden:
            left = [there, *self._hidden.pop(cause)]
            left.remove(row)
            for one in left:
                self._put(cause, one)

    def replace(self, rows: Iterable[Waiting]) -> None:
        """Let these be all there are."""
        before = self._rows
        self._rows = {}
        self._hidden = {}
        for row in rows:
            self._put(_cause(row), row)
        for cause, row in self._rows.items():
            was = before.pop(cause, None)
            if was != row:
                self._changed.setdefault(cause, was)
        for cause, was in before.items():
            self._changed.setdefault(cause, was)

    def take_changes(self) -> list[tuple[Cause, Waiting | None, Waiting | None]]:
        """What was there when this was asked last, and what is there now, where the two differ."""
        rows = self._rows
        changes = [(cause, was, now) for cause, was in self._changed.items() if was != (now := rows.get(cause))]
        self._changed.clear()
        return changes

    def _put(self, cause: Cause, row: Waiting) -> None:
        there = self._rows.setdefault(cause, row)
        if there is not row:
            self._rows[cause], later = sorted((there, row), key=lambda one: (one.due, one))
            self._hidden.setdefault(cause, []).append(later)


class OwnTimers(Timers):
    """The timers of one user, followed by the rows. None stand in lanes, which pay only where there are many users."""

    __slots__ = ("_plan", "_rows")

    def __init__(self, plan: Plan, rows: Rows) -> None:
        super().__init__()
        self._plan = plan
        self._rows = rows

    def replace(self, pending: Sequence[Timer]) -> None:
        """Let these be all there are."""
        self.heap = [self._entry(timer, None) for timer in pending]
        heapify(self.heap)
        self._size = len(self.heap)
        self._cancelled = 0
        self._rows.replace(row for timer in pending if (row := _row_of(self._plan, timer)) is not None)

    def next_due(self) -> Instant:
        """FOREVER where nothing is pending."""
        heap = self.heap
        while heap and heap[0][5].actor is None:
            heappop(heap)
            self._size -= 1
            self._cancelled -= 1
        return heap[0][0] if heap else FOREVER

    def set_after(self, length: int, actor: UserActor, trigger: Trigger, cause: Digest, key: Any) -> Timer:
        return self.set(cause.timestamp + length, actor, trigger, cause, key)

    def cancel(self, timer: Timer) -> None:
        if timer.actor is not None:
            if (row := _row_of(self._plan, timer)) is not None:
                self._rows.remove(row)
            super().cancel(timer)

    def pop(self, before: Instant) -> tuple[Timer, UserActor] | None:
        popped = super().pop(before)
        if popped is not None and (row := _row_of(self._plan, popped[0])) is not None:
            self._rows.remove(row)
        return popped

    def _push(self, timer: Timer, lane: Lane | None = None) -> None:
        super()._push(timer, lane)
        if (row := _row_of(self._plan, timer)) is not None:
            self._rows.add(row)


def _cause(row: Waiting) -> Cause:
    return Cause(row.segment, row.cause)


def _row_of(plan: Plan, timer: Timer) -> Waiting | None:
    """None where its segment's run is over by then."""
    run = plan.live[timer.trigger.index].run
    assert run is not None
    if run.counts_to is not None and timer.due >= run.counts_to:
        return None
    return Waiting(run.segment, run.version, timer.cause.sequence, timer.cause.timestamp, timer.due)
