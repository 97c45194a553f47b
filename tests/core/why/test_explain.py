"""Why, held against what was decided: every qualification is explained by its cause and instant, and no other is."""

import json
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from core.users.drawn_events import events, in_order
from hypothesis import HealthCheck, given, settings
from oracle.strategies import Story, late_stories, past_stories, stories

from segd.core.deciding.plan import Plan, Run
from segd.core.events.messages import read_line
from segd.core.language.definitions import Live
from segd.core.language.reading import read_definition
from segd.core.time.instants import MINUTE, parse_timestamp
from segd.core.users.late import ArrivalOrder, Key
from segd.core.users.population import Entry, Population
from segd.core.why.explain import Explanation, Held, entries_of, key_of, why, why_member
from segd.core.why.explain_data import MOST, as_data
from segd.core.why.explain_words import in_words

UTC = ZoneInfo("UTC")
DRAWN = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # whole stories take a while to draw
Told = set[tuple[str, int, str | int]]  # segment, instant, cause


def told(explanation: Explanation) -> Told:
    assert (explanation.outcome == "qualified") == any(d.verdict == "qualified" for d in explanation.decisions)
    assert in_words(explanation, UTC)
    name = explanation.definition.name
    return {(name, d.at, d.cause.cause) for d in explanation.decisions if d.verdict == "qualified"}


def plan_of(story: Story) -> Plan:
    return Plan([read_definition(segment) for segment in story.segments], ZoneInfo(story.zone))


@DRAWN
@given(stories(joins=False))
def test_what_qualified_is_told_of_a_users_own_log(story: Story):
    plan = plan_of(story)
    population = Population(plan)
    taken = in_order(story.messages)
    for line, event in taken:
        population.take(event, line)
    now = taken[-1][1].timestamp if taken else 0
    population.finish(now)
    for user in population.everybody():
        for segment in plan.live:
            recorded = {
                (q.segment, q.at, q.cause)
                for q in population.qualified
                if (q.segment, q.user, q.anonymous) == (segment.name, user.id, user.anonymous)
            }
            assert told(why(plan, entries_of(user), key_of(user), segment.name, now)) == recorded


def agrees_with_the_record(plan: Plan, entries: list[Entry], recorded: Told, keys: set[Key], now: int) -> None:
    """Over all users there are, since a qualification keeps an id that may mean somebody else by now."""
    found: Told = set()
    for key in keys:
        for segment in plan.live:
            found |= told(why(plan, entries, key, segment.name, now))
    assert found == recorded


def keys_of(population: Population) -> set[Key]:
    return {("user", id) for id in population.users} | {("anonymous", id) for id in population.devices}


@DRAWN
@given(stories())
def test_what_qualified_is_told_across_joins(story: Story):
    plan = plan_of(story)
    population = Population(plan)
    entries: list[Entry] = []
    now = 0
    for line, event in in_order(story.messages):
        now = event.timestamp
        population.take(event, line)
        digest = population.plan.digest(event, line)
        entries.append(Entry(now, line, event.user_id, event.anonymous_id, event.previous_id, digest))
    population.finish(now)
    recorded = {(q.segment, q.at, q.cause) for q in population.qualified}
    agrees_with_the_record(plan, entries, recorded, keys_of(population), now)


@DRAWN
@given(late_stories())
def test_what_stands_is_told_of_late_events(story: Story):
    plan = plan_of(story)
    arrivals = ArrivalOrder(plan, 2 * 3600 * 1_000_000)
    for line, event in events(story.messages):
        arrivals.take(event, line)
    now = max(arrivals.clock, 0)
    arrivals.finish(now)
    families = {id(family): family for family in arrivals._families.values()}.values()
    entries = sorted((entry for family in families for entry in family.entries), key=lambda e: (e.taken_at, e.sequence))
    recorded = {(q.segment, q.at, q.cause) for q in arrivals.standing()}
    agrees_with_the_record(plan, entries, recorded, keys_of(arrivals.population), now)


