"""Runs of lines as a plan sees them."""

import json

from segd.core.deciding.digested import digest_lines
from segd.core.deciding.plan import Plan
from segd.core.language.reading import read_definition
from segd.core.users.population import Population

CART = read_definition({
    "name": "cart", "kind": "live",
    "on": {
        "type": "inaction", "did": {"event": "Cart", "where": [{"property": "price", "op": "gte", "value": 5}]},
        "did_not": {"event": "Charged"}, "within": "10m", "same": ["sku"],
    },
})  # fmt: skip


def line(number, event="Cart", **more):
    at = f"2025-02-23T12:00:{number:02}.000Z"
    ids = {} if "anonymousId" in more else {"userId": "ann"}
    return json.dumps({"type": "track", "event": event, "messageId": f"m{number}", "timestamp": at} | ids | more)


def digested(*lines, first=0):
    return digest_lines(Plan([CART]), first, "\n".join(lines).encode())


def test_what_is_not_asked_about_is_a_time_and_an_id():
    found = digested(line(1, "Page"), line(2, "Page", userId="ben"), first=7)
    assert (list(found.numbers), found.user_ids, found.asked) == ([7, 8], ["ann", "ben"], [])
    assert found.timestamps[1] - found.timestamps[0] == 1_000_000


def test_what_is_asked_about_comes_with_its_digest():
    found = digested(line(1, properties={"price": 6, "sku": "a"}), line(2, properties={"price": 4}))
    assert [asked[2:3] + asked[5:6] for asked in found.asked] == [("ann", "m1"), ("ann", None)]
    mask, values = found.asked[0][6:8]
    assert mask
    assert values


def test_lines_of_other_kinds_stand_in_their_places():
    other = json.dumps({"type": "identify", "userId": "ben", "messageId": "i", "timestamp": "2025-02-23T12:00:01Z"})
    found = digested(line(0, "Page"), other, "", "{", line(2, "Page", anonymousId="x"))
    assert (list(found.numbers), list(found.user_ids)) == ([0, 1, 4], ["ann", "ben", None])
    assert list(found.timestamps) == sorted(found.timestamps)
    assert [asked[0] for asked in found.asked] == [1, 4]
    assert [(number, code) for number, code, _ in found.refused] == [(3, "bad_json")]


def test_an_alias_asks_who_was_seen_before_it():
    alias = json.dumps({
        "type": "alias", "userId": "ann", "previousId": "x", "messageId": "a", "timestamp": "2025-02-23T12:00:09Z"
    })  # fmt: skip
    for lines in (line(1, userId="x"), alias), (alias, line(10, userId="x")):
        plan = Plan([CART])
        population = Population(plan)
        population.take_digested(digest_lines(plan, 0, "\n".join(lines).encode()))
        assert ("x" in population.devices) == (lines[0] == alias)


def test_equal_messages_have_equal_keys():
    found = digested(line(1), line(2), line(1))
    assert found.keys[0] == found.keys[2] != found.keys[1]
