"""Who uses the daemon: those who make segments, send messages, ask for webhooks, and have people forgotten."""

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from random import Random
from typing import Any, Protocol

import msgspec
import trio

from segd.core.answers import UserKey
from segd.core.errors import DefinitionError, MessageError, SegdError
from segd.core.events.messages import Event, accept, decode
from segd.core.language.reading import read_definition
from segd.core.ports import Unavailable
from segd.core.time.instants import Instant, to_datetime
from segd.store.segments import SegmentRefused

from . import stories
from .incarnation import Incarnation
from .posting import post
from .server import Server
from .stories import Json, Said, Story
from .violation import Violation
from .watching import Reader
from .weather import POINT_SECONDS, Weather

IDS = (("u1", False), ("u1", False), ("u2", False), ("a1", True), ("a2", True))
DELAYS = (0, 0, 0, 1, 1, 1, 2, 2, 3, 4, 6, 13, 20)  # points of the grid
REPEATED = 0.05  # of requests: they come once more, though they were answered
ANSWERED_SECONDS = 30.0  # in which an answer is there, or it will not come
BURST_SECONDS = (0.0, 0.002, 0.02, 0.2)  # in which those who act at one instant send


class Place(Protocol):
    """Where they are. day_seconds: on Trio's clock. counts: of what happened."""

    server: Server
    start: Instant
    point: int
    day_seconds: float
    counts: Counter[str]

    @property
    def daemon(self) -> Incarnation | None: ...

    def now(self) -> Instant: ...


