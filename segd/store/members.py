"""Who is in a segment: in pages, and all of them as a stream through a cursor in the server."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import tzinfo

from segd.core.answers import Member
from segd.core.language import definitions as d
from segd.core.time.instants import Instant, from_datetime
from segd.store.bridge import Connection, Pool
from segd.store.conditions_sql import Answer
from segd.store.history import prepare
from segd.store.people import with_traits
from segd.store.queries import Sql, Statement, query
from segd.store.reports import at_one_instant, segment_numbered
from segd.store.session import Row

PAGE = 1_000  # members of a stream that are in memory at once


class PostgresMembers:
    """The Members of `core.answers`. zone: the account's."""

    def __init__(self, pool: Pool, zone: tzinfo) -> None:
        self._pool = pool
        self._zone = zone

    async def page(self, segment: int, as_of: Instant, skip: int, most: int) -> tuple[list[Member], int]:
        """Trio. As `core.answers` says. Raises DefinitionError where it names a segment that is gone."""
        async with at_one_instant(self._pool) as connection:
            definition = (await segment_numbered(connection, segment)).definition
            if isinstance(definition, d.Live):
                rows = await connection.fetch(query("qualified_members"), segment, most, skip)
                total = await connection.fetchval(query("count_qualified_members"), segment)
                return await _members(connection, rows), total
            compiled = await prepare(connection, definition, as_of, self._zone, answer=_page(skip, most))
            rows = await connection.fetch(compiled.text, *compiled.values)
            if rows or not skip:
                return await _members(connection, rows), rows[0]["total"] if rows else 0
            compiled = await prepare(connection, definition, as_of, self._zone, answer=_count)
            return [], await connection.fetchval(compiled.text, *compiled.values)

    @asynccontextmanager
    async def stream(self, segment: int, as_of: Instant) -> AsyncGenerator[AsyncIterator[Sequence[Member]]]:
        """Trio. As `core.answers` says. Raises DefinitionError as `page` does."""
        async with at_one_instant(self._pool) as connection:
            definition = (await segment_numbered(connection, segment)).definition
            if isinstance(definition, d.Live):
                text, values = query("qualified_members"), [segment, None, 0]
            else:
                text, values, _ = await prepare(connection, definition, as_of, self._zone, answer=_people)
            yield _pages(connection, text, values)


async def _pages(connection: Connection, text: str, values: Sequence[object]) -> AsyncIterator[Sequence[Member]]:
    """Trio"""
    async for rows in connection.pages(text, *values, size=PAGE):
        yield await _members(connection, rows)


async def _members(connection: Connection, rows: Sequence[Row]) -> list[Member]:
    """Trio"""
    found: list[Member] = []
    for person, row in zip(await with_traits(connection, rows), rows, strict=True):
        at = row.get("at")
        found.append(Member(person, None if at is None else from_datetime(at), row.get("cause_id")))
    return found


def _page(skip: int, most: int) -> Answer:
    return lambda statement, users: statement.piece("page_of_people", users=users, skip=skip, most=most)


def _count(statement: Statement, users: Sql) -> Sql:
    return statement.piece("count_people", users=users)


def _people(statement: Statement, users: Sql) -> Sql:
    return statement.piece("people", users=users)
