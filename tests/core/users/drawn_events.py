"""Messages as strategies draw them, turned into the events that segd accepts."""

import json
from typing import Any

from segd.core.errors import MessageError
from segd.core.events.messages import Event, read_line


def events(messages: list[dict[str, Any]]) -> list[tuple[int, Event]]:
    """The accepted ones with their lines, the first of each id, in order of arrival."""
    found: dict[str, tuple[int, Event]] = {}
    for line, message in enumerate(messages):
        try:
            event = read_line(json.dumps(message).encode())
        except MessageError:
            continue
        found.setdefault(event.message_id, (line, event))
    return list(found.values())


def in_order(messages: list[dict[str, Any]]) -> list[tuple[int, Event]]:
    """The same in order of timestamp, then arrival."""
    return sorted(events(messages), key=lambda one: (one[1].timestamp, one[0]))