class People:
    """numbers: of segments, by name. sent: messages, by messageId. answered: the ids of those of which they were told
    that they are stored."""

    def __init__(self, place: Place, story: Story, weather: Weather, generator: Random) -> None:
        self.numbers: dict[str, int] = {}
        self.readers: dict[int, Reader] = {}
        self.sent: dict[str, Json] = {}
        self._first_sent: dict[str, float] = {}  # on Trio's clock
        self.answered: set[str] = set()
        self.story = story
        self._place = place
        self._weather = weather
        self._sent = generator
        self._imported = 0

    async def create_segments(self) -> None:
        for document in self.story.definitions:
            definition = read_definition(self.with_dates(document))

            async def create(daemon: Incarnation, definition: Any = definition) -> None:
                self.numbers[definition.name] = await daemon.segments.create(definition)

            await self._with_daemon(create)
        self.readers = {number: Reader(number) for number in self.numbers.values()}

        async def read(daemon: Incarnation) -> None:
            daemon.read(self.readers.values())

        await self._with_daemon(read)

    async def act(self, others: trio.Nursery) -> None:
        """Until all is said. others: for what goes on beside."""
        others.start_soon(self._ask_for_webhooks)
        others.start_soon(self._forget_at_times)
        if self._weather.changing:
            others.start_soon(self._change_at_times)
        async with trio.open_nursery() as senders:
            match self._weather.sending:
                case "late":
                    for said in self.story.said:
                        delay = self._sent.choice(DELAYS) + self._sent.random() / 2
                        senders.start_soon(self._send_at, senders, [said], said.at + delay)
                case "bursts":
                    senders.start_soon(self._send_bursts, senders)
                case "in order":
                    senders.start_soon(self._send_in_order, senders)

    # Sending

    async def _send_in_order(self, repeating: trio.Nursery) -> None:
        said = list(self.story.said)
        while said:
            request = [said.pop(0)]
            while said and self._sent.random() < 0.3:
                request.append(said.pop(0))
            await self._send_at(repeating, request, request[-1].at)

    async def _send_bursts(self, repeating: trio.Nursery) -> None:
        """All of one instant at once, each by a sender of its own; and again, until all are answered."""
        for at in sorted({said.at for said in self.story.said}):
            seconds = self._sent.choice(BURST_SECONDS)
            async with trio.open_nursery() as senders:
                for said in self.story.said:
                    if said.at == at:
                        point = at + self._sent.random() * seconds / POINT_SECONDS
                        senders.start_soon(self._send_at, repeating, [said], point)

    async def _send_at(self, repeating: trio.Nursery, said: Sequence[Said], point: float) -> None:
        """As an SDK does: again and again, until it is answered. repeating: for what comes once more."""
        await trio.sleep_until(point * POINT_SECONDS)
        messages = [self.with_dates(one.message) | {"timestamp": self._text(one.at)} for one in said]
        # Only whoever has a token may say by an alias that two known people are one, and that is not by the intake.
        trusted = any(message["type"] == "alias" for message in messages)

        async def send(daemon: Incarnation) -> None:
            if self._sent.random() < self._weather.request_lost:
                self._place.counts["requests lost"] += 1
                raise Unavailable("lost", "the request was lost", 1)
            if not (known := self._still_sent(messages)):
                return
            if trusted:
                events = self._accepted(daemon, known)
                await daemon.journal.append(events, trusted=True)
                taken = [event.message_id for event in events]
            else:
                taken = [message["messageId"] for message in await post(daemon.intake, known, self._sent)]
                self._place.counts["messages refused"] += len(known) - len(taken)
            self._check_stored(taken)
            if self._sent.random() < self._weather.answer_lost:
                self._place.counts["answers lost"] += 1
                raise Unavailable("lost", "the answer was lost", 1)
            self.answered.update(taken)

        await self._with_daemon(send)
        if self._sent.random() < REPEATED:
            later = trio.current_time() / POINT_SECONDS + self._sent.choice((0, 1, 5, 20)) * self._sent.random()
            repeating.start_soon(self._send_at, repeating, said, later)

    def _still_sent(self, messages: Sequence[Json]) -> list[Json]:
        """Without those that have been sent for too long: a repeat is known as one for a day."""
        now, known = trio.current_time(), list[Json]()
        for message in messages:
            id = message["messageId"]
            if id not in self.sent:
                self.sent[id], self._first_sent[id] = message, now
            elif now > self._first_sent[id] + self._place.day_seconds - ANSWERED_SECONDS:
                self._place.counts["messages given up"] += 1
                continue
            else:
                self._place.counts["messages sent again"] += 1
            known.append(message)
        return known

    def _accepted(self, daemon: Incarnation, messages: Sequence[Json]) -> list[Event]:
        """Without those of people who were forgotten, and are refused."""
        events: list[Event] = []
        for message in messages:
            content = msgspec.json.encode(message)
            received_at = self._place.now()
            event = accept(decode(content), received_at=received_at, content=content)
            try:
                daemon.refused.check(event, received_at)
            except MessageError:
                self._place.counts["messages refused"] += 1
            else:
                events.append(event)
        return events

    def _check_stored(self, taken: Sequence[str]) -> None:
        t = self._place.server.tables
        stored = {one.message_id for one in t.events.values()}
        stored.update(id for one in t.forgettings.values() for id in one.messages)
        if missing := set(taken) - stored:
            raise Violation(f"{missing} answered before the commit")

    async def _with_daemon(self, work: Callable[[Incarnation], Awaitable[None]]) -> None:
        """Try until it is done, as clients do."""
        while True:
            seconds = 0.1
            if (daemon := self._place.daemon) is not None:
                with trio.move_on_after(ANSWERED_SECONDS):
                    try:
                        return await work(daemon)
                    except Unavailable as error:
                        self._place.counts[f"answers {error.code}"] += error.code != "lost"
                        seconds = error.retry_after
                    except SegdError as error:
                        if isinstance(error, SegmentRefused | DefinitionError):
                            raise
                        self._place.counts[f"answers {error.code}"] += 1
            await trio.sleep(self._sent.uniform(seconds, 4))

    def _text(self, point: int) -> str:
        return to_datetime(self._place.start + point * self._place.point).isoformat().replace("+00:00", "Z")

    def with_dates(self, document: Json) -> Json:
        """Points of the grid turned into text."""
        document = deepcopy(document)
        for where in (document.get("properties", {}), document.get("traits", {})):
            for name in ("when", "birthday"):
                if name in where:
                    where[name] = self._text(where[name])
        return document

    # Webhooks, and people forgotten

    async def _ask_for_webhooks(self) -> None:
        """And have all sent again, now and then, or end it."""
        for number in list(self.numbers.values()):
            after = self._sent.choice((None, 0))

            async def create(daemon: Incarnation, number: int = number, after: int | None = after) -> None:
                if number in self._place.server.tables.segments:
                    await daemon.webhooks.create(number, "https://example.com/hook", after)

            await trio.sleep(self._sent.random() * 20)
            if number in self.numbers.values() and self._sent.random() < 0.6:
                await self._with_daemon(create)
        while True:
            await trio.sleep(self._sent.expovariate(1 / 100))
            if hooks := list(self._place.server.tables.webhooks):
                hook, again = self._sent.choice(hooks), self._sent.random() < 0.8

                async def change(daemon: Incarnation, hook: int = hook, again: bool = again) -> None:
                    await (daemon.webhooks.redeliver(hook, 0) if again else daemon.webhooks.delete(hook))

                await self._with_daemon(change)

    async def _forget_at_times(self) -> None:
        while self._weather.forget_seconds < math.inf:
            await trio.sleep(self._sent.expovariate(1 / self._weather.forget_seconds))
            key = UserKey(*self._sent.choice(IDS))
            refused_for = self._sent.choice((None, 3, 20))

            async def forget(daemon: Incarnation, key: UserKey = key, refused_for: int | None = refused_for) -> None:
                until = None if refused_for is None else self._place.now() + refused_for * self._place.point
                with suppress(LookupError):
                    await daemon.users.forget(key, until)

            await self._with_daemon(forget)

    # Changes

    async def _change_at_times(self) -> None:
        while True:
            await trio.sleep(self._sent.expovariate(1 / 30))
            with suppress(SegmentRefused, DefinitionError):
                await self._change()
                self._place.counts["changes"] += 1

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
        visits = stories.Visits(self._sent) if self._weather.joins else None
        for i in range(self._sent.randint(1, 5)):
            at = self._sent.randint(-10, now_at)
            said = stories.message(self._sent, f"i{self._imported}-{i}", at, visits)
            messages.append(self.with_dates(said) | {"timestamp": self._text(at)})

        async def append(daemon: Incarnation) -> None:
            events = self._accepted(daemon, self._still_sent(messages))
            await daemon.journal.import_history(events, self._place.now())
            self.answered.update(event.message_id for event in events)

        await self._with_daemon(append)
