"""What happens, told over websockets as it happens: the feeds, for eyes, and the log, for programs.

Hypercorn's sends cannot be cancelled: where a client stops reading, its handler stays in `send` until the kernel ends
the connection. So nothing here waits for a client, but the client's own handler.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, Protocol

import trio
from quart import websocket

from segd.core.effects import Logged
from segd.core.errors import SegdError
from segd.core.frames import Ending
from segd.web.api import shapes, telling
from segd.web.api.entries import entry, from_cursor, to_cursor
from segd.web.api.frames import Wording, text
from segd.web.api.routing import Part
from segd.web.api.segments import SegmentViews, find

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

    async def traits(self, users: Sequence[int]) -> Mapping[int, Mapping[str, object]]:
        """Those worth showing, by number of the user."""
        ...


def live(feeds: Feeds, log: Log, views: SegmentViews, wording: Wording) -> Part:
    """wording: what the feeds' frames are put into words by."""
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
        order. Closed with 1001 when segd stops, 1013 when the database is away, 4004 when the segment is deleted, 4008
        when the client falls behind."""
        segment = telling.segment(await views.one(await find(views, id)))
        if isinstance(query.after, str):
            cursor = from_cursor(query.after)
            await _answer(lambda: _tell_log(segment, cursor))
        else:
            await _answer(lambda: _show(segment))

    async def _show(segment: shapes.Segment) -> Ending:
        wording.names[segment.id] = segment.name
        with feeds.watching(segment.id) as watcher:  # before what was is read, so that nothing falls between
            entries = (await log.last(segment.id, LAST))[::-1]
            traits = await log.traits([each.entry.user for each in entries])
            told = [entry(each, segment.name, traits.get(each.entry.user, {})) for each in entries]
            await websocket.send(text(shapes.Hello(segment, told)))
            return await _pass_on(watcher)

    async def _tell_log(segment: shapes.Segment, cursor: int) -> Ending:
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
                told = [entry(each, segment.name) for each in entries]
                await websocket.send(text(shapes.LogFrame(told, to_cursor(cursor))))
                await trio.sleep(READ_SECONDS if len(entries) < PAGE else 0)
            elif ending := feeds.ending(segment.id):
                return ending
            else:
                await notice.wait()

    @part.socket("/api/live", "Watch all activity", frames=shapes.AllFrame)
    async def watch_all() -> None:
        """At most 20 events a second are shown, in at most 4 frames."""
        await _answer(_show_all)

    async def _show_all() -> Ending:
        with feeds.watching_all() as watcher:
            return await _pass_on(watcher)

    return part


async def _answer(tell: Callable[[], Awaitable[Ending]]) -> None:
    """Accept, tell until the end, and close with what the end is. What the client says is passed over."""
    await websocket.accept()  # pyright: ignore[reportUnknownMemberType]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_pass_over)
        try:
            ending = await tell()
        except SegdError:  # of the store, which was there a moment ago
            ending = Ending.AWAY
        await websocket.close(ending.code, ending.reason)
        nursery.cancel_scope.cancel()


async def _pass_over() -> None:
    while True:
        await websocket.receive()


async def _pass_on(watcher: Watcher) -> Ending:
    while (frame := await watcher.next()) is not None:
        await websocket.send(frame)
    return watcher.ending or Ending.STOPPING
