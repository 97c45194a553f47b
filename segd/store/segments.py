"""Segments as rows: what there is, which version of a live one counts when, and every change of either.

A segment is known by its number for ever, and by its name for now. Conditions of others may name it by both; whoever
names it by name follows when that changes. Runs name other segments by number alone, so that what is over stays true.

The writers are for the journal's own transaction. They trust that nobody else writes meanwhile, and that definitions
were read by `core.reading`; how definitions fit together is checked here.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple, cast

from msgspec import UnsetType
from msgspec.structs import replace

from segd.core import definitions as d
from segd.core.effects import Run
from segd.core.errors import DefinitionError, Problem, SegdError
from segd.core.instants import Instant, from_datetime, to_datetime
from segd.core.naming import mentions, renamed
from segd.core.reading import definition_json, read_definition
from segd.core.rules import did_you_mean
from segd.store.bridge import Connection, Row
from segd.store.queries import query
from segd.store.waiting import Changed

Status = Literal["running", "paused"]


class SegmentRefused(SegdError):
    """A change of segments that cannot be. Codes: `no_segment`, `name_taken`, `in_use`, `not_live`."""


class Segment(NamedTuple):
    """definition: as it was posted, but for names of others that have changed since. version: the latest."""

    number: int
    definition: d.Definition
    version: int
    status: Status
    created_at: Instant
    changed_at: Instant

    @property
    def name(self) -> str:
        return self.definition.name


# What there is


async def list_segments(connection: Connection) -> list[Segment]:
    """Trio. All of them, in order of number."""
    return [_segment(row) for row in await connection.fetch(query("list_segments"))]


async def past_segments(connection: Connection) -> list[Segment]:
    """Trio. Those that ask about past behaviour, in order of number."""
    return [segment for segment in await list_segments(connection) if isinstance(segment.definition, d.Past)]


async def find_segment(connection: Connection, named: str) -> Segment | None:
    """Trio. named: a name, or a number as text."""
    row = await connection.fetchrow(query("find_segment"), named)
    return None if row is None else _segment(row)


async def runs(connection: Connection, since: Instant | None) -> list[Run]:
    """Trio. The runs that go on, and those that ended at `since` or later (None: all), or for which something that came
    due may still wait; of a segment the earlier first.

    Their definitions name other segments by number; of what an ended run names, some may be gone.
    """
    bound = None if since is None else to_datetime(since)
    return [
        Run(
            row["segment"],
            row["version"],
            cast(d.Live, _definition(row["definition"], row["name"])),
            None if row["sees_from"] is None else from_datetime(row["sees_from"]),
            from_datetime(row["counts_from"]),
            None if row["counts_to"] is None else from_datetime(row["counts_to"]),
            row["armed"],
        )
        for row in await connection.fetch(query("segment_runs"), bound)
    ]


# Changes. Each is the entry `position` of the journal.


async def create(connection: Connection, position: int, definition: d.Definition, now: Instant) -> Changed[Segment]:
    """Trio. A new segment, which counts from now on. Raises SegmentRefused `name_taken`, and DefinitionError where it
    names segments that are not there."""
    others = await list_segments(connection)
    _check(definition, None, others)
    kind = "live" if isinstance(definition, d.Live) else "past"
    number: int = await connection.fetchval(
        query("add_segment"), definition.name, kind, _text(definition), to_datetime(now)
    )
    segment = Segment(number, definition, 1, "running", now, now)
    if isinstance(definition, d.Past):
        return Changed(segment)
    sees_from = _starts_seeing(definition, now)
    await _begin_run(connection, position, segment, others, sees_from, now, _is_armed(definition, sees_from))
    return Changed(segment, replanned=True)


async def change(
    connection: Connection, position: int, number: int, definition: d.Definition, now: Instant
) -> Changed[Segment]:
    """Trio. Give a segment another definition.

    It is a new version where more than the name (or the `start`, which is over) differs. The open windows of a live one
    stay where `on` and `zone` do not; else they are dropped, and it begins as a new one would. Segments that name it by
    name use the new name from then on. Raises as `create`, and `no_segment`; DefinitionError, too, where it would be of
    the other kind, or name itself by way of others.
    """
    segments = await list_segments(connection)
    old = _numbered(segments, number)
    _check(definition, old, segments)
    if _text(definition) == _text(old.definition):
        return Changed(old)
    one, other = _by_number(old.definition, segments), _by_number(definition, segments)
    version = old.version if _means_the_same(one, other) else old.version + 1
    segment = Segment(number, definition, version, old.status, old.created_at, now)
    await _update(connection, segment)
    users = [each for each in segments if number in _numbers_named(each.definition, segments)]
    if definition.name != old.name:
        for each in users:
            rewritten = renamed(each.definition, {old.name: definition.name})
            await connection.execute(query("rewrite_segment"), each.number, _text(rewritten))
    if isinstance(definition, d.Past):
        return Changed(segment, replanned=bool(users))
    if version != old.version and segment.status == "running":
        ended = await connection.fetchrow(query("end_run"), number, to_datetime(now))
        assert ended is not None
        if _keeps_windows(one, other):
            sees_from = None if ended["sees_from"] is None else from_datetime(ended["sees_from"])
            armed = ended["armed"]
        else:
            sees_from = _starts_seeing(definition, now)
            armed = _is_armed(definition, sees_from)
            await connection.execute(query("drop_segment_timers"), number, to_datetime(now))
        await _begin_run(connection, position, segment, segments, sees_from, now, armed)
    return Changed(segment, replanned=True)


async def pause(connection: Connection, position: int, number: int, now: Instant) -> Changed[Segment]:
    """Trio. Nobody qualifies until it is resumed, and what is open is dropped. Of one that is paused already, nothing
    changes. Raises SegmentRefused: `no_segment`, or `not_live`."""
    old, _ = _live(await list_segments(connection), number)
    if old.status == "paused":
        return Changed(old)
    segment = old._replace(status="paused", changed_at=now)
    await _update(connection, segment)
    await connection.fetchval(query("end_run"), number, to_datetime(now))
    await connection.execute(query("drop_segment_timers"), number, to_datetime(now))
    return Changed(segment, replanned=True)


async def resume(connection: Connection, position: int, number: int, now: Instant) -> Changed[Segment]:
    """Trio. Let it count again, from now on, with nothing open. Of one that runs nothing changes. Raises as `pause`."""
    segments = await list_segments(connection)
    old, definition = _live(segments, number)
    if old.status == "running":
        return Changed(old)
    segment = old._replace(status="running", changed_at=now)
    await _update(connection, segment)
    sees_from = _sees_from(definition, now)
    await _begin_run(connection, position, segment, segments, sees_from, now, _is_armed(definition, sees_from))
    return Changed(segment, replanned=True)


async def delete(connection: Connection, position: int, number: int) -> Changed[None]:
    """Trio. Remove a segment and all that came of it. Raises SegmentRefused: `no_segment`, or `in_use`, which names the
    segments that name this one."""
    segments = await list_segments(connection)
    old = _numbered(segments, number)
    users = [each.name for each in segments if number in _numbers_named(each.definition, segments)]
    if users:
        raise SegmentRefused("in_use", f"{old.name!r} is named by the conditions of {', '.join(map(repr, users))}")
    await connection.execute(query("delete_segment"), number)
    return Changed(None, replanned=isinstance(old.definition, d.Live))


async def _update(connection: Connection, segment: Segment) -> None:
    await connection.execute(
        query("change_segment"),
        segment.number,
        segment.name,
        _text(segment.definition),
        segment.version,
        segment.status,
        to_datetime(segment.changed_at),
    )


async def _begin_run(
    connection: Connection,
    position: int,
    segment: Segment,
    segments: Sequence[Segment],
    sees_from: Instant | None,
    now: Instant,
    armed: bool,
) -> None:
    await connection.execute(
        query("begin_run"),
        segment.number,
        position,
        segment.version,
        _text(_by_number(segment.definition, segments)),
        None if sees_from is None else to_datetime(sees_from),
        to_datetime(now),
        armed,
    )


# What a run begins with


def _starts_seeing(definition: d.Live, now: Instant) -> Instant | None:
    """From when on the trigger of a new one sees events."""
    return None if definition.start == "open" else _sees_from(definition, now)


def _sees_from(definition: d.Live, now: Instant) -> Instant | None:
    """The same where nothing is to be opened from the history. Pages counted for `ever` are counted from the first."""
    return None if isinstance(definition.on, d.PageCount) and definition.on.per == "ever" else now


def _is_armed(definition: d.Live, sees_from: Instant | None) -> bool:
    """Whether no timer is to be set for what is in the history. The dates that traits hold always count."""
    match definition.on:
        case d.Date(profile=str()):
            return False
        case d.Date() | d.Inaction():
            return sees_from is not None
        case _:
            return True


# What an edit changes


Windows = Literal["same", "kept", "dropped"]


def windows_after(old: d.Definition, new: d.Definition, segments: Sequence[Segment]) -> Windows:
    """What becomes of the open windows of a segment that is given another definition: nothing happens, for it means the
    same; they stay, in a new version; or they are dropped, and it begins as a new one would. A past one has none."""
    one, other = _by_number(old, segments), _by_number(new, segments)
    if _means_the_same(one, other):
        return "same"
    return "kept" if isinstance(one, d.Past) or _keeps_windows(one, other) else "dropped"


def _means_the_same(one: d.Definition, other: d.Definition) -> bool:
    """Whether nothing but the name and the `start` differs."""
    if isinstance(one, d.Live) and isinstance(other, d.Live):
        other = replace(other, start=one.start)
    return _text(one) == _text(replace(other, name=one.name))


def _keeps_windows(one: d.Definition, other: d.Definition) -> bool:
    """Whether the open windows of two live definitions are the same: `on` and `zone` are."""
    assert isinstance(one, d.Live)
    assert isinstance(other, d.Live)
    return _means_the_same(one, replace(other, filter=one.filter, again=one.again))


# How definitions fit together


def _check(definition: d.Definition, old: Segment | None, segments: Sequence[Segment]) -> None:
    """old: the segment that gets the definition; None: it is new."""
    if found := list(problems(definition, old, segments)):
        raise DefinitionError(found)
    for each in segments:
        if each.name == definition.name and each is not old:
            raise SegmentRefused("name_taken", f"there is a segment {definition.name!r} already, number {each.number}")


def problems(definition: d.Definition, old: Segment | None, segments: Sequence[Segment]) -> Iterator[Problem]:
    """What keeps a definition from being one of these segments'. old: the one of them that gets it; None: a new one."""
    if definition.name.isascii() and definition.name.isdecimal():
        yield Problem(
            "name", f"expected more than digits, found {definition.name!r}: a number names a segment by itself"
        )
    if old is not None and type(definition) is not type(old.definition):
        kinds = ("live", "past") if isinstance(old.definition, d.Live) else ("past", "live")
        yield Problem("kind", f"expected {kinds[0]!r}, found {kinds[1]!r}: a segment stays of its kind")
    for path, condition in mentions(definition):
        named = condition.segment
        found = _find(segments, named)
        if named == definition.name or (found is not None and found is old):
            yield Problem(path, f"goes round in a circle: {definition.name} → {definition.name}")
        elif found is None:
            hint = did_you_mean(named, [each.name for each in segments])
            yield Problem(path, f"there is no segment {named!r}{hint}")
        elif old is not None and (way := _way(found, old, segments)):
            circle = " → ".join((definition.name, *(each.name for each in way), definition.name))
            yield Problem(path, f"goes round in a circle: {circle}")
        elif not isinstance(condition.when, UnsetType) and isinstance(found.definition, d.Past):
            where = path.removesuffix("segment") + "when"
            yield Problem(where, "a past segment has no `when`: it is asked at the instant itself")


