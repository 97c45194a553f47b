"""Reading and writing definitions."""

import json
from decimal import Decimal
from pathlib import Path

import jsonschema
import msgspec
import pytest
from core.language.definition_strategies import definitions
from hypothesis import given, settings
from hypothesis import strategies as st

from segd.core.errors import DefinitionError
from segd.core.language.reading import definition_json, read_definition, write_definition
from segd.core.language.schema import definition_schema
from segd.core.time.offsets import Offset, parse_offset

CHARGED = {"event": "Charged"}
GOLD = {"type": "profile", "property": "tier", "op": "eq", "value": "gold"}
DAY = 24 * 3600 * 10**6


def live(on, **fields):
    return {"name": "n", "kind": "live", "on": on, **fields}


def past(where, **fields):
    return {"name": "n", "kind": "past", "where": where, **fields}


def profile(op, *value, property="p"):
    return past({"type": "profile", "property": property, "op": op, **({"value": value[0]} if value else {})})


def did(**fields):
    return past({"type": "did", **CHARGED, **fields})


def of_pages(property):
    return live({"type": "page_visit", "where": [{"property": property, "op": "exists"}]})


def inaction(**fields):
    return live({"type": "inaction", "did": CHARGED, "did_not": CHARGED, "within": "10m", **fields})


def date(**fields):
    return live({"type": "date", "event": "Booked", "property": "day", **fields})


def birthday(**fields):
    return live({"type": "date", "profile": "birthday", **fields})


def pages(**fields):
    return live({"type": "page_count", "at_least": 5, **fields})


def nested(levels):
    condition = GOLD
    for _ in range(levels - 2):
        condition = {"type": "not", "of": condition}
    return past(condition)


def problems(document, **options):
    with pytest.raises(DefinitionError) as caught:
        read_definition(document, **options)
    assert caught.value.code == "bad_definition"
    caught.value.message.encode()
    return [tuple(problem) for problem in caught.value.problems]


def paths(document):
    return [path for path, _ in problems(document)]


def refused(*cases):
    return pytest.mark.parametrize(("document", "path", "words"), cases)


# Documents


@refused(
    (b"", "", "expected JSON"),
    ('{"name": "n",\n"kind" "past"}', "", "at line 2, column 8"),
    (b'{"name": "\xff"}', "", "expected UTF-8"),
    ("[]", "", "expected an object, found a list"),
    ("7", "", "expected an object, found 7"),
    (None, "", "expected an object, found null"),
    ("[" * 100_000, "", "at most 60 levels"),
    ('{"a":' * 5_000 + "1" + "}" * 5_000, "", "at most 60 levels"),
    (nested(61), "", "at most 60 levels"),
    (past(GOLD, zone={1}), "zone", "found a Python set"),
    ({**past(GOLD), 5: 6}, "", "names of fields, found a Python int"),
    ('{"name": "\\u0000", "kind": "past", "where": {"type": "reachable", "channel": "sms"}}', "name", "NUL"),
    ('{"name": "\\ud800", "kind": "past", "where": {"type": "reachable", "channel": "sms"}}', "name", "surrogate"),
    (past({**GOLD, "value": ["a", "\0"], "op": "in"}), "where.value[1]", "NUL"),
    ({**past(GOLD), "a\ud800": 1}, '["a\\ud800"]', "surrogate"),
    (profile("eq", float("nan")), "where.value", "at most 300 digits"),
    (profile("eq", Decimal("Infinity")), "where.value", "at most 300 digits"),
    (json.dumps(profile("eq", float("-inf"))), "where.value", "at most 300 digits"),
    (profile("eq", 10**300 + 1), "where.value", "from -1e300 to 1e300"),
    (profile("in", [Decimal("-1.1e300")]), "where.value[0]", "from -1e300 to 1e300"),
    (profile("eq", Decimal("1e-301")), "where.value", "at most 300 digits"),
    (json.dumps(profile("eq", 5)).replace("5}", "9" * 5_000 + "}"), "where.value", "at most 300 digits"),
    (json.dumps(profile("eq", 5)).replace("5}", "1e99999999999999999999}"), "where.value", "at most 300 digits"),
)  # fmt: skip
def test_a_document_must_be_plain_json(document, path, words):
    [(found, message)] = problems(document)
    assert found == path
    assert words in message


