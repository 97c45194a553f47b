"""The embedded server: one Postgres for a state directory, shared by all segd processes that use it at the time.

Two segd processes may want the database of one state directory at once (`import` beside the daemon), either may be
killed, and the server must neither die under the other nor stay behind. Nobody counts: the kernel does, by file locks,
which end with the process that holds them.

    postgres/           0700, the server's socket in it
      users.lock        held shared by every process that uses the server
      keeper.lock       held by the keeper: `keeper.py`, the parent of the server, a process of its own
      door.lock         held by who starts the server, until it answers

The keeper waits for `users.lock` alone: it gets it when the last user has left or died, and then shuts the server down
and goes. A newcomer passes the door, takes `users.lock` shared (waiting for a keeper that is shutting down), and finds
`keeper.lock` held: there is a server; or free: it starts a keeper. If the keeper is killed, the kernel tells the server
to shut down (PR_SET_PDEATHSIG); what is left behind all the same is found by its working directory and stopped before
the next start. If the server dies while in use, each user notices the free `keeper.lock`, and the first through the
door starts it again: to users that is a lost connection and a recovery.
"""

import contextlib
import fcntl
import json
import math
import os
import re
import signal
import struct
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import trio

from segd.store import keeper
from segd.store.cluster import (
    ADVICE,
    SETTINGS,
    SUPERUSER,
    Runner,
    choose_runner,
    make_directory,
    prepare_data,
)
from segd.store.errors import EmbeddedError

DATABASE = "postgres"
SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 107  # bytes, without the NUL: sun_path has 108
PAUSE_SECONDS = 0.05  # between looks at a lock or a server that starts
WATCH_SECONDS = 0.5
TELL_SECONDS = 0.5
STOP_SECONDS = keeper.FAST_SECONDS + 15


@dataclass(frozen=True)
class _Home:
    """Where things lie."""

    path: Path

    @property
    def data(self) -> Path:
        return self.path / "data"

    @property
    def log(self) -> Path:
        return self.path / "postgres.log"

    @property
    def door(self) -> Path:
        return self.path / "door.lock"

    @property
    def users(self) -> Path:
        return self.path / "users.lock"

    @property
    def keeper(self) -> Path:
        return self.path / "keeper.lock"


@contextlib.asynccontextmanager
async def open_embedded(state_dir: Path, *, progress: Callable[[str], None]) -> AsyncGenerator[str]:
    """Trio. The DSN of the state directory's server, which runs at least until the block ends.

    Starts it, or shares the one that another segd started; waits as long as a recovery takes, telling `progress`
    (sentences without a full stop). Started again when it dies: then connections break and new ones are refused until
    it is back. The last user's leaving stops it. Raises EmbeddedError.

    Where the path of the state directory is very long or holds a comma, the DSN is good only until this block ends.
    """
    home = _Home(Path(Path.cwd(), state_dir, "postgres"))
    make_directory(home.path, home.door)
    with _socket_directory(home) as directory, _lock_file(home.users) as users:
        await _join(home, directory, users, progress)
        try:
            host = quote(directory, safe="/")
            dsn = f"postgresql://{SUPERUSER}@/{DATABASE}?host={host}&port=5432&sslmode=disable"
            async with _one_exception(), trio.open_nursery() as nursery:
                nursery.start_soon(_keep_running, home, directory, progress)
                yield dsn
                nursery.cancel_scope.cancel()
        finally:
            await _leave(home, users)


async def _join(home: _Home, directory: str, users: int, progress: Callable[[str], None]) -> None:
    """Become a user of a server that answers."""
    async with _door(home, progress) as door:
        await _wait_lock(users, fcntl.LOCK_SH, "waiting for the database to stop, to start it again", progress)
        try:
            await _start(home, door, directory, progress)
        except BaseException:
            await _leave(home, users)
            raise


async def _keep_running(home: _Home, directory: str, progress: Callable[[str], None]) -> None:
    """Start the server again whenever it is gone; goes on trying, as what is wrong (a full disk, too many open files)
    may pass."""
    told = ""
    while True:
        await trio.sleep(WATCH_SECONDS)
        try:
            if not _is_kept(home):
                progress("the database has died and is started again")
                async with _door(home, progress) as door:
                    await _start(home, door, directory, progress)
            told = ""
        except (EmbeddedError, OSError) as error:
            if str(error) != told:
                told = str(error)
                progress(told)
            await trio.sleep(WATCH_SECONDS)


async def _start(home: _Home, door: int, directory: str, progress: Callable[[str], None]) -> None:
    """Have the server run and answer. The caller holds the door and is a user."""
    if not _is_kept(home):
        await _stop_leftovers(home, progress)
        runner = await choose_runner(home.path)
        await prepare_data(runner, home.data, door, progress)
        await _start_keeper(home, runner)
    await _wait_answering(home, directory, progress)


