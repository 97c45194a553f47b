"""Users at hand, against the same events taken in one go: whatever is let go, loaded, late or restarted on the way."""

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segd.core.deciding.actor import FOREVER, UserActor
from segd.core.deciding.plan import Plan
from segd.core.effects import Arrival, Effects, LogEntry, Moved, Run, Standing, StoredEvent, StoredUser, Waiting
from segd.core.events.messages import Event
from segd.core.language import definitions as d
from segd.core.language.reading import read_definition
from segd.core.time.instants import HOUR, MINUTE, SECOND, Instant, parse_timestamp
from segd.core.users import live
from segd.core.users.late import LATE_BAND, ArrivalOrder
from segd.core.users.live import LiveUsers
from segd.core.users.patience import Patience
from segd.core.users.qualifying import Qualifying
from segd.store.users import Id, Identities, Meaning
from segd.stories.reading import read_stories
from segd.stories.story import Story

STORIES = [
    story
    for path in sorted((Path(__file__).parents[2] / "stories").glob("*.toml"))
    for story in read_stories(path)
    if story.plan.live
]


class Remembering:
    """A store in memory."""

    def __init__(self) -> None:
        self.meanings: dict[Id, Meaning] = {}
        self.moved: dict[int, list[Moved]] = {}
        self.events: dict[int, list[StoredEvent]] = {}
        self.standing: dict[int, dict[tuple[int, Instant, int], Standing]] = {}
        self.rows: dict[tuple[int, int, int], Waiting] = {}
        self.ids: dict[int, tuple[str, bool]] = {}
        self.told: list[str] = []

    def write(self, effects: Effects) -> None:
        for entry in effects.log:
            standing = self.standing.setdefault(entry.user, {})
            key = entry.of.segment, entry.of.at, entry.of.cause
            if entry.was is not None:
                del standing[entry.was.segment, entry.was.at, entry.was.cause]
            if entry.type == "retracted":
                del standing[key]
            else:
                assert key not in standing, "nobody qualifies twice"
                standing[key] = entry.of
            self.told.append(entry.type)
        for number, waiting in effects.dropped:
            del self.rows[number, waiting.segment, waiting.cause]
        for number, waiting in effects.set:
            self.rows[number, waiting.segment, waiting.cause] = waiting

    def load(self, numbers: Iterable[int], plan: Plan, since: Instant | None = None) -> list[StoredUser]:
        lasting = plan.asked().lasting

        def is_needed(stored: StoredEvent) -> bool:
            event = stored.event
            return since is None or event.timestamp >= since or event.name in lasting or bool(event.traits)

        return [
            StoredUser(
                number,
                *self.ids[number],
                list(filter(is_needed, random.sample(self.events[number], len(self.events[number])))),
                self.moved.get(number, []),
                list(self.standing.get(number, {}).values()),
                [row for key, row in self.rows.items() if key[0] == number],
            )
            for number in numbers
            if number in self.ids
        ]

    def take(self, events: Sequence[Event], position: int, now: Instant) -> tuple[list[Arrival], Identities]:
        """As the journal would, with what the store's own code says of who is who."""
        identities = Identities(self.meanings)
        taken: list[tuple[Event, int, int]] = []
        for sequence, event in enumerate(events, start=position + 1):
            taken.append((event, sequence, identities.user_of(event, sequence, event.timestamp, trusted=True)))
        before = dict(self.ids)
        moves, self.meanings, created, renamed = identities.outcome()
        self.ids.update({number: (id, anonymous) for number, (anonymous, id) in created.items()})
        for number, id in renamed.items():
            self.ids[number] = (id, False)
        for move in moves:
            survivor = identities.survivor(move.old)
            anonymous, id = move.id or reversed(before[move.old])
            entry = Moved(move.old, move.into, id, anonymous, move.at, move.sequence)
            self.moved.setdefault(survivor, []).append(entry)
        arrivals: list[Arrival] = []
        for event, sequence, user in taken:
            number = identities.survivor(user)
            kind = "live" if event.timestamp >= now - LATE_BAND else "late"
            arrivals.append(Arrival(event, sequence, now, kind, number))
            nobody = msgspec.structs.replace(event, user_id=None, anonymous_id=None, previous_id=None)
            stored = StoredEvent(nobody, sequence, now, kind, None if number == user else user)
            self.events.setdefault(number, []).append(stored)
        for move in moves:
            self._join(move.old, identities.survivor(move.old))
        return arrivals, identities

    def _join(self, old: int, survivor: int) -> None:
        if old == survivor:
            return
        for stored in self.events.pop(old, []):
            self.events.setdefault(survivor, []).append(stored._replace(origin=stored.origin or old))
        self.standing.setdefault(survivor, {}).update(self.standing.pop(old, {}))
        self.moved.setdefault(survivor, []).extend(self.moved.pop(old, []))
        for key in [key for key in self.rows if key[0] == old]:
            self.rows[survivor, key[1], key[2]] = self.rows.pop(key)
        self.ids.pop(old, None)

    def due(self) -> list[tuple[int, Instant]]:
        return [(key[0], row.due) for key, row in self.rows.items()]


