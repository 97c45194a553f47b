"""Segment messages: what one line of a file, or one message of a request, says happened.

`decode` reads JSON into a Message, the shape on the wire; `accept` checks it and makes the Event that the rest of segd
knows. Properties stay JSON until somebody asks for them: most events are of no interest to any segment.
"""

import re
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Final, Literal

import msgspec

from segd.core.errors import MessageError
from segd.core.events import pages
from segd.core.time.instants import MINUTE, Instant, parse_timestamp

AHEAD: Final = 2 * MINUTE  # by which a client's clock may be fast before an event counts as happening at receipt

LONGEST_MESSAGE: Final = 1_000_000  # bytes
LONGEST_ID: Final = 256
LONGEST_NAME: Final = 200
LARGEST_EXPONENT: Final = 300
MOST_DIGITS: Final = 300
DEEPEST: Final = 60

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
            return _ENCODER.encode(self.properties())
        return self.content or b"{}"


_MESSAGE = msgspec.json.Decoder(Message)
_CONTEXT = msgspec.json.Decoder(_Context | None)
_OBJECT = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)  # as exact as Postgres numeric
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def read_line(line: bytes, *, ahead: int = AHEAD) -> Event:
    """The event in one line of a file. Raises MessageError."""
    return accept(decode(line), received_at=None, content=line, ahead=ahead)


def decode(content: bytes) -> Message:
    """One message of JSON. Raises MessageError: no JSON object, text that Postgres cannot hold, a wrong type."""
    return _decode(content, is_plain_text(content))


def accept(message: Message, *, received_at: Instant | None, content: bytes, ahead: int = AHEAD) -> Event:
    """Check a message and make an event of it. Raises MessageError.

    received_at: when segd got it; None in files, where the message's own `receivedAt` stands for it.
    content: what a missing messageId is made from; the same content is the same event.
    ahead: microseconds by which the message may lie ahead of its receipt.
    """
    kind = message.type
    if kind is None:
        raise MessageError("bad_type", f"type: expected {_KINDS}, found none")
    name = _event_name(message.event) if kind == "track" else "$" + kind
    user_id, anonymous_id, previous_id, junk = _ids(message)
    if received_at is None and message.received_at is not None:
        received_at = _instant("receivedAt", message.received_at)
    timestamp, claimed = _timestamp(message, received_at, ahead)

    properties = _object("properties", message.properties) if message.properties else b""
    own_traits = _object("traits", message.traits) if message.traits else b""
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
        _message_id(message.message_id, content),
        traits or None,
        junk,
        properties,
        view,
    )


# JSON and text


