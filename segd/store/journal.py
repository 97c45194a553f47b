"""The journal: the one order of events, and the one task that writes it.

What arrives within a few milliseconds, or while the group before is being written, is one group and one transaction.
All appends of a group return together once it is committed.

When the connection breaks, the group at hand may have been committed or not. The journal connects again, takes the
lock, which it gets only once the old session is gone, and reads the position: moved to where the group would have
ended, the group is in; unmoved, it is written again; anywhere else, somebody else has written, and the journal ends
with an error. Those who wait do so PATIENCE_SECONDS longer; others are refused at once, until Postgres is back.
"""

from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from hashlib import blake2b

import trio

from segd.core.instants import DAY, to_datetime
from segd.core.messages import Event
from segd.core.ports import Unavailable
from segd.store import event_rows
from segd.store.bridge import Connection, Pool
from segd.store.entries import Entries, Entry, entry
from segd.store.errors import ConnectFailed, ServerError, StoreError
from segd.store.queries import query
from segd.store.writer import Writer, only_writer

PATIENCE_SECONDS = 2.0  # for Postgres to be back before those who wait are told to come later
ANSWER_SECONDS = 10.0  # no longer do senders wait, for SDKs give up after 10 to 15; the database may be at a large join
CONNECT_SECONDS = 3.0  # a server that is there answers in a few milliseconds
LOCK_SECONDS = 5.0  # at start: the session of a segd that was killed is given this long to end
PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)  # between attempts to connect; the last again and again
TRIES = 2  # of a group: it may be what breaks the connection
RETRY_SECONDS = 2  # after which senders should try again
ENTRY_BYTES = 1000  # of memory that an event takes beside its text, about

AWAY = "the database is away"  # all that senders need to know

# Of what Postgres answers, these classes are about the values it got: data exception, violated constraint, too much for
# it. All else (a full disk, a server that became read-only) may pass.
VALUES = ("22", "23", "54")


@dataclass(frozen=True)
class JournalSettings:
    """late_band: microseconds by which a live event may be late. group_…: a group is written when its first append has
    waited so long, or when so many events wait. waiting_…: how much may wait, including what is being written."""

    late_band: int
    group_seconds: float
    group_events: int
    waiting_events: int
    waiting_bytes: int


@dataclass(eq=False)
class _Append:
    """Somebody's events on their way."""

    entries: list[Entry]
    size: int  # bytes
    arrived: float  # on Trio's clock
    done: trio.Event = field(default_factory=trio.Event)
    error: Exception | None = None
    tries: int = 0
    alone: bool = False  # to be written in a transaction of its own


