"""The lines of a chunk as events, the plain ones quickly.

Most lines of most files are alike: a track call with one id, a timestamp in UTC and properties, and nothing besides.
Those are decoded by a strict type that has no other field, and checked by look-ups of what was checked before. Whatever
is not so, or not beyond doubt, goes through `messages.accept`, which alone says what is right; a test holds the two
together.
"""

from collections.abc import Iterator
from typing import Annotated, Literal

import msgspec

from segd.core.errors import MessageError
from segd.core.instants import LATEST, Instant, parse_timestamp, to_text
from segd.core.messages import (
    AHEAD,
    DEEPEST,
    LONGEST_ID,
    LONGEST_MESSAGE,
    Event,
    good_id,
    good_name,
    has_suspect_number,
    is_plain_text,
    read_line,
)

_HELD = 200_000  # entries a memory of checked texts may have before it begins anew
_NONE = msgspec.Raw(b"{}")


class _Plain(msgspec.Struct, gc=False, rename="camel", forbid_unknown_fields=True):
    type: Literal["track"]
    event: str
    message_id: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)]
    timestamp: str
    user_id: str | None = None
    anonymous_id: str | None = None
    properties: msgspec.Raw = _NONE


_PLAIN = msgspec.json.Decoder(_Plain)

_names: set[str] = set()  # event names found good
_ids: set[str] = set()  # ids found good, as they are
_minutes: dict[str, Instant] = {}  # "2025-02-23T00:17": its beginning
_seconds: dict[str, Instant] = {}  # ":05.703Z": what it adds


def read_lines(
    chunk: bytes, *, ahead: int = AHEAD, latest: Instant = LATEST
) -> Iterator[tuple[int, Event | MessageError]]:
    """The events in a run of whole lines, each with the number of its line in the chunk, from 0; blank ones skipped.

    latest: events stamped after it are refused.
    """
    lines = chunk.split(b"\n")
    quick = is_plain_text(chunk)
    suspect = has_suspect_number(chunk)
    decode = _PLAIN.decode
    for number, line in enumerate(lines):
        if quick and len(line) <= LONGEST_MESSAGE:
            try:
                plain = decode(line)
            except (msgspec.DecodeError, RecursionError):
                # Files are of one make: where one line is different, its neighbours nearly always are.
                quick = not line or line.isspace()
            else:
                event = _event(plain, suspect)
                if event is not None and event.timestamp <= latest:
                    yield number, event
                    continue
        if not line or line.isspace():
            continue
        yield number, read_or_refuse(line, ahead=ahead, latest=latest)


def read_or_refuse(line: bytes, *, ahead: int = AHEAD, latest: Instant = LATEST) -> Event | MessageError:
    """The same of one line."""
    try:
        event = read_line(line, ahead=ahead)
    except MessageError as error:
        return error
    if event.timestamp > latest:
        found = to_text(event.timestamp)
        return MessageError("future_timestamp", f"timestamp: expected one in the past, found {found}")
    return event


def _event(plain: _Plain, suspect: bool) -> Event | None:
    """None where it takes a closer look."""
    user_id, anonymous_id, name, message_id = plain.user_id, plain.anonymous_id, plain.event, plain.message_id
    if user_id is None:
        if anonymous_id is None or (anonymous_id not in _ids and not _learn_id(anonymous_id)):
            return None
    elif anonymous_id is not None or (user_id not in _ids and not _learn_id(user_id)):
        return None
    if (name not in _names and not _learn_name(name)) or message_id.isspace():
        return None
    text = plain.timestamp
    try:
        timestamp = _minutes[text[:16]] + _seconds[text[16:]]
    except KeyError:
        learned = _learn_timestamp(text)
        if learned is None:
            return None
        timestamp = learned
    content = bytes(plain.properties)
    if content[0] != 123 or (suspect and has_suspect_number(content)):  # 123: {
        return None
    if len(content) > 2 * DEEPEST and content.count(b"{") + content.count(b"[") > DEEPEST:
        return None
    return Event("track", name, user_id, anonymous_id, None, timestamp, None, None, message_id, None, 0, content)


def _learn_id(id: str) -> bool:
    if good_id(id) != id:
        return False
    if len(_ids) >= _HELD:
        _ids.clear()
    _ids.add(id)
    return True


def _learn_name(name: str) -> bool:
    if not good_name(name):
        return False
    if len(_names) >= _HELD:
        _names.clear()
    _names.add(name)
    return True


def _learn_timestamp(text: str) -> Instant | None:
    """An instant of the form 2025-02-23T00:17:05.703Z, whose halves are kept: they add up in any combination."""
    if len(text) != 24 or text[16] != ":" or text[23] != "Z":
        return None
    try:
        instant = parse_timestamp(text)
        minute = parse_timestamp(text[:16] + ":00Z")
    except ValueError:
        return None
    if minute < 0:
        return None
    for memory in (_minutes, _seconds):
        if len(memory) >= _HELD:
            memory.clear()
    _minutes[text[:16]] = minute
    _seconds[text[16:]] = instant - minute
    return instant
