"""What actors are made of: everything that is asked for and nothing else, exactly as it was when it arrived."""

import json
from collections.abc import Collection
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from segd.core.effects import Group, Moved, Standing, StoredUser, Taken, Waiting
from segd.core.events.messages import Event, accept, decode
from segd.core.time.instants import DAY, HOUR, SECOND, Instant, parse_timestamp
from segd.store.bridge import Connection, open_pool
from segd.store.entries import Entries, entry
from segd.store.loading import due_users, load_users, users_with_events
from segd.store.queries import query
from segd.store.writer import only_writer

NOW = parse_timestamp("2025-06-02T12:00:00.000001Z")


def said(at: Instant, content: str | dict[str, Any], **more: Any) -> Event:
    """A message of user `u` at an instant. content: its properties, also as JSON; more: `event` is `A` otherwise."""
    text = content if isinstance(content, str) else json.dumps(content)
    message = {"type": "track", "event": "A", "userId": "u"} | more
    message["messageId"] = message.get("messageId", f"{message.get('event')} {at}")
    document = json.dumps(message)[:-1] + f', "properties": {text}}}'
    event = accept(decode(document.encode()), received_at=at, content=b"")
    event.timestamp = at
    return event


def wrote(at: Instant, traits: dict[str, Any], **more: Any) -> Event:
    return said(at, {}, type="identify", event=None, messageId=f"identify {at}", traits=traits, **more)


async def write(connection: Connection, *events: Event, taken: Taken = "live") -> Group:
    async with only_writer(connection) as writer, connection.transaction():
        rows = [entry(event, NOW, taken, trusted=True) for event in events]
        group = await Entries(writer).write(connection, rows)
        await writer.advance(connection, writer.end._replace(position=group.position))
    return group


async def load(
    connection: Connection,
    numbers: Collection[int],
    names: Collection[str] = (),
    plain: Collection[str] = (),
    everything: bool = False,
    traits: Collection[str] = (),
    since: Instant | None = None,
) -> list[StoredUser]:
    return await load_users(
        connection, list(numbers), names=names, plain=plain, everything=everything, traits=traits, since=since
    )


def causes(user: StoredUser) -> set[str]:
    return {stored.event.message_id for stored in user.events}


def in_order(user: StoredUser) -> list[Event]:
    return [stored.event for stored in sorted(user.events, key=lambda stored: stored.sequence)]


async def test_an_event_is_what_it_was_when_it_arrived(dsn: str):
    exact = '{"price": 0.10000000000000000555111512312, "name": "Zoë 🐈 \\"\\u00e9\\"", "of": [{"n": 1.0}], "z": null}'
    page = said(NOW, {"url": "https://shop.example/a?utm_source=mail"}, type="page", event=None, messageId="p")
    async with open_pool(dsn, size=1) as pool, pool.acquire() as connection:
        given = said(NOW, exact, event="Gekauft – für 5 €")
        group = await write(connection, given, page)
        [user] = await load(connection, [group.arrivals[0].user], ["Gekauft – für 5 €", "$page"])
        bought, viewed = in_order(user)
        assert (bought.kind, bought.name, bought.timestamp) == ("track", "Gekauft – für 5 €", NOW)
        assert (bought.user_id, bought.anonymous_id, bought.message_id) == (None, None, given.message_id)
        assert bought.properties() == given.properties()
        assert bought.properties()["price"] == Decimal("0.10000000000000000555111512312")
        assert (viewed.kind, viewed.properties()["utm_source"], viewed.properties()["host"]) == (
            "page", "mail", "shop.example"
        )  # fmt: skip
        assert [(stored.sequence, stored.received_at) for stored in user.events] == [(1, NOW), (2, NOW)]
        assert (user.number, user.id, user.anonymous) == (group.arrivals[0].user, "u", False)


async def test_only_what_is_asked_for_is_loaded(dsn: str):
    async with open_pool(dsn, size=1) as pool, pool.acquire() as connection:
        events = [said(NOW + n, {"n": n}, event=name, messageId=name) for n, name in enumerate("ABC")]
        number = (await write(connection, *events, wrote(NOW + 3, {"plan": "gold"}))).arrivals[0].user

        async def found(**asked: Any) -> dict[str, bytes]:
            [user] = await load(connection, [number], **asked)
            return {stored.event.message_id: stored.event.content for stored in user.events}

        assert await found() == {}
        assert await found(names=["A"], plain=["B", "nobody's"]) == {"A": b'{"n": 0}', "B": b""}
        identify = f"identify {NOW + 3}"
        assert await found(names=["A"], everything=True) == {"A": b'{"n": 0}', "B": b"", "C": b"", identify: b""}
        assert await found(everything=True, since=NOW + 2) == {"C": b"", identify: b""}
        assert await found(names=["A", "B"], since=NOW + 1) == {"B": b'{"n": 1}'}
        assert await found(traits=["plan"], since=NOW + DAY) == {identify: b""}
        assert await found(traits=["tier"]) == {}


