"""The intake: Segment's tracking API, as their SDKs speak it. Events are in the journal before the 200.

POST /v1/batch, /v1/b                            many messages, their types in them
POST /v1/track, identify, page, screen, group, alias, or their first letter: one message
POST /v1/m                                       the browser library's own figures, dropped
GET  /v1/projects/<writeKey>/settings            what the browser library asks first
"""

from base64 import b64decode
from collections.abc import Awaitable, Callable, Set
from secrets import token_bytes
from typing import Final, get_args

import msgspec
import trio

from segd.core.errors import MessageError
from segd.core.events.messages import AHEAD, Event, Kind, accept
from segd.core.events.refused_ids import RefusedIds
from segd.core.ports import Journal
from segd.core.time.instants import Instant
from segd.web.api.shapes.tracking import Integration, Refused, Settings, Taken
from segd.web.asgi import (
    PATIENCE_SECONDS,
    Answer,
    Headers,
    Incoming,
    Receive,
    RequestError,
    Scope,
    Send,
    header,
    respond,
)
from segd.web.batches import Posted, read_batch, read_message
from segd.web.bodies import Room, read_body
from segd.web.rejected import Rejected

LARGEST_BODY: Final = 4_000_000  # bytes, inflated
MOST_HELD: Final = 64_000_000  # bytes of all requests at hand: sixteen of the largest, hundreds of common ones

_AT_ONCE = 500  # messages checked before others get a turn: a millisecond or two

_KINDS: dict[str, Kind] = {path: kind for kind in get_args(Kind) for path in (f"/v1/{kind}", f"/v1/{kind[0]}")}
_BATCHES = ("/v1/batch", "/v1/b")
_FIGURES = "/v1/m"
_SETTINGS = ("/v1/projects/", "/settings")

_SUCCESS = b'{"success":true}'

_FROM_ANYWHERE: Headers = (  # pages of any site may post: write keys are public, and nothing else is believed here
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"Retry-After"),
)


async def nobody(authorization: str) -> bool:
    return False


