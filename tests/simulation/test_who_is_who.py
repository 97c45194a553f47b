"""Joins that come in another order than they were written in: what a log folds to, against the oracle.

Nothing else happens here, so many can be tried. Who is who comes from the store's code, what follows from the core's.
"""

import json
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from segd.core.deciding.actor import FOREVER
from segd.core.deciding.plan import Plan
from segd.core.effects import Moved, StoredEvent, StoredUser, Taken
from segd.core.events.messages import Event, accept, decode
from segd.core.language.reading import read_definition
from segd.core.time.instants import MINUTE, Instant, parse_timestamp, to_text
from segd.core.users.folding import Log, fold
from segd.store.users import Identities

from .stories import Json
from .truth import BAND, expected

START = parse_timestamp("2025-06-02T12:00:00Z")
UNTIL = START + 200 * MINUTE
DEFINITIONS: list[Json] = [
    {"name": "action", "kind": "live", "on": {"type": "action", "did": {"event": "A"}}},
    {
        "name": "inaction",
        "kind": "live",
        "on": {"type": "inaction", "did": {"event": "A"}, "did_not": {"event": "B"}, "within": "3m"},
    },
    {"name": "pages", "kind": "live", "on": {"type": "page_count", "at_least": 2, "per": "ever"}},
    {
        "name": "filtered",
        "kind": "live",
        "on": {"type": "action", "did": {"event": "A"}},
        "filter": {"type": "did", "event": "B", "when": {"last": "4m"}},
        "again": "5m",
    },
]
PLAN = Plan([read_definition(definition) for definition in DEFINITIONS], ZoneInfo("UTC"))
USERS, DEVICES = ("u1", "u2", "u3"), ("a1", "a2")


def text(minute: int) -> str:
    return to_text(START + minute * MINUTE)


def message(at: int, event: str = "", user: str = "", device: str = "", previous: str = "") -> Json:
    """Of the minute `at`."""
    ids = {"userId": user, "anonymousId": device, "previousId": previous}
    found: Json = {"timestamp": text(at)} | {name: id for name, id in ids.items() if id}
    if previous:
        return found | {"type": "alias"}
    if event == "page":
        return found | {"type": "page", "properties": {"url": "https://shop.example.com/"}}
    return found | {"type": "track", "event": event}


def drawn(g: Random, *, old: float) -> list[Json]:
    """old: how many of them are from before the late band."""
    found: list[Json] = []
    for _ in range(g.randint(3, 14)):
        ids = g.choices(("user", "device", "both", "alias"), (0.3, 0.25, 0.2, 0.25))[0]
        found.append(
            message(
                g.randint(-200, -190) if g.random() < old else g.randint(0, 8),
                g.choice(("A", "A", "A", "B", "B", "page")),
                "" if ids == "device" else g.choice(USERS),
                g.choice(DEVICES) if ids in ("device", "both") else "",
                g.choice((*USERS, *DEVICES)) if ids == "alias" else "",
            )
        )
    return found


def received(sequence: int) -> int:
    """The minute in which a message comes: all after all that they tell of."""
    return 60 + sequence


def folded(messages: list[Json]) -> list[tuple[str, str, Instant, str]]:
    identities = Identities({})
    arrived: list[tuple[StoredEvent, int]] = []
    for sequence, one in enumerate(messages, start=1):
        event, received_at = _event(one, sequence), START + received(sequence) * MINUTE
        taken: Taken = "live" if event.timestamp >= received_at - BAND else "late"
        user = identities.user_of(event, sequence, event.timestamp if taken == "live" else received_at, trusted=True)
        arrived.append((StoredEvent(event, sequence, received_at, taken, None), user))
    outcome = identities.outcome()
    found: list[tuple[str, str, Instant, str]] = []
    for number, (anonymous, id) in outcome.created.items():
        if identities.survivor(number) == number:
            events = [one._replace(origin=user) for one, user in arrived if identities.survivor(user) == number]
            moved = [
                Moved(move.old, move.into, move.id[1], move.id[0], move.at, move.sequence)
                for move in outcome.moves
                if identities.survivor(move.old) == number and move.id is not None
            ]
            log = Log(PLAN, StoredUser(number, id, anonymous, events, moved, (), ()), len(messages))
            population, _ = fold(PLAN, log, (), -FOREVER, {})
            population.finish(UNTIL)
            found += [(one.segment, one.user, one.at, one.cause) for one in population.qualified]
    return sorted(found)


def _event(one: Json, sequence: int) -> Event:
    content = json.dumps(one | {"messageId": f"m{sequence}"}).encode()
    return accept(decode(content), received_at=START + received(sequence) * MINUTE, content=content)


def told(messages: list[Json]) -> list[tuple[str, str, Instant, str]]:
    admitted = {
        sequence: one | {"messageId": f"m{sequence}", "receivedAt": text(received(sequence))}
        for sequence, one in enumerate(messages, start=1)
    }
    return expected(DEFINITIONS, admitted, {}, "UTC", UNTIL)


@pytest.mark.parametrize("old", [0.0, 0.2])
def test_any_order(old: float) -> None:
    for seed in range(400):
        messages = drawn(Random(f"{old} {seed}"), old=old)
        assert folded(messages) == told(messages), json.dumps(messages)


def names(messages: list[Json]) -> list[Any]:
    """Of those who did A, by the minute, and by the oracle, too."""
    assert folded(messages) == told(messages)
    return [((at - START) // MINUTE, id) for segment, id, at, _ in folded(messages) if segment == "action"]


def test_a_name_that_came_later_holds_against_one_that_is_dated_later() -> None:
    messages = [
        message(1, "B", device="a1"),
        message(7, "A", user="u3", device="a1"),
        message(5, user="u2", previous="u3"),  # and so u2 is the last of the names, though it is dated before u3
        message(8, "A", user="u2"),
    ]
    assert names(messages) == [(7, "u2"), (8, "u2")]


def test_whoever_is_joined_into_a_user_before_that_has_a_name_gives_it_one() -> None:
    messages = [
        message(1, "A", device="a1"),
        message(2, "A", device="a2"),
        message(5, "A", user="u1", device="a1"),
        message(7, user="u2", previous="u1"),
        message(3, user="u1", device="a2", event="B"),  # u1 is u2 by now, who is a1 until 5
        message(4, "A", device="a2"),
        message(6, "A", device="a1"),
        message(8, "A", device="a1"),
    ]
    assert names(messages) == [(1, "a1"), (2, "a2"), (4, "u2"), (5, "u2"), (6, "u2"), (8, "u2")]


def test_an_alias_of_somebody_who_was_joined_by_a_message_that_is_dated_later() -> None:
    messages = [
        message(0, "A", user="u1"),
        message(0, "A", user="u2"),
        message(0, "A", user="u3"),
        message(6, user="u1", previous="u2"),
        message(3, user="u3", previous="u2"),  # who is u1 by now: so u1 is u3 from 3 on, and u2 is u3 from 6 on
        message(4, "A", user="u1"),
        message(4, "A", user="u2"),
        message(8, "A", user="u2"),
    ]
    assert names(messages) == [(0, "u1"), (0, "u2"), (0, "u3"), (4, "u3"), (4, "u3"), (8, "u3")]
