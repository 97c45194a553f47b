"""What the definition language asks beyond types: of each field by itself, and of the fields of one shape together.

`reading` walks a document and calls these with what is well formed. A rule yields findings: the steps from its place to
the fault, and a sentence that says what would be right. A field that is given but broken, and reported as such, stands
as BROKEN, so that a rule can tell it from one that is absent and stay silent about it.
"""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta, timezone
from difflib import get_close_matches
from typing import Any, Final, TypeGuard

from msgspec import UNSET

from segd.core.language import definitions as d
from segd.core.language.conditions import compile_number, compile_pattern, is_number, is_plain
from segd.core.time.calendar import iso_instant, parse_iso, zone, zone_names
from segd.core.time.lengths import parse_length
from segd.core.time.offsets import parse_offset

Steps = tuple[str | int, ...]
Finding = tuple[Steps, str]
Given = Mapping[str, Any]  # the fields of one shape by their names on the wire

BROKEN: Final = object()

MOST_COUNTED = 10**15  # fits a bigint, and more than anybody does
MOST_DAYS_AGO = 36_500
LONGEST_NAME = 200


def is_list(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


# Sentences


def found(value: Any) -> str:
    """`, found 5`: how a sentence shows what was there. Safe to print whatever the value holds."""
    match value:
        case None | bool():
            return f", found {json.dumps(value)}"
        case dict():
            return ", found an object"
        case list() | tuple():
            return ", found a list"
        case str():
            text = json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
        case _:
            text = str(value)
    if len(text) <= 40:
        return f", found {text}"
    return ", found a longer text" if isinstance(value, str) else ", found a longer number"


def did_you_mean(word: str, words: Collection[str]) -> str:
    """` (did you mean colour?)`, or nothing where no word is close."""
    close = get_close_matches(word, words, n=1) if len(word) <= LONGEST_NAME else []  # quadratic in the length
    return f" (did you mean {close[0]}?)" if close else ""


def one_of(words: Iterable[object]) -> str:
    return f"one of {', '.join(map(str, words))}"


_MISPLACED: dict[tuple[type[d.Shape], str], str] = {
    (d.Live, "where"): "a live definition has its conditions in `filter`",
    (d.Past, "filter"): "a past definition has its conditions in `where`",
    (d.Past, "on"): "only a live definition has triggers",
    (d.Past, "again"): "only a live definition qualifies again; a past one is asked at an instant",
    (d.Past, "start"): "only a live definition starts; a past one is asked at an instant",
}


def unknown_field(shape: type[d.Shape], name: str, known: Collection[str]) -> str:
    """The sentence about a field that the shape does not have."""
    hint = _MISPLACED.get((shape, name))
    return f"unknown field: {hint}" if hint else f"unknown field{did_you_mean(name, known)}"


# One field by itself


def _name(text: str) -> None:
    if not text.strip():
        raise ValueError("expected text that is not blank")
    if len(text) > LONGEST_NAME:
        raise ValueError(f"expected at most {LONGEST_NAME} characters")


def _event(text: str) -> None:
    _name(text)
    if text.startswith("$") and text not in ("$page", "$screen"):
        raise ValueError("expected $page, $screen or a name that does not begin with $")


def _segment(text: str) -> None:
    if not text.strip():
        raise ValueError("expected the name or id of a segment")


_PATH = re.compile(r"[^.\[\]]+(\[\])?(\.[^.\[\]]+(\[\])?)*")


def _path(text: str) -> None:
    if not _PATH.fullmatch(text):
        raise ValueError("expected a property such as price, address.city or items[].sku")


def _plain_path(text: str) -> None:
    _path(text)
    if not is_plain(text):
        raise ValueError("expected a property of one value, without []")


def _zone(text: str) -> None:
    try:
        zone(text)
    except ValueError as error:
        raise ValueError(f"{error}{did_you_mean(text, zone_names())}") from None


def _trigger_zone(text: str) -> None:
    if text != "user":
        _zone(text)


_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)


def _time_of_day(text: str) -> None:
    if not _TIME_OF_DAY.fullmatch(text):
        raise ValueError("expected a time of day such as 09:00, from 00:00 to 23:59")


# The instant must exist whichever zone is meant: no zone was farther east in the year 1, or is farther west in 9999.
_FARTHEST_EAST = timezone(timedelta(hours=16))
_FARTHEST_WEST = timezone(timedelta(hours=-12))


def _iso(text: str) -> None:
    iso_instant(text, _FARTHEST_EAST)
    iso_instant(text, _FARTHEST_WEST)


def _length_or(*words: str) -> Callable[[str], None]:
    def check(text: str) -> None:
        if text not in words:
            try:
                parse_length(text)
            except ValueError as error:
                raise ValueError(f"expected {', '.join(words)} or {str(error).removeprefix('expected ')}") from None

    return check