# What must be passed over to find half a surrogate pair or a NUL: escaped backslashes and whole pairs.
_WHOLE = re.compile(rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_GOT = re.compile(r"(?:got|enum value) (.+?)(?: - at|$)", re.DOTALL)
_AT_FIELD = re.compile(r" - at `\$\.(\w+)`$")


def is_plain_text(content: bytes) -> bool:
    """Whether the text is good beyond doubt: valid UTF-8, no NUL, and no escape that could be one."""
    if 0 in content or (92 in content and b"\\u0000" in content):  # 92: a backslash
        return False
    return content.isascii() or _is_utf8(content)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decode(content: bytes, plain: bool) -> Message:
    if len(content) > LONGEST_MESSAGE:
        raise MessageError("too_large", f"expected at most {LONGEST_MESSAGE:,} bytes a message")
    if not plain:
        _check_text(content)
    try:
        return _MESSAGE.decode(content)
    except msgspec.ValidationError as error:
        raise _wrong_type(str(error)) from None
    except msgspec.DecodeError as error:
        if _LONE_SURROGATE.search(_WHOLE.sub(b" ", content)):
            reason = "expected text, found half of a surrogate pair (\\ud800 to \\udfff)"
            raise MessageError("bad_text", reason) from None
        reason = str(error).removeprefix("JSON is malformed: ").replace("Input data was truncated", "it ends too early")
        raise MessageError("bad_json", f"expected a JSON object: {reason}") from None
    except RecursionError:
        raise _too_deep() from None


def _check_text(content: bytes) -> None:
    try:
        content.decode()
    except UnicodeDecodeError as error:
        byte = f"0x{content[error.start]:02x}"
        raise MessageError("bad_text", f"expected UTF-8, found byte {byte} at position {error.start}") from None
    if 0 in content or b"\\u0000" in _WHOLE.sub(b" ", content):  # not where its backslash is escaped
        raise MessageError("bad_text", "expected text without NUL characters (\\u0000)")


def _wrong_type(reason: str) -> MessageError:
    """reason: msgspec's, such as "Expected `int | str | null`, found `bool` - at `$.userId`"."""
    got = _GOT.search(reason)
    ending = "found " + (_shortened(got[1].strip("`")) if got else "a number out of range")
    field = _AT_FIELD.search(reason)
    if field is None:
        return MessageError("bad_json", f"expected a JSON object, {ending}")
    if field[1] == "type":
        return MessageError("bad_type", f"type: expected {_KINDS}, {ending}")
    expected = "text or a whole number" if field[1].endswith("Id") else "text"
    return MessageError("bad_field", f"{field[1]}: expected {expected}, {ending}")


def _found(value: object) -> str:
    """The end of a sentence about a wrong value."""
    return "found none" if value is None else "found " + _shortened(_ENCODER.encode(value).decode())


def _shortened(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"


# Names and ids


_JUNK = frozenset(("", "null", "undefined", "anonymous", "-1"))  # and all zeros, with dashes or without
_LONGEST_WORD = max(map(len, _JUNK))


def good_name(event: str) -> bool:
    """Whether track calls may carry this name."""
    try:
        _event_name(event)
    except MessageError:
        return False
    return True


def _event_name(event: str | None) -> str:
    if not event or event.isspace():
        raise MessageError("bad_event", f"event: expected the name of the event, {_found(event)}")
    if event[0] == "$":
        raise MessageError("bad_event", f"event: names that begin with $ are segd's own, {_found(event)}")
    if len(event) > LONGEST_NAME:
        raise MessageError("bad_event", f"event: expected at most {LONGEST_NAME} characters, found {len(event)}")
    return event


def _ids(message: Message) -> tuple[str | None, str | None, str | None, int]:
    """userId, anonymousId, previousId, and how many junk ids were dropped."""
    junk = 0
    user_id = anonymous_id = previous_id = None
    if message.user_id is not None:
        user_id = _id("userId", message.user_id)
        junk += user_id is None
    if message.anonymous_id is not None:
        anonymous_id = _id("anonymousId", message.anonymous_id)
        junk += anonymous_id is None
    if message.type == "alias":
        if message.previous_id is None:
            raise _no_id("previousId", "previousId", None)
        previous_id = _id("previousId", message.previous_id)
        junk += previous_id is None
        if user_id is None:
            raise _no_id("userId", "userId", message.user_id)
    elif user_id is None and anonymous_id is None:
        if message.user_id is not None:
            raise _no_id("userId", "userId or anonymousId", message.user_id)
        raise _no_id("anonymousId", "userId or anonymousId", message.anonymous_id)
    return user_id, anonymous_id, previous_id, junk


def good_id(value: str) -> str | None:
    """The id that a text means; None where it is junk, or too long to be one."""
    try:
        return _id("", value)
    except MessageError:
        return None


def _id(field: str, value: str | int) -> str | None:
    """A good id as text, or None for a junk one, which many users would share."""
    text = value.strip() if isinstance(value, str) else str(value)
    if len(text) > LONGEST_ID:
        raise MessageError("bad_id", f"{field}: expected at most {LONGEST_ID} characters, found {len(text)}")
    if len(text) > _LONGEST_WORD and text[0] not in "0-":
        return text
    return None if text.lower() in _JUNK or (not text.strip("0-") and "0" in text) else text


def _no_id(field: str, expected: str, junk: str | int | None) -> MessageError:
    if junk is None:
        return MessageError("missing_id", f"{expected}: expected an id, found none")
    return MessageError("junk_id", f"{field}: expected the id of one user as {expected}, {_found(junk)}")


def _message_id(message_id: str | int | None, content: bytes) -> str:
    if message_id is None:
        return "segd-" + blake2b(content.strip(), digest_size=16).hexdigest()
    text = message_id if isinstance(message_id, str) else str(message_id)
    if not text or text.isspace():
        raise MessageError("bad_message_id", f"messageId: expected text that is not blank, {_found(text)}")
    if len(text) > LONGEST_ID:
        raise MessageError("bad_message_id", f"messageId: expected at most {LONGEST_ID} characters, found {len(text)}")
    return text


# Instants


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
        raise MessageError("bad_timestamp", f"{field}: {error}, {_found(text)}") from None
    if instant < 0:
        raise _before_1970(field)
    return instant


def _before_1970(field: str) -> MessageError:
    return MessageError("bad_timestamp", f"{field}: expected an instant in the years 1970 to 9999")


# Properties, traits and context


# A number's exponent reads "0e000" after this. So do parts of hexadecimal ids: it is a hint to look closely, no more.
_DIGITS = bytes.maketrans(b"123456789E[", b"000000000e{")
_SIGNS = b"+-"
_LONG = b"0" * (MOST_DIGITS // 2)  # a number with more than MOST_DIGITS has a part as long before or after its point

_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"')
_NUMBER = re.compile(rb"([0-9]+)(?:\.([0-9]+))?(?:[eE][-+]?0*([0-9]+))?")
_BRACKET = re.compile(rb"[\[\]{}]")


def has_suspect_number(content: bytes) -> bool:
    """Whether any number in the text may be one that Postgres could not hold; false is certain, true a hint."""
    hints = content.translate(_DIGITS, _SIGNS)
    return b"0e000" in hints or _LONG in hints


def _object(field: str, raw: msgspec.Raw) -> bytes:
    """The JSON of an object; empty where it is null.

    Refuses what is no object, and in it too many levels and numbers that Postgres could not hold.
    """
    content = bytes(raw)
    if content[0] != 123:  # {
        if content == b"null":
            return b""
        raise MessageError("bad_field", f"{field}: expected a JSON object, {_found(raw)}")
    hints = content.translate(_DIGITS, _SIGNS)
    size = len(content)
    if (
        hints.find(b"0e000") >= 0
        or (size > 2 * DEEPEST and hints.count(b"{") > DEEPEST)
        or (size > MOST_DIGITS and _LONG in hints)
    ):
        _look_closely(field, content)
    return content


def _look_closely(field: str, content: bytes) -> None:
    structure = _TEXT.sub(b'""', content)
    for number in _NUMBER.finditer(structure):
        whole, fraction, exponent = number.groups(b"")
        if len(whole) + len(fraction) > MOST_DIGITS:
            raise MessageError("bad_number", f"{field}: expected numbers of at most {MOST_DIGITS} digits")
        if len(exponent) > 3 or int(exponent or 0) > LARGEST_EXPONENT:
            raise MessageError("bad_number", f"{field}: expected exponents of at most ±{LARGEST_EXPONENT}")
    level = 0
    for bracket in _BRACKET.findall(structure):
        level += 1 if bracket in b"[{" else -1
        if level > DEEPEST:
            raise _too_deep(field)


def _too_deep(field: str = "message") -> MessageError:
    return MessageError("too_deep", f"{field}: expected at most {DEEPEST} levels of lists and objects")


def decode_object(content: bytes) -> dict[str, Any]:
    """content: an object that was found good, or nothing."""
    return _OBJECT.decode(content) if content else {}


def _context(raw: msgspec.Raw) -> _Context | None:
    """The parts of a context that segd knows, None where it is null. They are looked at closely where they are used."""
    try:
        return _CONTEXT.decode(raw)
    except msgspec.ValidationError:
        raise MessageError("bad_field", f"context: expected a JSON object, {_found(raw)}") from None
    except RecursionError:
        raise _too_deep("context") from None


def _context_traits(context: _Context) -> dict[str, Any]:
    """The traits that the context of any message writes, and the device's token as one of them."""
    traits = _part("traits", context.traits)
    token = _part("device", context.device).get("token")
    if isinstance(token, str) and token:
        traits["$device_token"] = token
    return traits


def _part(name: str, raw: msgspec.Raw) -> dict[str, Any]:
    return decode_object(_object(f"context.{name}", raw)) if raw else {}


def _view(message: Message, context: _Context | None) -> _View:
    if context is None:
        return _View(message.name, message.category, b"", b"")
    page = _object("context.page", context.page) if context.page else b""
    campaign = _object("context.campaign", context.campaign) if context.campaign else b""
    return _View(message.name, message.category, page, campaign)


def _complete(properties: dict[str, Any], view: _View) -> None:
    for key, value in (("name", view.name), ("category", view.category)):
        if value and properties.get(key) is None:
            properties[key] = value
    pages.complete(properties, decode_object(view.page), decode_object(view.campaign))
