"""Clients of the daemon that stop reading: they are ended in time, and hold up nobody. And those whose time is over."""

import signal
import socket
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio
import trio_websocket

from segd.actors import clock
from tests.daemons import Segd, open_segd, track

MEMBERS = 12_000
PAD = "x" * 250  # so that all of them are more than the kernel takes for a client
VIEWED = {"name": "Viewed", "kind": "live", "on": {"type": "action", "did": {"event": "Viewed"}}}
EXPORTS = [("members", "text/csv"), ("members", "application/x-ndjson"), ("log", "application/x-ndjson")]
WEBSOCKET = [
    "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
]  # fmt: skip


async def fill(segd: Segd) -> int:
    """A segment with many members."""
    number = await segd.create(VIEWED)
    at = clock.now() // 1000 * 1000
    for start in range(0, MEMBERS, 500):
        await segd.post(*(track("Viewed", f"{PAD}{n}", at, f"{PAD}{n}") for n in range(start, start + 500)))
    return number


@asynccontextmanager
async def deaf(segd: Segd, path: str, *headers: str) -> AsyncGenerator[int]:
    """Somebody who asks for something and never reads it; the port that is asked from."""
    client = trio.socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    await client.connect(("127.0.0.1", segd.port))
    async with trio.SocketStream(client) as stream:
        head = "".join(f"{header}\r\n" for header in headers)
        await stream.send_all(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode())
        yield client.getsockname()[1]


@asynccontextmanager
async def all_deaf(segd: Segd, segment: int) -> AsyncGenerator[list[int]]:
    async with AsyncExitStack() as stack:
        asked = [deaf(segd, f"/api/segments/{segment}/{what}", f"Accept: {type}") for what, type in EXPORTS]
        for path in (f"/api/segments/{segment}/live?after=0", f"/api/segments/{segment}/live", "/api/live"):
            asked.append(deaf(segd, path, *WEBSOCKET))
        # The log from its end on: nothing at all is told, but that nobody answers pings.
        asked.append(deaf(segd, f"/api/segments/{segment}/live?after=1000000", *WEBSOCKET))
        ports = [await stack.enter_async_context(one) for one in asked]
        await wait_connected(segd, ports)
        yield ports


def connected(segd: Segd, ports: list[int]) -> int:
    """How many of these the daemon's side of the kernel still knows."""
    known = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        ends = int(local.rpartition(":")[2], 16), int(remote.rpartition(":")[2], 16)
        known += ends[0] == segd.port and ends[1] in ports and state == "01"
    return known


async def wait_connected(segd: Segd, ports: list[int]) -> None:
    while connected(segd, ports) < len(ports):  # noqa: ASYNC110  the kernel tells nobody
        await trio.sleep(0.05)


async def test_who_stops_reading_is_ended_and_holds_up_neither_others_nor_a_stop(dsn: str, tmp_path: Path):
    async with open_segd(tmp_path, dsn=dsn) as segd:
        number = await fill(segd)
        async with segd.watch(number) as other, all_deaf(segd, number) as ports:
            await other.next("hello")
            sent = 0
            while connected(segd, ports):
                sent += 1
                await segd.post(track("Viewed", "ann", clock.now() // 1000 * 1000, f"{sent}"))
                await other.next("qualified")
                await trio.sleep(0.2)
        async with httpx.AsyncClient(timeout=60, base_url=segd.url) as client:
            for what, type in EXPORTS:  # of which only so many may be under way
                whole = await client.get(f"/api/segments/{number}/{what}", headers={"Accept": type})
                assert whole.status_code == 200
                assert len(whole.text.splitlines()) >= MEMBERS
        async with all_deaf(segd, number):
            assert await segd.stop(signal.SIGTERM) == 0


async def read_on(connection: trio_websocket.WebSocketConnection) -> None:
    while True:
        await connection.get_message()


async def test_a_revoked_token_and_a_session_that_ends_close_what_is_open(dsn: str, tmp_path: Path):
    async with open_segd(tmp_path, dsn=dsn) as segd, httpx.AsyncClient(base_url=segd.url) as client:
        first = (await client.post("/api/tokens", json={"name": "first", "scope": "manage"})).json()
        client.headers["Authorization"] = f"Bearer {first['secret']}"
        other = (await client.post("/api/tokens", json={"name": "other", "scope": "read"})).json()
        signed_in = await client.post("/api/session", json={"token": first["secret"]})
        cookie = signed_in.headers["set-cookie"].partition(";")[0]
        cases = [
            ({"Authorization": f"Bearer {other['secret']}"}, ("DELETE", f"/api/tokens/{other['token']['id']}", {})),
            ({"Cookie": cookie}, ("DELETE", "/api/session", {"Cookie": cookie})),
        ]
        for opened_with, (method, path, headers) in cases:
            # The stream is ours: trio-websocket leaves it open where the other side closes first.
            async with await trio.open_tcp_stream("127.0.0.1", segd.port) as stream, trio.open_nursery() as nursery:
                connection = await trio_websocket.wrap_client_stream(
                    nursery, stream, f"127.0.0.1:{segd.port}", "/api/live",
                    extra_headers=[(name.encode(), value.encode()) for name, value in opened_with.items()],
                )  # fmt: skip
                await connection.get_message()
                ended = await client.request(method, path, headers=headers)
                assert ended.status_code == 204
                with pytest.raises(trio_websocket.ConnectionClosed) as closed:
                    await read_on(connection)
                assert closed.value.reason
                assert closed.value.reason.code == 4001
                nursery.cancel_scope.cancel()
