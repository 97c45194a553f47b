"""Segments as lists show them: each with its number, its trend, and what is wrong with it."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta, tzinfo
from typing import Any

from msgspec import UNSET, UnsetType

from segd.core.errors import Problem
from segd.core.language import definitions as d
from segd.core.language.reading import definition_json
from segd.core.segment_views import Order, SegmentView
from segd.core.time.calendar import day_of, midnight
from segd.core.time.instants import DAY, Instant, from_datetime, to_datetime
from segd.store.bridge import Connection, Pool
from segd.store.queries import query
from segd.store.segment_rows import Segment, read_segments
from segd.store.segments import name_taken, named_alike, problems
from segd.store.session import Row

TREND_DAYS = 14


class SegmentList:
    """zone: of the account's days. now: the clock."""

    def __init__(self, pool: Pool, zone: tzinfo, now: Callable[[], Instant]) -> None:
        self._pool = pool
        self._zone = zone
        self._now = now

    async def page(self, search: str, order: Order, skip: int, most: int) -> tuple[list[SegmentView], int]:
        """Trio. Some of the segments with that in their names, whatever the case, and how many there are in all."""
        now = self._now()
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(query("names_of_segments"))
            found = [row for row in rows if search.casefold() in row["name"].casefold()]
            key: Callable[[Row], Any]
            match order.removeprefix("-"):
                case "members":
                    values = await self._numbers(connection, [row["number"] for row in found], now)
                    key = lambda row: (values[row["number"]]["value"] or 0, row["number"])  # noqa: E731
                case "created":
                    key = lambda row: (row["created_at"], row["number"])  # noqa: E731
                case _:
                    key = lambda row: (row["name"].casefold(), row["number"])  # noqa: E731
            found.sort(key=key, reverse=order.startswith("-"))
            numbers = [row["number"] for row in found[skip : skip + most]]
            return await self._views(connection, numbers, now), len(found)

    async def one(self, number: int) -> SegmentView:
        """Trio. Raises LookupError."""
        async with self._pool.acquire() as connection:
            views = await self._views(connection, [number], self._now())
        if not views:
            raise LookupError(number)
        return views[0]

    async def number_of(self, named: str) -> int:
        """Trio. named: a number as text, or a name. Raises LookupError."""
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(query("find_segment"), named)
        if row is None:
            raise LookupError(named)
        return row["number"]

    async def problems(self, definition: d.Definition) -> list[Problem]:
        """Trio. What keeps a definition from being asked among these segments."""
        async with self._pool.acquire() as connection:
            return list(problems(definition, None, await read_segments(connection)))

    async def problems_kept(self, definition: d.Definition, number: int | UnsetType | None) -> list[Problem]:
        """Trio. All that would be said if it were kept. number: of the segment that gets it; None: a new one does;
        UNSET: the one of that name does, or a new one. Raises LookupError."""
        async with self._pool.acquire() as connection:
            stored = await read_segments(connection)
        old = None
        if number is UNSET:
            old = named_alike(definition, None, stored)
        elif number is not None:
            old = next((each for each in stored.all() if each.number == number), None)
            if old is None:
                raise LookupError(number)
        found = list(problems(definition, old, stored))
        if (other := named_alike(definition, old, stored)) is not None:
            found.append(Problem("name", name_taken(other).message))
        return found

    async def _views(self, connection: Connection, numbers: Sequence[int], now: Instant) -> list[SegmentView]:
        stored = await read_segments(connection)
        rows = {each.number: each for each in stored.all()}
        broken = stored.broken()
        values = await self._numbers(connection, numbers, now)
        today = day_of(now, self._zone)
        days = [today - timedelta(days=back) for back in range(TREND_DAYS - 1, -1, -1)]
        counted: dict[tuple[int, Any], int] = {}
        for row in await connection.fetch(query("qualified_on_days"), numbers, days[0]):
            counted[row["segment"], row["day"]] = row["qualified"]
        midnights = {midnight(day, self._zone): day for day in days}
        for row in await connection.fetch(query("members_at"), numbers, [to_datetime(at) for at in midnights]):
            counted[row["segment"], midnights[from_datetime(row["as_of"])]] = row["members"]
        views: list[SegmentView] = []
        for number in numbers:
            row, value = rows.get(number), values.get(number)
            if row is None or value is None:
                continue
            since = None
            if row.kind == "live":
                since = max(row.created_at, midnight(days[0], self._zone))
            definition = row.definition if isinstance(row, Segment) else None
            views.append(
                SegmentView(
                    number=number,
                    name=row.name,
                    kind=row.kind,
                    definition=definition,
                    document=definition_json(row.definition) if isinstance(row, Segment) else row.document.encode(),
                    version=row.version,
                    paused=row.status == "paused",
                    problem=broken.get(number) or value["problem"],
                    created_at=row.created_at,
                    changed_at=row.changed_at,
                    value=value["value"],
                    evaluated_at=None if value["as_of"] is None else from_datetime(value["as_of"]),
                    milliseconds=value["milliseconds"],
                    trend=[
                        counted.get((number, day), None if since is None or day < day_of(since, self._zone) else 0)
                        for day in days
                    ],
                    last_at=None if value["last_at"] is None else from_datetime(value["last_at"]),
                )
            )
        return views

    async def _numbers(self, connection: Connection, numbers: Iterable[int], now: Instant) -> dict[int, Row]:
        rows = await connection.fetch(
            query("numbers_of_segments"), list(numbers), to_datetime(now - DAY), to_datetime(now)
        )
        return {row["number"]: row for row in rows}