def plan_with_runs(plan: Plan, zone_of: Plan) -> tuple[Plan, dict[int, str]]:
    names = {number: segment.name for number, segment in enumerate(plan.live, start=1)}
    runs = {
        segment.name: [Run(number, 1, segment.definition, None, -FOREVER, None)]
        for number, segment in enumerate(plan.live, start=1)
    }
    definitions: list[d.Definition] = [segment.definition for segment in plan.live]
    definitions += [segment.definition for segment in plan.past.values()]
    return Plan(definitions, zone_of.account_zone, runs), names


class Daemon:
    """What the journal and the follower do, without waiting for anything."""

    def __init__(self, plan: Plan, grace: int, generator: random.Random) -> None:
        self.plan, self.names = plan_with_runs(plan, plan)
        self.store = Remembering()
        self.grace = grace
        self.generator = generator
        self.position = 0
        self.now: Instant = -FOREVER
        self.users = self._users()

    def _users(self) -> LiveUsers:
        return LiveUsers(
            self.plan, self.names, Patience(self.grace), LATE_BAND, self.generator.choice((1, 5, 1000)), self.position
        )

    def take(self, events: Sequence[Event], received_at: Instant) -> None:
        """They may have waited, longer than any event may be late."""
        arrivals, identities = self.store.take(events, self.position, received_at)
        self.position += len(events)
        now = self.now = max(self.now, received_at + self.generator.choice((0, 0, 0, LATE_BAND, 3 * LATE_BAND)))
        created, outdated = identities.created(), identities.outdated()
        users = self.users
        wanted = {number for number in outdated if users.knows(number)}
        wanted |= {arrival.user for arrival in arrivals if arrival.user in outdated}
        users.forget(outdated)
        wanted |= users.missing(arrivals, created)
        self.load(wanted, now, arrivals)
        users.create(arrivals, created)
        users.take(arrivals, now)
        users.advance(now)
        users.settle(self.position)
        if self.generator.random() < 0.3:
            self.crash(arrivals, now)
        self.pass_time(now)

    def load(self, numbers: Iterable[int], now: Instant, arrivals: Sequence[Arrival] = ()) -> None:
        since = None
        if self.generator.random() < 0.7 and not self.plan.keeps_seen:
            since = self.users.changes_from(arrivals, now) - self.generator.choice((0, 2, 8)) * self.plan.fading
        if again := self.users.load(self.store.load(numbers, self.plan, since), self.position, now, since=since):
            self.users.load(self.store.load(again, self.plan), self.position, now)

    def crash(self, arrivals: Sequence[Arrival], now: Instant) -> None:
        """What was to be written is lost; segd starts again."""
        settled, self.position = self.users.settled, self.position
        self.users = LiveUsers(self.plan, self.names, Patience(self.grace), LATE_BAND, 1000, settled - len(arrivals))
        self.users.put_to_sleep(self.store.due(), FOREVER)
        self.load({arrival.user for arrival in arrivals}, now, arrivals)
        self.users.settle(self.position)

    def pass_time(self, now: Instant) -> None:
        self.now = now
        users = self.users
        while due := users.due(now, 2):
            self.load(due, now)
        users.advance(now)
        users.settle(self.position)
        self.store.write(users.effects())
        users.written()

    def standing(self) -> list[tuple[str, str, bool, Instant, str]]:
        return sorted(
            (self.names[one.segment], one.id, one.anonymous, one.at, one.cause_id)
            for standing in self.store.standing.values()
            for one in standing.values()
        )


def joins_in_order(story: Story) -> bool:
    """Who is who is decided as messages arrive; only where nothing is late is that the same in one go."""
    instants = [event.timestamp for _, event in story.events]
    joining = any(event.previous_id is not None or (event.user_id and event.anonymous_id) for _, event in story.events)
    return not joining or instants == sorted(instants)


@pytest.mark.parametrize("story", [story for story in STORIES if joins_in_order(story)], ids=lambda story: story.name)
@given(seed=st.integers(0, 2**32))
def test_agrees_with_one_go(story: Story, seed: int) -> None:
    generator = random.Random(seed)
    with (
        patch.object(live, "SETTLED", generator.choice((0, 1, 3))),
        patch.object(live, "RECENT", generator.choice((0, MINUTE, HOUR))),
    ):
        check_agrees_with_one_go(story, generator)


