"""What all tests share: one real Postgres a run, a database of its own for each test that asks, the shared folder."""

import os
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
                self._started.set()
                await ended.wait()
        finally:
            self._started.set()
