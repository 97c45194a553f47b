"""Events in order of arrival: the late band, folding again, and what becomes of what was already told.

The clock is the latest timestamp so far. An event inside the late band counts as though it had come in order: its
user's events go once more, in order, through a population of their own, and the outcome is compared with the record.
What is new qualifies, what is gone is retracted, and where one merely took the place of another it is one correction.
As the outcome is a function of the events, doing it twice does nothing.

An older event takes its place at the clock: it is stored under its timestamp for filters to come, starts nothing, and
closes what is open.

Identity is part of what a late event may change, so what is folded again is a family: all ids that any message ever
named together.
"""

import bisect
from typing import NamedTuple

from segd.core.deciding.actor import FOREVER
from segd.core.deciding.plan import Plan
from segd.core.events.messages import Event
from segd.core.time.instants import HOUR, Instant
from segd.core.users.population import Entry, Population
from segd.core.users.qualifying import Qualification

LATE_BAND = 2 * HOUR  # where nothing else is said


class Retraction(NamedTuple):
    """A qualification that is taken back."""

    of: Qualification


class Correction(NamedTuple):
    """A qualification that took the place of an earlier one: nobody is told twice."""

    of: Qualification
    to: Qualification


Effect = Qualification | Retraction | Correction
Key = tuple[str, str]  # kind of id, id


class Family:
    """All that is known of ids that were ever named together. record: what qualified and was not retracted. stale: to
    be folded again, and taking nothing until then."""

    __slots__ = ("entries", "keys", "record", "stale")

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.stale = False
        self.entries: list[Entry] = []
        self.record: list[Qualification] = []


class ArrivalOrder:
    """Takes events as they arrive and keeps the record right.

    late_band: microseconds. effects: what happened since the caller last emptied it. tells: without, there are none,
    and whoever has late events is folded again but once, in the end, which is all that the outcome needs.
    """

    def __init__(self, plan: Plan, late_band: int, tells: bool = True) -> None:
        self.tells = tells
        self.plan = plan
        self.late_band = late_band
        self.clock: Instant = -FOREVER
        self.effects: list[Effect] = []
        self.population = Population(plan)
        self._families: dict[Key, Family] = {}

    def take(self, event: Event, sequence: int) -> None:
        """sequence: its order of arrival, above that of all before."""
        digest = self.plan.digest(event, sequence)
        at = event.timestamp
        if at < self.clock - self.late_band:
            at = self.clock
            if digest is not None:
                digest.taken_at = at
        family = self._family(event)
        entry = Entry(at, sequence, event.user_id, event.anonymous_id, event.previous_id, digest)
        bisect.insort(family.entries, entry, key=_place)
        if family.stale:
            self.clock = max(self.clock, at)
        elif at >= self.clock:
            self.clock = at
            self.population.replay([entry])
            self._collect()
        elif family.entries[-1] is entry and self._touched_at(family) < at:
            # Nothing happened to them then or since: for them it comes in order.
            self.population.replay([entry])
            self.population.advance(self.clock)
            self._collect()
        elif self.tells:
            self._fold_again(family, self.clock)
        else:
            family.stale = True

    def finish(self, until: Instant) -> None:
        """Fire what is due at or before `until`."""
        self.population.finish(until)
        self._collect()
        for family in {id(family): family for family in self._families.values() if family.stale}.values():
            self._fold_again(family, until + 1)

    def standing(self) -> list[Qualification]:
        """All that qualified and was not retracted."""
        families = {id(family): family for family in self._families.values()}
        return [qualification for family in families.values() for qualification in family.record]

    def _collect(self) -> None:
        for qualification in self.population.qualified:
            self._families[_key(qualification)].record.append(qualification)
            if self.tells:
                self.effects.append(qualification)
        self.population.qualified.clear()

    def _family(self, event: Event) -> Family:
        """The family of an event's ids, which it may make one of several."""
        keys: list[Key] = []
        if event.user_id is not None:
            keys.append(("user", event.user_id))
        if event.anonymous_id is not None:
            keys.append(("anonymous", event.anonymous_id))
        if event.previous_id is not None:  # which kind it means may depend on the order: both belong
            keys += [("user", event.previous_id), ("anonymous", event.previous_id)]
        found = {id(family): family for key in keys if (family := self._families.get(key)) is not None}
        family, *others = found.values() or (Family(),)
        for other in others:
            family.entries = sorted(family.entries + other.entries, key=_place)
            family.record += other.record
            family.stale |= other.stale
            keys += other.keys
        for key in keys:
            if self._families.get(key) is not family:
                self._families[key] = family
                family.keys.append(key)
        return family

    def _touched_at(self, family: Family) -> Instant:
        """When anything last happened to one of the family."""
        latest = -FOREVER
        for kind, id in family.keys:
            if kind == "user":
                user = self.population.users.get(id)
            else:
                device = self.population.devices.get(id)
                user = device.user if device is not None else None
            if user is not None:
                latest = max(latest, user.survivor().touched_at)
        return latest

    def _fold_again(self, family: Family, before: Instant) -> None:
        """Put right what happened to a family before that instant."""
        fresh = Population(self.plan)
        fresh.replay(family.entries)
        fresh.advance(before)
        self.population.replace(fresh)
        old, now = set(family.record), set(fresh.qualified)
        family.record = fresh.qualified
        if not self.tells:
            return
        for segment in sorted({qualification.segment for qualification in old ^ now}):
            gone = sorted((q for q in old - now if q.segment == segment), key=_when)
            new = sorted((q for q in now - old if q.segment == segment), key=_when)
            moved = min(len(gone), len(new))
            self.effects += map(Correction, gone[:moved], new[:moved])
            self.effects += map(Retraction, gone[moved:])
            self.effects += new[moved:]


def _key(qualification: Qualification) -> Key:
    return ("anonymous" if qualification.anonymous else "user", qualification.user)


def _place(entry: Entry) -> tuple[Instant, int]:
    return entry.taken_at, entry.sequence


def _when(qualification: Qualification) -> tuple[Instant, str]:
    return qualification.at, qualification.cause