class Intake:
    """An ASGI application for all paths under `/v1/`.

    write_keys: those accepted. trusts: whether who sends this Authorization header needs no write key, and may say that
    two userIds are one person. now: the clock. ahead: microseconds an event may lie ahead of its receipt. largest_body:
    bytes of a request, inflated. patience_seconds: within which a request must be here in full.
    """

    def __init__(
        self,
        journal: Journal,
        *,
        write_keys: Set[str],
        trusts: Callable[[str], Awaitable[bool]] = nobody,
        now: Callable[[], Instant],
        rejected: Rejected,
        refused_ids: RefusedIds,
        ahead: int = AHEAD,
        largest_body: int = LARGEST_BODY,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._journal = journal
        self._write_keys = write_keys
        self._trusts = trusts
        self._now = now
        self._rejected = rejected
        self._refused_ids = refused_ids
        self._ahead = ahead
        self._largest_body = largest_body
        self._patience_seconds = patience_seconds
        self._room = Room(max(MOST_HELD, 4 * largest_body))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await respond(
            receive,
            send,
            lambda incoming: self._answer(scope, incoming),
            headers=_FROM_ANYWHERE,
            patience_seconds=self._patience_seconds,
        )

    async def _answer(self, scope: Scope, incoming: Incoming) -> Answer:
        path, method = scope["path"], scope["method"]
        start, end = _SETTINGS
        if path.startswith(start) and path.endswith(end):
            allowed = "GET"
        elif path in _KINDS or path in _BATCHES or path == _FIGURES:
            allowed = "POST"
        else:
            raise RequestError("not_found", f"there is nothing at {path}")
        if method == "OPTIONS":
            return _preflight(scope, allowed)
        if method != allowed:
            message = f"expected {allowed}, found {method}"
            raise RequestError("bad_method", message, ((b"allow", f"{allowed}, OPTIONS".encode()),))
        if allowed == "GET":
            self._check(path[len(start) : -len(end)])
            return _settings(scope, path[len(start) : -len(end)])
        if path == _FIGURES:
            return Answer(200, _SUCCESS)
        return await self._take(scope, incoming, _KINDS.get(path))

    async def _take(self, scope: Scope, incoming: Incoming, kind: Kind | None) -> Answer:
        """kind: of the one message; None for a batch."""
        authorization = (header(scope, b"authorization") or b"").decode("latin-1")
        trusted = await self._trusts(authorization)
        write_key = _basic_user(authorization)
        if write_key is not None:
            self._check(write_key)
        known = trusted or write_key is not None
        with self._room.share() as share:
            encoding = header(scope, b"content-encoding")
            body = await read_body(incoming, encoding, largest=self._largest_body, share=share)
            received_at = self._now()
            try:
                posted = read_message(body, kind) if kind else read_batch(body)
                has_key = known or self._is_known(posted)
            except (RequestError, MessageError) as error:
                if known:  # else it is anybody's
                    self._rejected.add(received_at, error.code, error.message, body)
                raise
            events, refused = await self._accept(posted, has_key, received_at)
            if events:
                await self._journal.append(events, trusted=trusted)
            for one in refused:  # only now: what could not be taken comes again, and its refusals with it
                forgotten = one.code == "forgotten_user"  # of whom nothing is to be kept
                self._rejected.add(received_at, one.code, one.message, b"" if forgotten else posted.content(one.index))
        if kind and refused:
            raise MessageError(refused[0].code, refused[0].message)
        if refused:
            return Answer(200, msgspec.json.encode(Taken(True, refused)))
        return Answer(200, _SUCCESS)

    async def _accept(self, posted: Posted, has_key: bool, received_at: Instant) -> tuple[list[Event], list[Refused]]:
        """has_key: whether the request has a good one; if not, each message must have its own."""
        accepted: list[tuple[int, Event]] = []
        refused: list[Refused] = []
        for index in range(posted.count):
            if index % _AT_ONCE == _AT_ONCE - 1:
                await trio.lowlevel.checkpoint()
            try:
                if not has_key and posted.write_key_of(index) not in self._write_keys:
                    raise MessageError("bad_write_key", "writeKey: expected one of this installation")
                message = posted.message(index)
                # Two equal messages without an id happened twice: here, unlike in files, they are not sent again.
                content = b"" if message.message_id is not None else token_bytes(16)
                event = accept(message, received_at=received_at, content=content, ahead=self._ahead)
                accepted.append((index, event))
            except MessageError as error:
                refused.append(Refused(index, error.code, error.message))
        events: list[Event] = []
        for index, event in accepted:  # last, and at once: nobody is forgotten between this and the journal
            try:
                self._refused_ids.check(event, received_at)
                events.append(event)
            except MessageError as error:
                refused.append(Refused(index, error.code, error.message))
        return events, sorted(refused, key=lambda one: one.index)

    def _is_known(self, posted: Posted) -> bool:
        """Whether the body itself has a good key. Raises RequestError where none of its messages has one either."""
        if posted.write_key is not None:
            self._check(posted.write_key)
            return True
        if not any(posted.write_key_of(index) in self._write_keys for index in range(posted.count)):
            raise _bad_write_key()
        return False

    def _check(self, write_key: str) -> None:
        if write_key not in self._write_keys:
            raise _bad_write_key()


def _bad_write_key() -> RequestError:
    return RequestError("bad_write_key", "expected a write key of this installation, as Basic user name or writeKey")


def _basic_user(authorization: str) -> str | None:
    """The user name, with or without a colon after it; None where there is none, as with other schemes."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        return b64decode(credentials.strip()).decode().partition(":")[0]
    except ValueError:  # no base64, no UTF-8
        raise _bad_write_key() from None


def _preflight(scope: Scope, allowed: str) -> Answer:
    asked = header(scope, b"access-control-request-headers") or b"Authorization, Content-Type"
    return Answer(
        204,
        headers=(
            (b"access-control-allow-methods", allowed.encode()),
            (b"access-control-allow-headers", asked),
            (b"access-control-max-age", b"86400"),
        ),
    )


def _settings(scope: Scope, write_key: str) -> Answer:
    """What analytics.js needs to know before it starts: to post to where it found this, and nothing else."""
    host = (header(scope, b"host") or b"localhost").decode("latin-1")
    scheme = (header(scope, b"x-forwarded-proto") or scope["scheme"].encode()).decode("latin-1")
    settings = Settings({"Segment.io": Integration(write_key, f"{host}/v1", scheme)})
    return Answer(200, msgspec.json.encode(settings), ((b"cache-control", b"no-store"),))
