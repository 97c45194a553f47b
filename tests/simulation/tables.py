"""The tables of segd in memory, and what each of its statements does to them.

A statement is known by its name in the SQL files: `tests/store/contract` runs all of them on Postgres, too, and
compares.
Rows are tuples, never changed in place, so a copy of the tables is a snapshot.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, timedelta
from struct import Struct
from typing import Any, NamedTuple

from segd.store import event_rows
from segd.store.errors import ServerError
from segd.store.queries import _queries  # pyright: ignore[reportPrivateUsage]

OLDEST = datetime.min.replace(tzinfo=UTC)


class Row(tuple[Any, ...]):
    """A row that answers row["column"], too."""

    names: tuple[str, ...]

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(self.names.index(key) if isinstance(key, str) else key)


def rows(columns: str, found: Iterable[Sequence[Any]]) -> list[Row]:
    names = tuple(columns.split())
    result: list[Row] = []
    for one in found:
        row = Row(one)
        row.names = names
        result.append(row)
    return result


class Journal(NamedTuple):
    position: int = 0
    settled: int = 0
    log_position: int = 0
    effects: int = 0
    accepted_at: datetime | None = None


class User(NamedTuple):
    id: str
    anonymous: bool
    first_seen: datetime
    last_seen: datetime


class Event(NamedTuple):
    user_number: int
    timestamp: datetime
    received_at: datetime
    name: int
    live: bool
    imported: bool
    message_id: str
    properties: str
    claimed: datetime | None
    origin: int | None


class Segment(NamedTuple):
    name: str
    kind: str
    definition: str
    version: int
    status: str
    created_at: datetime
    changed_at: datetime


class SegmentRun(NamedTuple):
    version: int
    definition: str
    sees_from: datetime | None
    counts_from: datetime
    counts_to: datetime | None
    armed: bool


class Qualification(NamedTuple):
    version: int
    id: str
    anonymous: bool
    cause_id: str
    retracted: bool


class Timer(NamedTuple):
    version: int
    opened: datetime
    due: datetime


@dataclass
class Tables:
    """By primary key. events: by sequence. counters: of generated numbers, which no rollback takes back."""

    journal: dict[bool, Journal] = field(default_factory=lambda: {True: Journal()})
    users: dict[int, User] = field(default_factory=dict[int, User])
    user_ids: dict[tuple[bool, str], tuple[int, bool]] = field(default_factory=dict[tuple[bool, str], tuple[int, bool]])
    event_names: dict[str, int] = field(default_factory=dict[str, int])
    events: dict[int, Event] = field(default_factory=dict[int, Event])
    trait_writes: dict[tuple[int, datetime, int], str] = field(default_factory=dict[tuple[int, datetime, int], str])
    seen: dict[tuple[bytes, date], None] = field(default_factory=dict[tuple[bytes, date], None])
    joins: dict[tuple[int, int, int], tuple[Any, ...]] = field(default_factory=dict[tuple[int, int, int], Any])
    segments: dict[int, Segment] = field(default_factory=dict[int, Segment])
    segment_runs: dict[tuple[int, int], SegmentRun] = field(default_factory=dict[tuple[int, int], SegmentRun])
    timers: dict[tuple[int, int, int], Timer] = field(default_factory=dict[tuple[int, int, int], Timer])
    qualifications: dict[tuple[int, int, int, datetime], Qualification] = field(default_factory=dict[Any, Any])
    log: dict[int, tuple[Any, ...]] = field(default_factory=dict[int, tuple[Any, ...]])
    qualified_per_day: dict[tuple[int, date], tuple[int, int]] = field(default_factory=dict[Any, tuple[int, int]])
    unsettled: dict[int, tuple[list[int], bool]] = field(default_factory=dict[int, tuple[list[int], bool]])
    counters: dict[str, int] = field(default_factory=dict[str, int])

    def copy(self) -> "Tables":
        copies = {each.name: dict(getattr(self, each.name)) for each in fields(self) if each.name != "counters"}
        return replace(self, **copies)

    def next_number(self, table: str) -> int:
        self.counters[table] = self.counters.get(table, 0) + 1
        return self.counters[table]


Work = Callable[..., Any]
READS: dict[str, Work] = {}
WRITES: dict[str, Work] = {}
SETTINGS = ("look_up_by_key", "look_up_as_ever", "look_up_in_this", "plan_for_these_values", "make_months")
LOCKS = ("take_writers_lock", "return_writers_lock")


def name_of(statement: str) -> str:
    """The name under which the statement is known here. Several of the files' may say the same."""
    if not _NAMES:
        known = {*READS, *WRITES, *SETTINGS, *LOCKS}
        _NAMES.update({text: name for name, text in _queries().items() if name in known})
    return _NAMES[statement]


