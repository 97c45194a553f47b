"""Reports and members: one number, one meaning, wherever it is asked."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from shop import NOW, ZONE, Shop, identify, opened, track

from segd.core.answers import DayOf
from segd.core.language.reading import read_definition
from segd.core.time.instants import HOUR, SECOND, parse_timestamp
from segd.store.bridge import open_pool
from segd.store.history import members as query_members
from segd.store.importing import ImportSummary, import_files
from segd.store.members import PostgresMembers
from segd.store.reports import PostgresReports
from segd.store.snapshots import PostgresSnapshots, last_midnights

CARTS: dict[str, Any] = {"type": "did", "event": "Added To Cart"}
CART: dict[str, Any] = {"event": "Added To Cart", "where": [{"property": "price", "op": "gte", "value": 50}]}


def reports(shop: Shop) -> PostgresReports:
    return PostgresReports(shop.pool, ZONE, shop.clock)


async def members(shop: Shop, segment: int) -> list[str]:
    found, total = await PostgresMembers(shop.pool, ZONE).page(segment, shop.now, 0, 100)
    async with PostgresMembers(shop.pool, ZONE).stream(segment, shop.now) as pages:
        streamed = [member async for page in pages for member in page]
    assert streamed == found
    assert total == len(found)
    return [member.person.id for member in found]


async def test_report_members_and_log_of_a_live_segment_agree(dsn: str):
    async with opened(dsn) as shop:
        await shop.send(
            track("ann", "2025-06-01T21:00:00Z", id="ann 1"),
            track("ann", "2025-06-01T22:30:00Z", id="ann 2"),  # past midnight in Berlin
            track("bob", "2025-06-02T11:30:00Z", id="bob 1"),
            track("cyd", "2025-06-02T11:40:00Z", id="cyd 1"),
        )
        segment = await shop.segment("Carts")
        await shop.qualify(segment, "ann 1", "ann 2", "bob 1", "cyd 1")
        await shop.qualify(segment, "bob 1", kind="retracted")
        report = await reports(shop).live(segment)
        assert report.per_day == [
            DayOf(date(2025, 5, 31), 0), DayOf(date(2025, 6, 1), 1), DayOf(date(2025, 6, 2), 2, 1)
        ]  # fmt: skip
        assert (report.last_hour, report.last_day, report.members, report.retracted) == (1, 3, 2, 1)
        recent = [logged.entry for logged, _ in report.recent]
        assert [entry.of.cause_id for entry in recent] == ["bob 1", "cyd 1", "bob 1", "ann 2", "ann 1"]
        assert [entry.type for entry in recent][:2] == ["retracted", "qualified"]
        assert {shown.cause and shown.cause.name for _, shown in report.recent} == {"Added To Cart"}
        assert await members(shop, segment) == ["cyd", "ann"]  # the latest first
        page, _ = await PostgresMembers(shop.pool, ZONE).page(segment, shop.now, 1, 1)
        assert [(member.person.id, member.cause, member.at) for member in page] == [
            ("ann", "ann 2", parse_timestamp("2025-06-01T22:30:00Z"))
        ]


async def test_reachability_is_of_the_users_who_qualified_in_thirty_days(dsn: str):
    async with opened(dsn) as shop:
        await shop.send(
            identify("old", "2025-05-03T11:59:00Z", email="old@shop.example"),
            track("old", "2025-05-03T12:00:00Z", id="old 1"),
            identify("ann", "2025-06-01T10:00:00Z", email="ann@shop.example", phone="", push_token="t"),
            track("ann", "2025-06-01T10:01:00Z", id="ann 1"),
            track("ann", "2025-06-01T10:02:00Z", id="ann 2"),
            identify("bob", "2025-06-01T10:00:00Z", email="bob@shop.example"),
            identify("bob", "2025-06-01T10:01:00Z", subscriptions={"email": False}, whatsapp="+49"),
            track("bob", "2025-06-01T10:02:00Z", id="bob 1"),
            identify("cyd", "2025-06-01T10:00:00Z", email="cyd@shop.example"),
            identify("cyd", "2025-06-01T10:01:00Z", email=None),
            track("cyd", "2025-06-01T10:02:00Z", id="cyd 1"),
        )
        segment = await shop.segment("Carts")
        await shop.qualify(segment, "old 1", "ann 1", "ann 2", "bob 1", "cyd 1")
        reach = (await reports(shop).live(segment)).reach
        assert (reach.of, reach.reached) == (3, 2)
        assert reach.channels == {"push": 1, "web_push": 0, "email": 1, "sms": 0, "whatsapp": 1}
        past = await shop.segment("All carts", where=CARTS)
        found = await reports(shop).past(past)
        assert found.reach.of == found.members == 4
        for channel, number in found.reach.channels.items():  # the same as the condition says
            reachable = read_definition(
                {
                    "name": "r",
                    "kind": "past",
                    "where": {"type": "all", "of": [CARTS, {"type": "reachable", "channel": channel}]},
                }
            )
            async with shop.pool.acquire() as connection:
                assert len(await query_members(connection, reachable, NOW, ZONE)) == number, channel  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("more", "share"),
    [
        ({"on": {"type": "inaction", "did": CART, "did_not": {"event": "Charged"}, "within": "1h"}}, (1, 3)),
        ({"on": {"type": "action", "did": [CART, {"event": "Seen"}]}, "again": "once"}, (1, 5)),
        ({"on": {"type": "action", "did": CART}, "filter": CARTS}, (1, 4)),
        ({"on": {"type": "action", "did": CART}}, None),
        ({"on": {"type": "date", "profile": "birthday", "yearly": True}}, None),
    ],
    ids=["inaction", "once", "filtered", "all qualify", "date"],
)
async def test_a_share_is_of_the_users_who_began_it(dsn: str, more: dict[str, Any], share: tuple[int, int] | None):
    async with opened(dsn) as shop:
        await shop.send(
            track("before", "2025-05-31T11:59:59Z", price=50),  # the segment was not there yet
            track("ann", "2025-06-01T10:00:00Z", price=50),
            track("ann", "2025-06-01T10:30:00Z", price=50),
            track("bob", "2025-06-01T10:00:00Z", price=50),
            track("cyd", "2025-06-02T11:00:00Z", price=50),  # an hour ago
            track("dan", "2025-06-02T11:01:00Z", price=50),
            track("eve", "2025-06-02T11:01:00Z", event="Seen"),
            track("fay", "2025-06-02T11:01:00Z", price=49),
            track("ann", "2025-06-01T11:00:00Z", event="Came due", id="ann 1"),
        )
        await shop.bring(track("imported", "2025-06-01T10:00:00Z", price=50))
        segment = await shop.segment("Carts", **more)
        await shop.qualify(segment, "ann 1")
        found = (await reports(shop).live(segment)).share
        assert (found and (found.qualified, found.of)) == share


async def test_report_members_and_query_of_a_past_segment_agree_with_snapshots(dsn: str):
    async with opened(dsn) as shop:
        await shop.send(
            track("ann", "2025-05-30T22:00:00Z"),  # midnight in Berlin
            track("bob", "2025-05-31T22:00:00.001Z"),
            track("cyd", "2025-06-02T10:00:00Z"),
            identify("dan", "2025-06-02T10:00:00Z", name="Dan"),
        )
        segment = await shop.segment("Carts", where=CARTS)
        snapshots = PostgresSnapshots(shop.pool, ZONE, shop.clock, 2 * HOUR)
        assert (await reports(shop).past(segment)).per_day == []
        while await snapshots.take_next():
            pass
        report = await reports(shop).past(segment)
        assert len(report.per_day) == 30
        assert report.per_day[-4:] == [
            DayOf(date(2025, 5, 30), 0), DayOf(date(2025, 5, 31), 1), DayOf(date(2025, 6, 1), 1),
            DayOf(date(2025, 6, 2), 2),
        ]  # fmt: skip
        assert report.members == 3
        assert sorted(person.id for person in report.sample) == await members(shop, segment) == ["ann", "bob", "cyd"]
        page, total = await PostgresMembers(shop.pool, ZONE).page(segment, NOW, 3, 2)
        assert (page, total) == ([], 3)
        for at, day in zip(last_midnights(NOW, ZONE), report.per_day, strict=True):
            async with shop.pool.acquire() as connection:
                definition: Any = read_definition({"name": "q", "kind": "past", "where": CARTS})
                assert len(await query_members(connection, definition, at, ZONE)) == day.number


async def test_what_is_recalculated_is_found_anew_and_kept(dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("segd.store.reports.KEPT", 1e9)
    async with opened(dsn) as shop:
        segment = await shop.segment("Carts", where=CARTS)
        asked = reports(shop)
        assert (await asked.past(segment)).members == 0
        await shop.send(track("ann", "2025-06-01T10:00:00Z"))
        assert (await asked.past(segment)).members == 0
        shop.now += SECOND
        assert (await asked.past(segment, recalculate=True)).members == 1
        assert await shop.rows("SELECT members FROM evaluations") == [(1,)]
        assert (await asked.past(segment)).members == 1


async def test_a_midnight_is_counted_once_the_late_band_is_over_and_again_after_a_change(dsn: str):
    async with opened(dsn) as shop:
        await shop.send(track("ann", "2025-05-20T10:00:00Z"))
        segment = await shop.segment("Carts", where=CARTS)
        snapshots = PostgresSnapshots(shop.pool, ZONE, shop.clock, 2 * HOUR)
        shop.now = parse_timestamp("2025-06-01T23:59:59Z")
        while await snapshots.take_next():
            pass
        days = (await reports(shop).past(segment)).per_day
        assert days[-1].day == date(2025, 6, 1)
        shop.now = parse_timestamp("2025-06-02T00:00:00Z")
        assert await snapshots.take_next()
        assert (await reports(shop).past(segment)).per_day[-1] == DayOf(date(2025, 6, 2), 1)
        await shop.rows("UPDATE segments SET changed_at = '2025-06-02T00:00:01Z' WHERE number = $1", segment)
        shop.now += HOUR
        assert (await reports(shop).past(segment)).per_day == []
        assert await snapshots.take_next()
        assert await shop.rows("SELECT count(*) FROM snapshots") == [(1,)]


async def test_a_broken_segment_is_not_counted_and_holds_up_no_other(dsn: str):
    async with opened(dsn) as shop:
        gone = await shop.segment("Gone", where=CARTS)
        await shop.segment("Broken", where={"type": "in_segment", "segment": "Gone"})
        whole = await shop.segment("Whole", where=CARTS)
        await shop.rows("DELETE FROM segments WHERE number = $1", gone)
        snapshots = PostgresSnapshots(shop.pool, ZONE, shop.clock, 0)
        while await snapshots.take_next():
            pass
        assert await shop.rows("SELECT segment, members FROM evaluations") == [(whole, 0)]
        assert await shop.rows("SELECT segment, count(*) FROM snapshots GROUP BY segment") == [(whole, 30)]


async def test_what_is_no_segment_of_that_kind_is_not_found(dsn: str):
    async with opened(dsn) as shop:
        live, past = await shop.segment("Live"), await shop.segment("Past", where=CARTS)
        for asked in (reports(shop).live(past), reports(shop).past(live), reports(shop).live(99)):
            with pytest.raises(LookupError):
                await asked


async def test_an_import_of_history_has_all_midnights_counted_again(dsn: str, tmp_path: Path):
    async with opened(dsn) as shop:
        segment = await shop.segment("Carts", where=CARTS)
        snapshots = PostgresSnapshots(shop.pool, ZONE, shop.clock, 0)
        while await snapshots.take_next():
            pass
        shop.journal.close()  # an import without the daemon is the only writer
    file = tmp_path / "events.ndjson"
    file.write_text(json.dumps(track("ann", "2025-05-20T10:00:00Z")) + "\n")
    async with open_pool(dsn, size=2) as pool:
        await import_files(pool, [file], NOW, ImportSummary())
    async with opened(dsn) as shop:
        snapshots = PostgresSnapshots(shop.pool, ZONE, shop.clock, 0)
        while await snapshots.take_next():
            pass
        days = (await reports(shop).past(segment)).per_day
        assert [day.number for day in days] == [0] * 17 + [1] * 13
