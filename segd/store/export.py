"""All that is known of one user, as one JSON object, in pieces."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from segd.core.answers import UserKey
from segd.core.time.instants import from_datetime, to_text
from segd.store.bridge import Connection, Pool
from segd.store.queries import query

PAGE = 500  # rows that are in memory at once
WIRE = 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'  # as everywhere in the API, milliseconds cut off

_LISTS = ("joins", "events", "qualifications", "log", "timers")


@asynccontextmanager
async def exported(pool: Pool, key: UserKey) -> AsyncGenerator[AsyncIterator[bytes]]:
    """Trio. All as of one instant; a connection is held for as long. Raises LookupError where there is no such user."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(query("in_utc"))
        user = await connection.fetchrow(query("user_of_id"), key.id, key.anonymous)
        if user is None:
            raise LookupError(key)
        number: int = user["number"]
        ids = await connection.fetch(query("ids_of_user"), number)
        traits = await connection.fetch(query("traits_of_user"), number)
        latest = await connection.fetchval(query("latest_event"), number)  # the user's row may be minutes behind
        head = {
            "id": user["id"],
            "anonymous": user["anonymous"],
            "ids": [{"id": id, "anonymous": anonymous} for id, anonymous in ids],
            "firstSeen": to_text(from_datetime(user["first_seen"])),
            "lastSeen": to_text(from_datetime(max(user["last_seen"], latest or user["last_seen"]))),
            "traits": {name: msgspec.Raw(value.encode()) for name, value in traits if value != "null"},
        }
        yield _pieces(connection, number, msgspec.json.encode(head))


async def _pieces(connection: Connection, number: int, head: bytes) -> AsyncIterator[bytes]:
    """Trio"""
    yield head[:-1]
    for name in _LISTS:
        yield f',"{name}":['.encode()
        separator = ""
        async for rows in connection.pages(query(f"{name}_to_export"), number, WIRE, size=PAGE):
            yield (separator + ",\n".join(row[0] for row in rows)).encode()
            separator = ",\n"
        yield b"]"
    yield b"}\n"
