"""The tables of segd in memory. Rows are tuples, never changed in place, so a copy of the tables is a snapshot."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from typing import Any, NamedTuple

from segd.store.errors import ServerError


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
    mark: int = 0
    ran: float = 0.0


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


class Webhook(NamedTuple):
    segment: int
    url: str
    secret: str
    cursor: int
    status: str
    reason: str | None
    created_at: datetime
    delivered_at: datetime | None
    failing_since: datetime | None


class Forgetting(NamedTuple):
    """What Postgres does not keep: who was forgotten, under which (anonymous, id), and with which messages."""

    numbers: frozenset[int]
    ids: tuple[tuple[bool, str], ...]
    messages: tuple[str, ...]


@dataclass
class Tables:
    """By primary key. events: by sequence. counters: of generated numbers, which no rollback takes back. forgettings,
    refusals: by the last entry of the journal before; for the judge alone, as no table of segd's tells of either."""

    journal: dict[bool, Journal] = field(default_factory=lambda: {True: Journal()})
    users: dict[int, User] = field(default_factory=dict[int, User])
    user_ids: dict[tuple[bool, str], tuple[int, bool]] = field(default_factory=dict[tuple[bool, str], tuple[int, bool]])
    event_names: dict[str, int] = field(default_factory=dict[str, int])
    events: dict[int, Event] = field(default_factory=dict[int, Event])
    trait_writes: dict[tuple[int, datetime, int], str] = field(default_factory=dict[tuple[int, datetime, int], str])
    seen: dict[tuple[bytes, int], None] = field(default_factory=dict[tuple[bytes, int], None])
    joins: dict[tuple[int, int, int], tuple[Any, ...]] = field(default_factory=dict[tuple[int, int, int], Any])
    segments: dict[int, Segment] = field(default_factory=dict[int, Segment])
    segment_runs: dict[tuple[int, int], SegmentRun] = field(default_factory=dict[tuple[int, int], SegmentRun])
    timers: dict[tuple[int, int, int], Timer] = field(default_factory=dict[tuple[int, int, int], Timer])
    qualifications: dict[tuple[int, int, int, datetime], Qualification] = field(default_factory=dict[Any, Any])
    log: dict[int, tuple[Any, ...]] = field(default_factory=dict[int, tuple[Any, ...]])
    qualified_per_day: dict[tuple[int, date], tuple[int, int]] = field(default_factory=dict[Any, tuple[int, int]])
    unsettled: dict[int, tuple[list[int], bool]] = field(default_factory=dict[int, tuple[list[int], bool]])
    webhooks: dict[int, Webhook] = field(default_factory=dict[int, Webhook])
    refused_ids: dict[tuple[bool, bytes], datetime] = field(default_factory=dict[tuple[bool, bytes], datetime])
    forgettings: dict[int, Forgetting] = field(default_factory=dict[int, Forgetting])
    refusals: dict[int, list[tuple[bool, bytes, datetime]]] = field(default_factory=dict[int, Any])
    counters: dict[str, int] = field(default_factory=dict[str, int])

    def copy(self) -> "Tables":
        copies = {each.name: dict(getattr(self, each.name)) for each in fields(self) if each.name != "counters"}
        return replace(self, **copies)

    def next_number(self, table: str) -> int:
        self.counters[table] = self.counters.get(table, 0) + 1
        return self.counters[table]


def insert(table: dict[Any, Any], key: Any, row: Any) -> None:
    if key in table:
        raise ServerError(f"there is a row {key} already", "23505")
    table[key] = row
