"""The log as its readers want it, the traits they are shown, and webhooks, in a real Postgres."""

import json

from segd.core.effects import LogEntry, Logged, Standing
from segd.core.frames import Cause
from segd.core.time.instants import DAY, SECOND, parse_timestamp, to_datetime
from segd.core.webhooks import Webhook
from segd.store.bridge import Pool, open_pool
from segd.store.log import PostgresLog
from segd.store.webhooks import PostgresWebhooks

NOON = parse_timestamp("2026-11-22T12:00:00Z")


async def execute(pool: Pool, statement: str, *args: object) -> None:
    async with pool.acquire() as connection:
        await connection.execute(statement, *args)


async def put(pool: Pool, position: int, kind: str = "qualified", segment: int = 1) -> Logged:
    of = Standing(segment, 2, f"u{position}", position % 2 == 0, NOON + position, position * 10, f"m{position}")
    was = of._replace(id="before", at=NOON - SECOND, cause=7, cause_id="m7") if kind == "corrected" else None
    told = (was.version, was.id, was.anonymous, to_datetime(was.at), was.cause, was.cause_id) if was else (None,) * 6
    await execute(
        pool,
        "INSERT INTO log VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $8)",
        position, kind, segment, 2, position * 100, of.id, of.anonymous, to_datetime(of.at), of.cause, of.cause_id,
        *told,
    )  # fmt: skip
    return Logged(position, LogEntry(kind, position * 100, of, was))  # type: ignore[arg-type]


def entry(user: int, cause: int = 0) -> Logged:
    """Of whoever it concerns, and because of what."""
    return Logged(1, LogEntry("qualified", user, Standing(1, 1, f"u{user}", False, NOON + SECOND, cause, "m")))


async def test_the_log_is_read_in_pages_after_a_cursor(dsn: str):
    async with open_pool(dsn, size=1) as pool:
        log = PostgresLog(pool)
        kinds = ("qualified", "retracted", "corrected")
        told = [await put(pool, position, kinds[position % 3]) for position in range(1, 11)]
        await put(pool, 11, segment=2)
        assert await log.after(1, 0, 4) == told[:4]
        assert await log.after(1, 4, 100) == told[4:]
        assert await log.after(1, 10, 100) == []
        assert await log.last(1, 3) == told[-3:]
        assert await log.last(3, 3) == []


async def test_the_end_of_the_log(dsn: str):
    async with open_pool(dsn, size=1) as pool:
        assert await PostgresLog(pool).end() == 0
        await execute(pool, "UPDATE journal SET log_position = 12")
        assert await PostgresLog(pool).end() == 12


async def test_a_few_traits_are_shown_as_they_stand(dsn: str):
    async with open_pool(dsn, size=1) as pool:
        writes = [
            (1, 0, {"zeta": 1, "name": "Ann", "plan": "free", "tags": ["a"], "address": {"city": "Rome"}}),
            (1, 1, {"plan": "gold", "email": "ann@example.com", "alpha": True, "beta": 1.5, "gamma": "g"}),
            (1, 2, {"email": None, "about": "x" * 100}),
            (2, 0, {"beta": "b" * 100}),
            (3, 0, {"tags": [1]}),
        ]
        for sequence, (user, at, traits) in enumerate(writes):
            await execute(
                pool, "INSERT INTO trait_writes VALUES ($1, $2, $3, $4)",
                user, to_datetime(NOON + at), sequence, json.dumps(traits),
            )  # fmt: skip
        shown = await PostgresLog(pool).beside([entry(1), entry(2), entry(3), entry(4), entry(2)])
        assert [one.traits for one in shown] == [
            {"name": "Ann", "plan": "gold", "about": "x" * 79 + "…", "alpha": True, "beta": 1.5},
            {"beta": "b" * 79 + "…"},
            {},
            {},
            {"beta": "b" * 79 + "…"},
        ]
        assert list(shown[0].traits) == ["name", "plan", "about", "alpha", "beta"]
        assert await PostgresLog(pool).beside([]) == []


async def test_the_event_that_caused_it_is_shown(dsn: str):
    async with open_pool(dsn, size=1) as pool:
        months_ago = NOON - 100 * DAY
        rows = [(1, NOON, 7), (1, NOON, 8), (1, months_ago, 9), (2, NOON, 10)]
        await execute(pool, "INSERT INTO event_names (name) VALUES ('Added To Cart')")
        await execute(pool, "SELECT make_months($1)", [to_datetime(NOON), to_datetime(months_ago)])
        for user, at, sequence in rows:
            await execute(
                pool,
                "INSERT INTO events (user_number, timestamp, sequence, received_at, name, live, message_id, properties)"
                " VALUES ($1, $2, $3, $2, 1, true, 'm', $4)",
                user, to_datetime(at), sequence, json.dumps({"price": sequence}),
            )  # fmt: skip
        logged = [entry(1, cause=8), entry(1, cause=9), entry(1, cause=10), entry(2, cause=10), entry(3, cause=7)]
        shown = await PostgresLog(pool).beside(logged)
        assert [one.cause for one in shown] == [
            Cause("Added To Cart", NOON, '{"price": 8}'),
            Cause("Added To Cart", months_ago, '{"price": 9}'),
            None,
            Cause("Added To Cart", NOON, '{"price": 10}'),
            None,
        ]


async def test_webhooks_are_kept(dsn: str):
    async with open_pool(dsn, size=1) as pool:
        webhooks = PostgresWebhooks(pool)
        await execute(pool, "INSERT INTO segments (name, kind, definition) VALUES ('Cart left', 'live', '{}')")
        number = await webhooks.add(1, "https://example.com/", "secret", 5, NOON)
        await webhooks.add(1, "https://example.com/2", "secret", 6, NOON)
        made = Webhook(
            number, 1, "Cart left", "https://example.com/", "secret", 5, "running", None, NOON, None, None
        )  # fmt: skip
        assert await webhooks.get(number) == made
        assert [each.number for each in await webhooks.all()] == [number, number + 1]

        assert await webhooks.failed(number, "answered 500", NOON) == NOON
        assert await webhooks.failed(number, "answered 502", NOON + DAY) == NOON
        assert await webhooks.get(number) == made._replace(reason="answered 502", failing_since=NOON)
        await webhooks.switch_off(number, "failed for a day")
        off = await webhooks.get(number)
        assert off is not None
        assert (off.status, off.reason) == ("off", "failed for a day")

        await webhooks.rewind(number, 3)
        assert await webhooks.get(number) == made._replace(cursor=3)
        await webhooks.delivered(number, 3, 8, NOON)
        assert await webhooks.get(number) == made._replace(cursor=8, delivered_at=NOON)
        await webhooks.rewind(number, 1)
        await webhooks.delivered(number, 8, 9, NOON)  # began before that was said
        rewound = await webhooks.get(number)
        assert rewound is not None
        assert rewound.cursor == 1

        await webhooks.drop(number)
        assert await webhooks.get(number) is None
        assert await webhooks.failed(number, "gone", NOON) == NOON
