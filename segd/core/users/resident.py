"""A user whose state is at hand: the log, what follows from it, and what the store has of that."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from segd.core.deciding.actor import FOREVER
from segd.core.deciding.plan import Plan
from segd.core.deciding.timers import Timer
from segd.core.effects import Standing, Waiting
from segd.core.time.instants import Instant
from segd.core.users.folding import Log
from segd.core.users.qualifying import User
from segd.core.users.resuming import settle_history
from segd.core.users.rows import OwnTimers, Rows


class Found(NamedTuple):
    """What makes a qualification of a user the same."""

    segment: int
    at: Instant
    cause: int


def found(standing: Standing) -> Found:
    return Found(standing.segment, standing.at, standing.cause)


class Resident:
    """timers: all that is still to come. record: what the store has that is not retracted, and what is about to be
    there, as far as it may change or is asked about. held: decided, and not to be told before its time; in order of
    their instants. rows: the user's timers, and what is held, as the store has them, or is about to. outdated_from:
    from then on, what is decided does not yet follow from the log. size, open: its weight and its timers as the whole
    last counted them."""

    __slots__ = (
        "held", "log", "number", "open", "outdated_from", "record", "rows", "size", "timers", "user",
    )  # fmt: skip

    def __init__(self, plan: Plan, number: int, log: Log, user: User, stored: Iterable[Waiting] = ()) -> None:
        self.number = number
        self.log = log
        self.outdated_from: Instant = FOREVER
        self.size = 0
        self.open = 0
        self.record: dict[Found, Standing] = {}
        self.held: dict[Found, Standing] = {}
        self.rows = Rows(stored)
        self.timers = OwnTimers(plan, self.rows)
        self.user = user

    def go_on_as(self, user: User, pending: Sequence[Timer]) -> None:
        """What follows from the log is this; nothing is held."""
        self.user = user
        self.held.clear()
        self.timers.replace(pending)
        self.outdated_from = FOREVER

    def hold(self, standing: Standing) -> None:
        self.held[found(standing)] = standing
        self.rows.add(_row_of_held(standing))

    def let_out(self, key: Found) -> Standing | None:
        """What is to be held no longer; None where it is not."""
        standing = self.held.pop(key, None)
        if standing is not None:
            self.rows.remove(_row_of_held(standing))
        return standing

    def is_next(self, at: Instant) -> bool:
        """Whether an event that is stamped so comes in order, after all that happened."""
        return at > max(self.log.end(), self.user.fired_at)

    def undecided_from(self) -> Instant:
        """When the first of what is pending or held is dated."""
        first = next(iter(self.held), None)
        return min(self.timers.next_due(), FOREVER if first is None else first.at)

    def settle(self, plan: Plan, names: Mapping[int, str], before: Instant) -> None:
        """Nothing before that instant changes any more: keep only what is needed for what comes. names: of segments."""
        base = self.log.settle(plan, before)
        settle_history(self.user.history, before)
        for key in [key for key in self.record if key.at < before]:
            del self.record[key]
            name = names.get(key.segment)
            if name in plan.remembered:
                base.remember(name, key.at)


def _row_of_held(standing: Standing) -> Waiting:
    return Waiting(standing.segment, standing.version, standing.cause, standing.at, standing.at)
