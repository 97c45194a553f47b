"""What it takes to make the segments those of a folder: steps, in an order in which each of them can be done."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Literal

from segd.core.errors import Problem
from segd.core.language import definitions as d
from segd.core.language.definitions import Definition
from segd.core.language.reading import definition_json
from segd.core.segment_views import tag
from segd.store.segment_rows import Segment, Stored, Unreadable
from segd.store.segments import Windows, problems, windows_after

What = Literal["create", "change", "delete"]


@dataclass(frozen=True)
class Step:
    """old: what there is, except of one to create; new: what there will be, except of one to delete. windows: what
    becomes of those that are open, where it is a change."""

    what: What
    name: str
    old: Segment | Unreadable | None = None
    new: Definition | None = None
    windows: Windows = "same"

    @property
    def seen(self) -> str:
        """The tag of what there is."""
        assert self.old is not None
        return tag(self.old.version, self.old.changed_at)


@dataclass
class Plan:
    """steps: a segment after those that it names, what is deleted last. unchanged: names. wrong: sentences that name a
    file; where there is one, there are no steps."""

    steps: list[Step] = field(default_factory=list[Step])
    unchanged: list[str] = field(default_factory=list[str])
    wrong: list[str] = field(default_factory=list[str])


def make_plan(wanted: Mapping[Path, Definition], stored: Stored, *, prune: bool) -> Plan:
    """wanted: the definitions of the folder. prune: delete segments that it does not have."""
    plan = Plan()
    plan.wrong += _same_names(wanted)
    if plan.wrong:
        return plan
    by_name = {segment.name: segment for segment in stored.all()}
    names = {definition.name for definition in wanted.values()}
    gone = [segment for segment in stored.all() if prune and segment.name not in names]
    after = _afterwards(wanted, by_name, gone)
    for path, definition in wanted.items():
        plan.wrong += [f"{path}: {problem}" for problem in _problems(definition, by_name.get(definition.name), after)]
    if plan.wrong:
        return plan
    numbers = {str(segment.number): segment.name for segment in stored.all()}
    for definition in _in_order(list(wanted.values()), numbers):
        old = by_name.get(definition.name)
        if old is None:
            plan.steps.append(Step("create", definition.name, new=definition))
        elif isinstance(old, Segment) and definition_json(definition) == definition_json(old.definition):
            plan.unchanged.append(definition.name)
        else:
            windows = windows_after(old, definition, stored.readable)
            plan.steps.append(Step("change", definition.name, old, definition, windows))
    readable = [segment.definition for segment in gone if isinstance(segment, Segment)]
    for definition in reversed(_in_order(readable, numbers)):
        plan.steps.append(Step("delete", definition.name, by_name[definition.name]))
    plan.steps += [Step("delete", segment.name, segment) for segment in gone if isinstance(segment, Unreadable)]
    return plan


def _same_names(wanted: Mapping[Path, Definition]) -> Iterator[str]:
    first: dict[str, Path] = {}
    for path, definition in wanted.items():
        other = first.setdefault(definition.name, path)
        if other != path:
            yield f"{path}: name: {definition.name!r} is that of {other.name}, too"


def _afterwards(
    wanted: Mapping[Path, Definition], by_name: Mapping[str, Segment | Unreadable], gone: Sequence[Segment | Unreadable]
) -> Stored:
    """The segments that there will be; new ones have numbers that none ever has."""
    after = {name: segment for name, segment in by_name.items() if segment not in gone}
    for number, definition in enumerate(wanted.values(), start=1):
        old = by_name.get(definition.name)
        number = -number if old is None else old.number
        after[definition.name] = Segment(number, definition, 1, "running", 0, 0)
    left = list(after.values())
    return Stored(
        [segment for segment in left if isinstance(segment, Segment)],
        [segment for segment in left if isinstance(segment, Unreadable)],
    )


def _problems(definition: Definition, old: Segment | Unreadable | None, after: Stored) -> Iterator[Problem]:
    """What keeps it from being one of those that there will be. old: the one that there is of its name."""
    if old is not None and old.kind != d.kind_of(definition):
        yield Problem(
            "kind", f"expected {old.kind!r}: a segment stays of its kind, and there is a {old.kind} one of this name"
        )
    else:
        yield from problems(definition, next(one for one in after.readable if one.name == definition.name), after)


def _in_order(definitions: Sequence[Definition], numbers: Mapping[str, str]) -> list[Definition]:
    """Each after those of them that it names, by name or by number. They go in no circle."""
    by_name = {definition.name: definition for definition in definitions}
    named = {
        definition.name: [numbers.get(name, name) for name in sorted(d.segments_named(definition))]
        for definition in definitions
    }
    return [by_name[name] for name in TopologicalSorter(named).static_order() if name in by_name]
