"""The one writer: whoever adds to the journal holds a lock of the database's for as long as it does."""

import contextlib
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

import trio

from segd.store.bridge import Connection
from segd.store.errors import ConnectionLost, StoreError
from segd.store.queries import query

LOCK = 7_308_613_710_048_978_534  # of this database's journal; any number nobody else uses
RETURN_SECONDS = 5


@contextlib.asynccontextmanager
async def only_writer(connection: Connection) -> AsyncGenerator["Writer"]:
    """Trio. The journal is ours to add to, over this connection, until the block ends.

    Raises StoreError where another process has it: two would give numbers twice.
    """
    if not await connection.fetchval(query("take_writers_lock"), LOCK):
        raise StoreError(
            "writer_busy",
            "another segd writes to this database, a daemon or an import: wait until it is done, or stop it",
        )
    try:
        yield Writer(connection, await read_end(connection))
    finally:
        with trio.move_on_after(RETURN_SECONDS, shield=True), contextlib.suppress(ConnectionLost):
            await connection.fetchval(query("return_writers_lock"), LOCK)


class End(NamedTuple):
    """Where the journal ends: the sequence number of its last entry. effects: how often effects were written, so that
    a transaction of effects alone moves the end, too. log_position: of the last entry of the log."""

    position: int
    effects: int
    log_position: int


class Writer:
    """What adds to the journal, over one connection."""

    def __init__(self, connection: Connection, end: End) -> None:
        self.connection = connection
        self.end = end

    async def advance(self, to: End, *more: Any, statement: str = "advance") -> None:
        """Trio. Move the end, in the transaction that writes what lies before it. more: of another statement that
        advances and does more, what it takes besides."""
        if await self.connection.execute(query(statement), *self.end[:2], *to, *more) != "UPDATE 1":
            raise StoreError("journal_moved", "somebody else has written to the journal: segd must be its only writer")
        self.end = to

    async def try_to_write(self) -> None:
        """Trio. Raises ServerError while nothing more can be written, as on a full disk."""
        await self.connection.execute(query("try_to_write"))


async def read_end(connection: Connection) -> End:
    """Trio"""
    row = await connection.fetchrow(query("end_of_journal"))
    assert row is not None
    return End(*row)
