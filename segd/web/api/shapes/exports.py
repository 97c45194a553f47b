"""All that is known of a user, as it is exported."""

from typing import Any, Literal

from segd.web.api.shapes.base import Answer, Moment, Traits
from segd.web.api.shapes.users import UserId


class ExportedJoin(Answer, frozen=True):
    """An id under which a part of the history came. at: until when."""

    id: str
    anonymous: bool
    at: Moment


class ExportedEvent(Answer, frozen=True):
    """One message. claimed_timestamp: what the client said, where that lay ahead of the receipt. imported: as history.
    traits: those that it wrote."""

    name: str
    timestamp: Moment
    received_at: Moment
    message_id: str
    claimed_timestamp: Moment | None
    imported: bool
    properties: dict[str, Any]
    traits: Traits | None


class ExportedQualification(Answer, frozen=True):
    """segment: its name. id: by which the user was known then. cause: the messageId of what opened the window or
    matched. retracted: whether it was taken back."""

    segment: str | None
    segment_id: int
    version: int
    id: str
    anonymous: bool
    at: Moment
    cause: str
    retracted: bool


class ExportedEntry(Answer, frozen=True):
    """What watchers were told. was_at, was_cause: of a correction, what it replaces."""

    type: Literal["qualified", "retracted", "corrected"]
    segment: str | None
    segment_id: int
    version: int
    id: str
    anonymous: bool
    at: Moment
    cause: str
    was_at: Moment | None
    was_cause: str | None
    written_at: Moment


class ExportedTimer(Answer, frozen=True):
    """A window that is open, or a date to come."""

    segment: str | None
    segment_id: int
    opened: Moment
    due: Moment


class UserExport(Answer, frozen=True):
    """All that is known of a user."""

    id: str
    anonymous: bool
    ids: list[UserId]
    first_seen: Moment
    last_seen: Moment
    traits: Traits
    joins: list[ExportedJoin]
    events: list[ExportedEvent]
    qualifications: list[ExportedQualification]
    log: list[ExportedEntry]
    timers: list[ExportedTimer]
