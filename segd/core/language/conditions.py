"""Tests on properties, compiled to plain predicates over decoded JSON objects.

Numbers are `int` and `Decimal` (floats never occur), so that comparing is exact. Null and absent are the same thing.
Each operator is decided once, by `value_holds`, for a single value; `compile_test` adds the path and the negation, and
takes a shorter way for the tests that meet every event of a busy stream: eq, comparisons and `starts_with` on a
property that is not nested.
"""

import operator
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import tzinfo
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, cast

import re2  # pyright: ignore[reportMissingTypeStubs]

from segd.core.language.definitions import NumberOp, Op, Test
from segd.core.time.calendar import iso_instant

_re2 = cast("Any", re2)  # it comes without types
Properties = Mapping[str, Any]
Predicate = Callable[[Any], bool]

NEGATED: dict[Op, Op] = {
    "ne": "eq",
    "not_in": "in",
    "not_contains": "contains",
    "not_matches": "matches",
    "not_exists": "exists",
}
"""The negative operators, each with the positive twin that it is the exact negation of."""

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
}


# Values


def is_number(value: Any) -> bool:
    """Whether this is a number; true and false are none."""
    return type(value) is int or type(value) is Decimal


def comparable(value: Any) -> Hashable:
    """A form that is equal for two decoded JSON values exactly where `eq` holds between them.

    1 and 1.00 are equal, 1 and true are not; lists and objects compare by structure; null stands for absent.
    """
    if isinstance(value, bool):
        return (bool, value)
    if isinstance(value, list):
        return (list, tuple(map(comparable, cast("list[Any]", value))))
    if isinstance(value, dict):
        members = cast("dict[str, Any]", value)
        return (dict, frozenset(zip(members, map(comparable, members.values()), strict=True)))
    return value


# Paths


def is_plain(path: str) -> bool:
    """Whether the path names one value at most: it has no `[]`."""
    return "[]" not in path


def lookup(path: str) -> Callable[[Properties], Any]:
    """The value at a plain path, None where absent. `address.city` descends into objects, never into lists."""
    first, *rest = path.split(".")
    if not rest:
        return lambda properties: properties.get(first)

    def nested(properties: Properties) -> Any:
        found = properties.get(first)
        for key in rest:
            if not isinstance(found, dict):
                return None
            found = cast("dict[str, Any]", found).get(key)
        return found

    return nested


def lookup_all(path: str) -> Callable[[Properties], list[Any]]:
    """The values at any path, without nulls: at most one at a plain path; `[]` gives each element of a list."""
    steps: list[str | None] = []  # None: each element of a list
    for segment in path.split("."):
        name, *lists = segment.split("[]")
        steps += [name, *(None for _ in lists)]

    def values(properties: Properties) -> list[Any]:
        found: list[Any] = [properties]
        for step in steps:
            if step is None:
                found = [element for value in found if isinstance(value, list) for element in cast("list[Any]", value)]
            else:
                found = [cast("dict[str, Any]", value).get(step) for value in found if isinstance(value, dict)]
        return [value for value in found if value is not None]

    return values


# Operators


@lru_cache(maxsize=256)
def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """Whether a text has the RE2 pattern anywhere in it. Raises ValueError with RE2's reason."""
    options = _re2.Options()
    options.log_errors = False
    options.never_capture = True
    try:
        search = _re2.compile(pattern, options).search
    except _re2.error as error:
        reason = error.args[0].decode(errors="replace")  # bytes, which may end amid a character
        raise ValueError(f"expected an RE2 pattern: {reason}") from None
    return lambda text: search(text.encode()) is not None  # of a str it would count characters, for three times as long


def value_holds(op: Op, value: Any, zone: tzinfo) -> Predicate:
    """The operator, or the positive twin of a negative one, as a question to a single property value.

    value: the test's. The predicate takes any decoded JSON value and is false for null.
    Raises ValueError where `value` is no date or no pattern though `op` needs one.
    """
    match NEGATED.get(op, op):
        case "exists":
            return lambda given: given is not None
        case "eq":
            return _equals(value)
        case "in":
            return _among(value)
        case "between":
            return _between(value)
        case "contains":
            return _contains(value)
        case "starts_with":
            return lambda given: type(given) is str and given.startswith(value)
        case "ends_with":
            return lambda given: type(given) is str and given.endswith(value)
        case "matches":
            found = compile_pattern(value)
            return lambda given: type(given) is str and found(given)
        case "before":
            return _dated(operator.lt, value, zone)
        case "after":
            return _dated(operator.gt, value, zone)
        case ordering:
            return _ordered(_COMPARISONS[ordering], value)


