"""A server that keeps the tables, as Postgres would, and the sessions that it has with segd, which break.

What it promises is what segd relies on. A transaction is seen by nobody before its commit, and is whole or never was.
Inside `repeatable_read` everything is as of its first statement. Transactions that write stand in line, the later ones
waiting for the earlier to end, as they would at the row of the journal. A lock is a session's until that ends; and a
session ends, and what it was about to commit is committed or not, some time after segd has lost it.

Nothing waits for the outside: time is Trio's, chance is one generator's, so that a seed is a run.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

import trio

from segd.store.errors import ConnectFailed, ConnectionLost
from segd.store.outages import ANSWER_SECONDS

from . import statements_of_messages, statements_of_segments  # noqa: F401  they say what each statement does
from .copying import copied
from .statements import READS, SETTINGS, WRITES, name_of
from .tables import Row, Tables, rows
from .violation import Violation

T = TypeVar("T")


@dataclass(frozen=True)
class Faults:
    """How often, of calls. seconds: on Trio's clock, of a call on average. lost: the session breaks, half of the times
    before the call is done, half after. stalled: it takes some seconds more."""

    seconds: float = 0.001
    lost: float = 0.0
    stalled: float = 0.0


NONE = Faults()
WRITERS = ("advance_live", "beat", "copy")  # what only whoever has the lock may do
LONG_SECONDS = ANSWER_SECONDS + 0.5  # for an answer: whoever has the lock knows by then that this is an outage


@dataclass(frozen=True)
class Done:
    """One thing that a session did. name: of the statement, or `begin`, `commit`, `rollback`, `copy`."""

    session: int
    name: str
    args: tuple[Any, ...] = ()
    result: Any = None


class Server:
    """nursery: in which sessions that segd has lost come to their end. trace: gets all that is done, in order. counts:
    of what went wrong. silences: from when to when whoever has the lock asked in vain, on Trio's clock."""

    def __init__(self, generator: Random, nursery: trio.Nursery, trace: list[Done] | None = None) -> None:
        self.generator = generator
        self.nursery = nursery
        self.trace = trace
        self.faults = NONE
        self.tables = Tables()
        self.away = False
        self.calls = 0
        self.counts: Counter[str] = Counter()
        self.silences: list[tuple[float, float]] = []
        self.sessions: list[Session] = []
        self.lock: Session | None = None
        self.writing: Session | None = None
        self.began = 0
        self._turn = trio.Event()
        self._awaited = 0, trio.Event()
        self._locked: Session | None = None  # when the server went down
        self._noticed: float | None = None  # by that one, on Trio's clock

    def fail(self) -> None:
        """The server goes down: all sessions end, and none begins until `come_back`."""
        self.away = True
        self._locked = self.lock
        for session in list(self.sessions):
            session.lose(at_once=True)

    def come_back(self) -> None:
        self.away = False
        if self._noticed is not None:
            self.silences.append((self._noticed, trio.current_time()))
        self._locked = self._noticed = None

    def asked_in_vain(self, session: "Session") -> None:
        if session is self._locked and self._noticed is None:
            self._noticed = trio.current_time()

    def answered(self, session: "Session", asked: float) -> None:
        """asked: when, on Trio's clock."""
        now = trio.current_time()
        if session is self.lock and now - asked > LONG_SECONDS:
            self.silences.append((asked, now))

    def done(self, session: "Session", name: str, args: tuple[Any, ...] = (), result: Any = None) -> None:
        if self.trace is not None:
            self.trace.append(Done(session.number, name, args, result))

    async def wait_turn(self, session: "Session") -> None:
        while self.writing not in (None, session):
            turn = self._turn
            await turn.wait()
        self.writing = session

    def end_turn(self, session: "Session") -> None:
        if self.writing is session:
            self.writing = None
            self._turn.set()
            self._turn = trio.Event()

    async def wait_calls(self, calls: int) -> None:
        """Until there were so many in all."""
        self._awaited = calls, trio.Event()
        await self._awaited[1].wait()

    def count_call(self) -> None:
        self.calls += 1
        if self.calls == self._awaited[0]:
            self._awaited[1].set()

    async def wait_some(self) -> None:
        """As long as a call may take."""
        g, faults = self.generator, self.faults
        if g.random() < faults.stalled:
            self.counts["stalls"] += 1
            await trio.sleep(g.uniform(0, 12))
        elif g.random() < 0.3:
            await trio.sleep(g.expovariate(1 / faults.seconds))
        else:
            await trio.lowlevel.checkpoint()


