"""Rows of timers follow the timers, and an event costs what it changes, however much is open."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest

from segd.core.deciding.actor import FOREVER, UserActor
from segd.core.deciding.digest import Digest
from segd.core.deciding.plan import Plan
from segd.core.effects import Arrival, Run, Waiting
from segd.core.events.messages import Event
from segd.core.language import definitions as d
from segd.core.language.reading import read_definition
from segd.core.time.instants import HOUR, SECOND, Instant, parse_timestamp
from segd.core.users.live import LiveUsers
from segd.core.users.patience import Patience
from segd.core.users.rows import OwnTimers, Rows

START = parse_timestamp("2025-06-02T12:00:00Z")
APART = SECOND // 100
WINDOW: dict[str, Any] = {"type": "inaction", "did": {"event": "A"}, "did_not": {"event": "B"}, "within": "1h"}
DATE: dict[str, Any] = {"type": "date", "event": "A", "property": "on", "unless": {"event": "B"}}
OTHER: dict[str, Any] = {"type": "action", "did": {"event": "Other"}}


def row(due: int, cause: int = 7, version: int = 1) -> Waiting:
    return Waiting(3, version, cause, 0, due)


def changes(rows: Rows) -> dict[int, tuple[Waiting | None, Waiting | None]]:
    return {cause.sequence: (was, now) for cause, was, now in rows.take_changes()}


def test_of_several_rows_with_the_same_cause_the_earliest_stands():
    rows = Rows([])
    rows.add(row(20))
    rows.add(row(10))
    rows.add(row(30))
    rows.add(row(10, version=2))
    assert (len(rows), rows.earliest()) == (1, 10)
    assert changes(rows) == {7: (None, row(10))}
    rows.remove(row(30))
    assert changes(rows) == {}
    rows.remove(row(10))
    assert changes(rows) == {7: (row(10), row(10, version=2))}
    rows.remove(row(10, version=2))
    rows.remove(row(20))
    assert (len(rows), rows.earliest()) == (0, None)
    assert changes(rows) == {7: (row(10, version=2), None)}


def test_what_comes_and_goes_between_two_looks_is_no_change():
    rows = Rows([row(10, 1), row(20, 2)])
    rows.add(row(30, 3))
    rows.remove(row(30, 3))
    rows.remove(row(10, 1))
    rows.add(row(10, 1))
    assert changes(rows) == {}


def test_rows_that_are_made_anew_differ_from_what_was_there_when_it_was_asked_last():
    rows = Rows([row(10, 1), row(20, 2), row(30, 3)])
    rows.remove(row(10, 1))
    rows.replace([row(10, 1), row(25, 2), row(40, 4)])
    assert changes(rows) == {2: (row(20, 2), row(25, 2)), 3: (row(30, 3), None), 4: (None, row(40, 4))}
    assert changes(rows) == {}


def compiled(*on: dict[str, Any], to: Instant | None = None) -> Plan:
    definitions: list[d.Live] = []
    for number, one in enumerate(on, start=1):
        definition = read_definition({"name": str(number), "kind": "live", "on": one})
        assert isinstance(definition, d.Live)
        definitions.append(definition)
    return Plan(definitions, runs={one.name: [Run(int(one.name), 1, one, START, START, to)] for one in definitions})


def test_timers_are_followed_by_their_rows_but_those_after_their_run():
    plan = compiled(WINDOW, to=START + HOUR)
    trigger, actor = plan.live[0].trigger, UserActor()
    rows = Rows([])
    timers = OwnTimers(plan, rows)

    def opened(cause: int, due: Instant) -> Any:
        return timers.set(due, actor, trigger, Digest(START, cause, START, f"m{cause}", 1))

    first, second, *_, after = (
        opened(1, START + 1),
        opened(2, START + 2),
        opened(3, START + 3),
        opened(4, START + HOUR),
    )
    assert (len(timers), len(rows)) == (4, 3)
    timers.cancel(first)
    timers.cancel(first)
    assert timers.next_due() == START + 2
    assert timers.pop(START + 3) == (second, actor)
    assert changes(rows) == {3: (None, Waiting(1, 1, 3, START, START + 3))}
    timers.replace([after])
    assert changes(rows) == {3: (Waiting(1, 1, 3, START, START + 3), None)}
    assert (timers.next_due(), len(timers)) == (START + HOUR, 1)
    timers.cancel(after)
    assert timers.next_due() == FOREVER


class Happening:
    """One user at hand, to whom something happens often."""

    def __init__(self, plan: Plan) -> None:
        names = {int(segment.name): segment.name for segment in plan.live}
        self.users = LiveUsers(plan, names, Patience(2 * SECOND), 2 * HOUR, 10**6, 0)
        self.now = START
        self.sequence = 0

    def take(self, name: str, on: str = "2025-07-01", at: Instant | None = None) -> None:
        self.sequence += 1
        self.now += APART
        at = self.now if at is None else at
        properties = b'{"on":"%s","k":%d}' % (on.encode(), self.sequence)
        event = Event("track", name, "ann", None, None, at, self.now, None, f"m{self.sequence}", None, 0, properties)
        arrival = Arrival(event, self.sequence, self.now, "live" if at >= self.now - 2 * HOUR else "late", 1)
        self.users.create([arrival], frozenset({1} if self.sequence == 1 else ()))
        self.users.take([arrival], self.now)
        self.users.advance(self.now)
        self.users.settle(self.sequence)
        assert self.users.failures == []
        self.users.written()


@contextmanager
def counted() -> Generator[list[int]]:
    """Counts what Python does, line by line, each time round."""
    count = [0]

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        count[0] += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield count
    finally:
        sys.settrace(before)


def happening(name: str) -> Callable[[Happening], None]:
    def some(user: Happening) -> None:
        for _ in range(5):
            user.take(name)

    return some


def coming_due(user: Happening) -> None:
    """Windows end one after the other, each before an event."""
    user.now = START + HOUR
    happening("Other")(user)


def closing_late(user: Happening) -> None:
    """What came too late to be live closes what was open then: nothing."""
    for _ in range(5):
        user.take("B", at=START - 3 * HOUR)


EACH = WINDOW | {"repeat": "each"}


@pytest.mark.parametrize(
    ("plan", "happens"),
    [
        pytest.param(compiled(OTHER, EACH), happening("A"), id="another window"),
        pytest.param(compiled(OTHER, EACH), happening("Other"), id="something else"),
        pytest.param(compiled(OTHER, EACH), coming_due, id="windows end"),
        pytest.param(compiled(OTHER, EACH), closing_late, id="too late to close any"),
        pytest.param(compiled(OTHER, WINDOW | {"same": ["k"]}), happening("A"), id="a window of its own"),
        pytest.param(compiled(OTHER, WINDOW | {"same": ["k"]}), happening("B"), id="nothing of these values to close"),
        pytest.param(compiled(OTHER, DATE), happening("A"), id="another date"),
        pytest.param(compiled(OTHER, DATE | {"key": ["k"]}), happening("A"), id="another date, with a key"),
    ],
)
def test_an_event_costs_what_it_changes_however_much_is_open(plan: Plan, happens: Callable[[Happening], None]):
    costs: list[int] = []
    for open in (20, 1_000):
        user = Happening(plan)
        for _ in range(open):
            user.take("A")
        assert user.users.count() == (1, open)
        with counted() as count:
            happens(user)
        costs.append(count[0])
    assert 0 < costs[1] <= 1.2 * costs[0]


def test_a_window_costs_the_same_however_much_happened_at_its_instant():
    costs: list[int] = []
    at = START + HOUR
    for number in (20, 1_000):
        user = Happening(compiled(OTHER, WINDOW | {"same": ["k"]}))
        for _ in range(number):
            user.take("B", at=at)
        with counted() as count:
            for _ in range(5):
                user.take("A", at=at)
        assert user.users.count() == (1, 5)
        costs.append(count[0])
    assert 0 < costs[1] <= 1.2 * costs[0]
