"""Webhooks."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from segd.web.api.shapes.base import Answer, Cursor, Moment, Request

Url = Annotated[str, Meta(extra_json_schema={"format": "uri"})]


class Webhook(Answer, frozen=True):
    """reason: why it is off or, where it is not, what the last attempt met. cursor: up to where the log was
    delivered."""

    id: int
    segment: str
    segment_id: int
    url: str
    status: Literal["running", "off"]
    reason: str | None
    cursor: Cursor
    created_at: Moment
    delivered_at: Moment | None
    failing_since: Moment | None


class NewWebhook(Answer, frozen=True):
    """secret: what deliveries are signed with, shown once."""

    webhook: Webhook
    secret: str


class Webhooks(Answer, frozen=True):
    webhooks: list[Webhook]


class WebhookRequest(Request, frozen=True):
    """segment: number or name. after: a cursor; without, what comes from now on is sent."""

    segment: str | int
    url: Url
    after: Cursor | UnsetType = UNSET


class Redeliver(Request, frozen=True):
    """after: a cursor; all entries after it are sent again, and a webhook that is off is switched on."""

    after: Cursor


class Tested(Answer, frozen=True):
    """What the other side answered to a test. status: of HTTP, null where there was no answer."""

    delivered: bool
    status: int | None
    message: str
