"""The little of ASGI that is spoken here: a request's body within its limits, and answers in JSON."""

import logging
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any, Final

import msgspec
import trio
from msgspec import Struct

from segd.core.errors import DefinitionError, Problem, SegdError
from segd.core.ports import Unavailable

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

PATIENCE_SECONDS: Final = 30.0  # in which a request must be here in full: 4 MB at the pace of a bad mobile network
AGAIN_SECONDS: Final = 1  # after which it is worth asking a database again that was away
MOST_DISCARDED: Final = 64_000_000  # bytes of a body that is not wanted, read so that the client sees the answer

# What the codes of errors mean in HTTP; a request with any other is a bad one.
STATUSES: Final = {
    "bad_write_key": 401,
    "unauthorized": 401,
    "forbidden": 403,
    "bad_host": 403,
    "bad_origin": 403,
    "not_found": 404,
    "no_segment": 404,
    "bad_method": 405,
    "too_slow": 408,
    "broken": 409,
    "in_use": 409,
    "name_taken": 409,
    "not_live": 409,
    "changed_meanwhile": 412,
    "too_large": 413,
    "upgrade_required": 426,
    "overloaded": 429,
    "database_error": 500,
    "internal": 500,
    "connection_lost": 503,
    "database_unreachable": 503,
    "unavailable": 503,
}

_LOG = logging.getLogger(__name__)


class RequestError(SegdError):
    """A request that cannot be taken, as a whole. headers: what the answer must say besides. details: what is wrong in
    it, by field."""

    def __init__(self, code: str, message: str, headers: Headers = (), details: Sequence[Problem] = ()) -> None:
        super().__init__(code, message)
        self.headers = headers
        self.details = details


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
            answer = told(error)
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


class ReadFirst:
    """`receive` and `send` for an application that receives in one task while it answers in another, which ends them
    both: no answer goes before the request is here to its end, for the same reason as in `respond`.

    Hypercorn says that the client is gone while it finishes an answer, too. A task that ended the other upon that
    would leave the connection neither closed nor ready for the next request.
    """

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._size = 0
        self._ended = trio.Event()
        self._finishing = False

    async def receive(self) -> MutableMapping[str, Any]:
        message = await self._receive()
        if message["type"] == "http.disconnect" and self._finishing:
            await trio.sleep_forever()
        self._size += len(message.get("body", b""))
        if not message.get("more_body", False) or self._size > MOST_DISCARDED:
            self._ended.set()
        return message

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            with trio.move_on_after(PATIENCE_SECONDS):
                await self._ended.wait()
            if not self._ended.is_set() or self._size > MOST_DISCARDED:
                message["headers"] = [*message["headers"], (b"connection", b"close")]
        elif not message.get("more_body", False):
            self._finishing = True
        await self._send(message)


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
        return told(error)
    except ClientGoneError:
        raise
    except Exception:
        return told(failure())


def failure() -> SegdError:
    """What a client hears of the exception at hand, which is logged whole."""
    _LOG.exception("a request failed")
    return SegdError("internal", "something went wrong here, the log says what")


def told(error: SegdError, *, detailed: bool = False) -> Answer:
    """The answer that an error is. detailed: with what is wrong by field, as the API says it."""
    headers: Headers = ()
    status = STATUSES.get(error.code, 400)
    if isinstance(error, Unavailable):
        headers = ((b"retry-after", str(error.retry_after).encode()),)
    elif isinstance(error, RequestError):
        headers = error.headers
    elif status == 503:
        headers = ((b"retry-after", str(AGAIN_SECONDS).encode()),)
    body: dict[str, Any] = {"code": error.code, "message": error.message}
    if detailed:
        body["details"] = [problem._asdict() for problem in _details(error)]
    return Answer(status, msgspec.json.encode(body), headers)


def _details(error: SegdError) -> Sequence[Problem]:
    match error:
        case RequestError():
            return error.details
        case DefinitionError():
            return error.problems
        case _:
            return ()


async def _send(send: Send, answer: Answer, headers: Headers) -> None:
    lines = [(b"content-length", str(len(answer.body)).encode()), *answer.headers, *headers]
    if answer.body:
        lines.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": answer.status, "headers": lines})
    await send({"type": "http.response.body", "body": answer.body})
