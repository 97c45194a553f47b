"""asyncpg under Trio: with `session` behind it all that knows asyncio.

An asyncio loop (uvloop) runs in one thread of its own. The Trio side hands it a coroutine by `call_soon_threadsafe` and
sleeps; the loop wakes it by `run_sync_soon`. Cancelling the Trio side cancels the coroutine and waits until that has
ended, so nothing of a cancelled call goes on unseen; asyncpg, cancelled, has the server stop the query.

The pool is ours, not asyncpg's: a connection that came back clean is used again without a round trip for resetting it,
one that is broken or still inside a transaction is thrown away. So session state (SET, session advisory locks) stays
with a connection: use SET LOCAL and transaction locks, or keep the connection.

Every async function says its flavour: "Trio" is called from Trio tasks, "asyncio" runs on the loop's thread, "Either"
wherever its `Statements` are. To go there and back takes as long as three short statements (0.3 ms against 0.1,
measured), so what the daemon does in each of its rounds goes over in one piece: `Connection.run`.
"""

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
import outcome
import trio
import uvloop

from segd.store.errors import ConnectFailed, ServerError
from segd.store.session import CANCELLED, CLOSING_SECONDS, Isolation, Row, Session

T = TypeVar("T")

OLDEST_SERVER = 15
SILENCE_SECONDS = 24


class _Loop:
    """The asyncio loop and its thread."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._loop.set_exception_handler(_report)
        self._thread = threading.Thread(target=self._run, name="segd-postgres", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.run_until_complete(self._end_leftovers())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    async def _end_leftovers(self) -> None:
        """asyncio. asyncpg's own tasks, such as a request to cancel that nobody waits for."""
        leftovers = asyncio.all_tasks() - {asyncio.current_task()}
        for task in leftovers:
            task.cancel()
        await asyncio.gather(*leftovers, return_exceptions=True)

    def stop(self) -> None:
        """End the thread; every `run` must have returned."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    async def run(self, start: Callable[[], Awaitable[T]], patience_seconds: float = 0) -> T:
        """Trio. Call `start` on the loop's thread and await what it returns, to its end.

        patience_seconds: how long it may go on once we are cancelled. A call that was cancelled but came to its end
        first returns its result: nothing done is forgotten.
        """
        token = trio.lowlevel.current_trio_token()
        task = trio.lowlevel.current_task()
        job: asyncio.Task[T] | None = None
        cancelled: outcome.Error | None = None

        async def call() -> T:
            """asyncio. Whatever `start` raises is the job's."""
            return await start()

        def begin() -> None:
            nonlocal job
            job = self._loop.create_task(call())
            job.add_done_callback(finish)

        def finish(job: asyncio.Task[T]) -> None:
            result: outcome.Outcome[T]
            if job.cancelled():
                result = outcome.Error(asyncio.CancelledError())
            elif error := job.exception():
                result = outcome.Error(error)
            else:
                result = outcome.Value(job.result())
            token.run_sync_soon(wake, result)

        def wake(result: outcome.Outcome[T]) -> None:
            if cancelled and isinstance(result, outcome.Error) and _is_cancellation(result.error):
                trio.lowlevel.reschedule(task, cancelled)
            else:
                trio.lowlevel.reschedule(task, result)

        def stop() -> None:
            assert job  # begun before, on this very thread
            self._loop.call_later(patience_seconds, job.cancel)

        def abort(raise_cancel: Callable[[], Any]) -> trio.lowlevel.Abort:
            nonlocal cancelled
            cancelled = outcome.capture(raise_cancel)
            self._loop.call_soon_threadsafe(stop)
            return trio.lowlevel.Abort.FAILED  # `wake` is still to come

        if not patience_seconds:
            await trio.lowlevel.checkpoint_if_cancelled()
        self._loop.call_soon_threadsafe(begin)
        return await trio.lowlevel.wait_task_rescheduled(abort)


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """asyncio. What no call heard of. Not that a connection broke: asyncpg leaves a future of its own with that."""
    if not isinstance(context.get("exception"), asyncpg.PostgresConnectionError | OSError):
        loop.default_exception_handler(context)


def _is_cancellation(error: BaseException) -> bool:
    return isinstance(error, asyncio.CancelledError) or (isinstance(error, ServerError) and error.sqlstate == CANCELLED)


class Connection:
    """One session of the server, for one task at a time. Made by `Pool.acquire`. Trio: all of it; what its methods do,
    `Statements` says."""

    def __init__(self, loop: _Loop, raw: Any) -> None:
        self._loop = loop
        self._session = Session(raw)

    async def run(self, work: Callable[[Session], Awaitable[T]], patience_seconds: float = 0) -> T:
        """Have all of `work` done on the loop's thread: there and back once, which takes longer than a short statement.
        Nothing may touch what it works on meanwhile. patience_seconds: how long it may go on once we are cancelled."""
        return await self._loop.run(lambda: work(self._session), patience_seconds)

    async def execute(self, query: str, *args: Any) -> str:
        return await self.run(lambda session: session.execute(query, *args))

    async def fetch(self, query: str, *args: Any) -> list[Row]:
        return await self.run(lambda session: session.fetch(query, *args))

    async def fetchrow(self, query: str, *args: Any) -> Row | None:
        return await self.run(lambda session: session.fetchrow(query, *args))

    async def fetchval(self, query: str, *args: Any) -> Any:
        return await self.run(lambda session: session.fetchval(query, *args))

    async def copy(self, table: str, columns: Sequence[str], content: bytes) -> int:
        return await self.run(lambda session: session.copy(table, columns, content))

    def pages(self, query: str, *args: Any, size: int) -> "Pages":
        """The rows in lists of up to `size`, through a cursor in the server; to be read inside a transaction."""
        return Pages(self, query, args, size)

    @contextlib.asynccontextmanager
    async def transaction(self, *, isolation: Isolation | None = None, readonly: bool = False) -> AsyncGenerator[None]:
        transaction = await self.run(lambda session: session.begin(isolation, readonly))
        try:
            yield
        except BaseException:
            await self.run(lambda session: session.roll_back(transaction), CLOSING_SECONDS)
            raise
        await self.run(lambda session: session.commit(transaction), CLOSING_SECONDS)

    def is_clean(self) -> bool:
        """Whether somebody else may use it next."""
        return self._session.is_clean()


