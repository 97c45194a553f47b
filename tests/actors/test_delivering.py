"""Webhooks under a clock that jumps: what is posted, when, and what of it is remembered."""

import hmac
import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise

import pytest
import trio
import trio.testing

from segd.actors.posting import AddressError, Poster
from segd.actors.webhooks import Webhooks
from segd.core.effects import LogEntry, Logged, Standing
from segd.core.errors import SegdError
from segd.core.frames import Ending
from segd.core.time.instants import SECOND, parse_timestamp
from segd.core.webhooks import Attempt, Webhook

NOON = parse_timestamp("2026-11-22T12:00:00Z")
TAKEN, FAILED = Attempt(True, 200, "answered 200"), Attempt(False, 500, "answered 500")


@dataclass
class World:
    """Store, log, notices and poster of webhooks. answers: what is answered to a post, by url; posts: cursors of each
    post, with its url and the second of it. lost: what is done, once, though its answer is lost."""

    entries: list[Logged] = field(default_factory=list)
    stored: dict[int, Webhook] = field(default_factory=dict)
    posts: list[tuple[str, float, list[int]]] = field(default_factory=list)
    headers: list[tuple[bytes, Mapping[str, str]]] = field(default_factory=list)
    answers: dict[str, Callable[[], Attempt | None]] = field(default_factory=dict)
    error: Exception | None = None
    lost: set[str] = field(default_factory=set)
    ended: Ending | None = None
    noticed: dict[int, trio.Event] = field(default_factory=dict)
    start: float = 0

    def now(self) -> int:
        return NOON + round((trio.current_time() - self.start) * SECOND)

    def publish(self, *cursors: int, segment: int = 1) -> None:
        of = Standing(segment, 1, "ann", False, NOON, 1, "m")
        self.entries += [Logged(cursor, LogEntry("qualified", 1, of)) for cursor in cursors]
        if segment in self.noticed:
            self.noticed.pop(segment).set()

    def posted(self, url: str = "a") -> list[list[int]]:
        return [cursors for where, _, cursors in self.posts if where == url]

    # Notices

    def notice(self, segment: int) -> trio.Event:
        return self.noticed.setdefault(segment, trio.Event())

    def ending(self, _: int) -> Ending | None:
        return self.ended

    # Log

    async def after(self, segment: int, cursor: int, most: int) -> list[Logged]:
        await self._reach()
        return [each for each in self.entries if each.entry.of.segment == segment and each.cursor > cursor][:most]

    async def end(self) -> int:
        await self._reach()
        return self.entries[-1].cursor if self.entries else 0

    # Store

    async def _reach(self) -> None:
        await trio.lowlevel.checkpoint()
        if self.error:
            raise self.error

    def _answer(self, name: str) -> None:
        if name in self.lost:
            self.lost.remove(name)
            raise SegdError("connection_lost", "lost")

    async def all(self) -> list[Webhook]:
        await self._reach()
        return list(self.stored.values())

    async def get(self, number: int) -> Webhook | None:
        await self._reach()
        return self.stored.get(number)

    async def add(self, segment: int, url: str, secret: str, cursor: int, now: int) -> int:
        await self._reach()
        number = len(self.stored) + 1
        self.stored[number] = Webhook(number, segment, "S", url, secret, cursor, "running", None, now, None, None)
        self._answer("add")
        return number

    async def drop(self, number: int) -> None:
        await self._reach()
        self.stored.pop(number, None)

    async def delivered(self, number: int, before: int, cursor: int, now: int) -> None:
        await self._reach()
        webhook = self.stored[number]
        cursor = cursor if webhook.cursor == before else webhook.cursor
        self.stored[number] = webhook._replace(cursor=cursor, delivered_at=now, failing_since=None, reason=None)

    async def failed(self, number: int, reason: str, now: int) -> int:
        await self._reach()
        since = self.stored[number].failing_since or now
        self.stored[number] = self.stored[number]._replace(failing_since=since, reason=reason)
        return since

    async def switch_off(self, number: int, reason: str) -> None:
        self.stored[number] = self.stored[number]._replace(status="off", reason=reason)

    async def rewind(self, number: int, cursor: int) -> None:
        if number in self.stored:
            self.stored[number] = self.stored[number]._replace(
                cursor=cursor, status="running", reason=None, failing_since=None
            )
        self._answer("rewind")

    # Poster

    @asynccontextmanager
    async def open(self, url: str) -> AsyncGenerator[object]:
        async def post(body: bytes, headers: Mapping[str, str]) -> Attempt:
            self.posts.append((url, trio.current_time() - self.start, json.loads(body)))
            self.headers.append((body, headers))
            attempt = self.answers.get(url, lambda: TAKEN)()
            if attempt is None:
                await trio.sleep_forever()
            return attempt

        yield post

    async def resolve(self, _: object) -> str:
        return "192.0.2.1"


