"""A session of the server as the bridge's loop has it: asyncpg's, with our errors and our ways to end a transaction.

Whatever takes `Statements` awaits nothing else, and so runs on either side: under Trio on a `Connection`, where every
statement goes to the loop's thread and back, or as the work of `Connection.run` on a `Session`, where many go together.
Such a function says "Either" where others say their flavour.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol, TypeVar

import asyncpg  # pyright: ignore[reportMissingTypeStubs]

from segd.store.errors import ConnectionLost, ServerError, StoreError

T = TypeVar("T")
Row = asyncpg.Record  # a tuple that also answers row["column"]
Isolation = Literal["read_committed", "repeatable_read", "serializable"]

CLOSING_SECONDS = 5  # what COMMIT, ROLLBACK and goodbyes may take once the caller is cancelled
CANCELLED = "57014"  # the server ended a statement: somebody asked it to, or its time was over


class Statements(Protocol):
    """What runs statements: a `Connection`, or the `Session` behind it."""

    async def execute(self, query: str, *args: Any) -> str:
        """Run a statement, or several where there are no args. Returns the server's words: `UPDATE 3`."""
        ...

    async def fetch(self, query: str, *args: Any) -> list[Row]:
        """All rows."""
        ...

    async def fetchrow(self, query: str, *args: Any) -> Row | None:
        """The first row, None where there is none."""
        ...

    async def fetchval(self, query: str, *args: Any) -> Any:
        """The first column of the first row, None where there is none."""
        ...

    async def copy(self, table: str, columns: Sequence[str], content: bytes) -> int:
        """COPY rows in, which are in Postgres' binary format; returns how many."""
        ...

    def transaction(
        self, *, isolation: Isolation | None = None, readonly: bool = False
    ) -> AbstractAsyncContextManager[None]:
        """BEGIN … COMMIT, ROLLBACK on any exception; inside another one, a savepoint.

        A COMMIT once sent is waited for though the caller is cancelled, CLOSING_SECONDS long, or as long as the work
        has patience: who gets past the block knows that it is committed, who gets ConnectionLost from its end does not
        know.
        """
        ...


class Session:
    """asyncio: all of it. raw: asyncpg's connection."""

    def __init__(self, raw: Any) -> None:
        self.raw = raw
        self._spoilt = False

    async def execute(self, query: str, *args: Any) -> str:
        return await self._run(lambda: self.raw.execute(query, *args))

    async def fetch(self, query: str, *args: Any) -> list[Row]:
        return await self._run(lambda: self.raw.fetch(query, *args))

    async def fetchrow(self, query: str, *args: Any) -> Row | None:
        return await self._run(lambda: self.raw.fetchrow(query, *args))

    async def fetchval(self, query: str, *args: Any) -> Any:
        return await self._run(lambda: self.raw.fetchval(query, *args))

    async def copy(self, table: str, columns: Sequence[str], content: bytes) -> int:
        status = await self._run(
            lambda: self.raw.copy_to_table(table, columns=columns, source=_in_one(content), format="binary")
        )
        return int(status.removeprefix("COPY "))

    async def open_cursor(self, query: str, args: Sequence[Any]) -> Any:
        """For `fetch_next`; good until the transaction ends."""
        return await self._run(lambda: self.raw.cursor(query, *args))

    async def fetch_next(self, cursor: Any, size: int) -> list[Row]:
        """So many more rows, or those that are left."""
        return await self._run(lambda: cursor.fetch(size))

    @contextlib.asynccontextmanager
    async def transaction(self, *, isolation: Isolation | None = None, readonly: bool = False) -> AsyncGenerator[None]:
        transaction = await self.begin(isolation, readonly)
        try:
            yield
        except BaseException:
            await self.roll_back(transaction)
            raise
        await self.commit(transaction)

    async def begin(self, isolation: Isolation | None, readonly: bool) -> Any:
        """What `commit` or `roll_back` ends."""

        async def start() -> Any:
            # Makes it here, too: that fails where the connection has broken unnoticed.
            transaction = self.raw.transaction(isolation=isolation, readonly=readonly)
            await transaction.start()
            return transaction

        try:
            return await self._run(start)
        except BaseException:
            self._spoilt = True  # asyncpg takes a half-begun transaction for an open one
            raise

    async def commit(self, transaction: Any) -> None:
        """Raises ServerError where the server rolled back instead: a deferred constraint, a serialization failure."""
        try:
            await self._run(transaction.commit)
        except ServerError:
            raise
        except BaseException:
            self._spoilt = True
            raise

    async def roll_back(self, transaction: Any) -> None:
        """Raises nothing: what broke the transaction says more. Where it does not end, the connection does, for asyncpg
        would begin no other transaction on that."""
        try:
            async with asyncio.timeout(CLOSING_SECONDS):
                await self._run(transaction.rollback)
        except (StoreError, TimeoutError):
            self.raw.terminate()
        except BaseException:
            self._spoilt = True
            raise

    def is_clean(self) -> bool:
        """Whether somebody else may use it next."""
        return not (self._spoilt or self.raw.is_closed() or self.raw.is_in_transaction())

    async def _run(self, ask: Callable[[], Awaitable[T]]) -> T:
        """With asyncpg's errors turned into ours."""
        try:
            return await ask()
        except asyncpg.InternalClientError as error:
            # Out of step with the server, as when that said goodbye just as we began: asyncpg never gets over it.
            self.raw.terminate()
            raise ConnectionLost(f"the connection to Postgres was lost: {error}") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, RuntimeError) as error:
            # RuntimeError: uvloop's, for writing to what has been closed
            closed = self.raw.is_closed() or self.raw._transport.is_closing()
            raise _translated(error, closed) from error


async def _in_one(content: bytes) -> AsyncGenerator[bytes]:
    yield content


def _translated(error: Exception, closed: bool) -> Exception:
    """Our error for one of asyncpg's. A wrong use of asyncpg (another operation in progress) stays what it is."""
    lost = closed or isinstance(error, OSError | asyncpg.PostgresConnectionError)
    if isinstance(error, asyncpg.PostgresError):
        told: Any = error
        if not lost and not told.sqlstate.startswith("57P"):
            # without the detail, which quotes the values of people; the whole error is the cause
            return ServerError(told.message or type(error).__name__, told.sqlstate, told.constraint_name)
        lost = True
    return ConnectionLost(f"the connection to Postgres was lost: {error}") if lost else error
