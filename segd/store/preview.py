"""Previews: who would be in a past segment. Exactly, or quickly from a sample of the users.

The top bits of a user's number are hash bits, so the users up to some number are a fair sample. It begins small, and
grows as long as there is time.
"""

import math
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import tzinfo
from typing import NamedTuple

import trio

from segd.core.language import definitions as d
from segd.core.segment_views import Previewed
from segd.core.time.instants import Instant, to_datetime
from segd.store.bridge import Connection, Pool
from segd.store.conditions_sql import Compiled
from segd.store.errors import ServerError
from segd.store.history import prepare
from segd.store.people import persons
from segd.store.queries import Sql, Statement, query
from segd.store.session import CANCELLED
from segd.store.users import SEQUENCE_BITS

AT_ONCE = 2  # of either kind, so that others find a connection and Postgres has time for events
SHOWN = 10  # users of the sample
ESTIMATE_SECONDS = 0.2  # for all of an estimate but the traits of those who are shown
FIRST_USERS = 500  # of the first sample, about: some milliseconds even where each of them did much
WHOLE = 1 << 15  # values of the hash bits
SIGMAS = 1.96  # nineteen times in twenty


class _Counted(NamedTuple):
    members: int
    known: int
    sample: list[int]


class Previews:
    """zone: of the account's days. now: the clock."""

    def __init__(self, pool: Pool, zone: tzinfo, now: Callable[[], Instant]) -> None:
        self._pool = pool
        self._zone = zone
        self._now = now
        self._exact = trio.CapacityLimiter(AT_ONCE)
        self._estimates = trio.CapacityLimiter(AT_ONCE)

    async def exact(self, definition: d.Past, as_of: Instant | None) -> Previewed:
        """Trio. as_of: None for now. Raises DefinitionError where it names segments that are not there."""
        as_of = self._now() if as_of is None else as_of
        async with self._exact, self._pool.acquire() as connection, _reading(connection):
            began = trio.current_time()
            await connection.execute(query("one_core"))  # the others are for events
            compiled = await self._prepare(connection, definition, as_of, WHOLE)
            counted = await _count(connection, compiled)
            return await _told(connection, compiled, counted, WHOLE, as_of, began)

    async def estimate(self, definition: d.Past, as_of: Instant | None) -> Previewed:
        """Trio. The same of as many users as there is time for; exact where that is all of them."""
        as_of = self._now() if as_of is None else as_of
        async with self._estimates, self._pool.acquire() as connection:
            began = trio.current_time()
            users = await connection.fetchval(query("about_so_many_users")) or 1
            part = min(WHOLE, max(1, int(WHOLE * FIRST_USERS / users)))
            async with _reading(connection):
                compiled = await self._prepare(connection, definition, as_of, part)
                counted = await _count(connection, compiled)
            while part < WHOLE:
                took = trio.current_time() - began
                left = ESTIMATE_SECONDS - took
                larger = min(WHOLE, int(part * min(16, left / 2 / took)))
                if larger < 2 * part:
                    break
                try:
                    async with _reading(connection):
                        await connection.fetchval(query("patience"), str(max(1, int(left * 1000))))
                        compiled = await self._prepare(connection, definition, as_of, larger)
                        counted, part = await _count(connection, compiled), larger
                except ServerError as error:
                    if error.sqlstate != CANCELLED:
                        raise
                    break
            async with _reading(connection):
                return await _told(connection, compiled, counted, part, as_of, began)

    async def _prepare(self, connection: Connection, definition: d.Past, as_of: Instant, part: int) -> Compiled:
        """part: how many of WHOLE are asked."""

        def answer(statement: Statement, users: Sql) -> Sql:
            return statement.piece("previewed", users=users, as_of=to_datetime(as_of), most=SHOWN)

        last = None if part == WHOLE else (part << SEQUENCE_BITS) - 1
        return await prepare(connection, definition, as_of, self._zone, answer=answer, last=last)


def _reading(connection: Connection) -> AbstractAsyncContextManager[None]:
    return connection.transaction(isolation="repeatable_read", readonly=True)


async def _count(connection: Connection, compiled: Compiled) -> _Counted:
    """Trio"""
    numbers: dict[str, int] = {}
    sample: list[int] = []
    for row in await connection.fetch(compiled.text, *compiled.values):
        if row["what"] == "sample":
            sample.append(row["number"])
        else:
            numbers[row["what"]] = row["number"]
    return _Counted(numbers["members"], numbers["known"], sample)


async def _told(
    connection: Connection, compiled: Compiled, counted: _Counted, part: int, as_of: Instant, began: float
) -> Previewed:
    """Trio"""
    milliseconds = int((trio.current_time() - began) * 1000)
    scale = WHOLE / part
    return Previewed(
        members=round(counted.members * scale),
        known=round(counted.known * scale),
        sample=await persons(connection, counted.sample),
        milliseconds=milliseconds,
        sql=compiled.text,
        values=[repr(value) for value in compiled.values],
        as_of=as_of,
        error=None if part == WHOLE else _error(counted.members, part / WHOLE),
    )


def _error(members: int, share: float) -> int:
    """As far as the score interval goes up, which holds for few, and for nobody, too. How many users the sample has is
    by chance as well, so that it is no less where all of them are members."""
    return math.ceil((SIGMAS**2 / 2 + SIGMAS * math.sqrt((members + SIGMAS**2 / 4) * (1 - share))) / share)
