"""Segments and their definitions."""

from typing import Literal

from segd.web.api.shapes.base import Answer, AnyDefinition, Count, Definition, Moment, Page, PerPage, Request

Status = Literal["running", "paused", "broken"]
TypeOfSegment = Literal["action", "inaction", "date", "page_visit", "referrer", "page_count", "past"]


class Number(Answer, frozen=True):
    """The one number of a segment with its meaning; null while it was never evaluated."""

    value: Count | None
    label: Literal["qualified in 24 h", "members now"]


class Segment(Answer, frozen=True):
    """A segment as lists show it.

    type: of a live one, what triggers it. words: the definition in English. version: grows with each change of what it
    means. status: `broken` where it can neither run nor be asked, with the reason; if its definition is none any more,
    that has no words, and another has to be given to it. trend: 14 days, oldest first, null where it is not known.
    evaluated_at, evaluation_milliseconds: of a past one's number. last_qualified_at: of a live one, null while nobody
    has.
    """

    id: int
    name: str
    kind: Literal["live", "past"]
    type: TypeOfSegment | None
    definition: AnyDefinition
    words: str
    version: int
    status: Status
    reason: str | None
    number: Number
    trend: list[int | None]
    created_at: Moment
    changed_at: Moment
    evaluated_at: Moment | None
    evaluation_milliseconds: Count | None
    last_qualified_at: Moment | None


class Segments(Answer, frozen=True):
    """One page of segments. total: of all pages."""

    segments: list[Segment]
    total: Count
    page: Page
    per_page: PerPage


class SegmentsQuery(Request, frozen=True):
    """search: part of the name, in any case. sort: backwards with a dash before it."""

    search: str = ""
    sort: Literal["name", "-name", "created", "-created", "members", "-members"] = "name"
    page: Page = 1
    per_page: PerPage = 50


class DefinitionRequest(Request, frozen=True):
    definition: Definition
