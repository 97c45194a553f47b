"""The definition language as JSON Schema 2020-12, for editors and other programs.

The shapes come from `definitions`. What the schema cannot say (that a text is a zone, or a field has no effect where it
stands) only `reading` decides: a document it takes is valid here, but not the other way round.
"""

from typing import Any, cast

import msgspec

from segd.core.language.definitions import Definition
from segd.core.language.rules import LONGEST_NAME, MOST_COUNTED, MOST_DAYS_AGO

_LENGTH = r"^([0-9]+[wdhms])+$"
_COUNTED = {"type": "integer", "minimum": 0, "maximum": MOST_COUNTED}

# By field, the same wherever it stands but for the exceptions.
_DESCRIPTIONS: dict[str | tuple[str, str], str] = {
    "name": "What people call the segment.",
    "on": "The behaviour that makes a user qualify.",
    "filter": "What else must hold of the user at the qualifying instant, on everything up to then.",
    "where": "Tests that must all hold on the same event.",
    ("Past", "where"): "The condition that the members fulfil.",
    "again": "`always`, `once`, or the least time between two qualifications of one user, such as `1d`.",
    "zone": "The IANA time zone of every calendar day in the definition; by default the account's.",
    ("Date", "zone"): "The IANA time zone of the date, or `user`: the one in the user's `timezone` trait.",
    "start": "`open` also opens windows and date triggers from events that are already in the history.",
    "event": "The name of the event, exactly as it is sent; `$page` and `$screen` for page and screen calls.",
    "property": "`price`, `address.city`, or `items[].sku` for any element of a list.",
    ("Date", "property"): "The property of the event that holds the date.",
    "op": "How to compare. A negative operator is the exact negation of its positive twin.",
    "value": "What to compare with.",
    ("Test", "value"): "A list for in and not_in, a list of two for between, nothing for exists and not_exists.",
    ("Profile", "value"): "A list for in and not_in, a list of two for between, nothing for exists and not_exists.",
    ("Count", "value"): "A whole number; a list of two for between.",
    ("Measure", "value"): "A number; a list of two for between.",
    "did": "One selector, or a list of which any counts.",
    "did_not": "One selector, or a list of which any counts.",
    "within": "How long the user has for what did not happen, such as `10m`; both ends count as inside.",
    "same": "Properties that must be equal in both events; each combination of values has its own window.",
    "repeat": "A second `did` while a window is open: ignored, opens one more, or starts the window again.",
    "profile": "The trait that holds the date.",
    "yearly": "The date comes again every year, such as a birthday.",
    "offset": "How far from the date, such as `-5d` for five days before; spelled with d and w it moves the calendar.",
    "at": "The time of day, such as `09:00`.",
    "key": "Properties that tell one date from another: a later event with the same values replaces the date.",
    "unless": "What cancels the pending date: one selector, or a list of which any counts.",
    "at_least": "How many pages.",
    "per": "`session`, `ever`, or a length such as `30m`.",
    "idle": "The gap without any event that ends a session.",
    "last": "A length back from now, such as `30d`.",
    "from": "An ISO date or date-time; included.",
    "to": "An ISO date or date-time; not included.",
    "days_ago": "Two numbers of whole calendar days, both included; 0 is today so far.",
    "of": "The conditions that are joined.",
    ("Not", "of"): "The condition that must not hold.",
    "count": "How many times; at least once where this is missing.",
    "when": "Which time is meant; all of the history where this is missing.",
    "measure": "A figure over the values of a property that must hold as well.",
    "fn": "How the values become one figure.",
    "nth": "Asks whether the very first or last such event of all falls in `when`.",
    "zero": "Includes users without any such event where zero satisfies the count.",
    "segment": "The name or id of another segment.",
    "channel": "The user has an address there and has not unsubscribed.",
}
_LIMITS: dict[str | tuple[str, str], dict[str, Any]] = {
    "name": {"minLength": 1, "maxLength": LONGEST_NAME},
    "event": {"minLength": 1, "maxLength": LONGEST_NAME},
    "segment": {"minLength": 1},
    "property": {"minLength": 1},
    "profile": {"minLength": 1},
    "within": {"pattern": _LENGTH},
    "last": {"pattern": _LENGTH},
    "idle": {"pattern": _LENGTH},
    "again": {"pattern": rf"^(always|once)$|{_LENGTH}"},
    "per": {"pattern": rf"^(session|ever)$|{_LENGTH}"},
    "offset": {"pattern": r"^-?([0-9]+[wdhms])+$"},
    "at": {"pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9]$"},
    "at_least": {"minimum": 1, "maximum": MOST_COUNTED},
    "same": {"uniqueItems": True},
    "key": {"uniqueItems": True},
    ("All", "of"): {"minItems": 1},
    ("AnyOf", "of"): {"minItems": 1},
    ("Count", "value"): {"anyOf": [_COUNTED, {"type": "array", "items": _COUNTED, "minItems": 2, "maxItems": 2}]},
    ("Measure", "value"): {"type": ["number", "array"], "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
}
_SHAPES: dict[str, dict[str, Any]] = {
    "When": {"minProperties": 1},
    "Date": {"oneOf": [{"required": ["event", "property"]}, {"required": ["profile"]}]},
}


def definition_schema() -> dict[str, Any]:
    """The schema of one definition document."""
    schema = msgspec.json.schema(Definition)
    for shape, definition in schema["$defs"].items():
        definition.update(_SHAPES.get(shape, {}))
        for name, field in definition.get("properties", {}).items():
            _complete(shape, name, field)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A segment of segd",
        **schema,
    }


def _complete(shape: str, name: str, field: dict[str, Any]) -> None:
    description = _DESCRIPTIONS.get((shape, name)) or _DESCRIPTIONS.get(name)
    if description is not None:
        field["description"] = description
    field.update(_LIMITS.get((shape, name)) or _LIMITS.get(name) or {})
    if name == "days_ago":
        field["prefixItems"] = [{"type": "integer", "minimum": 0, "maximum": MOST_DAYS_AGO}] * 2
    for member in cast("list[dict[str, Any]]", field.get("anyOf", ())):
        if name in ("did", "did_not", "unless") and member.get("type") == "array":
            member["minItems"] = 1