def test_the_deepest_document_is_read():
    assert read_definition(nested(60)) == read_definition(json.dumps(nested(60)))


@pytest.mark.parametrize("number", [10**300, -(10**300), Decimal("1.50"), Decimal("1e300"), Decimal("1e-300"), 0.1])
def test_numbers_are_exact(number):
    read = read_definition(profile("eq", number)).where.value
    assert read == Decimal(str(number))
    assert type(read) in (int, Decimal)


def test_numbers_in_text_are_exact():
    read = read_definition(json.dumps(profile("in", [1, 1.0, 0.1, 1e30]))).where.value
    assert [(type(number), str(number)) for number in read] == [
        (int, "1"), (Decimal, "1.0"), (Decimal, "0.1"), (Decimal, "1E+30"),
    ]  # fmt: skip


def test_a_document_without_a_name_takes_the_one_given():
    document = past(GOLD)
    assert read_definition(document, name="other").name == "n"
    del document["name"]
    assert read_definition(document, name="other").name == "other"
    assert "name" not in document
    assert problems(document) == [("name", "missing: expected text")]
    assert problems(document, name="\0")[0][0] == "name"
    assert problems(document, name=" ") == [("name", 'expected text that is not blank, found " "')]


# Shapes


@refused(
    ({"name": "n"}, "kind", "missing: expected one of live, past"),
    ({"name": "n", "kind": "live"}, "on", "missing: expected an object"),
    ({**past(GOLD), "kind": "passed"}, "kind", "did you mean past?"),
    ({**past(GOLD), "kind": None}, "kind", "expected one of live, past, found null"),
    (past(GOLD, colour=1), "colour", "unknown field"),
    (past(GOLD, zoen="UTC"), "zoen", "unknown field (did you mean zone?)"),
    (past(GOLD, **{"a b": 1}), '["a b"]', "unknown field"),
    (past(GOLD, on=1), "on", "unknown field: only a live definition"),
    (past(GOLD, again="once"), "again", "unknown field: only a live definition"),
    (past(GOLD, start="open"), "start", "unknown field: only a live definition"),
    (past(GOLD, filter=GOLD), "filter", "has its conditions in `where`"),
    (live({"type": "referrer"}, where=GOLD), "where", "has its conditions in `filter`"),
    (live({"type": "referer"}), "on.type", "expected one of action, inaction, date, page_visit, referrer, page_count"),
    (live({}), "on.type", "missing: expected one of action"),
    (live("referrer"), "on", 'expected an object, found "referrer"'),
    (live({"type": "referrer"}, start="old"), "start", "expected one of new, open"),
    (live({"type": "referrer"}, filter=None), "filter", "expected an object, found null"),
    (live({"type": "action", "did": 5}), "on.did", "expected an object or a list of them, found 5"),
    (live({"type": "action"}), "on.did", "missing: expected an object or a list of them"),
    (live({"type": "action", "did": [CHARGED, {}]}), "on.did[1].event", "missing: expected text"),
    (inaction(did_not={"event": 5}), "on.did_not.event", "expected text, found 5"),
    (inaction(same="a"), "on.same", 'expected a list, found "a"'),
    (inaction(repeat="all"), "on.repeat", "expected one of each, first, last"),
    (birthday(yearly=1), "on.yearly", "expected true or false, found 1"),
    (pages(at_least=True), "on.at_least", "expected a whole number, found true"),
    (pages(at_least=5.5), "on.at_least", "expected a whole number, found 5.5"),
    (did(where={"property": "a"}), "where.where", "expected a list, found an object"),
    (did(where=[{"property": "a", "op": "=="}]), "where.where[0].op", "expected one of after, before"),
    (did(when={"days_ago": [1]}), "where.when.days_ago", "expected a list of 2, each a whole number"),
    (did(when={"days_ago": [1, "a"]}), "where.when.days_ago[1]", "expected a whole number"),
    (did(when={"from_": "2025-01-01", "to": "2025-02-01"}), "where.when.from_", "unknown field (did you mean from?)"),
    (past({"type": "not", "of": [GOLD]}), "where.of", "expected an object, found a list"),
    (past({"type": "all", "of": [GOLD, {"type": "action"}]}), "where.of[1].type", "expected one of all, any, not, did"),
    (past({"type": "reachable", "channel": "fax"}), "where.channel", "expected one of email, push"),
)  # fmt: skip
def test_a_shape_is_as_the_language_says(document, path, words):
    [(found, message)] = problems(document)
    assert found == path
    assert words in message


