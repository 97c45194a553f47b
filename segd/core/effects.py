"""What the journal and the actors hand one another: what was committed, what the store knows of a user, what follows.

Users and segments are numbers here, as in the store; an event is its sequence number, its place in the journal.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from segd.core.events.messages import Event
from segd.core.language import definitions as d
from segd.core.time.instants import Instant

Taken = Literal["live", "late", "imported"]  # late: older than the late band when it came


class Arrival(NamedTuple):
    """One event, committed. user: after all joins of its group."""

    event: Event
    sequence: int
    received_at: Instant
    taken: Taken
    user: int


class Group(NamedTuple):
    """What one transaction of the journal changed. arrivals: of what happens now. history: of what was imported along
    with it. created: users that arrivals made and that have no other events. outdated: users whose rows it moved, took
    or removed: what is known of them holds no more. replanned: segments were changed; nothing that is known of any user
    holds any more. unsettled: users with events whose effects may not be on record. joined: those outdated ones who now
    have what others had."""

    position: int
    arrivals: Sequence[Arrival] = ()
    history: Sequence[Arrival] = ()
    created: frozenset[int] = frozenset()
    outdated: frozenset[int] = frozenset()
    replanned: bool = False
    unsettled: frozenset[int] = frozenset()
    joined: frozenset[int] = frozenset()


class Run(NamedTuple):
    """An uninterrupted time in which one version of a live segment counts.

    sees_from: its trigger sees events stamped then or later; None for all there are. counts_from, counts_to: the
    qualifications that count are dated in [from, to); None while it goes on. armed: what history opens has its timers;
    else all users with such a history are still to be looked at.
    """

    segment: int
    version: int
    definition: d.Live
    sees_from: Instant | None
    counts_from: Instant
    counts_to: Instant | None
    armed: bool = True

    def counts(self, at: Instant) -> bool:
        """Whether a qualification dated then does."""
        return self.counts_from <= at and (self.counts_to is None or at < self.counts_to)


class Moved(NamedTuple):
    """Part of a user's history was another's before the message `sequence`, stamped `at`, joined that one into a user;
    or was the same user's under another id, where both numbers are the same. Who was joined into may be part of a third
    by now."""

    old_user: int
    into_user: int
    old_id: str
    old_anonymous: bool
    at: Instant
    sequence: int


class StoredEvent(NamedTuple):
    """origin: the user it was written for, where a join moved it later; else None. event: with its properties as they
    are kept, and the ids of nobody."""

    event: Event
    sequence: int
    received_at: Instant
    taken: Taken
    origin: int | None


class Standing(NamedTuple):
    """A qualification on record. cause: the event that opened the window or matched, its id beside it."""

    segment: int
    version: int
    id: str
    anonymous: bool
    at: Instant
    cause: int
    cause_id: str


class Waiting(NamedTuple):
    """A pending timer, as the store keeps it: whom to wake, when, and for what."""

    segment: int
    version: int
    cause: int
    opened: Instant
    due: Instant


class StoredUser(NamedTuple):
    """All that the store knows of a user and the plan asks about. events: in no order. standing: not retracted."""

    number: int
    id: str
    anonymous: bool
    events: Sequence[StoredEvent]
    moved: Sequence[Moved]
    standing: Sequence[Standing]
    waiting: Sequence[Waiting]


class LogEntry(NamedTuple):
    """What watchers are told. was: the entry whose place it took, of a correction."""

    type: Literal["qualified", "retracted", "corrected"]
    user: int
    of: Standing
    was: Standing | None = None


@dataclass(slots=True)
class Effects:
    """What follows from all that was committed up to `settled`. log: in order. set, dropped: rows of timers, by user;
    one that is set may take the place of a row with the same segment and cause. armed: segments whose runs are now."""

    settled: int
    log: list[LogEntry] = field(default_factory=list[LogEntry])
    set: list[tuple[int, Waiting]] = field(default_factory=list[tuple[int, Waiting]])
    dropped: list[tuple[int, Waiting]] = field(default_factory=list[tuple[int, Waiting]])
    armed: list[int] = field(default_factory=list[int])

    def __bool__(self) -> bool:
        return bool(self.log or self.set or self.dropped or self.armed)


class Logged(NamedTuple):
    """An entry of the log, committed. cursor: its position, in order of commit."""

    cursor: int
    entry: LogEntry
