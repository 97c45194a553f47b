"""The feeds: what happens, shown to whoever watches, as it happens.

Feeds are for eyes. Each shows at most 20 users a second, in at most 4 frames, and says how many it left out. Whoever
tells us what was committed never waits: we take note, a task of each feed does the rest, and for a segment that
nobody watches we only count. Who needs every entry reads the log, and learns from `notice` when it is worth reading on.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager

import trio

from segd.actors.activity_feed import ActivityFeed, Refused
from segd.actors.broadcast import Encode, Watcher
from segd.actors.seconds import Seconds
from segd.actors.segment_feed import Look, SegmentFeed
from segd.core.effects import Arrival, Logged
from segd.core.frames import Ending
from segd.core.time.instants import SECOND, Instant


class Feeds:
    """All feeds. `run` must be running for anything to be shown.

    encode: a frame as text. look: what to show beside entries. now: the time.
    """

    def __init__(self, encode: Encode, look: Look, refused: Refused, now: Callable[[], Instant]) -> None:
        self._encode = encode
        self._look = look
        self._refused = refused
        self._known_refused = refused.count  # when last looked at
        self._now = now
        self._activity = ActivityFeed(encode, refused)
        self._segments: dict[int, SegmentFeed] = {}  # those that are watched
        self._notices: dict[int, trio.Event] = {}
        self._removed: set[int] = set()
        self._seconds = Seconds()
        self._nursery: trio.Nursery | None = None
        self._closed = False

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Show what happens until cancelled."""
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self._activity.run)
            task_status.started()
            at = 0
            while True:
                at += SECOND
                if abs(at - self._now()) > SECOND:  # the first, or the clock was set, or we were held up
                    at = self._now() // SECOND * SECOND + SECOND
                await trio.sleep(max(at - self._now(), 0) / SECOND)
                self._tick(at)

    def close(self) -> None:
        """Send all who watch away, and whoever comes later: segd stops."""
        self._closed = True
        for feed in (self._activity, *self._segments.values()):
            feed.end(Ending.STOPPING)
        for notice in self._notices.values():
            notice.set()

    # What happened. None of these waits or fails.

    def published(self, logged: Sequence[Logged]) -> None:
        """These entries of the log are committed."""
        for each in logged:
            segment = each.entry.of.segment
            if each.entry.type == "qualified":
                self._seconds.qualifying[segment] += 1
            if feed := self._segments.get(segment):
                feed.add(each)
            self._notify(segment)

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        """These events are committed."""
        self._seconds.all += len(arrivals)
        if self._activity.watchers:
            self._activity.add(arrivals)

    def removed(self, segment: int) -> None:
        """The segment is no more."""
        self._removed.add(segment)
        if feed := self._segments.get(segment):
            feed.end(Ending.GONE)
        self._notify(segment)

    # Who wants to know

    @contextmanager
    def watching(self, segment: int) -> Generator[Watcher]:
        """A watcher of what a segment's log says, for the block. It gets the rates of the last minutes first."""
        feed = self._segments.get(segment)
        if feed is None:
            assert self._nursery, "run is running"
            feed = self._segments[segment] = SegmentFeed(self._encode, self._look)
            self._nursery.start_soon(feed.run)
        try:
            with feed.watched() as watcher:
                if (rates := self._seconds.rates(segment)).rates:
                    watcher.put(self._encode(rates))
                if ending := self.ending(segment):
                    watcher.end(ending)
                yield watcher
        finally:
            if not feed.watchers:
                feed.stop()
                del self._segments[segment]

    @contextmanager
    def watching_all(self) -> Generator[Watcher]:
        """A watcher of all activity, for the block. It gets the rates of the last minutes first."""
        if not self._activity.watchers:
            self._activity.begin()
        with self._activity.watched() as watcher:
            if (totals := self._seconds.totals()).totals:
                watcher.put(self._encode(totals))
            if self._closed:
                watcher.end(Ending.STOPPING)
            yield watcher

    def notice(self, segment: int) -> trio.Event:
        """Set once the segment's log has got more entries, or nothing more will come. To be asked for before one reads
        the log."""
        notice = self._notices.setdefault(segment, trio.Event())
        if self.ending(segment):
            notice.set()
        return notice

    def ending(self, segment: int) -> Ending | None:
        """Why nothing more will come of it; None where more may come."""
        if self._closed:
            return Ending.STOPPING
        return Ending.GONE if segment in self._removed else None

    def watchers(self) -> int:
        """How many there are."""
        return self._activity.watchers + sum(feed.watchers for feed in self._segments.values())

    def _notify(self, segment: int) -> None:
        if segment in self._notices:
            self._notices.pop(segment).set()

    def _tick(self, at: Instant) -> None:
        rejected = self._refused.count - self._known_refused
        self._known_refused += rejected
        second = self._seconds.end(at, rejected)
        if self._activity.watchers:
            self._activity.tick(second.total())
        for segment, feed in self._segments.items():
            if feed.watchers:
                feed.tick(second.rate(segment))
