"""Webhooks over HTTP, and the bodies of what they deliver."""

from collections.abc import Sequence
from typing import Protocol

import msgspec
from msgspec import UnsetType

from segd.core.effects import Logged
from segd.core.time.instants import to_text
from segd.core.webhooks import Attempt, Webhook
from segd.web.api import telling
from segd.web.api.entries import LogEnd, entry, from_cursor, to_cursor
from segd.web.api.requests import at_field
from segd.web.api.routing import Example, Part, Post
from segd.web.api.segments import SegmentViews, find
from segd.web.api.shapes import webhooks as shapes
from segd.web.api.shapes.base import Answer, Cursor
from segd.web.api.shapes.members import LogEntry
from segd.web.asgi import RequestError

_encode = msgspec.json.Encoder().encode


class Webhooks(Protocol):
    """Who delivers. None where there is no webhook of that number."""

    async def all(self) -> list[Webhook]: ...

    async def create(self, segment: int, url: str, after: int | None) -> Webhook:
        """after: a cursor; None for what comes from now on. Raises SegdError `bad_url`."""
        ...

    async def delete(self, number: int) -> bool:
        """Whether there was one."""
        ...

    async def redeliver(self, number: int, after: int) -> Webhook | None:
        """Send all that comes after a cursor again; what is off is switched on."""
        ...

    async def test(self, number: int) -> Attempt | None:
        """Post a delivery without entries."""
        ...


class Delivery(Answer, frozen=True):
    """What is posted. entries: each with its cursor, which says whether one is known already; none of a test. cursor:
    of the last entry."""

    webhook: int
    segment: str
    segment_id: int
    entries: list[LogEntry]
    cursor: Cursor
    test: bool


def delivery(webhook: Webhook, logged: Sequence[Logged]) -> bytes:
    """The body that is posted. logged: nothing, of a test."""
    return _encode(
        Delivery(
            webhook.number,
            webhook.segment_name,
            webhook.segment,
            [entry(each, webhook.segment_name) for each in logged],
            to_cursor(logged[-1].cursor if logged else webhook.cursor),
            not logged,
        )
    )


def webhooks(delivering: Webhooks, views: SegmentViews, log: LogEnd) -> Part:
    part = Part("webhooks", "A segment's log, posted to you.")
    part.posts.append(
        Post(
            name="delivery",
            summary="Entries of a segment's log",
            body=Delivery,
            headers={
                "Segd-Timestamp": "When it was posted, in seconds since 1970.",
                "Segd-Signature": "`v1=` and the HMAC-SHA256 of timestamp, full stop and body, under the secret.",
            },
        )
    )

    @part.route("GET", "/api/webhooks", "List webhooks", scope="manage", answer=shapes.Webhooks)
    async def list_webhooks() -> shapes.Webhooks:
        return shapes.Webhooks([_told(webhook) for webhook in await delivering.all()])

    @part.route(
        "POST", "/api/webhooks", "Make a webhook", scope="manage", status=201, body=shapes.WebhookRequest,
        answer=shapes.NewWebhook, errors=("bad_url", "not_found", "not_live"),
        example=Example(body={"segment": 1, "url": "https://example.com/segd"}),
    )  # fmt: skip
    async def create_webhook(body: shapes.WebhookRequest) -> shapes.NewWebhook:
        """The log's entries are posted in order, at most 500 at once, each at least once. `Segd-Signature` is `v1=` and
        the HMAC-SHA256, in hexadecimal, of `Segd-Timestamp`, a full stop and the body, under the secret, which is told
        this once. Any answer of 200 to 299 takes the entries; else they are posted again, ever more rarely, and after a
        day of failures the webhook is switched off."""
        number = await find(views, str(body.segment))
        if (await views.one(number)).kind != "live":
            raise RequestError("not_live", "only live segments have a log")
        after = None if isinstance(body.after, UnsetType) else await from_cursor(body.after, log)
        with at_field("url", "bad_url"):
            webhook = await delivering.create(number, body.url, after)
        return shapes.NewWebhook(_told(webhook), webhook.secret)

    @part.route(
        "DELETE", "/api/webhooks/{id}", "Delete a webhook", scope="manage", status=204, errors=("not_found",),
        example=_ONE,
    )  # fmt: skip
    async def delete_webhook(id: str) -> None:
        if not await delivering.delete(_number(id)):
            raise _not_found(id)

    @part.route(
        "POST", "/api/webhooks/{id}/test", "Post a test", scope="manage", answer=shapes.Tested, errors=("not_found",),
        example=_ONE,
    )  # fmt: skip
    async def test_webhook(id: str) -> shapes.Tested:
        """A delivery without entries, signed as any other. What was answered is told, and changes nothing."""
        attempt = await delivering.test(_number(id))
        if attempt is None:
            raise _not_found(id)
        return shapes.Tested(attempt.delivered, attempt.status, attempt.message)

    @part.route(
        "POST", "/api/webhooks/{id}/redeliver", "Post again from a cursor", scope="manage", body=shapes.Redeliver,
        answer=shapes.Webhook, errors=("bad_field", "not_found"), example=Example({"id": "1"}, {"after": "0"}),
    )  # fmt: skip
    async def redeliver(id: str, body: shapes.Redeliver) -> shapes.Webhook:
        """All entries after the cursor are posted, known or not. One that was switched off is switched on."""
        webhook = await delivering.redeliver(_number(id), await from_cursor(body.after, log))
        if webhook is None:
            raise _not_found(id)
        return _told(webhook)

    return part


_ONE = Example({"id": "1"})


def _told(webhook: Webhook) -> shapes.Webhook:
    return shapes.Webhook(
        id=webhook.number,
        segment=webhook.segment_name,
        segment_id=webhook.segment,
        url=webhook.url,
        status=webhook.status,
        reason=webhook.reason,
        cursor=to_cursor(webhook.cursor),
        created_at=to_text(webhook.created_at),
        delivered_at=telling.moment(webhook.delivered_at),
        failing_since=telling.moment(webhook.failing_since),
    )


def _number(id: str) -> int:
    """0 where it is none, for there is no webhook 0."""
    return int(id) if id.isascii() and id.isdecimal() and len(id) < 10 else 0


def _not_found(id: str) -> RequestError:
    return RequestError("not_found", f"there is no webhook {id[:200]!r}")
