"""How much of users at hand is kept, and that what is kept tells all that may still be asked."""

import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from segd.core.deciding.plan import Plan
from segd.core.effects import Arrival, LogEntry, Run, Standing, Taken
from segd.core.events.messages import Event
from segd.core.language import definitions as d
from segd.core.language.reading import read_definition
from segd.core.time.instants import HOUR, MINUTE, SECOND, Instant, parse_timestamp
from segd.core.users import live
from segd.core.users.live import RECENT, LiveUsers
from segd.core.users.patience import Patience
from segd.core.users.sleepers import LEFT, Sleepers

START = parse_timestamp("2025-06-02T12:00:00Z")
BAND = 20 * MINUTE
USERS = (1, 2, 3)
WINDOW: dict[str, Any] = {"type": "inaction", "did": {"event": "A"}, "did_not": {"event": "B"}, "within": "10m"}
SEGMENTS: dict[str, dict[str, Any]] = {
    "first": {"on": WINDOW},
    "each": {"on": WINDOW | {"repeat": "each"}},
    "last, seldom": {"on": WINDOW | {"repeat": "last"}, "again": "1h"},
    "session": {"on": {"type": "page_count", "at_least": 3, "per": "session"}},
    "recent": {"on": {"type": "page_count", "at_least": 5, "per": "1h"}},
    "once": {"on": {"type": "action", "did": {"event": "B"}}, "again": "once"},
    "of a plan": {
        "on": {"type": "action", "did": {"event": "B"}},
        "filter": {"type": "profile", "property": "plan", "op": "eq", "value": "gold"},
    },
    "new": {
        "on": {"type": "action", "did": {"event": "A"}},
        "filter": {"type": "profile", "property": "first_seen", "op": "after", "value": "2025-06-02T13:00:00Z"},
    },
}


def compiled() -> tuple[Plan, dict[int, str]]:
    names = dict(enumerate(SEGMENTS, start=1))
    definitions: list[d.Live] = []
    for name, more in SEGMENTS.items():
        definition = read_definition({"name": name, "kind": "live"} | more)
        assert isinstance(definition, d.Live)
        definitions.append(definition)
    runs = {one.name: [Run(number, 1, one, START, START, None)] for number, one in enumerate(definitions, start=1)}
    return Plan(definitions, runs=runs), names


def happening(count: int, apart: int, late: int, seed: int) -> Iterator[tuple[Instant, Arrival]]:
    """When it comes, and what. late: how late some are at most."""
    g = random.Random(seed)
    for sequence in range(1, count + 1):
        now = START + sequence * apart
        at = now - (g.randrange(late) if late and g.random() < 0.3 else 0)
        user = g.choice(USERS)
        name = g.choice(("A", "B", "$page", "$identify"))
        if sequence <= len(USERS):  # all are met at once, by something that is asked about
            at, user, name = now, sequence, "A"
        traits = {"plan": g.choice(("gold", None))} if name == "$identify" else None
        event = Event("track", name, f"user {user}", None, None, at, now, None, f"m{sequence}", traits, 0, b"{}")
        taken: Taken = "live" if at >= now - BAND else "late"
        yield now, Arrival(event, sequence, now, taken, user)


class Taking:
    """Users at hand, whose effects are written at once."""

    def __init__(self, room: int) -> None:
        self.users = LiveUsers(*compiled(), Patience(0), BAND, room, 0)
        self.told: list[LogEntry] = []
        self.behind: list[Arrival] = []  # for which users would have had to be loaded
        self.met: set[int] = set()

    def take(self, now: Instant, arrival: Arrival) -> None:
        users = self.users
        created = frozenset({arrival.user} - self.met)
        self.met.add(arrival.user)
        if users.missing([arrival], created):
            self.behind.append(arrival)
        users.create([arrival], created)
        users.take([arrival], now)
        self.pass_time(now, arrival.sequence)

    def pass_time(self, now: Instant, position: int) -> None:
        self.users.advance(now)
        self.users.settle(position)
        self.told += self.users.effects().log
        self.users.written()

    def standing(self) -> set[Standing]:
        found: set[Standing] = set()
        for kind, _, of, was in self.told:
            (found.remove if kind == "retracted" else found.add)(of)
            if was is not None:
                found.remove(was)
        return found


def kept(users: LiveUsers) -> int:
    """How many events, qualifications, timers and values of traits are kept one by one."""
    return sum(
        len(one.log) + len(one.record) + len(one.rows) + len(one.user.history.seen)
        + sum(map(len, one.user.history.writes.values()))
        for one in users._residents.values()  # pyright: ignore[reportPrivateUsage]
    )  # fmt: skip


def test_what_is_kept_is_flat_where_users_never_pause():
    taking = Taking(room=10**6)
    sizes: list[int] = []
    *before, (now, arrival) = happening(3_000, apart=4 * SECOND, late=0, seed=1)
    for at, each in before:
        taking.take(at, each)
        sizes.append(kept(taking.users))
    assert max(sizes[2_000:]) <= 1.1 * max(sizes[1_000:2_000])
    late = arrival._replace(event=msgspec.structs.replace(arrival.event, timestamp=now - BAND))
    in_band = BAND // (4 * SECOND)
    assert taking.users.effort([late]) < in_band
    assert taking.behind == []


@pytest.mark.parametrize(("room", "is_kept"), [(10**6, True), (1_500, False)])
def test_where_many_are_kept_users_are_loaded_for_late_events(room: int, is_kept: bool):
    taking = Taking(room)
    *before, (now, last) = happening(2_500, apart=SECOND, late=0, seed=2)
    for at, arrival in before:
        taking.take(at, arrival)
        assert taking.users.count()[0] == len(taking.met)  # nobody was let go
    assert taking.behind == []
    for late_by, is_at_hand in ((RECENT, True), (12 * MINUTE, is_kept)):
        late = last._replace(event=msgspec.structs.replace(last.event, timestamp=now - late_by))
        assert taking.users.missing([late], frozenset()) == (set() if is_at_hand else {last.user})


@pytest.mark.parametrize("seed", range(3))
def test_what_is_kept_tells_all_that_may_change(seed: int, monkeypatch: pytest.MonkeyPatch):
    standing: list[set[Standing]] = []
    for at_once in (1, 10**9):
        monkeypatch.setattr(live, "SETTLED", at_once)
        taking = Taking(room=10**6)
        for now, arrival in happening(600, apart=20 * SECOND, late=BAND * 3 // 2, seed=seed):
            taking.take(now, arrival)
        taking.pass_time(START + 24 * HOUR, 600)
        assert taking.behind == []
        standing.append(taking.standing())
    assert standing[0] == standing[1]


def test_users_who_did_little_are_let_go_too_and_woken_by_the_store_where_that_is_far_off():
    for until, are_known in ((START + HOUR, True), (START + MINUTE, False)):
        taking = Taking(room=800)
        taking.users.put_to_sleep([], until)
        for number in range(1, 201):
            event = Event("track", "A", f"user {number}", None, None, START, START, None, f"m{number}", None, 0, b"{}")
            taking.take(START, Arrival(event, number, START, "live", number))
        assert taking.users.count()[0] <= 100
        assert taking.users.knows(1) is are_known


def test_who_is_woken_is_kept_once_however_often_they_were_let_go():
    sleepers = Sleepers()
    for _ in range(5_000):
        for number in range(10):
            sleepers.put(number, START + number)
            sleepers.discard(number)
    sleepers.put(1, START + 1)
    assert len(sleepers._heap) <= LEFT + 2  # pyright: ignore[reportPrivateUsage]
    assert sleepers.wake(START + HOUR, 10) == [1]