def _at_least_one(number: int) -> None:
    if not 1 <= number <= MOST_COUNTED:
        raise ValueError(f"expected a whole number from 1 to {MOST_COUNTED}")


def _days_ago(number: int) -> None:
    if not 0 <= number <= MOST_DAYS_AGO:
        raise ValueError(f"expected a whole number of days from 0 to {MOST_DAYS_AGO}")


def _not_empty(given: Any) -> None:
    if is_list(given) and not given:
        raise ValueError("expected at least one")


# By field, the same wherever it stands but for the exceptions. A list of texts or numbers is asked entry by entry.
_CHECKS: dict[str | tuple[type[d.Shape], str], Callable[[Any], object]] = {
    "name": _name,
    "event": _event,
    "segment": _segment,
    "property": _path,
    "same": _plain_path,
    "key": _plain_path,
    (d.Date, "property"): _plain_path,
    (d.Date, "profile"): _plain_path,
    "zone": _zone,
    (d.Date, "zone"): _trigger_zone,
    "at": _time_of_day,
    "offset": parse_offset,
    "within": parse_length,
    "idle": parse_length,
    "last": parse_length,
    "again": _length_or("always", "once"),
    "per": _length_or("session", "ever"),
    "from": _iso,
    "to": _iso,
    "days_ago": _days_ago,
    "at_least": _at_least_one,
    "did": _not_empty,
    "did_not": _not_empty,
    "unless": _not_empty,
    "of": _not_empty,
}


def field_findings(shape: type[d.Shape], name: str, value: Any) -> Iterator[Finding]:
    """value: of the right type."""
    check = _CHECKS.get((shape, name)) or _CHECKS.get(name)
    if check is None:
        return
    if is_list(value) and check is not _not_empty:
        entries: list[tuple[Steps, Any]] = [((index,), entry) for index, entry in enumerate(value)]
    else:
        entries = [((), value)]
    for steps, entry in entries:
        try:
            check(entry)
        except ValueError as error:
            yield steps, f"{error}{found(entry)}"


# The fields of one shape together


def shape_findings(shape: type[d.Shape], given: Given) -> Iterator[Finding]:
    """given: all fields that the document gives here, and the required ones that it lacks, which are BROKEN."""
    rule = _RULES.get(shape)
    return rule(given) if rule else iter(())


def _distinct(given: Given, name: str) -> Iterator[Finding]:
    values = given.get(name, ())
    seen: set[str] = set()
    for index, value in enumerate(values if values is not BROKEN else ()):
        if value in seen:
            yield (name, index), f"expected each property once{found(value)} again"
        seen.add(value)


def _inaction(given: Given) -> Iterator[Finding]:
    return _distinct(given, "same")


def _date(given: Given) -> Iterator[Finding]:
    if "profile" in given:
        for name in ("event", "property", "where", "key"):
            if given.get(name):
                yield (name,), "expected nothing beside `profile`, which takes the date from a trait"
        if given["profile"] in ("first_seen", "last_seen"):
            yield ("profile",), "expected a trait: first_seen and last_seen are segd's own"
    else:
        for name in ("event", "property"):
            if name not in given:
                yield (name,), "missing: a date needs `event` and `property`, or else `profile`"
        if given.get("yearly") is True:
            yield ("yearly",), "expected nothing beside `event`: only a date in a trait (`profile`) comes yearly"
    yield from _distinct(given, "key")
    offset = given.get("offset", "0d")
    if "at" in given and offset is not BROKEN and parse_offset(offset).days is None:
        yield ("at",), "expected nothing beside an elapsed `offset`: only one spelled with d and w leaves the time open"


def _page_count(given: Given) -> Iterator[Finding]:
    if "idle" in given and given.get("per", "session") not in ("session", BROKEN):
        yield ("idle",), "expected nothing beside this `per`: only a session ends when the user is idle"


def _when(given: Given) -> Iterator[Finding]:
    ways = [way for way in (("last",), ("from", "to"), ("days_ago",)) if any(name in given for name in way)]
    if len(ways) != 1:
        yield (), "expected exactly one of `last`, `from` and `to`, or `days_ago`"
    if BROKEN not in (start := given.get("from"), end := given.get("to")) and start and end:
        first, second = parse_iso(start), parse_iso(end)
        if _form(first) == _form(second) and first >= second:
            yield ("to",), f"expected a later moment than `from`{found(end)}"


def _form(moment: date | datetime) -> tuple[bool, bool]:
    """Two moments of one form compare whatever the zone is."""
    return isinstance(moment, datetime), isinstance(moment, datetime) and moment.tzinfo is not None


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MOST_COUNTED