@DRAWN
@given(past_stories())
def test_membership_is_told_as_it_is(story: Story):
    definition = read_definition(story.definition)
    plan = Plan([*map(read_definition, story.segments), definition], ZoneInfo(story.zone))
    population = Population(plan)
    for line, event in in_order(story.messages):
        population.take(event, line)
    population.finish(story.as_of)
    members = population.members(definition.name, story.as_of)
    explanations = [why_member(plan, user, definition.name, story.as_of) for user in population.everybody()]
    assert sorted(one.user for one in explanations if one.member) == members
    assert all(in_words(one, UTC) for one in explanations)


# In words


CART = {"event": "Added To Cart"}
CHARGED = {"event": "Charged"}
CART_AND_NO_CHARGE = {"type": "inaction", "did": CART, "did_not": CHARGED, "within": "10m"}
PAGES = {"type": "page_count", "at_least": 3}
APPOINTMENT = {
    "type": "date", "event": "Booked", "property": "day", "offset": "-1d", "at": "09:00",
    "key": ["id"], "unless": {"event": "Cancelled"},
}  # fmt: skip

Message = tuple[str, dict[str, Any]]  # time of day on 1 January 2025, what else


def track(at: str, event: str, **properties: Any) -> Message:
    return at, {"type": "track", "event": event, "properties": properties}


def page(at: str, path: str = "/a", referrer: str = "") -> Message:
    return at, {"type": "page", "properties": {"url": f"https://shop.com{path}", "referrer": referrer}}


def identify(at: str, **traits: Any) -> Message:
    return at, {"type": "identify", "traits": traits}


def population_of(definitions: list[dict[str, Any]], messages: tuple[Message, ...], **planned: Any) -> Population:
    """planned: more for the plan."""
    population = Population(Plan([read_definition(one) for one in definitions], **planned))
    for number, (at, message) in enumerate(messages):
        ids = {"userId": "ann", "messageId": f"m{number}", "timestamp": f"2025-01-01T{at}Z"}
        population.take(read_line(json.dumps(message | ids).encode()), number)
    return population


def explained(
    on: dict[str, Any],
    *messages: Message,
    now: str = "2025-01-01T12:00",
    others: tuple[dict[str, Any], ...] = (),
    **more: Any,
) -> Explanation:
    population = population_of([*others, {"name": "S", "kind": "live", "on": on} | more], messages)
    user = population.users.get("ann")
    entries = entries_of(user) if user is not None else []
    return why(population.plan, entries, ("user", "ann"), "S", parse_timestamp(now))


def said(on: dict[str, Any], *messages: Message, **more: Any) -> list[str]:
    return in_words(explained(on, *messages, **more), UTC)


def test_a_window_that_nothing_closed():
    assert said(CART_AND_NO_CHARGE, track("10:00:00", "Added To Cart")) == [
        "ann qualified at 10:10:00 on 1 Jan 2025 (UTC): Added To Cart at 10:00:00 opened a window of 10 minutes, and no"
        " Charged came in it."
    ]


def test_a_window_that_was_closed():
    assert said(CART_AND_NO_CHARGE, track("10:00:00", "Added To Cart"), track("10:04:00", "Charged")) == [
        "ann did not qualify: Added To Cart at 10:00:00 on 1 Jan 2025 (UTC) opened a window of 10 minutes, but Charged"
        " at 10:04:00 closed it."
    ]


def test_a_window_that_is_open():
    explanation = explained(CART_AND_NO_CHARGE, track("10:00:00", "Added To Cart"), now="2025-01-01T10:05")
    opened = parse_timestamp("2025-01-01T10:00")
    assert explanation.outcome == "pending"
    assert [(one.cause.cause, one.cause.at, one.due) for one in explanation.pending] == [
        ("m0", opened, opened + 10 * MINUTE)
    ]
    assert in_words(explanation, UTC) == [
        "ann has not qualified yet: Added To Cart at 10:00:00 on 1 Jan 2025 (UTC) opened a window of 10 minutes, which"
        " is open until 10:10:00; they qualify then if no Charged comes."
    ]


