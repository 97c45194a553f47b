"""Segment messages: what one line of a file, or one message of a request, says happened.

`decode` reads JSON into a Message, the shape on the wire; `accept` checks it and makes the Event that the rest of segd
knows. Properties stay JSON until somebody asks for them: most events are of no interest to any segment.
"""

import re
from typing import Any, Final, Literal

import msgspec

from segd.core.errors import MessageError
from segd.core.events import pages
from segd.core.events.ids import checked_id, event_name, message_id_of, no_id
from segd.core.events.json_checks import (
    ENCODER,
    check_text,
    checked_object,
    decode_object,
    found,
    has_half_a_pair,
    is_plain_text,
    shortened,
    too_deep,
)
from segd.core.time.instants import MINUTE, Instant, parse_timestamp

AHEAD: Final = 2 * MINUTE  # by which a client's clock may be fast before an event counts as happening at receipt

LONGEST_MESSAGE: Final = 1_000_000  # bytes

Kind = Literal["track", "page", "screen", "identify", "group", "alias"]

_KINDS = "track, identify, page, screen, group or alias"

_ABSENT = msgspec.Raw()


class Message(msgspec.Struct, gc=False, rename="camel"):
    """A message as it came: nothing checked but the JSON and the types of these fields; others are passed over."""

    type: Kind | None = None
    event: str | None = None
    name: str | None = None
    category: str | None = None
    message_id: str | int | None = None
    user_id: str | int | None = None
    anonymous_id: str | int | None = None
    previous_id: str | int | None = None
    timestamp: str | None = None
    original_timestamp: str | None = None
    sent_at: str | None = None
    received_at: str | None = None
    properties: msgspec.Raw = _ABSENT
    traits: msgspec.Raw = _ABSENT
    context: msgspec.Raw = _ABSENT


class _Context(msgspec.Struct, gc=False):
    traits: msgspec.Raw = _ABSENT
    page: msgspec.Raw = _ABSENT
    campaign: msgspec.Raw = _ABSENT
    device: msgspec.Raw = _ABSENT


class _View(msgspec.Struct, gc=False):
    """What a page or screen call says beside its properties. page, campaign: of its context, JSON objects."""

    name: str | None
    category: str | None
    page: bytes
    campaign: bytes


class Event(msgspec.Struct, gc=False):
    """One accepted message.

    name: the event's, or `$page`, `$screen`; for what is only activity of the user `$identify`, `$group`, `$alias`.
    user_id, anonymous_id: good ids, at least one. previous_id: of an alias alone, whose user_id is always there.
    claimed: the timestamp the client gave, where the event is too far ahead and was moved to its receipt.
    traits: writes to the user's traits, None deleting one; None where there are none.
    junk: how many ids were dropped beside a good one.
    content: the properties as they came, a JSON object, or nothing; `properties()` reads it.
    """

    kind: Kind
    name: str
    user_id: str | None
    anonymous_id: str | None
    previous_id: str | None
    timestamp: Instant
    received_at: Instant | None
    claimed: Instant | None
    message_id: str
    traits: dict[str, Any] | None
    junk: int
    content: bytes
    _view: _View | None = None
    _properties: dict[str, Any] | None = None

    def properties(self) -> dict[str, Any]:
        """Decoded once and shared: not to be changed. A page or screen has all of `pages.NAMES` that can be told."""
        if self._properties is None:
            properties = decode_object(self.content)
            if self._view is not None:
                _complete(properties, self._view)
            self._properties = properties
        return self._properties

    def properties_json(self) -> bytes:
        """`properties()` as a JSON object, without decoding where nothing was added to what came."""
        if self._view is not None:
            return ENCODER.encode(self.properties())
        return self.content or b"{}"


_MESSAGE = msgspec.json.Decoder(Message)
_CONTEXT = msgspec.json.Decoder(_Context | None)

_GOT = re.compile(r"(?:got|enum value) (.+?)(?: - at|$)", re.DOTALL)
_AT_FIELD = re.compile(r" - at `\$\.(\w+)`$")


def read_line(line: bytes, *, ahead: int = AHEAD) -> Event:
    """The event in one line of a file. Raises MessageError."""
    return accept(decode(line), received_at=None, content=line, ahead=ahead)


def decode(content: bytes) -> Message:
    """One message of JSON. Raises MessageError: no JSON object, text that Postgres cannot hold, a wrong type."""
    if len(content) > LONGEST_MESSAGE:
        raise MessageError("too_large", f"expected at most {LONGEST_MESSAGE:,} bytes a message")
    if not is_plain_text(content):
        check_text(content)
    try:
        return _MESSAGE.decode(content)
    except msgspec.ValidationError as error:
        raise _wrong_type(str(error)) from None
    except msgspec.DecodeError as error:
        if has_half_a_pair(content):
            reason = "expected text, found half of a surrogate pair (\\ud800 to \\udfff)"
            raise MessageError("bad_text", reason) from None
        reason = str(error).removeprefix("JSON is malformed: ").replace("Input data was truncated", "it ends too early")
        raise MessageError("bad_json", f"expected a JSON object: {reason}") from None
    except RecursionError:
        raise too_deep() from None


