"""What all tests share: one real Postgres a run, a database of its own for each test that asks, the shared folder."""

import fcntl
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
import trio
from databases import connected, database, execute, other_database
from hypothesis import HealthCheck, settings

from segd.store.embedded import open_embedded
from segd.store.migrate import migrate

# Machines are slow at times, and that is no failure; what failed is printed so that it can be run again. A CI run tries
# the same examples each time, so that it judges the change; every other run tries new ones.
settings.register_profile(
    "segd",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize="CI" in os.environ,
)
settings.load_profile("segd")

REPOSITORY = Path(__file__).parent.parent

# The files that take the longest, the longest first: one process runs all of a file, and if it came upon these last the
# other would have nothing to do meanwhile.
LONGEST = (
    "browser/test_views.py", "browser/test_editor.py", "test_live_daemon.py", "test_live_acceptance.py",
    "test_acceptance.py", "sdk/test_sdks.py", "test_reliability.py", "core/users/test_against_oracle.py",
    "test_serve.py", "simulation/test_simulation.py", "browser/test_segments_list.py", "browser/test_shop.py",
    "browser/test_users_page.py", "browser/test_streams.py", "store/test_history.py", "test_readme.py",
    "cli/test_watch.py", "cli/test_segments_command.py", "cli/test_demo.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {REPOSITORY / "tests" / name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path, len(LONGEST)))


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> None:
    """What the shell says of segd must not reach the tests, let alone a database that it names."""
    for name in [name for name in os.environ if name.startswith("SEGD_") and name != "SEGD_TEST_DSN"]:
        del os.environ[name]


@pytest.fixture(scope="session")
def postgres() -> Generator[str]:
    """The DSN of a server for this run: the embedded one, or that of SEGD_TEST_DSN, whose user may make databases."""
    if given := os.environ.get("SEGD_TEST_DSN"):
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="segd-test-") as folder, _EmbeddedInThread(Path(folder)) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def template(postgres: str) -> Generator[str]:
    """The name of a database with all migrations applied, and nobody connected to it."""
    name = f"segd_test_{os.getpid()}"

    async def fill() -> None:
        async with connected(other_database(postgres, name)) as connection:
            await migrate(connection, progress=lambda _: None)

    execute(postgres, f"CREATE DATABASE {name}")
    trio.run(fill)
    yield name
    execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_dsn(postgres: str) -> Generator[str]:
    """A new database without any tables, dropped after the test."""
    with database(postgres, "template0") as dsn:
        yield dsn


@pytest.fixture
def dsn(postgres: str, template: str) -> Generator[str]:
    """A new database with segd's tables, dropped after the test. Open the pool inside the test."""
    with database(postgres, template) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of definitions, answers and real data beside the repository."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs ../shared")
    return folder


@pytest.fixture(scope="session")
def made_events(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The file of a set of the real data as Segment messages, by its name. All processes of a run share it: that it is
    made costs seconds."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent

    def made(name: str) -> Path:
        file = folder / f"{name}.ndjson"
        with file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not file.exists():
                half = file.with_suffix(".half")
                with half.open("wb") as output:
                    subprocess.run([sys.executable, shared / "tools/to_segment.py", name], stdout=output, check=True)
                half.rename(file)
        return file

    return made


class _EmbeddedInThread:
    """The embedded server, its Trio run in a thread of its own: tests bring theirs."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._started = threading.Event()
        self._thread = threading.Thread(target=trio.run, args=(self._serve,), name="test-postgres")
        self._dsn: str | None = None
        self._end: Callable[[], None] | None = None

    def __enter__(self) -> str:
        self._thread.start()
        self._started.wait()
        assert self._dsn, "the embedded server did not start"
        return self._dsn

    def __exit__(self, *_: object) -> None:
        assert self._end
        self._end()
        self._thread.join()

    async def _serve(self) -> None:
        try:
            ended = trio.Event()
            token = trio.lowlevel.current_trio_token()
            self._end = lambda: token.run_sync_soon(ended.set)
            async with open_embedded(self._state_dir, progress=lambda _: None) as self._dsn:
                async with connected(self._dsn) as connection:
                    # Tests kill processes, never the machine: nothing need wait for the disk.
                    await connection.execute("ALTER SYSTEM SET fsync = off")
                    await connection.execute("SELECT pg_reload_conf()")
                self._started.set()
                await ended.wait()
        finally:
            self._started.set()
