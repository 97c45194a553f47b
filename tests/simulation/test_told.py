"""Stories that a seed told at length, told shortly: nothing fails in them, and the oracle judges all the same."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import trio

from . import world
from .people import People
from .server import NONE
from .stories import Said, Story

WINDOW = {"did": {"event": "A"}, "did_not": {"event": "C"}, "within": "3m"}
Request = tuple[float, list[Said]]  # the point of the grid at which it is sent


def said(at: int, id: str, event: str = "B", **more: Any) -> Said:
    return Said(at, {"type": "track", "event": event, "messageId": id, "properties": {}, **more})


def run(monkeypatch: pytest.MonkeyPatch, on: dict[str, Any], requests: Sequence[Request]) -> None:
    """A segment of that trigger, and these requests, in minutes. Raises Violation."""
    never = math.inf
    place = world.World(0)
    place.grace = place.catch_up = 0
    place.weather = replace(
        place.weather, faults=NONE, crash_seconds=never, stop_seconds=never, outage_seconds=never, step_seconds=never,
        forget_seconds=never, request_lost=0, answer_lost=0, hook_failing=0, changing=False, two=False,
    )  # fmt: skip
    messages = [one for _, request in requests for one in request]
    place.story = Story([{"name": "S", "kind": "live", "on": on}], messages, "UTC", 1)
    place.point = 60_000_000
    place.people = people = People(place, place.story, place.weather, place.people._sent)

    async def act(others: trio.Nursery) -> None:
        async with trio.open_nursery() as senders:
            for point, request in requests:
                senders.start_soon(people._send_at, senders, request, point)

    monkeypatch.setattr(people, "act", act)
    monkeypatch.setattr(world, "World", lambda *_: place)
    world.run(0)


def test_an_event_between_two_joins_of_which_the_first_came_late(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [
        (10, [said(10, "m0", userId="u1")]),
        (11, [said(11, "m1", userId="u2")]),
        (23, [said(23, "m2", "A", anonymousId="a")]),
        (24, [said(15, "m3", userId="u2", anonymousId="a")]),
        (27, [said(27, "m4", userId="u1", type="alias", previousId="u2")]),
    ]
    run(monkeypatch, {"type": "action", "did": {"event": "A"}}, requests)


def test_a_new_user_whose_first_message_concerns_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [(10, [said(10, "m0", userId="u", anonymousId="a"), said(10, "m1", "A", anonymousId="a")])]
    run(monkeypatch, {"type": "action", "did": {"event": "A"}}, requests)


def test_one_is_joined_into_another_before_that_has_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [
        (10, [said(10, "m0", anonymousId="a")]),
        (130, [said(130, "m1", "A", userId="u1")]),
        (132, [said(132, "m2", "C", anonymousId="a")]),
        (135, [said(10, "m3", userId="u2", anonymousId="a")]),  # so late that it counts from when it came
        (136, [said(131, "m4", userId="u2", type="alias", previousId="u1")]),
    ]
    run(monkeypatch, {"type": "inaction", **WINDOW}, requests)


def test_a_second_name_is_dated_before_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [
        (10, [said(10, "m0", "A", anonymousId="a")]),
        (12, [said(12, "m1", "C", anonymousId="a")]),
        (15, [said(15, "m2", userId="u1", anonymousId="a")]),
        (16, [said(11, "m3", userId="u2", type="alias", previousId="u1")]),
    ]
    run(monkeypatch, {"type": "inaction", **WINDOW}, requests)


def test_a_message_came_after_the_one_that_named_its_user_and_is_dated_before(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = [
        (131, [said(131, "m0", anonymousId="a")]),
        (136, [said(10, "m1", userId="u", anonymousId="a")]),  # so late that it counts from when it came
        (137, [said(135, "m2", "A", userId="u")]),
    ]
    run(monkeypatch, {"type": "action", "did": {"event": "A"}}, requests)