async def test_a_write_of_traits_is_there_under_the_name_of_its_message(dsn: str):
    async with open_pool(dsn, size=1) as pool, pool.acquire() as connection:
        context = {"traits": {"plan": "gold", "score": 1}}
        events = [
            said(NOW, {"n": 1}, context=context, messageId="asked"),
            said(NOW + 1, {"n": 2}, event="B", context=context, messageId="not asked"),
            wrote(NOW + 2, {"plan": None, "naïve": {"ü": [1.50]}}),
            said(NOW + 3, {"n": 3}, messageId="nothing written"),
        ]
        number = (await write(connection, *events)).arrivals[0].user
        [user] = await load(connection, [number], ["A"], traits=["plan"])
        assert [(event.name, event.content, event.traits) for event in in_order(user)] == [
            ("A", b'{"n": 1}', {"plan": "gold", "score": 1}),
            ("B", b"", {"plan": "gold", "score": 1}),
            ("$identify", b"", {"plan": None, "naïve": {"ü": [Decimal("1.50")]}}),
            ("A", b'{"n": 3}', None),
        ]
        [user] = await load(connection, [number], ["A"])
        assert [event.traits for event in in_order(user)] == [None, None]


@pytest.mark.parametrize("taken", ["live", "late", "imported"])
async def test_how_it_was_taken_is_kept(dsn: str, taken: Taken):
    async with open_pool(dsn, size=1) as pool, pool.acquire() as connection:
        number = (await write(connection, said(NOW, {}), taken=taken)).arrivals[0].user
        [user] = await load(connection, [number], plain=["A"])
        assert [stored.taken for stored in user.events] == [taken]


async def test_a_user_has_the_history_that_joined_and_knows_whose_it_was(dsn: str):
    async with open_pool(dsn, size=1) as pool, pool.acquire() as connection:
        known = (await write(connection, said(NOW, {}, messageId="known"))).arrivals[0].user
        visit = said(NOW + 1, {}, messageId="visit", userId=None, anonymousId="ä")
        unknown = (await write(connection, visit)).arrivals[0].user
        both = said(NOW + 2, {}, messageId="both", anonymousId="ä")
        assert (await write(connection, both)).arrivals[0].user == known
        [user] = await load(connection, [unknown, known], plain=["A"])  # who was joined is no user any more
        assert user.number == known
        assert causes(user) == {"known", "visit", "both"}
        assert {stored.event.message_id: stored.origin for stored in user.events}["visit"] == unknown
        assert user.moved == [Moved(unknown, known, "ä", True, NOW + 2, 3)]


async def test_who_was_renamed_moved_from_himself(dsn: str):
    async with open_pool(dsn, size=1) as pool, pool.acquire() as connection:
        visit = said(NOW, {}, messageId="visit", userId=None, anonymousId="a")
        number = (await write(connection, visit)).arrivals[0].user
        await write(connection, said(NOW + 1, {}, messageId="both", anonymousId="a"))
        [user] = await load(connection, [number], plain=["A"])
        assert (user.id, user.anonymous) == ("u", False)
        assert {stored.origin for stored in user.events} == {None}
        assert user.moved == [Moved(number, number, "a", True, NOW + 1, 2)]


async def test_a_user_has_what_stands_and_what_waits(dsn: str):
    async with open_pool(dsn, size=1) as pool, pool.acquire() as connection:
        group = await write(connection, said(NOW, {}), said(NOW, {}, userId="other"))
        one, other = (arrival.user for arrival in group.arrivals)
        await connection.execute(
            "INSERT INTO qualifications (segment, version, user_number, id, anonymous, cause, cause_id, at, retracted)"
            " VALUES (3, 2, $1, 'früher', true, 7, 'm 7', '2025-06-01T00:00:00.5Z', false),"
            " (3, 2, $1, 'früher', true, 8, 'm 8', '2025-06-01Z', true)",
            one,
        )
        await connection.execute(query("set_timers"), [one], [3], [9], [2], [parsed("06-01")], [parsed("06-03")])
        loaded = {user.number: user for user in await load(connection, [one, other])}
        at = parse_timestamp("2025-06-01T00:00:00.5Z")
        assert loaded[one].standing == [Standing(3, 2, "früher", True, at, 7, "m 7")]
        opened, due = parse_timestamp("2025-06-01T00:00Z"), parse_timestamp("2025-06-03T00:00Z")
        assert loaded[one].waiting == [Waiting(3, 2, 9, opened, due)]
        assert loaded[other] == StoredUser(other, "other", False, [], (), (), ())


