"""The repository's own stories, each a test, and what a story file may say."""

import random
from pathlib import Path
from typing import Any

import pytest

from segd.backtest import LATE_BAND
from segd.core.events.messages import Event
from segd.core.time.instants import DAY, HOUR, MINUTE, Instant, parse_timestamp
from segd.core.users.late import ArrivalOrder
from segd.stories.reading import StoryError, read_stories
from segd.stories.running import run
from segd.stories.shorthand import SOMEBODY, expand_effect, expand_event, parse_instant
from segd.stories.story import Story
from segd.stories.telling import differences, offset_text

Numbered = tuple[int, Event]

START = parse_timestamp("2025-01-01T00:00:00Z")
LIVE = '{ kind = "live", on = { type = "action", did = { event = "A" } } }'

STORIES = [story for path in sorted((Path(__file__).parent / "stories").glob("*.toml")) for story in read_stories(path)]


def _fits_the_late_band(story: Story) -> bool:
    instants = [event.timestamp for _, event in story.events]
    return max(instants, default=0) - min(instants, default=0) <= LATE_BAND


IN_BAND = [story for story in STORIES if story.expect and story.order == "timestamp" and _fits_the_late_band(story)]


@pytest.mark.parametrize("story", STORIES, ids=[f"{story.file.stem}: {story.name}" for story in STORIES])
def test_story(story: Story) -> None:
    outcome = run(story)
    assert outcome.passed, "\n".join(["- expected, + came", *differences(outcome)])


@pytest.mark.parametrize("story", IN_BAND, ids=[f"{story.file.stem}: {story.name}" for story in IN_BAND])
def test_inside_the_late_band_the_order_of_arrival_does_not_matter(story: Story) -> None:
    in_order = sorted(story.events, key=lambda numbered: numbered[1].timestamp)
    expected = sorted(_standing(story, in_order))
    for seed in range(5):
        assert sorted(_standing(story, _shuffled(in_order, random.Random(seed)))) == expected, f"seed {seed}"


def _standing(story: Story, events: list[Numbered]) -> list[tuple[str, str, bool, Instant, str]]:
    arrivals = ArrivalOrder(story.plan, LATE_BAND)
    for sequence, (_, event) in enumerate(events):
        arrivals.take(event, sequence)
    arrivals.finish(story.until)
    return [(one.segment, one.user, one.anonymous, one.at, one.cause) for one in arrivals.standing()]


def _shuffled(events: list[Numbered], generator: random.Random) -> list[Numbered]:
    """In any order, but those of one instant in theirs: between them the order of arrival decides."""
    instants = [event.timestamp for _, event in events]
    generator.shuffle(instants)
    waiting = {instant: iter([one for one in events if one[1].timestamp == instant]) for instant in instants}
    return [next(waiting[instant]) for instant in instants]


# One line


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("10m Added To Cart", {"userId": SOMEBODY, "type": "track", "event": "Added To Cart", "properties": {}}),
        ('10m  ann:  A {"x": 1}', {"userId": "ann", "type": "track", "event": "A", "properties": {"x": 1}}),
        ("10m ~phone: A", {"anonymousId": "phone", "type": "track", "event": "A", "properties": {}}),
        ("10m a:b~c: A", {"userId": "a:b", "anonymousId": "c", "type": "track", "event": "A", "properties": {}}),
        ("10m $page", {"userId": SOMEBODY, "type": "page", "properties": {}}),
        ('10m $page /a {"x": 1}', {"userId": SOMEBODY, "type": "page", "properties": {"url": "/a", "x": 1}}),
        ("10m $screen My Home", {"userId": SOMEBODY, "type": "screen", "name": "My Home", "properties": {}}),
        ('10m ann: $identify {"x": null}', {"userId": "ann", "type": "identify", "traits": {"x": None}}),
        ("10m ann: $group", {"userId": "ann", "type": "group"}),
        ("10m ann: $alias annie", {"userId": "ann", "type": "alias", "previousId": "annie"}),
    ],
    ids=str,
)
def test_events_in_one_line(line: str, message: dict[str, Any]) -> None:
    assert expand_event(line) == {"timestamp": "10m", **message}


def test_a_line_of_json_is_the_message_itself() -> None:
    assert expand_event('{"event": "A", "userId": "u"}') == {"event": "A", "userId": "u"}


