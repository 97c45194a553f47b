"""Commands beside a running daemon, and in its stead where none runs."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import TypeVar

from segd.core.time.instants import Instant, to_datetime
from segd.store.bridge import Connection, Pool
from segd.store.errors import StoreError
from segd.store.queries import query
from segd.store.session import Statements
from segd.store.waiting import Changed
from segd.store.writer import Writer, only_writer

T = TypeVar("T")


async def keep_daemon_url(pool: Pool, url: str) -> None:
    """Trio. Leave word of where the daemon is asked. For the daemon itself, once it is the only writer."""
    async with pool.acquire() as connection:
        await connection.execute(query("keep_daemon_url"), url)


async def find_daemon(connection: Connection) -> str | None:
    """Trio. Where the daemon is asked that runs on this database; None where nobody writes to it.

    Raises StoreError `writer_busy` where somebody does and no daemon ever did. Where one did, and it is an import that
    writes now, nobody answers at that address.
    """
    try:
        async with only_writer(connection):
            return None
    except StoreError as error:
        url: str | None = await connection.fetchval(query("daemon_url"))
        if error.code != "writer_busy" or url is None:
            raise
        return url


class LoneJournal:
    """Changes where no daemon runs. What follows from them is the next daemon's to do, as after a crash."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def change(self, write: Callable[[Statements, int], Awaitable[Changed[T]]]) -> T:
        """Trio. As that of the PostgresJournal, but committed with all others at the end of `open_lone_journal`."""
        end = self._writer.end
        changed = await write(self._writer.connection, end.position + 1)
        await self._writer.advance(self._writer.connection, end._replace(position=end.position + 1))
        return changed.result

    async def overdue(self, segments: Collection[int], now: Instant) -> list[int]:
        """Trio. Of these segments, those of which something came due that no daemon has acted upon."""
        rows = await self._writer.connection.fetch(query("overdue"), list(segments), to_datetime(now))
        return [row["segment"] for row in rows]


@asynccontextmanager
async def open_lone_journal(pool: Pool) -> AsyncGenerator[LoneJournal]:
    """Trio. One transaction for all changes in the block. Raises StoreError `writer_busy`."""
    async with pool.acquire() as connection, only_writer(connection) as writer, connection.transaction():
        yield LoneJournal(writer)
