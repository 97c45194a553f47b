"""On a date or time: a date in a property of an event, or in a trait, moved by an offset, comes.

A user's state is {key: timer}. With `key` the key is that combination of values, so that a later event with the same
values takes the place of the earlier; without it each event stands for itself, by its arrival; a trait has one key.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import time, tzinfo
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from segd.core.deciding.digest import Digest
from segd.core.deciding.timers import Timer, Timers
from segd.core.deciding.triggers.base import Candidate, Trigger, What, combination
from segd.core.time.calendar import due_instant, next_anniversary, read_date_value
from segd.core.time.instants import Instant
from segd.core.time.offsets import Offset

if TYPE_CHECKING:
    from segd.core.deciding.actor import UserActor

State = dict[Any, Timer]
TRAIT_KEY = "trait"


class DateTrigger(Trigger):
    """What dates of events and of traits share. zone: None stands for the user's own, else the account's."""

    __slots__ = ("account_zone", "at", "key", "offset", "unless", "zone")

    def __init__(
        self,
        offset: Offset,
        at: time | None,
        zone: tzinfo | None,
        account_zone: tzinfo,
        key: int | None,
        unless: int,
    ) -> None:
        super().__init__()
        self.offset = offset
        self.at = at
        self.zone = zone
        self.account_zone = account_zone
        self.key = key  # slot of the combination of values, or None
        self.unless = unless  # bits of selectors, 0 for none

    def _zone(self, actor: "UserActor") -> tzinfo:
        return self.zone or actor.zone or self.account_zone

    def _arm(
        self, actor: "UserActor", digest: Digest, key: Any, due: Instant | None, timers: Timers, zone: tzinfo
    ) -> None:
        if due is None or due < digest.timestamp:
            actor.note(self, "no date" if due is None else "past", digest.timestamp, digest, digest, due)
            return
        state: State = actor.states.setdefault(self.index, {})
        state[key] = timers.set(due, actor, self, digest, key, zone)
        actor.note(self, "armed", digest.timestamp, digest, digest, due)

    def _drop(self, actor: "UserActor", digest: Digest, key: Any, what: What, timers: Timers) -> None:
        state: State | None = actor.states.get(self.index)
        timer = state.pop(key, None) if state else None
        if timer is not None:
            timers.cancel(timer)
            actor.note(self, what, digest.timestamp, digest, timer.cause, timer.due)

    def _cancel(self, actor: "UserActor", digest: Digest, timers: Timers) -> None:
        """`unless` happened: what is pending with the same values goes, all of it without `key`. What was armed by an
        event stamped later stays, which only an event older than the late band can meet."""
        state: State | None = actor.states.get(self.index)
        if not state:
            return

        def is_armed_by_then(timer: Timer) -> bool:
            return timer.cause.timestamp <= digest.timestamp

        if self.key is None:  # they stand in order
            keys = [timer.key for timer in takewhile(is_armed_by_then, state.values())]
        else:
            timer = state.get(combination(digest, self.key))
            keys = [] if timer is None or not is_armed_by_then(timer) else [timer.key]
        for key in keys:
            self._drop(actor, digest, key, "cancelled", timers)

    def close(self, actor: "UserActor", digest: Digest, timers: Timers) -> None:
        if digest.mask & self.unless:
            self._cancel(actor, digest, timers)

    def fire(self, actor: "UserActor", timer: Timer, timers: Timers) -> None:
        del actor.states[self.index][timer.key]
        actor.note(self, "came due", timer.due, None, timer.cause, timer.due)

    def pending(self, state: State) -> Iterator[Timer]:
        return iter(state.values())


class EventDateTrigger(DateTrigger):
    """event: bit of its selector. value: slot of the property that holds the date."""

    __slots__ = ("event", "value")

    def __init__(
        self,
        event: int,
        value: int,
        offset: Offset,
        at: time | None,
        zone: tzinfo | None,
        account_zone: tzinfo,
        key: int | None,
        unless: int,
    ) -> None:
        super().__init__(offset, at, zone, account_zone, key, unless)
        self.event = event
        self.value = value

    def step(self, actor: "UserActor", digest: Digest, timers: Timers, out: list[Candidate]) -> None:
        if digest.mask & self.unless:
            self._cancel(actor, digest, timers)
        if not digest.mask & self.event:
            return
        key = digest.sequence if self.key is None else combination(digest, self.key)
        self._drop(actor, digest, key, "superseded", timers)
        zone = self._zone(actor)
        value = read_date_value((digest.values or {}).get(self.value), zone)
        due = None if value is None else due_instant(value, self.offset, self.at, zone)
        self._arm(actor, digest, key, due, timers, zone)


class TraitDateTrigger(DateTrigger):
    """trait: the top-level name. value: reads the date out of the traits written."""

    __slots__ = ("trait", "value", "yearly")

    def __init__(
        self,
        trait: str,
        value: Callable[[Mapping[str, Any]], Any],
        yearly: bool,
        offset: Offset,
        at: time | None,
        zone: tzinfo | None,
        account_zone: tzinfo,
        unless: int,
    ) -> None:
        super().__init__(offset, at, zone, account_zone, None, unless)
        self.trait = trait
        self.value = value
        self.yearly = yearly

    def step(self, actor: "UserActor", digest: Digest, timers: Timers, out: list[Candidate]) -> None:
        if digest.mask & self.unless:
            self._cancel(actor, digest, timers)
        if digest.traits is None or self.trait not in digest.traits:
            return
        self._drop(actor, digest, TRAIT_KEY, "superseded", timers)
        zone = self._zone(actor)
        self._arm(actor, digest, TRAIT_KEY, self._due(digest, zone, digest.timestamp), timers, zone)

    def fire(self, actor: "UserActor", timer: Timer, timers: Timers) -> None:
        super().fire(actor, timer, timers)
        if self.yearly:
            state: State = actor.states[self.index]
            due = self._due(timer.cause, timer.zone or self.account_zone, timer.due + 1)
            if due is not None:
                state[TRAIT_KEY] = timers.set(due, actor, self, timer.cause, TRAIT_KEY, timer.zone)

    def _due(self, digest: Digest, zone: tzinfo, not_before: Instant) -> Instant | None:
        value = read_date_value(self.value(digest.traits or {}), zone)
        if value is None:
            return None
        if self.yearly:
            return next_anniversary(value, self.offset, self.at, zone, not_before)
        return due_instant(value, self.offset, self.at, zone)
