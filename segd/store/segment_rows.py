"""Segments as they are stored: those that can be, those that cannot any more, and which version counts when.

A definition was good when it was posted. A later segd may refuse it all the same, and so may whoever wrote to the
table; then that segment is broken, and those that name it are, and all others go on.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple, cast

import msgspec

from segd.core.effects import Run
from segd.core.errors import DefinitionError, SegdError
from segd.core.language import definitions as d
from segd.core.language.reading import read_definition
from segd.core.language.rules import is_object
from segd.core.time.instants import Instant, from_datetime, to_datetime
from segd.store.queries import query
from segd.store.session import Row, Statements

Status = Literal["running", "paused"]


class BrokenError(SegdError):
    """Something was asked of a segment that is broken."""

    def __init__(self, name: str, problem: str | None) -> None:
        super().__init__("broken", f"{name!r} is broken, give it another definition, or delete it: {problem}")


class Segment(NamedTuple):
    """definition: as it was posted, but for names of others that have changed since. version: the latest."""

    number: int
    definition: d.Definition
    version: int
    status: Status
    created_at: Instant
    changed_at: Instant

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def kind(self) -> d.Kind:
        return d.kind_of(self.definition)


class Unreadable(NamedTuple):
    """A segment whose definition is none. document: what is stored in its place. problem: why it is none."""

    number: int
    name: str
    document: str
    version: int
    status: Status
    created_at: Instant
    changed_at: Instant
    problem: str

    @property
    def kind(self) -> d.Kind:
        document = msgspec.json.decode(self.document)
        return "past" if is_object(document) and document.get("kind") == "past" else "live"


class Stored(NamedTuple):
    """What segments there are, each kind in order of number."""

    readable: list[Segment]
    unreadable: list[Unreadable]

    def all(self) -> list[Segment | Unreadable]:
        return [*self.readable, *self.unreadable]

    def sound(self) -> list[Segment]:
        """Those that can be asked and run: they are readable, and so are all that they name."""
        broken = self.broken()
        return [each for each in self.readable if each.number not in broken]

    def numbered(self, number: int) -> Segment:
        """Raises LookupError where there is none, BrokenError where that one can neither run nor be asked; what a live
        one found before still can be."""
        found = next((each for each in self.all() if each.number == number), None)
        if found is None:
            raise LookupError(number)
        problem = self.broken().get(number)
        if isinstance(found, Unreadable) or (problem is not None and found.kind == "past"):
            raise BrokenError(found.name, problem)
        return found

    def broken(self) -> dict[int, str]:
        """The others by number, and what is wrong with them."""
        found = {each.number: each.problem for each in self.unreadable}
        named = {each.number: d.segments_named(each.definition) for each in self.readable}
        there = {name for each in self.readable for name in (each.name, str(each.number))}
        while lost := [each for each in self.readable if each.number not in found and named[each.number] - there]:
            for each in lost:
                found[each.number] = f"it names {min(named[each.number] - there)!r}, which is broken"
            there -= {name for each in lost for name in (each.name, str(each.number))}
        return found


async def read_segments(connection: Statements) -> Stored:
    """Either"""
    stored = Stored([], [])
    for row in await connection.fetch(query("list_segments")):
        try:
            stored.readable.append(_segment(row))
        except DefinitionError as error:
            stored.unreadable.append(_unreadable(row, error.message))
    return stored


async def list_segments(connection: Statements) -> list[Segment]:
    """Either. Those that can be asked and run, in order of number."""
    return (await read_segments(connection)).sound()


async def find_segment(connection: Statements, named: str) -> Segment | None:
    """Either. named: a name, or a number as text. Raises DefinitionError for one that is unreadable."""
    row = await connection.fetchrow(query("find_segment"), named)
    return None if row is None else _segment(row)


async def runs(connection: Statements, since: Instant | None) -> list[Run]:
    """Either. The runs that go on, and those that ended at `since` or later (None: all), or for which something that
    came due may still wait; of a segment the earlier first. Without those whose definitions cannot be read any more.

    Their definitions name other segments by number; of what an ended run names, some may be gone.
    """
    bound = None if since is None else to_datetime(since)
    return list(_runs(await connection.fetch(query("segment_runs"), bound)))


def _runs(rows: Sequence[Row]) -> Iterator[Run]:
    for row in rows:
        try:
            definition = cast(d.Live, _definition(row["definition"], row["name"]))
        except DefinitionError:
            continue
        yield Run(
            row["segment"],
            row["version"],
            definition,
            None if row["sees_from"] is None else from_datetime(row["sees_from"]),
            from_datetime(row["counts_from"]),
            None if row["counts_to"] is None else from_datetime(row["counts_to"]),
            row["armed"],
        )


def _segment(row: Row) -> Segment:
    return Segment(
        row["number"],
        _definition(row["definition"], row["name"]),
        row["version"],
        row["status"],
        from_datetime(row["created_at"]),
        from_datetime(row["changed_at"]),
    )


def _unreadable(row: Row, problem: str) -> Unreadable:
    return Unreadable(
        row["number"],
        row["name"],
        row["definition"],
        row["version"],
        row["status"],
        from_datetime(row["created_at"]),
        from_datetime(row["changed_at"]),
        problem,
    )


@lru_cache(1024)  # reading is slow, for it checks all rules
def _definition(text: str, name: str) -> d.Definition:
    return msgspec.structs.replace(read_definition(text, name=name), name=name)
