"""Definitions in English."""

import re
from typing import get_args

import pytest
from core.language.definition_strategies import conditions, definitions
from hypothesis import given, settings

from segd.core.language import definitions as d
from segd.core.language.reading import read_definition
from segd.core.language.words import condition_in_words, in_words, length_in_words, selector_in_words, test_in_words

DID = {"type": "did", "event": "Charged"}
GOLD = {"type": "profile", "property": "tier", "op": "eq", "value": "gold"}
PRICE = {"property": "price", "op": "gte", "value": 1200}


def live(on, **fields):
    return in_words(read_definition({"name": "n", "kind": "live", "on": on, **fields}))


def past(where, **fields):
    return in_words(read_definition({"name": "n", "kind": "past", "where": where, **fields}))


def inaction(**fields):
    both = {"did": {"event": "Added To Cart"}, "did_not": {"event": "Charged"}}
    return {"type": "inaction", **both, "within": "10m", **fields}


def booked(**fields):
    return {"type": "date", "event": "Booked", "property": "day", **fields}


@pytest.mark.parametrize(
    ("on", "words"),
    [
        ({"type": "action", "did": {"event": "Charged"}}, "who did Charged"),
        ({"type": "action", "did": {"event": "Charged", "where": [PRICE]}},
         "who did Charged where price is at least 1,200"),
        (
            {"type": "action", "did": [{"event": "$page"}, {"event": "Charged", "where": [PRICE]}, {"event": "A"}]},
            "who did a page view, Charged (where price is at least 1,200) or A",
        ),
        (inaction(), "who did Added To Cart and then did not do Charged within 10 minutes"),
        (
            inaction(same=["sku", "size"], repeat="each"),
            "who did Added To Cart and then did not do Charged with the same sku and size within 10 minutes,"
            " counting each time on its own",
        ),
        (
            inaction(did={"event": "$page", "where": [PRICE]}, did_not={"event": "$page"}, repeat="last"),
            "who viewed a page (where price is at least 1,200) and then did not view a page within 10 minutes,"
            " counting from the last time",
        ),
        (booked(), "on the day of Booked"),
        (booked(offset="0h"), "at the day of Booked"),
        (booked(offset="-5d", at="09:00", zone="America/Sao_Paulo"),
         "5 days before the day of Booked, at 09:00 in America/Sao_Paulo"),
        (booked(offset="36h", zone="UTC"), "36 hours after the day of Booked, by the calendar in UTC"),
        (booked(zone="user", at="09:00"), "on the day of Booked, at 09:00 in their own time zone"),
        (booked(key=["id"]), "on the day of Booked, counting only the latest with the same id"),
        (booked(unless={"event": "Cancelled"}), "on the day of Booked, unless they did Cancelled"),
        (
            booked(where=[PRICE], key=["id"], unless={"event": "Cancelled"}),
            "on the day of Booked (where price is at least 1,200), counting only the latest with the same id,"
            " unless they did Cancelled with the same id",
        ),
        ({"type": "date", "profile": "birthday", "yearly": True, "offset": "-5d", "at": "09:00"},
         "5 days before their birthday, every year, at 09:00"),
        ({"type": "page_visit"}, "who viewed a page"),
        ({"type": "page_visit", "where": [{"property": "path", "op": "starts_with", "value": "/sale"}]},
         'who viewed a page where path starts with "/sale"'),
        ({"type": "referrer"}, "who came from another site"),
        ({"type": "page_count", "at_least": 5}, "who viewed 5 pages in one visit"),
        ({"type": "page_count", "at_least": 5, "idle": "1200s"}, "who viewed 5 pages in one visit"),
        ({"type": "page_count", "at_least": 5, "idle": "5m"},
         "who viewed 5 pages in one visit, which ends after 5 minutes without activity"),
        ({"type": "page_count", "at_least": 1, "per": "ever"}, "who viewed 1 page in all"),
        ({"type": "page_count", "at_least": 4, "per": "30m", "where": [PRICE]},
         "who viewed 4 pages (where price is at least 1,200) within 30 minutes"),
    ],
)  # fmt: skip
def test_triggers(on, words):
    assert live(on) == f"Users {words}."


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"again": "always"}, ""),
        ({"again": "once"}, "; only the first time"),
        ({"again": "1w"}, "; at most once in 1 week"),
        ({"filter": GOLD}, ', if their tier is "gold"'),
        ({"filter": DID, "again": "once"}, ", if they did Charged; only the first time"),
        ({"zone": "UTC"}, ""),
        ({"filter": {**DID, "when": {"last": "1d"}}, "zone": "UTC"}, ", if they did Charged in the last day"),
        ({"filter": {**DID, "when": {"days_ago": [0, 0]}}, "zone": "UTC"}, ", if they did Charged today (days in UTC)"),
    ],
)  # fmt: skip
def test_what_stands_beside_a_trigger(fields, words):
    assert live({"type": "referrer"}, **fields) == f"Users who came from another site{words}."


