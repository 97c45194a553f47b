"""What a story is, once its file has been read."""

from pathlib import Path
from typing import Literal, NamedTuple

from segd.core.deciding.plan import Plan
from segd.core.events.messages import Event
from segd.core.time.instants import Instant

Order = Literal["timestamp", "arrival"]


class Entry(NamedTuple):
    """Somebody who enters a live segment. cause: a messageId; None: whatever it is."""

    at: Instant
    user: str
    anonymous: bool
    cause: str | None


class Change(NamedTuple):
    """An entry, or what became of one. to: the entry that took its place, where it was corrected."""

    what: Literal["qualified", "retracted", "corrected"]
    entry: Entry
    to: Entry | None = None


class Story(NamedTuple):
    """events: with their numbers in the file, from 1; repeated and refused ones left out. until: when time ends.
    expect, members: what should come of it, by segment."""

    file: Path
    name: str
    plan: Plan
    start: Instant
    until: Instant
    order: Order
    events: list[tuple[int, Event]]
    expect: dict[str, list[Change]]
    members: dict[str, list[str]]
    as_of: Instant