def _way(start: Segment, end: Segment, segments: Sequence[Segment]) -> list[Segment]:
    """The segments by which one leads to another, the last of which names it; none: it does not lead there."""
    ways = {start.number: [start]}
    waiting = [start]
    while waiting:
        each = waiting.pop()
        numbers = _numbers_named(each.definition, segments)
        if end.number in numbers:
            return ways[each.number]
        for number in numbers - ways.keys():
            waiting.append(_numbered(segments, number))
            ways[number] = [*ways[each.number], waiting[-1]]
    return []


def _numbers_named(definition: d.Definition, segments: Iterable[Segment]) -> set[int]:
    named = d.segments_named(definition)
    return {each.number for each in segments if each.name in named or str(each.number) in named}


def _by_number(definition: d.Definition, segments: Iterable[Segment]) -> d.Definition:
    """The definition, naming other segments by their numbers."""
    return renamed(definition, {each.name: str(each.number) for each in segments})


def _find(segments: Iterable[Segment], named: str) -> Segment | None:
    return next((each for each in segments if named in (each.name, str(each.number))), None)


def _numbered(segments: Iterable[Segment], number: int) -> Segment:
    for each in segments:
        if each.number == number:
            return each
    raise SegmentRefused("no_segment", f"there is no segment {number}")


def _live(segments: Iterable[Segment], number: int) -> tuple[Segment, d.Live]:
    segment = _numbered(segments, number)
    if isinstance(segment.definition, d.Past):
        raise SegmentRefused("not_live", f"{segment.name!r} is asked, it does not run: only live segments are paused")
    return segment, segment.definition


# Rows


def _segment(row: Row) -> Segment:
    return Segment(
        row["number"],
        _definition(row["definition"], row["name"]),
        row["version"],
        row["status"],
        from_datetime(row["created_at"]),
        from_datetime(row["changed_at"]),
    )


@lru_cache(1024)  # reading is slow, for it checks all rules
def _definition(text: str, name: str) -> d.Definition:
    return replace(read_definition(text, name=name), name=name)


def _text(definition: d.Definition) -> str:
    return definition_json(definition).decode()
