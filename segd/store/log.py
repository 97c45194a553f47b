"""The log of segments: who qualified, was retracted or corrected, in order of commit."""

from collections.abc import Sequence
from typing import cast

from segd.core.effects import LogEntry, Logged, Standing
from segd.core.frames import Cause, Shown
from segd.core.time.instants import from_datetime, to_datetime
from segd.store.bridge import Connection, Pool
from segd.store.queries import query
from segd.store.session import Row
from segd.store.traits import traits_worth_showing


class PostgresLog:
    """The log as readers want it: in pages after a cursor, the last few, and what to show beside them."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def after(self, segment: int, cursor: int, most: int) -> list[Logged]:
        """Trio. The first entries of a segment after a cursor. Nothing is committed later that stands before them."""
        async with self._pool.acquire() as connection:
            return _logged(await connection.fetch(query("log_after"), segment, cursor, most))

    async def last(self, segment: int, most: int) -> list[Logged]:
        """Trio. The last entries of a segment, oldest first."""
        async with self._pool.acquire() as connection:
            return _logged(await connection.fetch(query("log_last"), segment, most))[::-1]

    async def end(self) -> int:
        """Trio. The cursor of the last entry of all; 0 where there is none."""
        async with self._pool.acquire() as connection:
            return await connection.fetchval(query("log_position"))

    async def beside(self, logged: Sequence[Logged]) -> list[Shown]:
        """Trio. As `beside`."""
        async with self._pool.acquire() as connection:
            return await beside(connection, logged)


async def beside(connection: Connection, logged: Sequence[Logged]) -> list[Shown]:
    """Trio. What to show beside each of these entries."""
    entries = [each.entry for each in logged]
    users = [entry.user for entry in entries]
    traits = await traits_worth_showing(connection, users)
    causes = [entry.of.cause for entry in entries]
    rows = await connection.fetch(query("causes"), users, causes, [to_datetime(entry.of.at) for entry in entries])
    found = {row["place"]: Cause(row["name"], from_datetime(row["timestamp"]), row["properties"]) for row in rows}
    return [Shown(traits.get(user, {}), found.get(place)) for place, user in enumerate(users, start=1)]


def _logged(rows: Sequence[Row]) -> list[Logged]:
    return [Logged(row["position"], LogEntry(row["kind"], row["user_number"], _of(row), _was(row))) for row in rows]


def _of(row: Row) -> Standing:
    return Standing(
        row["segment"],
        row["version"],
        row["id"],
        row["anonymous"],
        from_datetime(row["at"]),
        row["cause"],
        row["cause_id"],
    )


def _was(row: Row) -> Standing | None:
    if row["kind"] != "corrected":
        return None
    return Standing(
        row["segment"],
        cast(int, row["was_version"]),
        row["was_id"],
        row["was_anonymous"],
        from_datetime(row["was_at"]),
        row["was_cause"],
        row["was_cause_id"],
    )
