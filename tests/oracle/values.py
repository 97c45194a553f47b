"""JSON values: paths into them, equality, and the tests of the language."""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import re2

NEGATIONS = {
    "ne": "eq",
    "not_in": "in",
    "not_contains": "contains",
    "not_matches": "matches",
    "not_exists": "exists",
}


def as_number(value: Any) -> Fraction | None:
    """The exact number that was written; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def at_path(path: str, document: Any) -> list[Any]:
    """All values at a path such as `items[].sku`; null is absent."""
    found = [document]
    for step in path.split("."):
        name = step.removesuffix("[]")
        found = [value[name] for value in found if isinstance(value, dict) and name in value]
        if step.endswith("[]"):
            found = [element for value in found if isinstance(value, list) for element in value]
    return [value for value in found if value is not None]


def normal(value: Any) -> Any:
    """A form that is equal, and hashable, exactly where `eq` holds."""
    number = as_number(value)
    if number is not None:
        return ("number", number)
    if isinstance(value, list):
        return ("list", tuple(normal(element) for element in value))
    if isinstance(value, dict):
        return ("object", frozenset((key, normal(element)) for key, element in value.items()))
    return (type(value).__name__, value)


def key_of(paths: list[str], properties: dict[str, Any]) -> tuple[Any, ...]:
    """What `same` and `key` compare: a value for each path, None where it is absent."""
    found = [at_path(path, properties) for path in paths]
    return tuple(normal(values[0]) if values else None for values in found)


def compare(op: str, value: Any, wanted: Any) -> bool:
    """The operators of order and equality, on one value."""
    if op == "eq":
        return normal(value) == normal(wanted)
    if op == "ne":
        return normal(value) != normal(wanted)
    if op == "between":
        return compare("gte", value, wanted[0]) and compare("lte", value, wanted[1])
    if isinstance(value, str) and isinstance(wanted, str):
        left, right = value, wanted
    else:
        left, right = as_number(value), as_number(wanted)
        if left is None or right is None:
            return False
    return {"gt": left > right, "gte": left >= right, "lt": left < right, "lte": left <= right}[op]


def holds(test: dict[str, Any], document: dict[str, Any], instant_of: Callable[[Any], int | None]) -> bool:
    """Whether a test holds. instant_of: what an ISO date or date-time means in the zone of the definition."""
    op = test["op"]
    if op in NEGATIONS:
        return not holds(test | {"op": NEGATIONS[op]}, document, instant_of)
    return any(_matches(op, value, test.get("value"), instant_of) for value in at_path(test["property"], document))


def _matches(op: str, value: Any, wanted: Any, instant_of: Callable[[Any], int | None]) -> bool:
    match op:
        case "exists":
            return True
        case "eq" | "gt" | "gte" | "lt" | "lte" | "between":
            return compare(op, value, wanted)
        case "in":
            return any(compare("eq", value, one) for one in wanted)
        case "contains" if isinstance(value, list):
            return any(compare("eq", element, wanted) for element in value)
        case "before" | "after":
            instant, limit = instant_of(value), instant_of(wanted)
            if instant is None or limit is None:
                return False
            return instant < limit if op == "before" else instant > limit
    if not isinstance(value, str) or not isinstance(wanted, str):
        return False
    match op:
        case "contains":
            return wanted in value
        case "starts_with":
            return value.startswith(wanted)
        case "ends_with":
            return value.endswith(wanted)
        case "matches":
            return re2.search(wanted, value) is not None
    raise ValueError(f"no such operator: {op}")
