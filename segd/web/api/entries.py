"""The log's entries and cursors as they go over the wire."""

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec
from msgspec import UNSET

from segd.core.effects import Logged
from segd.core.frames import Cause, Shown
from segd.core.time.instants import to_text
from segd.web.api.requests import bad_field
from segd.web.api.shapes import members as shapes
from segd.web.api.shapes.base import Cursor

PROPERTIES: Final = 8  # of an event that is shown
LONGEST: Final = 100  # characters of a text that is shown

_CURSOR = re.compile(r"[0-9]{1,18}", re.ASCII)


def entry(logged: Logged, segment: str, shown: Shown | None = None) -> shapes.LogEntry:
    """segment: its name. shown: None where nobody looks."""
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
        traits=UNSET if shown is None else dict(shown.traits),
        event=UNSET if shown is None or shown.cause is None else _event(shown.cause),
    )


def short(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The first that are one value, texts cut off."""
    shown: dict[str, Any] = {}
    for name, value in properties.items():
        if value is None or isinstance(value, dict | list):
            continue
        if len(shown) == PROPERTIES:
            break
        shown[_cut(name)] = _cut(value) if isinstance(value, str) else value
    return shown


def _cut(value: str) -> str:
    return value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"


def _event(cause: Cause) -> shapes.CauseEvent:
    return shapes.CauseEvent(cause.name, to_text(cause.at), short(_PROPERTIES.decode(cause.properties)))


_PROPERTIES = msgspec.json.Decoder(dict[str, Any])


def to_cursor(position: int) -> Cursor:
    return str(position)


class LogEnd(Protocol):
    async def end(self) -> int:
        """The cursor of the last entry of all logs."""
        ...


async def from_cursor(text: str, log: LogEnd) -> int:
    """The position in the log; nothing is the beginning. Raises RequestError `bad_field` for what never was one: after
    a place that the log has not come to nothing would be told, and nobody would know."""
    if not text:
        return 0
    if not _CURSOR.fullmatch(text) or int(text) > await log.end():
        raise bad_field("after", "expected a cursor as the log gave it")
    return int(text)
