"""Every change of segments, and which version of a live one counts when.

A segment is known by its number for ever, and by its name for now. Conditions of others may name it by both; whoever
names it by name follows when that changes. Runs name other segments by number alone, so that what is over stays true.

The writers are for the journal's own transaction. They trust that nobody else writes meanwhile, and that definitions
were read by `core.language.reading`; how definitions fit together is checked here.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Literal

from msgspec import UnsetType
from msgspec.structs import replace

from segd.core.errors import DefinitionError, Problem, SegdError
from segd.core.language import definitions as d
from segd.core.language.naming import mentions, renamed
from segd.core.language.reading import definition_json
from segd.core.language.rules import did_you_mean
from segd.core.segment_views import tag
from segd.core.time.instants import Instant, from_datetime, to_datetime, to_text
from segd.store.queries import query
from segd.store.segment_rows import BrokenError, Segment, Stored, Unreadable, read_segments, runs
from segd.store.session import Statements
from segd.store.waiting import Changed


class SegmentRefused(SegdError):
    """A change of segments that cannot be. Codes: `no_segment`, `name_taken`, `in_use`, `not_live`,
    `changed_meanwhile`."""


# Changes. Each is the entry `position` of the journal. seen: tags of the states that the segment may be in, for whoever
# changes it has not seen any other, else SegmentRefused `changed_meanwhile`; None: whichever it is in.


async def create(connection: Statements, position: int, definition: d.Definition, now: Instant) -> Changed[Segment]:
    """Either. A new segment, which counts from now on. Raises SegmentRefused `name_taken`, and DefinitionError where it
    names segments that are not there."""
    stored = await read_segments(connection)
    _check(definition, None, stored)
    number: int = await connection.fetchval(
        query("add_segment"), definition.name, d.kind_of(definition), _text(definition), to_datetime(now)
    )
    segment = Segment(number, definition, 1, "running", now, now)
    if isinstance(definition, d.Past):
        return Changed(segment)
    sees_from = _starts_seeing(definition, now)
    await _begin_run(connection, position, segment, stored.readable, sees_from, now, _is_armed(definition, sees_from))
    return Changed(segment, replanned=True)


async def change(
    connection: Statements,
    position: int,
    number: int,
    definition: d.Definition,
    now: Instant,
    seen: Collection[str] | None = None,
) -> Changed[Segment]:
    """Either. Give a segment another definition.

    It is a new version where more than the name (or the `start`, which is over) differs. The open windows of a live one
    stay where `on` and `zone` do not; else they are dropped, and it begins as a new one would. Segments that name it by
    name use the new name from then on. Raises as `create`, and `no_segment`; DefinitionError, too, where it would be of
    the other kind, or name itself by way of others.
    """
    stored = await read_segments(connection)
    segments = stored.readable
    old = _numbered(stored, number)
    _check_seen(old, seen)
    _check(definition, old, stored)
    if isinstance(old, Segment) and _text(definition) == _text(old.definition):
        return Changed(old)
    windows = windows_after(old, definition, segments)
    version = old.version if windows == "same" else old.version + 1
    segment = Segment(number, definition, version, old.status, old.created_at, now)
    await _update(connection, segment)
    users = [each for each in segments if d.segments_named(each.definition) & {old.name, str(number)}]
    if definition.name != old.name:
        for each in users:
            rewritten = renamed(each.definition, {old.name: definition.name})
            await connection.execute(query("rewrite_segment"), each.number, _text(rewritten))
    if isinstance(definition, d.Past):
        return Changed(segment, replanned=bool(users))
    if windows != "same" and segment.status == "running":
        ended = await connection.fetchrow(query("end_run"), number, to_datetime(now))
        assert ended is not None
        if windows == "kept":
            sees_from = None if ended["sees_from"] is None else from_datetime(ended["sees_from"])
            armed = ended["armed"]
        else:
            sees_from = _starts_seeing(definition, now)
            armed = _is_armed(definition, sees_from)
            await connection.execute(query("drop_segment_timers"), number, to_datetime(now))
        await _begin_run(connection, position, segment, segments, sees_from, now, armed)
    return Changed(segment, replanned=True)


async def pause(connection: Statements, position: int, number: int, now: Instant) -> Changed[Segment]:
    """Either. Nobody qualifies until it is resumed: what comes due meanwhile is dropped. Of one that is paused already,
    nothing changes. Raises SegmentRefused: `no_segment`, or `not_live`; and BrokenError."""
    old, _ = _live(await read_segments(connection), number)
    if old.status == "paused":
        return Changed(old)
    segment = old._replace(status="paused", changed_at=now)
    await _update(connection, segment)
    await connection.fetchval(query("end_run"), number, to_datetime(now))
    await connection.execute(query("drop_segment_timers"), number, to_datetime(now))
    return Changed(segment, replanned=True)


async def resume(connection: Statements, position: int, number: int, now: Instant) -> Changed[Segment]:
    """Either. Let it count again, from now on. Its trigger saw all that happened while it was paused, so what is still
    open comes due as if it had never been; unless `on` or `zone` were changed meanwhile, for then it begins as a new
    one would. Of one that runs nothing changes. Raises as `pause`."""
    stored = await read_segments(connection)
    old, definition = _live(stored, number)
    if old.status == "running":
        return Changed(old)
    segment = old._replace(status="running", changed_at=now)
    await _update(connection, segment)
    before = [run for run in await runs(connection, None) if run.segment == number]
    if before and _keeps_windows(before[-1].definition, _by_number(definition, stored.readable)):
        sees_from, armed = before[-1].sees_from, not isinstance(definition.on, d.Date | d.Inaction)
    else:
        sees_from = _starts_seeing(definition, now)
        armed = _is_armed(definition, sees_from)
    await _begin_run(connection, position, segment, stored.readable, sees_from, now, armed)
    return Changed(segment, replanned=True)


async def delete(
    connection: Statements, position: int, number: int, seen: Collection[str] | None = None
) -> Changed[None]:
    """Either. Remove a segment and all that came of it. Raises SegmentRefused: `no_segment`, or `in_use`, which names
    the segments that name this one."""
    stored = await read_segments(connection)
    old = _numbered(stored, number)
    _check_seen(old, seen)
    names = {old.name, str(number)}
    users = [each.name for each in stored.readable if d.segments_named(each.definition) & names]
    if users:
        raise SegmentRefused("in_use", f"{old.name!r} is named by the conditions of {', '.join(map(repr, users))}")
    await connection.execute(query("delete_segment"), number)
    return Changed(None, replanned=old.kind == "live")


def _check_seen(segment: Segment | Unreadable, seen: Collection[str] | None) -> None:
    if seen is not None and tag(segment.version, segment.changed_at) not in seen:
        raise SegmentRefused(
            "changed_meanwhile",
            f"{segment.name!r} was changed meanwhile, at {to_text(segment.changed_at)}, and nothing was done: "
            "look at it as it is now, and decide again",
        )


async def _update(connection: Statements, segment: Segment) -> None:
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
    connection: Statements,
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
        None if sees_from is None else to_datetime(min(sees_from, now)),  # that of a run before may be of a clock ahead
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


def windows_after(old: Segment | Unreadable, new: d.Definition, segments: Sequence[Segment]) -> Windows:
    """What becomes of the open windows of a segment that is given another definition: nothing happens, for it means the
    same; they stay, in a new version; or they are dropped, and it begins as a new one would. A past one has none."""
    if isinstance(old, Unreadable):
        return "kept" if isinstance(new, d.Past) else "dropped"
    one, other = _by_number(old.definition, segments), _by_number(new, segments)
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


def _check(definition: d.Definition, old: Segment | Unreadable | None, stored: Stored) -> None:
    """old: the segment that gets the definition; None: it is new."""
    if found := list(problems(definition, old, stored)):
        raise DefinitionError(found)
    if (other := named_alike(definition, old, stored)) is not None:
        raise name_taken(other)


def named_alike(
    definition: d.Definition, old: Segment | Unreadable | None, stored: Stored
) -> Segment | Unreadable | None:
    """Another segment of that name. old: the segment that gets the definition."""
    others = [each for each in stored.all() if each is not old]
    return next((each for each in others if each.name == definition.name), None)


def name_taken(other: Segment | Unreadable) -> SegmentRefused:
    return SegmentRefused("name_taken", f"there is a segment {other.name!r} already, number {other.number}")


def problems(definition: d.Definition, old: Segment | Unreadable | None, stored: Stored) -> Iterator[Problem]:
    """What keeps a definition from being one of these segments', but for its name's being another's. old: the one of
    them that gets it; None: a new one."""
    broken = stored.broken()
    segments = [each for each in stored.readable if each.number not in broken or each is old]
    if definition.name.isascii() and definition.name.isdecimal():
        yield Problem(
            "name", f"expected more than digits, found {definition.name!r}: a number names a segment by itself"
        )
    if old is not None and d.kind_of(definition) != old.kind:
        yield Problem("kind", f"expected {old.kind!r}, found {d.kind_of(definition)!r}: a segment stays of its kind")
    for path, condition in mentions(definition):
        named = condition.segment
        found = _find(segments, named)
        if named == definition.name or (found is not None and found is old):
            yield Problem(path, f"goes round in a circle: {definition.name} → {definition.name}")
        elif found is None and any(named in (each.name, str(each.number)) for each in stored.all()):
            yield Problem(path, f"the segment {named!r} is broken")
        elif found is None:
            hint = did_you_mean(named, [each.name for each in segments])
            yield Problem(path, f"there is no segment {named!r}{hint}")
        elif isinstance(old, Segment) and (way := _way(found, old, segments)):
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
            waiting.append(next(each for each in segments if each.number == number))
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


def _numbered(stored: Stored, number: int) -> Segment | Unreadable:
    for each in stored.all():
        if each.number == number:
            return each
    raise SegmentRefused("no_segment", f"there is no segment {number}")


def _live(stored: Stored, number: int) -> tuple[Segment, d.Live]:
    segment = _numbered(stored, number)
    if isinstance(segment, Unreadable):
        raise BrokenError(segment.name, segment.problem)
    if isinstance(segment.definition, d.Past):
        raise SegmentRefused("not_live", f"{segment.name!r} is asked, it does not run: only live segments are paused")
    return segment, segment.definition


def _text(definition: d.Definition) -> str:
    return definition_json(definition).decode()
