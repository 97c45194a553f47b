"""Definitions compiled: their triggers and conditions, and what these need to know of events.

What a condition is, is told in `past`; what a trigger is, in `triggers`. Here is which of them a definition means.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import time, tzinfo
from typing import Any

from msgspec import UNSET, UnsetType

from segd.core.deciding import past
from segd.core.deciding.dependence import canonical
from segd.core.deciding.questions import Predicate, Properties, Questions, Reader
from segd.core.deciding.triggers.action import ActionTrigger
from segd.core.deciding.triggers.base import Trigger
from segd.core.deciding.triggers.date import EventDateTrigger, TraitDateTrigger
from segd.core.deciding.triggers.inaction import InactionTrigger
from segd.core.deciding.triggers.pages import AllPagesTrigger, RecentPagesTrigger, SessionPagesTrigger
from segd.core.errors import DefinitionError, Problem
from segd.core.events.sites import from_another_site
from segd.core.language import definitions as d
from segd.core.language.conditions import (
    comparable,
    compile_number,
    compile_test,
    compile_tests,
    is_number,
    lookup,
    lookup_all,
)
from segd.core.time.calendar import days_ago, iso_instant, zone
from segd.core.time.instants import Instant
from segd.core.time.lengths import parse_length
from segd.core.time.offsets import parse_offset

PAGE = "$page"


class Known:
    """The segments that others may name so far. ranks: of all. past: of past ones, what makes a member. aliases: other
    names for them."""

    def __init__(self, aliases: Mapping[str, str]) -> None:
        self.aliases = aliases
        self.ranks: dict[str, int] = {}
        self.past: dict[str, past.Node] = {}

    def name(self, named: str) -> str:
        """The name of a segment that a condition names."""
        return canonical(named, self.ranks, self.aliases)


class Scope:
    """Compiles one definition. rank: above that of every live segment it names so far. bits: of all its selectors."""

    def __init__(self, questions: Questions, known: Known, account_zone: tzinfo, definition: d.Definition) -> None:
        self._questions = questions
        self._known = known
        self._definition = definition
        self._account_zone = account_zone
        self._zone = account_zone if isinstance(definition.zone, UnsetType) else zone(definition.zone)
        self.rank = 0
        self.bits = 0

    # Selectors

    def _selector(self, event: str, where: Sequence[d.Test], referrer: bool = False) -> int:
        tests = compile_tests(where, self._zone)
        predicate = _and_from_another_site(tests) if referrer else tests
        tested = tuple((test.property, test.op, _frozen(test.value)) for test in where)
        key = (event, tested, self._zone if tests is not None else None, referrer)
        bit = self._questions.bit(event, key, predicate)
        self.bits |= bit
        return bit

    def _any_of(self, given: d.Selectors | UnsetType) -> tuple[int, list[str]]:
        """The bits and event names of a selector, or of a list of them."""
        chosen = () if isinstance(given, UnsetType) else d.selectors(given)
        bits = 0
        for selector in chosen:
            bits |= self._selector(selector.event, selector.where)
        return bits, [selector.event for selector in chosen]

    def _combination(self, paths: Sequence[str], events: Sequence[str], bits: int) -> int | None:
        """The slot of a combination of values, for `same` and `key`."""
        if not paths:
            return None
        lookups = [lookup(path) for path in paths]

        def reader(properties: Properties) -> tuple[Any, ...]:
            return tuple(comparable(find(properties)) for find in lookups)

        return self._questions.slot(("combination", tuple(paths)), events, bits, reader)

    # Triggers

    def trigger(self, on: d.Trigger) -> Trigger:
        match on:
            case d.Action():
                return ActionTrigger(self._any_of(on.did)[0])
            case d.PageVisit():
                return ActionTrigger(self._selector(PAGE, on.where))
            case d.Referrer():
                return ActionTrigger(self._selector(PAGE, on.where, referrer=True))
            case d.Inaction():
                did, names = self._any_of(on.did)
                did_not, other_names = self._any_of(on.did_not)
                same = self._combination(on.same, names + other_names, did | did_not)
                return InactionTrigger(did, did_not, parse_length(on.within), same, on.repeat)
            case d.PageCount():
                return self._page_count(on)
            case d.Date():
                return self._date(on)

    def _page_count(self, on: d.PageCount) -> Trigger:
        page = self._selector(PAGE, on.where)
        if on.per == "session":
            self._questions.hears_all = True
            idle = d.DEFAULT_IDLE if isinstance(on.idle, UnsetType) else on.idle
            return SessionPagesTrigger(page, on.at_least, parse_length(idle))
        if on.per == "ever":
            return AllPagesTrigger(page, on.at_least)
        return RecentPagesTrigger(page, on.at_least, parse_length(on.per))

    def _date(self, on: d.Date) -> Trigger:
        offset = parse_offset(on.offset)
        at = None if isinstance(on.at, UnsetType) else time.fromisoformat(on.at)
        own: tzinfo | None = self._zone
        if not isinstance(on.zone, UnsetType):
            own = None if on.zone == "user" else zone(on.zone)
        if own is None:
            self._questions.traits.add("timezone")
        else:
            self._zone = own  # of the dates in its tests, too
        unless, unless_names = self._any_of(on.unless)
        if not isinstance(on.profile, UnsetType):
            trait = on.profile.split(".")[0]
            self._questions.traits.add(trait)
            value = lookup(on.profile)
            return TraitDateTrigger(trait, value, on.yearly, offset, at, own, self._account_zone, unless)
        assert isinstance(on.event, str)
        assert isinstance(on.property, str)
        event = self._selector(on.event, on.where)
        value = self._questions.slot(("value", on.property), [on.event], event, lookup(on.property))
        key = self._combination(on.key, [on.event, *unless_names], event | unless)
        return EventDateTrigger(event, value, offset, at, own, self._account_zone, key, unless)

    # Conditions

    def condition(self, condition: d.Condition) -> past.Node:
        match condition:
            case d.All():
                return past.AllNode([self.condition(part) for part in condition.of])
            case d.AnyOf():
                return past.AnyNode([self.condition(part) for part in condition.of])
            case d.Not():
                return past.NotNode(self.condition(condition.of))
            case d.Did():
                return self._did(condition)
            case d.DidNot():
                return past.DidNotNode(self._kept(condition.event, condition.where), self._bounds(condition.when))
            case d.Profile():
                return self._profile(condition)
            case d.InSegment():
                return self._in_segment(condition)
            case d.Reachable():
                self._questions.traits.update(past.ADDRESSES[condition.channel], ("subscriptions",))
                return past.ReachableNode(condition.channel)

    def _kept(self, event: str, where: Sequence[d.Test]) -> int:
        bit = self._selector(event, where)
        self._questions.kept |= bit
        return bit

    def _did(self, did: d.Did) -> past.Node:
        bit = self._kept(did.event, did.where)
        count = None if isinstance(did.count, UnsetType) else compile_number(did.count.op, did.count.value)
        nth = None if isinstance(did.nth, UnsetType) else did.nth
        bounds = self._bounds(did.when)
        if isinstance(did.measure, UnsetType):
            return past.DidNode(bit, bounds, count, did.zero, nth, None, None, None)
        distinct = did.measure.fn == "distinct"
        path = did.measure.property
        reader = _distinct_values(path) if distinct else _numbers(path)
        slot = self._questions.slot(("distinct" if distinct else "numbers", path), [did.event], bit, reader)
        measured = compile_number(did.measure.op, did.measure.value)
        return past.DidNode(bit, bounds, count, did.zero, nth, did.measure.fn, slot, measured)

    def _profile(self, profile: d.Profile) -> past.Node:
        if profile.property in ("first_seen", "last_seen"):
            self._questions.keeps_seen = True
            return past.SeenNode(profile.property == "first_seen", _instant_test(profile, self._zone))
        trait = profile.property.split(".")[0].removesuffix("[]")
        self._questions.traits.add(trait)
        return past.ProfileNode(trait, compile_test(d.Test(profile.property, profile.op, profile.value), self._zone))

    def _in_segment(self, condition: d.InSegment) -> past.Node:
        name = self._known.name(condition.segment)
        self.rank = max(self.rank, self._known.ranks[name])
        if name in self._known.past:
            if not isinstance(condition.when, UnsetType):
                problem = "a past segment has no `when`: it is asked at the instant itself"
                raise DefinitionError([Problem(f"{self._definition.name}: in_segment.when", problem)])
            return past.MemberNode(name, self._known.past[name])
        self.rank = max(self.rank, self._known.ranks[name] + 1)
        self._questions.remembered.add(name)
        return past.QualifiedNode(name, self._bounds(condition.when))

    def _bounds(self, when: d.When | UnsetType) -> past.Bounds:
        """The half-open range of instants that `when` means, as of an instant."""
        if isinstance(when, UnsetType):
            return past.always
        if isinstance(when.last, str):
            length = parse_length(when.last)
            return lambda now: (now - length + 1, now + 1)
        if not isinstance(when.days_ago, UnsetType):
            days = when.days_ago
            within = self._zone
            return lambda now: days_ago(now, days, within)
        start, stop = past.always(0)
        start = iso_instant(when.from_, self._zone) if isinstance(when.from_, str) else start
        stop = iso_instant(when.to, self._zone) if isinstance(when.to, str) else stop
        return lambda now: (start, stop)


def _and_from_another_site(tests: Predicate | None) -> Predicate:
    def predicate(properties: Properties) -> bool:
        there = from_another_site(properties.get("host"), properties.get("referrer_host"))
        return there and (tests is None or tests(properties))

    return predicate


def _numbers(path: str) -> Reader:
    values = lookup_all(path)
    return lambda properties: [v for v in values(properties) if is_number(v)]


def _distinct_values(path: str) -> Reader:
    values = lookup_all(path)
    return lambda properties: [comparable(v) for v in values(properties)]


def _instant_test(profile: d.Profile, within: tzinfo) -> Callable[[Instant | None], bool]:
    if profile.op in ("exists", "not_exists"):
        wanted = profile.op == "exists"
        return lambda instant: (instant is not None) is wanted
    bound = iso_instant(profile.value, within)
    if profile.op == "before":
        return lambda instant: instant is not None and instant < bound
    return lambda instant: instant is not None and instant > bound


def _frozen(value: Any) -> Any:
    """A test's value as something that tells equal selectors; True is not 1 here."""
    if value is UNSET:
        return None
    return comparable(list(value) if isinstance(value, tuple) else value)  # pyright: ignore[reportUnknownArgumentType]
