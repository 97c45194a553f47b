"""Hypothesis strategies for valid definitions.

No name or text made here can spell an operator (`gte`), a field or a word of a sentence, so that tests may look for
those in what is made of a definition.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import get_args

from hypothesis import strategies as st
from msgspec import UNSET

from segd.core.language import definitions as d
from segd.core.language.conditions import compile_number

LETTERS = 'AXé1 "\\(,'


def perhaps(strategy):
    return st.just(UNSET) | strategy


texts = st.text(LETTERS, max_size=6)
names = st.text(LETTERS, min_size=1, max_size=6).filter(str.strip)
events = names | st.sampled_from(["$page", "$screen", "Charged", "Added To Cart"])
segments = st.text("AXé1", min_size=1, max_size=6)
plain_paths = st.lists(st.text("axé1 ", min_size=1, max_size=3), min_size=1, max_size=3).map(".".join)
paths = st.lists(st.text("axé1 ", min_size=1, max_size=3).flatmap(lambda s: st.sampled_from([s, s + "[]"])),
                 min_size=1, max_size=3).map(".".join)  # fmt: skip
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Australia/Lord_Howe"])
lengths = st.sampled_from(["90s", "10m", "1h30m", "5d", "2w", "1d", "1w2d3h4m5s", "1h0m"])
offsets = lengths.flatmap(lambda s: st.sampled_from([s, f"-{s}"])) | st.sampled_from(["0d", "-0d", "0h"])
numbers = (
    st.integers(-(10**20), 10**20)
    | st.decimals(-1000, 1000, places=2)
    | st.sampled_from([Decimal("1E+20"), Decimal("-1E-20"), Decimal("0.1234567890123456789012345"), 10**300])
)
scalars = texts | numbers | st.booleans()
days = st.dates(date(1, 1, 2), date(9999, 12, 30)).map(date.isoformat)
date_times = st.builds(
    lambda moment, offset: moment.isoformat() + offset,
    st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)),
    st.sampled_from(["", "Z", "+02:00", "-0730"]),
)
moments = days | date_times


def value_of(op):
    """A value that the operator of a test takes."""
    match op:
        case "exists" | "not_exists":
            return st.just(UNSET)
        case "in" | "not_in":
            return st.lists(scalars, min_size=1, max_size=3)
        case "between":
            return st.lists(numbers, min_size=2, max_size=2) | st.lists(texts, min_size=2, max_size=2)
        case "gt" | "gte" | "lt" | "lte":
            return numbers | texts
        case "starts_with" | "ends_with":
            return texts
        case "matches" | "not_matches":
            return st.sampled_from(["^A", "X+$", "[é1]", r"\d"])
        case "before" | "after":
            return moments
        case _:
            return scalars


def tested(shape, properties):
    def with_value(op):
        return st.builds(shape, property=properties, op=st.just(op), value=value_of(op))

    return st.sampled_from(get_args(d.Op)).flatmap(with_value)


tests = tested(d.Test, paths)
wheres = st.lists(tests, max_size=2).map(tuple)
single_selectors = st.builds(d.Selector, event=events, where=wheres)
selectors = single_selectors | st.lists(single_selectors, min_size=1, max_size=2).map(tuple)
distinct_paths = st.lists(plain_paths, max_size=2, unique=True).map(tuple)


# Conditions


def _from_to(first, second):
    return d.When(from_=min(first, second), to=max(first, second))


days_ago = st.integers(0, 36_500) | st.integers(0, 3)
whens = (
    st.builds(d.When, last=lengths)
    | st.builds(d.When, from_=moments)
    | st.builds(d.When, to=moments)
    | st.lists(days, min_size=2, max_size=2, unique=True).map(lambda pair: _from_to(*pair))
    | st.builds(d.When, from_=days, to=date_times)
    | st.builds(d.When, days_ago=st.tuples(days_ago, days_ago))
)


def compared(shape, values, **fields):
    def with_value(op):
        value = st.lists(values, min_size=2, max_size=2) if op == "between" else values
        return st.builds(shape, op=st.just(op), value=value, **fields)

    return st.sampled_from(get_args(d.NumberOp)).flatmap(with_value)


counts = compared(d.Count, st.integers(0, 4) | st.integers(0, 10**15))
measures = compared(
    d.Measure, numbers, fn=st.sampled_from(["sum", "avg", "min", "max", "distinct"]), property=paths
)  # fmt: skip
dids = (
    st.builds(d.Did, event=events, where=wheres, when=perhaps(whens), count=perhaps(counts), measure=perhaps(measures))
    | st.builds(d.Did, event=events, where=wheres, when=whens, nth=st.sampled_from(["first", "last"]))
    | st.builds(
        d.Did,
        event=events,
        count=counts.filter(lambda count: compile_number(count.op, count.value)(0)),
        zero=st.just(True),
    )
)
seen = st.sampled_from(["first_seen", "last_seen"])
profiles = (
    tested(d.Profile, paths)
    | st.builds(d.Profile, property=seen, op=st.sampled_from(["before", "after"]), value=moments)
    | st.builds(d.Profile, property=seen, op=st.sampled_from(["exists", "not_exists"]))
)
leaves = (
    dids
    | st.builds(d.DidNot, event=events, where=wheres, when=perhaps(whens))
    | profiles
    | st.builds(d.InSegment, segment=segments, when=perhaps(whens))
    | st.builds(d.Reachable, channel=st.sampled_from(get_args(d.Channel)))
)


def _groups(children):
    several = st.lists(children, min_size=1, max_size=3).map(tuple)
    return st.builds(d.All, of=several) | st.builds(d.AnyOf, of=several) | st.builds(d.Not, of=children)


conditions = st.recursive(leaves, _groups, max_leaves=6)


# Triggers


clocks = st.sampled_from([("0d", "09:00"), ("-5d", "23:59"), ("2w", "00:00")]) | st.tuples(offsets, st.just(UNSET))


def _date(clock, **fields):
    return d.Date(offset=clock[0], at=clock[1], **fields)


date_zones = perhaps(zones | st.just("user"))
triggers = (
    st.builds(d.Action, did=selectors)
    | st.builds(
        d.Inaction,
        did=selectors,
        did_not=selectors,
        within=lengths,
        same=distinct_paths,
        repeat=st.sampled_from(["first", "each", "last"]),
    )
    | st.builds(
        _date,
        clocks,
        event=events,
        where=wheres,
        property=plain_paths,
        zone=date_zones,
        key=distinct_paths,
        unless=perhaps(selectors),
    )
    | st.builds(_date, clocks, profile=plain_paths, yearly=st.booleans(), zone=date_zones, unless=perhaps(selectors))
    | st.builds(d.PageVisit, where=wheres)
    | st.builds(d.Referrer, where=wheres)
    | st.builds(d.PageCount, at_least=st.integers(1, 9), where=wheres, idle=perhaps(lengths))
    | st.builds(d.PageCount, at_least=st.integers(1, 9), where=wheres, per=st.just("ever") | lengths)
)


# Definitions


lives = st.builds(
    d.Live,
    name=names,
    on=triggers,
    filter=perhaps(conditions),
    again=st.sampled_from(["always", "once"]) | lengths,
    zone=perhaps(zones),
    start=st.sampled_from(["new", "open"]),
)
pasts = st.builds(d.Past, name=names, where=conditions, zone=perhaps(zones))
definitions = lives | pasts
