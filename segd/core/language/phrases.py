"""The small phrases that sentences about definitions are made of: lengths, numbers, dates, tests and selectors.

Names and values appear exactly as they came, texts in the quotes of JSON; numbers compared by size are grouped.
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from segd.core.language.conditions import NEGATED, is_plain
from segd.core.language.definitions import Op, Profile, Selector, Selectors, Test, When, selectors
from segd.core.time.calendar import parse_iso

# Lengths

_UNITS = {"w": "week", "d": "day", "h": "hour", "m": "minute", "s": "second"}


def length_in_words(length: str) -> str:
    """`1h30m` as "1 hour 30 minutes". length: text that `parse_length` takes, or a zero such as `0d`."""
    parts = [(int(number), _UNITS[unit]) for number, unit in re.findall(r"(\d+)([wdhms])", length)]
    return " ".join(plural(number, unit) for number, unit in parts if number or len(parts) == 1)


def last_length(length: str) -> str:
    """What stands after "the last": a lone "1 day" is "day"."""
    words = length_in_words(length)
    return words.removeprefix("1 ") if words.count(" ") == 1 else words


# Numbers and values


def number_in_words(number: int | Decimal) -> str:
    """In full and grouped, unless that would be hard to read."""
    if number and not -10 <= Decimal(number).adjusted() <= 20:
        return str(number)
    text = f"{number:,f}" if isinstance(number, Decimal) else f"{number:,}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def plural(number: int, noun: str) -> str:
    return f"{number_in_words(number)} {noun if number == 1 else f'{noun}s'}"


def value_in_words(value: Any) -> str:
    """value: text, a number, true or false. A number may be an id, so it is not grouped."""
    if isinstance(value, (str, bool)):
        return json.dumps(value, ensure_ascii=False)
    return number_in_words(value).replace(",", "")


def either(words: Sequence[str], joined_by: str = "or") -> str:
    """`a, b or c`."""
    *first, last = words
    return f"{', '.join(first)} {joined_by} {last}" if first else last


# Dates

# Not strftime's, which speaks the language of the process.
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def moment_in_words(text: str) -> str:
    """`2011-04-01` as "1 April 2011". text: a date or date-time that `parse_iso` takes."""
    moment = parse_iso(text)
    day = f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"
    if not isinstance(moment, datetime):
        return day
    time = moment.time().isoformat("auto" if moment.second or moment.microsecond else "minutes")
    if moment.tzinfo is None:
        return f"{day} at {time}"
    offset = "" if moment.utcoffset() == timedelta(0) else f"{moment:%z}"
    return f"{day} at {time} UTC{offset[:3]}{':' if offset else ''}{offset[3:]}"


def when_in_words(when: When) -> str:
    """`in the last 30 days`, `from 1 April 2011 to 30 June 2011`, `45 to 90 days ago`."""
    if isinstance(when.last, str):
        return f"in the last {last_length(when.last)}"
    if isinstance(when.days_ago, tuple):
        return _days_ago(min(when.days_ago), max(when.days_ago))
    if not isinstance(when.to, str):
        assert isinstance(when.from_, str)
        return f"since {moment_in_words(when.from_)}"
    if not isinstance(when.from_, str):
        return f"before {moment_in_words(when.to)}"
    return _from_to(when.from_, when.to)


def _days_ago(latest: int, earliest: int) -> str:
    match latest, earliest:
        case 0, 0:
            return "today"
        case 0, 1:
            return "today or yesterday"
        case 0, _:
            return f"today or up to {earliest} days ago"
        case 1, 1:
            return "yesterday"
        case _ if latest == earliest:
            return f"{latest} days ago"
        case _:
            return f"{latest} to {earliest} days ago"


def _from_to(start: str, stop: str) -> str:
    after = parse_iso(stop)
    if isinstance(after, datetime) or isinstance(parse_iso(start), datetime):
        return f"from {moment_in_words(start)} and before {moment_in_words(stop)}"
    last = (after - timedelta(days=1)).isoformat()  # whole days: people name the last one
    if last == start:
        return f"on {moment_in_words(start)}"
    return f"from {moment_in_words(start)} to {moment_in_words(last)}"


# Tests


def test_in_words(test: Test | Profile) -> str:
    """`price is at least 200`, `no items.sku is "a"`."""
    name = property_in_words(test.property)
    if is_plain(test.property):
        return f"{name} {predicate(test.op, test.value)}"
    if test.op in NEGATED:
        return f"no {name} {predicate(NEGATED[test.op], test.value)}"
    return f"any {name} {predicate(test.op, test.value)}"


test_in_words.__test__ = False  # pyright: ignore[reportFunctionMemberAccess]  # not for pytest


def property_in_words(path: str) -> str:
    return path.replace("[]", "")


_OPENINGS: dict[Op, str] = {
    "eq": "is",
    "ne": "is not",
    "contains": "contains",
    "not_contains": "does not contain",
    "starts_with": "starts with",
    "ends_with": "ends with",
    "matches": "matches the pattern",
    "not_matches": "does not match the pattern",
}
_COMPARISONS: dict[str, tuple[str, str]] = {  # of a number, of text
    "gt": ("is above", "sorts after"),
    "gte": ("is at least", "is or sorts after"),
    "lt": ("is below", "sorts before"),
    "lte": ("is at most", "is or sorts before"),
}


def predicate(op: Op, value: Any) -> str:
    """What a test says of its property: `is at least 200`."""
    match op:
        case "exists":
            return "is set"
        case "not_exists":
            return "is not set"
        case "in" | "not_in":
            return _membership(op == "in", [value_in_words(entry) for entry in value])
        case "between":
            low, high = value
            return f"is between {_size_in_words(low)} and {_size_in_words(high)}"
        case "gt" | "gte" | "lt" | "lte":
            return f"{_COMPARISONS[op][isinstance(value, str)]} {_size_in_words(value)}"
        case "before" | "after":
            return f"is {op} {moment_in_words(value)}"
        case _:
            return f"{_OPENINGS[op]} {value_in_words(value)}"


def _membership(positive: bool, values: Sequence[str]) -> str:
    if len(values) == 1:
        return f"is {values[0]}" if positive else f"is not {values[0]}"
    return f"is {'one' if positive else 'none'} of {either(values)}"


def _size_in_words(value: Any) -> str:
    return value_in_words(value) if isinstance(value, str) else number_in_words(value)


# Selectors


def where_in_words(tests: Sequence[Test], *, aside: bool = False) -> str:
    """` where price is at least 200 and …`, with its space in front; nothing without tests. aside: in parentheses,
    so that more of the sentence can follow."""
    if not tests:
        return ""
    said = f"where {' and '.join(map(test_in_words, tests))}"
    return f" ({said})" if aside else f" {said}"


_NOUNS = {"$page": "page view", "$screen": "screen view"}
_VIEWED = {"$page": "page", "$screen": "screen"}


def event_in_words(event: str) -> str:
    """A noun without an article: what "the first" can stand before."""
    return _NOUNS.get(event, event)


def selector_in_words(selector: Selector, *, aside: bool = False) -> str:
    """`Charged where amount is above 5`, `a page view`."""
    noun = f"a {_NOUNS[selector.event]}" if selector.event in _NOUNS else selector.event
    return noun + where_in_words(selector.where, aside=aside)


def deed(given: Selectors, *, base: bool = False, aside: bool = False) -> str:
    """What users did: `did Charged`, `viewed a page`, `did A or B`. base: the form that stands after "did not"."""
    chosen = selectors(given)
    if len(chosen) == 1 and chosen[0].event in _VIEWED:
        verb = f"view{'' if base else 'ed'} a {_VIEWED[chosen[0].event]}"
        return verb + where_in_words(chosen[0].where, aside=aside)
    aside = aside or len(chosen) > 1
    return f"{'do' if base else 'did'} {either([selector_in_words(one, aside=aside) for one in chosen])}"