@pytest.mark.parametrize(
    ("on", "words"),
    [
        (booked(), "on the day of Booked (days in UTC)"),
        (booked(at="09:00"), "on the day of Booked, at 09:00 in UTC"),
        (booked(zone="user"), "on the day of Booked, by the calendar in their own time zone"),
        ({"type": "page_visit", "where": [{"property": "day", "op": "before", "value": "2025-06-01T09:30Z"}]},
         "who viewed a page where day is before 1 June 2025 at 09:30 UTC (days in UTC)"),
    ],
)  # fmt: skip
def test_the_zone_is_named_once_where_days_matter(on, words):
    assert live(on, zone="UTC") == f"Users {words}."


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (DID, "who did Charged"),
        ({**DID, "where": [PRICE, {"property": "a", "op": "exists"}]},
         "who did Charged where price is at least 1,200 and a is set"),
        ({**DID, "where": [PRICE], "when": {"last": "30d"}},
         "who did Charged (where price is at least 1,200) in the last 30 days"),
        ({**DID, "event": "$screen", "count": {"op": "gte", "value": 2000}},
         "who viewed a screen at least 2,000 times"),
        ({**DID, "nth": "last", "when": {"days_ago": [90, 45]}}, "whose last Charged happened 45 to 90 days ago"),
        ({**DID, "event": "$page", "nth": "first", "when": {"from": "2025-04-01", "to": "2025-04-02"}},
         "whose first page view happened on 1 April 2025"),
        ({"type": "did_not", "event": "Charged"}, "who never did Charged"),
        ({"type": "did_not", "event": "$page", "when": {"last": "2w"}}, "who did not view a page in the last 2 weeks"),
        ({"type": "in_segment", "segment": "Big spenders"}, 'who are in the segment "Big spenders"'),
        ({"type": "in_segment", "segment": "s", "when": {"last": "1h"}},
         'who qualified for the segment "s" in the last hour'),
        ({"type": "reachable", "channel": "web_push"}, "who are reachable by web push"),
        (GOLD, 'whose tier is "gold"'),
        ({**GOLD, "property": "tags[]", "op": "not_contains"}, 'who have no tags that contains "gold"'),
        ({"type": "profile", "property": "tags[]", "op": "exists"}, "who have any tags"),
        ({"type": "profile", "property": "first_seen", "op": "before", "value": "2025-02-01"},
         "who were first seen before 1 February 2025"),
        ({"type": "profile", "property": "last_seen", "op": "not_exists"}, "who have not been seen"),
    ],
)  # fmt: skip
def test_conditions(where, words):
    assert past(where) == f"Users {words}."


@pytest.mark.parametrize(
    ("count", "words"),
    [
        ({"op": "eq", "value": 1}, "exactly once"),
        ({"op": "gte", "value": 1}, "at least once"),
        ({"op": "gt", "value": 1}, "more than once"),
        ({"op": "between", "value": [2, 5]}, "between 2 and 5 times"),
        ({"op": "lt", "value": 1}, "at least once but fewer than 1 time"),
        ({"op": "lte", "value": 3}, "at least once but at most 3 times"),
        ({"op": "ne", "value": 3}, "at least once but a number of times other than 3"),
    ],
)
def test_counts_say_that_users_without_any_are_left_out(count, words):
    assert past({**DID, "count": count}) == f"Users who did Charged {words}."


def test_counts_say_that_users_without_any_are_meant():
    where = {**DID, "count": {"op": "lte", "value": 3}, "zero": True}
    assert past(where) == "Users who did Charged at most 3 times or not at all."


@pytest.mark.parametrize(
    ("fn", "op", "value", "words"),
    [
        ("sum", "gte", 1000, "a total amount of at least 1,000"),
        ("avg", "lt", 9.50, "an average amount of less than 9.5"),
        ("min", "eq", 0, "a smallest amount of exactly 0"),
        ("max", "between", [1, 2], "a largest amount between 1 and 2"),
        ("sum", "ne", -5, "a total amount other than -5"),
        ("distinct", "gte", 3, "at least 3 different values of amount"),
        ("distinct", "lte", 1, "at most 1 different value of amount"),
        ("distinct", "ne", 2, "a number of different values of amount other than 2"),
    ],
)
def test_measures(fn, op, value, words):
    where = {**DID, "measure": {"fn": fn, "property": "amount", "op": op, "value": value}, "when": {"last": "90d"}}
    assert past(where) == f"Users who did Charged with {words} in the last 90 days."


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ({"last": "1d12h"}, "in the last 1 day 12 hours"),
        ({"from": "2011-04-01", "to": "2011-07-01"}, "from 1 April 2011 to 30 June 2011"),
        ({"from": "2011-04-01", "to": "2011-07-01T12:00+02:00"},
         "from 1 April 2011 and before 1 July 2011 at 12:00 UTC+02:00"),
        ({"from": "2011-04-01T00:00:01Z"}, "since 1 April 2011 at 00:00:01 UTC"),
        ({"to": "2011-07-01"}, "before 1 July 2011"),
        ({"days_ago": [0, 0]}, "today"),
        ({"days_ago": [1, 1]}, "yesterday"),
        ({"days_ago": [0, 1]}, "today or yesterday"),
        ({"days_ago": [7, 0]}, "today or up to 7 days ago"),
        ({"days_ago": [3, 3]}, "3 days ago"),
    ],
)  # fmt: skip
def test_times(when, words):
    assert past({**DID, "when": when}) == f"Users who did Charged {words}."


