"""Definitions compiled into a plan: what to ask of an event, and which triggers to tell.

Everything that any definition asks about events is collected once: each distinct selector gets a bit, each property (or
combination of them) whose value is needed a slot. An event is looked up by name; one that no definition names costs
that look-up. The bits that match decide, through a table filled as it is met, which triggers see the event.

Live segments are ranked: one whose filter names another by `in_segment` comes after it, which settles what happens at
the same instant.
"""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from datetime import UTC, time, tzinfo
from typing import Any, NamedTuple

from msgspec import UNSET, UnsetType

from segd.core.deciding import past
from segd.core.deciding.digest import Digest
from segd.core.deciding.triggers.action import ActionTrigger
from segd.core.deciding.triggers.base import Trigger
from segd.core.deciding.triggers.date import EventDateTrigger, TraitDateTrigger
from segd.core.deciding.triggers.inaction import InactionTrigger
from segd.core.deciding.triggers.pages import AllPagesTrigger, RecentPagesTrigger, SessionPagesTrigger
from segd.core.effects import Run
from segd.core.errors import DefinitionError, Problem
from segd.core.events.messages import Event
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

Properties = Mapping[str, Any]
Predicate = Callable[[Properties], bool]
Reader = Callable[[Properties], Any]

PAGE = "$page"


class Interest:
    """What a plan asks of the events of one name. plain: the mask, where no property needs reading; else None."""

    __slots__ = ("plain", "selectors", "slots")

    def __init__(self) -> None:
        self.selectors: list[tuple[int, Predicate | None]] = []
        self.slots: list[tuple[int, int, Reader]] = []  # slot, the bits that need it, what it reads
        self.plain: int | None = 0

    def read(self, properties: Properties) -> tuple[int, dict[int, Any] | None]:
        """The mask of the selectors that match, and the values of the slots they need."""
        mask = 0
        for bit, predicate in self.selectors:
            if predicate is None or predicate(properties):
                mask |= bit
        values = {slot: reader(properties) for slot, bits, reader in self.slots if bits & mask}
        return mask, values or None


class LiveSegment(NamedTuple):
    """A live definition, compiled. again: microseconds between two qualifications; None for once, 0 for always. run: in
    which it counts; None is always."""

    name: str
    definition: d.Live
    trigger: Trigger
    bits: int  # of the selectors its trigger listens to
    filter: past.Node | None
    again: int | None
    waits: bool  # its filter names live segments, so that it is decided when the instant is over
    simple: bool  # every candidate qualifies
    run: Run | None


class PastSegment(NamedTuple):
    name: str
    definition: d.Past
    where: past.Node


class Asked(NamedTuple):
    """Names of events. read: their properties are asked about; plain: only that they happened. lasting: those of either
    that matter however long ago; the others only until what they open has faded."""

    read: frozenset[str]
    plain: frozenset[str]
    lasting: frozenset[str]


