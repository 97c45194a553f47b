"""One run of a seed: a world with a daemon in it, whose users act while everything around it fails.

When all has been said and nothing fails any more, what is on record must be what the oracle says of the admitted
messages; what the log says must come to the same; whoever reads the log has each entry once and in order; nobody heard
of anything before it was committed; and whoever is loaded anew is found to be as the record says.
"""

import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import msgspec
import structlog.testing
import trio
import trio.testing

from segd.actors import follower
from segd.core.errors import DefinitionError
from segd.core.instants import DAY, MINUTE, SECOND, Instant, from_datetime, parse_timestamp, to_datetime
from segd.core.messages import Event, accept, decode
from segd.core.ports import Unavailable
from segd.core.reading import read_definition
from segd.store.errors import StoreError
from segd.store.segments import SegmentRefused

from . import judging, stories
from .incarnation import Incarnation, Reader, Violation, Witness
from .server import NONE, Done, Faults, Pool, Server
from .stories import Json, Said, tell
from .tables import Tables
from .truth import expected

STARTS = ("2025-03-29T20:00:00Z", "2025-10-25T20:00:00Z", "2025-04-24T18:00:00Z", "2025-06-02T21:30:00Z")
POINT_SECONDS = 4.0  # on Trio's clock, of one point of the grid
REST_POINTS = 14  # after the last message, by when everything is due


@dataclass(frozen=True)
class Weather:
    """What a seed's world is like. …_seconds: on Trio's clock, from one to the next on average. request_lost,
    answer_lost: how often, of what is sent. late: messages come in another order than they were written in."""

    faults: Faults
    crash_seconds: float
    stop_seconds: float
    outage_seconds: float
    step_seconds: float
    request_lost: float
    answer_lost: float
    late: bool
    joins: bool


def weather(g: Random) -> Weather:
    never = math.inf
    joins = g.random() < 0.35
    return Weather(
        Faults(g.choice((0.0005, 0.005, 0.05)), g.choice((0.0, 0.0, 0.01, 0.05)), g.choice((0.0, 0.0, 0.005))),
        crash_seconds=g.choice((never, 200.0, 60.0, 15.0)),
        stop_seconds=g.choice((never, never, 100.0)),
        outage_seconds=g.choice((never, never, 100.0)),
        step_seconds=g.choice((never, never, 60.0)),
        request_lost=g.choice((0.0, 0.1)),
        answer_lost=g.choice((0.0, 0.1)),
        late=g.random() < (0.3 if joins else 0.7),
        joins=joins,
    )


@dataclass
class Outcome:
    """Of a run. judged: whether the oracle had a say. trace: what the server did, where it was asked for; tables: what
    it had in the end."""

    messages: int = 0
    log: dict[str, int] = field(default_factory=dict[str, int])
    crashes: int = 0
    stops: int = 0
    outages: int = 0
    steps: int = 0
    changes: int = 0
    losses: int = 0
    calls: int = 0
    judged: bool = False
    trace: list[Done] = field(default_factory=list[Done])
    tables: Tables = field(default_factory=Tables)


def run(seed: int, *, traced: bool = False) -> Outcome:
    """Raises Violation, or whatever the daemon ended with."""
    trio._core._run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[attr-defined,misc]
    trio._core._run._r.seed(seed)  # type: ignore[attr-defined]
    world = World(seed, traced)
    with (
        structlog.testing.capture_logs() as logs,
        patch.object(follower, "LONG_AGO", world.long_ago),
        patch.object(follower, "MANY", 1),
    ):
        trio.run(world.run, clock=trio.testing.MockClock(autojump_threshold=0))
    for entry in logs:
        if entry["log_level"] == "error":
            raise Violation(f"the daemon tells of an error: {entry}") from entry.get("exc_info")
    return world.outcome


