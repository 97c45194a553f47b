"""`segd serve` as a process of its own: real sockets, a real Postgres, real signals."""

import json
import os
import re
import resource
import signal
import subprocess
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from click.testing import CliRunner

from segd.cli.history import query
from segd.cli.store import with_store
from segd.config import load_config
from segd.store.bridge import Pool, open_pool
from tests.daemons import SERVE, Segd, open_segd

LIMIT_SECONDS = 60
WRITERS = (
    "SELECT pid FROM pg_locks JOIN pg_database AS d ON d.oid = database "
    "WHERE locktype = 'advisory' AND granted AND datname = current_database()"
)


@asynccontextmanager
async def served(folder: Path, **settings: Any) -> AsyncGenerator[Segd]:
    """A daemon that is ready; ended by SIGTERM, and well, unless the test has ended it."""
    async with open_segd(folder, **settings) as segd:
        yield segd
        if segd.process:
            assert await segd.stop(signal.SIGTERM) == 0, segd.said


def batch(*ids: str, user: str = "u") -> dict[str, Any]:
    return {"batch": [{"type": "track", "event": "A", "userId": user, "messageId": id} for id in ids]}


class Sender:
    """Posts batches one after the other, each until it is answered with 200. stop: after the batch at hand."""

    def __init__(self, name: str, segd: Segd) -> None:
        self.name = name
        self.sent: list[str] = []
        self.refused = 0
        self.port = segd.port
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
async def sending(segd: Segd, count: int = 4) -> AsyncGenerator[list[Sender]]:
    """Senders at work, in the block and until each has an answer to its last batch."""
    senders = [Sender(f"{n}", segd) for n in range(count)]
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


async def test_an_event_is_in_the_history_once_it_is_answered(dsn: str, tmp_path: Path):
    definition = tmp_path / "asked.json"
    definition.write_text('{"name": "asked", "kind": "past", "where": {"type": "did", "event": "A"}}')
    async with served(tmp_path, dsn=dsn) as segd, httpx.AsyncClient(base_url=segd.url, auth=("key", "")) as client:
        assert (await client.get("/readyz")).status_code == 200
        answer = await client.post("/v1/track", json={"userId": "ann", "event": "A"})
        assert (answer.status_code, answer.json()) == (200, {"success": True})
        arguments = [str(definition), "--config", str(segd.config)]
        assert (await trio.to_thread.run_sync(CliRunner().invoke, query, arguments)).stdout == "ann\n"
        refused = await client.post("/v1/track", json={"userId": "ann", "event": "A"}, auth=("no", ""))
        assert refused.status_code == 401


async def test_without_write_keys_one_is_made_and_kept(dsn: str, tmp_path: Path):
    async with served(tmp_path, dsn=dsn, write_keys=None, listen="[::1]:0") as segd:
        assert re.fullmatch(r"READY http://\[::1\]:\d+ write key [0-9a-f]{32}", segd.ready)
        key = segd.key
        await segd.restart(signal.SIGTERM)
        assert segd.key == key
        await segd.ask("POST", "/v1/batch", batch("1") | {"writeKey": key})
    assert await rows(dsn, "SELECT message_id FROM events") == ["1"]


async def test_killed_again_and_again_while_events_are_posted(dsn: str, tmp_path: Path):
    async with served(tmp_path, dsn=dsn) as segd, sending(segd) as senders:
        for more in (60, 200, 100, 400, 20):
            await sent_at_least(senders, more)
            await segd.restart(signal.SIGKILL)
        await stopped(senders)
    await assert_stored_once(dsn, senders)


async def test_the_database_ends_sessions_while_events_are_posted(dsn: str, tmp_path: Path):
    async with served(tmp_path, dsn=dsn) as segd:
        async with sending(segd) as senders:
            for _ in range(10):
                await sent_at_least(senders, 40)
                await rows(dsn, f"SELECT pg_terminate_backend(pid, 5000) FROM ({WRITERS}) AS w")
            await sent_at_least(senders, 40)
        assert segd.process
        assert segd.process.poll() is None
    await assert_stored_once(dsn, senders)


