"""What the API is told of segments and of the answers to definitions: values, shared by store and web."""

from collections.abc import Sequence
from datetime import date
from typing import Literal, NamedTuple

from segd.core.answers import Person
from segd.core.language import definitions as d
from segd.core.time.instants import Instant, to_text

Order = Literal["name", "-name", "created", "-created", "members", "-members"]


class SegmentView(NamedTuple):
    """A segment as lists show it.

    document: the definition as JSON, also where it is none any more and `definition` is None. value: of a live one who
    qualified in the last 24 hours, of a past one the members, as of `evaluated_at`; None while it is not known.
    problem: why it cannot run or be asked. trend: 14 days in the account's zone, today last: qualified on it, or
    members at its first instant; None where that is not known. last_at: when somebody qualified last, and was not
    retracted.
    """

    number: int
    name: str
    kind: d.Kind
    definition: d.Definition | None
    document: bytes
    version: int
    paused: bool
    problem: str | None
    created_at: Instant
    changed_at: Instant
    value: int | None
    evaluated_at: Instant | None
    milliseconds: int | None
    trend: Sequence[int | None]
    last_at: Instant | None


def tag(version: int, changed_at: Instant) -> str:
    """What tells one state of a segment from those before and after it."""
    return f"{version}-{to_text(changed_at)}"


class Previewed(NamedTuple):
    """The members of a past definition, and all users known at `as_of`. values: of the statement's parameters, as text.
    error: of an estimate, by how much `members` is off at most, nineteen times in twenty; None where exact."""

    members: int
    known: int
    sample: Sequence[Person]
    milliseconds: int
    sql: str
    values: Sequence[str]
    as_of: Instant
    error: int | None


class Hit(NamedTuple):
    """A qualification that would have been. cause: a messageId."""

    user: str
    anonymous: bool
    at: Instant
    cause: str


class Backtested(NamedTuple):
    """What a live definition would have found. per_day: every day that was asked about, in order. error: as that of
    Previewed, of `total`."""

    per_day: Sequence[tuple[date, int]]
    total: int
    users: int
    sample: Sequence[Hit]
    milliseconds: int
    error: int | None
