"""The definition language: one JSON object, the same in the API, in files and in the dashboard.

Only shapes live here; `reading` turns a document into them or says all that is wrong with it, so whatever holds one of
these structs may rely on every rule of the language. Lengths, dates and zones stay the text they were written as.
"""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

Op = Literal[
    "eq", "ne", "in", "not_in", "gt", "gte", "lt", "lte", "between", "contains", "not_contains", "starts_with",
    "ends_with", "matches", "not_matches", "exists", "not_exists", "before", "after",
]  # fmt: skip
NumberOp = Literal["eq", "ne", "gt", "gte", "lt", "lte", "between"]
Channel = Literal["push", "web_push", "email", "sms", "whatsapp"]


class Shape(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of all shapes: immutable, unknown fields refused, defaults left out when written."""


class Test(Shape, frozen=True):
    """A test on one property. property: `price`, `address.city`, `items[].sku`. value: by `op`; unset for exists."""

    __test__ = False  # not for pytest

    property: str
    op: Op
    value: Any = UNSET


class Selector(Shape, frozen=True):
    """Events by name, on which all tests hold."""

    event: str
    where: tuple[Test, ...] = ()


Selectors = Selector | tuple[Selector, ...]  # a list means any of them


# Live triggers: the `on` of a live segment


class Action(Shape, frozen=True, tag_field="type", tag="action"):
    did: Selectors


class Inaction(Shape, frozen=True, tag_field="type", tag="inaction"):
    did: Selectors
    did_not: Selectors
    within: str
    same: tuple[str, ...] = ()
    repeat: Literal["first", "each", "last"] = "first"


class Date(Shape, frozen=True, tag_field="type", tag="date"):
    """A date in a property of an event (`event`, `property`), or in a trait (`profile`)."""

    event: str | UnsetType = UNSET
    where: tuple[Test, ...] = ()
    property: str | UnsetType = UNSET
    profile: str | UnsetType = UNSET
    yearly: bool = False
    offset: str = "0d"
    at: str | UnsetType = UNSET
    zone: str | UnsetType = UNSET
    key: tuple[str, ...] = ()
    unless: Selectors | UnsetType = UNSET


class PageVisit(Shape, frozen=True, tag_field="type", tag="page_visit"):
    where: tuple[Test, ...] = ()


class Referrer(Shape, frozen=True, tag_field="type", tag="referrer"):
    where: tuple[Test, ...] = ()


class PageCount(Shape, frozen=True, tag_field="type", tag="page_count"):
    """per: `session`, `ever`, or a length."""

    at_least: int
    where: tuple[Test, ...] = ()
    per: str = "session"
    idle: str | UnsetType = UNSET  # 20m for a session, pointless elsewhere


Trigger = Action | Inaction | Date | PageVisit | Referrer | PageCount

DEFAULT_IDLE = "20m"


# Past-behaviour conditions: the `where` of a past segment and the `filter` of a live one


class When(Shape, frozen=True, rename={"from_": "from"}):
    """One of three: `last` a length; `from` and/or `to`, half-open; `days_ago`, two whole numbers, either order."""

    last: str | UnsetType = UNSET
    from_: str | UnsetType = UNSET  # `from` on the wire
    to: str | UnsetType = UNSET
    days_ago: tuple[int, int] | UnsetType = UNSET


class Count(Shape, frozen=True):
    """value: a whole number; two of them for between."""

    op: NumberOp
    value: Any


class Measure(Shape, frozen=True):
    """value: a number; two of them for between."""

    fn: Literal["sum", "avg", "min", "max", "distinct"]
    property: str
    op: NumberOp
    value: Any


class All(Shape, frozen=True, tag_field="type", tag="all"):
    of: tuple["Condition", ...]


class AnyOf(Shape, frozen=True, tag_field="type", tag="any"):
    of: tuple["Condition", ...]


class Not(Shape, frozen=True, tag_field="type", tag="not"):
    of: "Condition"


class Did(Shape, frozen=True, tag_field="type", tag="did"):
    event: str
    where: tuple[Test, ...] = ()
    count: Count | UnsetType = UNSET  # at least one, where neither this nor `zero` says otherwise
    when: When | UnsetType = UNSET
    measure: Measure | UnsetType = UNSET
    nth: Literal["first", "last"] | UnsetType = UNSET
    zero: bool = False


class DidNot(Shape, frozen=True, tag_field="type", tag="did_not"):
    event: str
    where: tuple[Test, ...] = ()
    when: When | UnsetType = UNSET


class Profile(Shape, frozen=True, tag_field="type", tag="profile"):
    """A test on traits; `first_seen` and `last_seen` are segd's own instants, not traits."""

    property: str
    op: Op
    value: Any = UNSET


class InSegment(Shape, frozen=True, tag_field="type", tag="in_segment"):
    segment: str
    when: When | UnsetType = UNSET


class Reachable(Shape, frozen=True, tag_field="type", tag="reachable"):
    channel: Channel


Condition = All | AnyOf | Not | Did | DidNot | Profile | InSegment | Reachable


# Segments


class Live(Shape, frozen=True, tag_field="kind", tag="live"):
    """again: `always`, `once`, or a length. start: `new`, or `open` to open windows from the history as well."""

    name: str
    on: Trigger
    filter: Condition | UnsetType = UNSET
    again: str = "always"
    zone: str | UnsetType = UNSET
    start: Literal["new", "open"] = "new"


class Past(Shape, frozen=True, tag_field="kind", tag="past"):
    name: str
    where: Condition
    zone: str | UnsetType = UNSET


Definition = Live | Past
Kind = Literal["live", "past"]


def kind_of(definition: Definition) -> Kind:
    """As it says of itself."""
    return "live" if isinstance(definition, Live) else "past"


def selectors(given: Selectors) -> tuple[Selector, ...]:
    """One selector or a list of them, as a tuple."""
    return (given,) if isinstance(given, Selector) else given


def segments_named(definition: Definition) -> set[str]:
    """The segments that a definition's conditions name by `in_segment`."""
    top = definition.where if isinstance(definition, Past) else definition.filter
    found: set[str] = set()
    waiting: list[Condition] = [] if isinstance(top, UnsetType) else [top]
    while waiting:
        match waiting.pop():
            case All(of=of) | AnyOf(of=of):
                waiting.extend(of)
            case Not(of=of):
                waiting.append(of)
            case InSegment(segment=segment):
                found.add(segment)
            case _:
                pass
    return found
