"""The journal: committed before append returns, each message once, whatever breaks meanwhile."""

from dataclasses import replace
from urllib.parse import urlsplit

import pytest
import trio
import trio.testing
from journals import NOW, SETTINGS, WRITERS, Cut, lose, opened, rows, said, stored

from segd.core.events.messages import Event
from segd.core.ports import Unavailable
from segd.core.time.instants import DAY, HOUR, MINUTE
from segd.store import entries, outages
from segd.store import journal as journal_module
from segd.store.bridge import open_pool
from segd.store.errors import StoreError
from segd.store.writer import only_writer


async def test_what_was_appended_is_committed_and_in_order(dsn: str):
    async with open_pool(dsn, size=3) as pool, opened(pool) as journal:
        await journal.append([said("1"), said("2", traits={}), said("3", context={"traits": {"plan": "gold"}})])
        await journal.append([])
        assert await stored(pool) == ["1", "2", "3"]
        assert await rows(pool, "SELECT position FROM journal") == [3]
        assert await rows(pool, "SELECT sequence, traits FROM trait_writes") == [(3, '{"plan": "gold"}')]


async def test_its_connection_goes_back_as_it_was(dsn: str):
    settings = "SELECT name || setting FROM pg_settings WHERE source = 'session'"
    async with open_pool(dsn, size=1) as pool:
        before = await rows(pool, settings)
        async with opened(pool) as journal:
            await journal.append([said("1")])
        assert await rows(pool, settings) == before


async def test_appends_that_come_together_are_one_transaction(dsn: str):
    async with open_pool(dsn, size=3) as pool, opened(pool, replace(SETTINGS, group_seconds=0.2)) as journal:
        async with trio.open_nursery() as nursery:
            for n in range(20):
                nursery.start_soon(journal.append, [said(f"{n}")])
        assert await rows(pool, "SELECT count(DISTINCT xmin::text) FROM events") == [1]
        assert len(await stored(pool)) == 20


async def test_a_full_group_does_not_wait(dsn: str):
    settings = replace(SETTINGS, group_seconds=600, group_events=10)
    async with open_pool(dsn, size=3) as pool, opened(pool, settings) as journal:
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(journal.append, [said(f"a{n}") for n in range(6)])
                nursery.start_soon(journal.append, [said(f"b{n}") for n in range(4)])
            await journal.append([said(f"c{n}") for n in range(100)])
        assert len(await stored(pool)) == 110


async def test_a_message_counts_once_within_a_group_across_groups_and_restarts(dsn: str):
    async with open_pool(dsn, size=3) as pool:
        async with opened(pool) as journal:
            await journal.append([said("1"), said("2"), said("1", NOW - 1, userId="other")])
            await journal.append([said("2", NOW - 5), said("3")])
        async with opened(pool) as journal:
            await journal.append([said("1", NOW - 7), said("3", NOW - 7)])
            await journal.append([said("4")])
        assert await stored(pool) == ["1", "2", "3", "4"]
        assert await rows(pool, "SELECT DISTINCT timestamp = '2025-06-02T12:00Z' FROM events") == [True]
        assert await rows(pool, "SELECT id FROM users") == ["u"]
        assert await rows(pool, "SELECT position FROM journal") == [4]


async def test_a_message_is_known_again_for_a_day_of_running_at_least_and_forgotten_after_two(dsn: str):
    async with open_pool(dsn, size=3) as pool:
        for hours, count in ((23, 1), (24, 1), (47, 1), (48, 2)):
            async with pool.acquire() as connection:
                await connection.execute(f"UPDATE journal SET ran = {hours} * 3600")
            async with opened(pool) as journal:
                await journal.append([said("1")])
                await journal.append([said(f"{hours}")])
            assert (await stored(pool)).count("1") == count
        partitions = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'seen'::regclass"
        assert sorted(await rows(pool, partitions)) == ["seen_1", "seen_2"]


async def test_a_message_is_known_again_whatever_the_wall_clock_says(dsn: str):
    async with open_pool(dsn, size=3) as pool:
        for days in (0, 1, 30, 0, -2, 0):
            async with opened(pool) as journal:
                received_at = NOW + days * DAY
                await journal.append([said("1", received_at=received_at), said(f"{days}", received_at=received_at)])
        assert (await stored(pool)).count("1") == 1