def accept(message: Message, *, received_at: Instant | None, content: bytes, ahead: int = AHEAD) -> Event:
    """Check a message and make an event of it. Raises MessageError.

    received_at: when segd got it; None in files, where the message's own `receivedAt` stands for it.
    content: what a missing messageId is made from; the same content is the same event.
    ahead: microseconds by which the message may lie ahead of its receipt.
    """
    kind = message.type
    if kind is None:
        raise MessageError("bad_type", f"type: expected {_KINDS}, found none")
    name = event_name(message.event) if kind == "track" else "$" + kind
    user_id, anonymous_id, previous_id, junk = _ids(message)
    if received_at is None and message.received_at is not None:
        received_at = _instant("receivedAt", message.received_at)
    timestamp, claimed = _timestamp(message, received_at, ahead)

    properties = checked_object("properties", message.properties) if message.properties else b""
    own_traits = checked_object("traits", message.traits) if message.traits else b""
    context = _context(message.context) if message.context else None
    traits = _context_traits(context) if context else None
    if kind == "identify" and own_traits:
        traits = (traits or {}) | decode_object(own_traits)
    view = _view(message, context) if kind == "page" or kind == "screen" else None

    return Event(
        kind,
        name,
        user_id,
        anonymous_id,
        previous_id,
        timestamp,
        received_at,
        claimed,
        message_id_of(message.message_id, content),
        traits or None,
        junk,
        properties,
        view,
    )


def _wrong_type(reason: str) -> MessageError:
    """reason: msgspec's, such as "Expected `int | str | null`, found `bool` - at `$.userId`"."""
    got = _GOT.search(reason)
    ending = "found " + (shortened(got[1].strip("`")) if got else "a number out of range")
    field = _AT_FIELD.search(reason)
    if field is None:
        return MessageError("bad_json", f"expected a JSON object, {ending}")
    if field[1] == "type":
        return MessageError("bad_type", f"type: expected {_KINDS}, {ending}")
    expected = "text or a whole number" if field[1].endswith("Id") else "text"
    return MessageError("bad_field", f"{field[1]}: expected {expected}, {ending}")


def _ids(message: Message) -> tuple[str | None, str | None, str | None, int]:
    """userId, anonymousId, previousId, and how many junk ids were dropped."""
    junk = 0
    user_id = anonymous_id = previous_id = None
    if message.user_id is not None:
        user_id = checked_id("userId", message.user_id)
        junk += user_id is None
    if message.anonymous_id is not None:
        anonymous_id = checked_id("anonymousId", message.anonymous_id)
        junk += anonymous_id is None
    if message.type == "alias":
        if message.previous_id is None:
            raise no_id("previousId", "previousId", None)
        previous_id = checked_id("previousId", message.previous_id)
        junk += previous_id is None
        if user_id is None:
            raise no_id("userId", "userId", message.user_id)
    elif user_id is None and anonymous_id is None:
        if message.user_id is not None:
            raise no_id("userId", "userId or anonymousId", message.user_id)
        raise no_id("anonymousId", "userId or anonymousId", message.anonymous_id)
    return user_id, anonymous_id, previous_id, junk


def _timestamp(message: Message, received_at: Instant | None, ahead: int) -> tuple[Instant, Instant | None]:
    """When it happened; and what the client claimed, where that is more than `ahead` after its receipt."""
    sent_at = None if message.sent_at is None else _instant("sentAt", message.sent_at)
    if message.timestamp is not None:
        field, text = "timestamp", message.timestamp
    elif message.original_timestamp is not None:
        field, text = "originalTimestamp", message.original_timestamp
    elif received_at is not None:
        return received_at, None
    else:
        raise MessageError("missing_timestamp", "timestamp: expected one, since the line has no receivedAt either")

    claimed = timestamp = _instant(field, text)
    if received_at is not None:
        if sent_at is not None:  # the two clocks differ by received_at - sent_at, but for the time on the wire
            timestamp += received_at - sent_at
        if timestamp > received_at + ahead:
            return received_at, claimed
        if timestamp < 0:
            raise _before_1970(field)
    return timestamp, None


def _instant(field: str, text: str) -> Instant:
    try:
        instant = parse_timestamp(text)
    except ValueError as error:
        raise MessageError("bad_timestamp", f"{field}: {error}, {found(text)}") from None
    if instant < 0:
        raise _before_1970(field)
    return instant


def _before_1970(field: str) -> MessageError:
    return MessageError("bad_timestamp", f"{field}: expected an instant in the years 1970 to 9999")


def _context(raw: msgspec.Raw) -> _Context | None:
    """The parts of a context that segd knows, None where it is null. They are looked at closely where they are used."""
    try:
        return _CONTEXT.decode(raw)
    except msgspec.ValidationError:
        raise MessageError("bad_field", f"context: expected a JSON object, {found(raw)}") from None
    except RecursionError:
        raise too_deep("context") from None


def _context_traits(context: _Context) -> dict[str, Any]:
    """The traits that the context of any message writes, and the device's token as one of them."""
    traits = _part("traits", context.traits)
    token = _part("device", context.device).get("token")
    if isinstance(token, str) and token:
        traits["$device_token"] = token
    return traits


def _part(name: str, raw: msgspec.Raw) -> dict[str, Any]:
    return decode_object(checked_object(f"context.{name}", raw)) if raw else {}


def _view(message: Message, context: _Context | None) -> _View:
    if context is None:
        return _View(message.name, message.category, b"", b"")
    page = checked_object("context.page", context.page) if context.page else b""
    campaign = checked_object("context.campaign", context.campaign) if context.campaign else b""
    return _View(message.name, message.category, page, campaign)


def _complete(properties: dict[str, Any], view: _View) -> None:
    for key, value in (("name", view.name), ("category", view.category)):
        if value and properties.get(key) is None:
            properties[key] = value
    pages.complete(properties, decode_object(view.page), decode_object(view.campaign))
