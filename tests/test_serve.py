"""`segd serve` as a process of its own: real sockets, a real Postgres, real signals."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from click.testing import CliRunner

from segd.cli.history import query
from segd.store.bridge import open_pool

SERVE = [sys.executable, "-c", "from segd.cli.serve import serve; serve()"]
LIMIT_SECONDS = 60
WRITERS = (
    "SELECT pid FROM pg_locks JOIN pg_database AS d ON d.oid = database "
    "WHERE locktype = 'advisory' AND granted AND datname = current_database()"
)


@pytest.fixture
def config(dsn: str, tmp_path: Path) -> Path:
    file = tmp_path / "segd.toml"
    written(file, f"dsn = {json.dumps(dsn)}", 'listen = "127.0.0.1:0"', 'write_keys = ["key"]')
    return file


def written(file: Path, *lines: str) -> None:
    file.write_text("\n".join(lines))


class Daemon:
    """One running `segd serve`. said: what it wrote to standard error, complete once it has ended."""

    def __init__(self, process: trio.Process, ready: str) -> None:
        self.process = process
        self.ready = ready
        self.url = ready.split()[1]
        self.port = int(self.url.rpartition(":")[2])
        self.key = ready.split()[-1]
        self.said = ""

    async def end(self, number: int) -> int:
        """Send a signal, and wait for the exit code."""
        self.process.send_signal(number)
        return await self.wait()

    async def wait(self) -> int:
        assert self.process.stderr
        with trio.fail_after(LIMIT_SECONDS):
            async for chunk in self.process.stderr:
                self.said += chunk.decode()
            return await self.process.wait()


@asynccontextmanager
async def served(*arguments: object) -> AsyncGenerator[Daemon]:
    """A daemon that is ready; ended by SIGTERM, and well, unless the test has ended it."""
    command = [*SERVE, *map(str, arguments)]
    process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    try:
        line = b""
        with trio.fail_after(LIMIT_SECONDS):
            while b"\n" not in line and (chunk := await process.stdout.receive_some()):
                line += chunk
        assert line.startswith(b"READY http://"), line
        daemon = Daemon(process, line.decode().splitlines()[0])
        yield daemon
        if process.poll() is None:
            assert await daemon.end(signal.SIGTERM) == 0, daemon.said
    finally:
        process.kill()
        for stream in (process.stdout, process.stderr):
            assert stream
            await stream.aclose()


def batch(*ids: str, user: str = "u") -> dict[str, Any]:
    return {"batch": [{"type": "track", "event": "A", "userId": user, "messageId": id} for id in ids]}


class Sender:
    """Posts batches one after the other, each until it is answered with 200. stop: after the batch at hand."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sent: list[str] = []
        self.refused = 0
        self.port = 1  # where nobody listens
        self.stop = False
        self.given_up = False
        self.done = trio.Event()

    async def run(self) -> None:
        while not self.stop:
            ids = [f"{self.name}-{len(self.sent) + n}" for n in range(20)]
            content = json.dumps(batch(*ids, user=f"user {self.name}") | {"writeKey": "key"}).encode()
            with trio.fail_after(LIMIT_SECONDS):
                while not (self.given_up or await self._post(content)):  # noqa: ASYNC110  it posts again
                    await trio.sleep(0.02)
            self.sent += ids
        self.done.set()

    async def _post(self, content: bytes) -> bool:
        """Whether it was answered with 200. By hand: httpx warns of what is left when a connection breaks."""
        head = f"POST /v1/batch HTTP/1.1\r\nHost: segd\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n"
        answer = b""
        try:
            async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
                await stream.send_all(head.encode() + content)
                async for chunk in stream:
                    answer += chunk
        except (OSError, trio.BrokenResourceError):
            return False
        if not answer.endswith(b"}"):
            return False
        if answer.startswith(b"HTTP/1.1 200 "):
            return True
        assert re.match(rb"HTTP/1.1 (429|503) ", answer), answer
        assert re.search(rb"\r\nretry-after: [1-9]", answer), answer
        self.refused += 1
        return False


