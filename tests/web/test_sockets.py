"""Websockets: nothing is compressed, and who is silent while nothing is told, or may not ask any more, is ended."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trio_websocket
from feeding import Fed, Watching, eventually, open_fed, qualified

from segd.core.errors import SegdError
from segd.web import auth
from segd.web.api import sockets

PATHS = ["/api/segments/1/live", "/api/segments/1/live?after=", "/api/live"]


HANDSHAKE = (
    b"GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
)


@asynccontextmanager
async def silent(fed: Fed, path: str) -> AsyncGenerator[None]:
    """A client that takes what it is told, as the kernel does for one that hangs, and answers no ping."""
    async with await trio.open_tcp_stream("127.0.0.1", fed.port) as stream, trio.open_nursery() as nursery:
        await stream.send_all(HANDSHAKE % path.encode())

        async def read() -> None:
            async for _ in stream:
                pass

        nursery.start_soon(read)
        yield
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def with_token(fed: Fed, path: str, token: str) -> AsyncGenerator[Watching]:
    async with await trio.open_tcp_stream("127.0.0.1", fed.port) as stream, trio.open_nursery() as nursery:
        headers = [(b"Authorization", f"Bearer {token}".encode())]
        connection = await trio_websocket.wrap_client_stream(
            nursery, stream, f"127.0.0.1:{fed.port}", path, extra_headers=headers
        )
        yield Watching(connection)
        nursery.cancel_scope.cancel()  # no goodbye: trio-websocket fails where a ping comes in its midst


async def test_nothing_is_compressed_though_a_client_offers_it():
    async with open_fed() as fed, await trio.open_tcp_stream("127.0.0.1", fed.port) as stream:
        await stream.send_all(HANDSHAKE % b"/api/live")
        head = b""
        while b"\r\n\r\n" not in head:
            head += await stream.receive_some()
        assert head.startswith(b"HTTP/1.1 101 ")
        assert b"permessage-deflate" not in head


@pytest.mark.parametrize("path", PATHS)
async def test_who_does_not_answer_pings_is_ended_and_who_does_is_not(path: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sockets, "QUIET_SECONDS", 0.5)
    monkeypatch.setattr(sockets, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(sockets, "SILENCE_SECONDS", 3.0)
    async with open_fed() as fed, fed.watch("/api/segments/1/live?after=") as other:
        async with silent(fed, path), silent(fed, path):
            await eventually(lambda: fed.open == 3)
            await eventually(lambda: fed.open == 1)
        fed.publish(qualified(1, user=1))
        assert (await other.next())["cursor"] == "1"


@pytest.mark.parametrize("path", PATHS)
async def test_a_token_that_is_revoked_ends_what_was_opened_with_it(path: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(auth, "AGAIN_SECONDS", 0.05)
    async with open_fed(token="secret") as fed, with_token(fed, path, "secret") as watching:
        fed.access.error = SegdError("database_unreachable", "away")
        fed.publish(qualified(1, user=1))
        if path != "/api/live":
            await watching.next("qualified", "log")
        asked = fed.access.asked
        await eventually(lambda: fed.access.asked > asked)
        fed.access.error = None
        fed.access.token = "another"
        assert await watching.ended() == (4001, "the token was revoked, or the session is over")
        assert fed.feeds.watchers() == 0


async def test_all_that_is_open_is_one_question(monkeypatch: pytest.MonkeyPatch):
    """And a token that is revoked by us, in place of by another process, is no matter of time."""
    monkeypatch.setattr(auth, "AGAIN_SECONDS", 3600)
    async with open_fed(token="secret") as fed, with_token(fed, "/api/live", "secret") as one:
        async with with_token(fed, PATHS[1], "secret") as other:
            await eventually(lambda: fed.open == 2)
            fed.access.token = None
            fed.guard.look_again()
            for watching in (one, other):
                assert (await watching.ended())[0] == 4001
        assert fed.access.asked == 1


async def test_the_first_token_ends_what_was_open_to_all(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(auth, "AGAIN_SECONDS", 0.05)
    async with open_fed() as fed, fed.watch("/api/live") as watching:
        await watching.next("rate")
        fed.access.token = "secret"
        assert (await watching.ended())[0] == 4001