def check_agrees_with_one_go(story: Story, generator: random.Random) -> None:
    grace = generator.choice((0, 2 * SECOND))
    in_one_go = ArrivalOrder(story.plan, LATE_BAND)
    daemon = Daemon(story.plan, grace, generator)
    now = -FOREVER
    group: list[Event] = []
    for sequence, (_, event) in enumerate(story.events):
        in_one_go.take(event, sequence)
        if group and (event.timestamp > now or generator.random() < 0.5):
            daemon.take(group, now)
            group = []
        now = max(now, event.timestamp)
        group.append(event)
    daemon.take(group, now)
    in_one_go.finish(story.until)
    daemon.pass_time(max(daemon.now, story.until) + grace + 1)
    expected = sorted((one.segment, one.user, one.anonymous, one.at, one.cause) for one in in_one_go.standing())
    assert [one for one in daemon.standing() if one[3] <= story.until] == expected


def cart_left(run: dict[str, int | None]) -> tuple[Plan, dict[int, str]]:
    definition = read_definition(
        {
            "name": "Left",
            "kind": "live",
            "on": {"type": "inaction", "did": {"event": "A"}, "did_not": {"event": "B"}, "within": "10m"},
        }
    )
    assert isinstance(definition, d.Live)
    return Plan([definition], runs={"Left": [Run(1, 1, definition, counts_to=None, **run)]}), {1: "Left"}


@pytest.mark.parametrize(
    ("sees_from", "counts_from", "opens"),
    [
        pytest.param(None, 6 * MINUTE, True, id="a segment that begins after it, and looks back"),
        pytest.param(6 * MINUTE, 6 * MINUTE, False, id="one that begins after it"),
        pytest.param(None, 4 * MINUTE, False, id="one that looks back, but began before it was imported"),
    ],
)
def test_imported_history_opens_windows_of(sees_from: Instant | None, counts_from: Instant, opens: bool) -> None:
    start = parse_timestamp("2025-06-02T12:00:00Z")
    plan, names = cart_left(
        {"sees_from": None if sees_from is None else start + sees_from, "counts_from": start + counts_from}
    )
    users = LiveUsers(plan, names, Patience(0), LATE_BAND, 1000, 5)
    event = Event("track", "A", None, None, None, start, None, None, "m", None, 0, b"{}")
    imported = StoredEvent(event, 5, start + 5 * MINUTE, "imported", None)
    users.load([StoredUser(1, "ann", False, [imported], (), (), ())], 6, start + 7 * MINUTE, start + counts_from)
    users.settle(6)
    due = start + 10 * MINUTE
    assert users.effects().set == ([(1, Waiting(1, 1, 5, start, due))] if opens else [])
    users.written()
    users.advance(due + 1)
    users.settle(6)
    qualified = LogEntry("qualified", 1, Standing(1, 1, "ann", False, due, 5, "m"))
    assert users.effects().log == ([qualified] if opens else [])


def test_what_waited_for_long_is_to_be_among_what_is_loaded():
    plan, names = cart_left({"sees_from": None, "counts_from": 0})
    users = LiveUsers(plan, names, Patience(0), LATE_BAND, 1000, 4)
    at = parse_timestamp("2025-06-02T12:00:00Z")
    event = Event("track", "A", "ann", None, None, at, None, None, "m", None, 0, b"{}")
    arrival = Arrival(event, 5, at + LATE_BAND, "live", 1)
    now = at + 3 * LATE_BAND
    since = users.changes_from([arrival], now)
    assert since == at
    assert users.changes_from([arrival._replace(taken="late")], now) == now - LATE_BAND
    assert users.missing([arrival], frozenset()) == {1}
    stored = StoredUser(1, "ann", False, [StoredEvent(event, 5, at + LATE_BAND, "live", None)], (), (), ())
    assert users.load([stored], 5, now, since=since - 2 * plan.fading) == []
    users.advance(now)
    users.settle(5)
    assert [entry.of.at for entry in users.effects().log] == [at + 10 * MINUTE]


def happening(count: int) -> list[Arrival]:
    """One user's events, a second apart."""
    start = parse_timestamp("2025-06-02T12:00:00Z")
    stamps = [start + number * SECOND for number in range(count)]
    return [
        Arrival(
            Event("track", "A", "ann", None, None, at, at, None, f"m{number}", None, 0, b"{}"), number, at, "live", 1
        )
        for number, at in enumerate(stamps, start=1)
    ]


