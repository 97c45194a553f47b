"""Which segments a definition names, where, and under other names."""

from typing import Any

import pytest

from segd.core.language import definitions as d
from segd.core.language.naming import mentions, renamed
from segd.core.language.reading import read_definition, write_definition


def within(named: str) -> dict[str, Any]:
    return {"type": "in_segment", "segment": named}


DID: dict[str, Any] = {"type": "did", "event": "a"}
CONDITION: dict[str, Any] = {
    "type": "any",
    "of": [DID, {"type": "not", "of": within("a")}, {"type": "all", "of": [within("b"), within("a"), within("ä")]}],
}
PAST: dict[str, Any] = {"name": "a", "kind": "past", "where": CONDITION}
LIVE: dict[str, Any] = {"name": "a", "kind": "live", "on": {"type": "action", "did": {"event": "b"}}}


@pytest.mark.parametrize(("document", "top"), [(PAST, "where"), (LIVE | {"filter": CONDITION}, "filter")])
def test_each_place_has_its_path(document: dict[str, Any], top: str):
    definition = read_definition(document)
    found = [(mention.path, mention.condition.segment) for mention in mentions(definition)]
    assert found == [
        (f"{top}.of[1].of.segment", "a"),
        (f"{top}.of[2].of[0].segment", "b"),
        (f"{top}.of[2].of[1].segment", "a"),
        (f"{top}.of[2].of[2].segment", "ä"),
    ]
    assert {name for _, name in found} == d.segments_named(definition)


@pytest.mark.parametrize(("document", "top"), [(PAST, "where"), (LIVE | {"filter": CONDITION}, "filter")])
def test_every_mention_gets_the_other_name_and_nothing_else_does(document: dict[str, Any], top: str):
    names = {"a": "b", "b": "c"}
    written = write_definition(renamed(read_definition(document), names))
    expected = {"type": "all", "of": [within("c"), within("b"), within("ä")]}
    assert written == document | {top: {"type": "any", "of": [DID, {"type": "not", "of": within("b")}, expected]}}


def test_one_that_names_none_stays_as_it_is():
    definition = read_definition(LIVE)
    assert list(mentions(definition)) == []
    assert renamed(definition, {"a": "b"}) == definition