async def test_an_event_older_than_the_late_band_is_not_live(dsn: str):
    async with open_pool(dsn, size=3) as pool, opened(pool) as journal:
        await journal.append([said("in", NOW - 2 * HOUR), said("out", NOW - 2 * HOUR - 1), said("old", 0)])
        found = dict(await rows(pool, "SELECT message_id, live FROM events"))
        assert found == {"in": True, "out": False, "old": False}


async def test_ids_are_joined_in_order_of_the_messages(dsn: str):
    async with open_pool(dsn, size=3) as pool, opened(pool) as journal:
        anonymous = {"userId": None, "anonymousId": "a"}
        await journal.append([said("1", **anonymous)])
        await journal.append([said("2", **anonymous), said("3", userId="u1", anonymousId="a"), said("4", **anonymous)])
        await journal.append([said("5", userId="u2", anonymousId="a"), said("6", **anonymous)])
        found = await rows(pool, "SELECT message_id, id FROM events JOIN users ON number = user_number")
        assert dict(found) == {"1": "u1", "2": "u1", "3": "u1", "4": "u1", "5": "u2", "6": "u2"}


async def test_joins_of_many_at_once_leave_each_message_with_its_user(dsn: str):
    """Each of forty devices first acts alone and then says who it is, all beside one another."""
    async with open_pool(dsn, size=3) as pool, opened(pool) as journal:

        async def visit(device: int) -> None:
            own = {"userId": None, "anonymousId": f"d{device}"}
            for n in range(4):
                await journal.append([said(f"{device}-{n}", **own)])
            await journal.append([said(f"{device}-4", userId=f"u{device % 10}", anonymousId=f"d{device}")])
            await journal.append([said(f"{device}-5", **own)])

        async with trio.open_nursery() as nursery:
            for device in range(40):
                nursery.start_soon(visit, device)
        found = dict(await rows(pool, "SELECT message_id, id FROM events JOIN users ON number = user_number"))
        assert found == {f"{device}-{n}": f"u{device % 10}" for device in range(40) for n in range(6)}
        assert await rows(pool, "SELECT count(*) FROM users") == [10]
        assert await rows(pool, "SELECT count(*) = max(sequence) FROM events") == [True]


@pytest.mark.parametrize("trusted", [False, True])
async def test_an_alias_joins_two_known_people_only_for_those_who_may(dsn: str, trusted: bool):
    alias = {"type": "alias", "event": None, "userId": "new", "previousId": "old"}
    async with open_pool(dsn, size=3) as pool, opened(pool) as journal:
        await journal.append([said("1", userId="old"), said("2", userId="new")])
        await journal.append([said("3", **alias)], trusted=trusted)
        await journal.append([said("4", userId="old")])
        found = await rows(pool, "SELECT message_id, id FROM events JOIN users ON number = user_number")
        old = "new" if trusted else "old"
        assert dict(found) == {"1": old, "2": "new", "3": "new", "4": old}


async def test_an_alias_of_an_anonymous_id_needs_no_trust(dsn: str):
    alias = {"type": "alias", "event": None, "userId": "new", "previousId": "a"}
    async with open_pool(dsn, size=3) as pool, opened(pool) as journal:
        await journal.append([said("1", userId=None, anonymousId="a"), said("2", **alias)])
        assert await rows(pool, "SELECT id FROM users") == ["new"]


async def test_too_much_waiting_is_refused_and_one_alone_never(dsn: str):
    settings = replace(SETTINGS, group_seconds=600, waiting_events=10, waiting_bytes=100_000)
    async with open_pool(dsn, size=3) as pool, trio.open_nursery() as nursery:
        async with opened(pool, settings) as journal:
            nursery.start_soon(journal.append, [said(f"a{n}") for n in range(11)])
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(Unavailable) as refused:
                await journal.append([said("b")])
            assert (refused.value.code, refused.value.retry_after > 0) == ("overloaded", True)
        async with opened(pool, settings) as journal:
            nursery.start_soon(journal.append, [said("c", properties={"text": "x" * 200_000})])
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(Unavailable, match="waiting"):
                await journal.append([said("d")])
        assert await stored(pool) == [*(f"a{n}" for n in range(11)), "c"]


async def test_a_sender_who_left_has_sent_all_the_same_and_once(dsn: str):
    async with open_pool(dsn, size=3) as pool, opened(pool, replace(SETTINGS, group_seconds=0.1)) as journal:
        async with trio.open_nursery() as leaving:
            leaving.start_soon(journal.append, [said("1")])
            await trio.testing.wait_all_tasks_blocked()
            leaving.cancel_scope.cancel()
        await journal.append([said("1"), said("2")])
        assert await stored(pool) == ["1", "2"]


