"""The log of segments: who qualified, was retracted or corrected, in order of commit."""

from collections.abc import Sequence
from typing import cast

from segd.core.effects import LogEntry, Logged, Standing
from segd.core.instants import from_datetime
from segd.store.bridge import Pool, Row
from segd.store.queries import query
from segd.store.traits import Shown, traits_worth_showing


class PostgresLog:
    """The log as readers want it: in pages after a cursor, the last few, and what to show of the users."""

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

    async def traits(self, users: Sequence[int]) -> dict[int, Shown]:
        """Trio. As `traits_worth_showing`."""
        async with self._pool.acquire() as connection:
            return await traits_worth_showing(connection, users)


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
