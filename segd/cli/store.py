"""The store, for the commands that need it: the configured database, or the embedded one of the state directory."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

import click
import trio

from segd.config import Config
from segd.core.errors import SegdError
from segd.store.bridge import Pool, open_pool
from segd.store.embedded import open_embedded
from segd.store.migrate import check, migrate

T = TypeVar("T")

CONNECTIONS = 2  # at once, of most commands


def with_store(config: Config, work: Callable[[Pool], Awaitable[T]], connections: int = CONNECTIONS) -> T:
    """Run some work on the store. Raises click.ClickException for what the store or the work refuses."""

    async def run() -> T:
        async with _open_store(config, connections) as pool:
            return await work(pool)

    return _run(run)


def migrate_store(config: Config) -> list[str]:
    """Bring the tables up to this segd; the names of what was applied. Raises click.ClickException."""
    applied: list[str] = []

    async def run() -> None:
        async with _open_pool(config, CONNECTIONS) as pool, pool.acquire() as connection:
            applied.extend(await migrate(connection, _tell))

    _run(run)
    return applied


def _run(work: Callable[[], Awaitable[T]]) -> T:
    try:
        return trio.run(work)
    except SegdError as error:
        raise click.ClickException(error.message) from error
    except BaseExceptionGroup as group:  # Ctrl-C comes out of nurseries like that
        if group.split(KeyboardInterrupt)[1] is not None:
            raise
        raise KeyboardInterrupt from None


@asynccontextmanager
async def _open_store(config: Config, connections: int) -> AsyncGenerator[Pool]:
    """Trio. The store with its tables as they must be; those of the embedded server are brought forward."""
    async with _open_pool(config, connections) as pool:
        async with pool.acquire() as connection:
            if config.dsn is None:
                await migrate(connection, _tell)
            else:
                await check(connection)
        yield pool


@asynccontextmanager
async def _open_pool(config: Config, connections: int) -> AsyncGenerator[Pool]:
    async with AsyncExitStack() as stack:
        dsn = config.dsn
        if dsn is None:
            dsn = await stack.enter_async_context(open_embedded(config.state_dir, progress=_tell))
        yield await stack.enter_async_context(open_pool(dsn, connections))


def _tell(sentence: str) -> None:
    click.echo(f"segd: {sentence}", err=True)
