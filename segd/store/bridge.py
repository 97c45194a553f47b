"""asyncpg under Trio: the only module that knows asyncio.

An asyncio loop (uvloop) runs in one thread of its own. The Trio side hands it a coroutine by `call_soon_threadsafe` and
sleeps; the loop wakes it by `run_sync_soon`. Cancelling the Trio side cancels the coroutine and waits until that has
ended, so nothing of a cancelled call goes on unseen; asyncpg, cancelled, has the server stop the query.

The pool is ours, not asyncpg's: a connection that came back clean is used again without a round trip for resetting it,
one that is broken or still inside a transaction is thrown away. So session state (SET, session advisory locks) stays
with a connection: use SET LOCAL and transaction locks, or keep the connection.

Every async function says its flavour: "Trio" is called from Trio tasks, "asyncio" runs on the loop's thread.
"""

import asyncio
import contextlib
import re
import socket
import threading
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Literal, TypeVar, cast

import asyncpg  # pyright: ignore[reportMissingTypeStubs]
import outcome
import trio
import uvloop

from segd.store.errors import ConnectFailed, ConnectionLost, ServerError, StoreError

T = TypeVar("T")
Row = asyncpg.Record  # a tuple that also answers row["column"]
Isolation = Literal["read_committed", "repeatable_read", "serializable"]

OLDEST_SERVER = 15
SILENCE_SECONDS = 24
CLOSING_SECONDS = 5  # what COMMIT, ROLLBACK and goodbyes may take once the caller is cancelled
FEED_BYTES = 1 << 16  # of copy_in: below that, handing over costs more than sending
FEED_CHUNKS = 2  # of copy_in: one being sent, one ready


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
    return isinstance(error, asyncio.CancelledError | asyncpg.QueryCanceledError)


class Connection:
    """One session of the server, for one task at a time. Made by `Pool.acquire`."""

    def __init__(self, loop: _Loop, raw: Any) -> None:
        self._loop = loop
        self._raw = raw
        self._spoilt = False

    async def execute(self, query: str, *args: Any) -> str:
        """Trio. Run a statement, or several where there are no args. Returns the server's words: `UPDATE 3`."""
        return await self._run(lambda: self._raw.execute(query, *args))

    async def executemany(self, query: str, rows: Sequence[Sequence[Any]]) -> None:
        """Trio. Run a statement once for each row, all or nothing, in few round trips."""
        if not rows:  # asyncpg would leave the session in a transaction
            return
        await self._run(lambda: self._raw.executemany(query, rows))

    async def fetch(self, query: str, *args: Any) -> list[Row]:
        """Trio. All rows."""
        return await self._run(lambda: self._raw.fetch(query, *args))

    async def fetchrow(self, query: str, *args: Any) -> Row | None:
        """Trio. The first row, None where there is none."""
        return await self._run(lambda: self._raw.fetchrow(query, *args))

    async def fetchval(self, query: str, *args: Any) -> Any:
        """Trio. The first column of the first row, None where there is none."""
        return await self._run(lambda: self._raw.fetchval(query, *args))

    def pages(self, query: str, *args: Any, size: int) -> "Pages":
        """The rows in lists of up to `size`, through a cursor in the server; to be read inside a transaction."""
        return Pages(self, query, args, size)

    async def open_cursor(self, query: str, args: Sequence[Any], size: int) -> Callable[[], Awaitable[list[Row]]]:
        """Trio. What `pages` reads by: each call brings the next rows, an empty list at the end."""

        async def open_cursor() -> Any:
            """asyncio"""
            return await self._raw.cursor(query, *args)

        cursor = await self._run(open_cursor)
        return lambda: self._run(lambda: cursor.fetch(size))

    async def copy_records(self, table: str, columns: Sequence[str], records: Sequence[Sequence[Any]]) -> int:
        """Trio. COPY rows in; returns how many. records: whole in memory, for they are read on the loop's thread."""
        status = await self._run(lambda: self._raw.copy_records_to_table(table, columns=columns, records=records))
        return _rows_copied(status)

    async def copy_in(
        self,
        table: str,
        columns: Sequence[str],
        chunks: AsyncIterable[bytes],
        *,
        format: Literal["text", "csv", "binary"] = "text",
    ) -> int:
        """Trio. COPY a stream of bytes in, cut anywhere; returns how many rows.

        An error of `chunks` undoes it all. A generator is closed at the end, whatever the end.
        """
        feed = _Feed()

        async def begin() -> None:
            """asyncio"""
            feed.copy(self._raw.copy_to_table(table, columns=columns, source=feed.chunks(), format=format))

        await self._run(begin)
        try:
            gathered = bytearray()
            async for chunk in chunks:
                gathered += chunk
                if len(gathered) >= FEED_BYTES:
                    await self._run(partial(feed.put, bytes(gathered)))
                    gathered.clear()
            if gathered:
                await self._run(partial(feed.put, bytes(gathered)))
            return _rows_copied(await self._run(feed.finish))
        except BaseException:
            await self._run(feed.abandon, patience_seconds=CLOSING_SECONDS)
            raise
        finally:
            if isinstance(chunks, AsyncGenerator):
                await cast("AsyncGenerator[bytes]", chunks).aclose()

    @contextlib.asynccontextmanager
    async def transaction(self, *, isolation: Isolation | None = None, readonly: bool = False) -> AsyncGenerator[None]:
        """Trio. BEGIN … COMMIT, ROLLBACK on any exception; inside another one, a savepoint.

        A COMMIT once sent is waited for though the caller is cancelled, CLOSING_SECONDS long: who gets past the block
        knows that it is committed, who gets ConnectionLost from its end does not know.
        """

        async def start() -> Any:
            """asyncio. Makes it here, too: that fails where the connection has broken unnoticed."""
            transaction = self._raw.transaction(isolation=isolation, readonly=readonly)
            await transaction.start()
            return transaction

        try:
            transaction = await self._run(start)
        except BaseException:
            self._spoilt = True  # asyncpg takes a half-begun transaction for an open one
            raise
        try:
            yield
        except BaseException:
            with contextlib.suppress(StoreError):  # what broke the block says more
                await self._finish(transaction.rollback)
            raise
        await self._finish(transaction.commit)

    async def _finish(self, end: Callable[[], Awaitable[None]]) -> None:
        """Trio"""
        try:
            await self._run(end, patience_seconds=CLOSING_SECONDS)
        except ServerError:
            raise  # a deferred constraint, a serialization failure: the server has rolled back
        except BaseException:
            self._spoilt = True
            raise

    def is_clean(self) -> bool:
        """Whether somebody else may use it next."""
        return not (self._spoilt or self._raw.is_closed() or self._raw.is_in_transaction())

    async def _run(self, start: Callable[[], Awaitable[T]], patience_seconds: float = 0) -> T:
        """Trio. Run on the loop, with asyncpg's errors turned into ours."""
        try:
            return await self._loop.run(start, patience_seconds)
        except asyncpg.InternalClientError as error:
            # Out of step with the server, as when that said goodbye just as we began: asyncpg never gets over it.
            await self._loop.run(lambda: _terminate([self._raw]), CLOSING_SECONDS)
            raise ConnectionLost(f"the connection to Postgres was lost: {error}") from error
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, RuntimeError) as error:
            # RuntimeError: uvloop's, for writing to what has been closed
            closed = self._raw.is_closed() or self._raw._transport.is_closing()
            raise _translated(error, closed) from error


