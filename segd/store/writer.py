"""The one writer: whoever adds to the journal holds a lock of the database's for as long as it does."""

import contextlib
from collections.abc import AsyncGenerator

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
        yield Writer(connection, await connection.fetchval(query("position")))
    finally:
        with trio.move_on_after(RETURN_SECONDS, shield=True), contextlib.suppress(ConnectionLost):
            await connection.fetchval(query("return_writers_lock"), LOCK)


class Writer:
    """The end of the journal. position: the sequence number of its last entry."""

    def __init__(self, connection: Connection, position: int) -> None:
        self.connection = connection
        self.position = position

    async def advance(self, to: int) -> None:
        """Trio. Move the end, in the transaction that writes the entries up to it."""
        if await self.connection.execute(query("advance"), self.position, to) != "UPDATE 1":
            raise StoreError("journal_moved", "somebody else has written to the journal: segd must be its only writer")
        self.position = to
