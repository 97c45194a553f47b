"""`segd serve` as a process of its own, as clients see it: it comes back on its port after it was ended or killed."""

import contextlib
import json
import mmap
import random
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec
import trio
import trio_websocket

from segd.core.time.instants import Instant, parse_timestamp, to_text

KEY = "key"
LIMIT_SECONDS = 120
HANDSHAKE_SECONDS = 30
SERVE = [sys.executable, "-c", "from segd.cli.serve import serve; serve()", "--config"]
CLOCKED = [sys.executable, str(Path(__file__).parent / "clocked.py")]


class Clock:
    """Of a daemon that goes by it, and ours to set."""

    def __init__(self, path: Path, instant: Instant) -> None:
        path.write_bytes(struct.pack("<q", instant))
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), 8)
        self.path = path
        self.now = instant

    def set(self, instant: Instant) -> None:
        self.now = instant
        self._bytes[:8] = struct.pack("<q", instant)


class Watching:
    """A websocket whose frames are read as they are asked for."""

    def __init__(self, connection: trio_websocket.WebSocketConnection) -> None:
        self._connection = connection

    async def next(self, *types: str) -> dict[str, Any]:
        """The next frame of one of these types."""
        while True:
            frame = msgspec.json.decode(await self._connection.get_message())
            if frame["type"] in types:
                return frame

    async def entries(self, count: int) -> list[dict[str, Any]]:
        """So many entries of the log, in whatever frames."""
        entries: list[dict[str, Any]] = []
        while len(entries) < count:
            entries += (await self.next("log"))["entries"]
        return entries


class Segd:
    """process: None while it is not running. ready: the line that it last said so by, with its url, port and key.

    The methods that ask wait for their answer, and fail where it does not say that all is well."""

    def __init__(self, command: Sequence[str], config: Path, client: httpx.AsyncClient) -> None:
        self.command = command
        self.config = config
        self.process: trio.Process | None = None
        self.ready = ""
        self._client = client
        self._errors = config.with_suffix(".errors")

    @property
    def url(self) -> str:
        return self.ready.split()[1]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    @property
    def key(self) -> str:
        return self.ready.split()[-1]

    @property
    def said(self) -> str:
        """What it wrote to standard error so far, in all its lives."""
        return self._errors.read_text()

    # Its life

    async def begin(self) -> trio.Process:
        """Start it, and do not wait until it is ready."""
        with self._errors.open("ab") as errors:
            self.process = await trio.lowlevel.open_process(self.command, stdout=subprocess.PIPE, stderr=errors)
        return self.process

    async def start(self) -> None:
        process = await self.begin()
        assert process.stdout
        line = b""
        while b"\n" not in line and (chunk := await process.stdout.receive_some()):
            line += chunk
        assert line.startswith(b"READY http://"), (line, self.said)
        self.ready = line.decode().splitlines()[0]

    async def stop(self, number: int = signal.SIGKILL) -> int:
        """End it by a signal. Returns its exit code."""
        assert self.process
        self.process.send_signal(number)
        return await self.ended()

    async def ended(self) -> int:
        """Wait until it ends. Returns its exit code."""
        assert self.process
        assert self.process.stdout
        code = await self.process.wait()
        await self.process.stdout.aclose()
        self.process = None
        return code

    async def restart(self, number: int = signal.SIGKILL) -> None:
        await self.stop(number)
        await self.start()

    # What it is asked

    async def post(self, *messages: dict[str, Any]) -> None:
        """Events, in one request."""
        answer = await self.ask("POST", "/v1/batch", {"writeKey": KEY, "batch": messages})
        assert answer == {"success": True}, answer

    async def create(self, definition: dict[str, Any]) -> int:
        """A segment; returns its number."""
        return (await self.ask("POST", "/api/segments", {"definition": definition}))["id"]

    async def log(self, segment: int | str) -> list[dict[str, Any]]:
        """Every entry of a segment's log so far."""
        entries: list[dict[str, Any]] = []
        cursor = "0"
        while True:
            page = await self.ask("GET", f"/api/segments/{segment}/log?after={cursor}&limit=1000")
            entries += page["entries"]
            cursor = page["cursor"]
            if not page["more"]:
                return entries

    async def ask(self, method: str, path: str, content: Any = None) -> Any:
        response = await self._client.request(method, self.url + path, json=content)
        assert response.is_success, response.text
        return response.json() if response.content else None

    @contextlib.asynccontextmanager
    async def watch(self, segment: int | str, after: str | None = None) -> AsyncGenerator[Watching]:
        """after: a cursor; the watcher is told the log from there on. None: the feed for eyes."""
        path = f"/api/segments/{segment}/live" + ("" if after is None else f"?after={after}")
        # The stream is ours: trio-websocket leaves it open where the other side closes first.
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream, trio.open_nursery() as nursery:
            with trio.fail_after(HANDSHAKE_SECONDS):  # trio-websocket waits on where the other side is killed meanwhile
                host = f"127.0.0.1:{self.port}"
                connection = await trio_websocket.wrap_client_stream(nursery, stream, host, path)
            yield Watching(connection)
            nursery.cancel_scope.cancel()  # no goodbye: trio-websocket fails where a ping comes in its midst


@contextlib.asynccontextmanager
async def open_segd(
    folder: Path, *, clock: Clock | None = None, limit_seconds: float = LIMIT_SECONDS, **settings: Any
) -> AsyncGenerator[Segd]:
    """A daemon that is ready, by these settings on top of ours, of which None leaves one out; killed in the end.

    clock: instead of the machine's."""
    settings = {"listen": f"127.0.0.1:{free_port()}", "write_keys": [KEY], "grace": "0s", "catch_up": "0s"} | settings
    config = folder / "segd.toml"
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items() if value is not None]
    config.write_text("\n".join(lines))
    command = [*SERVE, str(config)] if clock is None else [*CLOCKED, str(config), str(clock.path)]
    # The certificates of the machine take longer to read than an answer; and segd closes what is idle, later than we.
    idle = httpx.Limits(keepalive_expiry=1)
    with trio.fail_after(limit_seconds):
        async with httpx.AsyncClient(timeout=60, verify=False, limits=idle) as client:
            segd = Segd(command, config, client)
            try:
                await segd.start()
                yield segd
            finally:
                if segd.process:
                    with trio.CancelScope(shield=True):
                        await segd.stop()


def free_port() -> int:
    """One that is left alone while a daemon is down: outside of those that the kernel gives to whoever takes any."""
    while True:
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", random.randrange(10_000, 32_000)))
            return one.getsockname()[1]


def track(event: str, user: str, at: Instant, id: str | None = None, **more: Any) -> dict[str, Any]:
    """A message; its id says what it is, where none is given."""
    id = id or f"{user} {event} {to_text(at)}"
    return {"type": "track", "event": event, "userId": user, "messageId": id, "timestamp": to_text(at)} | more


def told(entries: Sequence[dict[str, Any]]) -> list[tuple[str, str, Instant]]:
    """Of each: what, of whom, and dated when."""
    return [(entry["type"], entry["userId"], parse_timestamp(entry["at"])) for entry in entries]
