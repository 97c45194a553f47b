import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from segd.store import cluster
from segd.store.bridge import open_pool
from segd.store.embedded import open_embedded
from segd.store.errors import ConnectFailed, ConnectionLost, EmbeddedError

ANOTHER_USER = """
import sys, trio
from pathlib import Path
from segd.store.embedded import open_embedded

async def use():
    async with open_embedded(Path(sys.argv[1]), progress=lambda _: None):
        print("in", flush=True)
        await trio.to_thread.run_sync(sys.stdin.read)

trio.run(use)
"""


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory):
    """One with a database in it, and no server."""
    state_dir = tmp_path_factory.mktemp("embedded") / "state"

    async def make():
        async with opened(state_dir):
            pass

    trio.run(make)
    return state_dir


@pytest.fixture
def told():
    return []


@asynccontextmanager
async def opened(state_dir: Path, told: list[str] | None = None):
    with trio.fail_after(60):
        async with open_embedded(state_dir, progress=(told if told is not None else []).append) as dsn:
            yield dsn


async def ask(dsn: str, query: str):
    async with open_pool(dsn, 1) as pool, pool.acquire() as connection:
        return await connection.fetchval(query)


async def ask_again_and_again(dsn: str, query: str):
    with trio.fail_after(60):
        while True:
            try:
                return await ask(dsn, query)
            except (ConnectFailed, ConnectionLost):
                await trio.sleep(0.05)


