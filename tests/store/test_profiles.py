"""Users: found, told in full, explained, exported and forgotten."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from shop import NOW, ZONE, Shop, identify, track
from shop import opened as shop_opened

from segd.core.answers import CausedBy, UserKey
from segd.core.errors import MessageError
from segd.core.events.messages import Event, accept, decode
from segd.core.events.refused_ids import RefusedIds
from segd.core.ports import Unavailable, Unsure
from segd.core.time.instants import DAY, HOUR, parse_timestamp, to_text
from segd.core.why.explain import Explanation, Membership
from segd.store.bridge import open_pool
from segd.store.forgetting import load_refused_ids
from segd.store.members import PostgresMembers
from segd.store.profiles import PostgresProfiles
from segd.store.queries import query
from segd.store.reports import PostgresReports

ODD = "a/b ?id=1&x='\"%_\\\U0001f6d2"


class Users(PostgresProfiles):
    def __init__(self, shop: Shop) -> None:
        self.refused = RefusedIds()
        self.forgotten: list[str] = []
        super().__init__(shop.pool, shop.journal, ZONE, shop.clock, self.refused, self.forgotten.extend)

    async def found(self, text: str) -> list[str]:
        return [person.id for person in await self.find(text, 10)]


@asynccontextmanager
async def opened(dsn: str) -> AsyncGenerator[tuple[Shop, Users]]:
    async with shop_opened(dsn) as shop:
        yield shop, Users(shop)


def user(id: str) -> UserKey:
    return UserKey(id, anonymous=False)


# Finding


async def test_users_are_found_by_id_then_by_the_beginning_of_an_email_or_an_id(dsn: str):
    async with opened(dsn) as (shop, users):
        await shop.send(
            identify("annabel", "2025-06-01T10:00:00Z"),
            identify("ann", "2025-06-01T10:00:01Z", name="Ann"),
            identify("7", "2025-06-01T10:00:02Z", email="Ann@Shop.example"),
            identify("8", "2025-06-01T10:00:03Z", email="ann@old.example"),
            identify("8", "2025-06-01T10:00:04Z", email="bob@shop.example"),
            {"type": "track", "event": "A", "anonymousId": "anna-web", "timestamp": "2025-06-01T10:00:05Z"},
            identify(ODD, "2025-06-01T10:00:06Z"),
            identify("%", "2025-06-01T10:00:07Z"),
        )
        assert await users.found("ann") == ["ann", "7", "annabel", "anna-web"]
        assert await users.found("ANN@SHOP") == ["7"]
        assert await users.found("ann@old") == []
        assert await users.found("bob@") == ["8"]
        assert await users.found(ODD) == [ODD]
        assert await users.found(ODD[:5]) == [ODD]
        assert await users.found("%") == ["%"]
        assert await users.found("") == []
        (person,) = await users.find("ann", 1)
        assert (person.traits, person.last_seen) == ({"name": "Ann"}, parse_timestamp("2025-06-01T10:00:01Z"))


async def test_an_email_of_any_kind_and_length_can_be_stored(dsn: str):
    async with opened(dsn) as (shop, users):
        await shop.send(
            identify("long", "2025-06-01T10:00:00Z", email="x" * 100_000 + "@shop.example"),
            identify("list", "2025-06-01T10:00:00Z", email=["a", "b"]),
        )
        assert await users.found("xxx") == ["long"]


# The page of one


async def test_a_profile_has_all_traits_ids_and_segments_and_the_timeline_what_each_event_caused(dsn: str):
    async with opened(dsn) as (shop, users):
        await shop.send(
            {"type": "track", "event": "Seen", "anonymousId": "web", "timestamp": "2025-06-01T09:00:00Z"},
            identify("ann", "2025-06-01T10:00:00Z", plan="free", city="Berlin", price=1.10) | {"anonymousId": "web"},
            identify("ann", "2025-06-01T10:30:00Z", plan="gold", city=None),
            track("ann", "2025-06-01T11:00:00Z", id="one", price=3),
            track("ann", "2025-06-01T11:00:00Z", id="two", price=4),
            identify("bob", "2025-06-01T10:00:00Z"),
        )
        carts = await shop.segment("Carts")
        gold = {"type": "profile", "property": "plan", "op": "eq", "value": "gold"}
        golden = await shop.segment("Golden", where=gold)
        await shop.segment("Not golden", where={"type": "not", "of": gold})
        await shop.qualify(carts, "one", "two")
        await shop.qualify(carts, "two", kind="retracted")
        profile = await users.profile(user("ann"))
        assert {name: str(value) for name, value in profile.person.traits.items()} == {"plan": "gold", "price": "1.1"}
        assert profile.ids == [("ann", False), ("web", True)]
        assert profile.first_seen == parse_timestamp("2025-06-01T09:00:00Z")
        assert profile.person.last_seen == parse_timestamp("2025-06-01T11:00:00Z")
        assert profile.segments == [(carts, "Carts", parse_timestamp("2025-06-01T11:00:00Z")), (golden, "Golden", None)]
        assert profile == await users.profile(UserKey("web", anonymous=True))

        await shop.rows(
            "INSERT INTO timers (user_number, segment, cause, version, opened, due)"
            " SELECT user_number, $1, sequence, 1, timestamp, timestamp + make_interval(hours => hours)"
            " FROM events JOIN (VALUES ('one', 30), ('two', 1)) AS after (id, hours) ON id = message_id",
            carts,
        )

        first = await users.timeline(user("ann"), None, 2)
        at = parse_timestamp("2025-06-01T11:00:00Z")
        assert [(one.message_id, one.caused) for one in first.entries] == [
            ("two", [CausedBy(carts, "Carts", "retracted", at)]),
            ("one", [CausedBy(carts, "Carts", "qualified", at), CausedBy(carts, "Carts", "waiting", at + 30 * HOUR)]),
        ]
        assert json.loads(first.entries[0].content) == {"price": 4}
        assert first.more
        last = first.entries[-1]
        rest = await users.timeline(user("ann"), (last.at, last.sequence), 3)
        assert [one.name for one in rest.entries] == ["$identify", "$identify", "Seen"]
        assert json.loads(rest.entries[0].content) == {"plan": "gold", "city": None}
        assert not rest.more


async def test_nobody_is_not_found_and_the_kinds_of_id_are_two(dsn: str):
    async with opened(dsn) as (shop, users):
        await shop.send({"type": "track", "event": "A", "anonymousId": "web", "timestamp": "2025-06-01T09:00:00Z"})
        with pytest.raises(LookupError):
            await users.profile(user("web"))
        with pytest.raises(LookupError):
            await users.why(user("web"), 1)
        with pytest.raises(LookupError):
            await users.forget(user("web"), None)
        with pytest.raises(LookupError):
            async with users.export(user("web")):
                pass
        with pytest.raises(LookupError):
            await users.why(UserKey("web", anonymous=True), 1)


# Why


async def test_why_is_told_of_live_and_past_segments_and_agrees_with_members(dsn: str):
    async with opened(dsn) as (shop, users):
        await shop.send(
            track("ann", "2025-05-01T10:00:00Z", id="before"),
            track("ann", "2025-06-01T10:00:00Z", id="cart"),
            track("bob", "2025-06-01T10:00:00Z", id="bob's"),
            track("bob", "2025-06-01T10:05:00Z", event="Charged"),
        )
        on = {"type": "inaction", "did": {"event": "Added To Cart"}, "did_not": {"event": "Charged"}, "within": "10m"}
        left = await shop.segment("Left", on=on)
        back = await shop.segment("Back", where={"type": "in_segment", "segment": "Left"})
        await shop.qualify(left, "cart")
        found = {id: (await users.why(user(id), left)).about for id in ("ann", "bob")}
        assert isinstance(found["ann"], Explanation)
        assert isinstance(found["bob"], Explanation)
        # What came before the segment is none of its business.
        assert [(one.at, one.verdict) for one in found["ann"].decisions] == [
            (parse_timestamp("2025-06-01T10:10:00Z"), "qualified")
        ]
        assert found["bob"].outcome == "not"
        assert [step.what for step in found["bob"].steps][-1] == "closed"
        for id, member in (("ann", True), ("bob", False)):
            told = (await users.why(user(id), back)).about
            assert isinstance(told, Membership)
            assert told.member is member
        members, _ = await PostgresMembers(shop.pool, ZONE).page(back, NOW, 0, 10)
        assert [one.person.id for one in members] == ["ann"]


async def test_why_of_a_changed_segment_is_about_its_latest_version_and_again_goes_on(dsn: str):
    async with opened(dsn) as (shop, users):
        await shop.send(track("ann", "2025-06-01T10:00:00Z", id="first"), track("ann", "2025-06-02T10:00:00Z"))
        segment = await shop.segment("Carts", again="once")
        await shop.rows("UPDATE segment_runs SET counts_to = '2025-06-02T00:00Z' WHERE segment = $1", segment)
        await shop.rows(
            "INSERT INTO segment_runs (segment, position, version, definition, sees_from, counts_from)"
            " SELECT segment, position + 1, 2, definition, sees_from, counts_to FROM segment_runs WHERE segment = $1",
            segment,
        )
        await shop.qualify(segment, "first")
        told, qualified_at, _ = await users.why(user("ann"), segment)
        assert qualified_at == parse_timestamp("2025-06-01T10:00:00Z")
        assert isinstance(told, Explanation)
        assert [(one.verdict, one.before) for one in told.decisions] == [
            ("not running", None),  # what it was then had them
            ("again", parse_timestamp("2025-06-01T10:00:00Z")),
        ]


# Export and forgetting


SECRETS = ("Ann", "ann", "web-1", "secret")


async def make_ann(shop: Shop) -> int:
    await shop.send(
        {"type": "track", "event": "Seen", "anonymousId": "web-1", "messageId": "secret 0",
         "timestamp": "2025-06-01T09:00:00Z"},
        identify("ann", "2025-06-01T10:00:00Z", email="ann@secret.example") | {"anonymousId": "web-1"},
        track("ann", "2025-06-01T11:00:00Z", id="secret 1", item="secret"),
        track("ann", "2025-06-01T12:00:00Z", id="secret 2"),
        track("bob", "2025-06-01T12:00:00Z", id="bob 1"),
    )  # fmt: skip
    live = await shop.segment("Carts")
    past = await shop.segment("All", where={"type": "did", "event": "Added To Cart"})
    await shop.qualify(live, "secret 1", "secret 2", "bob 1")
    await shop.qualify(live, "secret 2", kind="retracted")
    await shop.rows(
        "INSERT INTO timers (user_number, segment, cause, version, opened, due)"
        " SELECT number, $1, 3, 1, '2025-06-01Z', '2025-07-01Z' FROM users",
        live,
    )
    await shop.rows(
        "INSERT INTO snapshots (segment, as_of, members, sample, taken_at)"
        " SELECT $1, '2025-06-02Z', 2, array_agg(number), '2025-06-02Z' FROM users",
        past,
    )
    return live


async def search(shop: Shop, *texts: str) -> list[str]:
    """Every row of every table that holds one of the texts anywhere, the numbers of users among them."""
    found: list[str] = []
    tables = await shop.rows(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    for (table,) in tables:
        if table == "unsettled":  # numbers alone, until the next few groups are written
            continue
        for (row,) in await shop.rows(f"SELECT t::text FROM {table} AS t"):
            found += [f"{table}: {row}" for text in texts if text in row]
    return found


async def test_a_forgotten_user_is_nowhere_in_the_database_and_numbers_still_agree(dsn: str):
    async with opened(dsn) as (shop, users):
        live = await make_ann(shop)
        numbers = [str(number) for (number,) in await shop.rows("SELECT number FROM users WHERE id = 'ann'")]
        assert {line.split(":")[0] for line in await search(shop, *SECRETS, *numbers)} >= {
            "users", "user_ids", "events_2025_06", "trait_writes", "qualifications", "timers", "log", "snapshots",
        }  # fmt: skip
        counts = await users.forget(user("ann"), None)
        assert counts == {
            "users": 1, "user_ids": 2, "events": 4, "trait_writes": 1, "qualifications": 2, "timers": 1, "joins": 1,
            "log": 3, "samples": 1,
        }  # fmt: skip
        assert users.forgotten == ["ann", "web-1"]
        assert await search(shop, *SECRETS, *numbers) == []
        with pytest.raises(LookupError):
            await users.profile(user("ann"))
        report = await PostgresReports(shop.pool, ZONE, shop.clock).live(live)
        members, total = await PostgresMembers(shop.pool, ZONE).page(live, NOW, 0, 10)
        assert [one.person.id for one in members] == ["bob"]
        assert total == report.members == sum(day.number for day in report.per_day) == len(report.recent) == 1
        assert sum(day.retracted for day in report.per_day) == report.retracted == 0
        assert await shop.rows("SELECT cardinality(sample) FROM snapshots") == [(1,)]


async def test_a_forgotten_user_of_two_joined_histories_leaves_no_number_behind(dsn: str):
    async with opened(dsn) as (shop, users):
        await shop.send(
            track("ann", "2025-06-01T09:00:00Z"),
            {"type": "track", "event": "Seen", "anonymousId": "web-1", "timestamp": "2025-06-01T09:30:00Z"},
        )
        numbers = [str(number) for (number,) in await shop.rows("SELECT number FROM users")]
        await shop.send(identify("ann", "2025-06-01T10:00:00Z") | {"anonymousId": "web-1"})
        assert len({number for number in numbers if await search(shop, number)}) == 2
        await users.forget(user("ann"), None)
        assert await search(shop, *SECRETS, *numbers) == []


async def test_the_ids_of_a_forgotten_user_are_refused_until_then_also_after_a_restart(dsn: str):
    def event(**ids: str) -> Event:
        message = {"type": "track", "event": "A", "messageId": "m"} | ids
        return accept(decode(json.dumps(message).encode()), received_at=NOW, content=b"")

    async with opened(dsn) as (shop, users):
        await make_ann(shop)
        users.refused.check(event(userId="ann"), NOW)
        await users.forget(user("ann"), NOW + DAY)
        assert await search(shop, *SECRETS) == []
        for refused in (users.refused, await load_refused_ids(shop.pool, NOW)):
            for ids in ({"userId": "ann"}, {"anonymousId": "web-1"}, {"userId": "bob", "anonymousId": "web-1"}):
                with pytest.raises(MessageError, match=r"refused until 2025-06-03T12:00:00\.000Z"):
                    refused.check(event(**ids), NOW + DAY - 1)
                refused.check(event(**ids), NOW + DAY)
            refused.check(event(anonymousId="ann"), NOW)
        later = await load_refused_ids(shop.pool, NOW + DAY)
        later.check(event(userId="ann"), NOW)
        assert await shop.rows("SELECT count(*) FROM refused_ids") == [(0,)]


async def test_where_forgetting_fails_nobody_is_refused_unless_it_may_be_done_all_the_same(dsn: str):
    class Away:
        def __init__(self, kind: type[Unavailable]) -> None:
            self.kind = kind

        async def change(self, write: object) -> Any:
            raise self.kind("unavailable", "the database is away", 1)

    message = json.dumps({"type": "track", "event": "A", "messageId": "m", "userId": "ann"})
    event = accept(decode(message.encode()), received_at=NOW, content=b"")
    async with opened(dsn) as (shop, users):
        await make_ann(shop)
        for kind in (Unavailable, Unsure):
            users.refused.check(event, NOW)
            failing = PostgresProfiles(shop.pool, Away(kind), ZONE, shop.clock, users.refused, users.forgotten.extend)
            with pytest.raises(kind):
                await failing.forget(user("ann"), NOW + DAY)
        with pytest.raises(MessageError, match="refused until"):
            users.refused.check(event, NOW)


async def test_an_export_is_all_that_is_known(dsn: str):
    async with opened(dsn) as (shop, users):
        await make_ann(shop)
        async with users.export(user("ann")) as pieces:
            content = b"".join([piece async for piece in pieces])
        told: dict[str, Any] = json.loads(content)
        assert (told["id"], told["traits"]) == ("ann", {"email": "ann@secret.example"})
        assert told["ids"] == [{"id": "ann", "anonymous": False}, {"id": "web-1", "anonymous": True}]
        assert [one["messageId"] for one in told["events"]][2:] == ["secret 1", "secret 2"]
        assert told["events"][2]["properties"] == {"item": "secret"}
        assert told["events"][2]["timestamp"] == to_text(NOW - 25 * HOUR) == "2025-06-01T11:00:00.000Z"
        assert told["timers"][0]["due"] == "2025-07-01T00:00:00.000Z"
        assert [one["retracted"] for one in told["qualifications"]] == [False, True]
        assert [one["type"] for one in told["log"]] == ["qualified", "qualified", "retracted"]
        assert len(told["timers"]) == len(told["joins"]) == 1
        assert b"bob" not in content


@pytest.mark.parametrize(("statement", "asked"), [("user_of_id", ("user 7", False)), ("users_by_id", ("user 7",))])
async def test_a_user_is_looked_up_by_key_however_many_there_are(dsn: str, statement: str, asked: tuple[Any, ...]):
    """Though nothing is kept about ids to plan by, and by default reading here and there is dear."""
    async with open_pool(dsn, 1) as pool, pool.acquire() as connection, connection.transaction():
        await connection.execute(
            """
            INSERT INTO users SELECT n, 'user ' || n, false, now(), now() FROM generate_series(1, 20000) AS n;
            INSERT INTO user_ids SELECT false, id, number, false FROM users;
            ANALYZE users, user_ids;
            SET LOCAL random_page_cost = 4;
            """
        )
        plan = await connection.fetch(f"EXPLAIN {query(statement)}", *asked)
        assert "Seq Scan" not in str(plan)
        assert [row["number"] for row in await connection.fetch(query(statement), *asked)] == [7]
