"""The one writer: whoever adds to the journal holds a lock of the database's for as long as it does."""

import contextlib
import secrets
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

import trio

from segd.store.bridge import Connection
from segd.store.errors import ConnectionLost, StoreError
from segd.store.queries import query
from segd.store.session import Statements

LOCK = 7_308_613_710_048_978_534  # of this database's journal; any number nobody else uses
RETURN_SECONDS = 5


@contextlib.asynccontextmanager
async def only_writer(connection: Connection, mark: int | None = None) -> AsyncGenerator["Writer"]:
    """Trio. The journal is ours to add to, over this connection, until the block ends.

    mark: of `make_mark`, where the lock is taken again and again. Raises StoreError where another process has it: two
    would give numbers twice.
    """
    if not await connection.fetchval(query("take_writers_lock"), LOCK):
        raise StoreError(
            "writer_busy",
            "another segd writes to this database, a daemon or an import: wait until it is done, or stop it",
        )
    try:
        yield Writer(connection, await read_end(connection), make_mark() if mark is None else mark)
    finally:
        with trio.move_on_after(RETURN_SECONDS, shield=True), contextlib.suppress(ConnectionLost):
            await connection.fetchval(query("return_writers_lock"), LOCK)


class End(NamedTuple):
    """Where the journal ends: the sequence number of its last entry. effects: how often effects were written, so that
    a transaction of effects alone moves the end, too. log_position: of the last entry of the log. mark: who wrote it,
    for another may have written just as much as we tried to."""

    position: int
    effects: int
    log_position: int
    mark: int


class Writer:
    """What adds to the journal, over one connection. mark: what the end is marked with."""

    def __init__(self, connection: Connection, end: End, mark: int) -> None:
        self.connection = connection
        self.end = end
        self.mark = mark

    async def advance(self, connection: Statements, to: End, *more: Any, statement: str = "advance") -> None:
        """Either. Move the end, and mark it as ours, in the transaction that writes what lies before it. more: of
        another statement that advances and does more, what it takes besides."""
        to = to._replace(mark=self.mark)
        if await connection.execute(query(statement), *self.end[:2], *to, *more) != "UPDATE 1":
            raise StoreError("journal_moved", "somebody else has written to the journal: segd must be its only writer")
        self.end = to

    async def try_to_write(self) -> None:
        """Trio. Raises ServerError while nothing more can be written, as on a full disk."""
        await self.connection.execute(query("try_to_write"))


def make_mark() -> int:
    """One that nobody else has."""
    return secrets.randbits(63)


async def read_end(connection: Connection) -> End:
    """Trio"""
    row = await connection.fetchrow(query("end_of_journal"))
    assert row is not None
    return End(*row)
