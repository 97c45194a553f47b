"""Whether conditions held, in English: a line each, marked ✓ or ✕, with what was found behind a colon.

A condition keeps the words it has everywhere else; one inside another is indented.
"""

from collections.abc import Iterator
from datetime import date, tzinfo
from typing import Any

import msgspec
from msgspec import UnsetType

from segd.core.language import definitions as d
from segd.core.language.phrases import number_in_words, plural, property_in_words, value_in_words
from segd.core.language.words_past import THEY, clause
from segd.core.time.instants import Instant, to_datetime, to_text
from segd.core.why.explain import Address, Entered, Evidence, Held, Occurred, Seen

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_JSON = msgspec.json.Encoder(decimal_format="number")
_LONGEST = 60  # characters of a value that is told


class Clock:
    """Says instants: the day where it is another than the one said last, the zone the first time."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._day: date | None = None

    def say(self, instant: Instant) -> str:
        try:
            local = to_datetime(instant).astimezone(self._zone)
        except OverflowError:  # at either end of the calendar
            return to_text(instant)
        time = local.time().isoformat("milliseconds" if local.microsecond else "seconds")
        if local.date() == self._day:
            return time
        zone = f" ({self._zone})" if self._day is None else ""
        self._day = local.date()
        return f"{time} on {local.day} {_MONTHS[local.month - 1]} {local.year}{zone}"


def evidence_lines(evidence: Evidence, clock: Clock, depth: int = 0) -> Iterator[str]:
    match evidence.condition:
        case d.All() if depth == 0:
            for part in evidence.parts:
                yield from evidence_lines(part, clock)
            return
        case d.All():
            said = "all of these"
        case d.AnyOf():
            said = "any of these"
        case d.Not() if evidence.parts[0].found is None:
            said = "not so"
        case condition:
            said = clause(condition, THEY)
    mark = "✓" if evidence.holds else "✕"
    parts = evidence.parts
    found = parts[0] if isinstance(evidence.condition, d.Not) else evidence
    if found.found is not None:
        yield f"{'  ' * depth}{mark} {said}: {_found(found, clock)}"
        return
    yield f"{'  ' * depth}{mark} {said}:"
    for part in parts:
        yield from evidence_lines(part, clock, depth + 1)


def _found(evidence: Evidence, clock: Clock) -> str:
    match evidence.found:
        case Occurred() as found:
            return _occurred(evidence.condition, found, clock)
        case Held(value=value):
            return f"it is {_value(value)}" if value is not None and value != [] else "it is not set"
        case Seen(at=at):
            return f"it was {clock.say(at)}" if at is not None else "they were never seen"
        case Entered(number=number, last=last):
            return _times(number, last, clock)
        case Address(there=there):
            if not there:
                return "there is no address"
            return "there is an address" if evidence.holds else "they unsubscribed"
        case None:
            raise AssertionError("only conditions without parts find anything")


def _value(value: Any) -> str:
    if isinstance(value, dict | list):
        said = _JSON.encode(value).decode()
    else:
        said = value_in_words(value)
    return said if len(said) <= _LONGEST else said[: _LONGEST - 1] + "…"


def _times(number: int, last: Instant | None, clock: Clock) -> str:
    if last is None:
        return "not once"
    return f"once, at {clock.say(last)}" if number == 1 else f"{plural(number, 'time')}, last at {clock.say(last)}"


def _occurred(condition: d.Condition, found: Occurred, clock: Clock) -> str:
    last = found.latest[-1][0] if found.latest else None
    if not isinstance(condition, d.Did):
        return _times(found.number, last, clock)
    if isinstance(condition.nth, str):
        said = "it never happened" if found.nth is None else f"it was at {clock.say(found.nth)}"
    else:
        said = _times(found.number, last, clock)
        required = 1 if isinstance(condition.count, UnsetType) else _required(condition.count)
        if 0 < found.number < required:
            said = f"{number_in_words(found.number)} of {number_in_words(required)}{said[said.index(',') :]}"
    if not isinstance(condition.measure, UnsetType):
        name = property_in_words(condition.measure.property)
        if found.measured is None:
            return f"{said}; no values of {name}"
        figure = _FIGURES[condition.measure.fn].format(name)
        return f"{said}; {figure} is {number_in_words(found.measured)}"
    return said


_FIGURES = {
    "sum": "the total {}",
    "avg": "the average {}",
    "min": "the smallest {}",
    "max": "the largest {}",
    "distinct": "the number of different values of {}",
}


def _required(count: d.Count) -> int:
    """How many it takes at least; 0 where more can be too many."""
    match count.op:
        case "gte" | "eq":
            return count.value
        case "gt":
            return count.value + 1
        case "between":
            return min(count.value)
        case _:
            return 0
