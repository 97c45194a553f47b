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

CONNECTIONS = 2


def with_store(config: Config, work: Callable[[Pool], Awaitable[T]]) -> T:
    """Run some work on the store. Raises click.ClickException for what the store or the work refuses."""

    async def run() -> T:
        async with _open_store(config) as pool:
            return await work(pool)

    try:
        return trio.run(run)
    except SegdError as error:
        raise click.ClickException(error.message) from error


@asynccontextmanager
async def _open_store(config: Config) -> AsyncGenerator[Pool]:
    async with AsyncExitStack() as stack:
        dsn = config.dsn
        if dsn is None:
            dsn = await stack.enter_async_context(open_embedded(config.state_dir, progress=_tell))
        pool = await stack.enter_async_context(open_pool(dsn, CONNECTIONS))
        async with pool.acquire() as connection:
            if config.dsn is None:
                await migrate(connection, _tell)
            else:
                await check(connection)
        yield pool


def _tell(sentence: str) -> None:
    click.echo(f"segd: {sentence}", err=True)
