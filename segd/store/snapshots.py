"""Past segments at the account's midnights, and lately: counted one at a time, with a sample, and kept.

A midnight is asked about once the late band is over, so that what came late for it is counted. What a segment means may
change through a segment that it names, so a count holds as long as none of them all was changed since it was taken.
"""

from collections.abc import Callable
from datetime import timedelta, tzinfo
from typing import NamedTuple

from segd.core.errors import DefinitionError
from segd.core.language import definitions as d
from segd.core.time.calendar import day_of, midnight
from segd.core.time.instants import MINUTE, Instant, from_datetime, to_datetime
from segd.store.bridge import Connection, Pool
from segd.store.history import prepare
from segd.store.queries import Sql, Statement, query
from segd.store.segment_rows import Segment, list_segments

SHOWN_DAYS = 30
SAMPLE = 20
STALE = 10 * MINUTE  # after which the number of members now is found anew


class _Segment(NamedTuple):
    """A past segment. changed_at: when it, or what it names, was last changed."""

    number: int
    definition: d.Past
    changed_at: Instant


class _Wanted(NamedTuple):
    """One count to be taken. of_midnight: else it is of now."""

    segment: _Segment
    as_of: Instant
    of_midnight: bool


class PostgresSnapshots:
    """The Snapshots of `core.answers`. zone: the account's. now: the clock. late_band: microseconds."""

    def __init__(self, pool: Pool, zone: tzinfo, now: Callable[[], Instant], late_band: int) -> None:
        self._pool = pool
        self._zone = zone
        self._now = now
        self._late_band = late_band

    async def take_next(self) -> bool:
        """Trio. As `core.answers` says."""
        async with self._pool.acquire() as connection:
            segments = await _past_segments(connection)
            numbers = [one.number for one in segments]
            changes = [to_datetime(one.changed_at) for one in segments]
            await connection.execute(query("drop_outdated_snapshots"), numbers, changes)
            await connection.execute(query("drop_outdated_evaluations"), numbers)
            wanted = await self._wanted_most(connection, segments)
            if wanted is not None:
                await self._take(connection, wanted)
            return wanted is not None

    async def _wanted_most(self, connection: Connection, segments: list[_Segment]) -> _Wanted | None:
        """One that was never asked; else a midnight, the latest first; else the one that was asked longest ago."""
        now = self._now()
        evaluated = {row["segment"]: row for row in await connection.fetch(query("evaluations"))}
        ages: dict[int, int] = {}
        for segment in segments:
            row = evaluated.get(segment.number)
            if row is None or from_datetime(row["as_of"]) < segment.changed_at:
                return _Wanted(segment, now, of_midnight=False)
            ages[segment.number] = now - from_datetime(row["as_of"])
        midnights = last_midnights(now, self._zone)
        rows = await connection.fetch(query("snapshots_since"), to_datetime(midnights[0]))
        taken = {(row["segment"], from_datetime(row["as_of"])) for row in rows}
        for at in reversed(midnights):
            for segment in segments if at + self._late_band <= now else ():
                if (segment.number, at) not in taken and evaluated[segment.number]["problem"] is None:
                    return _Wanted(segment, at, of_midnight=True)
        oldest = max(segments, key=lambda one: ages[one.number], default=None)
        return None if oldest is None or ages[oldest.number] < STALE else _Wanted(oldest, now, of_midnight=False)

    async def _take(self, connection: Connection, wanted: _Wanted) -> None:
        """Trio"""
        segment, as_of, of_midnight = wanted
        began = self._now()
        members, problem, sample = None, None, []
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                await connection.execute(query("one_core"))
                compiled = await prepare(connection, segment.definition, as_of, self._zone, answer=_counted)
                rows = await connection.fetch(compiled.text, *compiled.values)
            members = next(row["number"] for row in rows if row["what"] == "members")
            sample = [row["number"] for row in rows if row["what"] == "sample"]
        except DefinitionError as error:
            problem = error.message
        at, milliseconds = to_datetime(as_of), (self._now() - began) // 1000
        if of_midnight and members is not None:
            await connection.execute(query("keep_snapshot"), segment.number, at, members, sample, to_datetime(began))
        else:
            await connection.execute(
                query("keep_evaluation"), segment.number, to_datetime(began), milliseconds, members, problem
            )


def last_midnights(now: Instant, zone: tzinfo) -> list[Instant]:
    """Those of the days that are shown, today's included, the earliest first."""
    today = day_of(now, zone)
    return [midnight(today - timedelta(days=back), zone) for back in range(SHOWN_DAYS - 1, -1, -1)]


async def counted(connection: Connection, segment: int, now: Instant, zone: tzinfo) -> list[tuple[Instant, int]]:
    """Trio. Of a past segment, the members at each of the last midnights that was counted, the earliest first."""
    current = next((one for one in await _past_segments(connection) if one.number == segment), None)
    midnights = last_midnights(now, zone)
    found = {
        from_datetime(row["as_of"]): row["members"]
        for row in await connection.fetch(query("snapshots_since"), to_datetime(midnights[0]))
        if row["segment"] == segment and current and from_datetime(row["taken_at"]) >= current.changed_at
    }
    return [(at, found[at]) for at in midnights if at in found]


def _counted(statement: Statement, users: Sql) -> Sql:
    return statement.piece("counted", users=users, most=SAMPLE)


async def _past_segments(connection: Connection) -> list[_Segment]:
    """Trio."""
    segments = await list_segments(connection)
    by_name = {str(one.number): one for one in segments} | {one.name: one for one in segments}

    def latest_change(segment: Segment, seen: set[int]) -> Instant:
        seen.add(segment.number)
        named = [by_name[name] for name in d.segments_named(segment.definition) if name in by_name]
        return max([segment.changed_at, *(latest_change(one, seen) for one in named if one.number not in seen)])

    return [
        _Segment(one.number, definition, latest_change(one, set()))
        for one in segments
        if isinstance(definition := one.definition, d.Past)
    ]


async def outdate_snapshots(pool: Pool) -> None:
    """Trio. After history was imported: what was counted may be another number now."""
    async with pool.acquire() as connection:
        await connection.execute(query("outdate_snapshots"))
