"""Users kept true to a journal on Postgres: what only shows where the follower has the store to ask."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import trio
from store.journals import NOW, opened, said

from segd.actors import follower as following
from segd.actors.follower import ROOM, LiveFollower
from segd.core.effects import Arrival, Logged, StoredUser
from segd.core.events.messages import Event
from segd.core.language.reading import read_definition
from segd.core.time.instants import DAY, HOUR, MINUTE, SECOND, Instant
from segd.core.users import live
from segd.core.users.live import LiveUsers
from segd.store.bridge import open_pool
from segd.store.journal import PostgresJournal
from segd.store.segment_changes import SegmentChanges
from segd.store.user_store import PostgresUsers

Told = tuple[str, Instant]  # who qualified, and when
CART_LEFT: dict[str, Any] = {
    "name": "Cart left",
    "kind": "live",
    "on": {"type": "inaction", "did": {"event": "Cart"}, "did_not": {"event": "Bought"}, "within": "10m"},
}


class Watching:
    """A journal, its follower, and a clock that the test sets."""

    def __init__(self) -> None:
        self.now = NOW
        self.told: dict[int, list[Told]] = {}  # by segment
        self.journal: PostgresJournal
        self.segments: SegmentChanges
        self.follower: LiveFollower

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        pass

    def published(self, logged: Sequence[Logged]) -> None:
        for _, entry in logged:
            assert entry.type == "qualified"
            self.told.setdefault(entry.of.segment, []).append((entry.of.id, entry.of.at))

    async def create(self, document: dict[str, Any]) -> int:
        return await self.segments.create(read_definition(document))

    async def happens(self, event: str, at: Instant, *users: str) -> None:
        messages = [said(f"{event} {user} {at}", at, self.now, event=event, userId=user) for user in users]
        await self.journal.append(messages)

    async def wait_told(self, segment: int, count: int) -> list[Told]:
        """All there is, sorted, once it is so much."""
        with trio.fail_after(20):
            while len(self.told.get(segment, [])) < count:  # noqa: ASYNC110  nobody tells of it
                await trio.sleep(0.01)
        return sorted(self.told[segment])


@asynccontextmanager
async def watching(dsn: str, *, catch_up: int = 0, room: int = ROOM) -> AsyncGenerator[Watching]:
    one = Watching()
    async with open_pool(dsn, size=3) as pool:
        one.follower = LiveFollower(
            PostgresUsers(pool),
            [one],
            zone=ZoneInfo("UTC"),
            grace=0,
            catch_up=catch_up,
            late_band=2 * HOUR,
            now=lambda: one.now,
            room=room,
        )
        async with opened(pool, follower=one.follower, now=lambda: one.now) as one.journal:
            one.segments = SegmentChanges(one.journal, lambda: one.now)
            yield one


@pytest.mark.parametrize("comes_again", [False, True])
async def test_an_event_before_a_segment_counts_if_it_is_stamped_after_it(dsn: str, comes_again: bool):
    async with watching(dsn) as one:
        await one.happens("Cart", NOW + MINUTE, "ann")
        await one.happens("Cart", NOW, "bob")
        one.now = NOW + 30 * SECOND
        number = await one.create(CART_LEFT)
        if comes_again:
            await one.happens("Bought", NOW, "ann", "bob")
        one.now = NOW + HOUR
        await one.happens("Cart", NOW + HOUR, "cyd")
        one.now = NOW + 2 * HOUR
        expected = [("ann", NOW + 11 * MINUTE), ("cyd", NOW + HOUR + 10 * MINUTE)]
        assert await one.wait_told(number, 2) == expected


async def test_an_edit_while_history_is_looked_at_loses_nobody(dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(following, "ARM", 1)
    users = [f"user {n}" for n in range(20)]
    async with watching(dsn) as one:
        await one.happens("Cart", NOW, *users)
        one.now = NOW + MINUTE
        number = await one.create(CART_LEFT | {"start": "open"})
        one.now = NOW + 15 * MINUTE  # with all windows ended while the first definition counted
        await one.segments.change(number, read_definition(CART_LEFT | {"again": "1h", "start": "open"}))
        expected = [(user, NOW + 10 * MINUTE) for user in sorted(users)]
        assert await one.wait_told(number, len(users)) == expected


async def test_timers_that_are_due_at_once_fire_in_steps(dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live, "FIRED", 2)
    users = [f"user {n}" for n in range(7)]
    async with watching(dsn) as one:
        number = await one.create(CART_LEFT)
        await one.happens("Cart", NOW, *users)
        one.now = NOW + HOUR
        assert await one.wait_told(number, 7) == [(user, NOW + 10 * MINUTE) for user in users]


async def test_much_history_is_taken_beside_the_loop(dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(following, "HEAVY", 0)
    async with watching(dsn) as one:
        await one.happens("Cart", NOW, "ann")
        one.now = NOW + MINUTE
        number = await one.create(CART_LEFT | {"start": "open"})
        await one.happens("Cart", NOW + MINUTE, "bob")
        await one.happens("Cart", NOW, "bob")
        one.now = NOW + HOUR
        assert await one.wait_told(number, 2) == [("ann", NOW + 10 * MINUTE), ("bob", NOW + 10 * MINUTE)]


async def test_an_outage_is_heard_of_before_and_after_what_is_done_beside_the_loop(
    dsn: str, monkeypatch: pytest.MonkeyPatch
):
    def load(users: LiveUsers, *more: Any) -> list[int]:
        patience = users._telling.patience
        trio.from_thread.run_sync(one.follower.interrupted, NOW, NOW + 2 * SECOND)
        assert users._telling.patience is patience
        heard.append(patience.until)
        return real_load(users, *more)

    async def ahead(store: PostgresUsers) -> Sequence[tuple[int, Instant]]:
        one.follower.interrupted(NOW, NOW + SECOND)
        return await real_ahead(store)

    heard: list[Instant] = []
    real_load, real_ahead = LiveUsers.load, PostgresUsers.ahead
    async with watching(dsn) as one:
        await one.happens("Cart", NOW + MINUTE, "ann")
        monkeypatch.setattr(following, "HEAVY", 0)
        monkeypatch.setattr(LiveUsers, "load", load)
        monkeypatch.setattr(PostgresUsers, "ahead", ahead)
        await one.create(CART_LEFT)
        await one.happens("Cart", NOW + MINUTE, "bob")
        assert heard == [NOW + SECOND]
        assert one.follower._users is not None
        assert one.follower._users._telling.patience.until == NOW + 2 * SECOND


@pytest.mark.parametrize("asked", [False, True])
async def test_only_those_are_loaded_anew_whose_history_is_asked_about(
    dsn: str, monkeypatch: pytest.MonkeyPatch, asked: bool
):
    def past(event: str, user: str) -> Event:
        return said(f"past {event} {user}", NOW - 2 * DAY, NOW - 2 * DAY, event=event, userId=user)

    async def load(self: PostgresUsers, *asked: Any) -> Sequence[StoredUser]:
        users = await real(self, *asked)
        loaded.append([user.id for user in users])
        return users

    real = PostgresUsers.load
    monkeypatch.setattr(PostgresUsers, "load", load)
    loaded: list[list[str]] = []
    async with watching(dsn) as one:
        number = await one.create(CART_LEFT | ({"filter": {"type": "did", "event": "Bought"}} if asked else {}))
        await one.happens("Cart", NOW, "ann", "bob")
        await one.journal.import_history([past("Viewed", "ann"), past("Viewed", "cyd"), past("Bought", "bob")], NOW)
        await one.happens("Cart", NOW, "cyd")
        one.now = NOW + HOUR
        left = ["bob"] if asked else ["ann", "bob", "cyd"]
        assert await one.wait_told(number, len(left)) == [(user, NOW + 10 * MINUTE) for user in left]
    assert loaded == ([["bob"], ["cyd"]] if asked else [["cyd"]])


async def test_what_waits_for_senders_waits_no_longer_once_the_clock_is_no_more_ahead(dsn: str):
    async with watching(dsn, catch_up=HOUR, room=0) as one:  # nobody who waits is at hand
        number = await one.create(CART_LEFT)
        one.now = NOW + HOUR
        one.follower.interrupted(NOW, NOW + HOUR)
        await one.happens("Cart", NOW, "ann")
        await one.happens("Cart", NOW, "bob")
        one.now = NOW + 15 * MINUTE
        one.follower.interrupted(NOW, NOW + 15 * MINUTE)
        one.now = NOW + 31 * MINUTE
        assert await one.wait_told(number, 2) == [(user, NOW + 10 * MINUTE) for user in ("ann", "bob")]


async def test_a_run_that_ended_long_ago_by_a_clock_that_was_ahead_counts_for_what_is_late(dsn: str):
    async with watching(dsn) as one:
        number = await one.create(
            {"name": "Bought", "kind": "live", "on": {"type": "action", "did": {"event": "Bought"}}}
        )
        one.now = NOW + HOUR
        await one.segments.pause(number)
        one.now = NOW + 3 * DAY
        await one.create(CART_LEFT)
        one.now = NOW + HOUR
        await one.happens("Bought", NOW + 30 * MINUTE, "ann")
        assert await one.wait_told(number, 1) == [("ann", NOW + 30 * MINUTE)]
