"""Definitions that are not kept: checked, previewed, backtested."""

import math
import os
import signal
from contextlib import suppress
from pathlib import Path

import trio
from api_serving import Api, open_api

from segd.backtest_job import KEPT_KILOBYTES
from segd.backtests import NICENESS
from segd.core.time.instants import MINUTE
from segd.store.preview import _error as how_near
from segd.web.api.questions import PAST
from segd.web.api.segments import CART

CARTS = {"type": "did", "event": "Added To Cart"}
EVERY_CART = CART | {"on": {"type": "action", "did": {"event": "Added To Cart"}}, "filter": CARTS}


async def test_check_tells_words_and_problems(dsn):
    async with open_api(dsn) as api:
        answer = await api.ask("POST", "/api/segments/check", json={"definition": CART})
        assert answer["problems"] == []
        assert answer["definition"] == CART
        assert "within 10 minutes" in answer["words"]
        answer = await api.ask("POST", "/api/segments/check", json={"definition": CART | {"again": "often"}})
        assert (answer["words"], answer["definition"]) == ("", None)
        assert [one["path"] for one in answer["problems"]] == ["again"]
        named = {"name": "N", "kind": "past", "where": {"type": "in_segment", "segment": "Cart lef"}}
        answer = await api.ask("POST", "/api/segments/check", json={"definition": named})
        assert [one["path"] for one in answer["problems"]] == ["where.segment"]
        assert answer["words"]


async def test_check_says_all_that_keeping_would_say(dsn):
    within = {"type": "in_segment", "segment": "Inner"}
    async with open_api(dsn) as api:
        inner = PAST | {"name": "Inner"}
        for definition in (inner, PAST | {"name": "Outer", "where": within}):
            await api.ask("POST", "/api/segments", 201, json={"definition": definition})

        async def problems(definition, status=200, **more):
            body = {"definition": definition, **more}
            answer = await api.ask("POST", "/api/segments/check", status, json=body)
            return [(one["path"], one["message"]) for one in answer["problems"]] if status == 200 else answer["code"]

        taken = ("name", "there is a segment 'Inner' already, number 2")
        assert await problems(inner) == await problems(inner, segment=2) == []
        assert await problems(inner, segment=None) == await problems(inner, segment=3) == [taken]
        assert await problems(inner, 404, segment=99) == "not_found"
        circle = PAST | {"where": {"type": "in_segment", "segment": "Outer"}}
        round_about = ("where.segment", "goes round in a circle: Inner → Outer → Inner")
        assert await problems(circle | {"name": "Inner"}) == [round_about]
        [(path, message)] = await problems(circle | {"name": "Renamed"}, segment=2)
        assert (path, message) == ("where.segment", "goes round in a circle: Renamed → Outer → Renamed")
        assert await problems(circle | {"name": "Renamed"}, segment=None) == []
        assert await problems(PAST | {"where": within | {"when": {"last": "1d"}}}) == [
            ("where.when", "a past segment has no `when`: it is asked at the instant itself")
        ]
        [(path, _)] = await problems(PAST | {"name": "7"})
        assert path == "name"
        [(path, _)] = await problems(PAST, segment=1)
        assert path == "kind"


async def test_a_preview_counts_and_shows_members(dsn):
    async with open_api(dsn) as api:
        answer = await api.ask("POST", "/api/segments/preview", json={"definition": PAST})
        assert (answer["count"], answer["total"], answer["share"]) == (1, 3, 1 / 3)
        [ann] = answer["sample"]
        assert (ann["id"], ann["anonymous"], ann["traits"]["tier"]) == ("ann", False, "platinum")
        assert (answer["estimate"], answer["error"]) == (False, None)
        assert answer["asOf"] == "2026-11-22T12:00:00.000Z"
        assert "SELECT" in answer["sql"]
        assert "'Added To Cart'" in answer["sql"]
        earlier = {"definition": PAST, "asOf": "2026-11-22T10:30:00Z"}
        answer = await api.ask("POST", "/api/segments/preview", json=earlier)
        assert (answer["count"], answer["total"]) == (2, 2)
        answer = await api.ask("POST", "/api/segments/preview?estimate=1", json={"definition": PAST})
        assert (answer["count"], answer["estimate"], answer["error"]) == (1, False, None)