@asynccontextmanager
async def sending(count: int = 4) -> AsyncGenerator[list[Sender]]:
    """Senders at work, in the block and until each has an answer to its last batch."""
    senders = [Sender(f"{n}") for n in range(count)]
    async with trio.open_nursery() as nursery:
        for sender in senders:
            nursery.start_soon(sender.run)
        yield senders
        await stopped(senders)


async def stopped(senders: list[Sender]) -> None:
    """Wait for the answers to their last batches."""
    for sender in senders:
        sender.stop = True
    for sender in senders:
        await sender.done.wait()


async def sent_at_least(senders: list[Sender], more: int) -> None:
    """Wait until each has got its 200 for so many more events."""
    goals = [len(sender.sent) + more for sender in senders]
    with trio.fail_after(LIMIT_SECONDS):
        while any(len(sender.sent) < goal for sender, goal in zip(senders, goals, strict=True)):  # noqa: ASYNC110
            await trio.sleep(0.01)


async def rows(dsn: str, statement: str) -> list[Any]:
    async with open_pool(dsn, size=1) as pool, pool.acquire() as connection:
        return [row[0] for row in await connection.fetch(statement)]


async def assert_stored_once(dsn: str, senders: list[Sender]) -> None:
    found = await rows(dsn, "SELECT message_id FROM events ORDER BY sequence")
    assert len(found) == len(set(found))
    for sender in senders:  # also in the order in which they were sent
        assert [id for id in found if id.startswith(f"{sender.name}-")] == sender.sent
    assert await rows(dsn, "SELECT position FROM journal") == [len(found)]
    assert await rows(dsn, "SELECT count(*) FROM users") == [len(senders)]


async def test_an_event_is_in_the_history_once_it_is_answered(config: Path, tmp_path: Path):
    definition = tmp_path / "asked.json"
    written(definition, '{"name": "asked", "kind": "past", "where": {"type": "did", "event": "A"}}')
    async with served("--config", config) as daemon, httpx.AsyncClient(auth=("key", "")) as client:
        assert (await client.get(f"{daemon.url}/readyz")).status_code == 200
        answer = await client.post(f"{daemon.url}/v1/track", json={"userId": "ann", "event": "A"})
        assert (answer.status_code, answer.json()) == (200, {"success": True})
        arguments = [str(definition), "--config", str(config)]
        assert (await trio.to_thread.run_sync(CliRunner().invoke, query, arguments)).stdout == "ann\n"
        refused = await client.post(f"{daemon.url}/v1/track", json={"userId": "ann", "event": "A"}, auth=("no", ""))
        assert refused.status_code == 401


async def test_without_write_keys_one_is_made_and_kept(config: Path, dsn: str):
    written(config, f"dsn = {json.dumps(dsn)}")
    keys: list[str] = []
    for _ in range(2):
        async with served("--config", config, "--listen", "[::1]:0") as daemon:
            assert re.fullmatch(r"READY http://\[::1\]:\d+ write key [0-9a-f]{32}", daemon.ready)
            keys.append(daemon.key)
            async with httpx.AsyncClient() as client:
                answer = await client.post(f"{daemon.url}/v1/batch", json=batch("1") | {"writeKey": daemon.key})
                assert answer.status_code == 200
    assert keys[0] == keys[1]
    assert await rows(dsn, "SELECT message_id FROM events") == ["1"]


async def test_killed_again_and_again_while_events_are_posted(config: Path, dsn: str):
    async with sending() as senders:
        for more in (60, 200, 100, 400, 20):
            async with served("--config", config) as daemon:
                for sender in senders:
                    sender.port = daemon.port
                await sent_at_least(senders, more)
                await daemon.end(signal.SIGKILL)
        async with served("--config", config) as daemon:
            for sender in senders:
                sender.port = daemon.port
            await stopped(senders)
    await assert_stored_once(dsn, senders)


async def test_the_database_ends_sessions_while_events_are_posted(config: Path, dsn: str):
    async with served("--config", config) as daemon, sending() as senders:
        for sender in senders:
            sender.port = daemon.port
        for _ in range(10):
            await sent_at_least(senders, 40)
            await rows(dsn, f"SELECT pg_terminate_backend(pid, 5000) FROM ({WRITERS}) AS w")
        await sent_at_least(senders, 40)
    assert daemon.process.returncode == 0
    await assert_stored_once(dsn, senders)


