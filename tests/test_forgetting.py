"""A person forgotten by the daemon: in all tables, and in what it has at hand."""

import json
import re
from pathlib import Path
from typing import Any

import httpx

from segd.core.time.instants import DAY, MINUTE, SECOND, Instant, parse_timestamp, to_text
from segd.store.bridge import Pool, open_pool
from tests.daemons import Clock, Segd, open_segd, track

NOON = parse_timestamp("2026-03-01T12:00:00Z")
ANN, WEB = "ann-5f3c", "web-5f3c"  # whatever tells of her has that in it
MARK = "5f3c"
CART: dict[str, Any] = {
    "name": "Cart left",
    "kind": "live",
    "on": {"type": "inaction", "did": {"event": "Cart"}, "did_not": {"event": "Bought"}, "within": "10m"},
}
SEEN = {"name": "Seen", "kind": "live", "on": {"type": "action", "did": {"event": "Seen"}}}
BUYERS = {"name": "Buyers", "kind": "past", "where": {"type": "did", "event": "Bought"}}


async def test_nothing_is_left_of_a_forgotten_person(dsn: str, tmp_path: Path):
    clock = Clock(tmp_path / "clock", NOON)
    async with open_segd(tmp_path, clock=clock, dsn=dsn, private_webhooks=True) as segd, open_pool(dsn, 1) as pool:
        cart, seen, buyers = [await segd.create(definition) for definition in (CART, SEEN, BUYERS)]
        await segd.ask("POST", "/api/webhooks", {"segment": seen, "url": "http://127.0.0.1:9/", "after": "0"})
        history = [
            track("Bought", user, NOON - 40 * DAY, f"import {user}", properties={"card": f"of {user}"})
            for user in (ANN, "bob")
        ]
        await bring(segd, *history)
        await segd.post(
            {"type": "page", "anonymousId": WEB, "messageId": f"page {MARK}", "timestamp": to_text(NOON),
             "properties": {"url": f"https://shop.example/{MARK}"}},
            identify(ANN, NOON, anonymousId=WEB, traits={"email": f"{ANN}@example.com", "name": "Ann"}),
            identify("bob", NOON, traits={"email": "bob@example.com"}),
            track("Seen", ANN, NOON, f"seen {MARK}"),
            track("Seen", "bob", NOON),
        )  # fmt: skip
        for minutes in (0, 15):
            at = NOON + minutes * MINUTE
            clock.set(at + SECOND)
            await segd.post(track("Cart", ANN, at), track("Cart", "bob", at))
        await segd.ask("POST", "/v1/batch", {"writeKey": "key", "batch": [{"type": "odd", "userId": ANN}]})
        async with segd.watch(cart, after="0") as watching:
            await watching.entries(2)
        await segd.post(track("Bought", ANN, NOON + 5 * MINUTE))  # late: what was told is taken back
        async with segd.watch(cart, after="0") as watching:
            await watching.entries(3)
        async with pool.acquire() as connection:
            await connection.execute("ANALYZE")
        numbers = await numbers_of(pool, ANN)
        assert await at_hand(segd) == (2, 2)
        found = await search(pool, MARK, *numbers)
        assert {re.sub(r"_\d.*|_before$", "", table) for table in found} >= {
            "users", "user_ids", "events", "trait_writes", "joins", "qualifications", "log", "timers"
        }  # fmt: skip

        await segd.ask("DELETE", f"/api/user?id={ANN}&refuseDays=30")
        # A number alone, of whom nobody knows who that was, stays there until the next effects are written.
        assert await search(pool, MARK, MARK.encode().hex(), *numbers) <= {"unsettled"}
        assert await planned_by(pool, MARK) == []
        assert await planned_by(pool, "Cart") != []
        assert await at_hand(segd) == (1, 1)
        answer = await segd.ask(
            "POST", "/v1/batch", {"writeKey": "key", "batch": [track("Cart", ANN, clock.now), {"anonymousId": WEB}]}
        )
        assert [one["code"] for one in answer["errors"]] == ["forgotten_user", "bad_type"]
        answer = await bring(segd, history[0])
        assert answer["refused"] == {"forgotten_user": 1}
        await segd.post(track("Cart", "cyd", clock.now))
        clock.set(clock.now + 11 * MINUTE)
        async with segd.watch(cart, after="0") as watching:
            assert [entry["userId"] for entry in await watching.entries(3)] == ["bob", "bob", "cyd"]
        for path in (
            f"/api/segments/{cart}/log", f"/api/segments/{seen}/report", f"/api/segments/{buyers}/members",
            "/api/rejected", "/api/webhooks", "/api/users?search=ann", "/api/events?name=Bought", "/api/traits",
        ):  # fmt: skip
            assert ANN not in json.dumps(await segd.ask("GET", path)), path
        assert await search(pool, MARK, MARK.encode().hex(), *numbers) == set()


def identify(user: str, at: Instant, **more: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "messageId": f"identify {user}", "timestamp": to_text(at)} | more


async def bring(segd: Segd, *messages: dict[str, Any]) -> Any:
    """History in."""
    async with httpx.AsyncClient(base_url=segd.url) as client:
        return (await client.post("/api/import", content="\n".join(map(json.dumps, messages)))).json()


async def planned_by(pool: Pool, text: str) -> list[tuple[str, str]]:
    """The columns of which a value in which this stands was kept, to plan by."""
    async with pool.acquire() as connection:
        return await connection.fetch(
            "SELECT tablename, attname FROM pg_stats WHERE schemaname = 'public'"
            " AND strpos(concat(most_common_vals::text, histogram_bounds::text), $1) > 0",
            text,
        )


async def numbers_of(pool: Pool, id: str) -> list[str]:
    async with pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT user_number FROM user_ids WHERE id = $1 UNION SELECT old_number FROM joins JOIN user_ids"
            " USING (user_number) WHERE id = $1",
            id,
        )
    return [str(row[0]) for row in rows]


async def search(pool: Pool, *texts: str) -> set[str]:
    """The tables that have a row in which one of these stands, in whatever column."""
    async with pool.acquire() as connection:
        tables = await connection.fetch(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        return {
            table
            for (table,) in tables
            if await connection.fetchval(
                f"SELECT EXISTS (SELECT FROM {table} AS t, unnest($1::text[]) AS text WHERE strpos(t::text, text) > 0)",
                texts,
            )
        }


async def at_hand(segd: Segd) -> tuple[int, int]:
    """How many users are, and how many timers they have open."""
    async with httpx.AsyncClient(base_url=segd.url) as client:
        page = (await client.get("/metrics")).text
    figures = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    return int(float(figures["segd_users_at_hand"])), int(float(figures["segd_open_windows"]))
