"""Definitions that name one another, each after those that it names."""

from collections.abc import Container, Mapping, Sequence

from segd.core.errors import DefinitionError, Problem
from segd.core.language import definitions as d


def canonical(named: str, names: Container[str], aliases: Mapping[str, str]) -> str:
    """The name of a segment that a condition names. aliases: other names that it may use."""
    return named if named in names else aliases.get(named, named)


def in_order_of_dependence(definitions: Sequence[d.Definition], aliases: Mapping[str, str]) -> list[d.Definition]:
    """Otherwise as given.

    Raises DefinitionError where a name stands twice, one is named that is not there, or they go round in a circle.
    """
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
            if (name := canonical(other, named, aliases)) in named:
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