def test_a_filter_that_did_not_hold():
    explanation = explained(
        CART_AND_NO_CHARGE,
        identify("09:00:00", tier="gold"),
        track("10:00:00", "Added To Cart"),
        filter={"type": "profile", "property": "tier", "op": "eq", "value": "platinum"},
    )
    (decision,) = explanation.decisions
    assert (decision.verdict, decision.cause.cause, decision.cause.name) == ("filter", "m1", "Added To Cart")
    assert decision.filter is not None
    assert decision.filter.found == Held("gold")
    assert in_words(explanation, UTC) == [
        "ann did not qualify: Added To Cart at 10:00:00 on 1 Jan 2025 (UTC) opened a window of 10 minutes, and no"
        " Charged came in it, but at 10:10:00 the filter did not hold:",
        '✕ their tier is "platinum": it is "gold"',
    ]


def test_again_that_was_too_soon():
    carts = (track("10:00:00", "Added To Cart"), track("10:30:00", "Added To Cart"))
    assert said(CART_AND_NO_CHARGE, *carts, again="1h")[1:] == [
        "Since then: Added To Cart at 10:30:00 opened a window of 10 minutes, and no Charged came in it, but at"
        " 10:40:00 they had qualified at 10:10:00, and once in 1 hour is enough."
    ]
    assert said(CART_AND_NO_CHARGE, *carts, again="once")[1].endswith("and only the first time counts.")


@pytest.mark.parametrize(
    ("on", "sentence"),
    [
        (
            CART_AND_NO_CHARGE,
            "ann did not qualify: Added To Cart at 10:00:00 on 1 Jan 2025 (UTC) opened a window of 10 minutes, and no"
            " Charged came in it, but at 10:10:00 the segment, as it is now, did not run then.",
        ),
        (
            {"type": "action", "did": CART},
            "ann did not qualify: they did Added To Cart at 10:00:00 on 1 Jan 2025 (UTC), but the segment, as it"
            " is now, did not run then.",
        ),
    ],
)
def test_what_came_before_the_segment_was_made_or_in_a_pause(on: dict[str, Any], sentence: str):
    document = {"name": "S", "kind": "live", "on": on, "start": "open"}
    definition = read_definition(document)
    assert isinstance(definition, Live)
    run = Run(1, 1, definition, None, parse_timestamp("2025-01-01T11:00"), None)
    population = population_of([document], (track("10:00:00", "Added To Cart"),), runs={"S": [run]})
    user = population.users["ann"]
    assert user is not None
    explanation = why(population.plan, entries_of(user), ("user", "ann"), "S", parse_timestamp("2025-01-01T12:00"))
    assert explanation.outcome == "refused"
    assert in_words(explanation, UTC) == [sentence]


def test_several_qualifications():
    carts = [track(f"0{hour}:00:00", "Added To Cart") for hour in range(1, 6)]
    assert said(CART_AND_NO_CHARGE, *carts) == [
        "ann qualified 5 times, last at 05:10:00 on 1 Jan 2025 (UTC): Added To Cart at 05:00:00 opened a window of 10"
        " minutes, and no Charged came in it.",
        "Before that, at 04:10:00 and at 03:10:00 and 2 times more.",
    ]


@pytest.mark.parametrize(
    ("on", "sentence"),
    [
        (CART_AND_NO_CHARGE, "they never did Added To Cart"),
        ({"type": "action", "did": [CART, {"event": "$page"}]}, "they never did Added To Cart or a page view"),
        ({"type": "page_visit"}, "they never viewed a page"),
        ({"type": "referrer"}, "they never came from another site"),
        (PAGES, "they never viewed a page"),
        (APPOINTMENT, "they never did Booked"),
        ({"type": "date", "profile": "birthday"}, "their birthday was never set"),
    ],
)
def test_what_never_happened(on: dict[str, Any], sentence: str):
    other = {"name": "O", "kind": "live", "on": {"type": "action", "did": CHARGED}}
    (line,) = said(on, track("10:00:00", "Charged"), others=(other,))
    assert line == f"ann did not qualify: {sentence}."
    (line,) = said(on)
    assert line.startswith(f"ann did not qualify: {sentence}; by 12:00:00")


