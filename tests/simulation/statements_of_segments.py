"""What statements do: effects, users loaded, segments, their logs, and the webhooks that those are posted to."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from segd.store.errors import ServerError

from .statements import reads, writes
from .tables import Event, Qualification, Row, Segment, SegmentRun, Tables, Timer, Webhook, insert, rows

OLDEST = datetime.min.replace(tzinfo=UTC)

# Effects


@reads
def recorded(t: Tables, segments: list[int], users: list[int], causes: list[int], instants: list[Any]) -> list[Row]:
    keys = zip(segments, users, causes, instants, strict=True)
    found = [(*key, t.qualifications[key].retracted) for key in keys if key in t.qualifications]
    return rows("segment user_number cause at retracted", found)


@writes
def record(t: Tables, *columns: list[Any]) -> None:
    for segment, version, user, id, anonymous, cause, cause_id, at, retracted in zip(*columns, strict=True):
        key = segment, user, cause, at
        known = t.qualifications.get(key)
        cause_id = known.cause_id if known else cause_id
        t.qualifications[key] = Qualification(version, id, anonymous, cause_id, retracted)


@writes
def write_log(t: Tables, *columns: Any) -> None:
    *several, now = columns
    for position, *row in zip(*several, strict=True):
        insert(t.log, position, (*row, now))


@writes
def count_per_day(t: Tables, *columns: list[Any]) -> None:
    for segment, day, qualified, retracted in zip(*columns, strict=True):
        before = t.qualified_per_day.get((segment, day), (0, 0))
        t.qualified_per_day[segment, day] = before[0] + qualified, before[1] + retracted


@writes
def drop_those_timers(t: Tables, *columns: list[int]) -> None:
    for key in zip(*columns, strict=True):
        t.timers.pop(key, None)


@writes
def set_timers(t: Tables, *columns: list[Any]) -> None:
    for user, segment, cause, *row in zip(*columns, strict=True):
        t.timers[user, segment, cause] = Timer(*row)


# Loading


@reads
def users_by_number(t: Tables, numbers: list[int]) -> list[Row]:
    found = [(number, *t.users[number][:2]) for number in numbers if number in t.users]
    return rows("number id anonymous", found)


_EVENT = "user_number timestamp sequence received_at live imported origin message_id name properties traits"


def _event_rows(t: Tables, numbers: list[int], read: list[str]) -> Iterable[tuple[Event, list[Any]]]:
    names = {number: name for name, number in t.event_names.items()}
    for sequence, one in t.events.items():
        if one.user_number in numbers and one.user_number in t.users:
            name = names[one.name]
            properties = one.properties if name in read else None
            yield (
                one,
                [
                    one.user_number, one.timestamp, sequence, one.received_at, one.live, one.imported, one.origin,
                    one.message_id, name, properties, None,
                ],
            )  # fmt: skip


@reads
def events_of_users(
    t: Tables, numbers: list[int], since: datetime | None, everything: bool, names: list[str], read: list[str]
) -> list[Row]:
    def wanted(one: Event, name: str) -> bool:
        user = t.users[one.user_number]
        return (
            (everything or name in names)
            and one.timestamp >= max(user.first_seen, since or OLDEST)
            and one.timestamp <= user.last_seen + timedelta(minutes=10)
        )

    return rows(_EVENT, [row for one, row in _event_rows(t, numbers, read) if wanted(one, row[8])])


@reads
def trait_writes_of_users(t: Tables, numbers: list[int], traits: list[str], read: list[str]) -> list[Row]:
    found: list[list[Any]] = []
    for one, row in _event_rows(t, numbers, read):
        written = t.trait_writes.get((one.user_number, one.timestamp, row[2]))
        if written is not None and json.loads(written).keys() & set(traits):
            found.append([*row[:-1], written])
    return rows(_EVENT, found)


@reads
def joins_of_users(t: Tables, numbers: list[int]) -> list[Row]:
    found = [
        (user, old, into, id, anonymous, at, sequence)
        for (user, sequence, old), (id, anonymous, at, into) in t.joins.items()
        if user in numbers
    ]
    return rows("user_number old_number into_number old_id old_anonymous at sequence", found)


@reads
def standing_of_users(t: Tables, numbers: list[int]) -> list[Row]:
    found = [
        (user, segment, one.version, one.id, one.anonymous, at, cause, one.cause_id)
        for (segment, user, cause, at), one in t.qualifications.items()
        if user in numbers and not one.retracted
    ]
    return rows("user_number segment version id anonymous at cause cause_id", found)


@reads
def timers_of_users(t: Tables, numbers: list[int]) -> list[Row]:
    found = [
        (user, segment, one.version, cause, one.opened, one.due)
        for (user, segment, cause), one in t.timers.items()
        if user in numbers
    ]
    return rows("user_number segment version cause opened due", found)


@reads
def due_users(t: Tables, after: datetime | None, before: datetime) -> list[Row]:
    first: dict[int, datetime] = {}
    for (user, _, _), one in t.timers.items():
        if (after or OLDEST) <= one.due < before:
            first[user] = min(one.due, first.get(user, one.due))
    return rows("user_number due", first.items())


@reads
def users_ahead(t: Tables) -> list[Row]:
    first: dict[int, datetime] = {}
    settled = t.journal[True].settled
    for (_, position), run in t.segment_runs.items():
        if run.counts_to is None and position > settled:
            for sequence, one in t.events.items():
                if one.live and sequence < position and one.timestamp >= run.counts_from:
                    first[one.user_number] = min(one.timestamp, first.get(one.user_number, one.timestamp))
    return rows("user_number min", first.items())


@reads
def users_with_events(
    t: Tables, names: list[str], since: datetime | None, traits: list[str], after: int, limit: int
) -> list[Row]:
    numbers = {t.event_names[name] for name in names if name in t.event_names}
    found = {one.user_number for one in t.events.values() if one.name in numbers and one.timestamp >= (since or OLDEST)}
    found |= {key[0] for key, written in t.trait_writes.items() if json.loads(written).keys() & set(traits)}
    return rows("number", [(number,) for number in sorted(found & t.users.keys()) if number > after][:limit])


# Segments

_SEGMENT = "number name definition version status created_at changed_at"


def _segment_row(number: int, one: Segment) -> tuple[Any, ...]:
    return number, one.name, one.definition, one.version, one.status, one.created_at, one.changed_at


@reads
def list_segments(t: Tables) -> list[Row]:
    return rows(_SEGMENT, [_segment_row(*one) for one in sorted(t.segments.items())])


@reads
def segment_runs(t: Tables, since: datetime | None) -> list[Row]:
    since = min([since or OLDEST, *(timer.due for timer in t.timers.values())])
    found = [
        (segment, run.version, t.segments[segment].name, *run[1:])
        for (segment, _), run in sorted(t.segment_runs.items())
        if run.counts_to is None or not run.armed or run.counts_to >= since
    ]
    return rows("segment version name definition sees_from counts_from counts_to armed", found)


@writes
def add_segment(t: Tables, name: str, kind: str, definition: str, now: datetime) -> list[Row]:
    number = t.next_number("segments")
    t.segments[number] = Segment(name, kind, definition, 1, "running", now, now)
    return rows("number", [(number,)])


@writes
def change_segment(
    t: Tables, number: int, name: str, definition: str, version: int, status: str, now: datetime
) -> None:
    one = t.segments[number]
    t.segments[number] = Segment(name, one.kind, definition, version, status, one.created_at, now)


@writes
def rewrite_segment(t: Tables, number: int, definition: str) -> None:
    t.segments[number] = t.segments[number]._replace(definition=definition)


@writes
def begin_run(t: Tables, segment: int, position: int, version: int, definition: str, *more: Any) -> None:
    sees_from, counts_from, armed = more
    if any(run.counts_to is None for (of, _), run in t.segment_runs.items() if of == segment):
        raise ServerError("a run of the segment goes on", "23505")
    _end_earlier(t, segment, counts_from)
    insert(t.segment_runs, (segment, position), SegmentRun(version, definition, sees_from, counts_from, None, armed))


def _end_earlier(t: Tables, segment: int, now: datetime) -> None:
    for key, run in t.segment_runs.items():
        if key[0] == segment and run.counts_to is not None and run.counts_to > now:
            t.segment_runs[key] = run._replace(counts_to=max(now, run.counts_from))


@writes
def end_run(t: Tables, segment: int, now: datetime) -> list[Row]:
    _end_earlier(t, segment, now)
    for key, run in t.segment_runs.items():
        if key[0] == segment and run.counts_to is None:
            t.segment_runs[key] = run._replace(counts_to=max(now, run.counts_from))
            return rows("sees_from armed", [(run.sees_from, run.armed)])
    return []


@writes
def arm_runs(t: Tables, segments: list[int], position: int) -> None:
    for key, run in t.segment_runs.items():
        if key[0] in segments and key[1] <= position:
            t.segment_runs[key] = run._replace(armed=True)


@writes
def drop_segment_timers(t: Tables, segment: int, now: datetime) -> None:
    for key in [key for key, timer in t.timers.items() if key[1] == segment and timer.due >= now]:
        del t.timers[key]


@writes
def delete_segment(t: Tables, number: int) -> None:
    for table, place in ((t.segment_runs, 0), (t.timers, 1), (t.qualifications, 0), (t.qualified_per_day, 0)):
        for key in [key for key in table if key[place] == number]:
            del table[key]
    for position in [position for position, row in t.log.items() if row[1] == number]:
        del t.log[position]
    for webhook in [key for key, one in t.webhooks.items() if one.segment == number]:
        del t.webhooks[webhook]
    del t.segments[number]


# The log

_LOG = (
    "position kind segment version user_number id anonymous at cause cause_id "
    "was_version was_id was_anonymous was_at was_cause was_cause_id"
)


@reads
def log_after(t: Tables, segment: int, position: int, limit: int) -> list[Row]:
    found = [(at, *row[:-1]) for at, row in sorted(t.log.items()) if row[1] == segment and at > position]
    return rows(_LOG, found[:limit])


@reads
def log_position(t: Tables) -> list[Row]:
    return rows("log_position", [(t.journal[True].log_position,)])


# Webhooks

_WEBHOOK = "number segment url secret cursor status reason created_at delivered_at failing_since segment_name"


@reads
def webhooks(t: Tables, number: int | None) -> list[Row]:
    kept = [(key, one) for key, one in sorted(t.webhooks.items()) if one.segment in t.segments]
    found = [(key, *one, t.segments[one.segment].name) for key, one in kept]
    return rows(_WEBHOOK, [row for row in found if number in (None, row[0])])


@writes
def add_webhook(t: Tables, segment: int, url: str, secret: str, cursor: int, now: datetime) -> list[Row]:
    number = t.next_number("webhooks")
    t.webhooks[number] = Webhook(segment, url, secret, cursor, "running", None, now, None, None)
    return rows("number", [(number,)])


@writes
def drop_webhook(t: Tables, number: int) -> None:
    t.webhooks.pop(number, None)


@writes
def webhook_delivered(t: Tables, number: int, before: int, cursor: int, now: datetime) -> None:
    if one := t.webhooks.get(number):
        cursor = cursor if one.cursor == before else one.cursor
        t.webhooks[number] = one._replace(cursor=cursor, delivered_at=now, failing_since=None, reason=None)


@writes
def webhook_failed(t: Tables, number: int, reason: str, now: datetime) -> list[Row]:
    if (one := t.webhooks.get(number)) is None:
        return []
    since = one.failing_since or now
    t.webhooks[number] = one._replace(reason=reason, failing_since=since)
    return rows("failing_since", [(since,)])


@writes
def switch_webhook_off(t: Tables, number: int, reason: str) -> None:
    if one := t.webhooks.get(number):
        t.webhooks[number] = one._replace(status="off", reason=reason)


@writes
def rewind_webhook(t: Tables, number: int, cursor: int) -> None:
    if one := t.webhooks.get(number):
        t.webhooks[number] = one._replace(status="running", cursor=cursor, reason=None, failing_since=None)