def _equals(value: Any) -> Predicate:
    if isinstance(value, str):
        return lambda given: given == value
    if is_number(value):
        return _ordered(operator.eq, value)
    wanted = comparable(value)
    return lambda given: given is not None and comparable(given) == wanted


def _among(values: Sequence[Any]) -> Predicate:
    wanted = frozenset(map(comparable, values))
    return lambda given: given is not None and comparable(given) in wanted


def _contains(value: Any) -> Predicate:
    equals = _equals(value)

    def holds(given: Any) -> bool:
        if isinstance(given, list):
            return any(map(equals, cast("list[Any]", given)))
        return isinstance(given, str) and isinstance(value, str) and value in given

    return holds


def _ordered(compare: Callable[[Any, Any], bool], value: Any) -> Predicate:
    if isinstance(value, str):
        return lambda given: type(given) is str and compare(given, value)
    return lambda given: (type(given) is int or type(given) is Decimal) and compare(given, value)


def _between(ends: Sequence[Any]) -> Predicate:
    low, high = ends
    if isinstance(low, str):
        return lambda given: type(given) is str and low <= given <= high
    return lambda given: (type(given) is int or type(given) is Decimal) and low <= given <= high


def _dated(compare: Callable[[int, int], bool], value: str, zone: tzinfo) -> Predicate:
    bound = iso_instant(value, zone)

    def holds(given: Any) -> bool:
        if type(given) is not str:
            return False
        try:
            return compare(iso_instant(given, zone), bound)
        except ValueError:
            return False

    return holds


# Tests


def compile_test(test: Test, zone: tzinfo) -> Callable[[Properties], bool]:
    """The test as a predicate over the properties of an event, or over traits.

    At a path with `[]` it holds where it does for any element, and a negative operator where its twin does for none.
    zone: of the calendar days in `before` and `after`. Raises ValueError as `value_holds` does.
    """
    path, value, negative = test.property, test.value, test.op in NEGATED
    if is_plain(path) and "." not in path and not negative:
        quick = _quick_test(path, test.op, value)
        if quick is not None:
            return quick
    holds = value_holds(test.op, value, zone)
    if is_plain(path):
        find = lookup(path)
        if negative:
            return lambda properties: not holds(find(properties))
        return lambda properties: holds(find(properties))
    find_all = lookup_all(path)
    if negative:
        return lambda properties: not any(map(holds, find_all(properties)))
    return lambda properties: any(map(holds, find_all(properties)))


def _quick_test(key: str, op: str, value: Any) -> Callable[[Properties], bool] | None:
    """What `value_holds` says of this key, in a single call and with nothing to look up; None: there is no such way."""
    if op == "eq" and isinstance(value, str):
        return lambda properties: properties.get(key) == value
    if op == "starts_with":

        def starts(properties: Properties) -> bool:
            given = properties.get(key)
            return type(given) is str and given.startswith(value)

        return starts
    compare = _COMPARISONS.get(op)
    if compare is None or not is_number(value):
        return None

    def ordered(properties: Properties) -> bool:
        given = properties.get(key)
        return (type(given) is int or type(given) is Decimal) and compare(given, value)

    return ordered


def compile_tests(tests: Sequence[Test], zone: tzinfo) -> Callable[[Properties], bool] | None:
    """All of the tests as one predicate; None where there are none. Raises ValueError as `value_holds` does."""
    compiled = [compile_test(test, zone) for test in tests]
    if not compiled:
        return None
    if len(compiled) == 1:
        return compiled[0]

    def all_hold(properties: Properties) -> bool:
        for holds in compiled:  # noqa: SIM110 (all() and a generator take twice as long)
            if not holds(properties):
                return False
        return True

    return all_hold


# Counts and measures


def compile_number(op: NumberOp, value: Any) -> Callable[[int | Decimal | Fraction], bool]:
    """A comparison of a count or a measure. value: a number; for `between` the lower end, then the upper one."""
    if op == "between":
        low, high = value
        return lambda number: low <= number <= high
    if op == "ne":
        return lambda number: number != value
    compare = _COMPARISONS[op]
    return lambda number: compare(number, value)