def test_events_that_match():
    on = {"type": "action", "did": [{"event": "Charged", "where": [{"property": "n", "op": "gt", "value": 1}]}, CART]}
    assert said(on, track("10:00:00", "Charged", n=2)) == [
        "ann qualified at 10:00:00 on 1 Jan 2025 (UTC): they did Charged where n is above 1."
    ]
    visit = {"type": "page_visit", "where": [{"property": "path", "op": "eq", "value": "/a"}]}
    assert said(visit, page("10:00:00"))[0].endswith(': they viewed a page where path is "/a".')
    assert said({"type": "referrer"}, page("10:00:00", referrer="https://google.com/"))[0].endswith(
        ": they came from another site."
    )


def test_page_counts():
    two, three = (page("10:00:00"), page("10:01:00")), (page("10:00:00"), page("10:01:00"), page("10:02:00"))
    assert said(PAGES, *three)[0].endswith(": they viewed 3 pages in one visit, the first of them at 10:00:00.")
    assert said(PAGES | {"per": "30m"}, *three)[0].endswith(
        ": they viewed 3 pages within 30 minutes, the first of them at 10:00:00."
    )
    assert said(PAGES | {"per": "ever"}, *three)[0].endswith(": they viewed 3 pages in all.")
    assert said(PAGES, *two, now="2025-01-01T10:05") == [
        "ann did not qualify: they viewed at most 2 of 3 pages in one visit; in this one it is 2, and it ends at"
        " 10:21:00 on 1 Jan 2025 (UTC) if nothing more comes."
    ]
    assert said(PAGES, *two)[0].endswith("at most 2 of 3 pages in one visit, and none is going on.")
    assert said(PAGES | {"per": "1h"}, *two, now="2025-01-01T11:00:30")[0].endswith(
        "at most 2 of 3 pages within 1 hour; 1 of them counts until 11:01:00 on 1 Jan 2025 (UTC)."
    )
    assert said(PAGES | {"per": "1h"}, *two)[0].endswith("within 1 hour, and none of them counts any more.")
    assert said(PAGES | {"per": "ever"}, *two)[0].endswith("they viewed 2 of 3 pages.")


def test_dates():
    booked = track("10:00:00", "Booked", day="2025-01-05", id=1)
    set_for = "the day of Booked at 10:00:00 on 1 Jan 2025 (UTC) set 09:00:00 on 4 Jan 2025"
    assert said(APPOINTMENT, booked) == [
        f"ann has not qualified yet: {set_for.replace(' set ', ' sets ')}; they qualify then."
    ]
    assert said(APPOINTMENT, booked, now="2025-01-04T09:00") == [
        "ann qualified at 09:00:00 on 4 Jan 2025 (UTC): the day of Booked at 10:00:00 on 1 Jan 2025 set that instant."
    ]
    assert said(APPOINTMENT, booked, track("11:00:00", "Cancelled", id=1)) == [
        f"ann did not qualify: {set_for}, but Cancelled at 11:00:00 on 1 Jan 2025 cancelled it."
    ]
    assert said(APPOINTMENT, booked, track("11:00:00", "Booked", day="soon", id=1)) == [
        "ann did not qualify: the day of Booked at 11:00:00 on 1 Jan 2025 (UTC) is no date that can be read.",
        "Before that: the day of Booked at 10:00:00 set 09:00:00 on 4 Jan 2025, but the day of Booked at 11:00:00 on"
        " 1 Jan 2025 took its place.",
    ]
    assert said(APPOINTMENT, track("10:00:00", "Booked", day="2024-01-05"))[0].endswith(
        "set 09:00:00 on 4 Jan 2024, which had passed by then."
    )
    birthday = {"type": "date", "profile": "birthday", "yearly": True}
    assert said(birthday, identify("10:00:00", birthday="1990-01-03"), now="2025-01-04") == [
        "ann qualified at 00:00:00 on 3 Jan 2025 (UTC): their birthday, written at 10:00:00 on 1 Jan 2025, set that"
        " instant.",
        "Their birthday, written at 10:00:00, sets 00:00:00 on 3 Jan 2026; they qualify then.",
    ]


