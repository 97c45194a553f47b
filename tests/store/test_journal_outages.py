"""Times in which the journal cannot take events: when they begin and end, who hears of them, and what is remembered."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
import trio
from databases import name_of
from journals import NOW, SETTINGS, Following, opened, rows, said, stored, wait_rows

from segd.actors import clock
from segd.core.effects import Effects, Group
from segd.core.events.messages import Event
from segd.core.ports import Unavailable
from segd.core.time.instants import DAY, HOUR, MINUTE, SECOND, Instant, to_datetime
from segd.store import journal as journal_module
from segd.store import outages
from segd.store.bridge import open_pool
from segd.store.journal import PostgresJournal
from segd.store.outages import Outages
from segd.store.session import Statements
from segd.store.waiting import Changed
from tests.postgres_proxy import open_proxy


@pytest.fixture(autouse=True)
def beating_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "TELL_SECONDS", 0.1)
    monkeypatch.setattr(journal_module, "BEAT_SECONDS", 0.1)


class Limit:
    """For answers: short until `lift`, which comes before there are some again, since machines are slow at times."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch
        patch.setattr(outages, "ANSWER_SECONDS", 0.5)

    def lift(self) -> None:
        self._patch.setattr(outages, "ANSWER_SECONDS", 60.0)


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Limit:
    return Limit(monkeypatch)


async def deliver(journal: PostgresJournal, event: Event) -> None:
    """As senders do: once more where it is not taken."""
    with trio.fail_after(30):
        while True:
            with suppress(Unavailable):
                await journal.append([event])
                return
            await trio.sleep(0.05)


async def until(holds: Callable[[], object]) -> None:
    """As long as a test may take: that is how /readyz is asked, too."""
    with trio.fail_after(30):
        while not holds():  # noqa: ASYNC110
            await trio.sleep(0.01)


async def test_a_database_that_stops_answering_is_away_since_it_stopped(dsn: str, limit: Limit):
    told: list[str] = []
    follower = Following()
    async with open_proxy(dsn) as proxy, open_pool(proxy.dsn, size=3) as pool, open_pool(dsn, size=1) as direct:  # noqa: SIM117
        async with opened(pool, follower=follower, told=told, now=clock.now) as journal:
            await deliver(journal, said("1", clock.now(), clock.now()))
            await until(lambda: journal.unready() is None)
            told.clear()
            follower.interruptions.clear()
            proxy.stall()
            stalled = clock.now()
            await until(journal.unready)  # though nobody sends anything
            noticed = clock.now()
            assert journal.unready() == "the database is slow"
            with pytest.raises(Unavailable, match="slow"):
                await journal.append([said("2")])
            await until(lambda: follower.interruptions)
            limit.lift()
            proxy.go_on()
            await until(lambda: journal.unready() is None)
            over = clock.now()
            ((first, _), *_, (since, end)) = follower.interruptions
            assert stalled - SECOND <= first == since <= noticed - SECOND / 2
            assert since + SECOND / 2 <= end <= over
            await journal.append([said("2", clock.now(), clock.now())])
            assert await stored(direct) == ["1", "2"]
    assert told == ["events cannot be taken: the database does not answer", "the database is back"]


async def test_who_is_in_line_when_the_database_stops_answering_is_told_and_who_was_written_counts_once(
    dsn: str, limit: Limit
):
    async with open_proxy(dsn) as proxy, open_pool(proxy.dsn, size=3) as pool, open_pool(dsn, size=1) as direct:  # noqa: SIM117
        async with opened(pool, now=clock.now) as journal:
            proxy.stall()
            refused: list[str] = []

            async def send(id: str) -> None:
                try:
                    await journal.append([said(id, clock.now(), clock.now())])
                except Unavailable as error:
                    refused.append(error.code)

            with trio.fail_after(30):
                async with trio.open_nursery() as nursery:
                    for n in range(20):
                        nursery.start_soon(send, f"{n}")
                        await trio.sleep(0.01)
            assert refused == ["unavailable"] * 20
            limit.lift()
            proxy.go_on()
            await until(lambda: journal.unready() is None)
            await journal.append([said(f"{n}", clock.now(), clock.now()) for n in range(20)])
            assert sorted(await stored(direct), key=int) == [f"{n}" for n in range(20)]


async def test_a_connection_that_stalls_and_then_breaks_is_one_outage(dsn: str, limit: Limit):
    told: list[str] = []
    follower = Following()
    async with open_proxy(dsn) as proxy, open_pool(proxy.dsn, size=3) as pool:  # noqa: SIM117
        async with opened(pool, follower=follower, told=told, now=clock.now) as journal:
            await until(lambda: journal.unready() is None)
            told.clear()
            follower.interruptions.clear()
            proxy.stall()
            await until(journal.unready)
            limit.lift()
            proxy.go_on()
            proxy.cut_all()
            await until(lambda: journal.unready() is None)
            assert len({since for since, _ in follower.interruptions}) == 1
            await journal.append([said("1", clock.now(), clock.now())])
    assert told == ["events cannot be taken: the database does not answer", "the database is back"]


