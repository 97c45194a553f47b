"""The outermost of HTTP: which part of segd answers a request."""

from segd.web.asgi import Application, ReadFirst, Receive, Scope, Send
from segd.web.streamed import StreamedBody
from segd.web.websockets import prepare

_STREAMED = ("/api/import",)  # whose bodies have any length


class App:
    """An ASGI application: `/v1/…` is the intake's, and everything else, websockets included, is the site's."""

    def __init__(self, intake: Application, site: Application) -> None:
        self._intake = intake
        self._site = site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http" if scope["path"].startswith("/v1/"):
                await self._intake(scope, receive, send)
            case "http" if scope["path"] in _STREAMED:
                body = StreamedBody(scope, receive, send)
                await self._site(scope, body.receive, body.send)
            case "http":
                reading = ReadFirst(receive, send)
                await self._site(scope, reading.receive, reading.send)
            case "websocket":
                prepare(scope, send)
                await self._site(scope, receive, send)
            case "lifespan":
                await _live(receive, send)
            case _:
                await self._site(scope, receive, send)


async def _live(receive: Receive, send: Send) -> None:
    """What is to be done at start and stop is `daemon`'s to do: here it is only answered."""
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})
        if message["type"] == "lifespan.shutdown":
            return
