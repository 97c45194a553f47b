"""Explanations as data for programs: the structs of `explain`, with instants as text and names in camelCase."""

from typing import Any, cast

import msgspec
from msgspec import Struct

from segd.core.language import definitions as d
from segd.core.time.instants import Instant, to_text
from segd.core.why.explain import Explanation, Membership

MOST = 100  # of whatever there are many of, the latest: who is never quiet opens a hundred thousand windows

_INSTANTS = {"as_of", "at", "before", "due", "last", "now", "nth", "since", "until"}
_VERBATIM = {"definition", "value"}  # a document of its own, not ours to rename


def as_data(told: Explanation | Membership) -> dict[str, Any]:
    """What JSON can hold. Of a list with more than MOST the latest are there, and beside it how many are left out."""
    return _struct(told)


def _struct(told: Struct) -> dict[str, Any]:
    if isinstance(told, d.Shape):
        return msgspec.to_builtins(told)
    found = {} if told.__struct_config__.tag is None else {"type": told.__struct_config__.tag}
    for field in told.__struct_fields__:
        value = getattr(told, field)
        head, *rest = field.split("_")
        name = head + "".join(map(str.capitalize, rest))
        if isinstance(value, tuple) and (left_out := len(cast("tuple[Any, ...]", value)) - MOST) > 0:
            found[name + "LeftOut"] = left_out
            value = cast("tuple[Any, ...]", value[left_out:])
        found[name] = _value(field, value)
    return found


def _value(field: str, value: Any) -> Any:
    if field in _VERBATIM:
        return msgspec.to_builtins(value) if isinstance(value, Struct) else value
    if isinstance(value, Struct):
        return _struct(value)
    if field == "latest":  # of events: timestamp, order of arrival
        return [to_text(at) for at, _ in cast("tuple[tuple[Instant, int], ...]", value)]
    if isinstance(value, tuple):
        return [_value("", one) for one in cast("tuple[Any, ...]", value)]
    if field in _INSTANTS and isinstance(value, int):
        return to_text(value)
    return value