async def test_the_database_is_killed_while_events_are_posted(tmp_path: Path):
    """The embedded one, which the daemon starts again by itself."""
    state_dir = tmp_path / "state"
    socket_dir = state_dir / "postgres"
    dsn = f"postgresql://segd@/postgres?host={socket_dir}&port=5432"
    config = tmp_path / "segd.toml"
    written(config, 'write_keys = ["key"]')
    arguments = ("--config", config, "--state-dir", state_dir, "--listen", "127.0.0.1:0")
    async with served(*arguments) as daemon, sending() as senders:
        for sender in senders:
            sender.port = daemon.port
        for _ in range(2):
            await sent_at_least(senders, 40)
            os.kill(int((socket_dir / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            await sent_at_least(senders, 40)
        await stopped(senders)
        await assert_stored_once(dsn, senders)
    assert "the database is back" in daemon.said


async def test_sigterm_answers_what_is_under_way_and_ends_well(config: Path, dsn: str):
    written(config, f"dsn = {json.dumps(dsn)}", 'write_keys = ["key"]', "group_milliseconds = 1000")
    content = json.dumps(batch("1", "2")).encode()
    async with (
        served("--config", config, "--listen", "127.0.0.1:0") as daemon,
        await trio.open_tcp_stream("127.0.0.1", daemon.port) as stream,
        httpx.AsyncClient() as client,
    ):
        head = "POST /v1/batch HTTP/1.1\r\nHost: segd\r\nAuthorization: Basic a2V5Og==\r\n"
        await stream.send_all(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        await client.get(f"{daemon.url}/healthz")  # once this has its answer, the other is with the journal
        assert await daemon.end(signal.SIGTERM) == 0
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 ")
    assert await rows(dsn, "SELECT message_id FROM events ORDER BY sequence") == ["1", "2"]


async def test_a_second_signal_ends_it_at_once(config: Path):
    async with served("--config", config) as daemon:
        half = await trio.open_tcp_stream("127.0.0.1", daemon.port)
        async with half:
            await half.send_all(b"POST /v1/batch HTTP/1.1\r\nHost: segd\r\nContent-Length: 10\r\n\r\n{")
            async with httpx.AsyncClient() as client:  # so that the half request is surely being read
                assert (await client.get(f"{daemon.url}/healthz")).status_code == 200
            daemon.process.send_signal(signal.SIGTERM)
            assert daemon.process.stderr
            while b"stopping" not in await daemon.process.stderr.receive_some():
                pass
            with trio.fail_after(4):  # less than requests under way are given
                assert await daemon.end(signal.SIGINT) == 1
        assert "stopped without waiting" in daemon.said


async def test_a_second_daemon_on_the_database_does_not_start(config: Path):
    async with served("--config", config):
        second = await trio.run_process([*SERVE, "--config", str(config)], check=False, capture_stderr=True)
        assert second.returncode == 1
        assert b"another segd writes to this database" in second.stderr


async def test_an_address_that_is_taken_is_named(config: Path):
    async with served("--config", config) as daemon:
        address = daemon.url.removeprefix("http://")
        command = [*SERVE, "--config", str(config), "--listen", address]
        second = await trio.run_process(command, check=False, capture_stderr=True)
    assert second.returncode == 1
    assert f"cannot listen on {address}: Address already in use" in second.stderr.decode()


def test_what_is_no_address_is_refused():
    done = subprocess.run([*SERVE, "--listen", "7337"], check=False, capture_output=True)
    assert (done.returncode, b"expected HOST:PORT" in done.stderr) == (2, True)


async def test_it_ends_when_somebody_else_has_written(config: Path, dsn: str):
    async with served("--config", config) as daemon:
        await rows(dsn, "UPDATE journal SET position = 7 RETURNING position")
        await rows(dsn, f"SELECT pg_terminate_backend(pid, 5000) FROM ({WRITERS}) AS w")
        async with sending(1) as (sender,):
            sender.port = daemon.port
            assert await daemon.wait() == 1
            assert sender.sent == []
            sender.given_up = True
    assert "another segd has written to this database" in daemon.said
    assert await rows(dsn, "SELECT message_id FROM events") == []
