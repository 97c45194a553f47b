"""Feeds, frame by frame."""

from typing import Any

from msgspec import UNSET, UnsetType, field

from segd.web.api.shapes.base import Answer, Count, Cursor, Moment, Request
from segd.web.api.shapes.events import RejectedMessage
from segd.web.api.shapes.members import LogEntry
from segd.web.api.shapes.segments import Segment


class Hello(Answer, frozen=True, tag="hello"):
    """The first frame. last: the newest entries, newest first."""

    segment: Segment
    last: list[LogEntry]


class Qualified(Answer, frozen=True, tag="qualified"):
    """left_out: how many more there were than are shown."""

    entries: list[LogEntry]
    left_out: Count = field(name="left_out")


class Retracted(Answer, frozen=True, tag="retracted"):
    entries: list[LogEntry]


class Corrected(Answer, frozen=True, tag="corrected"):
    entries: list[LogEntry]


class SegmentRate(Answer, frozen=True, tag="rate"):
    """Once a second: how many qualified in it, and how many events there were in all."""

    at: Moment
    qualifying: Count
    all: Count


class SegmentRates(Answer, frozen=True, tag="rates"):
    """The second frame: the last minutes as far as they are known, oldest first."""

    rates: list[SegmentRate]


class LogFrame(Answer, frozen=True, tag="log"):
    """With `?after=`: the log itself, whole and in order. cursor: of its last entry."""

    entries: list[LogEntry]
    cursor: Cursor


SegmentFrame = Hello | Qualified | Retracted | Corrected | SegmentRate | SegmentRates | LogFrame


class EventSeen(Answer, frozen=True):
    """An event just taken. properties: some of them, cut short; of `$identify`, of the traits that it wrote."""

    name: str
    user_id: str | None
    anonymous_id: str | None
    timestamp: Moment
    received_at: Moment
    properties: dict[str, Any]


class EventsSeen(Answer, frozen=True, tag="events"):
    """left_out: how many more there were than are shown."""

    entries: list[EventSeen]
    left_out: Count = field(name="left_out")


class AllRate(Answer, frozen=True, tag="rate"):
    """Once a second."""

    at: Moment
    all: Count
    rejected: Count


class AllRates(Answer, frozen=True, tag="rates"):
    """The first frame: the last minutes as far as they are known, oldest first."""

    rates: list[AllRate]


class RejectedSeen(Answer, frozen=True, tag="rejected"):
    entries: list[RejectedMessage]


AllFrame = EventsSeen | AllRate | AllRates | RejectedSeen


class FeedQuery(Request, frozen=True):
    """after: a cursor; turns the feed into the log from there on."""

    after: Cursor | UnsetType = UNSET
