"""What the API is told of segments, users and events, and by whom: the values, and the Protocols that the store fills.

Segments are numbers here, users are too wherever an id would not do; traits and properties are decoded.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date
from typing import Any, Literal, NamedTuple, Protocol

from segd.core.effects import Logged
from segd.core.frames import Shown
from segd.core.language.definitions import Channel
from segd.core.observing import Observed
from segd.core.time.instants import Instant
from segd.core.why.verdict import Told

# Users


class Person(NamedTuple):
    """A user. traits: as they stand, those worth showing or all, as the case may be."""

    number: int
    id: str
    anonymous: bool
    last_seen: Instant
    traits: Mapping[str, Any]


class UserKey(NamedTuple):
    """An id, and which of the two kinds it is."""

    id: str
    anonymous: bool


class CausedBy(NamedTuple):
    """What follows from an event for a segment: a qualification at that instant, or what waits for it."""

    segment: int
    name: str
    kind: Literal["qualified", "retracted", "waiting"]
    at: Instant


class Happened(NamedTuple):
    """One message of a user. content: its properties, or the traits that an `$identify` wrote; a JSON object."""

    at: Instant
    sequence: int
    name: str
    content: str
    message_id: str
    caused: Sequence[CausedBy]


class Timeline(NamedTuple):
    """The latest first. more: whether there are earlier ones."""

    entries: Sequence[Happened]
    more: bool


class Belongs(NamedTuple):
    """A segment that a user is in. qualified_at: when last, of a live one."""

    segment: int
    name: str
    qualified_at: Instant | None


class Profile(NamedTuple):
    """person: with all traits."""

    person: Person
    ids: Sequence[UserKey]
    first_seen: Instant
    segments: Sequence[Belongs]


class Users(Protocol):
    """Whatever is asked of one user raises LookupError where there is none of that id."""

    async def find(self, text: str, most: int) -> list[Person]:
        """Those whose id is the text, then those whose id or e-mail begins with it."""
        ...

    async def profile(self, key: UserKey) -> Profile: ...

    async def timeline(self, key: UserKey, before: tuple[Instant, int] | None, most: int) -> Timeline:
        """before: at and sequence of the last entry of the page before."""
        ...

    async def why(self, key: UserKey, segment: int) -> Told:
        """Raises LookupError where there is no such segment, too."""
        ...

    async def forget(self, key: UserKey, refused_until: Instant | None) -> dict[str, int]:
        """Remove all that is known of the user; how many rows, by table. refused_until: no message with one of the
        user's ids is taken before."""
        ...

    def export(self, key: UserKey) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """All that is known of the user, as one JSON object in pieces. LookupError comes before the first."""
        ...


# Segments


class DayOf(NamedTuple):
    """One day of a segment. number: who qualified on it and was not retracted, or the members at its first instant."""

    day: date
    number: int
    retracted: int = 0


class Reach(NamedTuple):
    """Of so many users, how many any channel reaches, and how many each."""

    of: int
    reached: int
    channels: Mapping[Channel, int]


class Open(NamedTuple):
    """Users inside a window, or with a date that is to come; and when the first of them is due."""

    users: int
    next_due: Instant | None


class Share(NamedTuple):
    """Of the users who did what a segment begins with, by `words`, so many qualified since then. Where that takes a
    while, those are meant whose while ended since then."""

    qualified: int
    of: int
    since: Instant
    words: str


class LiveReport(NamedTuple):
    """per_day: since the segment was made; today's is not over. last_hour, last_day: how many qualified. members: users
    with a qualification that stands. open: None where the trigger waits for nothing. share: in 7 days, or since the
    latest version began; None where all qualify who do it, where a date decides, and while it is paused. reach: of
    those who qualified in 30 days. recent: the latest first, and what to show beside each."""

    per_day: Sequence[DayOf]
    last_hour: int
    last_day: int
    members: int
    retracted: int
    open: Open | None
    share: Share | None
    reach: Reach
    recent: Sequence[tuple[Logged, Shown]]


class PastReport(NamedTuple):
    """per_day: of the days whose snapshot was taken. members, sample, reach: as of `as_of`, found in so many
    milliseconds."""

    per_day: Sequence[DayOf]
    as_of: Instant
    milliseconds: int
    members: int
    sample: Sequence[Person]
    reach: Reach


class Reports(Protocol):
    """LookupError where there is no such segment of that kind."""

    async def live(self, segment: int) -> LiveReport: ...

    async def past(self, segment: int, *, recalculate: bool = False) -> PastReport:
        """recalculate: find who is in it anew; else what was found a moment ago may do."""
        ...


class Member(NamedTuple):
    """at, cause: of a live segment, the last qualification that stands; the cause is a messageId."""

    person: Person
    at: Instant | None = None
    cause: str | None = None


class Members(Protocol):
    """Who is in a segment: users with a qualification that stands, the latest first; or the members as of `as_of`, by
    id. LookupError where there is no such segment."""

    async def page(self, segment: int, as_of: Instant, skip: int, most: int) -> tuple[list[Member], int]:
        """Some of them, and how many there are in all."""
        ...

    def stream(self, segment: int, as_of: Instant) -> AbstractAsyncContextManager[AsyncIterator[Sequence[Member]]]:
        """All of them, in pages. A connection to the store is held for as long."""
        ...


class Snapshots(Protocol):
    """Past segments at the account's midnights, and lately."""

    async def take_next(self) -> bool:
        """Take the one that is wanted most; False where none is missing."""
        ...


# Events


class Named(NamedTuple):
    """number: of them, about, where there are very many."""

    name: str
    number: int
    last_seen: Instant | None


class EventStats(Protocol):
    """What events and traits look like, from a sample of the latest; not newer than some seconds."""

    async def names(self) -> list[Named]: ...

    async def properties(self, name: str) -> tuple[Named, list[Observed]]:
        """LookupError where no such event ever came."""
        ...

    async def traits(self) -> tuple[int, list[Observed]]:
        """And of how many users."""
        ...
