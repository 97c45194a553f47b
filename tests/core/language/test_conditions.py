from datetime import UTC
from decimal import Decimal
from typing import get_args
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segd.core.language.conditions import (
    NEGATED,
    comparable,
    compile_number,
    compile_pattern,
    compile_test,
    compile_tests,
    is_number,
    is_plain,
    lookup,
    lookup_all,
    value_holds,
)
from segd.core.language.definitions import Op, Test

BERLIN = ZoneInfo("Europe/Berlin")

encoder = msgspec.json.Encoder(decimal_format="number")
decoder = msgspec.json.Decoder(float_hook=Decimal)


def holds(properties, path, op, value=msgspec.UNSET, zone=UTC):
    return compile_test(Test(path, op, value), zone)(properties)


# JSON values, as they are decoded
numbers = (
    st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-1000, max_value=1000)
    | st.integers(-2, 2)
    | st.integers(-2, 2).map(lambda number: Decimal(number).quantize(Decimal("1.00")))
)
scalars = st.booleans() | numbers | st.sampled_from(["", "a", "A", "ab", "b", "1", "true", "2025-06-01", "é", "😀"])
values = st.recursive(
    st.none() | scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
present = values.filter(lambda value: value is not None)


# Comparable


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, Decimal("1.0")),
        (1, Decimal("1.00")),
        (100, Decimal("1E+2")),
        (0, Decimal("-0.0")),
        (10**30, Decimal("1E+30")),
        (Decimal("0.10"), Decimal("0.1")),
        (True, True),
        ("a", "a"),
        ([1, "a"], [Decimal("1.0"), "a"]),
        ({"a": 1, "b": [2]}, {"b": [Decimal("2.0")], "a": Decimal(1)}),
        ([], []),
        ({}, {}),
    ],
)
def test_equal_values(one, other):
    assert comparable(one) == comparable(other)
    assert hash(comparable(one)) == hash(comparable(other))
    assert value_holds("eq", one, UTC)(other)
    assert value_holds("eq", other, UTC)(one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (True, 1),
        (False, 0),
        (True, Decimal("1.0")),
        (True, "true"),
        (True, False),
        (1, "1"),
        ("a", "A"),
        ("é", "e\u0301"),
        ("", 0),
        ("", []),
        ([], {}),
        ([1], 1),
        ([1], [True]),
        ([[True]], [[1]]),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": 1, "b": 1}),
        ({"a": 1}, [["a", 1]]),
        ([False], [None]),
        (10**30, 10**30 + 1),
        (Decimal("0.1"), Decimal("0.1000000000000000000000000000000000000001")),
    ],
)
def test_different_values(one, other):
    assert comparable(one) != comparable(other)
    assert not value_holds("eq", one, UTC)(other)
    assert not value_holds("eq", other, UTC)(one)


def test_null_is_comparable_with_absent():
    assert comparable(None) == comparable({}.get("a"))
    assert comparable(None) != comparable(False)


@given(present, present)
def test_comparable_is_what_eq_compares(one, other):
    assert (comparable(one) == comparable(other)) == value_holds("eq", one, UTC)(other)
    assert (comparable(one) == comparable(other)) == holds({"p": other}, "p", "eq", one)


@given(values)
def test_comparable_outlives_a_round_trip_through_json(value):
    again = decoder.decode(encoder.encode(value))
    assert comparable(again) == comparable(value)
    assert hash(comparable(again)) == hash(comparable(value))


def test_what_a_number_is():
    assert is_number(1)
    assert is_number(Decimal("1.5"))
    assert not any(map(is_number, [True, False, None, "1", [1], {}]))


# Paths