async def test_closing_commits_what_was_taken_and_refuses_the_rest(dsn: str):
    async with open_pool(dsn, size=3) as pool, trio.open_nursery() as nursery:
        async with opened(pool, replace(SETTINGS, group_seconds=600)) as journal:
            nursery.start_soon(journal.append, [said("1")])
            await trio.testing.wait_all_tasks_blocked()
            journal.close()
            with pytest.raises(Unavailable, match="stopping"):
                await journal.append([said("2")])
        assert await stored(pool) == ["1"]


async def test_a_second_journal_on_the_database_does_not_start(dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(journal_module, "LOCK_SECONDS", 0.2)
    async with open_pool(dsn, size=3) as pool, opened(pool), open_pool(dsn, size=3) as other:
        with pytest.RaisesGroup(pytest.RaisesExc(StoreError, match="another segd writes"), flatten_subgroups=True):
            async with opened(other):
                pass


async def test_a_lost_connection_between_groups_is_not_noticed_by_senders(dsn: str):
    told: list[str] = []
    async with open_pool(dsn, size=3) as pool, opened(pool, told=told) as journal:
        for n in range(5):
            await journal.append([said(f"{n}")])
            await lose(pool)
        await journal.append([said("5")])
        assert await stored(pool) == [f"{n}" for n in range(6)]
    assert told[-1] == "the database is back"


async def test_names_of_events_are_kept_in_mind_up_to_a_number(dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(entries, "MOST_NAMES", 3)
    async with open_pool(dsn, size=3) as pool, opened(pool) as journal:
        for n in range(0, 12, 2):
            await journal.append([said(f"{n}", event=f"E{n}"), said(f"{n + 1}", event="A")])
        named = "SELECT e.message_id, n.name FROM events AS e JOIN event_names AS n ON n.number = e.name"
        assert dict(await rows(pool, named)) == {f"{n}": "A" if n % 2 else f"E{n}" for n in range(12)}


@pytest.mark.parametrize("after", [False, True])
async def test_the_answer_of_a_commit_is_lost(dsn: str, monkeypatch: pytest.MonkeyPatch, after: bool):
    async with open_pool(dsn, size=3) as pool, opened(pool) as journal:
        await journal.append([said("1")])
        Cut(after).install(monkeypatch)
        with trio.fail_after(60):
            await journal.append([said("2"), said("3")])
        await journal.append([said("4")])
        assert await stored(pool) == ["1", "2", "3", "4"]
        assert await rows(pool, "SELECT position FROM journal") == [4]


async def test_a_group_that_always_breaks_the_connection_is_given_up(dsn: str, monkeypatch: pytest.MonkeyPatch):
    async with open_pool(dsn, size=3) as pool, opened(pool) as journal:
        cut = Cut(after=False)
        cut.cuts = 2
        cut.install(monkeypatch)
        with trio.fail_after(60), pytest.raises(Unavailable) as refused:
            await journal.append([said("1")])
        assert refused.value.code == "unavailable"
        await journal.append([said("2")])
        assert await stored(pool) == ["2"]


async def test_a_journal_that_somebody_else_moved_ends(dsn: str):
    async with open_pool(dsn, size=3) as pool:
        with pytest.RaisesGroup(pytest.RaisesExc(StoreError, match="another segd has written"), flatten_subgroups=True):
            async with opened(pool) as journal:
                await journal.append([said("1")])
                await rows(pool, "UPDATE journal SET position = 7 RETURNING position")
                await lose(pool)
                with pytest.raises(Unavailable):
                    await journal.append([said("2")])
                await trio.sleep_forever()
        assert await stored(pool) == ["1"]


async def test_while_the_database_is_away_senders_are_told_and_when_it_is_back_all_goes_on(
    postgres: str, dsn: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(outages, "PATIENCE_SECONDS", 0.2)
    told: list[str] = []
    name = urlsplit(dsn).path[1:]
    async with open_pool(postgres, size=1) as server, open_pool(dsn, size=2) as pool:
        async with opened(pool, told=told) as journal:
            await journal.append([said("1")])
            await rows(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            await rows(server, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'")
            for n in range(3):  # the first of them finds out, the others are told at once
                with trio.fail_after(60), pytest.raises(Unavailable) as refused:
                    await journal.append([said(f"away {n}")])
                assert (refused.value.code, refused.value.retry_after > 0) == ("unavailable", True)
            assert journal.unready() == "the database is away"
            await rows(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
            with trio.fail_after(60):
                while journal.unready():  # noqa: ASYNC110  that is how /readyz is asked
                    await trio.sleep(0.01)
            await journal.append([said("1"), said("away 1"), said("2")])
        assert await stored(pool) == ["1", "away 1", "2"]
    lost, unreachable, back = told
    assert "connection to Postgres was lost" in lost
    assert "cannot connect to" in unreachable
    assert back == "the database is back"


async def test_closing_while_the_database_is_away_ends(dsn: str, postgres: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(outages, "PATIENCE_SECONDS", 0.2)
    name = urlsplit(dsn).path[1:]
    async with open_pool(postgres, size=1) as server, open_pool(dsn, size=2) as pool:
        with trio.fail_after(60):
            async with opened(pool) as journal:
                await rows(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
                await rows(
                    server, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
                )
                with pytest.raises(Unavailable):
                    await journal.append([said("1")])


async def test_a_slow_database_is_not_waited_for_without_end(dsn: str):
    async with open_pool(dsn, size=3) as pool, opened(pool) as journal:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("LOCK TABLE journal IN EXCLUSIVE MODE")
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(outages, "ANSWER_SECONDS", 0.2)
                for _ in range(2):
                    with trio.fail_after(60), pytest.raises(Unavailable, match="slow"):
                        await journal.append([said("1")])
        with trio.fail_after(60):
            while journal.unready():  # noqa: ASYNC110  that is how /readyz is asked
                await trio.sleep(0.01)
            await journal.append([said("1"), said("2")])
        assert await stored(pool) == ["1", "2"]


async def test_one_request_that_cannot_be_stored_fails_alone(dsn: str):
    async with open_pool(dsn, size=3) as pool, opened(pool, replace(SETTINGS, group_seconds=0.1)) as journal:
        bad = said("bad")
        bad.content = b'{"text": "\\u0000"}'  # what intake refuses, and Postgres too
        failed: list[BaseException | None] = []

        async def try_to(events: list[Event]) -> None:
            try:
                await journal.append(events)
                failed.append(None)
            except RuntimeError as error:
                failed.append(error.__cause__)

        async with trio.open_nursery() as nursery:
            for events in ([said("1", event="New")], [said("x"), bad], [said("2", event="New")]):
                nursery.start_soon(try_to, events)
        assert sorted(map(bool, failed)) == [False, False, True]
        await journal.append([said("3", event="New")])
        assert sorted(await stored(pool)) == ["1", "2", "3"]
        assert await rows(pool, "SELECT position FROM journal") == [3]


async def test_sessions_ended_under_load_lose_and_double_nothing(dsn: str):
    """Eight senders, who send again whatever they get no answer for; the writer's session ends again and again."""
    async with open_pool(dsn, size=3) as pool, opened(pool) as journal:
        senders = 8

        async def send(sender: int) -> None:
            nonlocal senders
            for n in range(60):
                events = [said(f"{sender}-{n}-{i}", userId=f"u{sender}") for i in range(5)]
                while True:
                    try:
                        await journal.append(events)
                        break
                    except Unavailable:
                        await trio.sleep(0.02)
            senders -= 1

        async with trio.open_nursery() as nursery:
            for sender in range(senders):
                nursery.start_soon(send, sender)
            cuts = 0
            while senders:
                cuts += any(await rows(pool, f"SELECT pg_terminate_backend(pid, 5000) FROM ({WRITERS}) AS w"))
                await trio.sleep(0.03 * (1 + cuts % 20))  # at times long enough for a round on the slowest machine
        assert cuts > 3
        expected = {f"{sender}-{n}-{i}" for sender in range(8) for n in range(60) for i in range(5)}
        found = await stored(pool)
        assert len(found) == len(expected)
        assert set(found) == expected
        assert await rows(pool, "SELECT position FROM journal") == [len(expected)]


async def test_an_import_beside_the_journal_is_refused(dsn: str):
    async with open_pool(dsn, size=3) as pool, opened(pool) as journal:
        await journal.append([said("1", NOW - MINUTE)])
        with pytest.raises(StoreError, match="another segd writes to this database"):
            async with pool.acquire() as connection, only_writer(connection):
                pass
