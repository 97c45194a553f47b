"""Webhooks: who is sent the log of a segment, and how that goes."""

from typing import Literal, NamedTuple

from segd.core.time.instants import Instant


class Webhook(NamedTuple):
    """segment_name: as it is now. secret: what deliveries are signed with. cursor: of the last entry delivered. reason:
    why it is off, or what the last attempt met. failing_since: None while the last attempt was taken."""

    number: int
    segment: int
    segment_name: str
    url: str
    secret: str
    cursor: int
    status: Literal["running", "off"]
    reason: str | None
    created_at: Instant
    delivered_at: Instant | None
    failing_since: Instant | None


class Attempt(NamedTuple):
    """What became of one POST. status: of HTTP; None where there was no answer. message: one sentence."""

    delivered: bool
    status: int | None
    message: str
