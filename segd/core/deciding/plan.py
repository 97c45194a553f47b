"""Definitions compiled into a plan: what to ask of an event, and which triggers to tell.

The bits of an event that match decide, through a table filled as it is met, which triggers see it.

Live segments are ranked: one whose filter names another by `in_segment` comes after it, which settles what happens at
the same instant.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, tzinfo
from functools import partial
from typing import Any, NamedTuple

from msgspec import UnsetType

from segd.core.deciding import past
from segd.core.deciding.compiling import Known, Scope
from segd.core.deciding.dependence import in_order_of_dependence
from segd.core.deciding.digest import Digest
from segd.core.deciding.questions import Properties, Questions
from segd.core.deciding.triggers.base import Trigger
from segd.core.deciding.triggers.date import TraitDateTrigger
from segd.core.deciding.triggers.pages import SessionPagesTrigger
from segd.core.effects import Run
from segd.core.events.messages import Event
from segd.core.language import definitions as d
from segd.core.time.instants import EARLIEST
from segd.core.time.lengths import parse_length


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
        definitions = in_order_of_dependence(list(definitions), aliases or {})
        self._given = definitions, account_zone, runs, aliases
        self.account_zone = account_zone
        self._sees_all = runs is None  # no trigger looks away from what came before its time
        self._triggers: dict[int, tuple[Trigger, ...]] = {}  # by mask, for events that write no traits; filled as met
        # The same for whoever cannot wait for `triggers_for`: empty where that has more to decide.
        self.triggers = self._triggers if self._sees_all else {}
        self._triggers_of_writes: dict[int, tuple[Trigger, ...]] = {}
        self.live: list[LiveSegment] = []
        self.past: dict[str, PastSegment] = {}

        questions, known = Questions(), Known(aliases or {})
        scope = partial(Scope, questions, known, account_zone)
        for definition in definitions:
            name = definition.name
            if isinstance(definition, d.Past):
                part = scope(definition)
                self.past[name] = PastSegment(name, definition, part.condition(definition.where))
                known.past[name], known.ranks[name] = self.past[name].where, part.rank
                continue
            known.ranks[name] = 0
            for run in [None] if runs is None else runs.get(name, ()):
                version = definition if run is None else run.definition
                # What an ended run names may be gone.
                if all(known.name(other) in known.ranks for other in d.segments_named(version)):
                    segment = _compiled(version, name, run, len(self.live), scope)
                    self.live.append(segment)
                    known.ranks[name] = max(known.ranks[name], segment.trigger.rank)
                    if segment.again != 0:
                        questions.remembered.add(name)
        if runs is None:
            questions.keeps_seen |= bool(self.past)  # of whom it is asked who was known
        questions.all_asked()
        self.names = questions.names
        self.traits = questions.traits
        self.kept = questions.kept
        self.remembered = questions.remembered
        self.keeps_seen = questions.keeps_seen
        self.hears_all = questions.hears_all
        self.keeps_history = bool(self.kept or self.traits or self.keeps_seen)

        fading = [segment.trigger.fades_after() for segment in self.live]
        # Whether any trigger looks at what was before its time.
        self.looks_back = any(
            segment.trigger.sees_from is None or isinstance(segment.trigger, TraitDateTrigger) for segment in self.live
        )
        # Whether it makes a difference to a user what is imported.
        self.heeds_history = self.keeps_history or self.looks_back
        seen_from = (segment.trigger.sees_from for segment in self.live)
        self._all_see_from = max((since for since in seen_from if since is not None), default=EARLIEST)
        # The longest that anything is left of a trigger of which something ends; and that of all triggers.
        self.fading = max((one for one in fading if one is not None), default=0)
        self.fades_after = None if None in fading else self.fading

    def __reduce__(self) -> tuple[type["Plan"], tuple[Any, ...]]:
        """Another process compiles it anew: the same bits and slots come out."""
        return Plan, self._given

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
        if self._sees_all or (digest.imported_at is None and digest.timestamp >= self._all_see_from):
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


def _compiled(
    definition: d.Live, name: str, run: Run | None, index: int, scope: Callable[[d.Definition], Scope]
) -> LiveSegment:
    on, filtered = scope(definition), scope(definition)  # two, for a date has a zone of its own
    trigger = on.trigger(definition.on)
    node = None if isinstance(definition.filter, UnsetType) else filtered.condition(definition.filter)
    again = _again(definition.again)
    trigger.index = index
    trigger.rank = filtered.rank
    trigger.sees_from = None if run is None else run.sees_from
    waits, simple = filtered.rank > 0, node is None and again == 0 and run is None
    return LiveSegment(name, definition, trigger, on.bits, node, again, waits, simple, run)


def _again(text: str) -> int | None:
    match text:
        case "always":
            return 0
        case "once":
            return None
        case length:
            return parse_length(length)
