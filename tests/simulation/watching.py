"""Those outside who are told what happens, and look whether it is so."""

import json
from collections import Counter
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Protocol

import trio

from segd.actors.feeds import Feeds
from segd.actors.posting import Post
from segd.core.effects import Arrival, LogEntry, Logged
from segd.core.errors import SegdError
from segd.core.time.instants import Instant, from_datetime
from segd.core.webhooks import Attempt, Webhook
from segd.store.log import PostgresLog

from .server import Server
from .violation import Violation

PAGE = 3  # entries that a reader reads at once


class Witness:
    """Hears what the daemon tells whoever watches.

    told: the cursors of which anybody ever heard.
    """

    def __init__(self, server: Server) -> None:
        self.told: set[int] = set()
        self._server = server

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        for arrival in arrivals:
            stored = self._server.tables.events.get(arrival.sequence)
            if stored is None or stored.message_id != arrival.event.message_id:
                raise Violation(f"told of {arrival.event.message_id} before it was committed")

    def published(self, logged: Sequence[Logged]) -> None:
        for cursor, entry in logged:
            row = self._server.tables.log.get(cursor)
            if row is None or (row[0], row[1], from_datetime(row[6]), row[7]) != _short(entry):
                raise Violation(f"told of {entry} before it was committed")
            if cursor in self.told:
                raise Violation(f"told of {entry} twice")
            self.told.add(cursor)


class Listening:
    """The witness, as one life of the daemon tells it: of whatever is committed in that, one after the other."""

    def __init__(self, witness: Witness) -> None:
        self.arrived = witness.arrived
        self._witness = witness
        self._last: int | None = None

    def published(self, logged: Sequence[Logged]) -> None:
        for cursor, _ in logged:
            if self._last is not None and cursor != self._last + 1:
                raise Violation(f"told of {cursor} after {self._last}")
            self._last = cursor
        self._witness.published(logged)


def _short(entry: LogEntry) -> tuple[str, int, Instant, int]:
    return entry.type, entry.of.segment, entry.of.at, entry.of.cause


class Told(Protocol):
    """A life of the daemon, as a reader sees it."""

    feeds: Feeds
    log: PostgresLog


class Reader:
    """Reads a segment's log by cursor, over all lives of the daemon, as the websocket does with `?after=`."""

    def __init__(self, segment: int) -> None:
        self.segment = segment
        self.read: list[Logged] = []
        self._reading = object()

    async def run(self, daemon: Told) -> None:
        """Trio. Until cancelled, or run anew."""
        self._reading = reading = object()
        while self._reading is reading:
            notice = daemon.feeds.notice(self.segment)
            try:
                entries = await daemon.log.after(self.segment, self.read[-1].cursor if self.read else 0, PAGE)
            except SegdError:
                await trio.sleep(1)
                continue
            if self._reading is not reading:
                return
            self.read.extend(entries)
            if not entries:
                if daemon.feeds.ending(self.segment):
                    return
                await notice.wait()


class Hook:
    """Whoever a webhook posts to. got: the cursors, in order of coming; taken: those of batches that it said it took.
    begin: the cursor that it was to begin after."""

    def __init__(self, segment: int, begin: int) -> None:
        self.segment = segment
        self.begin = begin
        self.got: list[int] = []
        self.taken: set[int] = set()


def encode(webhook: Webhook, entries: Sequence[Logged]) -> bytes:
    """As the API does, for us."""
    cursors = [one.cursor for one in entries]
    return json.dumps([webhook.number, webhook.segment, webhook.cursor, cursors]).encode()


class Hooks:
    """The Poster of all webhooks. failing: how often a delivery is not taken, or its answer is lost. violations: told
    in the end, for whoever posts goes on after any error."""

    def __init__(self, server: Server, generator: Random, counts: Counter[str]) -> None:
        self.failing = 0.0
        self.by_number: dict[int, Hook] = {}
        self.violations: list[str] = []
        self._server = server
        self._generator = generator
        self._counts = counts

    async def resolve(self, url: object) -> str:
        return "192.0.2.1"

    @asynccontextmanager
    async def open(self, url: str) -> AsyncGenerator[Post]:
        yield self._post

    async def _post(self, body: bytes, headers: Mapping[str, str]) -> Attempt:
        number, segment, after, cursors = json.loads(body)
        hook = self.by_number.setdefault(number, Hook(segment, after))
        self._check(hook, after, cursors)
        self._counts["deliveries"] += 1
        await trio.sleep(self._generator.choice((0.0, 0.1, 2.0)) * self._generator.random())
        if self._generator.random() < self.failing:
            self._counts["deliveries refused"] += 1
            return Attempt(False, 503, "answered 503")
        hook.got += cursors
        if self._generator.random() < self.failing:
            self._counts["deliveries taken unseen"] += 1
            return Attempt(False, None, "no answer")
        hook.taken.update(cursors)
        return Attempt(True, 200, "answered 200")

    def _check(self, hook: Hook, after: int, cursors: list[int]) -> None:
        t = self._server.tables
        if cursors != sorted(set(cursors)) or cursors[0] <= after:
            self.violations.append(f"a webhook is sent {cursors} after {after}")
        if cursors[-1] > t.journal[True].log_position:
            self.violations.append(f"a webhook is sent {cursors} before it was committed")
        between = [at for at, row in t.log.items() if row[1] == hook.segment and after < at < cursors[-1]]
        if left_out := set(between) - set(cursors):
            self.violations.append(f"a webhook is sent {cursors} after {after}, without {left_out}")
        before = {at for at, row in t.log.items() if row[1] == hook.segment and hook.begin < at <= after}
        if left_out := before - hook.taken:
            self.violations.append(f"a webhook went on after {after} though {left_out} was not taken")
