"""Past-behaviour conditions in English.

A condition becomes a clause about "who" (`who did Charged, and whose tier is "gold"`) or about "they". Conditions are
joined by commas and tests of one event are not; a group inside a group stands in parentheses: so no sentence can be
read in two ways.
"""

from typing import Any, NamedTuple

from msgspec import UnsetType

from segd.core.language import definitions as d
from segd.core.language.conditions import NEGATED, compile_number, is_plain
from segd.core.language.phrases import (
    deed,
    event_in_words,
    number_in_words,
    predicate,
    property_in_words,
    test_in_words,
    value_in_words,
    when_in_words,
    where_in_words,
)


class Voice(NamedTuple):
    subject: str
    possessive: str


WHO = Voice("who", "whose")
THEY = Voice("they", "their")


def condition_in_words(condition: d.Condition) -> str:
    """A clause that stands by itself: `they did Charged at least 3 times in the last 30 days`."""
    return clause(condition, THEY)


def clause(condition: d.Condition, voice: Voice, *, nested: bool = False) -> str:
    """nested: inside another condition, where a group needs parentheses."""
    match condition:
        case d.All(of=(only,)) | d.AnyOf(of=(only,)):
            return clause(only, voice, nested=nested)
        case d.All(of=of):
            return _joined("and", of, voice, nested)
        case d.AnyOf(of=of):
            return _joined("or", of, voice, nested)
        case d.Not(of=of):
            return _negated(of, voice)
        case d.Did():
            return _did(condition, voice)
        case d.DidNot():
            return _did_not(condition.event, condition.where, condition.when, voice)
        case d.Profile():
            return _profile(condition, voice)
        case d.InSegment():
            return _in_segment(condition, voice)
        case d.Reachable():
            return f"{voice.subject} are reachable by {_CHANNELS[condition.channel]}"


def _joined(word: str, of: tuple[d.Condition, ...], voice: Voice, nested: bool) -> str:
    parts = [clause(part, voice, nested=True) for part in of]
    subject = f"{voice.subject} "
    if all(part.startswith(subject) for part in parts):  # said once, it is understood of the others
        parts[1:] = [part.removeprefix(subject) for part in parts[1:]]
    *first, last = parts
    joined = f"{', '.join(first)}, {word} {last}"
    return f"({joined})" if nested else joined


# Deeds


def _did(did: d.Did, voice: Voice) -> str:
    when = "" if isinstance(did.when, UnsetType) else f" {when_in_words(did.when)}"
    measure = "" if isinstance(did.measure, UnsetType) else f" with {_measure(did.measure)}"
    if not isinstance(did.nth, UnsetType):
        such = event_in_words(did.event) + where_in_words(did.where, aside=True)
        return f"{voice.possessive} {did.nth} {such} happened{when}{measure}"
    more = _times(did) + measure + when
    return f"{voice.subject} {deed(d.Selector(did.event, did.where), aside=bool(more))}{more}"


def _did_not(event: str, where: tuple[d.Test, ...], when: d.When | UnsetType, voice: Voice) -> str:
    if isinstance(when, UnsetType):
        return f"{voice.subject} never {deed(d.Selector(event, where))}"
    selector = d.Selector(event, where)
    return f"{voice.subject} did not {deed(selector, base=True, aside=True)} {when_in_words(when)}"


def _times(did: d.Did) -> str:
    if isinstance(did.count, UnsetType):
        return ""
    op, value = did.count.op, did.count.value
    if op == "ne":
        times = f"a number of times other than {number_in_words(value)}"
    elif value == 1 and op != "lt":
        times = f"{_amount(op, value, 'fewer').rpartition(' ')[0]} once"
    else:
        times = _amount(op, value, "fewer") + (" time" if value == 1 else " times")
    if did.zero:
        return f" {times} or not at all"
    return f" at least once but {times}" if compile_number(op, value)(0) else f" {times}"


def _amount(op: d.NumberOp, value: Any, less: str) -> str:
    """less: "fewer" of what is counted, "less" of what is measured."""
    match op:
        case "between":
            low, high = value
            return f"between {number_in_words(low)} and {number_in_words(high)}"
        case "eq":
            return f"exactly {number_in_words(value)}"
        case "ne":
            return f"other than {number_in_words(value)}"
        case "gt":
            return f"more than {number_in_words(value)}"
        case "gte":
            return f"at least {number_in_words(value)}"
        case "lt":
            return f"{less} than {number_in_words(value)}"
        case "lte":
            return f"at most {number_in_words(value)}"


_FIGURES = {"sum": "a total", "avg": "an average", "min": "a smallest", "max": "a largest"}


def _measure(measure: d.Measure) -> str:
    name = property_in_words(measure.property)
    op, value = measure.op, measure.value
    if measure.fn != "distinct":
        of = " " if op in ("ne", "between") else " of "
        return f"{_FIGURES[measure.fn]} {name}{of}{_amount(op, value, 'less')}"
    if op == "ne":
        return f"a number of different values of {name} {_amount(op, value, 'fewer')}"
    noun = "value" if value == 1 else "values"
    return f"{_amount(op, value, 'fewer')} different {noun} of {name}"


# Users


_SEEN = {"first_seen": "first seen", "last_seen": "last seen"}
_CHANNELS: dict[d.Channel, str] = {
    "push": "push",
    "web_push": "web push",
    "email": "email",
    "sms": "SMS",
    "whatsapp": "WhatsApp",
}


def _profile(profile: d.Profile, voice: Voice) -> str:
    if profile.property in _SEEN:
        if profile.op in ("exists", "not_exists"):
            return f"{voice.subject} have {'' if profile.op == 'exists' else 'not '}been seen"
        then = predicate(profile.op, profile.value).removeprefix("is ")
        return f"{voice.subject} were {_SEEN[profile.property]} {then}"
    if is_plain(profile.property):
        return f"{voice.possessive} {test_in_words(profile)}"
    name = property_in_words(profile.property)
    op = NEGATED.get(profile.op, profile.op)
    having = f"{voice.subject} have {'no' if profile.op in NEGATED else 'any'} {name}"
    return having if op == "exists" else f"{having} that {predicate(op, profile.value)}"


def _in_segment(condition: d.InSegment, voice: Voice, *, negated: bool = False) -> str:
    name = value_in_words(condition.segment)
    if isinstance(condition.when, UnsetType):
        return f"{voice.subject} are {'not ' if negated else ''}in the segment {name}"
    verb = "did not qualify" if negated else "qualified"
    return f"{voice.subject} {verb} for the segment {name} {when_in_words(condition.when)}"


# Negations


_TWINS: dict[d.Op, d.Op] = {**NEGATED, **{positive: negative for negative, positive in NEGATED.items()}}


def _negated(condition: d.Condition, voice: Voice) -> str:
    """What does not hold: as people say it where that is plain, else as users that these are not."""
    match condition:
        case d.All(of=(only,)) | d.AnyOf(of=(only,)):
            return _negated(only, voice)
        case d.Did(count=UnsetType(), measure=UnsetType(), nth=UnsetType()):
            return _did_not(condition.event, condition.where, condition.when, voice)
        case d.Profile(op=op) if op in _TWINS:
            return _profile(d.Profile(condition.property, _TWINS[op], condition.value), voice)
        case d.InSegment():
            return _in_segment(condition, voice, negated=True)
        case d.Reachable():
            return f"{voice.subject} are not reachable by {_CHANNELS[condition.channel]}"
        case _:
            return f"{voice.subject} are not users {clause(condition, WHO, nested=True)}"