@pytest.mark.parametrize("line", ["", "10m", "10m ann:", '10m {"x": 1}', "10m A {", "10m A {1}", "10m $identify Rome"])
def test_lines_that_are_no_event(line: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        expand_event(line)


@pytest.mark.parametrize(
    ("line", "table"),
    [
        ("20m", {"at": "20m", "userId": SOMEBODY}),
        ("20m ann", {"at": "20m", "userId": "ann"}),
        ("20m ~phone by #2", {"at": "20m", "anonymousId": "phone", "cause": "#2"}),
        ("20m by 10m", {"at": "20m", "userId": SOMEBODY, "cause": "10m"}),
        ("20m retracted", {"at": "20m", "userId": SOMEBODY, "retracted": True}),
        (
            "20m ann by 1m corrected to 25m by 2m",
            {"at": "20m", "userId": "ann", "cause": "1m", "corrected": {"at": "25m", "userId": "ann", "cause": "2m"}},
        ),
        (
            "20m ~phone corrected to 20m ann",
            {"at": "20m", "anonymousId": "phone", "corrected": {"at": "20m", "userId": "ann"}},
        ),
    ],
    ids=str,
)
def test_expectations_in_one_line(line: str, table: dict[str, Any]) -> None:
    assert expand_effect(line) == table


@pytest.mark.parametrize("line", ["", "20m ann bob", "20m ann by", "20m corrected", "20m ann corrected 25m"])
def test_lines_that_expect_nothing(line: str) -> None:
    with pytest.raises(ValueError, match="expected somebody who qualifies"):
        expand_effect(line)


def test_instants() -> None:
    assert parse_instant("1d2h", START) == START + DAY + 2 * HOUR
    assert parse_instant("-5m", START) == START - 5 * MINUTE
    assert parse_instant("2w", START) == START + 14 * DAY
    assert parse_instant("2025-01-01T01:00+01:00", START) == START


@pytest.mark.parametrize("text", ["0m", "10m", "1d2h", "-5d", "1h1m1s"])
def test_offsets_are_told_as_they_are_written(text: str) -> None:
    assert offset_text(parse_instant(text, 0)) == text


def test_offsets_that_have_no_whole_seconds() -> None:
    assert offset_text(MINUTE + 1) == "1m0.000001s"
    assert offset_text(1_500_000) == "1.5s"


# Files


def read(folder: Path, text: str) -> list[Story]:
    (folder / "stories.toml").write_text(text)
    return read_stories(folder / "stories.toml")


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(StoryError) as raised:
        read(folder, text)
    return [str(problem) for problem in raised.value.problems]


def problems_of_story(folder: Path, lines: str) -> list[str]:
    """Of a story that is right but for these lines."""
    given = {line.partition(" ")[0] for line in lines.splitlines()}
    default = {"name": '"S"', "definition": LIVE, "events": "[]", "expect": "[]"}
    rest = "\n".join(f"{key} = {value}" for key, value in default.items() if key not in given)
    return [problem.removeprefix('story "S": ') for problem in problems(folder, f"[[story]]\n{rest}\n{lines}")]


def test_a_story_overrides_what_the_file_says(tmp_path: Path) -> None:
    text = f"""
definition = {LIVE}
start = 2025-02-01T00:00:00Z
until = "1h"
[[story]]
name = "one"
events = ["0m A"]
expect = ["2025-02-01T00:00Z"]
[[story]]
name = "two"
start = "2025-03-01T00:00:00+01:00"
until = "2h"
events = ["0m A"]
expect = ["0m"]
"""
    one, two = read(tmp_path, text)
    assert (one.start, one.until) == (parse_timestamp("2025-02-01"), parse_timestamp("2025-02-01T01:00"))
    assert (two.start, two.until) == (parse_timestamp("2025-02-28T23:00"), parse_timestamp("2025-03-01T01:00"))
    assert run(one).passed
    assert run(two).passed


def test_time_ends_at_the_last_event(tmp_path: Path) -> None:
    (story,) = read(tmp_path, f'[[story]]\nname = "S"\ndefinition = {LIVE}\nevents = ["2m A", "1m A"]\nexpect = []')
    assert story.until == story.as_of == START + 2 * MINUTE


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a = ", "expected TOML: Invalid value (at end of document)"),
        ("", "story: expected at least one [[story]]"),
        ("story = 1", "story: expected at least one [[story]]"),
        ("story = [1]", "story 1: expected a table, found 1"),
    ],
)
def test_files_that_hold_no_stories(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in problems(tmp_path, text)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "stories.toml").write_bytes(b"\xff")
    with pytest.raises(StoryError, match="expected UTF-8 text: byte 0 is none"):
        read_stories(tmp_path / "stories.toml")


