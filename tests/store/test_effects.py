"""Effects: written once, in order, whatever breaks meanwhile, and moved where users are joined."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from segd.core.effects import Effects, LogEntry, Logged, Standing, Waiting
from segd.core.time.instants import HOUR, MINUTE, Instant, parse_timestamp
from segd.store.bridge import Connection, open_pool
from segd.store.effects import write_effects

NOW = parse_timestamp("2025-06-02T22:30:00Z")  # the third in Berlin
BERLIN = ZoneInfo("Europe/Berlin")


def standing(cause: int, at: Instant = NOW, segment: int = 1, **more: Any) -> Standing:
    return Standing(segment, 1, "u", False, at, cause, f"m{cause}")._replace(**more)


def qualified(of: Standing, user: int = 7) -> LogEntry:
    return LogEntry("qualified", user, of)


def retracted(of: Standing, user: int = 7) -> LogEntry:
    return LogEntry("retracted", user, of)


def corrected(of: Standing, was: Standing, user: int = 7) -> LogEntry:
    return LogEntry("corrected", user, of, was)


class Store:
    """Effects written in transactions of their own."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.position = 0

    async def write(self, *log: LogEntry, **timers: Sequence[tuple[int, Waiting]]) -> list[Logged]:
        effects = Effects(0, list(log), list(timers.get("set", ())), list(timers.get("dropped", ())))
        async with self.connection.transaction():
            logged = await write_effects(self.connection, effects, self.position, BERLIN, NOW)
        self.position += len(logged)
        return logged

    async def rows(self, statement: str) -> list[Any]:
        return [row[0] if len(row) == 1 else tuple(row) for row in await self.connection.fetch(statement)]

    async def stands(self) -> list[int]:
        """Causes."""
        return await self.rows("SELECT cause FROM qualifications WHERE NOT retracted ORDER BY cause")

    async def per_day(self) -> dict[tuple[int, date], tuple[int, int]]:
        rows = await self.rows("SELECT segment, day, qualified, retracted FROM qualified_per_day")
        return {(segment, day): (qualified, retracted) for segment, day, qualified, retracted in rows}


@asynccontextmanager
async def opened(dsn: str) -> AsyncGenerator[Store]:
    async with open_pool(dsn, size=1) as pool, pool.acquire() as connection:
        yield Store(connection)


async def test_a_qualification_is_recorded_logged_and_counted_on_its_day(dsn: str):
    async with opened(dsn) as store:
        one, two = qualified(standing(1)), qualified(standing(2, NOW - 3 * HOUR, id="a", anonymous=True), user=8)
        assert await store.write(one, two) == [Logged(1, one), Logged(2, two)]
        assert await store.rows(
            "SELECT segment, version, user_number, id, anonymous, cause, cause_id, retracted FROM qualifications"
            " WHERE at = '2025-06-02T22:30Z' OR cause = 2 ORDER BY cause"
        ) == [(1, 1, 7, "u", False, 1, "m1", False), (1, 1, 8, "a", True, 2, "m2", False)]
        assert await store.rows("SELECT position, kind, user_number, id, cause_id FROM log ORDER BY position") == [
            (1, "qualified", 7, "u", "m1"),
            (2, "qualified", 8, "a", "m2"),
        ]
        assert await store.per_day() == {(1, date(2025, 6, 3)): (1, 0), (1, date(2025, 6, 2)): (1, 0)}


async def test_what_is_on_record_is_neither_written_nor_told_again(dsn: str):
    async with opened(dsn) as store:
        await store.write(qualified(standing(1)), retracted(standing(2)))
        assert await store.write(qualified(standing(1)), retracted(standing(2)), qualified(standing(3))) == [
            Logged(2, qualified(standing(3)))
        ]
        assert await store.stands() == [1, 3]
        assert await store.rows("SELECT position FROM log ORDER BY position") == [1, 2]
        assert await store.per_day() == {(1, date(2025, 6, 3)): (2, 0)}