def group(kind, *of):
    return {"type": kind, "of": list(of)}


@pytest.mark.parametrize(
    ("where", "words"),
    [
        (group("all", DID, {"type": "did_not", "event": "A"}), "who did Charged, and never did A"),
        (group("all", DID, GOLD, DID), 'who did Charged, whose tier is "gold", and who did Charged'),
        (group("any", DID), "who did Charged"),
        (group("all", DID, group("any", DID, GOLD)), 'who did Charged, and (who did Charged, or whose tier is "gold")'),
        (group("any", group("all", DID, GOLD), DID), '(who did Charged, and whose tier is "gold"), or who did Charged'),
        (group("all", DID, group("any", GOLD)), 'who did Charged, and whose tier is "gold"'),
    ],
)
def test_groups_cannot_be_read_in_two_ways(where, words):
    assert past(where) == f"Users {words}."


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (DID, "who never did Charged"),
        (group("all", DID), "who never did Charged"),
        (GOLD, 'whose tier is not "gold"'),
        ({**GOLD, "op": "ne"}, 'whose tier is "gold"'),
        ({**GOLD, "op": "gt"}, 'who are not users whose tier sorts after "gold"'),
        ({**DID, "count": {"op": "gte", "value": 3}}, "who are not users who did Charged at least 3 times"),
        ({"type": "did_not", "event": "A"}, "who are not users who never did A"),
        ({"type": "reachable", "channel": "sms"}, "who are not reachable by SMS"),
        ({"type": "in_segment", "segment": "s", "when": {"last": "1d"}},
         'who did not qualify for the segment "s" in the last day'),
        (group("any", DID, GOLD), 'who are not users (who did Charged, or whose tier is "gold")'),
        ({"type": "not", "of": GOLD}, 'who are not users whose tier is not "gold"'),
    ],
)  # fmt: skip
def test_negations(of, words):
    assert past({"type": "not", "of": of}) == f"Users {words}."


@pytest.mark.parametrize(
    ("op", "value", "words"),
    [
        ("eq", 1234567, "a is 1234567"),
        ("ne", True, "a is not true"),
        ("in", ["x", 1, False], 'a is one of "x", 1 or false'),
        ("in", ["x"], 'a is "x"'),
        ("not_in", ["x", 'y"'], 'a is none of "x" or "y\\""'),
        ("gt", 1234567, "a is above 1,234,567"),
        ("lte", "m", 'a is or sorts before "m"'),
        ("between", [1, 2], "a is between 1 and 2"),
        ("not_contains", "ü", 'a does not contain "ü"'),
        ("ends_with", "x", 'a ends with "x"'),
        ("not_matches", "^x", 'a does not match the pattern "^x"'),
        ("not_exists", d.UNSET, "a is not set"),
        ("after", "2025-06-01", "a is after 1 June 2025"),
    ],
)
def test_operators(op, value, words):
    assert test_in_words(d.Test("a", op, value)) == words


def test_a_negative_test_of_many_values_is_about_all_of_them():
    assert test_in_words(d.Test("items[].sku", "eq", "x")) == 'any items.sku is "x"'
    assert test_in_words(d.Test("items[].sku", "ne", "x")) == 'no items.sku is "x"'


def test_parts_of_sentences():
    assert length_in_words("1h30m") == "1 hour 30 minutes"
    assert length_in_words("1w0d1s") == "1 week 1 second"
    assert length_in_words("0d") == "0 days"
    assert selector_in_words(d.Selector("$page")) == "a page view"
    assert selector_in_words(d.Selector("A", (d.Test("a", "exists"),))) == "A where a is set"
    assert condition_in_words(d.All((d.Did("A"), d.Reachable("sms")))) == "they did A, and are reachable by SMS"


JARGON = re.compile(r"_|\[\]|\b(gte?|lte?|ne|eq|fn|nth|UNSET|None|True|False)\b")


@settings(deadline=None)
@given(definitions)
def test_every_definition_is_one_sentence_without_jargon(definition):
    words = in_words(definition)
    assert words.startswith("Users ")
    assert words.endswith(".")
    zones = re.compile("|".join(map(re.escape, ("America/Sao_Paulo", "Australia/Lord_Howe"))))
    assert not JARGON.search(zones.sub("", words))
    assert not set(re.findall(r"[a-z]+_[a-z]+", words)) & set(get_args(d.Op))


@settings(deadline=None)
@given(conditions)
def test_every_condition_can_be_said_by_itself(condition):
    assert not JARGON.search(condition_in_words(condition))