SHOP = {
    "plan": "gold",
    "none": None,
    "address": {"city": "Berlin", "street": {"number": 5}, "none": None},
    "items": [{"sku": "a", "sizes": [1, 2]}, {"sku": None}, {"sizes": [3, None]}, "loose", None, [{"sku": "z"}]],
    "tags": ["x", None, "y", 0, False],
    "rows": [[1, 2], [], "loose", [3, [4]]],
    "a.b": "dotted",
    "": "nameless",
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("plan", "gold"),
        ("none", None),
        ("missing", None),
        ("address", SHOP["address"]),
        ("address.city", "Berlin"),
        ("address.street.number", 5),
        ("address.street.number.digit", None),
        ("address.none", None),
        ("address.none.more", None),
        ("plan.length", None),
        ("missing.city", None),
        ("tags", SHOP["tags"]),
        ("items.sku", None),
        ("items.0", None),
        ("a.b", None),
    ],
)
def test_lookup(path, found):
    assert is_plain(path)
    assert lookup(path)(SHOP) == found
    assert lookup_all(path)(SHOP) == ([] if found is None else [found])


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("tags[]", ["x", "y", 0, False]),
        ("items[].sku", ["a"]),
        ("items[].sizes", [[1, 2], [3, None]]),
        ("items[].sizes[]", [1, 2, 3]),
        ("rows[]", [[1, 2], [], "loose", [3, [4]]]),
        ("rows[][]", [1, 2, 3, [4]]),
        ("rows[][][]", [4]),
        ("plan[]", []),
        ("address[]", []),
        ("address[].city", []),
        ("address.city[]", []),
        ("missing[].sku", []),
        ("none[]", []),
    ],
)
def test_lookup_all(path, found):
    assert not is_plain(path)
    assert lookup_all(path)(SHOP) == found


# Operators on one value

TRUE_FALSE = [
    # op, value of the test, where it holds, where it does not
    ("eq", "gold", ["gold"], ["Gold", "gold ", "", 1, True, ["gold"], {"gold": 1}]),
    ("eq", "", [""], ["a", 0, False, []]),
    ("eq", 5, [5, Decimal("5.0")], ["5", Decimal("5.01"), [5]]),
    ("eq", 1, [1, Decimal("1.00")], [True, "1", "true"]),
    ("eq", 0, [0, Decimal("0.0"), Decimal("-0.0")], [False, "", "0", []]),
    ("eq", Decimal("0.1"), [Decimal("0.1"), Decimal("0.10")], ["0.1", Decimal("0.1000000000000000000000000000001")]),
    ("eq", True, [True], [1, Decimal(1), "true", "True", False]),
    ("eq", False, [False], [0, "", "false", True]),
    ("in", ["a", 1, True], ["a", 1, Decimal("1.0"), True], ["A", "1", 0, False, ["a"]]),
    ("in", [0], [0, Decimal(0)], [False, ""]),
    ("gt", 5, [6, Decimal("5.1"), 10**30], [5, Decimal("5.0"), 4, "6", True, [6], {}]),
    ("gt", 0, [1], [True, "1", 0]),
    ("gte", 5, [5, Decimal("5.0"), 6], [Decimal("4.99"), "5"]),
    ("lt", Decimal("5.5"), [5, Decimal("5.49"), -1], [Decimal("5.50"), 6, False, "1"]),
    ("lte", 5, [5, Decimal("5.00"), 4], [Decimal("5.01"), "5", True]),
    ("gt", 10**17, [10**17 + 1, Decimal("100000000000000000.1")], [10**17]),
    ("gt", "b", ["c", "ba", "é", "😀"], ["b", "a", "B", "Z", "", 5, True, ["c"]]),
    ("gte", "b", ["b", "c"], ["a", "B"]),
    ("lt", "\uffff", ["a", "\ufffe"], ["\uffff", "😀"]),  # by code point, not by UTF-16 unit
    ("lte", "10", ["1", "10"], ["9", "2", 5]),
    ("between", [1, 10], [1, Decimal("1.0"), 5, 10, Decimal("9.99")], [0, Decimal("10.01"), True, "5", [5]]),
    ("between", [10, 1], [], [1, 5, 10]),
    ("between", ["b", "d"], ["b", "c", "czz", "d"], ["a", "da", "C", 3]),
    ("contains", "old", ["gold", "old", ["old"], ["a", "old"]], ["ol", "OLD", ["gold"], {"old": 1}, 5, []]),
    ("contains", "", ["", "a", [""]], [["a"], [], 5]),
    ("contains", 5, [[5], [Decimal("5.0")]], ["5", 5, [50], ["5"], [[5]]]),
    ("contains", 1, [[1]], [[True], "1"]),
    ("contains", True, [[True]], [[1], ["true"], True, "true"]),
    ("starts_with", "go", ["go", "gold"], ["Gold", "ago", ["go"], 5, True, {}]),
    ("ends_with", "ld", ["ld", "gold"], ["goLD", "ldx", ["ld"], 5]),
    ("matches", "o.d", ["gold", "odd!", "xo d"], ["od", "GOLD", "o\nd", ["gold"], 5, True]),
    ("matches", "^gold$", ["gold"], ["golden", "a\ngold\nb"]),
    ("matches", "(?i)GOLD", ["Golden"], ["gol"]),
    ("matches", r"\bold\b", ["an old one"], ["gold"]),
    ("matches", r"^\pL+$", ["été", "Straße"], ["a1", ""]),
    ("matches", "^.$", ["é", "😀"], ["e\u0301"]),
    ("matches", "", ["", "a"], [5]),
    ("exists", msgspec.UNSET, ["", 0, False, [], {}, "a"], []),
    ("before", "2025-06-01", ["2025-05-31", "2025-05-31T21:59:59.999999Z", "2025-05-31 23:59"],
     ["2025-06-01", "2025-05-31T22:00Z", "2025-06-01T00:00", "soon", "20250501", "", 0, 20250501, True, ["2025-05-01"],
      " 2025-05-01", "0001-01-01"]),
    ("after", "2025-06-01", ["2025-06-02", "2025-06-01T00:00:00.000001", "2025-05-31T22:01Z"],
     ["2025-06-01", "2025-05-31T22:00Z", "2025-06-01T00:30+03:00", "later", 1_900_000_000, "9999-12-31T23:59-01:00"]),
    ("before", "2025-03-30T02:30", ["2025-03-30T03:29", "2025-03-30T01:29:59Z"],
     ["2025-03-30T02:30", "2025-03-30T03:30", "2025-03-30T01:30Z"]),  # skipped: read as 03:30
    ("after", "2025-10-26T02:30", ["2025-10-26T02:31", "2025-10-26T00:31Z", "2025-10-26T02:30+01:00"],
     ["2025-10-26T02:30", "2025-10-26T02:30+02:00"]),  # repeated: the first
    ("before", "2025-06-01T12:00Z", ["2025-06-01T13:59"], ["2025-06-01T14:00"]),
]  # fmt: skip