class PostgresJournal:
    """The Journal of `core.ports` on Postgres. `run` must be running for appends to be taken.

    tell: called with sentences for the operator when the database goes away and when it is back.
    """

    def __init__(self, pool: Pool, settings: JournalSettings, tell: Callable[[str], None]) -> None:
        self._pool = pool
        self._settings = settings
        self._tell = tell
        self._queue: deque[_Append] = deque()
        self._queued_events = 0
        self._waiting_events = 0  # queued, or in the group at hand
        self._waiting_bytes = 0
        self._change = trio.Event()
        self._closed = False
        self._position: int | None = None  # of the journal as we left it; None: never connected
        self._group: list[_Append] = []  # the one at hand
        self._target = 0  # the position once it is committed
        self._seen_day: int | None = None  # the one that `seen` was last made ready for
        self._lost_at: float | None = None  # on Trio's clock; None: all is well
        self._told = ""  # the code of the last error that the operator heard of

    def unready(self) -> str | None:
        """Why events cannot be taken now, as a sentence; None when they can."""
        if self._closed:
            return "segd is stopping"
        if self._position is None:
            return "segd is starting"
        return None if self._lost_at is None else AWAY

    async def append(self, events: Sequence[Event], *, trusted: bool = False) -> None:
        """Trio. As `core.ports` says."""
        if not events:
            return
        if reason := self.unready():
            raise _unavailable(reason)
        if self._waiting_events and self._waiting_events + len(events) > self._settings.waiting_events:
            raise _overloaded()
        entries = [self._entry(event, trusted) for event in events]
        size = sum(len(each.properties) + len(each.traits or b"") + ENTRY_BYTES for each in entries)
        if self._waiting_events and self._waiting_bytes + size > self._settings.waiting_bytes:
            raise _overloaded()
        append = _Append(entries, size, trio.current_time())
        self._waiting_events += len(entries)
        self._waiting_bytes += size
        self._queue.append(append)
        self._queued_events += len(entries)
        self._change.set()
        # Whoever is cancelled here, or waits in vain, has sent all the same: the group goes on.
        with trio.move_on_after(ANSWER_SECONDS):
            await append.done.wait()
        if not append.done.is_set():
            raise _unavailable("the database is slow")
        if append.error:
            raise append.error

    def close(self) -> None:
        """Take nothing more. `run` returns once all that was taken is committed."""
        self._closed = True
        self._change.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Trio. Write what is appended until `close`; started once the journal is ours and takes events.

        Raises StoreError: at start what keeps the journal from us, `writer_busy` where another segd has it; later
        only `journal_moved`, since a database that is away is waited for.
        """
        started_at = trio.current_time()
        attempts = 0
        try:
            while True:
                try:
                    async with self._open_writer() as writer:
                        if self._settle(writer.position):
                            task_status.started()
                        attempts = 0
                        await self._write_groups(writer)
                        return
                except StoreError as error:
                    if self._position is None:
                        if error.code != "writer_busy" or trio.current_time() >= started_at + LOCK_SECONDS:
                            raise
                    elif error.code == "journal_moved":
                        raise
                    else:
                        self._go_away(error)
                        if self._closed and not self._waiting_events:
                            return
                await trio.sleep(PAUSES_SECONDS[min(attempts, len(PAUSES_SECONDS) - 1)])
                attempts += 1
        finally:
            self._closed = True
            self._refuse_all("segd is stopping")

    # The connection, and what became of the group at hand when it broke

    @asynccontextmanager
    async def _open_writer(self) -> AsyncGenerator[Writer]:
        """Trio. The journal, ours to write. Raises StoreError."""
        async with AsyncExitStack() as stack:
            try:
                with trio.fail_after(CONNECT_SECONDS):
                    connection = await stack.enter_async_context(self._pool.acquire())
                    await stack.enter_async_context(_looking_up_by_key(connection))
                    # Asked before the lock: as long as another has that, we may learn that it has written.
                    self._check(await connection.fetchval(query("position")))
                    writer = await stack.enter_async_context(only_writer(connection))
                    self._check(writer.position)
            except trio.TooSlowError:
                raise ConnectFailed("the database does not answer") from None
            yield writer

    def _check(self, position: int) -> None:
        """Raises StoreError where somebody else has moved the end of the journal."""
        if self._position is not None and position not in (self._position, self._target):
            raise StoreError(
                "journal_moved",
                f"another segd has written to this database: its journal ends at {position:,}, and this segd left it "
                f"at {self._position:,}",
            )

    def _settle(self, position: int) -> bool:
        """Learn what became of the group at hand. position: of the journal, which is ours. Returns whether this is the
        first time."""
        first = self._position is None
        group, self._group = self._group, []
        if position == self._position:
            for append in group:
                if append.tries == TRIES:
                    self._answer([append], _unavailable("the database failed while these events were written"))
            self._requeue(group)
        else:
            self._answer(group)
        self._position = self._target = position
        if self._lost_at is not None:
            self._tell("the database is back")
            self._lost_at = None
        return first

    def _go_away(self, error: StoreError) -> None:
        """The database cannot be used now: tell the operator, and after a while those who wait."""
        now = trio.current_time()
        lost = self._lost_at is None
        if self._lost_at is None:
            self._lost_at = now
        lasting = now >= self._lost_at + PATIENCE_SECONDS
        if lasting:
            self._refuse_all(AWAY)
        if lost or (lasting and error.code != self._told):
            self._tell(f"events cannot be taken: {error.message}")
            self._told = error.code

    # Groups

    async def _write_groups(self, writer: Writer) -> None:
        rows = Entries(writer)
        while group := await self._next_group():
            if not await self._write_group(writer, rows, group):
                rows = Entries(writer)

    async def _next_group(self) -> list[_Append]:
        """Wait for work; nothing: we are closed and all is done."""
        while not self._queue and not self._closed:
            await self._wait_change()
        if not self._queue:
            return []
        with trio.move_on_at(self._queue[0].arrived + self._settings.group_seconds):
            while self._queued_events < self._settings.group_events and not self._closed:
                await self._wait_change()
        group = [self._dequeue()]
        room = 0 if group[0].alone else self._settings.group_events - len(group[0].entries)
        while self._queue and len(self._queue[0].entries) <= room and not self._queue[0].alone:
            group.append(self._dequeue())
            room -= len(group[-1].entries)
        return group

    async def _wait_change(self) -> None:
        self._change = trio.Event()
        await self._change.wait()

    def _dequeue(self) -> _Append:
        append = self._queue.popleft()
        self._queued_events -= len(append.entries)
        return append

    def _requeue(self, group: Sequence[_Append]) -> None:
        """Put back before all others those that have no answer yet."""
        for append in reversed(group):
            if not append.done.is_set():
                self._queue.appendleft(append)
                self._queued_events += len(append.entries)

    async def _write_group(self, writer: Writer, rows: Entries, group: list[_Append]) -> bool:
        """Trio. Write it and answer. Returns whether it was stored, else `rows` are of no more use: then each append is
        to be tried alone, so that one that cannot be stored fails alone."""
        self._group = group
        for append in group:
            append.tries += 1
        try:
            await self._write(writer, rows, group)
        except (ServerError, ValueError, ArithmeticError) as error:
            if isinstance(error, ServerError) and not error.sqlstate.startswith(VALUES):
                raise
            assert self._position is not None
            writer.position = self._target = self._position
            self._group = []
            if len(group) == 1:
                self._tell(f"events that cannot be stored were refused: {error}")
                failure = RuntimeError("these events cannot be stored")
                failure.__cause__ = error
                self._answer(group, failure)
            for append in group:
                append.alone = True
            self._requeue(group)
            return False
        self._position = writer.position
        self._group = []
        self._answer(group)
        return True

    async def _write(self, writer: Writer, rows: Entries, group: list[_Append]) -> None:
        """Trio. In one transaction, without what came before."""
        first_arrivals: dict[bytes, Entry] = {}
        for append in group:
            for each in append.entries:
                first_arrivals.setdefault(_hash(each.event.message_id), each)
        today = group[-1].entries[-1].received_at // DAY
        connection = writer.connection
        if today != self._seen_day:
            await connection.execute(query("turn_seen"), to_datetime(today * DAY))
            self._seen_day = today
        async with connection.transaction():
            for row in await connection.fetch(query("seen_hashes"), list(first_arrivals)):
                del first_arrivals[row[0]]
            if first_arrivals:
                self._target = writer.position + len(first_arrivals)
                await rows.write(list(first_arrivals.values()))
                seen = [event_rows.seen_row(hash, today) for hash in first_arrivals]
                await rows.copy("seen", event_rows.SEEN_COLUMNS, seen)

    def _entry(self, event: Event, trusted: bool) -> Entry:
        received_at = event.received_at
        if received_at is None:
            raise ValueError("an event that is appended says when it was received")
        live = event.timestamp >= received_at - self._settings.late_band
        return entry(event, received_at, live=live, trusted=trusted)

    # Answers

    def _answer(self, appends: Iterable[_Append], error: Exception | None = None) -> None:
        """Let them return, those that have not."""
        for append in appends:
            if not append.done.is_set():
                append.error = error
                append.done.set()
                self._waiting_events -= len(append.entries)
                self._waiting_bytes -= append.size

    def _refuse_all(self, reason: str) -> None:
        for append in (*self._group, *self._queue):
            self._answer([append], _unavailable(reason))
        self._queue.clear()
        self._queued_events = 0


@asynccontextmanager
async def _looking_up_by_key(connection: Connection) -> AsyncGenerator[None]:
    """The journal's settings, which must not stay with a connection that others may use next."""
    try:
        await connection.execute(query("look_up_by_key"))
        yield
    finally:
        with trio.move_on_after(CONNECT_SECONDS, shield=True), suppress(StoreError):
            await connection.execute(query("look_up_as_ever"))


def _hash(message_id: str) -> bytes:
    return blake2b(message_id.encode(), digest_size=event_rows.HASH_BYTES).digest()


def _unavailable(reason: str) -> Unavailable:
    return Unavailable("unavailable", f"events cannot be taken now: {reason}", RETRY_SECONDS)


def _overloaded() -> Unavailable:
    return Unavailable("overloaded", "more events are waiting than can be taken", RETRY_SECONDS)
