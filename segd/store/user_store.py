"""The UserStore of `core.ports` on Postgres: what actors are made of."""

from collections.abc import Sequence

from segd.core.deciding.plan import Plan
from segd.core.effects import StoredUser
from segd.core.ports import Known
from segd.core.time.instants import Instant
from segd.store import loading, segment_rows
from segd.store.bridge import Pool
from segd.store.queries import query


class PostgresUsers:
    """Reads over connections of the pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def segments(self, since: Instant) -> Known:
        """Trio. As `core.ports` says."""
        async with self._pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            known = await segment_rows.list_segments(connection)
            return Known(
                [segment.definition for segment in known],
                {segment.name: segment.number for segment in known},
                await segment_rows.runs(connection, since),
                await connection.fetchval(query("settled")),
            )

    async def load(self, numbers: Sequence[int], plan: Plan, since: Instant | None) -> Sequence[StoredUser]:
        """Trio. As `core.ports` says."""
        async with self._pool.acquire() as connection:
            return await loading.load_asked(connection, plan, numbers, since)

    async def due(self, before: Instant) -> Sequence[tuple[int, Instant]]:
        """Trio. As `core.ports` says."""
        async with self._pool.acquire() as connection:
            return await loading.due_users(connection, before, None)

    async def ahead(self) -> Sequence[tuple[int, Instant]]:
        """Trio. As `core.ports` says."""
        async with self._pool.acquire() as connection:
            return await loading.users_ahead(connection)

    async def concerned(self, plan: Plan, after: int, most: int) -> Sequence[int]:
        """Trio. As `core.ports` says."""
        asked = plan.asked()
        async with self._pool.acquire() as connection:
            return await loading.users_with_events(
                connection, [*asked.read, *asked.plain], None, plan.traits, after, most
            )
