"""The journal: the one order of events and changes, and the one task that writes it.

It goes round: what arrived within a few milliseconds, or while the round before was written, is one group and one
transaction, in which the effects of the rounds before are written, too. Once it is committed all who waited return, and
the follower acts upon it. So whenever the follower reads the store, that is just where the follower is.

When the connection breaks, the round at hand may have been committed or not. The journal connects again, takes the
lock, which it gets only once the old session is gone, and reads where the journal ends: moved to where the round would
have ended, it is in; unmoved, it is written again; anywhere else, somebody else has written, and the journal ends with
an error. Those who wait do so PATIENCE_SECONDS longer; others are refused at once, until Postgres is back. So they are
when it is there and does not answer: then the round is waited for, however long.
"""

import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import tzinfo
from typing import TypeVar

import trio

from segd.core.effects import Effects, Group
from segd.core.events.messages import Event
from segd.core.ports import Follower, Unsure
from segd.core.time.instants import Instant, from_datetime
from segd.store import outages
from segd.store.bridge import Connection, Pool
from segd.store.entries import Entry, entry
from segd.store.errors import ConnectFailed, StoreError
from segd.store.groups import Refused, Round, Rounds, is_about_values
from segd.store.outages import Outages
from segd.store.queries import query
from segd.store.waiting import Append, Asked, Item, Queue, Write, unavailable
from segd.store.writer import End, Writer, make_mark, only_writer, read_end

T = TypeVar("T")

CONNECT_SECONDS = 3.0  # a server that is there answers in a few milliseconds
LOCK_SECONDS = 5.0  # at start: the session of a segd that was killed is given this long to end
PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)  # between attempts to connect; the last again and again
TRIES = 2  # of a group: it may be what breaks the connection
BEAT_SECONDS = 1.0  # by so much may the store be behind in what it says of when events were accepted


@dataclass(frozen=True)
class JournalSettings:
    """late_band: microseconds by which a live event may be late. group_…: a group is written when its first append has
    waited so long, or when so many events wait. waiting_…: how much may wait, including what is being written.
    catch_up: microseconds, as the follower has it."""

    late_band: int
    group_seconds: float
    group_events: int
    waiting_events: int
    waiting_bytes: int
    catch_up: int