class Pages:
    """The rows of a query, a list at a time. No generator: one left halfway has nothing to clean up."""

    def __init__(self, connection: Connection, query: str, args: Sequence[Any], size: int) -> None:
        self._open = lambda: connection.open_cursor(query, args, size)
        self._next: Callable[[], Awaitable[list[Row]]] | None = None

    def __aiter__(self) -> "Pages":
        return self

    async def __anext__(self) -> list[Row]:
        """Trio"""
        if self._next is None:
            self._next = await self._open()
        if page := await self._next():
            return page
        raise StopAsyncIteration


class _Feed:
    """What copy_in hands over to the loop's thread, where all of this runs."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(FEED_CHUNKS)
        self._copying: asyncio.Task[str] | None = None

    def copy(self, copy: Coroutine[Any, Any, str]) -> None:
        self._copying = asyncio.create_task(copy)

    async def chunks(self) -> AsyncIterator[bytes]:
        """asyncio"""
        while chunk := await self._queue.get():
            yield chunk

    async def put(self, chunk: bytes | None) -> None:
        """asyncio. Wait for room. Raises what ended the copying, where that has ended."""
        assert self._copying
        putting = asyncio.create_task(self._queue.put(chunk))
        try:
            await asyncio.wait({putting, self._copying}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            putting.cancel()
        if self._copying.done():
            self._copying.result()

    async def finish(self) -> str:
        """asyncio"""
        assert self._copying
        await self.put(None)
        return await self._copying

    async def abandon(self) -> None:
        """asyncio"""
        assert self._copying
        self._copying.cancel()
        await asyncio.wait({self._copying})
        if not self._copying.cancelled():
            self._copying.exception()  # seen: what the caller hears of is what made us abandon it


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


def _rows_copied(status: str) -> int:
    return int(status.removeprefix("COPY "))


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
