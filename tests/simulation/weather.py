"""What fails in a seed's world: how often, and doing it."""

import math
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Literal, Protocol

import trio

from segd.core.time.instants import DAY, SECOND

from .incarnation import Incarnation
from .server import Faults, Server

POINT_SECONDS = 4.0  # on Trio's clock, of one point of the grid

Sending = Literal["in order", "bursts", "late"]


@dataclass(frozen=True)
class Weather:
    """What a seed's world is like. …_seconds: on Trio's clock, from one to the next on average. request_lost,
    answer_lost, hook_failing: how often, of what is sent. sending: how messages come: one request after the other; many
    at once, of those who act at one instant; or in another order than they were written in. joins: some messages say
    that two ids are one person. changing: segments are changed and history is imported, of which the oracle knows
    nothing. two: another segd waits for the first one's place. days_ahead: clocks are set ahead by days, and back."""

    faults: Faults
    crash_seconds: float
    stop_seconds: float
    outage_seconds: float
    step_seconds: float
    forget_seconds: float
    request_lost: float
    answer_lost: float
    hook_failing: float
    sending: Sending
    joins: bool
    changing: bool
    two: bool
    days_ahead: bool


def weather(g: Random) -> Weather:
    never = math.inf
    sending: tuple[Sending, ...] = ("in order", "bursts", "bursts", "late", "late")
    return Weather(
        Faults(g.choice((0.0005, 0.005, 0.05)), g.choice((0.0, 0.01, 0.05)), g.choice((0.0, 0.0, 0.005))),
        crash_seconds=g.choice((never, never, 200.0, 60.0, 15.0)),
        stop_seconds=g.choice((never, never, 100.0)),
        outage_seconds=g.choice((never, never, 100.0)),
        step_seconds=g.choice((never, never, never, 60.0, 20.0)),
        forget_seconds=g.choice((never, never, 60.0)),
        request_lost=g.choice((0.0, 0.1)),
        answer_lost=g.choice((0.0, 0.1)),
        hook_failing=g.choice((0.0, 0.1, 0.4)),
        sending=g.choice(sending),
        joins=g.random() < 0.6,
        changing=g.random() < 0.3,
        two=g.random() < 0.25,
        days_ahead=g.random() < 0.3,
    )


class Place(Protocol):
    """Where it happens. daemon: the one that takes events now, of those that live. skew: of the wall clock, in
    microseconds; point: so many are one of the grid."""

    daemons: list[Incarnation]
    server: Server
    skew: int
    point: int

    @property
    def daemon(self) -> Incarnation | None: ...


class Chaos:
    """Does it. counts: of what happened."""

    def __init__(self, place: Place, weather: Weather, generator: Random, counts: Counter[str]) -> None:
        self._place = place
        self._weather = weather
        self._chance = generator
        self._counts = counts

    def begin(self, nursery: trio.Nursery) -> None:
        """It goes on until the nursery is cancelled."""
        for seconds, work in (
            (self._weather.crash_seconds, self._crash),
            (self._weather.stop_seconds, self._stop),
            (self._weather.outage_seconds, self._go_away),
            (self._weather.step_seconds, self._set_clock),
        ):
            nursery.start_soon(self._at_times, seconds, work)

    async def _at_times(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while seconds < math.inf:
            await trio.sleep(self._chance.expovariate(1 / seconds))
            await work()

    async def _crash(self) -> None:
        place = self._place
        if self._chance.random() < 0.5:  # in the midst of things rather than whenever
            calls = place.server.calls + self._chance.randint(1, 60)
            with trio.move_on_after(POINT_SECONDS):
                await place.server.wait_calls(calls)
        if (daemon := place.daemon) is not None:
            self._counts["crashes"] += 1
            place.daemons.remove(daemon)
            daemon.crash()

    async def _stop(self) -> None:
        if (daemon := self._place.daemon) is not None:
            self._counts["stops"] += 1
            daemon.stop()

    async def _go_away(self) -> None:
        self._counts["outages"] += 1
        self._place.server.fail()
        await trio.sleep(self._chance.choice((0.5, 5.0, 60.0)) * self._chance.random())
        self._place.server.come_back()

    async def _set_clock(self) -> None:
        before = self._place.skew
        point = self._place.point
        if self._weather.days_ahead:
            self._place.skew = self._chance.choice((0, 3 * DAY))
        else:
            self._place.skew = int(self._chance.uniform(-1, 1) * self._chance.choice((SECOND, point, 4 * point)))
        self._counts["clock set ahead" if self._place.skew > before else "clock set back"] += 1