class Pages:
    """The rows of a query, a list at a time. No generator: one left halfway has nothing to clean up."""

    def __init__(self, connection: Connection, query: str, args: Sequence[Any], size: int) -> None:
        self._connection = connection
        self._query = query
        self._args = args
        self._size = size
        self._cursor: Any = None

    def __aiter__(self) -> "Pages":
        return self

    async def __anext__(self) -> list[Row]:
        """Trio"""
        if self._cursor is None:
            self._cursor = await self._connection.run(lambda session: session.open_cursor(self._query, self._args))
        if page := await self._connection.run(lambda session: session.fetch_next(self._cursor, self._size)):
            return page
        raise StopAsyncIteration


class Pool:
    """Up to `size` connections to one database, opened when they are needed. Made by `open_pool`."""

    def __init__(self, loop: _Loop, dsn: str, size: int) -> None:
        self.size = size
        self._loop = loop
        self.dsn = dsn
        self._places = trio.Semaphore(size)
        self._idle: list[Any] = []
        self._open: set[Any] = set()

    @contextlib.asynccontextmanager
    async def acquire(self) -> AsyncGenerator[Connection]:
        """Trio. A connection of one's own for the block; waits, in order of asking, while all are in use.

        Raises ConnectFailed. A cancelled or failed block gives its connection back usable, or closed.
        """
        async with self._places:
            while self._idle and self._idle[-1].is_closed():
                self._open.discard(self._idle.pop())
            raw = self._idle.pop() if self._idle else await self._connect()
            connection = Connection(self._loop, raw)
            try:
                yield connection
            finally:
                if connection.is_clean():
                    self._idle.append(raw)
                else:
                    self._open.discard(raw)
                    await self._loop.run(lambda: _terminate([raw]), CLOSING_SECONDS)

    async def _connect(self) -> Any:
        """Trio"""

        async def connect() -> Any:
            """asyncio"""
            settings = {"application_name": "segd", "timezone": "UTC"}
            raw = await cast(Any, asyncpg).connect(self.dsn, server_settings=settings)
            _notice_silence(raw)
            return raw

        try:
            raw = await self._loop.run(connect)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise ConnectFailed(f"cannot connect to {without_password(self.dsn)}: {reason}") from error
        self._open.add(raw)
        return raw

    def apart(self, size: int) -> "Pool":
        """Another one, with connections that nobody can use up who asks this one; it is closed with this one."""
        other = Pool(self._loop, self.dsn, size)
        other._open = self._open
        return other

    async def check_server(self) -> None:
        """Trio. Raises ConnectFailed for a server that cannot be reached, is too old, or holds another encoding."""
        async with self.acquire() as connection:
            version = int(await connection.fetchval("SHOW server_version_num"))
            encoding = await connection.fetchval("SHOW server_encoding")
        where = without_password(self.dsn)
        if version < OLDEST_SERVER * 10_000:
            raise ConnectFailed(f"{where} is PostgreSQL {version // 10_000}: segd needs {OLDEST_SERVER} or newer")
        if encoding != "UTF8":
            raise ConnectFailed(f"the database {where} is encoded in {encoding}: create one with ENCODING 'UTF8'")

    async def aclose(self) -> None:
        """Trio. Say goodbye to the server, not for longer than CLOSING_SECONDS, cancelled or not."""

        async def close() -> None:
            """asyncio"""
            try:
                async with asyncio.timeout(CLOSING_SECONDS):
                    await asyncio.gather(*(raw.close() for raw in self._open), return_exceptions=True)
            except TimeoutError:
                await _terminate([*self._open])

        with trio.CancelScope(shield=True):
            await self._loop.run(close)


@contextlib.asynccontextmanager
async def open_pool(dsn: str, size: int) -> AsyncGenerator[Pool]:
    """Trio. A pool on a server that answers, and the loop's thread, until the block ends.

    dsn: `postgresql://…`. size: the most connections at once. Raises ConnectFailed where the server cannot be reached
    or is unfit; the message holds the DSN without its password.
    """
    loop = _Loop()
    try:
        pool = Pool(loop, dsn, size)
        try:
            await pool.check_server()
            yield pool
        finally:
            await pool.aclose()
    finally:
        loop.stop()


def without_password(dsn: str) -> str:
    """The DSN as it may be shown, with *** for a password wherever it holds one."""
    dsn = re.sub(r"(?i)(password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]+)", r"\1***", dsn)
    return re.sub(r"^([^/]*//[^/?#:@]*):.*@", r"\1:***@", dsn)


def _notice_silence(raw: Any) -> None:
    """Have the kernel break a connection over the network once the other machine is silent for SILENCE_SECONDS."""
    connected = raw._transport.get_extra_info("socket")
    if connected.family in (socket.AF_INET, socket.AF_INET6):
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, SILENCE_SECONDS // 2)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, SILENCE_SECONDS // 6)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_SECONDS * 1000)


async def _terminate(connections: Sequence[Any]) -> None:
    """asyncio. Drop connections without a goodbye."""
    for raw in connections:
        raw.terminate()