class Session:
    """A `Connection` of the store's, and what the server has at its other end.

    lost: segd has it no more. committing: a COMMIT is on its way.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        server.began += 1
        self.number = server.began
        server.sessions.append(self)
        self.lost = False
        self.in_transaction = False
        self._ended = False
        self._isolated = False
        self._seen: Tables | None = None  # inside a transaction that is isolated
        self._written: Tables | None = None  # inside a transaction that writes
        self._committing = False

    # As `Connection`

    async def execute(self, statement: str, *args: Any) -> str:
        result = await self._call(name_of(statement), args)
        return result if isinstance(result, str) else ""

    async def fetch(self, statement: str, *args: Any) -> list[Row]:
        return await self._call(name_of(statement), args)

    async def fetchrow(self, statement: str, *args: Any) -> Row | None:
        found = await self._call(name_of(statement), args)
        return found[0] if found else None

    async def fetchval(self, statement: str, *args: Any) -> Any:
        row = await self.fetchrow(statement, *args)
        return None if row is None else row[0]

    async def copy(self, table: str, columns: Sequence[str], content: bytes) -> int:
        return await self._call("copy", (table, tuple(columns), content))

    async def run(self, work: Callable[["Session"], Awaitable[T]], patience_seconds: float = 0) -> T:
        return await work(self)

    @asynccontextmanager
    async def transaction(self, *, isolation: str | None = None, readonly: bool = False) -> AsyncGenerator[None]:
        await self._reach()
        assert not self.in_transaction
        self.in_transaction = True
        self._isolated = isolation == "repeatable_read"
        self.server.done(self, "begin", (isolation,))
        try:
            yield
        except BaseException:
            if not self.lost:
                self._finish(False)
            raise
        assert not (readonly and self._written), "nothing is written in a transaction that only reads"
        await self._commit()

    def is_clean(self) -> bool:
        return not (self.lost or self.in_transaction)

    # What breaks

    def lose(self, at_once: bool = False) -> None:
        """segd has the session no more; the server has, for a while."""
        if not self.lost:
            self.lost = True
            self.server.counts["sessions lost"] += 1
            if not at_once:
                self.server.nursery.start_soon(self._linger)
        if at_once:
            self._end()

    async def _linger(self) -> None:
        await trio.sleep(self.server.generator.choice((0.0, 0.1, 2.0)) * self.server.generator.random())
        self._end()

    def _end(self) -> None:
        if self._ended:
            return
        if self.in_transaction:
            committed = self._committing and self.server.generator.random() < 0.5
            if self._committing and self._written is not None:
                self.server.counts["commits done unseen" if committed else "commits undone"] += 1
            self._finish(committed)
        self._ended = True
        self.server.done(self, "end")
        self.server.sessions.remove(self)
        if self.server.lock is self:
            self.server.lock = None

    def _check(self) -> None:
        if self.lost:
            self.server.asked_in_vain(self)
            raise ConnectionLost("the connection to the server was lost")

    def _maybe_lose(self) -> None:
        self.server.count_call()
        if self.server.generator.random() < self.server.faults.lost / 2:
            self.lose()
        self._check()

    async def _reach(self) -> None:
        self._check()
        await self.server.wait_some()
        self._check()
        self._maybe_lose()

    async def _answer(self) -> None:
        self._maybe_lose()
        await self.server.wait_some()
        self._check()

    # What is done

    async def _call(self, name: str, args: tuple[Any, ...]) -> Any:
        asked = trio.current_time()
        await self._reach()
        if name in WRITES or name == "copy":
            await self.server.wait_turn(self)
            if self.lost:
                self.server.end_turn(self)
            self._check()
        result = self._do(name, args)
        await self._answer()
        self.server.answered(self, asked)
        return result

    def _do(self, name: str, args: tuple[Any, ...]) -> Any:
        server = self.server
        if name in WRITERS and server.lock is not self:
            raise Violation(f"{name} of a segd that is not the writer")
        if name in SETTINGS:
            result: Any = ""
        elif name == "take_writers_lock":
            free = server.lock in (None, self)
            server.lock = self if free else server.lock
            result = rows("taken", [(free,)])
        elif name == "return_writers_lock":
            server.lock = None if server.lock is self else server.lock
            result = rows("returned", [(True,)])
        elif name in READS:
            result = READS[name](self._read(), *args)
        else:
            result = self._write(name, args)
        server.done(self, name, args, result)
        return result

    def _read(self) -> Tables:
        if self._written is not None:
            return self._written
        if not self._isolated:
            return self.server.tables
        if self._seen is None:
            self._seen = self.server.tables.copy()
        return self._seen

    def _write(self, name: str, args: tuple[Any, ...]) -> Any:
        if self._written is None:
            self._written = self.server.tables.copy()
        try:
            if name == "copy":
                return copied(self._written, *args)
            return WRITES[name](self._written, *args)
        finally:
            if not self.in_transaction:
                self._put()

    def _put(self) -> None:
        if self._written is not None:
            self.server.tables = self._written
            self._written = None
        self.server.end_turn(self)

    async def _commit(self) -> None:
        with trio.CancelScope(shield=True):
            self._committing = True
            asked = trio.current_time()
            await self._reach()
            written = self._written is not None
            self._finish(True)
            try:
                await self._answer()
            except ConnectionLost:
                self.server.counts["commits done unseen"] += written
                raise
            self.server.answered(self, asked)

    def _finish(self, commit: bool) -> None:
        self.server.done(self, "commit" if commit else "rollback")
        self.in_transaction = self._committing = self._isolated = False
        self._seen = None
        if not commit:
            self._written = None
        self._put()


class Pool:
    """What one segd has of sessions."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._idle: list[Session] = []
        self._open: list[Session] = []

    @asynccontextmanager
    async def acquire(self) -> AsyncGenerator[Session]:
        while self._idle and self._idle[-1].lost:
            self._idle.pop()
        session = self._idle.pop() if self._idle else await self._connect()
        try:
            yield session
        finally:
            if session.is_clean():
                self._idle.append(session)
            else:
                session.lose()

    async def _connect(self) -> Session:
        await self._server.wait_some()
        if self._server.away or self._server.generator.random() < self._server.faults.lost / 2:
            raise ConnectFailed("cannot connect to the server")
        session = Session(self._server)
        self._open.append(session)
        return session

    def die(self) -> None:
        """As all its sessions do where their process does."""
        for session in self._open:
            session.lose()