def test_what_fails_for_one_user_is_no_business_of_the_next():
    action = read_definition({"name": "A", "kind": "live", "on": {"type": "action", "did": {"event": "A"}}})
    assert isinstance(action, d.Live)
    plan = Plan([action], runs={"A": [Run(1, 1, action, None, 0, None)]})
    users = LiveUsers(plan, {1: "A"}, Patience(0), LATE_BAND, 1000, 0)
    ann, bob = happening(2)
    bob = bob._replace(user=2)
    users.create([ann, bob], frozenset({1, 2}))
    with patch.object(Qualifying, "admits", side_effect=[ZeroDivisionError, True, True]):
        users.take([ann, bob], bob.received_at)
    users.settle(2)
    assert [number for number, _ in users.failures] == [1]
    assert [(entry.user, entry.of.cause) for entry in users.effects().log] == [(2, 2)]


def test_of_users_who_are_loaded_together_less_is_kept_once_they_are_many():
    plan, names = cart_left({"sees_from": None, "counts_from": 0})
    users = LiveUsers(plan, names, Patience(0), LATE_BAND, 150 * live.SPACIOUS, 300)
    events = [StoredEvent(one.event, one.sequence, one.received_at, "live", None) for one in happening(300)]
    stored = [StoredUser(number, f"user {number}", False, events, (), (), ()) for number in (1, 2)]
    with patch.object(live, "fold", wraps=live.fold) as folded:
        users.load(stored, 300, events[-1].event.timestamp + 9 * MINUTE)
    first, second = (call.args[1] for call in folded.call_args_list)
    assert len(list(first.digests())) == 300
    assert len(list(second.digests())) < 300


def test_a_user_is_folded_once_for_all_late_events_of_a_group():
    plan, names = cart_left({"sees_from": None, "counts_from": 0})
    users = LiveUsers(plan, names, Patience(0), LATE_BAND, 1000, 0)
    first, *late, last = happening(50)
    users.create([first], frozenset({1}))
    users.take([first, last], last.received_at)
    assert users.effort(late[:1]) == 3
    assert users.effort(late) == len(late) + 2
    with patch.object(live, "fold", wraps=live.fold) as folded:
        users.take(late, last.received_at)
    assert folded.call_count == 1
    users.settle(50)
    assert [waiting.cause for _, waiting in users.effects().set] == [1]


def test_what_does_not_change_any_more_is_taken_once_when_a_user_is_loaded():
    plan, names = cart_left({"sees_from": None, "counts_from": 0})
    users = LiveUsers(plan, names, Patience(0), LATE_BAND, 1000, 500)
    events = [StoredEvent(one.event, one.sequence, one.received_at, "live", None) for one in happening(500)]
    ends = events[-1].event.timestamp
    with patch.object(UserActor, "step", autospec=True, side_effect=UserActor.step) as step:
        assert users.load([StoredUser(1, "ann", False, events, (), (), ())], 500, ends + LATE_BAND - 60 * SECOND) == []
    assert step.call_count == 500


def test_joins_before_what_may_change_are_taken_for_granted():
    """Else a user who was joined with a thousand would be folded a thousand times whenever loaded."""
    once = read_definition(
        {"name": "Once", "kind": "live", "on": {"type": "action", "did": {"event": "A"}}, "again": "once"}
    )
    assert isinstance(once, d.Live)
    plan = Plan([once], runs={"Once": [Run(1, 1, once, None, 0, None)]})
    users = LiveUsers(plan, {1: "Once"}, Patience(0), LATE_BAND, 1000, 297)
    events: list[StoredEvent] = []
    joins: list[Moved] = []
    for one in happening(300):
        device = (one.sequence - 1) // 3
        # Each device does two things before it is known whose it is; but for the last, which does nothing.
        is_known = one.sequence % 3 == 0 or device == 99
        events.append(StoredEvent(one.event, one.sequence, one.received_at, "live", None if is_known else 100 + device))
        if one.sequence % 3 == 0:
            joins.append(Moved(100 + device, 1, f"device {device}", True, one.received_at, one.sequence))
    at = events[0].event.timestamp
    standing = [Standing(1, 1, "device 0", True, at, 1, "m1")]
    with patch.object(UserActor, "step", autospec=True, side_effect=UserActor.step) as step:
        users.load([StoredUser(1, "ann", False, events, joins, standing, ())], 300, at + 300 * SECOND)
    assert step.call_count == 300
    users.settle(300)
    assert users.failures == []
    assert users.effects().log == []  # who was one device is known to have qualified
