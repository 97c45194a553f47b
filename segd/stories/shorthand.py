"""The one-line forms of a story file, turned into the tables that say the same.

    "10m ann: Added To Cart {\"price\": 3}"       event: when, who, what, properties
    "10m ann~phone: $page https://shop.example/"  ann and the anonymousId phone; ~phone: is the anonymousId alone
    "20m ann by #1"                               qualified: when, who, and what made it so
    "20m ann retracted", "20m corrected to 25m"   in the order of arrival

Without anybody named it is SOMEBODY. Everything here raises ValueError, saying what would be right.
"""

import json
import re
from decimal import Decimal
from typing import Any

from segd.core.language.rules import is_object
from segd.core.time.instants import DAY, Instant, parse_timestamp
from segd.core.time.offsets import parse_offset

SOMEBODY = "somebody"

Table = dict[str, Any]

_EVENT = re.compile(r"(\S++)\s++(?:([^\s{]\S*):(?:\s++|$))?+([^\s{].*?)(?:\s+(\{.*))?", re.DOTALL)
_EVENT_EXPECTED = 'expected an event such as "10m ann: Added To Cart" or "10m ann: Added To Cart {"price": 3}"'

_QUALIFIED = r"(\S+)(?:\s+(?!(?:by|retracted|corrected)(?:\s|$))(\S+))?(?:\s+by\s+(\S+))?"
_EFFECT = re.compile(rf"{_QUALIFIED}(?:\s+(retracted)|\s+corrected\s+to\s+{_QUALIFIED})?")
_EFFECT_EXPECTED = (
    'expected somebody who qualifies, such as "20m ann" or "20m ann by 10m", also "20m ann retracted" or '
    '"20m ann corrected to 25m"'
)

_TAKES_NAME = {"page": "url", "screen": "name", "alias": "previousId"}


def parse_instant(text: str, start: Instant) -> Instant:
    """text: an offset from the start, or an ISO date-time (in UTC where it names no zone)."""
    try:
        offset = parse_offset(text)
    except ValueError:
        try:
            return parse_timestamp(text)
        except ValueError:
            raise ValueError(
                "expected an offset from the start such as 10m, 1d12h or -5d, or a date-time such as "
                "2025-01-01T09:00:00+01:00"
            ) from None
    return start + (offset.elapsed if offset.days is None else offset.days * DAY)


def expand_event(line: str) -> Table:
    """The message in Segment's words. A line that begins with `{` is one, as JSON."""
    if line.startswith("{"):
        return _json(line)
    parts = _EVENT.fullmatch(line.strip())
    if parts is None:
        raise ValueError(_EVENT_EXPECTED)
    when, who, what, given = parts.groups()
    message: Table = {"timestamp": when, **_ids(who)}
    data = _json(given) if given else {}
    if not what.startswith("$"):
        return message | {"type": "track", "event": what, "properties": data}
    kind, _, name = what[1:].partition(" ")
    message["type"] = kind
    if kind in ("page", "screen", "track"):
        message["properties"] = data
    elif data:
        message["traits"] = data
    if name and kind not in _TAKES_NAME:
        raise ValueError(f'expected an object such as {{"city": "Berlin"}} after ${kind}, or nothing')
    if name and kind == "page":
        message["properties"] = {"url": name.strip()} | data
    elif name:
        message[_TAKES_NAME[kind]] = name.strip()
    return message


def expand_effect(line: str) -> Table:
    """`at`, `userId` or `anonymousId`, and where said `cause`, `retracted`, `corrected` (a table like it)."""
    parts = _EFFECT.fullmatch(line.strip())
    if parts is None:
        raise ValueError(_EFFECT_EXPECTED)
    at, who, cause, retracted, new_at, new_who, new_cause = parts.groups()
    table = _qualified(at, who, cause)
    if retracted:
        table["retracted"] = True
    if new_at:
        table["corrected"] = _qualified(new_at, new_who or who, new_cause)
    return table


def _qualified(at: str, who: str | None, cause: str | None) -> Table:
    table = {"at": at, **_ids(who)}
    return table | {"cause": cause} if cause else table


def _ids(who: str | None) -> dict[str, str]:
    if who is None:
        return {"userId": SOMEBODY}
    user_id, _, anonymous_id = who.partition("~")
    ids = {"userId": user_id, "anonymousId": anonymous_id}
    return {field: id for field, id in ids.items() if id} or {"userId": who}


def _json(text: str) -> Table:
    try:
        value = json.loads(text, parse_float=Decimal)
    except ValueError as error:
        raise ValueError(f"expected JSON: {error}") from None
    if not is_object(value):
        raise ValueError("expected a JSON object")
    return value