async def _start_keeper(home: _Home, runner: Runner) -> None:
    settings = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
    task = {
        "command": runner.command("postgres", "-D", str(home.data), *settings),
        "environment": runner.environment(),
        "user": runner.user,
        "log": str(home.log),
        "keeper_lock": str(home.keeper),
        "users_lock": str(home.users),
    }
    done = await trio.run_process(
        [sys.executable, "-I", "-S", keeper.__file__, str(home.path)],
        stdin=json.dumps(task).encode(),
        cwd="/",
        check=False,
        stdout=subprocess.DEVNULL,  # not ours: a pipe's reader would wait for the keeper's end
        stderr=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise EmbeddedError(f"the keeper of the database in {home.path} did not start (exit {done.returncode})")


async def _wait_answering(home: _Home, directory: str, progress: Callable[[str], None]) -> None:
    told = ""
    while not (_claims_ready(home) and await _answers(directory)):
        said = _said(home)
        if not _is_kept(home):
            fatal = [line for line in said if "FATAL" in line or "PANIC" in line]
            reason = _bare(fatal[-1]) if fatal else " ".join(map(_bare, said[-3:])) or "it left no word"
            raise EmbeddedError(f"the database in {home.path} does not start: {reason}; see {home.log}, or {ADVICE}")
        news = [_bare(line) for line in said if "in progress" in line]
        if news and news[-1] != told:
            told = news[-1]
            progress(f"the database is recovering: {told}")
        await trio.sleep(PAUSE_SECONDS)


def _claims_ready(home: _Home) -> bool:
    """What postmaster.pid says, true or left over: asking a server that is not ready fills its log with refusals."""
    with contextlib.suppress(OSError):
        return (home.data / "postmaster.pid").read_text().rstrip().endswith("\nready")
    return False


async def _answers(directory: str) -> bool:
    """Whether the server lets us in now: the first byte of its answer to a start-up message says so."""
    words = b"user\0%b\0database\0%b\0\0" % (SUPERUSER.encode(), DATABASE.encode())
    with trio.move_on_after(1):
        try:
            async with await trio.open_unix_socket(f"{directory}/{SOCKET}") as stream:
                await stream.send_all(struct.pack("!II", len(words) + 8, 196608) + words)
                if await stream.receive_some(1) == b"R":
                    await stream.send_all(b"X\0\0\0\4")
                    return True
        except (OSError, trio.BrokenResourceError):
            pass
    return False


def _said(home: _Home) -> list[str]:
    """What the server wrote to its log since it started, but for its refusals of those who came too early."""
    with contextlib.suppress(OSError), home.log.open("rb") as log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - 20_000))
        lines = log.read().decode(errors="replace").rpartition(keeper.LOG_MARK)[2].split("\n")
        return [line for line in lines if line and "the database system is" not in line]
    return []


def _bare(line: str) -> str:
    """A line of the log without its time, process and level."""
    return re.sub(r"^.*?\] *[A-Z]+: *", "", line)


async def _stop_leftovers(home: _Home, progress: Callable[[str], None]) -> None:
    """Stop what an earlier server left running on this data: all of it, or only children of a killed one."""
    told = False
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        with trio.move_on_after(60):
            while leftovers := _processes_in(home.data):
                if not told:
                    progress("stopping what is left of an earlier database server")
                    told = True
                main = _postmaster(home.data)
                for process in [main] if main in leftovers else leftovers:
                    with contextlib.suppress(ProcessLookupError):
                        # a server's child that is busy takes SIGINT for a cancelled query only
                        os.kill(process, number if process == main else signal.SIGKILL)
                await trio.sleep(0.2)
            return


def _postmaster(data: Path) -> int | None:
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _processes_in(data: Path) -> list[int]:
    """Postgres processes that work in this data directory; a number in postmaster.pid alone may be anyone's by now."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                if Path(os.readlink(entry / "exe")).name == "postgres" and os.path.samefile(entry / "cwd", data):
                    found.append(int(entry.name))
    return found


async def _leave(home: _Home, users: int) -> None:
    """Stop being a user; if we were the last, wait until the server has stopped, cancelled or not."""
    fcntl.flock(users, fcntl.LOCK_UN)
    with trio.move_on_after(STOP_SECONDS, shield=True):
        while _is_kept(home):
            # free: the keeper is about to take it; shared: others use the server; neither: the keeper has it
            if not _try_lock(users, fcntl.LOCK_EX) and _try_lock(users, fcntl.LOCK_SH):
                return
            fcntl.flock(users, fcntl.LOCK_UN)
            await trio.sleep(PAUSE_SECONDS)


# Locks


def _is_kept(home: _Home) -> bool:
    """Whether a keeper lives, and so a server."""
    with _lock_file(home.keeper) as lock:
        return not _try_lock(lock, fcntl.LOCK_SH)


@contextlib.asynccontextmanager
async def _door(home: _Home, progress: Callable[[str], None]) -> AsyncGenerator[int]:
    with _lock_file(home.door) as lock:
        await _wait_lock(lock, fcntl.LOCK_EX, "waiting for another segd, which is starting the database", progress)
        yield lock


@contextlib.contextmanager
def _lock_file(path: Path) -> Generator[int]:
    """A file to be locked; closing it frees it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


async def _wait_lock(descriptor: int, kind: int, waiting: str, progress: Callable[[str], None]) -> None:
    """Lock by asking again and again, for a thread asleep in flock could not be cancelled. Tells of a long wait."""
    tell_at = trio.current_time() + TELL_SECONDS
    while not _try_lock(descriptor, kind):
        await trio.sleep(PAUSE_SECONDS)
        if trio.current_time() >= tell_at:
            progress(waiting)
            tell_at = math.inf


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _socket_directory(home: _Home) -> Generator[str]:
    """A path of the directory that leaves room for the socket's name and holds no comma, which in a DSN parts hosts.

    Where its own path will not do, it is one through an open descriptor.
    """
    if len(os.fsencode(home.path)) + 1 + len(SOCKET) <= LONGEST_SOCKET_PATH and "," not in str(home.path):
        yield str(home.path)
        return
    descriptor = os.open(home.path, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/{os.getpid()}/fd/{descriptor}"
    finally:
        os.close(descriptor)


@contextlib.asynccontextmanager
async def _one_exception() -> AsyncGenerator[None]:
    """Let the block's own exception through as it is: the watching task beside it raises none."""
    try:
        yield
    except BaseExceptionGroup as group:
        error, *others = group.exceptions
        if others:
            raise
        raise error from error.__cause__
