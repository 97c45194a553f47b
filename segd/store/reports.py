"""What is known of a segment: who qualified on which day, who is in it now, and by which channels they are reached."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date, timedelta, tzinfo
from typing import NamedTuple, get_args

import trio

from segd.core.answers import DayOf, LiveReport, Open, PastReport, Reach, Share
from segd.core.deciding.past import ADDRESSES
from segd.core.language import definitions as d
from segd.core.language.beginnings import beginning
from segd.core.time.calendar import day_of
from segd.core.time.instants import DAY, HOUR, Instant, from_datetime, to_datetime, to_text
from segd.store.bridge import Connection, Pool
from segd.store.conditions_sql import Answer, Compiled
from segd.store.history import prepare
from segd.store.log import PostgresLog, beside
from segd.store.people import persons
from segd.store.queries import Sql, Statement, query
from segd.store.segment_rows import Segment, read_segments
from segd.store.session import Row
from segd.store.snapshots import SAMPLE, SHOWN_DAYS, counted

SHARE_DAYS = 7  # of a live segment: how many of those who began it in them qualified
REACH_DAYS = 30  # of a live segment: who qualified in them is asked for channels
KEPT = 20  # times as long as it took to find, a count of users is kept
RECENT = 20  # entries of the log


class PostgresReports:
    """The Reports of `core.answers`. zone: the account's. now: the clock."""

    def __init__(self, pool: Pool, zone: tzinfo, now: Callable[[], Instant]) -> None:
        self._pool = pool
        self._log = PostgresLog(pool)
        self._zone = zone
        self._now = now
        self._kept: dict[int, _Kept] = {}  # by segment

    async def live(self, segment: int) -> LiveReport:
        """Trio. As `core.answers` says."""
        now = self._now()
        recent = (await self._log.last(segment, RECENT))[::-1]
        async with at_one_instant(self._pool) as connection:
            asked = await segment_numbered(connection, segment)
            if not isinstance(asked.definition, d.Live):
                raise LookupError(segment)
            since = day_of(now, self._zone) - timedelta(days=SHOWN_DAYS - 1)
            days = await connection.fetch(query("qualified_days"), segment, since)
            lately = await connection.fetchrow(query("qualified_lately"), segment, *_before(now, HOUR, DAY, 0))
            waiting = await _open(connection, asked.definition, segment, now)
            found = await self._found(connection, asked, now)
            shown = await beside(connection, recent)
        assert lately is not None
        assert found.live is not None
        return LiveReport(
            per_day=_without_gaps(
                [DayOf(row["day"], row["qualified"], row["retracted"]) for row in days],
                max(since, _day_of_creation(asked.created_at, since, self._zone)),
                day_of(now, self._zone),
            ),
            last_hour=lately["last_hour"],
            last_day=lately["last_day"],
            members=found.live.members,
            retracted=found.live.retracted,
            open=waiting,
            share=found.live.share,
            reach=found.reach,
            recent=list(zip(recent, shown, strict=True)),
        )

    async def past(self, segment: int, *, recalculate: bool = False) -> PastReport:
        """Trio. As `core.answers` says. Raises DefinitionError where it names a segment that is gone."""
        as_of = self._now()
        async with at_one_instant(self._pool) as connection:
            asked = await segment_numbered(connection, segment)
            if not isinstance(asked.definition, d.Past):
                raise LookupError(segment)
            if recalculate:
                self._kept.pop(segment, None)
            found = await self._found(connection, asked, as_of)
            sample = await persons(connection, found.sample)
            counts = await counted(connection, segment, as_of, self._zone)
        async with self._pool.acquire() as connection:  # so that lists say the same
            await connection.execute(
                query("keep_evaluation"), segment, to_datetime(found.as_of), found.milliseconds, found.reach.of, None
            )
        return PastReport(
            per_day=[DayOf(day_of(at, self._zone), members) for at, members in counts],
            as_of=found.as_of,
            milliseconds=found.milliseconds,
            members=found.reach.of,
            sample=sample,
            reach=found.reach,
        )

    async def _found(self, connection: Connection, segment: Segment, as_of: Instant) -> "_Found":
        """Trio. Who is in it, how they are reached and, of a live one, of how many they are a part; as of then or,
        where finding that takes long, a while ago."""
        kept = self._kept.get(segment.number)
        began = trio.current_time()
        if kept is not None and kept.changed_at == segment.changed_at and began < kept.until:
            return kept.found
        if isinstance(segment.definition, d.Past):
            compiled = await prepare(connection, segment.definition, as_of, self._zone, answer=_reached(as_of))
        else:
            compiled = _qualified(segment.number, as_of)
        rows = await connection.fetch(compiled.text, *compiled.values)
        live = await self._of_live(connection, segment, as_of) if segment.kind == "live" else None
        seconds = trio.current_time() - began
        found = _of_rows(rows, as_of, round(1000 * seconds), live)
        self._kept[segment.number] = _Kept(segment.changed_at, began + KEPT * seconds, found)
        return found

    async def _of_live(self, connection: Connection, segment: Segment, now: Instant) -> "_OfLive":
        """Trio"""
        in_all = await connection.fetchrow(query("qualified_in_all"), segment.number)
        assert in_all is not None
        return _OfLive(in_all["members"], in_all["retracted"], await self._share(connection, segment, now))

    async def _share(self, connection: Connection, segment: Segment, now: Instant) -> Share | None:
        """Trio. Of those whose windows ended lately, who all began them so long before, and that version saw it."""
        assert isinstance(segment.definition, d.Live)
        begun = beginning(segment.definition)
        run = await connection.fetchrow(query("counting_since"), segment.number)
        if begun is None or run is None:
            return None
        starts = [now - SHARE_DAYS * DAY + 1, from_datetime(run["counts_from"])]
        if run["sees_from"] is not None:
            starts.append(from_datetime(run["sees_from"]) + begun.within)
        since = max(starts)
        if since > now:
            return None
        when = d.When(from_=to_text(since - begun.within))
        anyone = d.AnyOf(tuple(d.Did(one.event, one.where, when=when) for one in begun.did))
        asked = d.Past("share", anyone, segment.definition.zone)

        def share(statement: Statement, users: Sql) -> Sql:
            ends = {"start": to_datetime(since), "until": to_datetime(now)}
            return statement.piece(
                "share",
                users=users,
                qualified=statement.piece("qualified", segment=segment.number, **ends),
                counts_from=run["counts_from"],
            )

        compiled = await prepare(connection, asked, now - begun.within, self._zone, answer=share)
        row = await connection.fetchrow(compiled.text, *compiled.values)
        assert row is not None
        return Share(row["qualified"], row["began"], since, begun.words)


