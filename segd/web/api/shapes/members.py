"""Who is in a segment, and its log."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from segd.web.api.shapes.base import Answer, Count, Cursor, Moment, Page, PerPage, Request, Traits


class Was(Answer, frozen=True):
    """What a correction replaces."""

    at: Moment
    cause: str


class CauseEvent(Answer, frozen=True):
    """What opened the window or matched. properties: some of them, cut short."""

    name: str
    at: Moment
    properties: dict[str, Any]


class LogEntry(Answer, frozen=True, omit_defaults=True):
    """One thing that happened to a segment, told once. cause: the messageId of what opened the window or matched.
    traits, event: where people look, and they can be told."""

    cursor: Cursor
    type: Literal["qualified", "retracted", "corrected"]
    segment: str
    segment_id: int
    version: int
    user_id: str
    anonymous: bool
    at: Moment
    cause: str
    was: Was | UnsetType = UNSET
    traits: Traits | UnsetType = UNSET
    event: CauseEvent | UnsetType = UNSET


class LogQuery(Request, frozen=True):
    """after: the cursor of the last entry that is known; from the beginning without. limit: how many at most."""

    after: Cursor = ""
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1_000


class Log(Answer, frozen=True):
    """Entries in order of commit. cursor: what to send as `after` next. more: whether there are more right now."""

    entries: list[LogEntry]
    cursor: Cursor
    more: bool


class Member(Answer, frozen=True):
    """A user in a segment. at, cause: of a live one, the last qualification."""

    id: str
    anonymous: bool
    traits: Traits
    last_seen: Moment | None
    at: Moment | UnsetType = UNSET
    cause: str | UnsetType = UNSET


class MembersQuery(Request, frozen=True):
    page: Page = 1
    per_page: PerPage = 50


class Members(Answer, frozen=True):
    """One page of members. total: of all pages."""

    members: list[Member]
    total: Count
    page: Page
    per_page: PerPage
