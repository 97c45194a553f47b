"""The little of ASGI that is spoken here: a request's body within its limits, and answers in JSON."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import msgspec
import trio
from msgspec import Struct

from segd.core.errors import SegdError
from segd.core.ports import Unavailable

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

PATIENCE_SECONDS: Final = 30.0  # in which a request must be here in full: 4 MB at the pace of a bad mobile network
MOST_DISCARDED: Final = 64_000_000  # bytes of a body that is not wanted, read so that the client sees the answer

# What the codes of errors mean in HTTP; a request with any other is a bad one.
_STATUSES = {
    "bad_write_key": 401,
    "not_found": 404,
    "bad_method": 405,
    "too_slow": 408,
    "too_large": 413,
    "overloaded": 429,
    "internal": 500,
    "unavailable": 503,
}

_LOG = logging.getLogger(__name__)


class RequestError(SegdError):
    """A request that cannot be taken, as a whole. headers: what the answer must say besides."""

    def __init__(self, code: str, message: str, headers: Headers = ()) -> None:
        super().__init__(code, message)
        self.headers = headers


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


class Answer(Struct, frozen=True):
    """A whole response. body: JSON, or nothing."""

    status: int
    body: bytes = b""
    headers: Headers = ()


class Incoming:
    """The body of one request, in chunks; `ended` once all of it is here."""

    def __init__(self, receive: Receive, patience_seconds: float) -> None:
        self.ended = False
        self._receive = receive
        self._deadline = trio.current_time() + patience_seconds

    async def chunk(self) -> bytes:
        """The next one, which may be empty. Raises RequestError `too_slow`, ClientGoneError."""
        try:
            with trio.fail_at(self._deadline):
                message = await self._receive()
        except trio.TooSlowError:
            raise RequestError("too_slow", "the request took too long to arrive") from None
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        self.ended = not message.get("more_body", False)
        return message.get("body", b"")

    async def discard(self) -> None:
        """Read on to the end, as far as that is reasonable. Raises as `chunk`."""
        size = 0
        while not self.ended and size < MOST_DISCARDED:
            size += len(await self.chunk())

    async def discard_forever(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def respond(
    receive: Receive,
    send: Send,
    handle: Callable[[Incoming], Awaitable[Answer]],
    *,
    headers: Headers = (),
    patience_seconds: float = PATIENCE_SECONDS,
) -> None:
    """Answer one request. headers: of every answer, errors included.

    The request is read to its end before the answer goes: a client that still sends would see its connection break, and
    not what was wrong.
    """
    incoming = Incoming(receive, patience_seconds)
    try:
        answer = await _answer(handle, incoming)
        try:
            await incoming.discard()
        except RequestError as error:
            answer = _told(error)
    except ClientGoneError:
        return
    if incoming.ended:
        await _send(send, answer, headers)
        return
    # Hypercorn waits for room in the queue that feeds us before it notices that the answer is complete.
    async with trio.open_nursery() as nursery:
        nursery.start_soon(incoming.discard_forever)
        await _send(send, answer, (*headers, (b"connection", b"close")))
        nursery.cancel_scope.cancel()


def header(scope: Scope, name: bytes) -> bytes | None:
    """The value of a request's header, the first if there are several. name: in lower case."""
    for key, value in scope["headers"]:
        if key == name:
            return value
    return None


async def _answer(handle: Callable[[Incoming], Awaitable[Answer]], incoming: Incoming) -> Answer:
    try:
        return await handle(incoming)
    except SegdError as error:
        return _told(error)
    except ClientGoneError:
        raise
    except Exception:
        _LOG.exception("a request failed")
        return _told(SegdError("internal", "something went wrong here, the log says what"))


def _told(error: SegdError) -> Answer:
    headers: Headers = ()
    if isinstance(error, Unavailable):
        headers = ((b"retry-after", str(error.retry_after).encode()),)
    elif isinstance(error, RequestError):
        headers = error.headers
    body = msgspec.json.encode({"code": error.code, "message": error.message})
    return Answer(_STATUSES.get(error.code, 400), body, headers)


async def _send(send: Send, answer: Answer, headers: Headers) -> None:
    lines = [(b"content-length", str(len(answer.body)).encode()), *answer.headers, *headers]
    if answer.body:
        lines.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": answer.status, "headers": lines})
    await send({"type": "http.response.body", "body": answer.body})
