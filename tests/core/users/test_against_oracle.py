"""The core against a model that reads the whole history at once and shares no code with it."""

from zoneinfo import ZoneInfo

import oracle
from core.users.drawn_events import events, in_order
from hypothesis import given
from oracle.strategies import Story, late_stories, past_stories, stories

from segd.core.deciding.plan import Plan
from segd.core.language.reading import read_definition
from segd.core.users.late import ArrivalOrder
from segd.core.users.population import LogsNeeded, Population
from segd.core.users.qualifying import Qualification

BAND = 2 * 3600 * 1_000_000


def plan(story: Story) -> Plan:
    return Plan([read_definition(segment) for segment in story.segments], ZoneInfo(story.zone))


def written(qualified: list[Qualification]) -> list[tuple[str, str, int, str]]:
    return sorted((q.segment, q.user, q.at, str(q.cause)) for q in qualified)


def take(story: Story, population: Population) -> None:
    taken = in_order(story.messages)
    for line, event in taken:
        population.take(event, line)
    if taken:
        population.finish(taken[-1][1].timestamp)


def agrees_live(story: Story) -> None:
    population = Population(plan(story))
    take(story, population)
    assert written(population.qualified) == sorted(oracle.live(story.segments, story.messages, zone=story.zone))


@given(stories())
def test_live_segments_of_all_kinds(story: Story):
    agrees_live(story)


@given(stories(kinds=("inaction",), filters=False))
def test_inaction(story: Story):
    agrees_live(story)


@given(stories(kinds=("date",), filters=False))
def test_dates(story: Story):
    agrees_live(story)


@given(stories(kinds=("page_count",), filters=False))
def test_page_counts(story: Story):
    agrees_live(story)


@given(stories(kinds=("action",), joins=False))
def test_filters(story: Story):
    agrees_live(story)


@given(stories(users=("u1",), anonymous=("a1", "a2")))
def test_joins(story: Story):
    agrees_live(story)


@given(late_stories())
def test_late_events(story: Story):
    arrivals = ArrivalOrder(plan(story), BAND)
    for line, event in events(story.messages):
        arrivals.take(event, line)
    arrivals.finish(arrivals.clock)
    assert written(arrivals.standing()) == sorted(oracle.late(story.segments, story.messages, zone=story.zone))


@given(late_stories())
def test_late_events_folded_in_the_end(story: Story):
    arrivals = ArrivalOrder(plan(story), BAND, tells=False)
    for line, event in events(story.messages):
        arrivals.take(event, line)
    arrivals.finish(arrivals.clock)
    assert written(arrivals.standing()) == sorted(oracle.late(story.segments, story.messages, zone=story.zone))
    assert not arrivals.effects


@given(stories(anonymous=("a1",)))
def test_without_logs_the_answer_is_the_same_or_none(story: Story):
    population = Population(plan(story), keeps_logs=False)
    try:
        take(story, population)
    except LogsNeeded:
        return
    assert written(population.qualified) == sorted(oracle.live(story.segments, story.messages, zone=story.zone))


@given(stories(kinds=("inaction", "page_count"), users=("u1",), anonymous=("a1", "a2", "a3")))
def test_joins_where_only_the_latest_of_a_history_is_folded(story: Story):
    agrees_live(story)


@given(past_stories(joins=False))
def test_past_segments(story: Story):
    assert story.definition is not None
    definitions = [read_definition(segment) for segment in (*story.segments, story.definition)]
    population = Population(Plan(definitions, ZoneInfo(story.zone)))
    take(story, population)
    expected = oracle.past(story.definition, story.messages, story.as_of, zone=story.zone, segments=story.segments)
    assert population.members(story.definition["name"], story.as_of) == expected