async def test_a_follower_that_waits_long_itself_hears_of_it_meanwhile(dsn: str, limit: Limit):
    async def react(effects: Effects, groups: list[Group]) -> None:
        if any(group.position == 1 for group in groups):
            await until(lambda: len(follower.interruptions) > 2)
            assert journal.unready() == "the database is slow"
            limit.lift()

    follower = Following(react)
    async with open_pool(dsn, size=3) as pool, opened(pool, follower=follower, now=clock.now) as journal:
        await deliver(journal, said("1", clock.now(), clock.now()))
        await until(lambda: follower.interruptions)
        await until(lambda: journal.unready() is None)
        await journal.append([said("2", clock.now(), clock.now())])


async def test_a_change_that_takes_long_is_waited_for(dsn: str, limit: Limit):
    async def wait_long(connection: Statements, position: int) -> Changed[str]:
        while not journal.unready():
            await connection.execute("SELECT pg_sleep(0.01)")
        limit.lift()
        return Changed("done")

    async with open_pool(dsn, size=3) as pool, opened(pool, now=clock.now) as journal:
        assert await journal.change(wait_long) == "done"
        await until(lambda: journal.unready() is None)


async def test_a_database_that_takes_no_writes_is_away_until_it_does(
    postgres: str, dsn: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(outages, "PATIENCE_SECONDS", 0.2)
    told: list[str] = []
    follower = Following()
    name = name_of(dsn)
    async with open_pool(postgres, size=1) as server, open_pool(dsn, size=3) as pool:  # noqa: SIM117
        async with opened(pool, follower=follower, told=told, now=clock.now) as journal:
            await journal.append([said("1", clock.now(), clock.now())])
            await rows(server, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
            await rows(server, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'")
            await until(lambda: told and "read-only" in told[-1])
            began = clock.now()
            for _ in range(20):
                assert journal.unready() == "the database is away"
                with pytest.raises(Unavailable):
                    await journal.append([said("2", clock.now(), clock.now())])
                await trio.sleep(0.05)
            await rows(server, f"ALTER DATABASE {name} RESET default_transaction_read_only")
            await rows(server, f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'")
            await until(lambda: journal.unready() is None)
            await journal.append([said("2", clock.now(), clock.now())])
            assert await stored(pool) == ["1", "2"]
    since, over = follower.interruptions[-1]
    assert since <= began
    assert over >= began + SECOND
    assert [sentence for sentence in told if "read-only" in sentence] == told[-2:-1]
    assert told[-1] == "the database is back"


# While senders catch up


ACCEPTED_AT = "SELECT accepted_at FROM journal"


async def test_until_senders_have_caught_up_the_store_says_when_the_outage_began(
    dsn: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(journal_module, "BEAT_SECONDS", 0.01)
    settings = replace(SETTINGS, catch_up=10 * MINUTE)
    now = NOW
    heard: list[Instant] = []

    async def live() -> None:
        """Start, write, and stop."""
        follower = Following()
        async with opened(pool, settings, follower=follower, now=lambda: now) as journal:
            heard.extend(since for since, _ in follower.interruptions)
            await journal.append([said(f"{now}", now, now)])

    async with open_pool(dsn, size=3) as pool:
        await live()
        for downtime in (HOUR, MINUTE, MINUTE):
            now += downtime
            await live()
            assert await rows(pool, ACCEPTED_AT) == [to_datetime(NOW)]
        now += 10 * MINUTE
        async with opened(pool, settings, now=lambda: now):
            now += 10 * MINUTE
            await wait_rows(pool, ACCEPTED_AT, [to_datetime(now)])
    assert heard == [NOW, NOW, NOW]


async def test_an_outage_that_a_wrong_clock_made_long_ends_when_that_is_set_right():
    follower, now = Following(), NOW
    outage = Outages(follower, HOUR, now=lambda: now, tell=lambda sentence: None, slow=lambda: None)
    outage.down(NOW - MINUTE)
    now = NOW + 3 * DAY
    with outage.asking():
        pass
    now = NOW + MINUTE
    for _ in range(2):
        with outage.asking():
            pass
    assert follower.interruptions == [(NOW - MINUTE, NOW + 3 * DAY), (NOW - MINUTE, NOW + MINUTE)]
    assert outage.accepted_at() == NOW - MINUTE
    now = NOW + 4 * MINUTE
    assert outage.accepted_at() == now
