"""One run of a seed: a world with a daemon in it, whose users act while everything around it fails.

When all has been said and nothing fails any more, what is on record must be what the oracle says of the admitted
messages; what the log says must come to the same; whoever reads the log, or is posted it, has all of it in order;
nobody heard of anything before it was committed, nor of what came due before stragglers had their time; of whoever was
forgotten nothing is left; and whoever is loaded anew is found to be as the record says.
"""

from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from random import Random
from unittest.mock import patch
from zoneinfo import ZoneInfo

import structlog.testing
import trio
import trio.testing

from segd.actors import follower, webhooks
from segd.core.time.instants import DAY, MINUTE, SECOND, Instant, parse_timestamp
from segd.core.users import live
from segd.store import groups, journal
from segd.store.errors import StoreError

from . import judging
from .incarnation import Incarnation, Settings
from .people import People
from .server import NONE, Done, Pool, Server
from .stories import tell
from .tables import Tables
from .truth import BAND
from .violation import Violation
from .watching import Hooks, Witness
from .weather import POINT_SECONDS, Chaos, weather

STARTS = (  # shortly before the clocks change, in one zone or another, or the year, or it is the 29th of February
    "2025-03-29T20:00:00Z", "2025-10-25T20:00:00Z", "2025-04-24T18:00:00Z", "2025-10-04T10:00:00Z",
    "2024-02-28T15:00:00Z", "2025-12-31T18:00:00Z", "2025-06-02T21:30:00Z",
)  # fmt: skip
REST_POINTS = 14  # after the last message, by when everything is due
BATCH = 3  # entries in a delivery of a webhook


@dataclass
class Outcome:
    """Of a run. counts: of what happened. trace: what the server did, where it was asked for; tables: what it had in
    the end."""

    counts: Counter[str] = field(default_factory=Counter[str])
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
        patch.object(journal, "make_mark", count(1).__next__),
        patch.object(groups, "SEEN_SECONDS", world.day_seconds),
        patch.object(live, "SETTLED", world.settled),
        patch.object(live, "RECENT", world.recent),
        patch.object(webhooks, "BATCH", BATCH),
        patch.object(webhooks, "PATIENCE", 1000 * DAY),  # days pass in a minute here
        patch.object(webhooks, "random", Random(seed)),
        patch.object(webhooks.secrets, "token_urlsafe", lambda length: "secret"),
    ):
        trio.run(world.run, clock=trio.testing.MockClock(autojump_threshold=0))
    for entry in logs:
        if entry["log_level"] == "error":
            raise Violation(f"the daemon tells of an error: {entry}") from entry.get("exc_info")
    return world.outcome


