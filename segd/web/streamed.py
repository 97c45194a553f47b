"""A request's body that is taken piece by piece, however long it is, for a site that would read it all into memory."""

from typing import Any, Final

import trio

from segd.web.asgi import MOST_DISCARDED, PATIENCE_SECONDS, Receive, RequestError, Scope, Send

SILENCE_SECONDS: Final = 60.0  # in which some more of the body must come

_KEY = "segd.body"


class StreamedBody:
    """`receive` and `send` for the site, which is told that there is no body: a handler takes it from the scope.

    Nothing is read from the client but by `chunk`, so one that sends faster than it is taken has to wait. refused: set
    once the client may not send it any more.
    """

    refused: trio.Event | None = None

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.ended = False
        self._receive = receive
        self._send = send
        self._told = False
        self._gone = trio.Event()
        scope[_KEY] = self

    async def chunk(self) -> bytes:
        """The next one, which may be empty, until `ended`. Raises RequestError `too_slow`, `unauthorized`."""
        chunk = await self._next()
        if self.refused is not None and self.refused.is_set():
            raise RequestError("unauthorized", "the token was revoked, or the session is over: some of it may be in")
        return chunk

    async def _next(self) -> bytes:
        try:
            with trio.fail_after(SILENCE_SECONDS):
                message = await self._receive()
        except trio.TooSlowError:
            raise RequestError("too_slow", "no more of the request arrived for a minute") from None
        if message["type"] == "http.disconnect":
            self._gone.set()
            await trio.sleep_forever()  # the site ends us
        self.ended = not message.get("more_body", False)
        return message.get("body", b"")

    async def receive(self) -> dict[str, Any]:
        if self._told:
            await self._gone.wait()
            return {"type": "http.disconnect"}
        self._told = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: Any) -> None:
        """Read the request to its end first, as far as that is reasonable: a client that still sends would see its
        connection break, and not what was wrong."""
        if message["type"] == "http.response.start":
            size = 0
            with trio.move_on_after(PATIENCE_SECONDS):
                while not self.ended and size < MOST_DISCARDED:
                    size += len(await self._next())
            if not self.ended:
                message["headers"] = [*message["headers"], (b"connection", b"close")]
        if self.ended:
            await self._send(message)
            return
        # Hypercorn waits for room in the queue that feeds us before it notices that the answer is complete.
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._discard)
            await self._send(message)
            nursery.cancel_scope.cancel()

    async def _discard(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


def streamed_body(scope: Any) -> StreamedBody:
    """That of the request at hand."""
    return scope[_KEY]
