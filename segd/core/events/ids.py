"""Names of events and ids of users and messages: which are good, and which are junk."""

from hashlib import blake2b
from typing import Final

from segd.core.errors import MessageError
from segd.core.events.json_checks import found

LONGEST_ID: Final = 256
LONGEST_NAME: Final = 200

_JUNK = frozenset(("", "null", "undefined", "anonymous", "-1"))  # and all zeros, with dashes or without
_LONGEST_WORD = max(map(len, _JUNK))


def good_name(event: str) -> bool:
    """Whether track calls may carry this name."""
    try:
        event_name(event)
    except MessageError:
        return False
    return True


def event_name(event: str | None) -> str:
    """A good name. Raises MessageError."""
    if not event or event.isspace():
        raise MessageError("bad_event", f"event: expected the name of the event, {found(event)}")
    if event[0] == "$":
        raise MessageError("bad_event", f"event: names that begin with $ are segd's own, {found(event)}")
    if len(event) > LONGEST_NAME:
        raise MessageError("bad_event", f"event: expected at most {LONGEST_NAME} characters, found {len(event)}")
    return event


def good_id(value: str) -> str | None:
    """The id that a text means; None where it is junk, or too long to be one."""
    try:
        return checked_id("", value)
    except MessageError:
        return None


def checked_id(field: str, value: str | int) -> str | None:
    """A good id as text, or None for a junk one, which many users would share. Raises MessageError: it is too long."""
    text = value.strip() if isinstance(value, str) else str(value)
    if len(text) > LONGEST_ID:
        raise MessageError("bad_id", f"{field}: expected at most {LONGEST_ID} characters, found {len(text)}")
    if len(text) > _LONGEST_WORD and text[0] not in "0-":
        return text
    return None if text.lower() in _JUNK or (not text.strip("0-") and "0" in text) else text


def no_id(field: str, expected: str, junk: str | int | None) -> MessageError:
    """What to raise where no good id is there. junk: what is."""
    if junk is None:
        return MessageError("missing_id", f"{expected}: expected an id, found none")
    return MessageError("junk_id", f"{field}: expected the id of one user as {expected}, {found(junk)}")


def message_id_of(message_id: str | int | None, content: bytes) -> str:
    """The id of a message; made from the content where it has none. Raises MessageError."""
    if message_id is None:
        return "segd-" + blake2b(content.strip(), digest_size=16).hexdigest()
    text = message_id if isinstance(message_id, str) else str(message_id)
    if not text or text.isspace():
        raise MessageError("bad_message_id", f"messageId: expected text that is not blank, {found(text)}")
    if len(text) > LONGEST_ID:
        raise MessageError("bad_message_id", f"messageId: expected at most {LONGEST_ID} characters, found {len(text)}")
    return text