async def test_what_would_take_too_long_to_plan_is_refused(dsn):
    """Else segments that name another twice double with each step, while nothing else gets its turn."""
    async with open_api(dsn, seeded=False) as api:
        wide = {"type": "any", "of": [CARTS] * 1_000}
        doubled = CARTS
        for step in range(10):
            definition = PAST | {"name": f"Step {step}", "where": doubled}
            await api.ask("POST", "/api/segments", 201, json={"definition": definition})
            doubled = {"type": "any", "of": [{"type": "in_segment", "segment": f"Step {step}"}] * 2}
        for where in (wide, doubled):
            body = {"definition": PAST | {"where": where}}
            refused = await api.ask("POST", "/api/segments/preview", 400, json=body)
            [problem] = refused["details"]
            assert (refused["code"], problem["path"]) == ("bad_definition", "definition.where")
            assert problem["message"].startswith("expected at most 1,000 conditions")


async def test_questions_of_the_wrong_kind_and_bad_instants_are_named(dsn):
    async with open_api(dsn, seeded=False) as api:
        for path, body, field in [
            ("preview", {"definition": CART}, "definition.kind"),
            ("backtest", {"definition": PAST}, "definition.kind"),
            ("preview", {"definition": PAST, "asOf": "yesterday"}, "asOf"),
            ("backtest", {"definition": CART, "days": 0}, "days"),
            ("backtest", {"definition": CART, "days": "7"}, "days"),
            ("preview?estimate=perhaps", {"definition": PAST}, "estimate"),
        ]:
            error = await api.ask("POST", f"/api/segments/{path}", 400, json=body)
            assert [one["path"] for one in error["details"]] == [field], error
        nowhere = {"type": "in_segment", "segment": "Nowhere"}
        for path, definition in (("preview", PAST | {"where": nowhere}), ("backtest", CART | {"filter": nowhere})):
            error = await api.ask("POST", f"/api/segments/{path}", 400, json={"definition": definition})
            assert error["code"] == "bad_definition"
            [problem] = error["details"]
            assert problem["path"] in ("definition.where.segment", "definition.filter.segment")


async def make_crowd(api: Api, users: int) -> None:
    """So many users, each with a cart and every fourth with a charge."""
    async with api.pool.acquire() as connection:
        await connection.execute(
            f"""
            SELECT make_months(ARRAY['2026-11-20'::timestamptz]);
            INSERT INTO users SELECT ((n * 7919) % 32768)::bigint << 48 | n, 'u' || n, false, '2026-11-20', '2026-11-20'
            FROM generate_series(1000, {999 + users}) AS n;
            INSERT INTO events (
                user_number, timestamp, sequence, received_at, name, live, message_id, properties
            )
            SELECT u.number, '2026-11-20 12:00', u.number & 65535, '2026-11-20', n.number, true, 'c' || u.number, '{{}}'
            FROM users AS u
            JOIN event_names AS n ON n.name = 'Added To Cart' OR (n.name = 'Charged' AND u.number % 4 = 0)
            WHERE id LIKE 'u%';
            ANALYZE users, events;
            """
        )


async def test_an_estimate_of_many_is_near_and_says_how_near(dsn):
    async with open_api(dsn) as api:
        await make_crowd(api, 60_000)
        exact = await api.ask("POST", "/api/segments/preview", json={"definition": PAST})
        assert exact["count"] == 45_001
        estimate = await api.ask("POST", "/api/segments/preview?estimate=1", json={"definition": PAST})
        if estimate["estimate"]:  # else it took no time
            assert abs(estimate["count"] - exact["count"]) <= 2 * estimate["error"]
            assert estimate["error"] < 10_000
        assert len(estimate["sample"]) == 10


def test_how_near_an_estimate_is_counts_the_chance_of_how_many_users_the_sample_has():
    """It is known of no sample how many of them are members of all, not even where all in it are."""
    tenth = 0.1
    for members in (1, 20, 400):
        assert how_near(members, tenth) >= 1.96 * math.sqrt(members * (1 - tenth)) / tenth
    assert how_near(0, tenth) >= 3 / tenth


