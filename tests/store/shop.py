"""A small shop in the store: its messages through a running journal, its segments, and who qualified."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from journals import opened as running

from segd.core.effects import Effects, LogEntry, Logged, Standing
from segd.core.events.messages import Event, accept, decode
from segd.core.language.reading import read_definition
from segd.core.time.instants import HOUR, Instant, from_datetime, parse_timestamp
from segd.store import segments
from segd.store.bridge import Pool, open_pool
from segd.store.effects import write_effects
from segd.store.journal import PostgresJournal
from segd.store.session import Statements
from segd.store.waiting import Changed

NOW = parse_timestamp("2025-06-02T12:00:00Z")
ZONE = ZoneInfo("Europe/Berlin")

CART = {"type": "action", "did": {"event": "Added To Cart"}}


class Shop:
    """now: what its clock shows, to be turned."""

    def __init__(self, pool: Pool, journal: PostgresJournal) -> None:
        self.pool = pool
        self.journal = journal
        self.now = NOW
        self._numbers = count(1)

    def clock(self) -> Instant:
        return self.now

    async def send(self, *messages: dict[str, Any]) -> None:
        """Messages in this order, received when they happened."""
        await self.journal.append(self._events(messages))

    async def bring(self, *messages: dict[str, Any]) -> None:
        """The same as history, now."""
        await self.journal.import_history(self._events(messages), self.now)

    def _events(self, messages: Sequence[dict[str, Any]]) -> list[Event]:
        events: list[Event] = []
        for message in messages:
            content = msgspec.json.encode({"messageId": f"m{next(self._numbers)}"} | message)
            at = parse_timestamp(message["timestamp"])
            events.append(accept(decode(content), received_at=at, content=b""))
        return events

    async def segment(self, name: str, **more: Any) -> int:
        """A live one on `Added To Cart`, unless it says otherwise; since two days ago."""
        document = {"name": name, "kind": "live", "on": CART} if "where" not in more else {"name": name, "kind": "past"}
        definition = read_definition(document | more)

        async def write(connection: Statements, position: int) -> Changed[segments.Segment]:
            return await segments.create(connection, position, definition, self.now - 48 * HOUR)

        return (await self.journal.change(write)).number

    async def qualify(self, segment: int, *causes: str, kind: Any = "qualified") -> Sequence[Logged]:
        """Write that these messages, by id, made their users qualify at their instants, or that this is taken back."""
        entries: list[LogEntry] = []
        async with self.pool.acquire() as connection:
            for cause in causes:
                row = await connection.fetchrow(
                    "SELECT user_number, id, anonymous, timestamp, sequence FROM events JOIN users"
                    " ON number = user_number WHERE message_id = $1",
                    cause,
                )
                assert row is not None
                at = from_datetime(row["timestamp"])
                standing = Standing(segment, 1, row["id"], row["anonymous"], at, row["sequence"], cause)
                entries.append(LogEntry(kind, row["user_number"], standing))
            async with connection.transaction():
                position: int = await connection.fetchval("SELECT log_position FROM journal")
                logged = await write_effects(connection, Effects(0, entries), position, ZONE, self.now)
                end = logged[-1].cursor
                await connection.execute("UPDATE journal SET log_position = $1", end)
        return logged

    async def rows(self, statement: str, *values: Any) -> list[Any]:
        async with self.pool.acquire() as connection:
            return [tuple(row) for row in await connection.fetch(statement, *values)]


@asynccontextmanager
async def opened(dsn: str) -> AsyncGenerator[Shop]:
    async with open_pool(dsn, size=4) as pool, running(pool) as journal:
        yield Shop(pool, journal)


def track(user: str, at: str, event: str = "Added To Cart", id: str | None = None, **properties: Any) -> dict[str, Any]:
    message = {"type": "track", "userId": user, "timestamp": at, "event": event, "properties": properties}
    return message if id is None else message | {"messageId": id}


def identify(user: str, at: str, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "timestamp": at, "traits": traits}
