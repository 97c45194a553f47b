"""The messages of one request, however it says them, so that a bad one can be refused by itself."""

import re
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from segd.core.errors import MessageError
from segd.core.events.json_checks import is_plain_text
from segd.core.events.messages import LONGEST_MESSAGE, Kind, Message, decode
from segd.web.asgi import RequestError

MOST_MESSAGES: Final = 50_000  # in one request: many times what any client sends, and few enough to hold
MOST_CONTEXT: Final = 16_000_000  # bytes of a batch's context, counted once for each of its messages

_ABSENT = Raw()


class _Batch(Struct, gc=False, rename="camel"):
    """What nearly all clients send, decoded in one go."""

    batch: list[Message]
    write_key: str | None = None
    sent_at: str | None = None
    context: dict[str, Raw] | None = None


class _Envelope(Struct, gc=False, rename="camel"):
    """The same with nothing looked at, so that a wrong field can be named and a wrong message be refused by itself."""

    batch: Raw = _ABSENT
    write_key: Raw = _ABSENT
    sent_at: Raw = _ABSENT
    context: Raw = _ABSENT


class _Keyed(Struct, gc=False, rename="camel"):
    write_key: str | None = None


_BATCH = msgspec.json.Decoder(_Batch)
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_KEYED = msgspec.json.Decoder(_Keyed)
_TEXT = msgspec.json.Decoder(str | None)
_LIST = msgspec.json.Decoder(list[Raw])
_OBJECT = msgspec.json.Decoder(dict[str, Raw] | None)
_ENCODER = msgspec.json.Encoder()


class Posted:
    """The messages of one request, in order.

    write_key: the request's own, where its body says one. sent_at, context: the batch's, which hold for messages that
    do not say the same themselves.
    """

    def __init__(
        self,
        messages: list[Message],
        body: bytes,
        *,
        contents: list[bytes] | None = None,
        write_key: str | None = None,
        sent_at: str | None = None,
        context: dict[str, Raw] | None = None,
    ) -> None:
        """messages: decoded already, or none; contents: the JSON of each, where it is known."""
        self.count = len(contents) if contents is not None else len(messages)
        self.write_key = write_key
        self._messages = messages
        self._body = body
        self._contents = contents
        self._sent_at = sent_at
        self._context = context or {}
        self._context_json = Raw(_ENCODER.encode(self._context))
        if self.count > MOST_MESSAGES:
            raise RequestError("too_large", f"batch: expected at most {MOST_MESSAGES:,} messages, found {self.count:,}")
        if len(bytes(self._context_json)) * self.count > MOST_CONTEXT:
            raise RequestError("too_large", f"context: too much to hold for each of {self.count:,} messages")

    def message(self, index: int) -> Message:
        """Raises MessageError."""
        message = self._messages[index] if self._messages else decode(self.content(index))
        if message.sent_at is None:
            message.sent_at = self._sent_at
        if self._context:
            message.context = self._with_context(message.context)
        return message

    def content(self, index: int) -> bytes:
        """The JSON of one message, as it came."""
        if self._contents is None:  # only wanted when something is wrong
            self._contents = [bytes(raw) for raw in _LIST.decode(_ENVELOPE.decode(self._body).batch)]
        return self._contents[index]

    def write_key_of(self, index: int) -> str | None:
        """The key that one message carries by itself."""
        try:
            return _KEYED.decode(self.content(index)).write_key
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def _with_context(self, own: Raw) -> Raw:
        try:
            parts = _OBJECT.decode(own) if own else None
        except (msgspec.DecodeError, RecursionError):
            return own  # no object, which is said when the message is looked at
        return Raw(_ENCODER.encode(self._context | parts)) if parts else self._context_json


def read_message(body: bytes, kind: Kind) -> Posted:
    """A request of one message, whose path says its kind. Raises MessageError."""
    message = decode(body)
    message.type = kind
    return Posted([message], body, contents=[body])


def read_batch(body: bytes) -> Posted:
    """A request of many messages. Raises RequestError where it cannot be read as a whole."""
    return _read_at_once(body) or _read_envelope(body)


def _read_at_once(body: bytes) -> Posted | None:
    """None where it takes a closer look."""
    if len(body) > LONGEST_MESSAGE or not is_plain_text(body):
        return None
    try:
        batch = _BATCH.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    return Posted(batch.batch, body, write_key=batch.write_key, sent_at=batch.sent_at, context=batch.context)


def _read_envelope(body: bytes) -> Posted:
    readable = _ESCAPES.sub(lambda found: found[1] or rb"\ufffd", body)
    try:
        envelope = _ENVELOPE.decode(readable)
    except msgspec.ValidationError:
        raise RequestError("bad_json", 'expected a JSON object such as {"batch": [...]}') from None
    except msgspec.DecodeError as error:
        reason = str(error).removeprefix("JSON is malformed: ").replace("Input data was truncated", "it ends too early")
        raise RequestError("bad_json", f"expected a JSON object: {reason}") from None
    except RecursionError:
        raise RequestError("bad_json", "too many levels of lists and objects") from None
    raws = _field("batch", envelope.batch, _LIST, "a list of messages")
    context = _field("context", envelope.context, _OBJECT, "a JSON object")
    if not _is_text(envelope.context):
        raise RequestError("bad_text", "context: expected text without NUL characters (\\u0000), in UTF-8")
    return Posted(
        [],
        body,
        contents=_as_they_came(body, readable, raws),
        write_key=_field("writeKey", envelope.write_key, _TEXT, "text"),
        sent_at=_field("sentAt", envelope.sent_at, _TEXT, "text"),
        context=context,
    )


# Half a surrogate pair makes JSON unreadable as a whole; what must be passed over to find one is kept. Its replacement
# is as long, so that the messages lie where they lay.
_ESCAPES = re.compile(
    rb"(\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


def _as_they_came(body: bytes, readable: bytes, raws: list[Raw]) -> list[bytes]:
    contents = [bytes(raw) for raw in raws]
    if readable == body:
        return contents
    end = 0
    for index, content in enumerate(contents):
        start = readable.index(content, end)
        end = start + len(content)
        contents[index] = body[start:end]
    return contents


def _field(name: str, raw: Raw, decoder: msgspec.json.Decoder[Any], expected: str) -> Any:
    try:
        return decoder.decode(raw or b"null")
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RequestError("bad_field", f"{name}: expected {expected}") from None


def _is_text(context: Raw) -> bool:
    try:
        decode(b'{"context":' + (bytes(context) or b"null") + b"}")
    except MessageError:
        return False
    return True
