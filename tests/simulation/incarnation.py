"""One life of the daemon in a simulated world: its own journal, follower and feeds, and those who read the log."""

from collections.abc import Callable, Iterable, Sequence
from zoneinfo import ZoneInfo

import trio

from segd.actors.feeds import Feeds
from segd.actors.follower import LiveFollower
from segd.core.effects import Arrival, LogEntry, Logged
from segd.core.errors import SegdError
from segd.core.instants import Instant, from_datetime
from segd.store.journal import JournalSettings, PostgresJournal
from segd.store.log import PostgresLog
from segd.store.segment_changes import SegmentChanges
from segd.store.user_store import PostgresUsers

from .server import Pool, Server
from .truth import BAND

STOP_SECONDS = 15.0  # as `daemon` gives the journal
PAGE = 3  # entries that a reader reads at once


class Violation(AssertionError):
    """A promise was broken."""


class Witness:
    """Hears what the daemon tells whoever watches, and looks whether it is so.

    told: the cursors of which anybody ever heard.
    """

    def __init__(self, server: Server) -> None:
        self.told: set[int] = set()
        self._server = server

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            stored = self._server.tables.events.get(arrival.sequence)
            if stored is None or stored.message_id != arrival.event.message_id:
                raise Violation(f"told of {arrival.event.message_id} before it was committed")

    def published(self, logged: Sequence[Logged]) -> None:
        for cursor, entry in logged:
            row = self._server.tables.log.get(cursor)
            if row is None or (row[0], row[1], from_datetime(row[6]), row[7]) != _short(entry):
                raise Violation(f"told of {entry} before it was committed")
            if cursor in self.told:
                raise Violation(f"told of {entry} twice")
            self.told.add(cursor)


def _short(entry: LogEntry) -> tuple[str, int, Instant, int]:
    return entry.type, entry.of.segment, entry.of.at, entry.of.cause


class Reader:
    """Reads a segment's log by cursor, over all lives of the daemon, as the websocket does with `?after=`."""

    def __init__(self, segment: int) -> None:
        self.segment = segment
        self.read: list[Logged] = []

    async def run(self, daemon: "Incarnation") -> None:
        """Trio. Until cancelled."""
        while True:
            notice = daemon.feeds.notice(self.segment)
            try:
                entries = await daemon.log.after(self.segment, self.read[-1].cursor if self.read else 0, PAGE)
            except SegdError:
                await trio.sleep(1)
                continue
            self.read.extend(entries)
            if not entries:
                if daemon.feeds.ending(self.segment):
                    return
                await notice.wait()


class Incarnation:
    def __init__(
        self, server: Server, witness: Witness, now: Callable[[], Instant], zone: ZoneInfo, grace: int, catch_up: int,
        room: int, group_events: int,
    ) -> None:  # fmt: skip
        self.pool = Pool(server)
        self.log = PostgresLog(self.pool)  # type: ignore[arg-type]
        self.feeds = Feeds(lambda frame: "", self.log.traits, None, now)  # type: ignore[arg-type]
        self.follower = LiveFollower(
            PostgresUsers(self.pool), [witness, self.feeds], zone=zone, grace=grace, catch_up=catch_up, late_band=BAND,
            now=now, room=room,
        )  # type: ignore[arg-type]  # fmt: skip
        self.journal = PostgresJournal(
            self.pool,  # type: ignore[arg-type]
            JournalSettings(BAND, 0.002, group_events, 1000, 1_000_000),
            self.follower,
            zone=zone,
            now=now,
            tell=lambda sentence: None,
        )
        self.segments = SegmentChanges(self.journal, now, self.feeds.removed)
        self._scope = trio.CancelScope()
        self._stopping = trio.Event()

    async def live(self, readers: Iterable[Reader], up: Callable[["Incarnation"], None]) -> None:
        """Trio. Until `crash`, `stop`, or what it meets. up: called once it takes events."""
        with self._scope:
            async with trio.open_nursery() as outer:
                await outer.start(self.feeds.run)
                async with trio.open_nursery() as nursery:
                    await nursery.start(self.journal.run)
                    self._readers = outer
                    self.read(readers)
                    up(self)
                    await self._stopping.wait()
                    self.feeds.close()
                    self.journal.close()
                    nursery.cancel_scope.deadline = trio.current_time() + STOP_SECONDS
                outer.cancel_scope.cancel()
        self.pool.die()

    def read(self, readers: Iterable[Reader]) -> None:
        for reader in readers:
            self._readers.start_soon(reader.run, self)

    def crash(self) -> None:
        """It is no more: whatever it was about to do is not done."""
        self.pool.die()
        self._scope.cancel()

    def stop(self) -> None:
        """As SIGTERM."""
        self._stopping.set()
