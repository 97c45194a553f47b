"""A running journal, a follower that remembers what it is told, and ways to break the connection between them."""

import json
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import trio

from segd.core.effects import Effects, Group, Logged
from segd.core.events.messages import Event, accept, decode
from segd.core.ports import Follower
from segd.core.time.instants import HOUR, Instant, parse_timestamp
from segd.store.bridge import Pool
from segd.store.journal import JournalSettings, PostgresJournal
from segd.store.session import Session

NOW = parse_timestamp("2025-06-02T12:00:00Z")
SETTINGS = JournalSettings(
    late_band=2 * HOUR, group_seconds=0.002, group_events=5000, waiting_events=50_000, waiting_bytes=64_000_000,
    catch_up=0,
)  # fmt: skip
WRITERS = (
    "SELECT pid FROM pg_locks JOIN pg_database AS d ON d.oid = database "
    "WHERE locktype = 'advisory' AND granted AND datname = current_database()"
)


def said(id: str, at: Instant = NOW, received_at: Instant = NOW, **more: Any) -> Event:
    message = {"type": "track", "event": "A", "userId": "u", "messageId": id} | more
    event = accept(decode(json.dumps(message).encode()), received_at=received_at, content=b"")
    event.timestamp = at
    return event


@asynccontextmanager
async def opened(
    pool: Pool,
    settings: JournalSettings = SETTINGS,
    *,
    follower: Follower | None = None,
    now: Callable[[], Instant] = lambda: NOW,
    told: list[str] | None = None,
) -> AsyncGenerator[PostgresJournal]:
    """A journal that is running, closed and drained at the end. told: gets what it tells the operator."""
    tell = [].append if told is None else told.append
    journal = PostgresJournal(pool, settings, follower or Following(), zone=ZoneInfo("UTC"), now=now, tell=tell)
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        yield journal
        journal.close()


async def rows(pool: Pool, statement: str) -> list[Any]:
    async with pool.acquire() as connection:
        return [row[0] if len(row) == 1 else tuple(row) for row in await connection.fetch(statement)]


async def wait_rows(pool: Pool, statement: str, expected: list[Any]) -> None:
    """Until they are."""
    with trio.fail_after(60):
        while await rows(pool, statement) != expected:  # noqa: ASYNC110  nobody tells of it
            await trio.sleep(0.01)


async def stored(pool: Pool) -> list[str]:
    return await rows(pool, "SELECT message_id FROM events ORDER BY sequence")


async def lose(pool: Pool) -> None:
    """End the writer's session in the server."""
    assert await rows(pool, f"SELECT pg_terminate_backend(pid, 5000) FROM ({WRITERS}) AS w") == [True]


class Following:
    """react: called in each `follow` with the groups that came since the last that came to its end."""

    def __init__(self, react: Callable[[Effects, list[Group]], Awaitable[None]] | None = None) -> None:
        self.groups: list[Group] = []
        self.logged: list[Logged] = []
        self.interruptions: list[tuple[Instant, Instant]] = []
        self.times_written = 0
        self._react = react
        self._news: list[Group] = []
        self._effects = Effects(0)

    def committed(self, group: Group) -> None:
        self.groups.append(group)
        self._news.append(group)

    async def follow(self) -> None:
        await trio.lowlevel.checkpoint()
        if self._react is not None:
            await self._react(self._effects, self._news)
        for group in self._news:
            self._effects.settled = group.position
        self._news.clear()

    def effects(self) -> Effects:
        return self._effects

    def written(self, logged: Sequence[Logged]) -> None:
        self.times_written += 1
        self.logged.extend(logged)
        self._effects = Effects(self._effects.settled)

    def seconds_until_due(self) -> float:
        return math.inf

    def interrupted(self, since: Instant, until: Instant) -> None:
        self.interruptions.append((since, until))


class Cut:
    """A connection's COMMIT, spoilt: the session is ended before it, or after it so that the answer is lost.

    passes: how many are let through first.
    """

    def __init__(self, after: bool) -> None:
        self.after = after
        self.cuts = 1
        self.passes = 0

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        commit = Session.commit
        cut = self

        async def cut_commit(session: Session, transaction: Any) -> None:
            if cut.cuts and await cut._is_writer(session):
                if cut.passes:
                    cut.passes -= 1
                else:
                    cut.cuts -= 1
                    if cut.after:
                        await commit(session, transaction)
                    await session.execute("SELECT pg_terminate_backend(pg_backend_pid())")  # raises ConnectionLost
            await commit(session, transaction)

        monkeypatch.setattr(Session, "commit", cut_commit)

    async def _is_writer(self, connection: Session) -> bool:
        return await connection.fetchval(f"SELECT pg_backend_pid() IN ({WRITERS})")
