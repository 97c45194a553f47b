"""Segment messages: which are accepted, when they happened, what they say."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from .clock import EPOCH, MICROSECOND, MINUTE
from .pages import page_properties

TYPES = {"track", "page", "screen", "identify", "group", "alias"}
JUNK = re.compile(r"null|undefined|anonymous|-1|[0-]*0[0-]*|", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Message:
    """An accepted message.

    event: None for identify, group and alias, which no selector matches.
    instant: when it takes effect: its timestamp; or, where it came too late to start anything, the clock then.
    """

    line: int
    id: str
    type: str
    event: str | None
    properties: dict[str, Any]
    writes: dict[str, Any]
    device_token: bool
    user: str | None
    anonymous: str | None
    previous: str | None
    timestamp: int
    instant: int
    old: bool = False

    @property
    def order(self) -> tuple[int, int]:
        """Where it stands in the history."""
        return self.timestamp, self.line

    @property
    def position(self) -> tuple[int, int, tuple[int, int]]:
        """Where it takes effect; timers of the same instant come behind it with a 1 in the middle."""
        return self.instant, 0, (self.line, 0)


def accept(messages: Iterable[Any]) -> list[Message]:
    """The accepted messages, in order of arrival; the first of each id."""
    accepted: dict[str, Message] = {}
    for line, document in enumerate(messages):
        message = _read(line, document)
        if message and message.id not in accepted:
            accepted[message.id] = message
    return list(accepted.values())


def with_late_band(messages: list[Message], band: int) -> list[Message]:
    """Which of them, taken in order of arrival, came too late to start anything."""
    taken: list[Message] = []
    clock: int | None = None
    for message in messages:
        clock = message.timestamp if clock is None else max(clock, message.timestamp)
        old = message.timestamp < clock - band
        taken.append(replace(message, old=True, instant=clock) if old else message)
    return taken


def _read(line: int, document: Any) -> Message | None:
    if not isinstance(document, dict) or document.get("type") not in TYPES or not _storable(document):
        return None
    kind = document["type"]
    user, anonymous = _id(document.get("userId")), _id(document.get("anonymousId"))
    event = {"page": "$page", "screen": "$screen"}.get(kind)
    if kind == "track":
        event = document.get("event")
        if not isinstance(event, str) or not event or event.startswith("$"):
            return None
    timestamp = _timestamp(document)
    if timestamp is None or (user is None and (anonymous is None or kind == "alias")):
        return None
    context = document.get("context") or {}
    properties = document.get("properties") or {}
    device = context.get("device") or {}
    return Message(
        line=line,
        id=document.get("messageId") or json.dumps(document, sort_keys=True, default=str),
        type=kind,
        event=event,
        properties=page_properties(properties, context) if kind == "page" else properties,
        writes=(context.get("traits") or {}) | ((document.get("traits") or {}) if kind == "identify" else {}),
        device_token=bool(device.get("token")),
        user=user,
        anonymous=anonymous,
        previous=_id(document.get("previousId")) if kind == "alias" else None,
        timestamp=timestamp,
        instant=timestamp,
    )


def _timestamp(document: dict[str, Any]) -> int | None:
    received, sent = _instant(document.get("receivedAt")), _instant(document.get("sentAt"))
    claimed = document.get("timestamp") or document.get("originalTimestamp")
    if claimed is None:
        return received
    timestamp = _instant(claimed)
    if timestamp is None or received is None:
        return timestamp
    if sent is not None:
        timestamp = received - (sent - timestamp)
    return received if timestamp > received + 2 * MINUTE else timestamp


def _instant(text: Any) -> int | None:
    if not isinstance(text, str):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    moment = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return (moment - EPOCH) // MICROSECOND


def _id(value: Any) -> str | None:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return text.strip() if isinstance(text, str) and not JUNK.fullmatch(text.strip()) else None


def _storable(value: Any) -> bool:
    """No NUL and no lone surrogate anywhere."""
    if isinstance(value, str):
        return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        return all(_storable(key) and _storable(element) for key, element in value.items())
    return all(_storable(element) for element in value) if isinstance(value, list) else True
