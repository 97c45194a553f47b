"""What events and traits look like, told from the store."""

import math
from typing import Any

import pytest
from shop import identify, opened, track

from segd.core.time.instants import parse_timestamp
from segd.store import event_stats
from segd.store.event_stats import PostgresEventStats


async def test_names_are_told_with_counts_and_when_they_came_last(dsn: str):
    async with opened(dsn) as shop:
        await shop.send(
            track("a", "2025-04-30T10:00:00Z", event="Seen"),
            track("a", "2025-06-01T10:00:00Z", event="Seen"),
            track("a", "2025-05-01T10:00:00Z", event="Odd \"'\U0001f6d2"),
        )
        found = await PostgresEventStats(shop.pool).names()
        assert found == [
            ("Seen", 2, parse_timestamp("2025-06-01T10:00:00Z")),
            ("Odd \"'\U0001f6d2", 1, parse_timestamp("2025-05-01T10:00:00Z")),
        ]


async def test_properties_are_told_of_one_name_and_traits_of_all(dsn: str):
    async with opened(dsn) as shop:
        for number in range(5):
            await shop.send(
                track(f"u{number}", "2025-06-01T10:00:00Z", price=9.5, size="M", name=f"n{number}"),
                identify(f"u{number}", "2025-06-01T10:00:01Z", plan="gold", email=f"u{number}@shop.example"),
            )
        stats = PostgresEventStats(shop.pool)
        named, observed = await stats.properties("Added To Cart")
        assert (named.name, named.number) == ("Added To Cart", 5)
        told: dict[str, Any] = {one.path: (list(one.types), one.number, one.values) for one in observed}
        assert told == {
            "name": (["text"], 5, []), "price": (["number"], 5, [(9.5, 5)]), "size": (["text"], 5, [("M", 5)])
        }  # fmt: skip
        users, traits = await stats.traits()
        assert users == 5
        assert {one.path: one.values for one in traits} == {"plan": [("gold", 5)], "email": []}
        with pytest.raises(LookupError):
            await stats.properties("Never")


async def test_of_many_writes_the_users_are_still_the_users(dsn: str):
    async with opened(dsn) as shop:
        for number in range(5):
            await shop.send(identify(f"u{number}", "2025-06-01T10:00:00Z", plan="gold"))
        await shop.send(track("has no traits", "2025-06-01T10:00:00Z"))
        async with shop.pool.acquire() as connection:
            await connection.execute(
                """
                INSERT INTO trait_writes (user_number, timestamp, sequence, traits)
                SELECT user_number, timestamp, n, '{"plan": "gold"}'
                FROM trait_writes CROSS JOIN generate_series(100, 21000) AS n;
                ANALYZE trait_writes;
                """
            )
        assert (await PostgresEventStats(shop.pool).traits())[0] == 5


async def test_of_much_a_sample_is_read_and_scaled(dsn: str, monkeypatch: pytest.MonkeyPatch):
    async with opened(dsn) as shop:
        await shop.send(*(track(f"u{number % 50}", "2025-06-01T10:00:00Z", size="M") for number in range(2_000)))
        size = (await shop.rows("SELECT pg_relation_size('events_2025_06')"))[0][0]
        monkeypatch.setattr(event_stats, "READ_BYTES", size // 2)
        monkeypatch.setattr(event_stats, "SAMPLE", 100)
        named, observed = await PostgresEventStats(shop.pool).properties("Added To Cart")
        assert named.number > 500
        assert observed[0].number == named.number
        assert observed[0].values == [("M", named.number)]


async def test_answers_are_kept_for_some_seconds(dsn: str, monkeypatch: pytest.MonkeyPatch):
    async with opened(dsn) as shop:
        monkeypatch.setattr(event_stats, "KEPT_SECONDS", math.inf)
        stats = PostgresEventStats(shop.pool)
        assert await stats.names() == []
        await shop.send(track("a", "2025-06-01T10:00:00Z"))
        assert await stats.names() == []
        assert len(await PostgresEventStats(shop.pool).names()) == 1
