"""Webhooks, kept."""

from segd.core.time.instants import Instant, from_datetime, to_datetime
from segd.core.webhooks import Webhook
from segd.store.bridge import Pool
from segd.store.queries import query
from segd.store.session import Row


class PostgresWebhooks:
    """The table of webhooks. No change of it changes an outcome, so that none goes through the journal."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def all(self) -> list[Webhook]:
        """Trio. In order of number."""
        async with self._pool.acquire() as connection:
            return [_webhook(row) for row in await connection.fetch(query("webhooks"), None)]

    async def get(self, number: int) -> Webhook | None:
        """Trio"""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(query("webhooks"), number)
        return None if row is None else _webhook(row)

    async def add(self, segment: int, url: str, secret: str, cursor: int, now: Instant) -> int:
        """Trio. Its number."""
        async with self._pool.acquire() as connection:
            return await connection.fetchval(query("add_webhook"), segment, url, secret, cursor, to_datetime(now))

    async def drop(self, number: int) -> None:
        """Trio"""
        await self._execute("drop_webhook", number)

    async def delivered(self, number: int, before: int, cursor: int, now: Instant) -> None:
        """Trio. All entries up to the cursor. before: where they began; no change of it meanwhile is undone."""
        await self._execute("webhook_delivered", number, before, cursor, to_datetime(now))

    async def failed(self, number: int, reason: str, now: Instant) -> Instant:
        """Trio. Since when it fails."""
        async with self._pool.acquire() as connection:
            since = await connection.fetchval(query("webhook_failed"), number, reason, to_datetime(now))
        return now if since is None else from_datetime(since)

    async def switch_off(self, number: int, reason: str) -> None:
        """Trio"""
        await self._execute("switch_webhook_off", number, reason)

    async def rewind(self, number: int, cursor: int) -> None:
        """Trio. Deliver what comes after the cursor, be it off or not."""
        await self._execute("rewind_webhook", number, cursor)

    async def _execute(self, name: str, *args: object) -> None:
        async with self._pool.acquire() as connection:
            await connection.execute(query(name), *args)


def _webhook(row: Row) -> Webhook:
    return Webhook(
        number=row["number"],
        segment=row["segment"],
        segment_name=row["segment_name"],
        url=row["url"],
        secret=row["secret"],
        cursor=row["cursor"],
        status=row["status"],
        reason=row["reason"],
        created_at=from_datetime(row["created_at"]),
        delivered_at=None if row["delivered_at"] is None else from_datetime(row["delivered_at"]),
        failing_since=None if row["failing_since"] is None else from_datetime(row["failing_since"]),
    )