CHARGED_THRICE = {"type": "did", "event": "Charged", "count": {"op": "gte", "value": 3}}
AVERAGE = {"type": "did", "event": "Charged", "measure": {"fn": "avg", "property": "n", "op": "gt", "value": 9}}
IN_ROME = {"type": "profile", "property": "address.city", "op": "eq", "value": "Rome"}


@pytest.mark.parametrize(
    ("condition", "lines"),
    [
        (CHARGED_THRICE, ["✕ they did Charged at least 3 times: 2 of 3, last at 09:30:00"]),
        (
            AVERAGE,
            ["✕ they did Charged with an average n of more than 9: 2 times, last at 09:30:00; the average n is 1.5"],
        ),
        (
            {"type": "did", "event": "Charged", "nth": "first", "when": {"last": "45m"}},
            ["✕ their first Charged happened in the last 45 minutes: it was at 09:00:00"],
        ),
        ({"type": "did", "event": "Other"}, ["✕ they did Other: not once"]),
        ({"type": "did_not", "event": "Charged"}, ["✕ they never did Charged: 2 times, last at 09:30:00"]),
        (IN_ROME, ['✕ their address.city is "Rome": it is not set']),
        ({"type": "not", "of": IN_ROME}, ['✓ their address.city is not "Rome": it is not set']),
        (
            {"type": "profile", "property": "tags[]", "op": "eq", "value": "vip"},
            ['✕ they have any tags that is "vip": it is ["new",1.5]'],
        ),
        (
            {"type": "profile", "property": "first_seen", "op": "after", "value": "2025-01-02"},
            ["✕ they were first seen after 2 January 2025: it was 08:00:00"],
        ),
        ({"type": "reachable", "channel": "sms"}, ["✕ they are reachable by SMS: there is no address"]),
        ({"type": "reachable", "channel": "email"}, ["✕ they are reachable by email: they unsubscribed"]),
        (
            {"type": "in_segment", "segment": "Buyers"},
            ['✓ they are in the segment "Buyers": 2 times, last at 09:30:00'],
        ),
        (
            {"type": "in_segment", "segment": "Loyal"},
            ['✕ they are in the segment "Loyal":', "  ✕ they did Charged at least 3 times: 2 of 3, last at 09:30:00"],
        ),
        (
            {"type": "any", "of": [CHARGED_THRICE, {"type": "not", "of": {"type": "all", "of": [IN_ROME]}}]},
            [
                "✓ any of these:",
                "  ✕ they did Charged at least 3 times: 2 of 3, last at 09:30:00",
                "  ✓ not so:",
                "    ✕ all of these:",
                '      ✕ their address.city is "Rome": it is not set',
            ],
        ),
    ],
)
def test_conditions(condition: dict[str, Any], lines: list[str]):
    """What a filter found, and the same of a past-behaviour segment."""
    others = (
        {"name": "Buyers", "kind": "live", "on": {"type": "action", "did": CHARGED}},
        {"name": "Loyal", "kind": "past", "where": CHARGED_THRICE},
    )
    messages = (
        identify("08:00:00", email="a@b.c", subscriptions={"email": False}, tags=["new", 1.5]),
        track("09:00:00", "Charged", n=1),
        track("09:30:00", "Charged", n=2),
        track("10:00:00", "Added To Cart"),
    )
    filtered = said({"type": "action", "did": CART}, *messages, others=others, filter=condition)
    assert [line for line in filtered if line.lstrip()[0] in "✓✕"] == lines

    population = population_of([*others, {"name": "P", "kind": "past", "where": condition}], messages)
    population.finish(parse_timestamp("2025-01-01T10:00"))
    user = population.users["ann"]
    assert user is not None
    membership = why_member(population.plan, user, "P", parse_timestamp("2025-01-01T10:00"))
    assert membership.member == lines[0].startswith("✓")
    assert in_words(membership, UTC)[1:] == lines