@contextmanager
def files_used_up(segd: Segd) -> Generator[None]:
    """It can open none, nor accept a connection, as where there are very many of them."""
    assert segd.process
    limits = resource.prlimit(segd.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(segd.process.pid, resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(segd.process.pid, resource.RLIMIT_NOFILE, limits)


async def test_the_database_is_killed_and_files_run_out_while_events_are_posted(tmp_path: Path):
    """The embedded one, which the daemon starts again by itself."""
    state_dir = tmp_path / "state"
    socket_dir = state_dir / "postgres"
    dsn = f"postgresql://segd@/postgres?host={socket_dir}&port=5432"
    async with served(tmp_path, state_dir=str(state_dir)) as segd, sending(segd) as senders:
        for _ in range(2):
            await sent_at_least(senders, 40)
            os.kill(int((socket_dir / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            await sent_at_least(senders, 40)
        assert "the database is back" in segd.said
        with files_used_up(segd):
            while "Too many open files: '" not in segd.said:  # noqa: ASYNC110 — it is another process
                await trio.sleep(0.05)
        await sent_at_least(senders, 40)
        await stopped(senders)
        await assert_stored_once(dsn, senders)


async def test_sigterm_answers_what_is_under_way_and_ends_well(dsn: str, tmp_path: Path):
    content = json.dumps(batch("1", "2")).encode()
    async with (
        served(tmp_path, dsn=dsn, group_milliseconds=1000) as segd,
        await trio.open_tcp_stream("127.0.0.1", segd.port) as stream,
    ):
        head = "POST /v1/batch HTTP/1.1\r\nHost: segd\r\nAuthorization: Basic a2V5Og==\r\n"
        await stream.send_all(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
        await segd.ask("GET", "/healthz")  # once this has its answer, the other is with the journal
        assert await segd.stop(signal.SIGTERM) == 0
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 200 ")
    assert await rows(dsn, "SELECT message_id FROM events ORDER BY sequence") == ["1", "2"]


async def test_a_second_signal_ends_it_at_once(dsn: str, tmp_path: Path):
    async with (
        served(tmp_path, dsn=dsn) as segd,
        await trio.open_tcp_stream("127.0.0.1", segd.port) as half,
    ):
        await half.send_all(b"POST /v1/batch HTTP/1.1\r\nHost: segd\r\nContent-Length: 10\r\n\r\n{")
        await segd.ask("GET", "/healthz")  # so that the half request is surely being read
        assert segd.process
        segd.process.send_signal(signal.SIGTERM)
        while "stopping" not in segd.said:  # noqa: ASYNC110 — it is another process
            await trio.sleep(0.01)
        with trio.fail_after(4):  # less than requests under way are given
            assert await segd.stop(signal.SIGINT) == 1
        assert "stopped without waiting" in segd.said


def test_ctrl_c_while_it_starts_is_no_bug_whatever_tasks_there_are(dsn: str):
    async def start(_: Pool) -> None:
        async with trio.open_nursery():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with_store(load_config(environment={"SEGD_DSN": dsn}), start)


async def test_a_second_daemon_at_the_address_or_on_the_database_does_not_start(dsn: str, tmp_path: Path):
    async with served(tmp_path, dsn=dsn) as segd:
        address = segd.url.removeprefix("http://")
        for arguments, sentence in [
            ([], f"cannot listen on {address}: Address already in use; choose another address"),
            (["--listen", "127.0.0.1:0"], "another segd writes to this database"),
        ]:
            second = await trio.run_process([*segd.command, *arguments], check=False, capture_stderr=True)
            assert second.returncode == 1
            assert sentence in second.stderr.decode()


def test_what_is_no_address_is_refused():
    done = subprocess.run([*SERVE, "segd.toml", "--listen", "7337"], check=False, capture_output=True)
    assert (done.returncode, b"expected HOST:PORT" in done.stderr) == (2, True)


async def test_it_ends_when_somebody_else_has_written(dsn: str, tmp_path: Path):
    async with served(tmp_path, dsn=dsn) as segd:
        await rows(dsn, "UPDATE journal SET position = 7 RETURNING position")
        await rows(dsn, f"SELECT pg_terminate_backend(pid, 5000) FROM ({WRITERS}) AS w")
        async with sending(segd, 1) as (sender,):
            assert await segd.ended() == 1
            assert sender.sent == []
            sender.given_up = True
        assert "another segd has written to this database" in segd.said
    assert await rows(dsn, "SELECT message_id FROM events") == []