def test_all_problems_at_once_and_those_of_the_file_once(tmp_path: Path) -> None:
    text = """
zone = "Mars/Base"
storys = 1
[[story]]
name = "one"
definition = { kind = "live", on = { type = "action", did = { evnt = "A" } } }
events = ["0m A", "later A"]
expect = ["soon"]
[[story]]
nam = "two"
definition = "none.json"
events = []
expect = []
"""
    assert problems(tmp_path, text) == [
        "storys: unknown key (did you mean story?)",
        'zone: expected the name of a time zone such as Europe/Berlin or UTC, found "Mars/Base"',
        'story "one": definition.on.did.evnt: unknown field (did you mean event?)',
        'story "one": definition.on.did.event: missing: expected text',
        'story "one": events[1].timestamp: expected an offset from the start such as 10m, 1d12h or -5d, or a date-time '
        'such as 2025-01-01T09:00:00+01:00, found "later"',
        'story "one": expect[0].at: expected an offset from the start such as 10m, 1d12h or -5d, or a date-time such '
        'as 2025-01-01T09:00:00+01:00, found "soon"',
        "story 2: name: expected text, found null",
        "story 2: nam: unknown key (did you mean name?)",
        f"story 2: definition: {tmp_path / 'none.json'}: No such file or directory",
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ('order = "time"', 'order: expected timestamp or arrival, found "time"'),
        ('start = "now"', "start: expected an ISO 8601 date-time such as 2025-02-23T00:17:05.703Z, found \"now\""),
        ("start = 5", "start: expected text, found 5"),
        ("definition = 5", "definition: expected an object, found 5"),
        ('events = "0m A"', 'events: expected a list, found "0m A"'),
        ("events = [5]", "events[0]: expected a line or a table, found 5"),
        ('events = [{ timestamp = "0m", evnt = "A" }]', "events[0].evnt: unknown key (did you mean event?)"),
        ('events = [{ event = "A" }]', "events[0]: refused as missing_timestamp: timestamp: expected one, since the "
         "line has no receivedAt either"),
        ('events = [{ timestamp = "0m", event = "A", refused = "junk_id" }]',
         "events[0].refused: expected to be refused as junk_id, but it is accepted"),
        ('events = ["1h A"]\nuntil = "1m"', "until: expected the instant of the last event, or a later one"),
        ('as_of = "1m"', "as_of: expected only beside members"),
        ('members = ["ann"]', "members: expected a past definition"),
        ('expect = { segmant = [] }', "expect.segmant: unknown key (did you mean segment?)"),
        ('expect = ["1m retracted"]',
         'expect[0]: expected `order = "arrival"` beside what is retracted or corrected: in order nothing is'),
        ('expect = ["1m by 1m"]',
         'expect[0].cause: expected the instant of an event, its number such as #1, or its messageId, found "1m"'),
        ('events = ["1m A", "1m A"]\nexpect = ["1m by 1m"]',
         "expect[0].cause: expected one of #1, #2: all happen at 1m"),
        ('expect = [{ at = "1m", userId = "a", anonymousId = "b" }]',
         "expect[0]: expected userId or anonymousId: a qualification keeps one"),
        (f"definition = [{LIVE}, {LIVE}]\nexpect = {{}}", "definition: segment: "),
    ],
)  # fmt: skip
def test_problems_of_a_story(tmp_path: Path, lines: str, expected: str) -> None:
    assert any(problem.startswith(expected) for problem in problems_of_story(tmp_path, lines))


def test_a_name_given_twice(tmp_path: Path) -> None:
    story = f'[[story]]\nname = "S"\ndefinition = {LIVE}\nevents = []\nexpect = []\n'
    assert problems(tmp_path, story * 2) == ['story "S": name: expected each name once in a file']


def test_several_live_segments_are_expected_by_name(tmp_path: Path) -> None:
    definitions = ", ".join(f'{{ name = "{name}", kind = "live", on = {{ type = "referrer" }} }}' for name in "xy")
    found = problems_of_story(tmp_path, f"definition = [{definitions}]")
    assert found == ["expect: expected a table of lists by segment: x, y"]


def test_the_exact_expectation_finds_what_only_it_can_take(tmp_path: Path) -> None:
    text = f'[[story]]\nname = "S"\ndefinition = {LIVE}\nevents = ["0m A", "0m A"]\nexpect = ["0m", "0m by #1"]'
    assert run(*read(tmp_path, text)).passed
