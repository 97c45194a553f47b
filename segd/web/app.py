"""The outermost of HTTP: which part of segd answers a request."""

from collections.abc import Callable

from segd.core.ports import Unavailable
from segd.web.asgi import Answer, Application, Incoming, ReadFirst, Receive, RequestError, Scope, Send, respond
from segd.web.pings import keep_pingable
from segd.web.streamed import StreamedBody

_OWN = ("/healthz", "/readyz")
_STREAMED = ("/api/import",)  # whose bodies have any length


class App:
    """An ASGI application: `/v1/…` is the intake's, `/healthz` and `/readyz` are for whoever watches the process, and
    everything else, websockets included, is the site's.

    unready: why events cannot be taken now, one sentence for people; None when they can.
    """

    def __init__(self, intake: Application, site: Application, *, unready: Callable[[], str | None]) -> None:
        self._intake = intake
        self._site = site
        self._unready = unready

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http" if scope["path"].startswith("/v1/"):
                await self._intake(scope, receive, send)
            case "http" if scope["path"] in _OWN:
                await respond(receive, send, lambda incoming: self._own(scope, incoming))
            case "http" if scope["path"] in _STREAMED:
                body = StreamedBody(scope, receive, send)
                await self._site(scope, body.receive, body.send)
            case "http":
                reading = ReadFirst(receive, send)
                await self._site(scope, reading.receive, reading.send)
            case "websocket":
                keep_pingable(scope, send)
                await self._site(scope, receive, send)
            case "lifespan":
                await _live(receive, send)
            case _:
                await self._site(scope, receive, send)

    async def _own(self, scope: Scope, _: Incoming) -> Answer:
        if scope["method"] not in ("GET", "HEAD"):
            raise RequestError("bad_method", f"expected GET, found {scope['method']}", ((b"allow", b"GET, HEAD"),))
        if scope["path"] == "/readyz" and (reason := self._unready()):
            raise Unavailable("unavailable", reason, retry_after=1)
        return Answer(200, b'{"status":"ok"}')


async def _live(receive: Receive, send: Send) -> None:
    """What is to be done at start and stop is `daemon`'s to do: here it is only answered."""
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