def encode(_: Webhook, entries: Sequence[Logged]) -> bytes:
    return json.dumps([each.cursor for each in entries]).encode()


@asynccontextmanager
async def running(world: World) -> AsyncGenerator[Webhooks]:
    world.start = trio.current_time()
    webhooks = Webhooks(world, world, world, world, encode, world.now)  # type: ignore[arg-type]
    async with trio.open_nursery() as nursery:
        await nursery.start(webhooks.run)
        yield webhooks
        nursery.cancel_scope.cancel()


URL = "https://a.example/"


async def test_the_log_is_posted_in_batches_from_now_on(autojump_clock):
    world = World()
    world.publish(1, 2)
    async with running(world) as webhooks:
        webhook = await webhooks.create(1, URL, None)
        assert webhook.cursor == 2
        await trio.sleep(10)
        world.publish(3)
        world.publish(4, segment=2)
        await trio.sleep(0.1)
        assert world.posts == [(URL, 10.0, [3])]  # the first at once
        for cursor in range(5, 1006):
            world.publish(cursor)
        await trio.sleep(10)
        assert [len(batch) for batch in world.posted(URL)] == [1, 500, 500, 1]
        assert world.stored[1].cursor == 1005


async def test_it_goes_on_where_it_was(autojump_clock):
    world = World()
    world.publish(1, 2, 3)
    async with running(world) as webhooks:
        await webhooks.create(1, URL, 1)
        await trio.sleep(1)
    async with running(world):
        world.publish(4)
        await trio.sleep(1)
    assert world.posted(URL) == [[2, 3], [4]]