# Rules


@refused(
    (past(GOLD) | {"name": " "}, "name", "not blank"),
    (past(GOLD) | {"name": "n" * 201}, "name", "at most 200 characters"),
    (did(event=""), "where.event", "not blank"),
    (did(event="e" * 201), "where.event", "at most 200 characters"),
    (did(event="$identify"), "where.event", "expected $page, $screen or a name that does not begin with $"),
    (past({"type": "did_not", "event": "$"}), "where.event", "expected $page"),
    (past(GOLD, zone="europe/berlin"), "zone", "did you mean Europe/Berlin?"),
    *((past(GOLD, zone=zone), "zone", "expected the name of a time zone")
      for zone in ("", "../etc", "/etc/localtime", "localtime", "posixrules", "Factory", "user", "Europe", "+02:00")),
    (date(zone="users"), "on.zone", "expected the name of a time zone"),
    (live({"type": "referrer"}, again="never"), "again", "expected always, once or a length such as"),
    (live({"type": "referrer"}, again="0d"), "again", "expected always, once or a length above zero"),
    (live({"type": "action", "did": []}), "on.did", "expected at least one"),
    (inaction(did_not=[]), "on.did_not", "expected at least one"),
    (inaction(within="10 min"), "on.within", 'expected a length such as 90s, 10m, 1h30m, 5d or 2w, found "10 min"'),
    (inaction(within="0s"), "on.within", "above zero"),
    (inaction(same=["a", "b[]"]), "on.same[1]", "without []"),
    (inaction(same=["a", "b", "a"]), "on.same[2]", "once"),
    *((of_pages(path), "on.where[0].property", "expected a property such as")
      for path in ("", ".a", "a.", "a..b", "[]", "a[0]", "a[]b", "a[][]", "a]")),
    # date
    (date(property="days[]"), "on.property", "without []"),
    (date(key=["a", "a"]), "on.key[1]", "once"),
    (date(key=["a[]"]), "on.key[0]", "without []"),
    (date(yearly=True), "on.yearly", "expected nothing beside `event`"),
    (date(offset="5"), "on.offset", "expected an offset such as -5d"),
    (date(offset="+5d"), "on.offset", "expected an offset such as -5d"),
    (date(offset="-1d", at="9:00"), "on.at", "expected a time of day such as 09:00"),
    (date(at="24:00"), "on.at", "expected a time of day"),
    (date(at="09:00:00"), "on.at", "expected a time of day"),
    (date(offset="-24h", at="09:00"), "on.at", "elapsed"),
    (date(offset="1d12h", at="09:00"), "on.at", "elapsed"),
    (date(unless=[]), "on.unless", "expected at least one"),
    (live({"type": "date", "event": "a"}), "on.property", "missing"),
    (live({"type": "date", "property": "a"}), "on.event", "missing"),
    (birthday(event="a"), "on.event", "beside `profile`"),
    (birthday(property="a"), "on.property", "beside `profile`"),
    (birthday(where=[{"property": "a", "op": "exists"}]), "on.where", "beside `profile`"),
    (birthday(key=["a"]), "on.key", "beside `profile`"),
    (birthday(profile="a[]"), "on.profile", "without []"),
    # page_count
    (pages(at_least=0), "on.at_least", "from 1 to"),
    (pages(per="visit"), "on.per", "expected session, ever or a length such as"),
    (pages(per="ever", idle="20m"), "on.idle", "only a session"),
    (pages(per="30m", idle="20m"), "on.idle", "only a session"),
    (pages(idle="never"), "on.idle", "expected a length"),
    # when
    (did(when={}), "where.when", "exactly one of"),
    (did(when={"last": "1d", "to": "2025-01-01"}), "where.when", "exactly one of"),
    (did(when={"last": "1 day"}), "where.when.last", "expected a length"),
    (did(when={"from": "2025-02-29"}), "where.when.from", "expected an ISO date"),
    (did(when={"to": "20250601"}), "where.when.to", "expected an ISO date"),
    (did(when={"from": "0001-01-01"}), "where.when.from", "years 1 to 9999"),
    (did(when={"to": "9999-12-31T23:00"}), "where.when.to", "years 1 to 9999"),
    (did(when={"from": "2025-01-01", "to": "2025-01-01"}), "where.when.to", "later"),
    (did(when={"from": "2025-01-02T00:00Z", "to": "2025-01-01T00:00Z"}), "where.when.to", "later"),
    (did(when={"from": "2025-01-02T00:00Z", "to": "2025-01-02T01:00+01:00"}), "where.when.to", "later"),
    (did(when={"days_ago": [-1, 5]}), "where.when.days_ago[0]", "from 0 to 36500"),
    (did(when={"days_ago": [0, 36501]}), "where.when.days_ago[1]", "from 0 to 36500"),
    (past({"type": "in_segment", "segment": "s", "when": {}}), "where.when", "exactly one of"),
    (past({"type": "in_segment", "segment": " "}), "where.segment", "name or id"),
    # did
    (did(count={"op": "gte"}), "where.count.value", "missing"),
    (did(count={"op": "gte", "value": -1}), "where.count.value", "whole number from 0"),
    (did(count={"op": "gte", "value": 1.5}), "where.count.value", "whole number from 0"),
    (did(count={"op": "eq", "value": True}), "where.count.value", "whole number from 0"),
    (did(count={"op": "between", "value": 3}), "where.count.value", "list of two"),
    (did(count={"op": "between", "value": [1, 2, 3]}), "where.count.value", "list of two"),
    (did(count={"op": "between", "value": [1, "2"]}), "where.count.value[1]", "whole number from 0"),
    (did(count={"op": "in", "value": [1]}), "where.count.op", "expected one of between"),
    (did(measure={"fn": "sum", "property": "a..", "op": "gt", "value": 1}), "where.measure.property", "property"),
    (did(measure={"fn": "sum", "property": "a", "op": "gt", "value": "1"}), "where.measure.value", "a number"),
    (did(measure={"fn": "distinct", "property": "a", "op": "gt", "value": True}), "where.measure.value", "a number"),
    (did(nth="first"), "where.when", "missing"),
    (did(nth="last", when={"last": "1d"}, count={"op": "gte", "value": 1}), "where.count", "beside `nth`"),
    (did(nth="last", when={"last": "1d"}, zero=True), "where.zero", "beside `nth`"),
    (did(zero=True), "where.zero", "only with a `count` that zero satisfies"),
    *((did(zero=True, count={"op": op, "value": value}), "where.zero", "only with a `count`")
      for op, value in (("eq", 1), ("ne", 0), ("gt", 0), ("gte", 1), ("lt", 0), ("between", [1, 2]))),
    (past({"type": "all", "of": []}), "where.of", "expected at least one"),
    (past({"type": "any", "of": []}), "where.of", "expected at least one"),
    # tests
    (profile("exists", True), "where.value", "expected nothing beside exists"),
    (profile("not_exists", None), "where.value", "expected nothing beside not_exists"),
    (profile("eq"), "where.value", "missing: eq needs one"),
    *((profile(op, None), "where.value", "not_exists") for op in ("eq", "ne", "in", "gt", "matches", "before")),
    *((profile(op, value), "where.value", "expected text, a number, true or false")
      for op in ("eq", "ne", "contains", "not_contains") for value in ([], ["a"], {})),
    *((profile(op, value), "where.value", "expected a list of at least one")
      for op in ("in", "not_in") for value in ([], "a", 5, {})),
    (profile("in", ["a", None]), "where.value[1]", "expected text, a number, true or false, found null"),
    (profile("not_in", [[]]), "where.value[0]", "expected text, a number, true or false"),
    *((profile(op, value), "where.value", "expected a number or text")
      for op in ("gt", "gte", "lt", "lte") for value in (True, [1], {})),
    *((profile("between", value), "where.value", "expected a list of two")
      for value in (5, [], [1], [1, 2, 3], ["a"])),
    (profile("between", [1, "a"]), "where.value[1]", "expected a number"),
    (profile("between", ["a", 1]), "where.value[1]", "expected text"),
    (profile("between", [True, 1]), "where.value[0]", "expected a number"),
    *((profile(op, 5), "where.value", "expected text, found 5")
      for op in ("starts_with", "ends_with", "matches", "not_matches", "before", "after")),
    (profile("matches", "a("), "where.value", "expected an RE2 pattern: missing )"),
    (profile("not_matches", "(?=a)"), "where.value", "expected an RE2 pattern"),
    *((profile(op, value), "where.value", "expected an ISO date")
      for op in ("before", "after") for value in ("", "20250601", "2025-06-01T24:00", " 2025-06-01", "2025-W01-1")),
    *((profile(op, "2025-01-01", property=name), "where.op", "before, after, exists or not_exists")
      for op in ("eq", "gt", "starts_with") for name in ("first_seen", "last_seen")),
)  # fmt: skip
def test_a_rule_names_the_place_and_what_would_be_right(document, path, words):
    [(found, message)] = problems(document)
    assert found == path
    assert words in message