async def test_a_preview_that_nobody_waits_for_is_cancelled_in_the_server(dsn):
    async with open_api(dsn) as api, api.pool.acquire() as connection, connection.transaction():
        await connection.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: api.ask("POST", "/api/segments/preview", json={"definition": PAST}))
            await running(api, 1)
            nursery.cancel_scope.cancel()
        await running(api, 0)


async def running(api: Api, wanted: int) -> None:
    """Until so many statements wait for a lock."""
    statement = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    async with api.pool.acquire() as connection:
        while await connection.fetchval(statement) != wanted:  # noqa: ASYNC110  nobody tells of it
            await trio.sleep(0.01)


async def test_a_backtest_tells_each_day_and_who(dsn):
    async with open_api(dsn) as api:
        await api.said("Added To Cart", "ann", 5 * MINUTE)
        answer = await api.ask("POST", "/api/segments/backtest", json={"definition": CART, "days": 3})
        assert answer["perDay"] == [
            {"day": "2026-11-20", "count": 0}, {"day": "2026-11-21", "count": 1}, {"day": "2026-11-22", "count": 1},
        ]  # fmt: skip
        assert (answer["total"], answer["users"], answer["estimate"], answer["error"]) == (2, 1, False, None)
        assert answer["sample"][0] == {
            "userId": "ann", "anonymous": False, "at": "2026-11-22T10:10:00.000Z", "cause": "m4",
        }  # fmt: skip
        answer = await api.ask("POST", "/api/segments/backtest", json={"definition": CART, "days": 1})
        assert answer["total"] == 1


async def test_a_backtest_asks_the_segments_that_a_filter_names(dsn):
    async with open_api(dsn) as api:
        await api.ask("POST", "/api/segments", 201, json={"definition": PAST})
        for named, total in (("1", 1), (CART["name"], 1), ("2", 3), (PAST["name"], 3)):
            tried = EVERY_CART | {"name": "Tried", "filter": {"type": "in_segment", "segment": named}}
            answer = await api.ask("POST", "/api/segments/backtest", json={"definition": tried, "days": 30})
            assert answer["total"] == total, named


async def test_a_backtest_of_very_many_is_a_sample_with_its_error(dsn):
    async with open_api(dsn) as api:
        await make_crowd(api, 150_000)
        answer = await api.ask("POST", "/api/segments/backtest", json={"definition": EVERY_CART, "days": 30})
        if answer["estimate"]:  # else the machine is very fast
            assert abs(answer["total"] - 150_003) <= 2 * answer["error"] + 1
        assert len(answer["sample"]) == 10


async def test_a_backtest_that_nobody_waits_for_is_killed(dsn):
    async with open_api(dsn) as api:
        async with api.pool.acquire() as connection, connection.transaction():
            await connection.execute("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
            async with trio.open_nursery() as nursery:
                body = {"definition": CART}
                nursery.start_soon(lambda: api.ask("POST", "/api/segments/backtest", json=body))
                await running(api, 1)
                (child,) = children()
                assert os.getpriority(os.PRIO_PROCESS, child) == NICENESS
                nursery.cancel_scope.cancel()
            while children():  # noqa: ASYNC110  nobody tells of it
                await trio.sleep(0.01)
        answer = await api.ask("POST", "/api/segments/backtest", json={"definition": CART})
        assert answer["total"] == 2


async def test_a_backtest_goes_to_the_process_of_the_one_before_while_there_is_one(dsn):
    large = b"x" * (1000 * KEPT_KILOBYTES + 100_000_000)  # what the daemon needs is not the process' doing
    async with open_api(dsn) as api:
        processes: list[int] = []
        for _ in range(3):
            answer = await api.ask("POST", "/api/segments/backtest", json={"definition": CART})
            assert answer["total"] == 2
            processes += children()
            if len(processes) == 2:
                os.kill(processes[1], signal.SIGKILL)
        first, second, third = processes
        assert first == second != third
    assert children() == []
    del large


def children() -> list[int]:
    """The backtests that we started and that have not ended."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            status = (folder / "status").read_text()
            if f"PPid:\t{os.getpid()}\n" in status and "segd.backtest_job" in (folder / "cmdline").read_text():
                found.append(int(folder.name))
    return found