CASES = [
    pytest.param(op, value, given, expected, id=f"{given!r} {op} {value!r} is {expected}"[:80])
    for op, value, true, false in TRUE_FALSE
    for expected, cases in ((True, true), (False, [*false, None]))
    for given in cases
]


@pytest.mark.parametrize(("op", "value", "given", "expected"), CASES)
def test_operators(op, value, given, expected):
    assert value_holds(op, value, BERLIN)(given) is expected
    assert holds({"p": given}, "p", op, value, BERLIN) is expected
    assert holds({"o": {"p": given}}, "o.p", op, value, BERLIN) is expected
    assert holds({"l": [None, given]}, "l[]", op, value, BERLIN) is expected
    assert holds({"l": [{"p": given}, {}, 5]}, "l[].p", op, value, BERLIN) is expected


def test_every_operator_has_cases():
    assert {op for op, *_ in TRUE_FALSE} | set(NEGATED) == set(get_args(Op))


ABSENT = {
    "p": [{}, {"p": None}],
    "o.p": [{}, {"o": None}, {"o": 5}, {"o": [{"p": 1}]}, {"o": {"p": None}}],
    "l[]": [{}, {"l": None}, {"l": []}, {"l": [None]}, {"l": "text"}, {"l": {"p": 1}}],
    "l[].p": [{}, {"l": []}, {"l": [{}, None, 5, "p", ["p"], {"p": None}]}],
}


@pytest.mark.parametrize(("op", "value"), [(op, value) for op, value, *_ in TRUE_FALSE])
def test_positive_operators_fail_where_the_property_is_absent(op, value):
    for path, cases in ABSENT.items():
        assert [holds(properties, path, op, value) for properties in cases] == [False] * len(cases)


# Negation

VALUES = {
    "ne": scalars,
    "not_in": st.lists(scalars, min_size=1, max_size=3),
    "not_contains": scalars,
    "not_matches": st.sampled_from(["", "a", "^a$", "[0-9]", "."]),
    "not_exists": st.just(msgspec.UNSET),
}


@pytest.mark.parametrize("negative", NEGATED)
@given(data=st.data())
def test_negative_operators_are_the_exact_negation(negative, data):
    value = data.draw(VALUES[negative])
    properties = data.draw(st.dictionaries(st.sampled_from("abc"), values, max_size=3))
    path = data.draw(st.sampled_from(["a", "a.b", "a[]", "a[].b", "a.b[]", "a[][]"]))
    positive = NEGATED[negative]
    assert holds(properties, path, negative, value) is not holds(properties, path, positive, value)
    assert value_holds(negative, value, UTC)("a") == value_holds(positive, value, UTC)("a")


@pytest.mark.parametrize(
    ("op", "value"), [("ne", "a"), ("not_in", ["a"]), ("not_contains", "a"), ("not_matches", "a"), ("not_exists", None)]
)
def test_negative_operators_hold_where_the_property_is_absent(op, value):
    for path, cases in ABSENT.items():
        assert [holds(properties, path, op, value) for properties in cases] == [True] * len(cases)


