"""The oracle itself, against cases computed by hand. Minutes are counted from midnight, 2025-06-01, UTC."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from . import late, live, past
from .strategies import Story, late_stories, past_stories, stories

START = datetime(2025, 6, 1)
DAY = 1440
Json = dict[str, Any]
SLOW = settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))


def us(minute: float) -> int:
    return int(((START - datetime(1970, 1, 1)) + timedelta(minutes=minute)) / timedelta(microseconds=1))


def message(minute: float, **fields: Any) -> Json:
    who = {} if {"userId", "anonymousId"} & set(fields) else {"userId": "u"}
    return {"timestamp": (START + timedelta(minutes=minute)).isoformat() + "Z"} | who | fields


def track(minute: float, event: str, properties: Json | None = None, **fields: Any) -> Json:
    return message(minute, type="track", event=event, properties=properties or {}, **fields)


def page(minute: float, properties: Json | None = None, **fields: Any) -> Json:
    return message(minute, type="page", properties=properties or {}, **fields)


def identify(minute: float, traits: Json | None = None, **fields: Any) -> Json:
    return message(minute, type="identify", traits=traits or {}, **fields)


def numbered(messages: list[Json]) -> list[Json]:
    return [{"messageId": str(i)} | one for i, one in enumerate(messages)]


def minutes(at: int) -> float:
    return (at - us(0)) / 60_000_000


Found = list[tuple[float, str]]


def run(on: Json, *messages: Json, until: float = 10 * DAY, zone: str = "UTC", **fields: Any) -> Found:
    """What qualifies, as (minute, cause), by time."""
    definition = {"name": "S", "kind": "live", "on": on} | fields
    found = live([definition], numbered(list(messages)), zone=zone, until=us(until))
    return sorted((minutes(at), cause) for _, _, at, cause in found)


def run_late(on: Json, *messages: Json, **fields: Any) -> Found:
    found = late([{"name": "S", "kind": "live", "on": on} | fields], numbered(list(messages)))
    return sorted((minutes(at), cause) for _, _, at, cause in found)


def members(where: Json, *messages: Json, as_of: float = 10 * DAY, zone: str = "UTC") -> list[str]:
    return past({"name": "P", "kind": "past", "where": where}, numbered(list(messages)), us(as_of), zone=zone)


def inaction(**fields: Any) -> Json:
    return {"type": "inaction", "did": {"event": "A"}, "did_not": {"event": "B"}, "within": "10m"} | fields


A, B, C = ({"event": name} for name in "ABC")


# Inaction


@pytest.mark.parametrize(
    ("other", "expected"), [(-1, [(10, "1")]), (0, []), (5, []), (10, []), (11, [(10, "0")])], ids=str
)
def test_both_ends_of_a_window_count_as_inside(other: int, expected: list[Any]) -> None:
    assert run(inaction(), *sorted([track(0, "A"), track(other, "B")], key=lambda one: one["timestamp"])) == expected


def test_a_did_not_of_the_same_instant_cancels_also_when_it_stands_earlier() -> None:
    assert run(inaction(), track(0, "B"), track(0, "A")) == []


def test_the_timer_at_the_very_end_of_time_is_included() -> None:
    definition = {"name": "S", "kind": "live", "on": inaction()}
    assert live([definition], numbered([track(0, "A"), identify(10)])) == [("S", "u", us(10), "0")]
    assert live([definition], numbered([track(0, "A"), identify(9)])) == []


def test_repeat_while_the_window_is_open_and_at_its_due_instant() -> None:
    events = [track(0, "A"), track(10, "A")]
    assert run(inaction(), *events) == [(10, "0")]
    assert run(inaction(repeat="last"), *events) == [(20, "1")]
    assert run(inaction(repeat="each"), *events) == [(10, "0"), (20, "1")]


def test_first_opens_again_after_its_window_was_closed_or_over() -> None:
    assert run(inaction(), track(0, "A"), track(2, "B"), track(3, "A")) == [(13, "2")]
    assert run(inaction(), track(0, "A"), track(11, "A")) == [(10, "0"), (21, "1")]


def test_a_restart_at_the_instant_of_a_did_not_leaves_nothing_open() -> None:
    assert run(inaction(repeat="last"), track(0, "A"), track(5, "B"), track(5, "A")) == []


def test_an_event_that_is_both_closes_what_was_open_and_opens_its_own() -> None:
    same = inaction(did_not=[A, B])
    assert run(same, track(0, "A"), track(5, "A")) == [(15, "1")]
    assert run(same, track(0, "A"), track(0, "A")) == [(10, "1")]
    assert run(same, track(0, "B"), track(0, "A")) == [(10, "1")]
    assert run(same, track(0, "A"), track(0, "B")) == []


def test_same_gives_every_combination_of_values_its_own_window() -> None:
    on = inaction(same=["sku"])
    some = [track(0, "A", {"sku": 1}), track(1, "A", {"sku": "1"}), track(2, "A"), track(3, "A", {"sku": None})]
    assert run(on, *some) == [(10, "0"), (11, "1"), (12, "2")]
    assert run(on, *some, track(4, "B", {"sku": 1.0})) == [(11, "1"), (12, "2")]
    assert run(on, *some, track(4, "B")) == [(10, "0"), (11, "1")]


# Dates


def date(**fields: Any) -> Json:
    return {"type": "date", "event": "A", "property": "on"} | fields


def test_a_calendar_offset_and_an_hour_in_the_zone() -> None:
    on = date(offset="-1d", at="09:00", zone="America/New_York")
    assert run(on, track(0, "A", {"on": "2025-06-04"})) == [(2 * DAY + 13 * 60, "0")]


@pytest.mark.parametrize(
    ("value", "minute"),
    [
        ("2025-06-02", DAY),
        ("2025-06-02T10:00", DAY + 600),
        ("2025-06-02 10:00:00+02:00", DAY + 480),
        (1748858400, DAY + 600),
        (1748858400000, DAY + 600),
        ("1748858400", None),
        ("20250602", None),
        ("2025-02-30", None),
        (["2025-06-02"], None),
        (True, None),
        ("2025-05-31", None),
        ("2025-06-01", 0),
    ],
)
def test_what_a_date_may_be(value: Any, minute: float | None) -> None:
    assert run(date(), track(0, "A", {"on": value})) == ([] if minute is None else [(minute, "0")])


def test_days_move_the_calendar_and_hours_are_elapsed() -> None:
    events = [track(-100 * DAY, "A", {"on": "2025-03-31"})]  # Berlin lost an hour on 2025-03-30
    day, start = -63 * DAY, -120.0
    assert run(date(offset="-1d"), *events, zone="Europe/Berlin") == [(day + start + 60, "0")]
    assert run(date(offset="-24h"), *events, zone="Europe/Berlin") == [(day + start, "0")]


def test_a_skipped_local_hour_moves_forward_and_a_repeated_one_is_its_first() -> None:
    skipped = run(date(at="02:30"), track(-100 * DAY, "A", {"on": "2025-03-30"}), zone="Europe/Berlin")
    assert skipped == [(-63 * DAY + 90, "0")]  # 03:30 there
    repeated = [track(0, "A", {"on": "2025-10-26"})]
    assert run(date(at="02:30"), *repeated, zone="Europe/Berlin", until=200 * DAY) == [(147 * DAY + 30, "0")]


def test_key_supersedes_even_by_what_cannot_be_read_and_at_due() -> None:
    on = date(key=["id"])
    first = track(0, "A", {"on": "2025-06-03", "id": 7})
    assert run(on, first, track(1, "A", {"on": "2025-06-04", "id": 7})) == [(3 * DAY, "1")]
    assert run(on, first, track(1, "A", {"on": "soon", "id": 7.0})) == []
    assert run(on, first, track(1, "A", {"on": "2025-06-04", "id": "7"})) == [(2 * DAY, "0"), (3 * DAY, "1")]
    assert run(on, first, track(2 * DAY, "A", {"id": 7})) == []
    assert run(date(), first, track(1, "A", {"on": "2025-06-04", "id": 7})) == [(2 * DAY, "0"), (3 * DAY, "1")]


def test_unless_removes_what_is_pending_also_exactly_at_due() -> None:
    booked = track(0, "A", {"on": "2025-06-03", "id": 7})
    assert run(date(unless=B), booked, track(2 * DAY, "B")) == []
    assert run(date(unless=B), track(0, "B"), booked) == [(2 * DAY, "1")]
    assert run(date(unless=B, key=["id"]), booked, track(1, "B")) == [(2 * DAY, "0")]
    assert run(date(unless=B, key=["id"]), booked, track(1, "B", {"id": 7})) == []


def test_the_zone_of_the_user_is_read_when_the_event_is_applied() -> None:
    on, booked = date(zone="user"), track(1, "A", {"on": "2025-06-03"})
    zones = [identify(0, {"timezone": "Asia/Kathmandu"}), booked, identify(2, {"timezone": "America/New_York"})]
    assert run(on, *zones) == [(2 * DAY - 345, "1")]
    assert run(on, booked, zone="Europe/Berlin") == [(2 * DAY - 120, "0")]


def test_a_yearly_trait_comes_every_year_until_it_is_deleted() -> None:
    on = {"type": "date", "profile": "birthday", "yearly": True, "offset": "-1d"}
    born = identify(0, {"birthday": "2000-02-29"})
    day = 1367 * DAY  # 2029-02-27, the day before 28 February
    found = run(on, born, until=1400 * DAY)
    assert found == [(271 * DAY, "0"), (636 * DAY, "0"), (1002 * DAY, "0"), (day, "0")]
    assert run(on, born, identify(300 * DAY, {"birthday": None}), until=1400 * DAY) == [(271 * DAY, "0")]
    again = identify(271 * DAY, {"birthday": "2000-02-29"})
    assert run(on, born, again, until=300 * DAY) == [(271 * DAY, "1")]


# Pages


def test_a_session_ends_when_the_gap_is_longer_than_idle_and_every_message_keeps_it() -> None:
    on = {"type": "page_count", "at_least": 2}
    assert run(on, page(0), page(20)) == [(20, "1")]
    assert run(on, page(0), page(21)) == []
    assert run(on, page(0), identify(15), page(35)) == [(35, "2")]
    assert run(on, page(0), page(1), page(2), page(3)) == [(1, "1")]


def test_a_length_of_pages_is_open_at_its_beginning_and_counting_starts_afresh() -> None:
    on = {"type": "page_count", "at_least": 2, "per": "10m"}
    assert run(on, page(0), page(10)) == []
    assert run(on, page(0), page(9), page(10), page(11)) == [(9, "1"), (11, "3")]


def test_the_page_that_fills_the_number_is_the_only_candidate() -> None:
    on, bought = {"type": "page_count", "at_least": 2, "per": "ever"}, {"type": "did", "event": "A"}
    assert run(on, page(0), page(1), track(2, "A"), page(3), filter=bought) == []
    assert run(on, page(0), track(1, "A"), page(2), page(3), filter=bought) == [(2, "2")]


@pytest.mark.parametrize(
    ("host", "referrer", "expected"),
    [
        ("shop.example.com", "https://www.example.com/", False),
        ("shop.example.com", "https://www.example.co.uk/", True),
        ("me.github.io", "https://you.github.io/", True),
        ("10.0.0.1", "http://10.0.0.1:8080/", False),
        ("10.0.0.1", "http://10.0.0.2/", True),
        ("bücher.de", "https://WWW.xn--bcher-kva.DE./", False),
        ("shop.example.com", "android-app://com.google.android.gm/", True),
        ("shop.example.com", "", False),
        ("shop.example.com", "not a url", False),
    ],
)
def test_another_site(host: str, referrer: str, expected: bool) -> None:
    found = run({"type": "referrer"}, page(0, {"url": f"https://{host}/", "referrer": referrer}))
    assert bool(found) is expected


# Filter, again, in_segment


def test_a_filter_sees_up_to_its_event_and_a_timer_all_of_its_due_instant() -> None:
    bought, action = {"type": "did", "event": "C"}, {"type": "action", "did": A}
    assert run(action, track(0, "A"), track(0, "C"), track(0, "A"), filter=bought) == [(0, "2")]
    assert run(inaction(), track(0, "A"), track(10, "C"), filter=bought) == [(10, "0")]
    assert run(inaction(), track(0, "A"), track(11, "C"), filter=bought) == []
    rich = {"type": "profile", "property": "tier", "op": "eq", "value": "gold"}
    assert run(action, identify(0, {"tier": "gold"}), track(1, "A"), identify(2, {"tier": None}), filter=rich)


def test_again_comes_after_the_filter_and_exactly_the_length_apart_is_enough() -> None:
    action = {"type": "action", "did": A}
    events = [track(minute, "A", {"n": minute}) for minute in (0, 5, 10, 19, 20)]
    assert run(action, *events, again="10m") == [(0, "0"), (10, "2"), (20, "4")]
    late_enough = {"type": "did", "event": "A", "where": [{"property": "n", "op": "gte", "value": 5}]}
    assert run(action, *events, again="once", filter=late_enough) == [(5, "1")]


def test_in_segment_counts_what_qualifies_at_the_same_instant_by_a_timer_too() -> None:
    segments = [
        {"name": "X", "kind": "live", "on": {"type": "action", "did": C}, "filter": in_segment("Y")},
        {"name": "Y", "kind": "live", "on": inaction()},
    ]
    found = live(segments, numbered([track(0, "A"), track(9, "C"), track(10, "C")]))
    assert found == [("X", "u", us(10), "2"), ("Y", "u", us(10), "0")]


def in_segment(name: str, **fields: Any) -> Json:
    return {"type": "in_segment", "segment": name} | fields


# Who is who


def test_a_join_adds_and_retracts_nothing_dated_before_it() -> None:
    action = {"name": "S", "kind": "live", "on": inaction()}
    anonymous = track(0, "A", anonymousId="a")
    joining = identify(5, userId="u", anonymousId="a")
    assert live([action], numbered([anonymous, joining]), until=us(30)) == [("S", "u", us(10), "0")]
    bought = track(1, "B", userId="u")
    assert live([action], numbered([anonymous, bought, joining]), until=us(30)) == []
    later = identify(15, userId="u", anonymousId="a")
    assert live([action], numbered([anonymous, bought, later]), until=us(30)) == [("S", "a", us(10), "0")]


def test_a_number_passed_before_the_join_counts_as_reached() -> None:
    on = {"type": "page_count", "at_least": 3, "per": "ever"}
    before = [page(0, anonymousId="a"), page(1, userId="u"), page(2, anonymousId="a")]
    assert run(on, *before, identify(3, userId="u", anonymousId="a"), page(4)) == []
    assert run(on, *before[:2], identify(3, userId="u", anonymousId="a"), page(4)) == [(4, "3")]


def test_again_looks_at_the_qualifications_of_both() -> None:
    on = {"type": "action", "did": A}
    both = identify(1, userId="u", anonymousId="a")
    assert run(on, track(0, "A", anonymousId="a"), both, track(2, "A"), again="once") == [(0, "0")]


def test_a_shared_device_joins_once_and_follows_the_last_user() -> None:
    messages = [
        track(0, "A", anonymousId="a"),
        track(1, "C", userId="u", anonymousId="a"),
        track(2, "C", userId="v", anonymousId="a"),
        track(3, "B", anonymousId="a"),
    ]
    assert members({"type": "did", "event": "A"}, *messages) == ["u"]
    assert members({"type": "did", "event": "B"}, *messages) == ["v"]


def test_alias_of_a_user_and_ids_of_the_two_kinds() -> None:
    alias = message(1, type="alias", userId="new", previousId="old")
    messages = [track(0, "A", userId="old"), alias, track(2, "B", userId="old")]
    assert members({"type": "did", "event": "A"}, *messages) == ["new"]
    assert members({"type": "did", "event": "B"}, *messages) == ["new"]
    apart = [track(0, "A", userId="x"), track(1, "B", anonymousId="x")]
    assert members({"type": "all", "of": [{"type": "did", **A}, {"type": "did", **B}]}, *apart) == []


def test_junk_ids_and_repeated_messages_are_passed_over() -> None:
    on = {"type": "action", "did": A}
    assert run(on, track(0, "A", userId="NULL"), track(1, "A", userId="000-00"), track(2, "A", userId="")) == []
    assert run(on, track(0, "A", userId="undefined", anonymousId="a")) == [(0, "0")]
    assert run(on, track(5, "A", messageId="m"), track(0, "A", messageId="m")) == [(5, "m")]


# Past behaviour


def test_the_ends_of_when() -> None:
    first, last = track(0, "A"), {"type": "did", "event": "A", "when": {"last": "10m"}}
    assert members(last, first, as_of=9) == ["u"]
    assert members(last, first, as_of=10) == []
    assert members(last, first, as_of=0) == ["u"]
    day = {"type": "did", "event": "A", "when": {"from": "2025-05-31", "to": "2025-06-01"}}
    assert members(day, first) == []
    assert members(day, first, zone="America/New_York") == ["u"]
    ago = {"type": "did", "event": "A", "when": {"days_ago": [2, 1]}}
    assert [members(ago, first, as_of=days * DAY) for days in (0.9, 1, 2.9, 3)] == [[], ["u"], ["u"], []]


def test_counts_that_zero_would_satisfy() -> None:
    seen, few = track(0, "B"), {"type": "did", "event": "A", "count": {"op": "lt", "value": 2}}
    assert members(few, seen) == []
    assert members(few | {"zero": True}, seen) == ["u"]
    assert members({"type": "did_not", "event": "A"}, seen) == ["u"]
    assert members({"type": "did_not", "event": "A"}, seen, as_of=-1) == []


def test_measures_are_exact_and_ignore_what_is_no_number() -> None:
    events = [track(minute, "A", {"p": value}) for minute, value in enumerate((0.1, 0.2, "5", True))]

    def measured(fn: str, op: str, value: float, property: str = "p") -> bool:
        measure = {"fn": fn, "property": property, "op": op, "value": value}
        return bool(members({"type": "did", "event": "A", "measure": measure}, *events))

    assert measured("sum", "eq", 0.3)
    assert measured("avg", "eq", 0.15)
    assert measured("distinct", "eq", 4)
    assert not measured("sum", "lt", 9, property="q")


def test_nth_asks_about_the_first_or_last_of_all() -> None:
    events = [track(0, "A"), track(100, "A")]
    recent = {"type": "did", "event": "A", "when": {"last": "50m"}}
    assert members(recent | {"nth": "first"}, *events, as_of=120) == []
    assert members(recent | {"nth": "last"}, *events, as_of=120) == ["u"]
    assert members(recent | {"nth": "first"}, *events, as_of=20) == ["u"]


def test_traits_are_as_they_were() -> None:
    tier = {"type": "profile", "property": "tier", "op": "eq", "value": 1}
    messages = [identify(0, {"tier": 1}), identify(10, {"tier": None})]
    assert [members(tier, *messages, as_of=minute) for minute in (-1, 0, 9, 10)] == [[], ["u"], ["u"], []]
    absent = {"type": "profile", "property": "tier", "op": "ne", "value": 1}
    assert members(absent, *messages, as_of=10) == ["u"]


def test_reachable_needs_an_address_and_no_refusal() -> None:
    mail = {"type": "reachable", "channel": "email"}
    assert members(mail, identify(0, {"email": "a@example.com"})) == ["u"]
    assert members(mail, identify(0, {"email": "a@example.com", "subscriptions": {"email": False}})) == []
    push = {"type": "reachable", "channel": "push"}
    assert members(push, track(0, "A", context={"device": {"token": "t"}})) == ["u"]


# Lateness


def test_inside_the_band_order_of_arrival_makes_no_difference() -> None:
    assert run_late(inaction(), track(0, "A"), track(120, "C")) == [(10, "0")]
    assert run_late(inaction(), track(0, "A"), track(120, "C"), track(0, "B")) == []
    assert run_late(inaction(), track(120, "C"), track(0, "A")) == [(10, "1")]


def test_an_older_event_closes_only_what_is_still_open() -> None:
    on = inaction(within="5h")
    events = [track(0, "A"), track(200, "C"), track(5, "B")]
    assert run_late(on, *events, track(400, "C")) == []
    assert run_late(on, track(0, "A"), track(300, "C"), track(5, "B")) == []
    assert run_late(on, track(0, "A"), track(301, "C"), track(5, "B")) == [(300, "0")]


def test_an_older_event_starts_nothing_and_counts_in_history_from_its_arrival() -> None:
    action = {"type": "action", "did": A}
    assert run_late(action, track(200, "C"), track(79, "A"), track(80, "A")) == [(80, "2")]
    bought = {"type": "did", "event": "B"}
    events = [track(199, "A"), track(200, "C"), track(5, "B"), track(150, "A"), track(201, "A")]
    assert run_late(action, *events, filter=bought) == [(201, "4")]


# The strategies


@SLOW
@given(stories())
def test_in_order_nothing_is_late(story: Story) -> None:
    in_order = live(story.segments, story.messages, zone=story.zone)
    assert late(story.segments, story.messages, zone=story.zone) == in_order


@SLOW
@given(late_stories())
def test_within_a_band_without_end_arrival_makes_no_difference(story: Story) -> None:
    in_order = live(story.segments, story.messages, zone=story.zone)
    assert late(story.segments, story.messages, zone=story.zone, band=10**18) == in_order


@SLOW
@given(past_stories())
def test_a_condition_and_its_negation_divide_the_known_users(story: Story) -> None:
    assert story.definition is not None

    def those(where: Json) -> list[str]:
        definition = story.definition | {"where": where}  # pyright: ignore[reportOptionalOperand]
        return past(definition, story.messages, story.as_of, zone=story.zone, segments=story.segments)

    where = story.definition["where"]
    everyone = those({"type": "any", "of": [where, {"type": "not", "of": where}]})
    assert sorted(those(where) + those({"type": "not", "of": where})) == everyone
