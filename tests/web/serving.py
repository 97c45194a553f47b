"""The intake on a real socket, with a journal that only remembers."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import trio
from hypercorn.config import Config
from hypercorn.trio import serve

from segd.core.events.messages import Event
from segd.core.events.refused_ids import RefusedIds
from segd.core.ports import Unavailable
from segd.core.time.instants import parse_timestamp
from segd.web.api.application import make_site
from segd.web.api.process import process
from segd.web.app import App
from segd.web.auth import Guard
from segd.web.intake import Intake
from segd.web.rejected import Rejected

NOON = parse_timestamp("2025-02-23T12:00:00Z")
KEY = "wk"


@dataclass
class RememberingJournal:
    """A Journal. error: what to raise; committed: what was taken, request by request."""

    committed: list[list[Event]] = field(default_factory=list)
    error: Exception | None = None

    async def append(self, events: Sequence[Event], *, trusted: bool = False) -> None:
        await trio.lowlevel.checkpoint()
        if self.error:
            raise self.error
        self.committed.append(list(events))

    @property
    def events(self) -> list[Event]:
        return [event for request in self.committed for event in request]


class Nobody:
    """No token was ever made."""

    async def is_guarded(self) -> bool:
        await trio.lowlevel.checkpoint()
        return False

    async def scope_of_token(self, secret: str) -> None:
        await trio.lowlevel.checkpoint()

    async def scope_of_session(self, secret: str) -> None:
        await trio.lowlevel.checkpoint()

    async def begin_session(self, token: str | None, seconds: int) -> None:
        await trio.lowlevel.checkpoint()

    async def end_session(self, secret: str) -> None:
        await trio.lowlevel.checkpoint()


@dataclass
class Site:
    """What a test talks to. client: without a write key of its own."""

    url: str
    client: httpx.AsyncClient
    journal: RememberingJournal
    rejected: Rejected
    unready: list[str]
    _streams: AsyncExitStack

    async def post(self, path: str, body: object, **kwargs) -> httpx.Response:
        """With a good key, unless headers or auth say otherwise. body: JSON, or bytes as they are."""
        kwargs.setdefault("auth", (KEY, ""))
        if isinstance(body, bytes):
            return await self.client.post(path, content=body, **kwargs)
        return await self.client.post(path, json=body, **kwargs)

    async def connect(self) -> trio.SocketStream:
        """A bare connection, closed after the test."""
        address = urlsplit(self.url)
        stream = await trio.open_tcp_stream(address.hostname or "", address.port or 0)
        return await self._streams.enter_async_context(stream)


@asynccontextmanager
async def open_site(**limits) -> AsyncGenerator[Site]:
    """limits: of the Intake."""
    journal, rejected, unready = RememberingJournal(), Rejected(kept=10), []
    intake = Intake(
        journal,
        write_keys={KEY, "other"},
        now=lambda: NOON,
        rejected=rejected,
        refused_ids=RefusedIds(),
        **limits,
    )
    watched = process(lambda: b"", lambda: unready[0] if unready else None)
    site = make_site([watched], Guard(Nobody(), listening="127.0.0.1"))
    app = App(intake, site)
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.errorlog = config.accesslog = None
    with trio.fail_after(120):
        async with trio.open_nursery() as nursery:
            [url] = await nursery.start(serve, app, config)
            async with httpx.AsyncClient(base_url=url, timeout=60, verify=False) as client, AsyncExitStack() as streams:
                yield Site(url, client, journal, rejected, unready, streams)
            nursery.cancel_scope.cancel()


def unavailable(code: str, retry_after: int) -> Unavailable:
    return Unavailable(code, "not now", retry_after)