class PostgresJournal:
    """The Journal of `core.ports` on Postgres. `run` must be running for appends to be taken.

    follower: is driven between the transactions. zone: in which days are counted. tell: called with sentences for the
    operator when the database goes away and when it is back.
    """

    def __init__(
        self,
        pool: Pool,
        settings: JournalSettings,
        follower: Follower,
        *,
        zone: tzinfo,
        now: Callable[[], Instant],
        tell: Callable[[str], None],
    ) -> None:
        self._pool = pool
        self._settings = settings
        self._follower = follower
        self._zone = zone
        self._now = now
        self._tell = tell
        self._queue = Queue(settings.waiting_events, settings.waiting_bytes)
        self._outages = Outages(
            follower, settings.catch_up, now=now, tell=tell, slow=lambda: self._queue.refuse_all(outages.SLOW)
        )
        self._started = False
        self._closed = False
        self._mark = make_mark()
        self._end: End | None = None  # of the journal as we left it; None: never connected
        self._round: Round | None = None  # the one at hand
        self._beat_at = -math.inf  # the next, on Trio's clock
        self._born = 0.0  # on Trio's clock: when segd would have begun, had it always run

    def unready(self) -> str | None:
        """Why events cannot be taken now, as a sentence; None when they can."""
        return "segd is stopping" if self._closed else self._outages.reason

    async def append(self, events: Sequence[Event], *, trusted: bool = False) -> None:
        """Trio. As `core.ports` says."""
        if not events:
            return
        self._check_ready()
        self._queue.check_room(len(events))
        append = Append(entries=[self._entry(event, trusted) for event in events])
        self._queue.check_room(append.events, append.size)
        self._queue.put(append)
        # Whoever is cancelled here, or waits in vain, has sent all the same: the group goes on.
        with trio.move_on_after(outages.ANSWER_SECONDS):
            await _wait_answer(append)
            return
        raise unavailable(outages.SLOW)

    async def import_history(self, events: Sequence[Event], now: Instant) -> int:
        """Trio. Return once these events are committed as history: they count from `now` on, and start, close and
        retract nothing live. Those that are stored already are passed over; returns how many were not.

        Raises as `append`. It takes as long as it takes; a caller that is cancelled does not take them back.
        """
        if not events:
            return 0
        self._check_ready()
        self._queue.check_room(len(events))
        entries = [entry(event, now, "imported", trusted=True) for event in events]
        history = Append(entries=entries, imported=True)
        self._queue.check_room(history.events, history.size)
        self._queue.put(history)
        await _wait_answer(history)
        return history.new

    async def change(self, write: Write[T]) -> T:
        """Trio. Return the result of a change once it is committed as an entry of the journal.

        write: called on the thread of the bridge's loop with the journal's session, inside a transaction, and with the
        position of the entry; again, where the connection broke. Whatever it raises undoes it and is raised here. The
        session looks rows up by their keys, without hash joins and scans. A caller that is cancelled does not take it
        back.

        Raises Unavailable, Unsure where it may be committed all the same.
        """
        self._check_ready()
        asked = Asked(alone=True, write=write)
        self._queue.put(asked)
        await _wait_answer(asked)
        return asked.result

    def close(self) -> None:
        """Take nothing more. `run` returns once all that was taken is committed, with what follows from it."""
        self._closed = True
        self._queue.notify()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Trio. Write what is appended until `close`; started once the journal is ours and takes events.

        Raises StoreError, in a group: at start what keeps the journal from us, `writer_busy` where another segd has it;
        later only `journal_moved`, since a database that is away is waited for.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._outages.watch)
            await self._write(task_status)
            nursery.cancel_scope.cancel()

    async def _write(self, task_status: trio.TaskStatus[None]) -> None:
        """Trio"""
        started_at = trio.current_time()
        attempts = 0
        try:
            while True:
                try:
                    async with self._open_writer() as writer:
                        await self._catch_up(writer)
                        if not self._started:
                            self._started = True
                            task_status.started()
                        attempts = 0
                        await self._go_round(writer)
                        return
                except StoreError as error:
                    if not self._started:
                        if error.code != "writer_busy" or trio.current_time() >= started_at + LOCK_SECONDS:
                            raise
                    elif error.code == "journal_moved":
                        raise
                    else:
                        self._outages.lost(error)
                        if self._outages.is_lasting():
                            self._refuse_all(outages.AWAY)
                        if self._closed and not self._queue.people:
                            return
                await trio.sleep(PAUSES_SECONDS[min(attempts, len(PAUSES_SECONDS) - 1)])
                attempts += 1
        finally:
            self._closed = True
            self._refuse_all("segd is stopping")

    # The connection, and what became of the round at hand when it broke

    @asynccontextmanager
    async def _open_writer(self) -> AsyncGenerator[Writer]:
        """Trio. The journal, ours to write. Raises StoreError."""
        async with AsyncExitStack() as stack:
            try:
                with trio.fail_after(CONNECT_SECONDS):
                    connection = await stack.enter_async_context(self._pool.acquire())
                    await stack.enter_async_context(_looking_up_by_key(connection))
                    # Asked before the lock: as long as another has that, we may learn that it has written.
                    self._check(await read_end(connection))
                    writer = await stack.enter_async_context(only_writer(connection, self._mark))
                    self._check(writer.end)
            except trio.TooSlowError:
                raise ConnectFailed("the database does not answer") from None
            yield writer

    def _check(self, end: End) -> None:
        """Raises StoreError where somebody else has moved the end of the journal."""
        if self._end is not None and end != self._end and (self._round is None or end != self._round.end):
            raise StoreError(
                "journal_moved",
                f"another segd has written to this database: its journal ends at {end.position:,}, and this segd left "
                f"it at {self._end.position:,}",
            )

    async def _catch_up(self, writer: Writer) -> None:
        """Trio. Bring the follower to where the journal, which is ours, ends."""
        if self._outages.refused:
            await writer.try_to_write()
        committed: Sequence[Item] = ()
        given_up: Sequence[Item] = ()
        if self._end is None:
            await self._resume(writer)
        elif self._round is not None:
            round, self._round = self._round, None
            if writer.end == self._end:
                given_up = [item for item in round.items if item.tries == TRIES]
                self._queue.put_back([item for item in round.items if item.tries < TRIES])
            else:
                committed = round.items
                self._complete(round)
        self._end = writer.end
        self._outages.goes_on()
        try:
            with self._outages.asking():
                await self._follower.follow()
        finally:
            # No earlier: they may send more at once.
            self._queue.answer(committed)
            self._queue.answer(given_up, unavailable("the database failed while this was written"))

    async def _resume(self, writer: Writer) -> None:
        """Trio. Tell the follower of what the last run left unsettled."""
        row = await writer.connection.fetchrow(query("unsettled"))
        assert row is not None
        self._follower.committed(
            Group(writer.end.position, replanned=row["replanned"], unsettled=frozenset(row["users"]))
        )
        self._born = trio.current_time() - row["ran"]
        if row["accepted_at"] is not None:
            self._outages.down(from_datetime(row["accepted_at"]))

    # Rounds

    async def _go_round(self, writer: Writer) -> None:
        rounds = Rounds(writer, self._zone)
        while (items := await self._next_items()) is not None:
            effects = self._follower.effects()
            with self._outages.asking():
                if (items or effects) and not await self._write_round(writer, rounds, items, effects):
                    rounds = Rounds(writer, self._zone)
                if not effects and trio.current_time() >= self._beat_at:
                    await self._beat(rounds)
            if effects and not items and self._is_anyones_turn():
                continue  # what else came due waits for them
            with self._outages.asking():
                await self._follower.follow()
        await self._beat(rounds)

    def _is_anyones_turn(self) -> bool:
        """Whether a change, or our stop, has waited for the effects that are now written."""
        first = self._queue.first()
        return self._closed if first is None else first.alone

    async def _next_items(self) -> list[Item] | None:
        """Wait for a round. Returns who is to be written in it, nobody where other things are to be done; None: we are
        closed and all is done."""
        effects = bool(self._follower.effects())
        if self._queue.first() is None and not effects and not self._closed:
            seconds = min(self._follower.seconds_until_due(), self._beat_at - trio.current_time())
            with trio.move_on_after(max(seconds, 0)):
                await self._queue.wait_news()
        first = self._queue.first()
        if first is None:
            return None if self._closed and not effects else []
        if first.alone and effects:
            return []
        if not first.alone:
            with trio.move_on_at(first.arrived + self._settings.group_seconds):
                while self._queue.queued_events < self._settings.group_events and not self._closed:
                    await self._queue.wait_news()
        return self._queue.take(self._settings.group_events)

    async def _write_round(self, writer: Writer, rounds: Rounds, items: Sequence[Item], effects: Effects) -> bool:
        """Trio. Commit it, and answer. Returns whether it was stored, else `rounds` is of no more use, and each item is
        to be tried alone, so that one that cannot be stored fails alone."""
        assert self._end is not None
        self._round = round = Round(items, effects, self._end)
        for item in items:
            item.tries += 1
        try:
            await rounds.write(round, self._now(), self._outages.accepted_at(), self._ran())
        except Exception as error:
            if not is_about_values(error):
                raise
            writer.end = self._end
            self._round = None
            if not items:
                raise RuntimeError("what follows from the events cannot be stored") from error
            if len(items) > 1 or effects:
                for item in items:
                    item.alone = True
                self._queue.put_back(items)
            else:
                self._queue.answer(items, self._failure(error))
            return False
        self._complete(round)
        self._queue.answer(items)
        return True

    def _complete(self, round: Round) -> None:
        """It is committed: note it."""
        if round.end != self._end:
            self._beat_at = trio.current_time() + BEAT_SECONDS
        self._end = round.end
        self._round = None
        if round.effects:
            self._follower.written(round.logged)
        if round.group is not None:
            self._follower.committed(round.group)

    async def _beat(self, rounds: Rounds) -> None:
        """Trio. To be called when no effects wait."""
        await rounds.beat(self._follower.effects().settled, self._outages.accepted_at(), self._ran())
        self._beat_at = trio.current_time() + BEAT_SECONDS

    def _ran(self) -> float:
        return trio.current_time() - self._born

    def _failure(self, error: Exception) -> Exception:
        """What to tell somebody whose events or change cannot be stored."""
        if isinstance(error, Refused):
            assert isinstance(error.__cause__, Exception)
            return error.__cause__
        self._tell(f"events that cannot be stored were refused: {error}")
        failure = RuntimeError("these events cannot be stored")
        failure.__cause__ = error
        return failure

    def _entry(self, event: Event, trusted: bool) -> Entry:
        received_at = event.received_at
        if received_at is None:
            raise ValueError("an event that is appended says when it was received")
        live = event.timestamp >= received_at - self._settings.late_band
        return entry(event, received_at, "live" if live else "late", trusted=trusted)

    # Those who wait

    def _check_ready(self) -> None:
        """Raises Unavailable."""
        if reason := self.unready():
            raise unavailable(reason)

    def _refuse_all(self, reason: str) -> None:
        if self._round is not None:
            self._queue.answer(self._round.items, unavailable(reason, Unsure))
        self._queue.refuse_all(reason)


async def _wait_answer(item: Item) -> None:
    """Trio. Raises what the answer is, where it is an error."""
    await item.done.wait()
    if item.error:
        raise item.error


@asynccontextmanager
async def _looking_up_by_key(connection: Connection) -> AsyncGenerator[None]:
    """The journal's settings, which must not stay with a connection that others may use next."""
    try:
        await connection.execute(query("look_up_by_key"))
        yield
    finally:
        with trio.move_on_after(CONNECT_SECONDS, shield=True), suppress(StoreError):
            await connection.execute(query("look_up_as_ever"))