_NAMES: dict[str, str] = {}


def reads(work: Work) -> Work:
    READS[work.__name__] = work
    return work


def writes(work: Work) -> Work:
    WRITES[work.__name__] = work
    return work


def insert(table: dict[Any, Any], key: Any, row: Any) -> None:
    if key in table:
        raise ServerError(f"there is a row {key} already", "23505")
    table[key] = row


# The journal


@reads
def end_of_journal(t: Tables) -> list[Row]:
    one = t.journal[True]
    return rows("position effects log_position", [(one.position, one.effects, one.log_position)])


@reads
def settled(t: Tables) -> list[Row]:
    return rows("settled", [(t.journal[True].settled,)])


@reads
def unsettled(t: Tables) -> list[Row]:
    users = {number for numbers, _ in t.unsettled.values() for number in numbers if number in t.users}
    replanned = any(replanned for _, replanned in t.unsettled.values())
    one = t.journal[True]
    return rows("users replanned settled accepted_at", [(sorted(users), replanned, one.settled, one.accepted_at)])


@writes
def advance_live(
    t: Tables, position: int, effects: int, to: int, to_effects: int, to_log: int, done: int, now: datetime,
    users: list[int], replanned: bool,
) -> str:  # fmt: skip
    for key in [key for key in t.unsettled if key <= done]:
        del t.unsettled[key]
    if to > position:
        insert(t.unsettled, to, (users, replanned))
    one = t.journal[True]
    if (one.position, one.effects) != (position, effects):
        return "UPDATE 0"
    t.journal[True] = Journal(to, done, to_log, to_effects, now)
    return "UPDATE 1"


@writes
def beat(t: Tables, done: int, now: datetime) -> None:
    for key in [key for key in t.unsettled if key <= done]:
        del t.unsettled[key]
    t.journal[True] = t.journal[True]._replace(settled=done, accepted_at=now)


# Taking in


@writes
def turn_seen(t: Tables, today: datetime) -> None:
    day = today.astimezone(UTC).date()
    for key in [key for key in t.seen if key[1] < day - timedelta(days=1)]:
        del t.seen[key]


@reads
def seen_hashes(t: Tables, hashes: list[bytes]) -> list[Row]:
    known = {hash for hash, _ in t.seen}
    return rows("message_hash", [(hash,) for hash in hashes if hash in known])


@reads
def event_names(t: Tables, names: list[str]) -> list[Row]:
    return rows("name number", [(name, t.event_names[name]) for name in names if name in t.event_names])


@writes
def add_event_names(t: Tables, names: list[str]) -> list[Row]:
    for name in names:
        insert(t.event_names, name, t.next_number("event_names"))
    return rows("name number", [(name, t.event_names[name]) for name in names])


@reads
def stored_ids(t: Tables, names: list[int], timestamps: list[datetime]) -> list[Row]:
    moments = set(zip(names, timestamps, strict=True))
    return rows("id", [(one.message_id,) for one in t.events.values() if (one.name, one.timestamp) in moments])


# Who is who


@reads
def look_up_ids(t: Tables, anonymous: list[bool], ids: list[str]) -> list[Row]:
    keys = set(zip(anonymous, ids, strict=True))
    found = [(*key, *t.user_ids[key]) for key in sorted(keys) if key in t.user_ids]
    return rows("anonymous id user_number joined", found)


@writes
def write_ids(t: Tables, *columns: list[Any]) -> None:
    for anonymous, id, user, joined in zip(*columns, strict=True):
        t.user_ids[anonymous, id] = user, joined


@writes
def create_users(t: Tables, *columns: list[Any]) -> None:
    for number, *row in zip(*columns, strict=True):
        insert(t.users, number, User(*row))


@writes
def rename_users(t: Tables, numbers: list[int], ids: list[str]) -> None:
    for number, id in zip(numbers, ids, strict=True):
        if number in t.users:
            t.users[number] = t.users[number]._replace(id=id, anonymous=False)


@writes
def see_users(t: Tables, *columns: list[Any]) -> None:
    for number, earliest, latest in zip(*columns, strict=True):
        one = t.users.get(number)
        if one and (earliest < one.first_seen or latest > one.last_seen + timedelta(minutes=10)):
            t.users[number] = one._replace(
                first_seen=min(one.first_seen, earliest), last_seen=max(one.last_seen, latest)
            )


@writes
def write_joins(t: Tables, *columns: list[Any]) -> None:
    for survivor, old, anonymous, id, at, sequence, into in zip(*columns, strict=True):
        one = t.users.get(old)
        anonymous = one.anonymous if one and anonymous is None else anonymous
        id = one.id if one and id is None else id
        if anonymous is None or id is None:
            raise ServerError("a join of nobody", "23502")
        insert(t.joins, (survivor, sequence, old), (id, anonymous, at, into))


