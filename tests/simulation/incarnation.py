"""One life of the daemon in a simulated world: its own intake, journal, follower, feeds and webhooks."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import trio

from segd.actors.feeds import Feeds
from segd.actors.follower import LiveFollower
from segd.actors.webhooks import Webhooks
from segd.core.errors import SegdError
from segd.core.events.refused_ids import RefusedIds
from segd.core.time.instants import Instant
from segd.store.forgetting import load_refused_ids
from segd.store.journal import JournalSettings, PostgresJournal
from segd.store.log import PostgresLog
from segd.store.profiles import PostgresProfiles
from segd.store.segment_changes import SegmentChanges
from segd.store.user_store import PostgresUsers
from segd.store.webhooks import PostgresWebhooks
from segd.web.intake import Intake
from segd.web.rejected import Rejected

from .posting import KEY
from .server import Pool, Server
from .truth import BAND
from .watching import Hooks, Listening, Reader, Witness, encode

STOP_SECONDS = 15.0  # as `daemon` gives the journal


@dataclass(frozen=True)
class Settings:
    """As in the configuration. room: how many events of users are kept at hand."""

    zone: ZoneInfo
    grace: int
    catch_up: int
    room: int
    group_events: int
    waiting_events: int


class Incarnation:
    """refused: ids of which no message is taken. was_up: whether it ever took events."""

    def __init__(
        self, server: Server, witness: Witness, hooks: Hooks, now: Callable[[], Instant], settings: Settings
    ) -> None:
        self.pool = Pool(server)
        pool, zone = self.pool, settings.zone
        self.log = PostgresLog(pool)  # type: ignore[arg-type]
        rejected = Rejected()
        self.feeds = Feeds(lambda frame: "", self.log.beside, rejected, now)
        self.follower = LiveFollower(
            PostgresUsers(pool), [Listening(witness), self.feeds], zone=zone, grace=settings.grace,
            catch_up=settings.catch_up, late_band=BAND, now=now, room=settings.room,
        )  # type: ignore[arg-type]  # fmt: skip
        self.journal = PostgresJournal(
            pool,  # type: ignore[arg-type]
            JournalSettings(BAND, 0.002, settings.group_events, settings.waiting_events, 1_000_000, settings.catch_up),
            self.follower,
            zone=zone,
            now=now,
            tell=lambda sentence: None,
        )
        self.segments = SegmentChanges(self.journal, now, self.feeds.removed)
        self.refused = RefusedIds()
        self.intake = Intake(self.journal, write_keys={KEY}, now=now, rejected=rejected, refused_ids=self.refused)
        self.webhooks = Webhooks(PostgresWebhooks(pool), self.log, self.feeds, hooks, encode, now)  # type: ignore[arg-type]
        self.users = PostgresProfiles(pool, self.journal, zone, now, self.refused, lambda ids: None)  # type: ignore[arg-type]
        self._now = now
        self._scope = trio.CancelScope()
        self._stopping = trio.Event()
        self.was_up = False
        self._readers: trio.Nursery | None = None

    async def live(self, readers: Callable[[], Iterable[Reader]], up: Callable[["Incarnation"], None]) -> None:
        """Trio. Until `crash`, `stop`, or what it meets. readers, up: called once it takes events."""
        try:
            with self._scope:
                async with trio.open_nursery() as outer:
                    await outer.start(self.feeds.run)
                    async with trio.open_nursery() as nursery:
                        await nursery.start(self.journal.run)
                        await self._load_refused()
                        await outer.start(self.webhooks.run)
                        self._readers = outer
                        self.was_up = True
                        up(self)
                        self.read(readers())
                        await self._stopping.wait()
                        self.feeds.close()
                        self.journal.close()
                        nursery.cancel_scope.deadline = trio.current_time() + STOP_SECONDS
                    outer.cancel_scope.cancel()
        finally:
            self.pool.die()

    async def _load_refused(self) -> None:
        """The daemon would end here, and be started again."""
        while True:
            try:
                loaded = await load_refused_ids(self.pool, self._now())  # type: ignore[arg-type]
            except SegdError:
                await trio.sleep(1)
            else:
                self.refused._until.update(loaded._until)
                return

    def read(self, readers: Iterable[Reader]) -> None:
        assert self._readers is not None
        for reader in readers:
            self._readers.start_soon(reader.run, self)

    def crash(self) -> None:
        """It is no more: whatever it was about to do is not done."""
        self.pool.die()
        self._scope.cancel()

    def stop(self) -> None:
        """As SIGTERM."""
        self._stopping.set()
