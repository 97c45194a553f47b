"""`segd watch` as a process of its own, before feeds on a real socket."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import trio
from feeding import NOON, Fed, eventually, open_fed, qualified
from running_segd import running, written_config

from segd.core.time.instants import DAY

WATCH = [sys.executable, "-m", "segd", "watch"]


class Watched:
    """A running `segd watch`. out, said: what it wrote until now to standard output and error."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.out = ""
        self.said = ""

    async def lines(self, count: int) -> list[str]:
        await eventually(lambda: self.out.count("\n") >= count)
        return self.out.splitlines()

    async def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return await self.process.wait()

    async def read(self, stream: trio.abc.ReceiveStream, name: str) -> None:
        async for chunk in stream:
            setattr(self, name, getattr(self, name) + chunk.decode())


@asynccontextmanager
async def watched(port: int, *args: str, **environment: str) -> AsyncGenerator[Watched]:
    command = [*WATCH, "--url", f"http://127.0.0.1:{port}", *args]
    env = os.environ | {"TZ": "UTC", "COLUMNS": "200", "PYTHONUNBUFFERED": "1"} | environment
    async with trio.open_nursery() as nursery:
        process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        shown = Watched(process)
        assert process.stdout
        assert process.stderr
        nursery.start_soon(shown.read, process.stdout, "out")
        nursery.start_soon(shown.read, process.stderr, "said")
        try:
            yield shown
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def test_who_qualified_and_who_qualifies():
    async with open_fed() as fed:
        fed.publish(*(qualified(cursor, user=cursor, at=NOON - DAY) for cursor in range(1, 4)))
        async with watched(fed.port, "Cart left") as shown:
            lines = await shown.lines(5)
            assert lines[0] == "Cart left"
            assert lines[1].startswith("Users who did Viewed")
            assert lines[2] == "+  2026-11-21 12:00:00  user-1  because of Viewed, price 12.5  name User 1"
            assert lines[3] == "+  2026-11-21 12:00:00  user-2  because of message-2"
            fed.publish(*(qualified(cursor, user=cursor) for cursor in range(4, 104)))
            lines = await shown.lines(5 + 20 + 1)
            assert "   and 80 more" in lines
            assert [line.split("user-")[1].split()[0] for line in lines[-2:]] == ["102", "103"]
            assert await shown.end() == 0
            assert shown.said == ""


async def test_retractions_and_corrections_are_told_as_such():
    async with open_fed() as fed:
        fed.publish(
            qualified(1, user=2, at=NOON - DAY, type="retracted"), qualified(2, user=2, at=NOON - DAY, type="corrected")
        )
        async with watched(fed.port, "1") as shown:
            lines = await shown.lines(4)
            assert lines[2].startswith("−  2026-11-21 12:00:00  user-2  because of message-1")
            assert lines[3].startswith("~  2026-11-21 12:00:00  user-2  because of message-2, not message-2 at 2026-")


async def test_what_a_terminal_would_obey_is_not_shown():
    async with open_fed() as fed:
        bad = qualified(1, user=2)
        standing = bad.entry.of._replace(id="\x1b]0;mine\x07\u202eann")
        fed.publish(bad._replace(entry=bad.entry._replace(of=standing)))
        async with watched(fed.port, "1") as shown:
            assert "�]0;mine��ann" in (await shown.lines(3))[2]


async def test_json_is_the_whole_log_from_now_on():
    async with open_fed() as fed:
        fed.publish(*(qualified(cursor, user=1) for cursor in range(1, 101)))
        async with watched(fed.port, "1", "--json") as shown:
            await eventually(lambda: fed.log.reads > 0)
            fed.publish(*(qualified(cursor, user=1) for cursor in range(101, 1101)))
            entries = [json.loads(line) for line in await shown.lines(1000)]
            assert [entry["cursor"] for entry in entries] == [str(cursor) for cursor in range(101, 1101)]
            assert entries[0]["userId"] == "user-1"
            assert await shown.end() == 0