def _count(given: Given) -> Iterator[Finding]:
    return _numbers(given, _is_count, f"a whole number from 0 to {MOST_COUNTED}")


def _measure(given: Given) -> Iterator[Finding]:
    return _numbers(given, is_number, "a number")


def _numbers(given: Given, right: Callable[[Any], bool], expected: str) -> Iterator[Finding]:
    op, value = given["op"], given["value"]
    if BROKEN in (op, value):
        return
    if op == "between":
        yield from _pair(value, right, expected)
    elif not right(value):
        yield ("value",), f"expected {expected}{found(value)}"


def _pair(value: Any, right: Callable[[Any], bool], expected: str) -> Iterator[Finding]:
    if not is_list(value) or len(value) != 2:
        yield ("value",), f"expected a list of two for between, each {expected}"
        return
    for index, entry in enumerate(value):
        if not right(entry):
            yield ("value", index), f"expected {expected}{found(entry)}"


def _did(given: Given) -> Iterator[Finding]:
    if "nth" in given:
        if "count" in given:
            yield ("count",), "expected nothing beside `nth`, which asks about a single event"
        if given.get("zero") is True:
            yield ("zero",), "expected nothing beside `nth`, which needs an event"
        if "when" not in given:
            yield ("when",), "missing: `nth` asks whether that event falls in `when`"
    elif given.get("zero") is True and not _zero_satisfies(given.get("count")):
        yield ("zero",), "expected nothing here: only with a `count` that zero satisfies does it change who is meant"


def _zero_satisfies(count: Any) -> bool:
    if count is None or count is BROKEN:
        return count is BROKEN  # reported already; zero may well be right beside the mended one
    return compile_number(count["op"], count["value"])(0)


# Tests


def _is_scalar(value: Any) -> bool:
    return isinstance(value, (str, bool)) or is_number(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_ordered(value: Any) -> bool:
    return isinstance(value, str) or is_number(value)


_SCALAR = "text, a number, true or false"
_VALUES: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("eq", "ne", "contains", "not_contains"), (_is_scalar, _SCALAR)),
    **dict.fromkeys(("gt", "gte", "lt", "lte"), (_is_ordered, "a number or text")),
    **dict.fromkeys(("starts_with", "ends_with", "matches", "not_matches", "before", "after"), (_is_text, "text")),
}
_TEXTS: dict[str, Callable[[str], object]] = {
    "matches": compile_pattern,
    "not_matches": compile_pattern,
    "before": _iso,
    "after": _iso,
}


def _test(given: Given) -> Iterator[Finding]:
    op, value = given["op"], given.get("value", UNSET)
    if BROKEN in (op, value):
        return
    if op in ("exists", "not_exists"):
        if value is not UNSET:
            yield ("value",), f"expected nothing beside {op}"
    elif value is UNSET:
        yield ("value",), f"missing: {op} needs one"
    elif value is None:
        yield ("value",), "expected a value, found null; ask for what is absent with not_exists, without a value"
    elif op in ("in", "not_in"):
        yield from _list_of_scalars(value)
    elif op == "between":
        if is_list(value) and value and isinstance(value[0], str):
            yield from _pair(value, _is_text, "text")
        else:
            yield from _pair(value, is_number, "a number, or both text")
    else:
        yield from _single_value(op, value)


def _list_of_scalars(value: Any) -> Iterator[Finding]:
    if not is_list(value) or not value:
        yield ("value",), f"expected a list of at least one, each {_SCALAR}"
        return
    for index, entry in enumerate(value):
        if not _is_scalar(entry):
            yield ("value", index), f"expected {_SCALAR}{found(entry)}"


def _single_value(op: str, value: Any) -> Iterator[Finding]:
    right, expected = _VALUES[op]
    if not right(value):
        yield ("value",), f"expected {expected}{found(value)}"
        return
    try:
        _TEXTS.get(op, str)(value)
    except ValueError as error:
        yield ("value",), f"{error}{found(value)}"


def _profile(given: Given) -> Iterator[Finding]:
    name, op = given["property"], given["op"]
    if name in ("first_seen", "last_seen") and op not in (BROKEN, "before", "after", "exists", "not_exists"):
        yield ("op",), f"expected before, after, exists or not_exists for {name}, which is an instant{found(op)}"
    else:
        yield from _test(given)


_RULES: dict[type[d.Shape], Callable[[Given], Iterator[Finding]]] = {
    d.Inaction: _inaction,
    d.Date: _date,
    d.PageCount: _page_count,
    d.When: _when,
    d.Count: _count,
    d.Measure: _measure,
    d.Did: _did,
    d.Test: _test,
    d.Profile: _profile,
}