def parsed(day: str) -> datetime:
    return datetime.fromisoformat(f"2025-{day}").replace(tzinfo=UTC)


async def test_every_event_of_months_apart_is_found_though_last_seen_is_behind(dsn: str):
    async with open_pool(dsn, size=1) as pool, pool.acquire() as connection:
        instants = [NOW - 5000 * DAY, NOW - 40 * DAY, NOW, NOW + 600 * SECOND]
        number = (await write(connection, said(instants[2], {}))).arrivals[0].user
        for at in (instants[3], instants[1], instants[0]):
            await write(connection, said(at, {}))
        assert parse_timestamp((await connection.fetchval("SELECT last_seen FROM users")).isoformat()) == NOW
        [user] = await load(connection, [number], plain=["A"])
        assert sorted(event.timestamp for event in in_order(user)) == instants
        [user] = await load(connection, [number], plain=["A"], since=instants[1] + 1)
        assert sorted(event.timestamp for event in in_order(user)) == instants[2:]


async def test_users_are_looked_up_by_key_whatever_the_tables_hold(dsn: str):
    """A plan is made while they are empty, and used again and again; one statement is prepared for all."""
    async with open_pool(dsn, size=1) as pool, pool.acquire() as connection:
        for _ in range(7):
            assert await load(connection, [1], ["A"], traits=["plan"]) == []
        events = [
            said(NOW - n * 30 * DAY, {}, userId=f"u{u}", messageId=f"{u} {n}") for n in range(5) for u in range(9)
        ]
        numbers = {arrival.user for arrival in (await write(connection, *events)).arrivals}
        assert len(await load(connection, numbers, ["A"])) == 9
        async with connection.transaction():
            await connection.execute(query("look_up_in_this"))
            await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            for statement, values in {
                "events_of_users": (list(numbers), None, False, ["A"], ["A"]),
                "trait_writes_of_users": (list(numbers), ["plan"], ["A"]),
                "joins_of_users": (list(numbers),),
                "standing_of_users": (list(numbers),),
                "timers_of_users": (list(numbers),),
            }.items():
                rows = await connection.fetch("EXPLAIN (ANALYZE, TIMING OFF) " + query(statement), *values)
                plan = "\n".join(row[0] for row in rows)
                assert "Seq Scan" not in plan, plan
                assert "name_timestamp" not in plan, plan  # everybody's events of that name


async def test_who_is_due_and_when_first(dsn: str):
    async with open_pool(dsn, size=1) as pool, pool.acquire() as connection:
        for user, due in [(1, "06-03"), (1, "06-02"), (2, "06-03"), (3, "06-05"), (4, "06-01")]:
            values = [user], [1], [int(due[-2:])], [1], [parsed("01-01")], [parsed(due)]
            await connection.execute(query("set_timers"), *values)
        second, third, fifth = (parse_timestamp(f"2025-06-0{day}T00:00Z") for day in (2, 3, 5))
        assert sorted(await due_users(connection, fifth, second)) == [(1, second), (2, third)]
        first = parse_timestamp("2025-06-01T00:00Z")
        assert sorted(await due_users(connection, third, None)) == [(1, second), (4, first)]


async def test_users_to_arm_come_in_pages(dsn: str):
    async with open_pool(dsn, size=1) as pool, pool.acquire() as connection:
        events = [
            said(NOW, {}, userId="a"),
            said(NOW - HOUR, {}, userId="b"),
            said(NOW, {}, userId="c", event="B"),
            wrote(NOW - DAY, {"birthday": "2000-01-01"}, userId="d"),
            wrote(NOW, {"plan": "gold"}, userId="e"),
        ]
        group = await write(connection, *events)
        numbers = {name: arrival.user for name, arrival in zip("abcde", group.arrivals, strict=True)}

        async def found(names: Collection[str], since: Instant | None, traits: Collection[str], page: int) -> list[int]:
            result: list[int] = []
            while True:
                last = result[-1] if result else 0
                users = await users_with_events(connection, names, since, traits, last, page)
                result += users
                if len(users) < page:
                    return result

        assert await found(["A"], None, [], 1) == sorted([numbers["a"], numbers["b"]])
        assert await found(["A"], NOW, [], 10) == [numbers["a"]]
        assert await found(["A", "B"], NOW, ["birthday"], 2) == sorted([numbers["a"], numbers["c"], numbers["d"]])
        assert await found([], None, [], 3) == []
