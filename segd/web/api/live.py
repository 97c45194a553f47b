"""What happens, told over websockets as it happens: the feeds, for eyes, and the log, for programs."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

import trio
from quart import websocket

from segd.core.effects import Logged
from segd.core.errors import SegdError
from segd.core.frames import Ending, Shown
from segd.web.api import telling
from segd.web.api.entries import entry, from_cursor, to_cursor
from segd.web.api.frames import Wording, text
from segd.web.api.routing import Part
from segd.web.api.segments import SegmentViews, find
from segd.web.api.shapes import feeds as shapes
from segd.web.api.shapes.segments import Segment
from segd.web.api.sockets import answer
from segd.web.auth import Guard

LAST: Final = 20  # entries in the first frame
PAGE: Final = 500  # entries in a frame of the log
READ_SECONDS: Final = (
    0.2  # from one look into the log to the next: programs want few large frames, the database few looks
)
AWAY_SECONDS: Final = 1.0  # until a database that is away is asked again


class Watcher(Protocol):
    ending: Ending | None

    async def next(self) -> str | None:
        """The text of the next frame; None at the end, and `ending` says why."""
        ...


class Feeds(Protocol):
    """Whoever knows what happens."""

    def ending(self, segment: int) -> Ending | None:
        """Why nothing more will come of it; None where more may come."""
        ...

    def watching(self, segment: int) -> AbstractContextManager[Watcher]: ...

    def watching_all(self) -> AbstractContextManager[Watcher]: ...

    def notice(self, segment: int) -> trio.Event:
        """Set once the segment's log has got more entries, or nothing more will come. To be asked for before one reads
        the log."""
        ...


class Log(Protocol):
    """What was told of segments, kept. Its methods raise SegdError while it cannot be reached."""

    async def after(self, segment: int, cursor: int, most: int) -> list[Logged]: ...

    async def last(self, segment: int, most: int) -> list[Logged]:
        """Oldest first."""
        ...

    async def end(self) -> int:
        """The cursor of the last entry of all segments."""
        ...

    async def beside(self, logged: Sequence[Logged]) -> Sequence[Shown]:
        """What to show beside each of these."""
        ...


def live(feeds: Feeds, log: Log, views: SegmentViews, wording: Wording, guard: Guard) -> Part:
    """wording: what the feeds' frames are put into words by. guard: whom it would not let in any more is sent away."""
    part = Part("feeds", "What happens, as it happens.")

    @part.socket(
        "/api/segments/{id}/live",
        "Watch a segment",
        frames=shapes.SegmentFrame,
        query=shapes.FeedQuery,
        errors=("bad_field", "not_found"),
    )
    async def watch(id: str, query: shapes.FeedQuery) -> None:
        """At most 20 users a second are shown, in at most 4 frames. With `after` it is the log instead: every entry, in
        order. Closed with 1001 when segd stops, 1013 when the database is away, 4001 when the token was revoked or the
        session is over, 4004 when the segment is deleted, 4008 when the client falls behind. Who does not answer pings
        is cut off."""
        segment = telling.segment(await views.one(await find(views, id)))
        wording.call(segment.id, segment.name)
        if isinstance(query.after, str):
            cursor = await from_cursor(query.after, log)
            await answer(lambda: _tell_log(segment, cursor), guard)
        else:
            await answer(lambda: _show(segment), guard)

    async def _show(segment: Segment) -> Ending:
        with feeds.watching(segment.id) as watcher:  # before what was is read, so that nothing falls between
            entries = (await log.last(segment.id, LAST))[::-1]
            shown = await log.beside(entries)
            told = [entry(each, segment.name, one) for each, one in zip(entries, shown, strict=True)]
            await websocket.send(text(shapes.Hello(segment, told)))
            return await _pass_on(watcher)

    async def _tell_log(segment: Segment, cursor: int) -> Ending:
        """Every entry, from the log itself and nowhere else. A slow reader only reads slowly."""
        while True:
            notice = feeds.notice(segment.id)
            try:
                entries = await log.after(segment.id, cursor, PAGE)
            except SegdError:
                await trio.sleep(AWAY_SECONDS)
                continue
            if entries:
                cursor = entries[-1].cursor
                told = [entry(each, wording.names[segment.id]) for each in entries]
                await websocket.send(text(shapes.LogFrame(told, to_cursor(cursor))))
                await trio.sleep(READ_SECONDS if len(entries) < PAGE else 0)
            elif ending := feeds.ending(segment.id):
                return ending
            else:
                await notice.wait()

    @part.socket("/api/live", "Watch all activity", frames=shapes.AllFrame)
    async def watch_all() -> None:
        """At most 20 events a second are shown, in at most 4 frames."""
        await answer(_show_all, guard)

    async def _show_all() -> Ending:
        with feeds.watching_all() as watcher:
            return await _pass_on(watcher)

    return part


async def _pass_on(watcher: Watcher) -> Ending:
    while (frame := await watcher.next()) is not None:
        await websocket.send(frame)
    return watcher.ending or Ending.STOPPING
