"""A user whose state is at hand: the log, what follows from it, and what the store has of that."""

from collections.abc import Mapping
from typing import NamedTuple

from segd.core.deciding.actor import FOREVER
from segd.core.deciding.plan import Plan
from segd.core.effects import Standing, Waiting
from segd.core.time.instants import Instant
from segd.core.users.folding import Log
from segd.core.users.population import User
from segd.core.users.resuming import settle_history


class Cause(NamedTuple):
    """sequence: of the event that opened the window or matched."""

    segment: int
    sequence: int


class Found(NamedTuple):
    """What makes a qualification of a user the same."""

    segment: int
    at: Instant
    cause: int


def found(standing: Standing) -> Found:
    return Found(standing.segment, standing.at, standing.cause)


class Resident:
    """record: what the store has that is not retracted, and what is about to be there, as far as it may change or is
    asked about. held: decided, and not to be told before its time. rows: the user's timers as the store has them, or is
    about to. size: as the whole last counted it."""

    __slots__ = ("held", "log", "number", "record", "rows", "size", "user")

    def __init__(self, number: int, log: Log, user: User) -> None:
        self.number = number
        self.log = log
        self.user = user
        self.size = 0
        self.record: dict[Found, Standing] = {}
        self.held: dict[Found, Standing] = {}
        self.rows: dict[Cause, Waiting] = {}

    def is_next(self, at: Instant) -> bool:
        """Whether an event that is stamped so comes in order, after all that happened."""
        return at > max(self.log.end(), self.user.fired_at)

    def undecided_from(self, plan: Plan) -> Instant:
        """When the first of what is pending or held is dated."""
        pending = (timer.due for timer in self.user.timers(plan))
        return min(*pending, *(one.at for one in self.held.values()), FOREVER, FOREVER)

    def rows_wanted(self, plan: Plan) -> dict[Cause, Waiting]:
        """What to wake the user for: of several with the same cause the earliest."""
        wanted: dict[Cause, Waiting] = {}
        for timer in self.user.timers(plan):
            run = plan.live[timer.trigger.index].run
            assert run is not None
            if run.counts_to is None or timer.due < run.counts_to:
                _add(wanted, Waiting(run.segment, run.version, timer.cause.sequence, timer.cause.timestamp, timer.due))
        for one in self.held.values():
            _add(wanted, Waiting(one.segment, one.version, one.cause, one.at, one.at))
        return wanted

    def settle(self, plan: Plan, names: Mapping[int, str], before: Instant) -> None:
        """Nothing before that instant changes any more: keep only what is needed for what comes. names: of segments."""
        base = self.log.settle(plan, before)
        settle_history(self.user.history, before)
        for key in [key for key in self.record if key.at < before]:
            del self.record[key]
            name = names.get(key.segment)
            if name in plan.remembered:
                base.remember(name, key.at)


def _add(wanted: dict[Cause, Waiting], waiting: Waiting) -> None:
    key = Cause(waiting.segment, waiting.cause)
    other = wanted.get(key)
    if other is None or waiting.due < other.due:
        wanted[key] = waiting