def server(state_dir: Path) -> int | None:
    """The process number of the server that works in this state directory."""
    processes = servers(state_dir)
    try:
        number = int((state_dir / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
    except FileNotFoundError:
        return None
    return number if number in processes else None


def servers(state_dir: Path) -> list[int]:
    data = str(state_dir / "postgres" / "data")
    return [number for number in _processes() if _link(number, "cwd") == data]


def keeper(state_dir: Path) -> int:
    words = b"keeper.py\0%b" % os.fsencode(state_dir)
    (found,) = [number for number in _processes() if words in _contents(number, "cmdline")]
    return found


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _link(number: int, name: str) -> str:
    try:
        return os.readlink(f"/proc/{number}/{name}")
    except OSError:
        return ""


def _contents(number: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{number}/{name}").read_bytes()
    except OSError:
        return b""


@asynccontextmanager
async def another_user(state_dir: Path):
    """A process of its own that uses the server until the block ends, or it is killed."""
    command = [sys.executable, "-c", ANOTHER_USER, str(state_dir)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    async with trio.open_nursery() as nursery:
        run = partial(
            trio.run_process, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, check=False, env=environment
        )
        process = await nursery.start(run)
        with trio.fail_after(60):
            assert (await process.stdout.receive_some(3)).startswith(b"in")
        yield process
        await process.stdin.aclose()
        await process.stdout.aclose()


async def wait_ended(state_dir: Path):
    with trio.fail_after(60):
        while servers(state_dir):  # noqa: ASYNC110  a process that is not our child tells us nothing
            await trio.sleep(0.02)


async def test_what_is_committed_is_there_next_time_and_nothing_runs_in_between(tmp_path, told):
    state_dir = tmp_path / "state"
    async with opened(state_dir, told) as dsn:
        await ask(dsn, "CREATE TABLE kept AS SELECT 7 AS x")
        assert server(state_dir)
    assert told == ["making a new database"]
    assert servers(state_dir) == []
    async with opened(state_dir, told) as dsn:
        assert await ask(dsn, "SELECT x FROM kept") == 7
    assert told == ["making a new database"]


async def test_only_its_owner_gets_in_and_promises_are_kept(state_dir):
    async with opened(state_dir) as dsn:
        assert (state_dir / "postgres").stat().st_mode & 0o777 == 0o700
        for name, value in {
            "listen_addresses": "",
            "fsync": "on",
            "synchronous_commit": "on",
            "full_page_writes": "on",
            "server_encoding": "UTF8",
            "jit": "off",
        }.items():
            assert await ask(dsn, f"SHOW {name}") == value
        assert await ask(dsn, "SELECT datlocale FROM pg_database WHERE datname = current_database()") == "C.UTF-8"


async def test_users_share_a_server_and_the_last_one_ends_it(state_dir):
    async with another_user(state_dir) as other:
        number = server(state_dir)
        async with opened(state_dir) as dsn:
            assert await ask(dsn, "SELECT 1") == 1
            await other.stdin.aclose()
            await other.wait()
            assert await ask(dsn, "SELECT 1") == 1
            assert server(state_dir) == number
    assert servers(state_dir) == []


async def test_two_at_once_start_one_server(state_dir):
    found = []

    async def use():
        async with opened(state_dir) as dsn:
            found.append(await ask(dsn, "SELECT pg_postmaster_start_time()::text"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(use)
        nursery.start_soon(use)
    assert len(found) == 2
    assert servers(state_dir) == []


async def test_the_server_of_a_killed_user_ends(state_dir):
    async with another_user(state_dir) as other:
        assert server(state_dir)
        other.kill()
        await wait_ended(state_dir)


async def test_the_server_of_a_killed_user_goes_on_for_the_others(state_dir):
    async with another_user(state_dir) as other:
        number = server(state_dir)
        async with opened(state_dir) as dsn:
            other.kill()
            await other.wait()
            assert await ask(dsn, "SELECT 1") == 1
            assert server(state_dir) == number
    assert servers(state_dir) == []


async def test_a_killed_server_comes_back_with_what_was_committed(state_dir, told):
    async with opened(state_dir, told) as dsn:
        await ask(dsn, "CREATE TABLE survivor AS SELECT 8 AS x")
        os.kill(server(state_dir), signal.SIGKILL)
        assert await ask_again_and_again(dsn, "SELECT x FROM survivor") == 8
    assert "the database has died and is started again" in told


async def test_a_server_without_its_keeper_is_replaced(state_dir, told):
    async with opened(state_dir, told) as dsn:
        number = server(state_dir)
        os.kill(keeper(state_dir), signal.SIGKILL)
        with trio.fail_after(60):
            while server(state_dir) in (None, number):  # noqa: ASYNC110  as above
                await trio.sleep(0.02)
        assert await ask_again_and_again(dsn, "SELECT 1") == 1
    assert servers(state_dir) == []


async def test_the_blocks_own_exception_comes_out_as_it_is(state_dir):
    with pytest.raises(LookupError):
        async with opened(state_dir):
            raise LookupError
    assert servers(state_dir) == []


async def test_data_of_another_major_version_is_refused(state_dir, tmp_path):
    shutil.copytree(state_dir, tmp_path / "state", ignore=shutil.ignore_patterns(".s.*"))
    (tmp_path / "state" / "postgres" / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedError, match=r"made by PostgreSQL 17, and this segd brings PostgreSQL \d\d: dump"):
        async with opened(tmp_path / "state"):
            pass


async def test_data_that_does_not_start_says_why(state_dir, tmp_path):
    shutil.copytree(state_dir, tmp_path / "state", ignore=shutil.ignore_patterns(".s.*"))
    (tmp_path / "state" / "postgres" / "data" / "global" / "pg_control").unlink()
    with pytest.raises(EmbeddedError, match=r"does not start: .*pg_control.*see .*postgres\.log"):
        async with opened(tmp_path / "state"):
            pass


async def test_a_state_directory_that_cannot_be_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(EmbeddedError, match=r"cannot keep data in .*/file: .*--state-dir or SEGD_STATE_DIR"):
        async with opened(tmp_path / "file"):
            pass


async def test_a_disk_that_is_nearly_full_is_refused_before_anything_is_made(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(cluster.shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(EmbeddedError, match="has 1 MB free, a new database needs 300 MB: make room, or"):
        async with opened(tmp_path / "state"):
            pass
    assert not (tmp_path / "state" / "postgres" / "data").exists()


@pytest.mark.parametrize("name", ["x" * 100 + "/" + "y" * 100, "a,b c%20?d&e=#ü"])
async def test_any_path_will_do(state_dir, tmp_path, name):
    shutil.copytree(state_dir, tmp_path / name, ignore=shutil.ignore_patterns(".s.*"))
    async with opened(tmp_path / name) as dsn:
        assert await ask(dsn, "SELECT 1") == 1
    assert servers(tmp_path / name) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("reachable", [True, False])
async def test_root_without_user_namespaces_runs_it_as_nobody(tmp_path, monkeypatch, reachable):
    refusing = tmp_path / "unshare"
    refusing.write_text("#!/bin/sh\nexit 1\n")
    refusing.chmod(0o755)
    with tempfile.TemporaryDirectory() as above, monkeypatch.context() as patch:
        patch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        os.chmod(above, 0o711 if reachable else 0o700)
        state_dir = Path(above, "state")
        async with opened(state_dir) as dsn:
            assert await ask(dsn, "SELECT 1") == 1
            number = server(state_dir)
            assert os.stat(f"/proc/{number}").st_uid == pwd.getpwnam("nobody").pw_uid
            assert _link(number, "exe").startswith(str(state_dir))
            assert (b"CapEff:\t0000000000000000" in _contents(number, "status")) is reachable
        assert servers(state_dir) == []
        patch.undo()
        async with opened(state_dir) as dsn:
            assert await ask(dsn, "SELECT 1") == 1