def test_somebody_unknown_is_no_member():
    population = population_of([{"name": "P", "kind": "past", "where": {"type": "did_not", "event": "Charged"}}],
                               (track("10:00:00", "Charged"),))  # fmt: skip
    user = population.users["ann"]
    assert user is not None
    assert in_words(why_member(population.plan, user, "P", parse_timestamp("2025-01-01T09:00")), UTC) == [
        "ann is not a member as of 09:00:00 on 1 Jan 2025 (UTC): nothing of them had come by then."
    ]


def test_instants_are_said_in_the_zone():
    explanation = explained({"type": "action", "did": CART}, track("23:30:00", "Added To Cart"), now="2025-01-02")
    (line,) = in_words(explanation, ZoneInfo("Europe/Berlin"))
    assert line.startswith("ann qualified at 00:30:00 on 2 Jan 2025 (Europe/Berlin):")


def test_a_segment_that_is_not_there():
    with pytest.raises(KeyError):
        why(Plan([]), [], ("user", "ann"), "S", 0)


def test_qualifying_before_a_join_is_told_as_it_was():
    """Together the two would never have qualified, but each stood for itself then."""
    messages = [
        {"anonymousId": "a", "type": "track", "event": "Added To Cart", "timestamp": "2025-01-01T10:00:00Z"},
        {"userId": "ann", "type": "track", "event": "Charged", "timestamp": "2025-01-01T10:05:00Z"},
        {"userId": "ann", "anonymousId": "a", "type": "identify", "timestamp": "2025-01-01T11:00:00Z"},
    ]
    population = Population(Plan([read_definition({"name": "S", "kind": "live", "on": CART_AND_NO_CHARGE})]))
    entries: list[Entry] = []
    for number, message in enumerate(messages):
        event = read_line(json.dumps(message | {"messageId": f"m{number}"}).encode())
        digest = population.plan.digest(event, number)
        entries.append(Entry(event.timestamp, number, event.user_id, event.anonymous_id, None, digest))
    explanation = why(population.plan, entries, ("user", "ann"), "S", parse_timestamp("2025-01-01T12:00"))
    assert in_words(explanation, UTC) == [
        "ann qualified at 10:10:00 on 1 Jan 2025 (UTC): Added To Cart at 10:00:00 opened a window of 10 minutes, and no"
        " Charged came in it.",
        "Two ids became one at 11:00:00; until then each stood for itself.",
    ]


def test_an_explanation_is_plain_data():
    explanation = explained(
        CART_AND_NO_CHARGE, track("10:00:00", "Added To Cart", n=1), track("11:00:00", "Charged", n=1), filter=AVERAGE
    )
    document = msgspec.json.decode(msgspec.json.encode(explanation))
    assert document["outcome"] == "refused"
    assert document["decisions"][0]["filter"]["found"]["type"] == "occurred"


def test_of_what_there_is_a_lot_of_the_latest_is_there_as_data():
    carts = [track(f"10:{number // 60:02d}:{number % 60:02d}", "Added To Cart") for number in range(MOST + 7)]
    data = as_data(explained({"type": "action", "did": {"event": "Added To Cart"}}, *carts))
    assert data["decisionsLeftOut"] == 7
    assert [decision["cause"]["cause"] for decision in data["decisions"]] == [f"m{7 + n}" for n in range(MOST)]
    assert not any(name.endswith("LeftOut") for name in as_data(explained(CART_AND_NO_CHARGE, *carts[: MOST // 2])))