@writes
def join_events(t: Tables, old: list[int], survivors: list[int]) -> None:
    into = dict(zip(old, survivors, strict=True))
    for sequence, one in t.events.items():
        if one.user_number in into:
            origin = one.user_number if one.origin is None else one.origin
            t.events[sequence] = one._replace(user_number=into[one.user_number], origin=origin)


@writes
def join_log(t: Tables, old: list[int], survivors: list[int]) -> None:
    into = dict(zip(old, survivors, strict=True))
    for position, row in t.log.items():
        if row[3] in into:
            t.log[position] = (*row[:3], into[row[3]], *row[4:])


@writes
def join_users(t: Tables, old: list[int], survivors: list[int]) -> None:
    for number, survivor in zip(old, survivors, strict=True):
        if number in t.users and survivor in t.users:
            gone, one = t.users[number], t.users[survivor]
            t.users[survivor] = one._replace(
                first_seen=min(one.first_seen, gone.first_seen), last_seen=max(one.last_seen, gone.last_seen)
            )


@writes
def drop_joined_users(t: Tables, old: list[int], survivors: list[int]) -> None:
    for number in old:
        t.users.pop(number, None)


@writes
def join_ids(t: Tables, old: list[int], survivors: list[int]) -> None:
    into = dict(zip(old, survivors, strict=True))
    for key, (user, joined) in t.user_ids.items():
        t.user_ids[key] = into.get(user, user), joined


def _moves(name: str, table: str, place: int) -> None:
    """`join_…` of a table in whose key the user is."""

    def move(t: Tables, old: list[int], survivors: list[int]) -> None:
        into = dict(zip(old, survivors, strict=True))
        found: dict[Any, Any] = getattr(t, table)
        for key in list(found):
            if key[place] in into:
                insert(found, (*key[:place], into[key[place]], *key[place + 1 :]), found.pop(key))

    WRITES[name] = move


_moves("join_trait_writes", "trait_writes", 0)
_moves("join_qualifications", "qualifications", 1)
_moves("join_timers", "timers", 0)
_moves("join_joins", "joins", 0)


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
        if run.counts_to is None or run.counts_to >= since
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
    insert(t.segment_runs, (segment, position), SegmentRun(version, definition, sees_from, counts_from, None, armed))


@writes
def end_run(t: Tables, segment: int, now: datetime) -> list[Row]:
    for key, run in t.segment_runs.items():
        if key[0] == segment and run.counts_to is None:
            t.segment_runs[key] = run._replace(counts_to=max(now, run.counts_from))
            return rows("sees_from armed", [(run.sees_from, run.armed)])
    return []


@writes
def arm_runs(t: Tables, segments: list[int], position: int) -> None:
    for key, run in t.segment_runs.items():
        if key[0] in segments and key[1] <= position and run.counts_to is None:
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


# COPY, in its binary format

_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_INTEGERS = {2: Struct(">h"), 4: Struct(">i"), 8: Struct(">q")}


def copied(t: Tables, table: str, columns: Sequence[str], content: bytes) -> int:
    """Add what was copied in. Returns how many rows."""
    found = [dict(zip(columns, row, strict=True)) for row in _fields(content)]
    for row in found:
        if table == "events":
            one = Event(
                _integer(row["user_number"]),
                _moment(row["timestamp"]),
                _moment(row["received_at"]),
                _integer(row["name"]),
                row["live"] == b"\1",
                row["imported"] == b"\1",
                row["message_id"].decode(),
                row["properties"][1:].decode(),
                None if row["claimed"] is None else _moment(row["claimed"]),
                None if row["origin"] is None else _integer(row["origin"]),
            )
            insert(t.events, _integer(row["sequence"]), one)
        elif table == "trait_writes":
            key = _integer(row["user_number"]), _moment(row["timestamp"]), _integer(row["sequence"])
            insert(t.trait_writes, key, row["traits"][1:].decode())
        else:
            day = _POSTGRES_EPOCH.date() + timedelta(days=_integer(row["received_on"]))
            insert(t.seen, (row["message_hash"], day), None)
    return len(found)


def _fields(content: bytes) -> Iterable[list[Any]]:
    place = len(event_rows.HEADER)
    while content[place : place + 2] != event_rows.TRAILER:
        count = _integer(content[place : place + 2])
        place += 2
        row: list[Any] = []
        for _ in range(count):
            length = _integer(content[place : place + 4])
            place += 4
            row.append(None if length < 0 else content[place : place + length])
            place += max(length, 0)
        yield row


def _integer(content: bytes) -> int:
    return _INTEGERS[len(content)].unpack(content)[0]


def _moment(content: bytes) -> datetime:
    return _POSTGRES_EPOCH + timedelta(microseconds=_integer(content))
