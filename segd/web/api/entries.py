"""The log's entries and cursors as they go over the wire."""

import re
from collections.abc import Mapping

from msgspec import UNSET

from segd.core.effects import Logged
from segd.core.instants import to_text
from segd.web.api import shapes
from segd.web.api.requests import bad_field

_CURSOR = re.compile(r"[0-9]{1,18}", re.ASCII)


def entry(logged: Logged, segment: str, traits: Mapping[str, object] | None = None) -> shapes.LogEntry:
    """segment: its name. traits: of the user, worth showing; None where nobody looks at them."""
    cursor, (type, _, of, was) = logged
    return shapes.LogEntry(
        cursor=to_cursor(cursor),
        type=type,
        segment=segment,
        segment_id=of.segment,
        version=of.version,
        user_id=of.id,
        anonymous=of.anonymous,
        at=to_text(of.at),
        cause=of.cause_id,
        was=UNSET if was is None else shapes.Was(to_text(was.at), was.cause_id),
        traits=UNSET if traits is None else dict(traits),
    )


def to_cursor(position: int) -> shapes.Cursor:
    return str(position)


def from_cursor(text: str) -> int:
    """The position in the log; nothing is the beginning. Raises RequestError `bad_field` for what never was one."""
    if not text:
        return 0
    if not _CURSOR.fullmatch(text):
        raise bad_field("after", "expected a cursor as the log gave it")
    return int(text)
