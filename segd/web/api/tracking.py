"""The intake's routes as they are described: it serves them itself, and none of these functions is ever called."""

from collections.abc import Callable
from typing import Final

from segd.core.events.messages import Kind
from segd.web.api.routing import Example, H, Part
from segd.web.api.shapes import tracking as shapes

_OF_MESSAGES: Final = (
    "bad_event", "bad_id", "bad_message_id", "bad_number", "bad_timestamp", "bad_type", "forgotten_user", "junk_id",
    "missing_id", "too_deep",
)  # fmt: skip


def tracking() -> Part:
    part = Part(
        "tracking",
        "Events come in, by Segment's tracking API: their SDKs work with another host. Bodies are JSON whatever the "
        "Content-Type says, gzip or deflate by Content-Encoding. A 200 means that it is committed.",
    )

    def takes(kind: Kind, summary: str, **more: object) -> Callable[[H], H]:
        return part.route(
            "POST", f"/v1/{kind}", summary, scope=None, write_key=True, body=shapes.SentMessage, answer=shapes.Taken,
            errors=_OF_MESSAGES, example=Example(body={"userId": "ann", **more}),
        )  # fmt: skip

    @takes("track", "Send an event", event="Added To Cart", properties={"price": 12})
    async def track() -> None:
        """Also at `/v1/t`. Names that begin with `$` are segd's own."""

    @takes("identify", "Write a user's traits", traits={"tier": "platinum"})
    async def identify() -> None:
        """Also at `/v1/i`. With both ids, the anonymous history is the user's from now on."""

    @takes("page", "Send a page view", properties={"url": "https://example.com/shop"})
    async def send_page() -> None:
        """Also at `/v1/p`. The event is `$page`."""

    @takes("screen", "Send a screen view", name="Cart")
    async def send_screen() -> None:
        """Also at `/v1/s`. The event is `$screen`."""

    @takes("group", "Send a group call", groupId="acme")
    async def group() -> None:
        """Also at `/v1/g`. Activity of the user, and nothing else."""

    @takes("alias", "Join two ids", previousId="ann's device")
    async def alias() -> None:
        """Also at `/v1/a`. Of an anonymous id by anybody; of another userId with an API token of scope `manage`."""

    @part.route(
        "POST", "/v1/batch", "Send many messages", scope=None, write_key=True, body=shapes.SentBatch,
        answer=shapes.Taken,
        example=Example(body={"batch": [{"type": "track", "userId": "ann", "event": "Charged"}]}),
    )  # fmt: skip
    async def send_batch() -> None:
        """Also at `/v1/b`. A message that is bad is told of in `errors`, and its neighbours are taken."""

    @part.route("POST", "/v1/m", "Drop the browser library's own figures", scope=None, answer=shapes.Taken)
    async def drop_figures() -> None: ...

    @part.route(
        "GET", "/v1/projects/{writeKey}/settings", "What the browser library asks first", scope=None,
        answer=shapes.Settings, errors=("bad_write_key",), example=Example({"writeKey": "WRITE_KEY"}),
    )  # fmt: skip
    async def tell_settings() -> None: ...

    return part
