"""Backtests over files: order, repeats, joins, the end of time, and what is written."""

import io
import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from segd import backtest as module
from segd.backtest import Summary, backtest
from segd.core.deciding.plan import Plan
from segd.core.language.reading import read_definition
from segd.core.time.instants import parse_timestamp

START = datetime(2025, 1, 1, tzinfo=UTC)
CART = {
    "name": "cart", "kind": "live",
    "on": {"type": "inaction", "did": {"event": "Cart"}, "did_not": {"event": "Charged"}, "within": "10m"},
}  # fmt: skip
EVERY = {"name": "every", "kind": "live", "on": {"type": "action", "did": {"event": "Cart"}}}


def message(number: int, minutes: float, event: str = "Cart", **more: Any) -> dict[str, Any]:
    at = START + timedelta(minutes=minutes)
    ids = {} if {"userId", "anonymousId"} & more.keys() else {"userId": "ann"}
    return {"type": "track", "event": event, "messageId": f"m{number}", "timestamp": at.isoformat()} | ids | more


def run(tmp_path: Path, messages: list[dict[str, Any]], *definitions: dict[str, Any], **options: Any):
    """What is written, and the summary."""
    path, output = tmp_path / "events.ndjson", io.BytesIO()
    path.write_text("".join(json.dumps(one) + "\n" for one in messages))
    plan = Plan([read_definition(one) for one in definitions or (CART,)])
    summary = backtest(plan, [path], output, **options)
    return [json.loads(line) for line in output.getvalue().splitlines()], summary


def test_order_of_lines_does_not_matter(tmp_path, monkeypatch):
    monkeypatch.setattr("segd.files.sorting.RUN", 2_000)
    chance = random.Random(3)
    messages = [
        message(n, chance.randrange(600), chance.choice(["Cart", "Charged"]), userId=chance.choice("abc"))
        for n in range(300)
    ]
    in_time = sorted(messages, key=lambda one: one["timestamp"])
    expected, _ = run(tmp_path, in_time)
    assert expected
    assert run(tmp_path, messages)[0] == expected


def test_readers_beside_it_change_nothing(tmp_path, monkeypatch):
    chance = random.Random(4)
    messages = [
        message(n, n // 3, chance.choice(["Cart", "Charged", "Page"]), userId=chance.choice("abcdef"))
        | ({"anonymousId": f"phone{n}"} if n % 40 == 0 else {})
        | ({"messageId": f"m{n - 30}"} if n % 50 == 49 else {})
        | ({"event": "$bad"} if n % 70 == 0 else {})
        for n in range(400)
    ]
    until = START + timedelta(minutes=120)
    monkeypatch.setattr("segd.files.lines.CHUNK", 3_000)
    found = []
    for size in (1 << 30, 0):
        monkeypatch.setattr("segd.files.readers.WORTH", size)
        monkeypatch.setattr("segd.files.readers._processors", lambda: 2)
        refused = []
        written, summary = run(
            tmp_path, messages, CART, EVERY, until=parse_timestamp(until.isoformat()),
            refuse=lambda path, number, error: refused.append((number, error.code, error.message)),  # noqa: B023
        )  # fmt: skip
        summary.seconds = 0
        found.append((written, summary, refused))
    assert found[0] == found[1]
    assert found[0][0]
    assert (found[0][1].repeated, found[0][1].refused, found[0][1].after_until) == (8, 6, 36)


def test_repeats_too_far_apart_for_memory_are_dropped_in_a_second_pass(tmp_path, monkeypatch):
    monkeypatch.setattr("segd.files.repeats.GENERATION", 4)
    monkeypatch.setattr(module.Repeats.__init__, "__defaults__", (frozenset(), 4))
    messages = [message(n, n) for n in range(50)] + [message(3, 60)]
    written, summary = run(tmp_path, messages, EVERY)
    assert (len(written), summary.repeated, summary.events) == (50, 1, 50)


def test_users_who_are_joined_after_all_have_their_histories(tmp_path):
    messages = [
        message(1, 0, userId="ann"),
        message(2, 4, "Charged", anonymousId="phone"),
        message(3, 5, "Login", userId="ann", anonymousId="phone"),
        message(4, 60, "End"),
    ]
    assert run(tmp_path, messages)[0] == []  # as one user would have it, the charge closed the window
    assert len(run(tmp_path, [messages[0], messages[3]])[0]) == 1


def test_until_ends_time_and_includes_what_is_due_then(tmp_path):
    messages = [message(1, 0), message(2, 11, "Charged"), message(3, 30)]
    written, summary = run(tmp_path, messages, until=parse_timestamp("2025-01-01T00:10:00Z"))
    assert [line["at"] for line in written] == ["2025-01-01T00:10:00.000Z"]
    assert (summary.events, summary.after_until, summary.open) == (1, 2, 0)


def test_lines_are_in_order_of_what_is_written(tmp_path):
    at = [(0.0000002, "b"), (0.0000003, "a"), (0.0000001, "c")]  # all within one millisecond
    messages = [message(n, minutes, userId=user) for n, (minutes, user) in enumerate(sorted(at))]
    written, _ = run(tmp_path, messages, EVERY, EVERY | {"name": "all"})
    assert [(line["userId"], line["segment"]) for line in written] == [
        (user, segment) for user in "abc" for segment in ("all", "every")
    ]


def test_arrival_order_knows_lateness(tmp_path):
    messages = [message(1, 0), message(2, 15, "Page"), message(3, 5, "Charged"), message(4, 200), message(5, 1)]
    written, _ = run(tmp_path, messages, order="arrival", until=parse_timestamp("2025-01-02T00:00:00Z"))
    assert [line["cause"] for line in written] == ["m4"]  # the first was retracted, the last came too late


def test_what_is_no_event_is_told_and_the_rest_goes_on(tmp_path):
    path, output, refused = tmp_path / "events.ndjson", io.BytesIO(), []
    path.write_text(f"{json.dumps(message(1, 0))}\n\n{{broken\n{json.dumps(message(2, 20))}\n")
    summary = backtest(Plan([read_definition(CART)]), [path], output, refuse=lambda *line: refused.append(line))
    assert [(file, number) for file, number, _ in refused] == [(path, 3)]
    assert (summary.events, summary.refused, summary.qualified) == (2, 1, {"cart": 1})


def test_ahead_moves_an_event_to_its_receipt(tmp_path):
    received = (START + timedelta(minutes=1)).isoformat()
    messages = [message(1, 6, receivedAt=received), message(2, 30, "End")]
    assert run(tmp_path, messages)[0][0]["at"] == "2025-01-01T00:11:00.000Z"
    assert run(tmp_path, messages, ahead=5 * 60_000_000)[0][0]["at"] == "2025-01-01T00:16:00.000Z"


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_the_end_of_all_time_breaks_nothing(tmp_path, zone):
    days = {"type": "did", "event": "Cart", "when": {"days_ago": [0, 36500]}}
    last = message(1, 0) | {"timestamp": "9999-12-31T23:59:59.999999Z"}
    written, summary = run(tmp_path, [message(2, 0), last], EVERY | {"zone": zone, "filter": days})
    assert [line["cause"] for line in written] == ["m2", "m1"]
    assert isinstance(summary, Summary)
