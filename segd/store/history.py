"""Questions to the stored history: which users a past-behaviour condition holds for, at any instant."""

from collections.abc import Mapping, Sequence
from datetime import tzinfo

from msgspec import UnsetType

from segd.core.errors import DefinitionError, Problem
from segd.core.language import definitions as d
from segd.core.language.reading import read_definition
from segd.core.time import calendar
from segd.core.time.instants import Instant
from segd.store.bridge import Connection
from segd.store.conditions_sql import Answer, Compiled, LiveSegment, PastSegment, compile_past, ids
from segd.store.queries import query


async def members(
    connection: Connection, definition: d.Past, as_of: Instant, account_zone: tzinfo, given: Sequence[d.Past] = ()
) -> list[str]:
    """Trio. The ids of the users in a past segment at `as_of`, as people know them, by code point.

    Messages stamped at or before `as_of` count, whenever they arrived; who is who is as of today. given: segments that
    may be named beside those of the store, and go before them. Raises DefinitionError where the definition names a
    segment that is neither, or one that leads back to it.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        compiled = await prepare(connection, definition, as_of, account_zone, given)
        return [row["id"] for row in await connection.fetch(compiled.text, *compiled.values)]


async def prepare(
    connection: Connection,
    definition: d.Past,
    as_of: Instant,
    account_zone: tzinfo,
    given: Sequence[d.Past] = (),
    answer: Answer = ids,
    last: int | None = None,
) -> Compiled:
    """Trio. The statement that tells `answer` of the members, with its questions settled; inside the transaction that
    is to execute it. last: the greatest number of a user who is asked about; None for all. Raises DefinitionError as
    `members` does."""
    segments: dict[str, LiveSegment | PastSegment] = {}
    known = {one.name: one for one in given}
    await _read_named(connection, definition, (definition.name,), account_zone, known, segments)
    compiled = compile_past(definition.where, as_of, _zone_of(definition, account_zone), segments, answer, last)
    for question in compiled.questions:
        texts = [row["text"] for row in await connection.fetch(str(question.text), *question.values)]
        compiled.values[question.position] = [text for text in texts if question.passes(text)]
    return compiled


async def _read_named(
    connection: Connection,
    definition: d.Past,
    path: tuple[str, ...],
    account_zone: tzinfo,
    given: Mapping[str, d.Past],
    found: dict[str, LiveSegment | PastSegment],
) -> None:
    """Find all segments that a definition names, and those that they name. path: how we came here, by name."""
    for named in sorted(d.segments_named(definition) - found.keys()):
        number, segment = 0, given.get(named)
        if segment is None:
            row = await connection.fetchrow(query("named_segment"), named)
            if row is None:
                raise DefinitionError([Problem("in_segment", f"there is no segment {named!r}")])
            number, segment = row["number"], read_definition(row["definition"], name=row["name"])
        if segment.name in path:
            circle = " → ".join((*path[path.index(segment.name) :], segment.name))
            raise DefinitionError([Problem("in_segment", f"goes round in a circle: {circle}")])
        if isinstance(segment, d.Live):
            found[named] = LiveSegment(number)
        else:
            await _read_named(connection, segment, (*path, segment.name), account_zone, given, found)
            found[named] = PastSegment(segment.where, _zone_of(segment, account_zone))


def _zone_of(definition: d.Past, account_zone: tzinfo) -> tzinfo:
    return account_zone if isinstance(definition.zone, UnsetType) else calendar.zone(definition.zone)