@pytest.mark.parametrize(("op", "value"), [("ne", 5), ("not_in", [5]), ("not_contains", 5), ("not_matches", "5")])
def test_negative_operators_hold_for_a_wrong_type(op, value):
    assert holds({"p": True}, "p", op, value)
    assert holds({"p": {"q": 5}}, "p", op, value)


def test_a_negative_operator_asks_that_no_element_does():
    properties = {"items": [{"sku": "a"}, {"sku": "b"}]}
    assert holds(properties, "items[].sku", "eq", "a")
    assert not holds(properties, "items[].sku", "ne", "a")
    assert holds(properties, "items[].sku", "ne", "c")


# Elements


def test_any_element_is_enough():
    properties = {"prices": [1, "20", Decimal("30.5")], "lists": [["a"], ["b", "c"]]}
    assert holds(properties, "prices[]", "gt", 30)
    assert not holds(properties, "prices[]", "between", [15, 25])
    assert holds(properties, "prices[]", "starts_with", "2")
    assert holds(properties, "lists[]", "contains", "c")
    assert not holds(properties, "lists[]", "contains", "bc")
    assert holds(properties, "lists[][]", "eq", "c")


def test_a_list_without_the_brackets_is_one_value():
    assert not holds({"tags": ["a"]}, "tags", "eq", "a")
    assert holds({"tags": ["a"]}, "tags", "ne", "a")
    assert holds({"tags": []}, "tags", "exists")
    assert not holds({"tags": []}, "tags[]", "exists")
    assert not holds({"tags": [None]}, "tags[]", "exists")
    assert holds({"tags": [None, 0]}, "tags[]", "exists")


@given(values, st.sampled_from(["eq", "gt", "lte", "starts_with"]), st.sampled_from(["a", "", 0, 1, Decimal("0.5")]))
def test_the_quick_way_decides_as_the_long_one(value, op, wanted):
    if op == "starts_with":
        wanted = str(wanted)
    assert holds({"p": value}, "p", op, wanted) == value_holds(op, wanted, UTC)(value)


# Test values that cannot be


@pytest.mark.parametrize(("op", "value"), [("before", "soon"), ("after", "20250601"), ("before", "0001-01-01")])
def test_a_test_value_that_is_no_date(op, value):
    with pytest.raises(ValueError, match="expected an"):
        compile_test(Test("p", op, value), BERLIN)


@pytest.mark.parametrize("pattern", ["(a", "a**", r"(a)\1", "(?=a)", "a{1001}", r"\é"])
def test_a_pattern_that_re2_refuses(pattern, capfd):
    with pytest.raises(ValueError, match="expected an RE2 pattern: "):
        compile_pattern(pattern)
    assert capfd.readouterr() == ("", "")  # RE2 itself keeps quiet


def test_a_pattern_takes_linear_time():
    assert not compile_pattern("(a*)*b")("a" * 100_000)


# Several tests


def test_all_tests_must_hold():
    tests = (Test("plan", "eq", "gold"), Test("price", "gt", 10), Test("tags[]", "eq", "x"))
    everything = {"plan": "gold", "price": Decimal("10.01"), "tags": ["x"]}
    for number in range(1, 4):
        check = compile_tests(tests[:number], UTC)
        assert check is not None
        assert check(everything) is True
        for path in ("plan", "price", "tags")[:number]:
            assert check({**everything, path: None}) is False


def test_no_tests():
    assert compile_tests((), UTC) is None


# Counts and measures


@pytest.mark.parametrize(
    ("op", "value", "true", "false"),
    [
        ("eq", 3, [3, Decimal("3.00")], [2, 4]),
        ("ne", 3, [2, Decimal("3.01")], [3, Decimal("3.0")]),
        ("gt", 3, [4, Decimal("3.01")], [3]),
        ("gte", Decimal("2.5"), [3, Decimal("2.50")], [2]),
        ("lt", 3, [2, -1], [3]),
        ("lte", 3, [3], [4, Decimal("3.01")]),
        ("between", [1, 10], [1, 5, 10], [0, Decimal("10.5")]),
        ("between", (10, 1), [], [1, 5, 10]),
    ],
)
def test_numbers(op, value, true, false):
    check = compile_number(op, value)
    assert [check(number) for number in true] == [True] * len(true)
    assert [check(number) for number in false] == [False] * len(false)
