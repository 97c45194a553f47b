"""The feeds on a real socket, with a log that is only remembered."""

from collections.abc import AsyncGenerator, Callable, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec
import pytest
import trio
import trio_websocket
from hypercorn.config import Config
from hypercorn.trio import serve

from segd.actors.feeds import Feeds
from segd.core.effects import Arrival, LogEntry, Logged, Standing
from segd.core.events.messages import Event
from segd.core.frames import Cause, Shown
from segd.core.language.reading import definition_json, read_definition
from segd.core.segment_views import SegmentView
from segd.core.time.instants import SECOND, parse_timestamp
from segd.web.api.application import make_site
from segd.web.api.frames import Wording
from segd.web.api.live import live
from segd.web.auth import Guard
from segd.web.rejected import Rejected
from segd.web.websockets import prepare

NOON = parse_timestamp("2026-11-22T12:00:00Z")
SEGMENTS = {1: "Cart left", 2: "Anything"}


@dataclass
class RememberedLog:
    """A log in memory. error: what to raise; reads: how often it was read after a cursor."""

    entries: list[Logged] = field(default_factory=list)
    error: Exception | None = None
    reads: int = 0

    async def after(self, segment: int, cursor: int, most: int) -> list[Logged]:
        self.reads += 1
        await self._checkpoint()
        return [each for each in self.entries if each.entry.of.segment == segment and each.cursor > cursor][:most]

    async def last(self, segment: int, most: int) -> list[Logged]:
        await self._checkpoint()
        return [each for each in self.entries if each.entry.of.segment == segment][-most:]

    async def end(self) -> int:
        await self._checkpoint()
        return max((each.cursor for each in self.entries), default=0)

    async def beside(self, logged: Sequence[Logged]) -> list[Shown]:
        """The users of odd numbers, and what they did."""
        await self._checkpoint()
        users = [each.entry.user for each in logged]
        cause = Cause("Viewed", NOON - SECOND, '{"price": 12.50, "tags": [], "sku": null}')
        return [Shown({"name": f"User {user}"}, cause) if user % 2 else Shown({}, None) for user in users]

    async def _checkpoint(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.error:
            raise self.error


@dataclass
class Access:
    """Of whoever has the token, where there is one. error: what to raise; asked: how often about what lasts."""

    token: str | None = None
    error: Exception | None = None
    asked: int = 0

    async def is_guarded(self) -> bool:
        return self.token is not None

    async def scope_of_token(self, secret: str) -> str | None:
        return "read" if secret == self.token else None

    async def standing(self, secrets: Set[str]) -> tuple[Set[str], bool]:
        self.asked += 1
        if self.error:
            raise self.error
        return secrets & {self.token}, self.token is not None


def qualified(cursor: int, user: int, segment: int = 1, at: int = NOON, type: Any = "qualified") -> Logged:
    of = Standing(segment, 1, f"user-{user}", False, at, cursor, f"message-{cursor}")
    return Logged(cursor, LogEntry(type, user, of, of._replace(at=at - SECOND) if type == "corrected" else None))


def arrival(number: int, **kwargs: Any) -> Arrival:
    content = b'{"price": 12.50, "sku": "%s", "items": [1, 2], "of": null}' % (b"x" * 500)
    event = Event("track", f"Event {number}", "ann", None, None, NOON, NOON, None, f"m{number}", None, 0, content)
    return Arrival(**({"event": event, "sequence": number, "received_at": NOON, "taken": "live", "user": 1} | kwargs))


class Views:
    """Of two segments."""

    async def page(self, *_: Any) -> Any:
        raise AssertionError("nobody lists segments here")

    async def number_of(self, named: str) -> int:
        for number, name in SEGMENTS.items():
            if named in (str(number), name):
                return number
        raise LookupError(named)

    async def one(self, number: int) -> SegmentView:
        definition = read_definition(
            {"name": SEGMENTS[number], "kind": "live", "on": {"type": "action", "did": {"event": "Viewed"}}}
        )
        return SegmentView(
            number, SEGMENTS[number], "live", definition, definition_json(definition), 1, False, None, NOON, NOON, None,
            None, None, [None] * 14, None,
        )  # fmt: skip


class Watching:
    """A websocket whose frames are read as they are asked for."""

    def __init__(self, connection: trio_websocket.WebSocketConnection) -> None:
        self.connection = connection

    async def next(self, *types: str) -> dict[str, Any]:
        """The next frame of one of these types; of any but a rate, where none is said."""
        while True:
            frame = msgspec.json.decode(await self.connection.get_message())
            if frame["type"] in types or (not types and frame["type"] not in ("rate", "rates")):
                return frame

    async def ended(self) -> tuple[int, str | None]:
        """Read to the end, and return what it was closed with."""
        with pytest.raises(trio_websocket.ConnectionClosed) as closed:
            await self._read_on()
        reason = closed.value.reason
        assert reason
        return reason.code, reason.reason

    async def _read_on(self) -> None:
        while True:
            await self.connection.get_message()


@dataclass
class Fed:
    """What a test talks to."""

    port: int
    feeds: Feeds
    log: RememberedLog
    rejected: Rejected
    access: Access
    guard: Guard
    open: int = 0  # handlers of websockets that have not ended
    ended: trio.Event = field(default_factory=trio.Event)
    _stop: trio.Event = field(default_factory=trio.Event)

    def publish(self, *logged: Logged) -> None:
        self.log.entries.extend(logged)
        self.feeds.published(logged)

    def stop(self) -> None:
        """As the daemon does."""
        self.feeds.close()
        self._stop.set()

    @asynccontextmanager
    async def watch(self, path: str) -> AsyncGenerator[Watching]:
        # The stream is ours: trio-websocket leaves it open where the other side closes first.
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream, trio.open_nursery() as nursery:
            connection = await trio_websocket.wrap_client_stream(nursery, stream, f"127.0.0.1:{self.port}", path)
            yield Watching(connection)
            nursery.cancel_scope.cancel()  # no goodbye: trio-websocket fails where a ping comes in its midst

    async def refused(self, path: str) -> httpx.Response:
        """What a websocket that is not let in is answered."""
        headers = {
            "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }  # fmt: skip
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", verify=False) as client:
            return await client.get(path, headers=headers)


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait for what somebody else does, as the test's limit allows."""
    while not holds():  # noqa: ASYNC110 — nobody tells
        await trio.sleep(0.01)


@asynccontextmanager
async def open_fed(*, port: int = 0, listener: Any = None, token: str | None = None) -> AsyncGenerator[Fed]:
    """port: to listen on; 0 is any. listener: a socket that listens already. token: that it takes to come in."""
    log, rejected, wording, start = RememberedLog(), Rejected(), Wording(), trio.current_time()
    feeds = Feeds(wording, log.beside, rejected, lambda: NOON + round((trio.current_time() - start) * SECOND))
    access = Access(token)
    guard = Guard(access, listening="127.0.0.1")
    site = make_site([live(feeds, log, Views(), wording, guard)], guard)
    config = Config()
    config.bind = [f"127.0.0.1:{port}"] if listener is None else [f"fd://{listener.dup().detach()}"]
    config.errorlog = config.accesslog = None
    config.graceful_timeout = 5
    fed = Fed(0, feeds, log, rejected, access, guard)

    async def counted(scope: Any, receive: Any, send: Any) -> None:
        fed.open += scope["type"] == "websocket"
        prepare(scope, send)
        try:
            await site(scope, receive, send)
        finally:
            fed.open -= scope["type"] == "websocket"

    with trio.fail_after(120):
        async with trio.open_nursery() as nursery:
            for part in (feeds, guard):
                await nursery.start(part.run)
            async with trio.open_nursery() as http:
                binds = await http.start(_serve, counted, config, fed)
                fed.port = int(binds[0].rpartition(":")[2]) if listener is None else listener.getsockname()[1]
                yield fed
                fed.stop()
            nursery.cancel_scope.cancel()


async def _serve(app: Any, config: Config, fed: Fed, *, task_status: trio.TaskStatus[list[str]]) -> None:
    await serve(app, config, shutdown_trigger=fed._stop.wait, task_status=task_status, mode="asgi")
    fed.ended.set()
