"""Past-behaviour conditions, decided by looking through all that is visible."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from .clock import EPOCH, MICROSECOND, iso, length, local_date, midnight
from .intake import Message
from .values import as_number, at_path, compare, holds, normal

ADDRESSES = {
    "push": "push_token",
    "web_push": "web_push",
    "email": "email",
    "sms": "phone",
    "whatsapp": "whatsapp",
}
Selector = dict[str, Any]


@dataclass(frozen=True)
class View:
    """What is known of one user at an instant.

    messages: those visible, in order of (timestamp, line). zone: of the definition; account: the account's.
    definitions: by name and by id. qualified: the instants at which the user qualified for a live segment.
    """

    now: int
    messages: list[Message]
    zone: ZoneInfo
    account: ZoneInfo
    definitions: dict[str, dict[str, Any]]
    qualified: Callable[[str], list[int]]


def traits_of(messages: list[Message]) -> dict[str, Any]:
    traits: dict[str, Any] = {}
    for message in messages:
        traits |= message.writes
    return traits


def selected(selectors: Selector | list[Selector], message: Message, zone: ZoneInfo) -> bool:
    """Whether any of the selectors matches."""
    several = selectors if isinstance(selectors, list) else [selectors]
    return any(
        message.event == selector["event"]
        and all(holds(test, message.properties, instant_in(zone)) for test in selector.get("where", ()))
        for selector in several
    )


def instant_in(zone: ZoneInfo) -> Callable[[Any], int | None]:
    def instant_of(value: Any) -> int | None:
        found = iso(value)
        return found.instant(zone) if found else None

    return instant_of


def decide(condition: dict[str, Any], view: View) -> bool:
    match condition["type"]:
        case "all":
            return all(decide(one, view) for one in condition["of"])
        case "any":
            return any(decide(one, view) for one in condition["of"])
        case "not":
            return not decide(condition["of"], view)
        case "did":
            return _did(condition, view)
        case "did_not":
            return not _such(condition, view)
        case "profile":
            return _profile(condition, view)
        case "in_segment":
            return _in_segment(condition, view)
        case "reachable":
            return _reachable(condition["channel"], view)
    raise ValueError(f"no such condition: {condition['type']}")


def _within(when: dict[str, Any] | None, instant: int, view: View) -> bool:
    if when is None:
        return instant <= view.now
    if "last" in when:
        return view.now - length(when["last"]) < instant <= view.now
    if "days_ago" in when:
        today = local_date(view.now, view.zone)
        begin = midnight(today - timedelta(days=max(when["days_ago"])), view.zone)
        end = midnight(today - timedelta(days=min(when["days_ago"]) - 1), view.zone)
        return begin <= instant < end and instant <= view.now
    instant_of = instant_in(view.zone)
    begin, end = instant_of(when.get("from")), instant_of(when.get("to"))
    return (begin is None or begin <= instant) and (end is None or instant < end) and instant <= view.now


def _such(condition: dict[str, Any], view: View) -> list[Message]:
    """The events of a `did` or `did_not`, of all time where `nth` asks for one of them."""
    such = [message for message in view.messages if selected(condition, message, view.zone)]
    if "nth" in condition:
        such = such[:1] if condition["nth"] == "first" else such[-1:]
    return [message for message in such if _within(condition.get("when"), message.timestamp, view)]


def _did(condition: dict[str, Any], view: View) -> bool:
    such = _such(condition, view)
    if "count" in condition:
        count = condition["count"]
        if not compare(count["op"], len(such), count["value"]) or not (such or condition.get("zero")):
            return False
    elif not such:
        return False
    return "measure" not in condition or _measures(condition["measure"], such)


def _measures(measure: dict[str, Any], such: list[Message]) -> bool:
    values = [value for message in such for value in at_path(measure["property"], message.properties)]
    if measure["fn"] == "distinct":
        amount = Fraction(len({normal(value) for value in values}))
    else:
        numbers = [number for number in map(as_number, values) if number is not None]
        values = numbers
        if not numbers:
            return False
        total = sum(numbers, Fraction())
        amount = {
            "sum": total,
            "avg": total / len(numbers),
            "min": min(numbers),
            "max": max(numbers),
        }[measure["fn"]]
    if not values:
        return False
    op, wanted = measure["op"], measure["value"]
    if op == "between":
        low, high = (_exact(bound) for bound in wanted)
        return low <= amount <= high
    exact = _exact(wanted)
    return {
        "eq": amount == exact,
        "ne": amount != exact,
        "gt": amount > exact,
        "gte": amount >= exact,
        "lt": amount < exact,
        "lte": amount <= exact,
    }[op]


def _exact(value: Any) -> Fraction:
    number = as_number(value)
    if number is None:
        raise ValueError(f"not a number: {value!r}")
    return number


def _profile(test: dict[str, Any], view: View) -> bool:
    seen = [message.timestamp for message in view.messages]
    own = {"first_seen": _iso_text(min(seen)), "last_seen": _iso_text(max(seen))} if seen else {}
    return holds(test, traits_of(view.messages) | own, instant_in(view.zone))


def _iso_text(instant: int) -> str:
    return (EPOCH + instant * MICROSECOND).isoformat() + "Z"


def _in_segment(condition: dict[str, Any], view: View) -> bool:
    definition = view.definitions[condition["segment"]]
    if definition["kind"] == "live":
        return any(_within(condition.get("when"), at, view) for at in view.qualified(definition["name"]))
    zone = ZoneInfo(definition["zone"]) if "zone" in definition else view.account
    return decide(definition["where"], replace(view, zone=zone))


def _reachable(channel: str, view: View) -> bool:
    traits = traits_of(view.messages)
    there = any(value is not False and value not in ("", [], {}) for value in at_path(ADDRESSES[channel], traits))
    if channel == "push":
        there = there or any(message.device_token for message in view.messages)
    return there and at_path(f"subscriptions.{channel}", traits) != [False]
