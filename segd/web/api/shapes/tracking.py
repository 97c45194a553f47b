"""What the intake takes and answers, in the words of Segment's tracking API."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from segd.core.events.messages import Kind
from segd.web.api.shapes.base import Answer, Count

Id = Annotated[str | int | None, Meta(description="At most 256 characters. Numbers are taken as text.")]
Object = Annotated[dict[str, Any] | None, Meta(description="A JSON object.")]
Stamp = Annotated[
    str | None,
    Meta(description="An ISO 8601 date-time, in UTC where it says no zone.", examples=["2026-11-22T03:00:00.000Z"]),
]


class Sent(Struct, frozen=True, rename="camel"):
    """Base of what is sent to the intake. What is not known here is passed over."""


class SentMessage(Sent, frozen=True):
    """A message. user_id, anonymous_id: at least one of them. event: the name, of a track. name, category: of a page or
    a screen. previous_id: of an alias. message_id: a message that is sent again counts once by that. timestamp: when it
    happened; without, original_timestamp is, else the receipt. sent_at: by the sender's clock, which need not be right.
    properties: of a track, page or screen. traits: of an identify, those of the user; null deletes one. context: its
    traits are the user's, too; of a page, page and campaign. write_key: in place of Basic."""

    user_id: Id = None
    anonymous_id: Id = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    previous_id: Id = None
    message_id: Id = None
    timestamp: Stamp = None
    original_timestamp: Stamp = None
    sent_at: Stamp = None
    properties: Object = None
    traits: Object = None
    context: Object = None
    write_key: str | None = None


class BatchMessage(SentMessage, frozen=True, kw_only=True):
    """A message of a batch, which says itself what it is."""

    type: Kind


class SentBatch(Sent, frozen=True, kw_only=True):
    """Messages, in order. sent_at, context: of those that say none themselves. write_key: in place of Basic."""

    batch: list[BatchMessage]
    sent_at: Stamp = None
    context: Object = None
    write_key: str | None = None


class Refused(Answer, frozen=True):
    """A message of a batch that was not taken, and will not be if it is sent again. index: the first is 0."""

    index: Count
    code: str
    message: str


class Taken(Answer, frozen=True, omit_defaults=True):
    """All is committed but what errors tell of."""

    success: Literal[True]
    errors: list[Refused] | UnsetType = UNSET


class Refusal(Answer, frozen=True):
    """Why the intake took nothing. code: stable, for programs. message: one sentence for people."""

    code: str
    message: str


class Integration(Answer, frozen=True):
    """api_host: without the scheme, and with the path before `/t`. protocol: the scheme."""

    api_key: str
    api_host: str
    protocol: str


class Metrics(Answer, frozen=True):
    """How many of the library's own figures are wanted."""

    sample_rate: int = 0


class Settings(Answer, frozen=True):
    """What the browser library asks first. integrations: by name, of which `Segment.io` is this daemon."""

    integrations: dict[str, Integration]
    metrics: Metrics = field(default_factory=Metrics)
    plan: dict[str, str] = field(default_factory=dict[str, str])
