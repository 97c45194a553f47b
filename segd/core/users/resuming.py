"""What a user was at an instant, for a log to go on from: what lies before need not be kept.

A base is folded like any user, but decides nothing, for what happened before it is settled; it remembers of that only
what filters and `again` may still ask. Folding what came since goes on from a copy of it, and again from another.
"""

from bisect import bisect_left, insort
from collections.abc import Mapping
from copy import copy
from typing import Any, cast

from segd.core.deciding.past import History
from segd.core.deciding.plan import Plan
from segd.core.deciding.timers import Timer, firing_order
from segd.core.deciding.triggers.pages import Session
from segd.core.time.instants import Instant
from segd.core.users.population import Device, Population
from segd.core.users.qualifying import User

WEIGHT = 16  # what a base takes besides: about as much as so many events


class Base:
    """What a user was just before `at`: all that stands earlier has been taken, and all that was due earlier is over.

    population, user: what they were, in one that has taken all joins.
    """

    __slots__ = ("_pending", "at", "user")

    def __init__(self, population: Population, user: User, at: Instant) -> None:
        population.advance(at)
        self._pending = sorted(population.timers.pending(), key=firing_order)
        self.user = user
        self.at = at
        settle_history(user.history, at)

    def __len__(self) -> int:
        """What it takes to keep, as a number of events."""
        return WEIGHT + len(self._pending) + sum(map(len, self.user.history.kept.values()))

    def remember(self, segment: str, at: Instant) -> None:
        """A qualification before the instant that it is of."""
        insort(self.user.history.qualified.setdefault(segment, []), at)

    def resumed(self, plan: Plan, settled_before: Instant) -> tuple[Population, User]:
        """A population that goes on from here, and the user in it. settled_before: as populations take it."""
        fresh = Population(plan, keeps_logs=False, settled_before=settled_before)
        user = self.user
        twin = User(user.id, user.anonymous)
        twin.at, twin.undone, twin.zone, twin.zone_at = user.at, user.undone.copy(), user.zone, user.zone_at
        twin.touched_at, twin.fired_at = user.touched_at, user.fired_at
        twin.history = _copy_of_history(user.history)
        timers = {
            id(timer): fresh.timers.set(timer.due, twin, timer.trigger, timer.cause, timer.key, timer.zone)
            for timer in self._pending
        }
        twin.states = {index: _copy_of_state(state, timers) for index, state in user.states.items() if state}
        if user.anonymous:
            fresh.devices[user.id] = Device(twin, joined=False)
        else:
            fresh.users[user.id] = twin
        return fresh, twin


def settle_history(history: History, before: Instant) -> None:
    """Leave out what no filter can find that is asked at `before` or later: all but the first time and the last that a
    user was seen until then, and values of traits that were no longer true."""
    seen = bisect_left(history.seen, (before,))
    del history.seen[1 : max(1, seen - 1)]
    for writes in history.writes.values():
        del writes[: max(0, bisect_left(writes, (before,)) - 1)]


def _copy_of_history(history: History) -> History:
    twin = History()
    twin.seen = history.seen.copy()
    twin.kept = {bit: kept.copy() for bit, kept in history.kept.items()}
    twin.writes = {name: writes.copy() for name, writes in history.writes.items()}
    twin.qualified = {segment: instants.copy() for segment, instants in history.qualified.items()}
    return twin


def _copy_of_state(state: Any, timers: Mapping[int, Timer]) -> Any:
    """Of what a trigger has of a user, whichever trigger. timers: the copies, by id of the original."""
    if isinstance(state, Timer):
        return timers[id(state)]
    if isinstance(state, Session):
        return copy(state)
    if isinstance(state, dict):
        return {key: _copy_of_state(value, timers) for key, value in cast(dict[Any, Any], state).items()}
    if isinstance(state, list):
        return [_copy_of_state(value, timers) for value in cast(list[Any], state)]
    return state  # a number