@pytest.mark.parametrize(
    "document",
    [
        past(GOLD, zone="America/Argentina/Buenos_Aires"),
        date(zone="user", offset="-5d", at="00:00", unless=CHARGED, key=["id"], yearly=False),
        date(offset="0d", at="23:59"),
        birthday(yearly=True, where=[], key=[], unless=[CHARGED]),
        pages(idle="20m", per="session"),
        pages(per="ever"),
        inaction(repeat="first", same=[]),
        live({"type": "action", "did": [{"event": "$page"}, {"event": "$screen"}]}, again="1d", start="open"),
        did(zero=False),
        did(count={"op": "gte", "value": 0}),
        *(
            did(zero=True, count={"op": op, "value": value})
            for op, value in [("eq", 0), ("ne", 2), ("gte", 0), ("lt", 1), ("lte", 0), ("between", [0, 2])]
        ),
        did(when={"from": "2025-01-01", "to": "2025-01-01T12:00"}),
        did(when={"days_ago": [90, 45]}),
        did(measure={"fn": "distinct", "property": "items[].sku", "op": "between", "value": [1, 2.5]}),
        profile("exists", property="first_seen"),
        profile("before", "2025-06-01", property="last_seen"),
        profile("after", "2025-06-01t09:30:00.1234567+0200"),
        profile("eq", False),
        profile("matches", r"\pL+"),
        profile("exists", property="a b.ü[].$c"),
    ],
)
def test_what_the_language_allows_is_read(document):
    assert read_definition(json.dumps(document).encode()) == read_definition(document)