async def test_a_post_is_signed(autojump_clock):
    world = World()
    world.publish(1)
    async with running(world) as webhooks:
        webhook = await webhooks.create(1, URL, 0)
        await trio.sleep(1)
    body, headers = world.headers[0]
    assert headers["Segd-Timestamp"] == str(NOON // SECOND)
    signed = hmac.new(webhook.secret.encode(), headers["Segd-Timestamp"].encode() + b"." + body, sha256)
    assert headers["Segd-Signature"] == f"v1={signed.hexdigest()}"


async def test_what_is_not_taken_is_posted_again_ever_more_rarely(autojump_clock):
    world = World()
    world.publish(1)
    world.answers[URL] = lambda: FAILED
    async with running(world) as webhooks:
        await webhooks.create(1, URL, 0)
        await trio.sleep(3600)
        assert world.stored[1].reason == "answered 500"
        assert world.stored[1].failing_since == NOON
        at = [at for _, at, _ in world.posts]
        pauses = [later - earlier for earlier, later in pairwise(at)]
        for number, pause in enumerate(pauses):
            assert 0.499 <= pause / min(2**number, 900) <= 1.001
        world.publish(2)
        del world.answers[URL]
        await trio.sleep(1000)
        assert world.posted(URL)[-1] == [1, 2]
        assert (world.stored[1].reason, world.stored[1].failing_since, world.stored[1].cursor) == (None, None, 2)


async def test_a_day_of_failures_switches_it_off_until_it_is_switched_on(autojump_clock):
    world = World()
    world.publish(1, 2)
    world.answers[URL] = lambda: FAILED
    async with running(world) as webhooks:
        await webhooks.create(1, URL, 0)
        await trio.sleep(23 * 3600)
        assert world.stored[1].status == "running"
        await trio.sleep(2 * 3600)
        assert world.stored[1].status == "off"
        assert world.stored[1].reason == "failed for a day; lastly: answered 500"
        assert world.stored[1].failing_since >= NOON
        posts = len(world.posts)
        world.publish(3)
        await trio.sleep(24 * 3600)
        assert len(world.posts) == posts
        del world.answers[URL]
        webhook = await webhooks.redeliver(1, 1)
        assert webhook is not None
        assert (webhook.status, webhook.cursor) == ("running", 1)
        await trio.sleep(1)
        assert world.posted(URL)[-1] == [2, 3]


async def test_a_clock_that_is_set_a_day_ahead_switches_nothing_off(autojump_clock):
    world = World()
    world.publish(1)
    world.answers[URL] = lambda: FAILED
    async with running(world) as webhooks:
        await webhooks.create(1, URL, 0)
        await trio.sleep(10)
        world.start -= 24 * 3600
        await trio.sleep(600)
        assert len(world.posts) > 5
        assert world.stored[1].status == "running"


async def test_redelivery_while_it_delivers(autojump_clock):
    world = World()
    world.publish(1, 2)
    async with running(world) as webhooks:
        await webhooks.create(1, URL, 0)
        await trio.sleep(10)
        world.answers[URL] = lambda: None  # this one is under way
        world.publish(3)
        await trio.sleep(10)
        del world.answers[URL]
        await webhooks.redeliver(1, 0)
        await trio.sleep(10)
        assert world.posted(URL) == [[1, 2], [3], [1, 2, 3]]
        assert await webhooks.redeliver(7, 0) is None


async def test_one_that_hangs_harms_nobody(autojump_clock):
    world = World()
    world.answers[URL] = lambda: None
    async with running(world) as webhooks:
        await webhooks.create(1, URL, 0)
        await webhooks.create(1, "https://b.example/", 0)
        for cursor in range(1, 11):
            world.publish(cursor)
            await trio.sleep(10)
        assert len(world.posted(URL)) == 1
        assert len(world.posted("https://b.example/")) == 10


async def test_a_deleted_one_is_posted_to_no_more(autojump_clock):
    world = World()
    async with running(world) as webhooks:
        await webhooks.create(1, URL, 0)
        assert await webhooks.delete(1)
        assert not await webhooks.delete(1)
        world.publish(1)
        await trio.sleep(10)
        assert world.posts == []


async def test_one_whose_segment_is_deleted_as_it_is_made(autojump_clock, monkeypatch):
    async def gone(number: int) -> None:
        return None

    world = World()
    async with running(world) as webhooks:
        monkeypatch.setattr(world, "get", gone)
        with pytest.raises(SegdError, match="deleted meanwhile") as refused:
            await webhooks.create(1, URL, 0)
    assert refused.value.code == "not_found"


async def test_redelivery_while_others_are_looked_for(autojump_clock, monkeypatch):
    async def slowly(number: int, cursor: int) -> None:
        await trio.sleep(5)
        await rewind(number, cursor)

    world = World()
    rewind = world.rewind
    monkeypatch.setattr(world, "rewind", slowly)
    world.publish(1)
    async with running(world) as webhooks, trio.open_nursery() as nursery:
        await webhooks.create(1, URL, 0)
        await trio.sleep(10)
        nursery.start_soon(webhooks.redeliver, 1, 0)
        await trio.sleep(1)
        world.lost.add("add")
        with pytest.raises(SegdError):
            await webhooks.create(1, "https://b.example/", 0)
        await trio.sleep(20)
    assert world.posted(URL) == [[1], [1]]


async def test_redelivery_that_fails_when_all_has_ended_tells_why(autojump_clock):
    world = World()
    async with running(world) as webhooks:
        await webhooks.create(1, URL, 0)
    world.lost.add("rewind")
    with pytest.raises(SegdError, match="lost"):
        await webhooks.redeliver(1, 0)


async def test_a_database_that_is_away_is_waited_for(autojump_clock):
    world = World()
    world.error = SegdError("database_unreachable", "away")
    async with running(world) as webhooks:
        await trio.sleep(10)
        world.error = None
        await webhooks.create(1, URL, 0)
        await trio.sleep(10)
        world.error = SegdError("database_unreachable", "away")
        world.publish(1)
        await trio.sleep(10)
        world.error = None
        await trio.sleep(10)
        assert world.posted(URL) == [[1]]


async def test_what_the_database_did_without_an_answer_is_delivered(autojump_clock):
    world = World()
    world.publish(1)
    world.lost = {"add", "rewind"}
    async with running(world) as webhooks:
        with pytest.raises(SegdError):
            await webhooks.create(1, URL, 0)
        await trio.sleep(10)
        assert world.posted(URL) == [[1]]
        with pytest.raises(SegdError):
            await webhooks.redeliver(1, 0)
        await trio.sleep(10)
        assert world.posted(URL) == [[1], [1]]


async def test_what_a_segd_that_loses_its_place_did_is_found(autojump_clock):
    world = World()
    world.publish(1)
    async with running(world) as webhooks:
        await webhooks.create(1, URL, 0)
        await trio.sleep(10)
        await world.add(1, "https://b.example/", "secret", 0, world.now())
        await world.rewind(1, 0)
        await trio.sleep(120)
        assert world.posted(URL) == [[1], [1]]
        assert world.posted("https://b.example/") == [[1]]


async def test_a_bug_stops_one_alone_for_a_while(autojump_clock, caplog: pytest.LogCaptureFixture):
    def fail() -> Attempt:
        raise RuntimeError("a bug")

    world = World()
    world.answers[URL] = fail
    async with running(world) as webhooks:
        await webhooks.create(1, URL, 0)
        await webhooks.create(1, "https://b.example/", 0)
        world.publish(1)
        await trio.sleep(10)
        assert "webhook 1 failed" in caplog.text
        del world.answers[URL]
        await trio.sleep(1000)
        assert world.posted(URL) == [[1], [1]]
        assert world.posted("https://b.example/") == [[1]]


async def test_a_test_has_no_entries_and_changes_nothing(autojump_clock):
    world = World()
    async with running(world) as webhooks:
        await webhooks.create(1, URL, 5)
        assert await webhooks.test(1) == TAKEN
        world.answers[URL] = lambda: FAILED
        assert await webhooks.test(1) == FAILED
        assert await webhooks.test(2) is None
        assert world.posted(URL) == [[], []]
        assert (world.stored[1].cursor, world.stored[1].reason) == (5, None)


async def test_a_segment_that_is_gone_has_nothing_to_deliver(autojump_clock):
    world = World()
    async with running(world) as webhooks:
        await webhooks.create(1, URL, 0)
        world.ended = Ending.GONE
        world.notice(1).set()
        await trio.sleep(10)
        assert world.posts == []


async def test_an_address_that_may_not_be_posted_to_is_refused():
    world = World()
    webhooks = Webhooks(world, world, world, Poster(private=False), encode, world.now)
    for url, message in (
        ("nonsense", "expected an address"),
        ("http://127.0.0.1:80/", "127.0.0.1 is not a public address"),
        ("https://example.com:99999/", "expected a port"),
    ):
        with pytest.raises(AddressError, match=message):
            await webhooks.create(1, url, None)
    assert world.stored == {}
