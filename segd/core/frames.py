"""What feeds tell those who watch: values that `actors` makes and `web` puts into words, once for all watchers."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Literal, NamedTuple, Protocol

from segd.core.effects import Arrival, Logged
from segd.core.time.instants import Instant

EntryType = Literal["qualified", "retracted", "corrected"]


class Cause(NamedTuple):
    """The event that matched or opened the window. properties: a JSON object."""

    name: str
    at: Instant
    properties: str


class Shown(NamedTuple):
    """What people see beside an entry of the log. traits: of the user, worth showing. cause: None where it cannot be
    told."""

    traits: Mapping[str, object]
    cause: Cause | None


class Entries(NamedTuple):
    """Some of the log's entries since the frame before, all of one type. shown: beside each. left_out: how many more of
    them there were."""

    type: EntryType
    entries: Sequence[Logged]
    shown: Sequence[Shown]
    left_out: int


class Rate(NamedTuple):
    """How many qualified for the segment in the second before `at`, and how many events there were of any kind."""

    at: Instant
    qualifying: int
    all: int


class Rates(NamedTuple):
    """Of the seconds before one began to watch, oldest first."""

    rates: Sequence[Rate]


class Activity(NamedTuple):
    """Some of the events since the frame before. left_out: how many more there were."""

    arrivals: Sequence[Arrival]
    left_out: int


class Total(NamedTuple):
    """How many events came in the second before `at`, and how many messages were refused."""

    at: Instant
    all: int
    rejected: int


class Totals(NamedTuple):
    """Of the seconds before one began to watch, oldest first."""

    totals: Sequence[Total]


class Rejection(Protocol):
    """A message that was refused. content: its beginning."""

    @property
    def at(self) -> Instant: ...
    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def content(self) -> str: ...


class Rejections(NamedTuple):
    """Some of the messages refused since the frame before, oldest first. left_out: how many more there were."""

    rejections: Sequence[Rejection]
    left_out: int


Frame = Entries | Rate | Rates | Activity | Total | Totals | Rejections


class Ending(Enum):
    """Why a watcher hears no more: a code for programs, a sentence for people."""

    STOPPING = 1001, "segd is stopping: connect again in a moment"
    FAILED = 1011, "something went wrong here, the log says what"
    AWAY = 1013, "the database is away: connect again in a moment"
    GONE = 4004, "the segment was deleted"
    FELL_BEHIND = 4008, "fell behind: resume by cursor"

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