async def test_json_from_a_cursor():
    async with open_fed() as fed:
        fed.publish(*(qualified(cursor, user=1) for cursor in range(1, 11)))
        async with watched(fed.port, "1", "--json", "--after", "8") as shown:
            assert [json.loads(line)["cursor"] for line in await shown.lines(2)] == ["9", "10"]


async def test_the_log_for_people():
    async with open_fed() as fed:
        fed.publish(*(qualified(cursor, user=1) for cursor in range(1, 101)))
        async with watched(fed.port, "1", "--after", "0") as shown:
            assert [line.split()[-1] for line in await shown.lines(100)] == [f"message-{n}" for n in range(1, 101)]


async def test_it_goes_on_where_it_was_after_the_daemon_was_gone():
    async with open_fed() as fed:
        fed.publish(*(qualified(cursor, user=2) for cursor in range(1, 11)))
        port = fed.port
        entries = fed.log.entries
        async with watched(port, "1", "--json", "--after", "0") as log, watched(port, "1") as eyes:
            await log.lines(10)
            await eyes.lines(12)
            await end(fed)
            await eventually(lambda: "waiting until it is back" in log.said and "waiting" in eyes.said)
            async with open_fed(port=port) as again:
                again.publish(*entries, *(qualified(cursor, user=2) for cursor in range(11, 21)))
                cursors = [json.loads(line)["cursor"] for line in await log.lines(20)]
                assert cursors == [str(cursor) for cursor in range(1, 21)]
                lines = await eyes.lines(22)
                assert [line.split()[-1] for line in lines[2:]] == [f"message-{n}" for n in range(1, 21)]
                assert "connected again" in log.said


async def end(fed: Fed) -> None:
    fed.stop()
    await fed.ended.wait()


async def test_what_is_refused_is_said():
    async with open_fed() as fed:
        for args, sentence in [
            (("Nothing",), "Error: there is no segment 'Nothing'"),
            (("1", "--after", "x"), "Error: after: expected a cursor as the log gave it"),
        ]:
            async with watched(fed.port, *args) as shown:
                assert await shown.process.wait() == 1
                await eventually(lambda: shown.said.endswith("\n"))
                assert shown.said.strip() == sentence


async def test_a_token_lets_in():
    async with open_fed(token="good") as fed:
        fed.publish(qualified(1, user=1))
        async with watched(fed.port, "1", SEGD_TOKEN="good") as shown:
            await shown.lines(3)
        async with watched(fed.port, "1", "--token", "bad") as shown:
            assert await shown.process.wait() == 1
        assert shown.said.startswith("Error: this token is not one of segd's")


async def test_nobody_there():
    async with watched(1, "1") as shown:
        assert await shown.process.wait() == 1
    assert shown.said == "Error: nobody answers at http://127.0.0.1:1: is segd running there?\n"


async def test_a_segment_that_is_deleted_ends_it():
    async with open_fed() as fed:
        async with watched(fed.port, "1") as shown:
            await shown.lines(2)
            fed.feeds.removed(1)
            assert await shown.process.wait() == 0
        assert shown.said == "segd: the segment was deleted\n"


def test_a_daemon_that_listens_elsewhere_is_found_by_its_database(dsn: str, tmp_path: Path):
    config = written_config(dsn, tmp_path)
    seen = {"name": "Seen", "kind": "live", "on": {"type": "action", "did": {"event": "Seen"}}}
    with running(config) as segd:
        httpx.post(f"{segd.url}/api/segments", json={"definition": seen}).raise_for_status()
        segd.said({"type": "track", "event": "Seen", "userId": "ann"})
        command = [*WATCH, "Seen", "--json", "--after", "0", "--config", str(config)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            assert json.loads(process.stdout.readline())["userId"] == "ann"
            process.terminate()
