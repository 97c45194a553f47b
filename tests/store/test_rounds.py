"""The journal and its follower: what is committed is followed, and what follows is committed, once, in order."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
import trio
import trio.testing
from journals import NOW, SETTINGS, Cut, Following, lose, opened, rows, said, stored, wait_rows

from segd.core.effects import Effects, Group, LogEntry, Standing, Waiting
from segd.core.errors import SegdError
from segd.core.events.messages import Event
from segd.core.ports import Unavailable
from segd.core.time.instants import HOUR, SECOND, Instant
from segd.store import journal as journal_module
from segd.store.bridge import Pool, open_pool
from segd.store.errors import StoreError
from segd.store.journal import PostgresJournal
from segd.store.session import Statements
from segd.store.waiting import Changed

ANONYMOUS: dict[str, Any] = {"userId": None, "anonymousId": "a"}


class Qualifying(Following):
    """Each event qualifies its user, and opens a window of an hour."""

    def __init__(self) -> None:
        super().__init__(self._qualify)

    async def _qualify(self, effects: Effects, groups: list[Group]) -> None:
        for group in groups:
            for event, sequence, _, _, user in group.arrivals:
                name = event.user_id or event.anonymous_id or ""
                one = Standing(1, 1, name, event.user_id is None, event.timestamp, sequence, event.message_id)
                effects.log.append(LogEntry("qualified", user, one))
                effects.set.append((user, Waiting(1, 1, sequence, event.timestamp, event.timestamp + HOUR)))


async def wait_settled(pool: Pool, position: int) -> None:
    await wait_rows(pool, "SELECT settled FROM journal", [position])


async def logged(pool: Pool) -> list[Any]:
    return await rows(pool, "SELECT cause_id FROM log ORDER BY position")


# What the follower is told


async def test_it_is_told_of_each_group_in_order_with_users_after_all_joins(dsn: str):
    follower = Following()
    async with open_pool(dsn, size=3) as pool, opened(pool, follower=follower) as journal:
        await journal.append([said("1"), said("2", NOW - 3 * HOUR, userId="v")])
        await journal.append([said("2"), said("3", **ANONYMOUS), said("4", userId="w", anonymousId="a")])
        await journal.append([said("4")])
        numbers = dict(await rows(pool, "SELECT id, number FROM users"))
    start, first, second = follower.groups
    assert start == Group(0)
    assert [(a.event.message_id, a.sequence, a.received_at, a.taken, a.user) for a in first.arrivals] == [
        ("1", 1, NOW, "live", numbers["u"]),
        ("2", 2, NOW, "late", numbers["v"]),
    ]
    assert (first.position, first.created, first.outdated) == (2, {numbers["u"], numbers["v"]}, frozenset())
    assert [(a.event.message_id, a.sequence, a.user) for a in second.arrivals] == [
        ("3", 3, numbers["w"]),
        ("4", 4, numbers["w"]),
    ]
    assert (second.position, second.created, second.outdated) == (4, frozenset(), {numbers["w"]})


async def test_senders_do_not_wait_for_the_follower_but_the_next_group_does(dsn: str):
    go_on = trio.Event()

    async def react(effects: Effects, groups: list[Group]) -> None:
        if any(group.arrivals for group in groups):
            await go_on.wait()

    async with open_pool(dsn, size=3) as pool, opened(pool, follower=Following(react)) as journal:
        async with trio.open_nursery() as nursery:
            await journal.append([said("1")])
            nursery.start_soon(journal.append, [said("2")])
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert await stored(pool) == ["1"]
            go_on.set()
        assert await stored(pool) == ["1", "2"]


async def test_while_it_lags_too_much_waiting_is_refused(dsn: str):
    go_on = trio.Event()

    async def react(effects: Effects, groups: list[Group]) -> None:
        if any(group.arrivals for group in groups):
            await go_on.wait()

    settings = replace(SETTINGS, waiting_events=10)
    async with open_pool(dsn, size=3) as pool, opened(pool, settings, follower=Following(react)) as journal:
        await journal.append([said("1")])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(journal.append, [said(f"a{n}") for n in range(10)])
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(Unavailable) as refused:
                await journal.append([said("2")])
            assert refused.value.code == "overloaded"
            go_on.set()


# Effects


async def test_effects_are_written_at_once_where_nothing_else_waits(dsn: str):
    follower = Qualifying()
    async with open_pool(dsn, size=3) as pool, opened(pool, follower=follower) as journal:
        await journal.append([said("1"), said("2", NOW - SECOND)])
        await wait_settled(pool, 2)
        assert await logged(pool) == ["1", "2"]
        assert await rows(pool, "SELECT position, effects, log_position FROM journal") == [(2, 1, 2)]
        assert await rows(pool, "SELECT cause FROM timers ORDER BY cause") == [1, 2]
        assert await rows(pool, "SELECT qualified FROM qualified_per_day") == [2]
        assert await rows(pool, "SELECT count(*) FROM unsettled") == [0]
    assert [(cursor, entry.of.cause_id) for cursor, entry in follower.logged] == [(1, "1"), (2, "2")]


async def test_effects_ride_on_the_next_group(dsn: str):
    follower = Qualifying()
    async with open_pool(dsn, size=3) as pool, opened(pool, follower=follower) as journal:
        async with trio.open_nursery() as nursery:
            for n in range(50):
                nursery.start_soon(journal.append, [said(f"{n}")])
                await trio.sleep(0.001)
        await wait_settled(pool, 50)
        assert await rows(pool, "SELECT count(DISTINCT e.xmin::text) < 50 FROM events AS e") == [True]
        assert await logged(pool) == await stored(pool)
    assert [cursor for cursor, _ in follower.logged] == list(range(1, 51))


async def test_what_is_settled_is_written_without_effects_too(dsn: str):
    async with open_pool(dsn, size=3) as pool, opened(pool) as journal:
        await journal.append([said("1")])
        await wait_settled(pool, 1)
        assert await rows(pool, "SELECT count(*) FROM unsettled") == [0]


async def test_closing_writes_what_follows_from_the_last_events(dsn: str):
    async with open_pool(dsn, size=3) as pool:
        async with opened(pool, follower=Qualifying()) as journal:
            await journal.append([said("1")])
        assert await logged(pool) == ["1"]
        assert await rows(pool, "SELECT settled FROM journal") == [1]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("commit", [1, 2])
async def test_no_effect_is_lost_or_doubled_when_the_answer_of_a_commit_is(
    dsn: str, monkeypatch: pytest.MonkeyPatch, after: bool, commit: int
):
    """commit: the first is of the events, the second of effects alone."""
    follower = Qualifying()
    async with open_pool(dsn, size=3) as pool:
        async with opened(pool, follower=follower) as journal:
            cut = Cut(after)
            cut.passes = commit - 1
            cut.install(monkeypatch)
            with trio.fail_after(60):
                await journal.append([said("1"), said("2")])
            await wait_settled(pool, 2)
            assert cut.cuts == 0
            with trio.fail_after(60):
                while journal.unready():  # noqa: ASYNC110  it tells nobody
                    await trio.sleep(0.01)
            await journal.append([said("3")])
        assert await stored(pool) == ["1", "2", "3"]
        assert await logged(pool) == ["1", "2", "3"]
        assert await rows(pool, "SELECT effects, log_position FROM journal") == [(2, 3)]
    assert [cursor for cursor, _ in follower.logged] == [1, 2, 3]
    assert follower.times_written == 2
    assert [group.position for group in follower.groups] == [0, 2, 3]


async def test_sessions_ended_under_load_lose_and_double_no_effects(dsn: str):
    follower = Qualifying()
    async with open_pool(dsn, size=3) as pool:
        async with opened(pool, follower=follower) as journal:
            senders = 4

            async def send(sender: int) -> None:
                nonlocal senders
                for n in range(40):
                    while True:
                        try:
                            await journal.append([said(f"{sender}-{n}-{i}", userId=f"u{sender}") for i in range(5)])
                            break
                        except Unavailable:
                            await trio.sleep(0.02)
                senders -= 1

            async with trio.open_nursery() as nursery:
                for sender in range(senders):
                    nursery.start_soon(send, sender)
                cuts = 0
                while senders:
                    with suppress(AssertionError):  # nobody holds the lock just then
                        await lose(pool)
                    cuts += 1
                    await trio.sleep(0.03 * (1 + cuts % 20))  # at times long enough for a round on the slowest machine
        found = await stored(pool)
        assert len(found) == len(set(found)) == 800
        assert await logged(pool) == found
        assert await rows(pool, "SELECT position FROM log ORDER BY position") == list(range(1, 801))
        assert await rows(pool, "SELECT count(*) FROM timers") == [800]
        assert await rows(pool, "SELECT sum(qualified)::int FROM qualified_per_day") == [800]
    assert [entry.of.cause_id for _, entry in follower.logged] == found


async def test_events_that_cannot_be_stored_do_not_take_effects_with_them(dsn: str):
    async with open_pool(dsn, size=3) as pool:
        async with opened(pool, replace(SETTINGS, group_seconds=0.05), follower=Qualifying()) as journal:
            bad = said("bad")
            bad.content = b'{"text": "\\u0000"}'  # what intake refuses, and Postgres too

            async def send_bad() -> None:
                with pytest.raises(RuntimeError, match="cannot be stored"):
                    await journal.append([said("x"), bad])

            async with trio.open_nursery() as nursery:
                await journal.append([said("1")])
                nursery.start_soon(send_bad)
                nursery.start_soon(journal.append, [said("2")])
        assert await stored(pool) == ["1", "2"]
        assert await logged(pool) == ["1", "2"]


async def test_effects_that_cannot_be_stored_end_the_journal(dsn: str):
    async def react(effects: Effects, groups: list[Group]) -> None:
        if any(group.arrivals for group in groups):
            effects.log.append(LogEntry("qualified", 1, Standing(1, 1, "\0", False, NOW, 1, "1")))

    async with open_pool(dsn, size=3) as pool:
        with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="what follows"), flatten_subgroups=True):
            async with opened(pool, follower=Following(react)) as journal:
                await journal.append([said("1")])
                await trio.sleep_forever()


# After a crash, and an outage


async def test_at_start_the_users_of_what_is_not_settled_are_named(dsn: str):
    crash = RuntimeError("a crash")

    async def react(effects: Effects, groups: list[Group]) -> None:
        if any(group.position == 4 for group in groups):
            raise crash

    async with open_pool(dsn, size=3) as pool:
        with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="a crash"), flatten_subgroups=True):
            async with opened(pool, follower=Following(react)) as journal:
                await journal.append([said("1", userId="settled")])
                await wait_settled(pool, 1)
                await journal.append([said("2", userId="v"), said("3", **ANONYMOUS), said("4", **ANONYMOUS)])
                await trio.sleep_forever()
        numbers = dict(await rows(pool, "SELECT id, number FROM users"))
        follower = Following()
        async with opened(pool, follower=follower):
            pass
        assert follower.groups == [Group(4, unsettled=frozenset({numbers["v"], numbers["a"]}))]
        follower = Following()
        async with opened(pool, follower=follower):
            pass
        assert follower.groups == [Group(4)]


async def test_segments_changed_and_not_settled_are_remembered_over_a_crash(dsn: str):
    async def replan(connection: Statements, position: int) -> Changed[None]:
        return Changed(None, replanned=True)

    async def react(effects: Effects, groups: list[Group]) -> None:
        if any(group.replanned for group in groups):
            raise RuntimeError("a crash")

    async with open_pool(dsn, size=3) as pool:
        with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="a crash"), flatten_subgroups=True):
            async with opened(pool, follower=Following(react)) as journal:
                await journal.change(replan)
                await trio.sleep_forever()
        follower = Following()
        async with opened(pool, follower=follower):
            pass
        assert follower.groups == [Group(1, replanned=True)]


async def test_the_follower_hears_how_long_no_events_were_accepted(dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(journal_module, "BEAT_SECONDS", 0.01)
    now = NOW
    first, second = Following(), Following()
    async with open_pool(dsn, size=3) as pool:
        async with opened(pool, follower=first, now=lambda: now) as journal:
            await journal.append([said("1")])
            now += HOUR
            await wait_rows(pool, "SELECT accepted_at = '2025-06-02T13:00Z' FROM journal", [True])
        now += HOUR
        async with opened(pool, follower=second, now=lambda: now) as journal:
            assert second.interruptions == [(NOW + HOUR, NOW + 2 * HOUR)]
            await lose(pool)
            while len(second.interruptions) == 1:  # whoever meets it first: the next event, or the beat
                with suppress(Unavailable):
                    await journal.append([said("2")])
                await trio.sleep(0.01)
            assert second.interruptions[1:] == [(now, now)]
    assert first.interruptions == []


async def test_an_error_of_the_store_while_following_is_met_again(dsn: str):
    failures = 2
    told: list[str] = []

    async def react(effects: Effects, groups: list[Group]) -> None:
        nonlocal failures
        if failures and any(group.arrivals for group in groups):
            failures -= 1
            raise StoreError("connection_lost", "the connection to Postgres was lost")

    follower = Following(react)
    async with open_pool(dsn, size=3) as pool:
        async with opened(pool, follower=follower, told=told) as journal:
            await journal.append([said("1")])
            await wait_settled(pool, 1)
            await journal.append([said("2")])
        assert await stored(pool) == ["1", "2"]
    assert told == ["events cannot be taken: the connection to Postgres was lost", "the database is back"]
    assert [group.position for group in follower.groups] == [0, 1, 2]


# Changes


async def keep_key(connection: Statements, position: int) -> Changed[str]:
    """A change of anything: a row that can be seen."""
    await connection.execute("INSERT INTO write_keys (key) VALUES ($1)", f"at {position}")
    return Changed(f"done at {position}", outdated=frozenset({5}), replanned=True)


async def test_a_change_is_an_entry_by_itself_after_the_effects_before_it(dsn: str):
    follower = Qualifying()
    async with open_pool(dsn, size=3) as pool, opened(pool, follower=follower) as journal:
        await journal.append([said("1")])
        assert await journal.change(keep_key) == "done at 2"
        await journal.append([said("2")])
        assert await rows(pool, "SELECT key FROM write_keys") == ["at 2"]
        assert await rows(pool, "SELECT sequence FROM events ORDER BY sequence") == [1, 3]
        xmins = "SELECT q.xmin::text::bigint < k.xmin::text::bigint FROM write_keys AS k, qualifications AS q"
        assert (await rows(pool, f"{xmins} WHERE q.cause = 1")) == [True]
    assert follower.groups[2] == Group(2, outdated=frozenset({5}), replanned=True)


async def test_what_a_change_raises_undoes_it_and_is_the_askers(dsn: str):
    class Nonsense(SegdError):
        pass

    async def fail(connection: Statements, position: int) -> Changed[None]:
        await keep_key(connection, position)
        raise Nonsense("nonsense", "that makes no sense")

    async def break_a_rule(connection: Statements, position: int) -> Changed[None]:
        await keep_key(connection, position)
        return await break_a_rule(connection, position)

    follower = Following()
    async with open_pool(dsn, size=3) as pool, opened(pool, follower=follower) as journal:
        with pytest.raises(Nonsense, match="no sense"):
            await journal.change(fail)
        with pytest.raises(StoreError, match="duplicate key"):
            await journal.change(break_a_rule)
        assert await rows(pool, "SELECT key FROM write_keys") == []
        await journal.append([said("1")])
        assert await rows(pool, "SELECT sequence FROM events") == [1]
    assert [group.position for group in follower.groups] == [0, 1]


@pytest.mark.parametrize("after", [False, True])
async def test_a_change_is_made_once_when_the_answer_of_its_commit_is_lost(
    dsn: str, monkeypatch: pytest.MonkeyPatch, after: bool
):
    follower = Following()
    async with open_pool(dsn, size=3) as pool, opened(pool, follower=follower) as journal:
        await journal.append([said("1")])
        Cut(after).install(monkeypatch)
        with trio.fail_after(60):
            assert await journal.change(keep_key) == "done at 2"
        assert await rows(pool, "SELECT key FROM write_keys") == ["at 2"]
        await journal.append([said("2")])
    assert [group.position for group in follower.groups] == [0, 1, 2, 3]


# Imports


async def test_history_is_imported_beside_what_happens_now(dsn: str):
    follower = Qualifying()
    later: Instant = NOW + HOUR

    def past(id: str, **more: Any) -> Event:
        return said(id, NOW - 100 * HOUR, NOW - 99 * HOUR, **more)

    async with open_pool(dsn, size=3) as pool, opened(pool, follower=follower) as journal:
        await journal.append([said("1", **ANONYMOUS)])
        [joined] = await rows(pool, "SELECT number FROM users")
        assert await journal.import_history([], later) == 0
        assert await journal.import_history([past("2"), past("2"), past("3", anonymousId="a")], later) == 2
        assert await journal.import_history([past("2"), past("4", userId="v")], later) == 1
        await journal.append([said("5")])
        assert await rows(
            pool,
            "SELECT message_id, live, imported, received_at = '2025-06-02T13:00Z', id FROM events"
            " JOIN users ON number = user_number ORDER BY sequence",
        ) == [
            ("1", True, False, False, "u"),
            ("2", False, True, True, "u"),
            ("3", False, True, True, "u"),
            ("4", False, True, True, "v"),
            ("5", True, False, False, "u"),
        ]
        await wait_settled(pool, 5)
        assert await logged(pool) == ["1", "5"]
        numbers = dict(await rows(pool, "SELECT id, number FROM users"))
    assert [
        (group.position, list(group.arrivals), [one.user for one in group.history], group.outdated)
        for group in follower.groups[2:4]
    ] == [
        (3, [], [numbers["u"]] * 2, {numbers["u"], joined}),
        (4, [], [numbers["v"]], frozenset()),
    ]


async def test_history_goes_along_with_what_happens_in_the_same_moment(dsn: str):
    follower = Qualifying()
    settings = replace(SETTINGS, group_seconds=60, group_events=5)  # so that all of it is one round
    async with open_pool(dsn, size=3) as pool, opened(pool, settings, follower=follower) as journal:
        imported: list[int] = []

        async def bring_in() -> None:
            past = NOW - 100 * HOUR
            history = [said(id, past, past, userId=user) for id, user in (("1", "u"), ("2", "v"), ("3", "w"))]
            imported.append(await journal.import_history(history, NOW))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(bring_in)
            nursery.start_soon(journal.append, [said("2", userId="v"), said("4", userId="w")])
        assert imported == [2]  # for one was said just then
        assert await rows(pool, "SELECT message_id, live FROM events ORDER BY sequence") == [
            ("1", False), ("3", False), ("2", True), ("4", True),
        ]  # fmt: skip
        await wait_settled(pool, 4)
        assert await logged(pool) == ["2", "4"]
        numbers = dict(await rows(pool, "SELECT id, number FROM users"))
    [group] = follower.groups[1:2]
    assert [arrival.event.message_id for arrival in group.arrivals] == ["2", "4"]
    assert [arrival.event.message_id for arrival in group.history] == ["1", "3"]
    assert (group.created, group.outdated) == ({numbers["v"]}, frozenset())


# Joins


async def joins(pool: Pool) -> list[Any]:
    return await rows(
        pool,
        "SELECT s.id, j.old_number = j.user_number, j.old_id, j.old_anonymous, j.sequence FROM joins AS j"
        " JOIN users AS s ON s.number = j.user_number ORDER BY j.sequence",
    )


async def append_each(journal: PostgresJournal, together: bool, *events: Event) -> None:
    if together:
        await journal.append(events, trusted=True)
    else:
        for event in events:
            await journal.append([event], trusted=True)


@pytest.mark.parametrize("together", [False, True])
async def test_a_join_moves_all_that_is_the_users_and_keeps_whose_it_was(dsn: str, together: bool):
    alias = {"type": "alias", "event": None, "userId": "new", "previousId": "u"}
    async with open_pool(dsn, size=3) as pool, opened(pool, follower=Qualifying()) as journal:
        await append_each(
            journal,
            together,
            said("1", **ANONYMOUS),
            said("2"),
            said("3", NOW + 5, anonymousId="a"),
            said("4", userId="new"),
            said("5", **alias),
            said("6"),
        )
        await wait_settled(pool, 6)
        (new,) = await rows(pool, "SELECT number FROM users")
        for table in ("events", "timers", "qualifications", "log", "user_ids", "joins"):
            assert await rows(pool, f"SELECT DISTINCT user_number FROM {table}") == [new], table
        assert await joins(pool) == [("new", False, "a", True, 3), ("new", False, "u", False, 5)]
        assert await rows(pool, "SELECT extract(microsecond FROM at)::int FROM joins ORDER BY sequence") == [5, 0]
        old = "SELECT old_number FROM joins WHERE sequence = "
        origins = f"SELECT sequence, origin = ({old} 3), origin = ({old} 5), origin IS NULL FROM events ORDER BY 1"
        assert await rows(pool, origins) == [
            (1, True, False, False),
            (2, False, True, False),
            (3, False, True, False),
            (4, None, None, True),
            (5, None, None, True),
            (6, None, None, True),
        ]
        assert await rows(pool, "SELECT count(*) FROM qualifications") == [6]


@pytest.mark.parametrize("together", [False, True])
async def test_a_new_name_is_kept_beside_the_old_one(dsn: str, together: bool):
    alias = {"type": "alias", "event": None, "userId": "new", "previousId": "u"}
    async with open_pool(dsn, size=3) as pool, opened(pool) as journal:
        await append_each(journal, together, said("1", **ANONYMOUS), said("2", anonymousId="a"), said("3", **alias))
        assert await joins(pool) == [("new", True, "a", True, 2), ("new", True, "u", False, 3)]
        assert await rows(pool, "SELECT DISTINCT origin FROM events") == [None]


async def test_the_old_id_is_the_one_that_people_saw(dsn: str):
    """A former id may mean somebody who goes by another one."""
    first = {"type": "alias", "event": None, "userId": "b", "previousId": "a1"}
    second = {"type": "alias", "event": None, "userId": "d", "previousId": "a1"}
    async with open_pool(dsn, size=3) as pool, opened(pool) as journal:
        await append_each(
            journal, False, said("1", userId="a1"), said("2", **first), said("3", userId="d"), said("4", **second)
        )
        assert await joins(pool) == [("d", False, "a1", False, 2), ("d", False, "b", False, 4)]


async def test_users_whose_history_was_moved_are_outdated(dsn: str):
    follower = Following()
    async with open_pool(dsn, size=3) as pool, opened(pool, follower=follower) as journal:
        await journal.append([said("1", **ANONYMOUS), said("2")])
        [joined] = await rows(pool, "SELECT number FROM users WHERE anonymous")
        await journal.append(
            [said("3", anonymousId="a"), said("4", userId="v", anonymousId="b"), said("5", userId="w")]
        )
        await journal.append([said("6", userId="x", anonymousId="a")])
        numbers = dict(await rows(pool, "SELECT id, number FROM users"))
    assert [(group.created, group.outdated) for group in follower.groups[2:]] == [
        ({numbers["v"], numbers["w"]}, {numbers["u"], joined}),
        ({numbers["x"]}, frozenset()),
    ]
