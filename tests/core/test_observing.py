"""What properties look like: paths, types, and values that are nobody's own."""

from typing import Any

from segd.core.observing import MOST_PATHS, Observed, observe, operators_for


def seen(*objects: dict[str, Any]) -> dict[str, Observed]:
    """Each of a user of their own."""
    return {one.path: one for one in observe(enumerate(objects))}


def test_paths_lead_where_definitions_find_values():
    found = seen({"address": {"city": "Berlin"}, "items": [{"sku": 1}, {"sku": 2}], "": 1, "a.b": 1, "c[]": 1})
    assert found.keys() == {"address", "address.city", "items", "items[]", "items[].sku"}
    assert found["items[].sku"].number == 2


def test_types_are_told_the_most_frequent_first():
    found = seen({"p": 1}, {"p": "x"}, {"p": "2025-06-01"}, {"p": "y"}, {"p": True}, {"p": None}, {"p": []}, {"p": {}})
    assert found["p"].types == ["text", "number", "date", "boolean", "list", "object"]
    assert found["p"].number == 7


def test_a_value_is_told_where_five_users_have_it():
    assert seen(*[{"p": "x"}] * 4)["p"].values == []
    assert seen(*[{"p": "x"}] * 5, {"p": "y"})["p"].values == [("x", 5)]
    assert [one.values for one in observe([(1, {"p": "x"})] * 9)] == [[]]
    mixed = seen(*[{"p": 1}] * 5, *[{"p": True}] * 6, *[{"p": "1"}] * 7)
    assert [(value, type(value)) for value, _ in mixed["p"].values] == [("1", str), (True, bool), (1, int)]


def test_what_is_endless_is_cut_off():
    assert len(seen({f"p{number}": 1 for number in range(2 * MOST_PATHS)})) == MOST_PATHS
    assert seen(*[{"p": "x" * 101}] * 5)["p"].values == []
    nested: dict[str, Any] = {}
    for _ in range(60):
        nested = {"p": nested}
    assert len(seen(nested)) == 5


def test_operators_fit_the_types():
    assert operators_for(["number"])[:1] == ["eq"]
    assert {"gt", "between", "exists"} <= {*operators_for(["number"])}
    assert "gt" not in operators_for(["text"])
    assert operators_for(["date"])[:2] == ["before", "after"]
    assert operators_for(["list"]) == ["contains", "not_contains", "exists", "not_exists"]
    both = operators_for(["text", "number"])
    assert len(both) == len({*both})