async def test_a_retraction_marks_and_is_taken_out_of_the_count(dsn: str):
    async with opened(dsn) as store:
        await store.write(qualified(standing(1)))
        assert await store.write(retracted(standing(1))) == [Logged(2, retracted(standing(1)))]
        assert await store.write(retracted(standing(1))) == []
        assert await store.stands() == []
        assert await store.rows("SELECT kind FROM log ORDER BY position") == ["qualified", "retracted"]
        assert await store.per_day() == {(1, date(2025, 6, 3)): (0, 1)}


async def test_what_was_retracted_may_stand_again(dsn: str):
    async with opened(dsn) as store:
        await store.write(qualified(standing(1)), retracted(standing(1)))
        assert await store.stands() == []
        assert await store.write(qualified(standing(1))) == [Logged(3, qualified(standing(1)))]
        assert await store.stands() == [1]
        assert await store.per_day() == {(1, date(2025, 6, 3)): (1, 1)}


async def test_a_correction_is_one_entry_and_moves_the_count(dsn: str):
    async with opened(dsn) as store:
        was, of = standing(1, NOW - 3 * HOUR), standing(2, NOW)
        await store.write(qualified(was))
        assert await store.write(corrected(of, was)) == [Logged(2, corrected(of, was))]
        assert await store.stands() == [2]
        (entry,) = await store.rows(
            "SELECT cause, cause_id, at = '2025-06-02T22:30Z', was_cause, was_cause_id, was_at = '2025-06-02T19:30Z'"
            " FROM log WHERE kind = 'corrected'"
        )
        assert entry == (2, "m2", True, 1, "m1", True)
        assert await store.per_day() == {(1, date(2025, 6, 2)): (0, 0), (1, date(2025, 6, 3)): (1, 0)}
        assert await store.write(corrected(of, was)) == []


@pytest.mark.parametrize(
    ("before", "told"),
    [
        ([], qualified(standing(2))),
        ([qualified(standing(1)), qualified(standing(2))], retracted(standing(1))),
        ([qualified(standing(2))], None),
    ],
)
async def test_a_correction_of_what_is_otherwise_on_record_tells_what_really_changes(
    dsn: str, before: list[LogEntry], told: LogEntry | None
):
    async with opened(dsn) as store:
        await store.write(*before)
        logged = await store.write(corrected(standing(2), standing(1)))
        assert [entry for _, entry in logged] == ([] if told is None else [told])
        assert await store.stands() == [2]


async def test_timers_are_set_moved_and_dropped(dsn: str):
    def waiting(cause: int, due: Instant = NOW) -> Waiting:
        return Waiting(1, 1, cause, NOW - HOUR, due)

    async with opened(dsn) as store:
        await store.write(set=[(7, waiting(1)), (7, waiting(2)), (8, waiting(3))])
        await store.write(
            set=[(7, waiting(2, NOW + MINUTE)), (8, waiting(4)), (8, waiting(4, NOW + MINUTE))],
            dropped=[(7, waiting(1)), (7, waiting(2)), (9, waiting(3))],
        )
        assert await store.rows("SELECT user_number, cause, due > '2025-06-02T22:30Z' FROM timers ORDER BY cause") == [
            (7, 2, True),
            (8, 3, False),
            (8, 4, True),
        ]


async def test_runs_that_were_armed_at_that_position_are_marked(dsn: str):
    async with opened(dsn) as store:
        await store.rows(
            "INSERT INTO segment_runs (segment, position, version, definition, counts_from, armed)"
            " VALUES (1, 4, 1, '{}', 'epoch', false), (2, 5, 1, '{}', 'epoch', false), (3, 4, 1, '{}', 'epoch', false)"
            " RETURNING segment"
        )
        async with store.connection.transaction():
            assert await write_effects(store.connection, Effects(4, armed=[1, 2]), 0, BERLIN, NOW) == []
        assert await store.rows("SELECT segment FROM segment_runs WHERE armed") == [1]


async def test_an_error_leaves_nothing_half_written(dsn: str):
    async with opened(dsn) as store:
        with pytest.raises(Exception, match="0x00"):
            await store.write(qualified(standing(1)), qualified(standing(2, cause_id="\0")))
        assert await store.rows("SELECT position FROM log") == []
        assert await store.stands() == []