def test_all_problems_come_in_the_order_of_the_document():
    document = {
        "zone": "Mars",
        "on": {
            "did_not": {"where": [{"op": "eq", "property": "a", "value": None}], "event": 5},
            "within": "soon",
            "type": "inaction",
            "colour": 1,
            "same": ["a", "a"],
        },
        "filter": {"type": "any", "of": [{"type": "did", "event": "", "nth": "last"}, GOLD, {"type": "foo"}]},
        "kind": "live",
        "where": GOLD,
    }
    assert paths(document) == [
        "zone",
        "on.did_not.where[0].value",
        "on.did_not.event",
        "on.within",
        "on.colour",
        "on.same[1]",
        "on.did",
        "filter.of[0].event",
        "filter.of[0].when",
        "filter.of[2].type",
        "where",
        "name",
    ]


def test_a_broken_field_does_not_bring_up_problems_of_its_neighbours():
    assert paths(did(zero=True, count={"op": "gte", "value": "many"})) == ["where.count.value"]
    assert paths(pages(per="visit", idle="20m")) == ["on.per"]
    assert paths(date(offset="soon", at="09:00")) == ["on.offset"]
    assert paths(did(when={"from": "soon", "to": "2025-01-01"})) == ["where.when.from"]
    assert paths(profile("==", None)) == ["where.op"]


any_text = st.text(st.characters(exclude_categories=()), max_size=5)  # surrogates as well
field_names = st.sampled_from(["name", "kind", "on", "where", "type", "did", "event", "of", "op", "value"]) | any_text
json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.decimals() | any_text,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(field_names, children, max_size=5),
    max_leaves=20,
)


def disturbed(document, path, junk):
    """The document with one of its parts replaced, or junk added to it."""
    keys = list(document) if isinstance(document, dict) else range(len(document))
    if not keys:
        return junk
    copy = document.copy()
    key = keys[path[0] % len(keys)]
    deeper = len(path) > 1 and isinstance(copy[key], (dict, list))
    copy[key] = disturbed(copy[key], path[1:], junk) if deeper else junk
    return copy


