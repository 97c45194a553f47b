"""The segments that a definition names by `in_segment`: where it does, and the same definition under other names."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import UnsetType
from msgspec.structs import replace

from segd.core.language import definitions as d


class Mention(NamedTuple):
    """path: of the field that holds the name, such as `filter.of[1].segment`."""

    path: str
    condition: d.InSegment


def mentions(definition: d.Definition) -> Iterator[Mention]:
    """All of them, in the order of the document."""
    if isinstance(definition, d.Past):
        yield from _mentions(definition.where, "where")
    elif not isinstance(definition.filter, UnsetType):
        yield from _mentions(definition.filter, "filter")


def with_all_named(
    some: Iterable[d.Definition], definitions: Sequence[d.Definition], aliases: Mapping[str, str]
) -> list[d.Definition]:
    """These definitions and all that they lead to, in the order of `definitions`. aliases: other names that may be
    used; those that stand for nothing are passed over."""
    by_name = {definition.name: definition for definition in definitions}
    found: dict[str, d.Definition] = {}
    waiting = list(some)
    while waiting:
        definition = waiting.pop()
        if definition.name not in found:
            found[definition.name] = definition
            names = (named if named in by_name else aliases.get(named) for named in d.segments_named(definition))
            waiting += [by_name[name] for name in names if name in by_name]
    return [definition for definition in definitions if definition.name in found]


def renamed(definition: d.Definition, names: Mapping[str, str]) -> d.Definition:
    """The definition with each segment named so called what it stands for here. The definition's own name stays."""
    if isinstance(definition, d.Past):
        return replace(definition, where=_renamed(definition.where, names))
    if isinstance(definition.filter, UnsetType):
        return definition
    return replace(definition, filter=_renamed(definition.filter, names))


def _mentions(condition: d.Condition, path: str) -> Iterator[Mention]:
    match condition:
        case d.All(of=of) | d.AnyOf(of=of):
            for index, part in enumerate(of):
                yield from _mentions(part, f"{path}.of[{index}]")
        case d.Not(of=of):
            yield from _mentions(of, f"{path}.of")
        case d.InSegment():
            yield Mention(f"{path}.segment", condition)
        case _:
            pass


def _renamed(condition: d.Condition, names: Mapping[str, str]) -> d.Condition:
    match condition:
        case d.All(of=of) | d.AnyOf(of=of):
            return replace(condition, of=tuple(_renamed(part, names) for part in of))
        case d.Not(of=of):
            return replace(condition, of=_renamed(of, names))
        case d.InSegment(segment=segment):
            return replace(condition, segment=names.get(segment, segment))
        case _:
            return condition