@asynccontextmanager
async def at_one_instant(pool: Pool) -> AsyncGenerator[Connection]:
    """Trio. A connection all of whose answers are as of the same instant."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        yield connection


async def segment_numbered(connection: Connection, number: int) -> Segment:
    """Trio. Raises LookupError where there is no such segment, and BrokenError."""
    return (await read_segments(connection)).numbered(number)


async def _open(connection: Connection, definition: d.Live, segment: int, now: Instant) -> Open | None:
    """Trio. Whom a trigger that waits waits for."""
    if not isinstance(definition.on, d.Inaction | d.Date):
        return None
    row = await connection.fetchrow(query("open_now"), segment, to_datetime(now))
    assert row is not None
    return Open(row["users"], None if row["next_due"] is None else from_datetime(row["next_due"]))


# Who is in it, and how they are reached


class _OfLive(NamedTuple):
    """As a LiveReport has it."""

    members: int
    retracted: int
    share: Share | None


class _Found(NamedTuple):
    as_of: Instant
    milliseconds: int
    reach: Reach
    sample: Sequence[int]
    live: _OfLive | None


class _Kept(NamedTuple):
    """until: on Trio's clock."""

    changed_at: Instant
    until: float
    found: _Found


def _of_rows(rows: Sequence[Row], as_of: Instant, milliseconds: int, live: _OfLive | None) -> _Found:
    """rows: of `reached`."""
    of = reached = 0
    channels = dict.fromkeys(get_args(d.Channel), 0)
    sample: list[int] = []
    for what, channel, number in rows:
        match what:
            case "members":
                of = number
            case "reached":
                reached = number
            case "channel":
                channels[channel] = number
            case _:
                sample.append(number)
    return _Found(as_of, milliseconds, Reach(of, reached, channels), sample, live)


def _reached(as_of: Instant) -> Answer:
    pairs = [(channel, address) for channel, addresses in ADDRESSES.items() for address in addresses]

    def answer(statement: Statement, users: Sql) -> Sql:
        return statement.piece(
            "reached",
            users=users,
            there=statement.piece("is_there", value=statement.piece("written_value")),
            channels=[channel for channel, _ in pairs],
            addresses=[address for _, address in pairs],
            as_of=to_datetime(as_of),
            most=SAMPLE,
        )

    return answer


def _qualified(segment: int, now: Instant) -> Compiled:
    """`reached`, of those who qualified lately."""
    statement = Statement()
    start, until = _before(now, REACH_DAYS * DAY - 1, 0)
    users = statement.piece("qualified", segment=segment, start=start, until=until)
    text = _reached(now)(statement, users)
    return Compiled(str(text), statement.values, [])


# Days


def _before(now: Instant, *lengths: int) -> list[object]:
    return [to_datetime(now - length) for length in lengths]


def _day_of_creation(created_at: Instant, earliest: date, zone: tzinfo) -> date:
    try:
        return day_of(created_at, zone)
    except ValueError:  # of a segment that is older than the column
        return earliest


def _without_gaps(days: Sequence[DayOf], first: date, last: date) -> list[DayOf]:
    """A day on which nobody qualified has no row. first: unless there is an earlier one."""
    found = {one.day: one for one in days}
    first = min(first, *found) if found else first
    length = (last - first).days + 1
    every = [first + timedelta(days=after) for after in range(length)]
    return [found.get(day, DayOf(day, 0)) for day in every]