class World:
    def __init__(self, seed: int, traced: bool = False) -> None:
        # Each its own, so that one more draw in one of them leaves the others as they were.
        drawn, sent, self._chance = (Random(f"{seed} {what}") for what in ("drawn", "sent", "chance"))
        self.weather = weather(drawn)
        self.story = tell(drawn, joins=self.weather.joins)
        self.zone = ZoneInfo(self.story.zone)
        self.start = parse_timestamp(drawn.choice(STARTS))
        self.point = self.story.step * MINUTE
        self.day_seconds = DAY / self.point * POINT_SECONDS
        self.grace = drawn.choice((0, 2 * SECOND, self.point // 2))
        self.catch_up = drawn.choice((0, 2 * MINUTE, 3 * self.point))
        self.long_ago = drawn.choice((0, self.point, DAY))  # how short a slice of a history may be
        self.settled = drawn.choice((0, 1, 128))  # how long a log is at least of which some is settled
        self.recent = drawn.choice((0, self.point, 2 * BAND))  # how late an event may be for which there is always room
        self.skew = 0
        self.traced = traced
        self.outcome = Outcome()
        self.counts = self.outcome.counts
        self.daemons: list[Incarnation] = []  # that ever took events, and live
        self.people = People(self, self.story, self.weather, sent)
        self._downs: list[tuple[Instant, Instant]] = []
        self._last: int | None = None

    def now(self) -> Instant:
        """The wall clock of the machine that segd runs on."""
        return self._instant(trio.current_time()) + self.skew

    def _instant(self, seconds: float) -> Instant:
        return self.start + int(seconds * self.point / POINT_SECONDS)

    async def run(self) -> None:
        async with trio.open_nursery() as lingering:
            self.server = Server(self._chance, lingering, self.outcome.trace if self.traced else None)
            self.server.counts = self.counts
            self.witness = Witness(self.server)
            self.hooks = Hooks(self.server, self._chance, self.counts)
            async with trio.open_nursery() as nursery:
                for which in range(1 + self.weather.two):
                    nursery.start_soon(self._keep_running, which)
                await self.people.create_segments()
                await self._go_through()
                await self._come_to_rest()
                nursery.cancel_scope.cancel()
            await self._judge()
            lingering.cancel_scope.cancel()

    # The daemon

    @property
    def daemon(self) -> Incarnation | None:
        """The one that takes events; where none does, the one that did last."""
        ready = [daemon for daemon in self.daemons if daemon.journal.unready() is None]
        return (ready or self.daemons or [None])[-1]

    async def _keep_running(self, which: int) -> None:
        """Start it again whenever it ends. which: of two that want the same place."""
        ended, started = self.now(), self.now()

        def up(daemon: Incarnation) -> None:
            if self._last not in (None, which):
                self.counts["taken over"] += 1
            self._last = which
            self.daemons.append(daemon)
            self._downs.append((ended, started))

        while True:
            started = self.now()
            daemon = Incarnation(self.server, self.witness, self.hooks, self.now, self._settings())
            try:
                await daemon.live(lambda: self.people.readers.values(), up)
            except* StoreError as group:
                self._check_ended(group)
            if daemon.was_up:
                ended = self.now()
            if daemon in self.daemons:
                self.daemons.remove(daemon)
            if self.daemon is not None:  # those who read from the one that ended come to the other
                self.daemon.read(self.people.readers.values())
            await trio.sleep(self._chance.choice((0.1, 2.0, 20.0)) * self._chance.random())

    def _check_ended(self, group: BaseExceptionGroup[StoreError]) -> None:
        """Only another segd may have written what we had not."""
        moved, _ = group.split(lambda error: isinstance(error, StoreError) and error.code == "journal_moved")
        if moved and not self.weather.two:
            raise moved
        self.counts["ended as journal_moved" if moved else "ended otherwise"] += 1

    def _settings(self) -> Settings:
        return Settings(
            self.zone,
            self.grace,
            self.catch_up,
            room=self._chance.choice((0, 30, 10**6, 10**6)),
            group_events=self._chance.choice((1, 3, 100)),
            waiting_events=self._chance.choice((5, 1000, 1000)),
        )

    # From the first message to the end

    async def _go_through(self) -> None:
        """All that is said, while things fail."""
        self.server.faults = self.weather.faults
        self.hooks.failing = self.weather.hook_failing
        async with trio.open_nursery() as nursery:
            Chaos(self, self.weather, self._chance, self.counts).begin(nursery)
            await self.people.act(nursery)
            await trio.sleep(self._chance.random() * 2 * POINT_SECONDS)
            nursery.cancel_scope.cancel()
        self.server.faults = NONE
        self.server.come_back()
        self.hooks.failing = 0.0
        if self.weather.days_ahead:
            self.skew = 0  # or it would take days

    async def _come_to_rest(self) -> None:
        """Until all is due, told and written."""
        last = max(said.at for said in self.story.said)
        self.until = self.start + (last + 9) * self.point
        await trio.sleep_until((last + REST_POINTS) * POINT_SECONDS)
        with trio.move_on_after(2000):
            while not self._is_at_rest():  # noqa: ASYNC110  nobody tells of it
                await trio.sleep(1)
        if not self._is_at_rest():
            raise Violation("the daemon does not come to rest")
        await trio.sleep(5)

    def _is_at_rest(self) -> bool:
        daemon, t = self.daemon, self.server.tables
        journal = t.journal[True]
        return (
            daemon is not None
            and daemon.journal.unready() is None
            and not daemon.follower.effects()
            and daemon.follower.seconds_until_due() > 0
            and journal.settled == journal.position
            and self.now() > max(self.until + self.grace, daemon.follower._patience.resumed)
            and not judging.undelivered(t)
        )

    async def _judge(self) -> None:
        t, people, silences = self.server.tables, self.people, self.server.silences
        self._sum_up()
        judging.check_messages(t, people.answered)
        judging.check_owners(t)
        judging.check_log(t)
        judging.check_counts(t, self.zone)
        judging.check_readers(t, people.readers)
        judging.check_hooks(t, self.hooks)
        judging.check_timers(t, self.until)
        judging.check_runs(t)
        steps = self.counts["clock set ahead"] + self.counts["clock set back"]
        if not (steps and self.weather.days_ahead):
            judging.check_refused(t, people.sent, 8 * self.point)
        if not steps:
            judging.check_versions(t)
            outages = [(self._instant(since), self._instant(until)) for since, until in silences]
            downs = [] if self.weather.two else self._downs  # where there are two, one may be up meanwhile
            judging.check_patience(t, self.grace, self.catch_up, outages + downs)
        if not self.weather.changing:
            definitions = [people.with_dates(definition) for definition in self.story.definitions]
            judging.check_oracle(t, definitions, people.sent, self.story.zone, self.until)
            self.counts["judged by the oracle"] += 1
        await judging.check_cache(Pool(self.server), self.zone, list(t.users), self.now())

    def _sum_up(self) -> None:
        t = self.server.tables
        self.counts["messages"] = len(t.events)
        self.counts["messages too late"] = sum(not one.live and not one.imported for one in t.events.values())
        self.counts["joins"] = len(t.joins)
        self.counts["forgotten"] = len(t.forgettings)
        self.counts["webhooks"] = len(t.webhooks)
        for row in t.log.values():
            self.counts[row[0]] += 1
        self.outcome.tables = t