@settings(deadline=None)
@given(json_like | st.text() | st.binary())
def test_nothing_but_definition_errors_is_raised(document):
    try:
        read_definition(document)
    except DefinitionError as error:
        error.message.encode()


@settings(deadline=None)
@given(definitions, st.lists(st.integers(0, 9), min_size=1, max_size=6), json_like)
def test_a_disturbed_definition_is_refused_or_read(definition, path, junk):
    try:
        definition_json(read_definition(disturbed(write_definition(definition), path, junk)))
    except DefinitionError as error:
        error.message.encode()


# Writing


@settings(deadline=None)
@given(definitions)
def test_what_is_written_reads_as_the_same_definition(definition):
    written = write_definition(definition)
    assert read_definition(written) == definition
    assert read_definition(definition_json(definition)) == definition
    assert write_definition(read_definition(written)) == written


def test_writing_leaves_defaults_out_and_spells_fields_as_on_the_wire():
    document = did(when={"from": "2025-01-01", "to": "2025-02-01"}, where=[{"property": "a", "op": "gt", "value": 1.5}])
    assert write_definition(read_definition(document | {"zone": "UTC"})) == document | {"zone": "UTC"}
    document["where"]["zero"] = False
    assert "zero" not in write_definition(read_definition(document))["where"]


@pytest.mark.parametrize(("number", "text"), [("1.50", b"1.5"), ("1e300", b"1e300"), ("0.1234567890123456789", None)])
def test_fractions_are_written_as_numbers(number, text):
    definition = read_definition(json.dumps(profile("eq", 7)).replace("7", number))
    assert b'"value":' + (text or number.encode()) in definition_json(definition)
    if text:
        assert b'"value":' + text in msgspec.json.encode(write_definition(definition))


# Offsets


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("-5d", Offset(-5, 0)),
        ("2w", Offset(14, 0)),
        ("1w1d", Offset(8, 0)),
        ("0d", Offset(0, 0)),
        ("-0w", Offset(0, 0)),
        ("0h", Offset(None, 0)),
        ("-24h", Offset(None, -DAY)),
        ("1d12h", Offset(None, DAY + DAY // 2)),
        ("-36500d", Offset(-36_500, 0)),
    ],
)
def test_the_spelling_of_an_offset_says_what_it_moves(text, offset):
    assert parse_offset(text) == offset


@pytest.mark.parametrize("text", ["", "-", "5", "--5d", "+5d", "-36501d", "1d1w", "5D", " 5d", "1.5d", "٣d"])
def test_an_offset_is_a_length_with_a_sign(text):
    with pytest.raises(ValueError, match="expected an offset such as -5d"):
        parse_offset(text)


# The shared definitions and the schema


def test_the_example_of_the_design_is_read(shared: Path):
    design = (shared / "design.md").read_text()
    start = design.index('    {"name": "Added to cart but no charge')
    assert read_definition(design[start : design.index("\n\n", start)]).on.within == "10m"


def test_the_acceptance_definitions_are_read(shared: Path):
    files = sorted((shared / "acceptance").glob("*.json"))
    assert files
    for file in files:
        document = json.loads(file.read_text())["segment"]
        assert write_definition(read_definition(document)) == document


def test_the_schema_describes_every_field():
    schema = definition_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for shape in schema["$defs"].values():
        assert shape["additionalProperties"] is False
        for name, field in shape["properties"].items():
            assert name in ("type", "kind") or field["description"]


@settings(deadline=None)
@given(definitions)
def test_the_schema_takes_every_definition(definition):
    validator = jsonschema.Draft202012Validator(definition_schema())
    validator.validate(json.loads(definition_json(definition)))


@pytest.mark.parametrize(
    "document",
    [past(GOLD, zoen="UTC"), live({"type": "referer"}), date(offsett="1d"), profile("=="), inaction(within="soon"),
     did(count={"op": "gte", "value": -1}), past({"type": "all", "of": []}), live({"type": "date", "event": "a"})],
)  # fmt: skip
def test_the_schema_refuses_what_is_misspelt(document):
    validator = jsonschema.Draft202012Validator(definition_schema())
    assert not validator.is_valid(document)
