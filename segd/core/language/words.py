"""A definition in English: one sentence, the same in tables, reports, editor and explanations."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, cast

from msgspec import UnsetType

from segd.core.language import definitions as d
from segd.core.language.phrases import (
    deed,
    either,
    length_in_words,
    plural,
    property_in_words,
    selector_in_words,
    test_in_words,
    where_in_words,
)
from segd.core.language.words_past import THEY, WHO, clause, condition_in_words
from segd.core.time.calendar import parse_iso
from segd.core.time.lengths import parse_length
from segd.core.time.offsets import parse_offset

__all__ = ["condition_in_words", "in_words", "length_in_words", "selector_in_words", "test_in_words"]


def in_words(definition: d.Definition) -> str:
    """`Users who did Added To Cart and then did not do Charged within 10 minutes, if their tier is "platinum".`"""
    if isinstance(definition, d.Past):
        return f"Users {clause(definition.where, WHO)}{_days(definition)}."
    sentence = f"Users {_trigger(definition)}"
    if not isinstance(definition.filter, UnsetType):
        sentence += f", if {clause(definition.filter, THEY)}"
    if definition.again == "once":
        sentence += "; only the first time"
    elif definition.again != "always":
        sentence += f"; at most once in {length_in_words(definition.again)}"
    return f"{sentence}{_days(definition)}."


# Triggers


def _trigger(definition: d.Live) -> str:
    match definition.on:
        case d.Action() as on:
            return f"who {deed(on.did)}"
        case d.Inaction() as on:
            return f"who {_inaction(on)}"
        case d.PageVisit() as on:
            return f"who viewed a page{where_in_words(on.where)}"
        case d.Referrer() as on:
            return f"who came from another site{where_in_words(on.where)}"
        case d.PageCount() as on:
            return f"who {_page_count(on)}"
        case d.Date() as on:
            return _date(on, definition.zone)


_REPEATS = {
    "first": "",
    "each": ", counting each time on its own",
    "last": ", counting from the last time",
}


def _inaction(on: d.Inaction) -> str:
    return (
        f"{deed(on.did, aside=True)} and then did not {deed(on.did_not, base=True, aside=True)}{_with_same(on.same)}"
        f" within {length_in_words(on.within)}{_REPEATS[on.repeat]}"
    )


def _with_same(paths: tuple[str, ...]) -> str:
    return f" with the same {either(paths, 'and')}" if paths else ""


def _page_count(on: d.PageCount) -> str:
    pages = f"viewed {plural(on.at_least, 'page')}{where_in_words(on.where, aside=True)}"
    if on.per == "ever":
        return f"{pages} in all"
    if on.per != "session":
        return f"{pages} within {length_in_words(on.per)}"
    if isinstance(on.idle, UnsetType) or parse_length(on.idle) == parse_length(d.DEFAULT_IDLE):
        return f"{pages} in one visit"
    return f"{pages} in one visit, which ends after {length_in_words(on.idle)} without activity"


def _date(on: d.Date, zone: str | UnsetType) -> str:
    if isinstance(on.profile, str):
        day = f"their {property_in_words(on.profile)}"
    else:
        assert isinstance(on.property, str)
        assert isinstance(on.event, str)
        such = selector_in_words(d.Selector(on.event, on.where), aside=True)
        day = f"the {property_in_words(on.property)} of {such}"
    yearly = ", every year" if on.yearly else ""
    latest = f", counting only the latest{_with_same(on.key)}" if on.key else ""
    unless = ""
    if not isinstance(on.unless, UnsetType):
        unless = f", unless they {deed(on.unless, aside=True)}{_with_same(on.key)}"
    return f"{_moved(on.offset)} {day}{yearly}{_clock(on, zone)}{latest}{unless}"


def _moved(offset: str) -> str:
    parsed = parse_offset(offset)
    if parsed.days == 0:
        return "on"
    if parsed.days is None and parsed.elapsed == 0:
        return "at"
    return f"{length_in_words(offset)} {'before' if offset.startswith('-') else 'after'}"


def _clock(on: d.Date, zone: str | UnsetType) -> str:
    """The time of day and whose it is; the zone of the definition is named here only beside a time."""
    where = "their own time zone" if on.zone == "user" else on.zone
    if isinstance(on.at, str):
        within = zone if isinstance(where, UnsetType) else where
        return f", at {on.at}" if isinstance(within, UnsetType) else f", at {on.at} in {within}"
    return "" if isinstance(where, UnsetType) else f", by the calendar in {where}"


# The zone of calendar days


def _days(definition: d.Definition) -> str:
    """The zone of the definition, where something in it depends on one and the trigger has not named it."""
    if isinstance(definition.zone, UnsetType):
        return ""
    on = definition.on if isinstance(definition, d.Live) else None
    if isinstance(on, d.Date) and isinstance(on.zone, UnsetType):
        matters = isinstance(on.at, UnsetType)
    else:
        matters = any(map(_has_days, _shapes(definition)))
    return f" (days in {definition.zone})" if matters else ""


def _shapes(value: Any) -> Iterator[d.Shape]:
    """A shape and all that it is made of."""
    if isinstance(value, d.Shape):
        yield value
        for name in value.__struct_fields__:
            yield from _shapes(getattr(value, name))
    elif isinstance(value, tuple):
        for entry in cast("tuple[Any, ...]", value):
            yield from _shapes(entry)


def _has_days(shape: d.Shape) -> bool:
    """Whether it means other instants in another zone."""
    match shape:
        case d.When(days_ago=tuple()):
            return True
        case d.When(from_=start, to=end):
            return any(isinstance(text, str) and _is_local(text) for text in (start, end))
        case d.Test(op="before" | "after") | d.Profile(op="before" | "after"):
            return True  # whatever the test says, the property may hold a bare date
        case _:
            return False


def _is_local(text: str) -> bool:
    moment = parse_iso(text)
    return not isinstance(moment, datetime) or moment.tzinfo is None
