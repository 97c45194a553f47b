"""Databases of a test's own, on the one Postgres of a run."""

import os
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from urllib.parse import urlsplit, urlunsplit

import trio

from segd.store.bridge import Connection, open_pool

_numbers = count(1)


@contextmanager
def database(postgres: str, template: str) -> Generator[str]:
    """The DSN of a new one, dropped at the end. postgres: of any other on the server. template: the name of what it is
    a copy of, which nobody may be connected to."""
    name = f"segd_test_{os.getpid()}_{next(_numbers)}"
    execute(postgres, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    yield other_database(postgres, name)
    execute(postgres, f"DROP DATABASE {name} WITH (FORCE)")


def name_of(dsn: str) -> str:
    """Of the database."""
    return urlsplit(dsn).path.removeprefix("/")


def other_database(dsn: str, name: str) -> str:
    """The DSN of another one on the same server."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


def execute(dsn: str, statement: str) -> None:
    """Not from within Trio."""

    async def execute() -> None:
        async with connected(dsn) as connection:
            await connection.execute(statement)

    trio.run(execute)


@asynccontextmanager
async def connected(dsn: str) -> AsyncGenerator[Connection]:
    """Trio"""
    async with open_pool(dsn, size=1) as pool, pool.acquire() as connection:
        yield connection