class Plan:
    """All definitions of one account, compiled.

    runs: by name of a live segment, those in which it counts; one that is not there counts never. None: all count
    always. aliases: other names that `in_segment` may use, such as numbers.

    Raises DefinitionError where definitions do not fit together: a name twice, an unknown one in `in_segment`, a
    circle, a `when` on a past segment. Paths begin with the segment's name.
    """

    def __init__(
        self,
        definitions: Iterable[d.Definition],
        account_zone: tzinfo = UTC,
        runs: Mapping[str, Sequence[Run]] | None = None,
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        definitions = _in_order_of_dependence(list(definitions), aliases or {})
        self._given = definitions, account_zone, runs, aliases
        self.account_zone = account_zone
        self._aliases = aliases or {}
        self._sees_all = runs is None  # no trigger looks away from what came before its time
        self.names: dict[str, Interest] = {}
        self.traits: set[str] = set()  # top-level names that anything asks about
        self.kept = 0  # bits of the selectors that filters count
        self.remembered: set[str] = set()  # live segments whose qualifications are asked about later
        self.keeps_seen = False  # some condition asks when users were seen
        self.hears_all = False  # that, or some trigger needs to know of every message of a user
        self._bits: dict[Any, int] = {}
        self._slots: dict[Any, int] = {}
        self._triggers: dict[int, tuple[Trigger, ...]] = {}  # by mask, for events that write no traits; filled as met
        # The same for whoever cannot wait for `triggers_for`: empty where that has more to decide.
        self.triggers = self._triggers if self._sees_all else {}
        self._triggers_of_writes: dict[int, tuple[Trigger, ...]] = {}

        self.live: list[LiveSegment] = []
        self.past: dict[str, PastSegment] = {}
        self.ranks: dict[str, int] = {}
        for definition in definitions:
            scope = _Scope(self, definition)
            if isinstance(definition, d.Live):
                self.ranks[definition.name] = 0
                if runs is None:
                    self._add_live(definition.name, definition, None)
                for run in (runs or {}).get(definition.name, ()):
                    if self._is_known(run.definition):
                        self._add_live(definition.name, run.definition, run)
            else:
                where = scope.condition(definition.where)
                self.past[definition.name] = PastSegment(definition.name, definition, where)
                self.ranks[definition.name] = scope.rank
        fading = [segment.trigger.fades_after() for segment in self.live]
        # Whether any trigger looks at what was before its time.
        self.looks_back = any(
            segment.trigger.sees_from is None or isinstance(segment.trigger, TraitDateTrigger) for segment in self.live
        )
        # The longest that anything is left of a trigger of which something ends; and that of all triggers.
        self.fading = max((one for one in fading if one is not None), default=0)
        self.fades_after = None if None in fading else self.fading
        if runs is None:
            self.keeps_seen |= bool(self.past)  # of whom it is asked who was known
        self.hears_all |= self.keeps_seen
        self.keeps_history = bool(self.kept or self.traits or self.keeps_seen)
        for interest in self.names.values():
            plain = all(predicate is None for _, predicate in interest.selectors) and not interest.slots
            interest.plain = sum(bit for bit, _ in interest.selectors) if plain else None

    def __reduce__(self) -> tuple[type["Plan"], tuple[Any, ...]]:
        """Another process compiles it anew: the same bits and slots come out."""
        return Plan, self._given

    def _is_known(self, definition: d.Definition) -> bool:
        """Whether all that it names is there: what an ended run names may be gone."""
        return all(self.canonical(name) in self.ranks for name in d.segments_named(definition))

    def canonical(self, named: str) -> str:
        """The name of a segment that a condition names."""
        return _canonical(named, self.ranks, self._aliases)

    def _add_live(self, name: str, definition: d.Live, run: Run | None) -> None:
        on, scope = _Scope(self, definition), _Scope(self, definition)  # two, for a date has a zone of its own
        trigger = on.trigger(definition.on)
        node = None if isinstance(definition.filter, UnsetType) else scope.condition(definition.filter)
        again = _again(definition.again)
        if again != 0:
            self.remembered.add(name)
        trigger.index = len(self.live)
        trigger.rank = scope.rank
        trigger.sees_from = None if run is None else run.sees_from
        self.ranks[name] = max(self.ranks[name], scope.rank)
        waits, simple = scope.rank > 0, node is None and again == 0 and run is None
        self.live.append(LiveSegment(name, definition, trigger, on.bits, node, again, waits, simple, run))

    def asked(self) -> Asked:
        """The events that are asked about."""
        plain = frozenset(name for name, interest in self.names.items() if interest.plain is not None)
        lasting = self.kept
        for segment in self.live:
            if segment.trigger.fades_after() is None:
                lasting |= segment.bits
        return Asked(
            frozenset(self.names) - plain,
            plain,
            frozenset(
                name for name, interest in self.names.items() if any(bit & lasting for bit, _ in interest.selectors)
            ),
        )

    def digest(self, event: Event, sequence: int) -> Digest | None:
        """The event as the plan sees it; None where nothing asks about it. sequence: its order of arrival."""
        mask, values = self.match(event.name, event.properties)
        traits = None
        if self.traits and event.traits:
            traits = {name: value for name, value in event.traits.items() if name in self.traits} or None
        if not (mask or traits or self.hears_all):
            return None
        return Digest(event.timestamp, sequence, event.timestamp, event.message_id, mask, values, traits)

    def match(self, name: str, properties: Callable[[], Properties]) -> tuple[int, dict[int, Any] | None]:
        """The mask and the values of an event. properties: called where they are asked about."""
        interest = self.names.get(name)
        if interest is None:
            return 0, None
        return interest.read(properties()) if interest.plain is None else (interest.plain, None)

    def triggers_for(self, digest: Digest) -> tuple[Trigger, ...]:
        """Those that an event concerns."""
        table = self._triggers if digest.traits is None else self._triggers_of_writes
        found = table.get(digest.mask)
        if found is None:
            found = table[digest.mask] = tuple(
                segment.trigger
                for segment in self.live
                if segment.bits & digest.mask
                or isinstance(segment.trigger, SessionPagesTrigger)
                or (digest.traits is not None and isinstance(segment.trigger, TraitDateTrigger))
            )
        if self._sees_all:
            return found
        return tuple(trigger for trigger in found if self._sees(trigger, digest))

    def _sees(self, trigger: Trigger, digest: Digest) -> bool:
        """Whether an event is in the time that a trigger looks at. The traits that stand when a segment begins were
        written before; and what was imported before that is as good as what happened."""
        looks_back = trigger.sees_from is None or (digest.traits is not None and isinstance(trigger, TraitDateTrigger))
        if digest.imported_at is not None:
            run = self.live[trigger.index].run
            return looks_back and run is not None and digest.imported_at < run.counts_from
        return looks_back or (trigger.sees_from is not None and trigger.sees_from <= digest.timestamp)

    # What the compilers of triggers and conditions register

    def bit(self, event: str, key: Any, predicate: Predicate | None) -> int:
        """The bit of a selector; key: tells equal ones."""
        if key not in self._bits:
            self._bits[key] = 1 << len(self._bits)
            self.names.setdefault(event, Interest()).selectors.append((self._bits[key], predicate))
        return self._bits[key]

    def slot(self, key: Any, events: Iterable[str], bits: int, reader: Reader) -> int:
        """The slot of a value read from events of these names where any of the bits matches."""
        slot = self._slots.setdefault(key, len(self._slots))
        for event in events:
            slots = self.names[event].slots
            for index, (known, known_bits, _) in enumerate(slots):
                if known == slot:
                    slots[index] = (slot, known_bits | bits, reader)
                    break
            else:
                slots.append((slot, bits, reader))
        return slot


class _Scope:
    """Compiles one definition into a plan. rank: above that of every live segment it names so far."""

    def __init__(self, plan: Plan, definition: d.Definition) -> None:
        self.plan = plan
        self.definition = definition
        self.zone = plan.account_zone if isinstance(definition.zone, UnsetType) else zone(definition.zone)
        self.rank = 0
        self.bits = 0

    # Selectors

    def selector(self, event: str, where: Sequence[d.Test], referrer: bool = False) -> int:
        tests = compile_tests(where, self.zone)
        predicate = _and_from_another_site(tests) if referrer else tests
        tested = tuple((test.property, test.op, _frozen(test.value)) for test in where)
        key = (event, tested, self.zone if tests is not None else None, referrer)
        bit = self.plan.bit(event, key, predicate)
        self.bits |= bit
        return bit

    def any_of(self, given: d.Selectors | UnsetType) -> tuple[int, list[str]]:
        """The bits and event names of a selector, or of a list of them."""
        chosen = () if isinstance(given, UnsetType) else d.selectors(given)
        bits = 0
        for selector in chosen:
            bits |= self.selector(selector.event, selector.where)
        return bits, [selector.event for selector in chosen]

    def combination(self, paths: Sequence[str], events: Sequence[str], bits: int) -> int | None:
        """The slot of a combination of values, for `same` and `key`."""
        if not paths:
            return None
        lookups = [lookup(path) for path in paths]

        def reader(properties: Properties) -> tuple[Any, ...]:
            return tuple(comparable(find(properties)) for find in lookups)

        return self.plan.slot(("combination", tuple(paths)), events, bits, reader)

    # Triggers

    def trigger(self, on: d.Trigger) -> Trigger:
        match on:
            case d.Action():
                return ActionTrigger(self.any_of(on.did)[0])
            case d.PageVisit():
                return ActionTrigger(self.selector(PAGE, on.where))
            case d.Referrer():
                return ActionTrigger(self.selector(PAGE, on.where, referrer=True))
            case d.Inaction():
                did, names = self.any_of(on.did)
                did_not, other_names = self.any_of(on.did_not)
                same = self.combination(on.same, names + other_names, did | did_not)
                return InactionTrigger(did, did_not, parse_length(on.within), same, on.repeat)
            case d.PageCount():
                return self._page_count(on)
            case d.Date():
                return self._date(on)

    def _page_count(self, on: d.PageCount) -> Trigger:
        page = self.selector(PAGE, on.where)
        if on.per == "session":
            self.plan.hears_all = True
            idle = d.DEFAULT_IDLE if isinstance(on.idle, UnsetType) else on.idle
            return SessionPagesTrigger(page, on.at_least, parse_length(idle))
        if on.per == "ever":
            return AllPagesTrigger(page, on.at_least)
        return RecentPagesTrigger(page, on.at_least, parse_length(on.per))

    def _date(self, on: d.Date) -> Trigger:
        offset = parse_offset(on.offset)
        at = None if isinstance(on.at, UnsetType) else time.fromisoformat(on.at)
        own: tzinfo | None = self.zone
        if not isinstance(on.zone, UnsetType):
            own = None if on.zone == "user" else zone(on.zone)
        if own is None:
            self.plan.traits.add("timezone")
        else:
            self.zone = own  # of the dates in its tests, too
        unless, unless_names = self.any_of(on.unless)
        if not isinstance(on.profile, UnsetType):
            trait = on.profile.split(".")[0]
            self.plan.traits.add(trait)
            value = lookup(on.profile)
            return TraitDateTrigger(trait, value, on.yearly, offset, at, own, self.plan.account_zone, unless)
        assert isinstance(on.event, str)
        assert isinstance(on.property, str)
        event = self.selector(on.event, on.where)
        value = self.plan.slot(("value", on.property), [on.event], event, lookup(on.property))
        key = self.combination(on.key, [on.event, *unless_names], event | unless)
        return EventDateTrigger(event, value, offset, at, own, self.plan.account_zone, key, unless)

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
                return past.DidNotNode(self._kept(condition.event, condition.where), self.bounds(condition.when))
            case d.Profile():
                return self._profile(condition)
            case d.InSegment():
                return self._in_segment(condition)
            case d.Reachable():
                self.plan.traits.update(past.ADDRESSES[condition.channel], ("subscriptions",))
                return past.ReachableNode(condition.channel)

    def _kept(self, event: str, where: Sequence[d.Test]) -> int:
        bit = self.selector(event, where)
        self.plan.kept |= bit
        return bit

    def _did(self, did: d.Did) -> past.Node:
        bit = self._kept(did.event, did.where)
        count = None if isinstance(did.count, UnsetType) else compile_number(did.count.op, did.count.value)
        nth = None if isinstance(did.nth, UnsetType) else did.nth
        bounds = self.bounds(did.when)
        if isinstance(did.measure, UnsetType):
            return past.DidNode(bit, bounds, count, did.zero, nth, None, None, None)
        distinct = did.measure.fn == "distinct"
        path = did.measure.property
        reader = _distinct_values(path) if distinct else _numbers(path)
        slot = self.plan.slot(("distinct" if distinct else "numbers", path), [did.event], bit, reader)
        measured = compile_number(did.measure.op, did.measure.value)
        return past.DidNode(bit, bounds, count, did.zero, nth, did.measure.fn, slot, measured)

    def _profile(self, profile: d.Profile) -> past.Node:
        if profile.property in ("first_seen", "last_seen"):
            self.plan.keeps_seen = True
            return past.SeenNode(profile.property == "first_seen", _instant_test(profile, self.zone))
        trait = profile.property.split(".")[0].removesuffix("[]")
        self.plan.traits.add(trait)
        return past.ProfileNode(trait, compile_test(d.Test(profile.property, profile.op, profile.value), self.zone))

    def _in_segment(self, condition: d.InSegment) -> past.Node:
        name = self.plan.canonical(condition.segment)
        self.rank = max(self.rank, self.plan.ranks[name])
        if name in self.plan.past:
            if not isinstance(condition.when, UnsetType):
                problem = "a past segment has no `when`: it is asked at the instant itself"
                raise DefinitionError([Problem(f"{self.definition.name}: in_segment.when", problem)])
            return past.MemberNode(name, self.plan.past[name].where)
        self.rank = max(self.rank, self.plan.ranks[name] + 1)
        self.plan.remembered.add(name)
        return past.QualifiedNode(name, self.bounds(condition.when))

    def bounds(self, when: d.When | UnsetType) -> past.Bounds:
        """The half-open range of instants that `when` means, as of an instant."""
        if isinstance(when, UnsetType):
            return past.always
        if isinstance(when.last, str):
            length = parse_length(when.last)
            return lambda now: (now - length + 1, now + 1)
        if not isinstance(when.days_ago, UnsetType):
            days = when.days_ago
            within = self.zone
            return lambda now: days_ago(now, days, within)
        start, stop = past.always(0)
        start = iso_instant(when.from_, self.zone) if isinstance(when.from_, str) else start
        stop = iso_instant(when.to, self.zone) if isinstance(when.to, str) else stop
        return lambda now: (start, stop)


def _again(text: str) -> int | None:
    match text:
        case "always":
            return 0
        case "once":
            return None
        case length:
            return parse_length(length)


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


def _canonical(named: str, names: Container[str], aliases: Mapping[str, str]) -> str:
    return named if named in names else aliases.get(named, named)


def _in_order_of_dependence(definitions: Sequence[d.Definition], aliases: Mapping[str, str]) -> list[d.Definition]:
    """Each after those its conditions name, otherwise as given. Raises DefinitionError."""
    problems: list[Problem] = []
    named: dict[str, d.Definition] = {}
    for definition in definitions:
        if definition.name in named:
            problems.append(Problem(definition.name, "two segments have this name; expected one"))
        named[definition.name] = definition
    result: list[d.Definition] = []
    done: set[str] = set()

    def visit(definition: d.Definition, path: tuple[str, ...]) -> None:
        if definition.name in path:
            circle = " → ".join((*path[path.index(definition.name) :], definition.name))
            problems.append(Problem(definition.name, f"in_segment goes round in a circle: {circle}"))
            return
        if definition.name in done:
            return
        for other in sorted(d.segments_named(definition)):
            if (name := _canonical(other, named, aliases)) in named:
                visit(named[name], (*path, definition.name))
            else:
                problems.append(Problem(definition.name, f"in_segment names {other!r}, which is no segment here"))
        done.add(definition.name)
        result.append(definition)

    for definition in definitions:
        visit(definition, ())
    if problems:
        raise DefinitionError(problems)
    return result