class World:
    def __init__(self, seed: int, traced: bool = False) -> None:
        # Each its own, so that one more draw in one of them leaves the others as they were.
        drawn, self._sent, self._chance = (Random(f"{seed} {what}") for what in ("drawn", "sent", "chance"))
        self.weather = weather(drawn)
        self.story = tell(drawn, joins=self.weather.joins)
        self.zone = ZoneInfo(self.story.zone)
        self.start = parse_timestamp(drawn.choice(STARTS))
        self.point = self.story.step * MINUTE
        self.grace = drawn.choice((0, 2 * SECOND, self.point // 2))
        self.catch_up = drawn.choice((0, 2 * MINUTE, 3 * self.point))
        self.long_ago = drawn.choice((0, self.point, DAY))  # how short a slice of a history may be
        self.changing = drawn.random() < 0.3  # segments, and history: of which the oracle knows nothing
        self.skew = 0
        self.traced = traced
        self.outcome = Outcome()
        self._imported = 0
        self.daemon: Incarnation | None = None
        self.numbers: dict[str, int] = {}
        self.readers: dict[int, Reader] = {}
        self.attempts: dict[tuple[str, Instant], Json] = {}  # by messageId and receivedAt: as it was sent
        self.answered: set[str] = set()

    def now(self) -> Instant:
        """The wall clock of the machine that segd runs on."""
        return self.start + int(trio.current_time() * self.point / POINT_SECONDS) + self.skew

    async def run(self) -> None:
        async with trio.open_nursery() as lingering:
            self.server = Server(self._chance, lingering, self.outcome.trace if self.traced else None)
            self.witness = Witness(self.server)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._keep_running)
                await self._create_segments()
                await self._go_through()
                await self._come_to_rest()
                nursery.cancel_scope.cancel()
            await self._judge()
            lingering.cancel_scope.cancel()

    # The daemon

    async def _keep_running(self) -> None:
        """Start it again whenever it ends."""
        while True:
            room = self._chance.choice((0, 10, 10**6))
            group_events = self._chance.choice((1, 3, 100))
            daemon = Incarnation(
                self.server, self.witness, self.now, self.zone, self.grace, self.catch_up, room, group_events
            )
            try:
                await daemon.live(list(self.readers.values()), self._up)
            except* StoreError as group:
                if group.subgroup(lambda error: isinstance(error, StoreError) and error.code == "journal_moved"):
                    raise
            self.daemon = None
            await trio.sleep(self._chance.choice((0.1, 2.0, 20.0)) * self._chance.random())

    def _up(self, daemon: Incarnation) -> None:
        self.daemon = daemon

    async def _with_daemon(self, work: Callable[[Incarnation], Awaitable[None]]) -> None:
        """Try until it is done, as clients do."""
        while True:
            if (daemon := self.daemon) is not None:
                with trio.move_on_after(30):
                    try:
                        return await work(daemon)
                    except Unavailable:
                        pass
            await trio.sleep(self._sent.uniform(0.1, 4))

    # Who uses it

    async def _create_segments(self) -> None:
        for document in self.story.definitions:
            definition = read_definition(self._with_dates(document))

            async def create(daemon: Incarnation, definition: Any = definition) -> None:
                self.numbers[definition.name] = await daemon.segments.create(definition)

            await self._with_daemon(create)
        self.readers = {number: Reader(number) for number in self.numbers.values()}
        daemon = self.daemon
        assert daemon is not None
        daemon.read(self.readers.values())

    async def _go_through(self) -> None:
        """All that is said, while things fail."""
        self.server.faults = self.weather.faults
        async with trio.open_nursery() as chaos:
            for work in (self._crash_at_times, self._stop_at_times, self._go_away_at_times, self._set_clock_at_times):
                chaos.start_soon(work)
            if self.changing:
                chaos.start_soon(self._change_at_times)
            async with trio.open_nursery() as senders:
                if self.weather.late:
                    for said in self.story.said:
                        delay = self._sent.choice((0, 0, 0, 0, 1, 1, 2, 3, 13, 20)) + self._sent.random() / 2
                        senders.start_soon(self._send_later, [said], said.at + delay)
                else:
                    senders.start_soon(self._send_in_order)
            await trio.sleep(self._chance.random() * 2 * POINT_SECONDS)
            chaos.cancel_scope.cancel()
        self.server.faults = NONE
        self.server.away = False

    async def _send_in_order(self) -> None:
        said = list(self.story.said)
        while said:
            request = [said.pop(0)]
            while said and self._sent.random() < 0.3:
                request.append(said.pop(0))
            await self._send_later(request, request[-1].at)

    async def _send_later(self, said: list[Said], point: float) -> None:
        await trio.sleep_until(point * POINT_SECONDS)
        await self._send(said)

    async def _send(self, said: list[Said]) -> None:
        """As an SDK does: again and again, until it is answered."""
        messages = [self._with_dates(one.message) | {"timestamp": self._text(one.at)} for one in said]

        async def append(daemon: Incarnation) -> None:
            if self._sent.random() < self.weather.request_lost:
                raise Unavailable("lost", "the request was lost", 1)
            await daemon.journal.append([self._received(message) for message in messages], trusted=True)
            stored = {one.message_id for one in self.server.tables.events.values()}
            if missing := {message["messageId"] for message in messages} - stored:
                raise Violation(f"{missing} answered before the commit")
            if self._sent.random() < self.weather.answer_lost:
                raise Unavailable("lost", "the answer was lost", 1)

        await self._with_daemon(append)
        self.answered.update(message["messageId"] for message in messages)

    def _received(self, message: Json) -> Event:
        content = msgspec.json.encode(message)
        received_at = self.now()
        event = accept(decode(content), received_at=received_at, content=content)
        self.attempts[event.message_id, received_at] = message
        return event

    def _text(self, point: int) -> str:
        return to_datetime(self.start + point * self.point).isoformat().replace("+00:00", "Z")

    def _with_dates(self, document: Json) -> Json:
        """Points of the grid turned into text."""
        document = deepcopy(document)
        for where in (document.get("properties", {}), document.get("traits", {})):
            for name in ("when", "birthday"):
                if name in where:
                    where[name] = self._text(where[name])
        return document

    async def _change_at_times(self) -> None:
        while True:
            await trio.sleep(self._sent.expovariate(1 / 30))
            with suppress(SegmentRefused, DefinitionError):
                await self._change()
                self.outcome.changes += 1

    async def _change(self) -> None:
        g = self._sent
        live = [one["name"] for one in self.story.definitions if one["kind"] == "live" and one["name"] in self.numbers]
        what = g.choice(("edit", "edit", "filter", "rename", "pause", "resume", "resume", "create", "delete", "import"))
        if what == "import" or not live:
            return await self._import()
        name = g.choice(live)
        number = self.numbers[name]
        place = [definition["name"] for definition in self.story.definitions].index(name)
        before, known = self.story.definitions[place], self.story.definitions[:place]
        others = [definition for definition in known if definition["name"] in self.numbers]
        if what == "filter":
            document = before | {"filter": stories.condition(g, self.story.step, others)}
        elif what == "rename":
            document = before | {"name": f"{name}'"}
        else:
            document = stories.definition(g, name, self.story.step, [])
        if what == "create":
            document |= {"name": f"N{len(self.story.definitions)}"} | ({"start": "open"} if g.random() < 0.7 else {})
        definition = read_definition(document)

        async def change(daemon: Incarnation) -> None:
            match what:
                case "edit" | "filter" | "rename":
                    await daemon.segments.change(number, definition)
                case "pause":
                    await daemon.segments.pause(number)
                case "resume":
                    await daemon.segments.resume(number)
                case "create":
                    self.numbers[definition.name] = await daemon.segments.create(definition)
                    reader = self.readers[self.numbers[definition.name]] = Reader(self.numbers[definition.name])
                    daemon.read([reader])
                case _:
                    await daemon.segments.delete(number)

        await self._with_daemon(change)
        match what:
            case "create":
                self.story.definitions.append(document)
            case "delete":
                del self.numbers[name], self.readers[number]
            case "edit" | "filter" | "rename":
                self.story.definitions[place] = document
                self.numbers[document["name"]] = self.numbers.pop(name)
            case _:
                pass
        return None

    async def _import(self) -> None:
        """History, some of it from before there was anything."""
        now_at = int(trio.current_time() / POINT_SECONDS)
        self._imported += 1
        messages: list[Json] = []
        for i in range(self._sent.randint(1, 5)):
            at = self._sent.randint(-10, now_at)
            said = stories.message(self._sent, f"i{self._imported}-{i}", at, self.weather.joins)
            messages.append(self._with_dates(said) | {"timestamp": self._text(at)})

        async def append(daemon: Incarnation) -> None:
            await daemon.journal.import_history([self._received(message) for message in messages], self.now())

        await self._with_daemon(append)
        self.answered.update(message["messageId"] for message in messages)

    # What fails

    async def _at_times(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while seconds < math.inf:
            await trio.sleep(self._chance.expovariate(1 / seconds))
            await work()

    async def _crash_at_times(self) -> None:
        async def crash() -> None:
            if self._chance.random() < 0.5:  # in the midst of things rather than whenever
                calls = self.server.calls + self._chance.randint(1, 60)
                with trio.move_on_after(POINT_SECONDS):
                    await self.server.wait_calls(calls)
            if (daemon := self.daemon) is not None:
                self.outcome.crashes += 1
                self.daemon = None
                daemon.crash()

        await self._at_times(self.weather.crash_seconds, crash)

    async def _stop_at_times(self) -> None:
        async def stop() -> None:
            if (daemon := self.daemon) is not None:
                self.outcome.stops += 1
                daemon.stop()

        await self._at_times(self.weather.stop_seconds, stop)

    async def _go_away_at_times(self) -> None:
        async def go_away() -> None:
            self.outcome.outages += 1
            self.server.fail()
            await trio.sleep(self._chance.choice((0.5, 5.0, 60.0)) * self._chance.random())
            self.server.away = False

        await self._at_times(self.weather.outage_seconds, go_away)

    async def _set_clock_at_times(self) -> None:
        async def set_clock() -> None:
            self.outcome.steps += 1
            self.skew = int(self._chance.uniform(-1, 1) * self._chance.choice((SECOND, self.point, 4 * self.point)))

        await self._at_times(self.weather.step_seconds, set_clock)

    # The end

    async def _come_to_rest(self) -> None:
        """Until all is due, told and written."""
        last = max(said.at for said in self.story.said)
        self.until = self.start + (last + 9) * self.point
        await trio.sleep_until((last + REST_POINTS) * POINT_SECONDS)
        with trio.move_on_after(1000):
            while not self._is_at_rest():  # noqa: ASYNC110  nobody tells of it
                await trio.sleep(1)
        if not self._is_at_rest():
            raise Violation("the daemon does not come to rest")
        await trio.sleep(5)

    def _is_at_rest(self) -> bool:
        daemon, journal = self.daemon, self.server.tables.journal[True]
        return (
            daemon is not None
            and daemon.journal.unready() is None
            and not daemon.follower.effects()
            and daemon.follower.seconds_until_due() > 0
            and journal.settled == journal.position
            and self.now() > self.until + self.grace + self.catch_up
        )

    async def _judge(self) -> None:
        t = self.server.tables
        self._sum_up()
        judging.check_messages(t, self.answered)
        judging.check_log(t)
        judging.check_counts(t, self.zone)
        judging.check_readers(t, self.readers)
        judging.check_timers(t, self.until)
        admitted = [
            self.attempts[one.message_id, from_datetime(one.received_at)]
            | {"receivedAt": to_datetime(from_datetime(one.received_at)).isoformat()}
            for _, one in sorted(t.events.items())
        ]
        definitions = [self._with_dates(definition) for definition in self.story.definitions]
        wanted = None if self.changing else expected(definitions, admitted, self.story.zone, self.until)
        found = judging.on_record(t, self.until)
        if wanted is not None and found != wanted:
            raise Violation(judging.difference(found, wanted))
        self.outcome.judged = wanted is not None
        await judging.check_cache(Pool(self.server), self.zone, list(t.users), self.now())

    def _sum_up(self) -> None:
        t = self.server.tables
        self.outcome.messages = len(t.events)
        for row in t.log.values():
            self.outcome.log[row[0]] = self.outcome.log.get(row[0], 0) + 1
        self.outcome.losses, self.outcome.calls = self.server.losses, self.server.calls
        self.outcome.tables = t
