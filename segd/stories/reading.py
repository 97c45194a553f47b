"""Story files: TOML in, stories out, or everything that is wrong with the file.

    definition = "cart.json"            # for all stories of the file that bring none of their own

    [[story]]
    name = "A purchase in time cancels"
    events = ["0m ann: Added To Cart", "5m ann: Charged", "1h ann: Added To Cart"]
    until = "2h"
    expect = ["1h10m ann"]

What a story says besides its name, its events and what comes of them may stand at the top of the file for all of them.
"""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import msgspec

from segd.core.deciding.plan import Plan
from segd.core.errors import DefinitionError, MessageError, Problem, SegdError
from segd.core.events.messages import Event, accept, decode
from segd.core.language.definitions import Definition
from segd.core.language.reading import read_definition
from segd.core.language.rules import did_you_mean, found, is_list, is_object, one_of
from segd.core.time.calendar import zone
from segd.core.time.instants import Instant, parse_timestamp, to_datetime
from segd.stories.shorthand import SOMEBODY, Table, expand_effect, expand_event, parse_instant
from segd.stories.story import Change, Entry, Order, Story

START: Final = "2025-01-01T00:00:00Z"

_SHARED = ("definition", "start", "zone", "order", "until")
_STORY = ("name", *_SHARED, "events", "expect", "members", "as_of")
_INSTANTS = ("timestamp", "originalTimestamp", "sentAt", "receivedAt")
_MESSAGE = (
    *_INSTANTS, "type", "event", "name", "category", "messageId", "userId", "anonymousId", "previousId", "groupId",
    "properties", "traits", "context", "integrations", "refused",
)  # fmt: skip
_ENTRY = ("at", "userId", "anonymousId", "cause")
_CHANGE = (*_ENTRY, "retracted", "corrected")

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class StoryError(SegdError):
    """A story file that cannot be; `problems` holds all of them, each with its story and key."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("bad_story", "; ".join(map(str, problems)))
        self.problems = problems


def read_stories(path: Path) -> list[Story]:
    """The stories of a file, in its order. Raises StoryError with every problem of the file."""
    try:
        document = _plain(tomllib.loads(path.read_bytes().decode(), parse_float=Decimal))
    except OSError as error:
        raise StoryError([Problem("", error.strerror or str(error))]) from None
    except UnicodeDecodeError as error:
        raise StoryError([Problem("", f"expected UTF-8 text: byte {error.start} is none")]) from None
    except tomllib.TOMLDecodeError as error:
        raise StoryError([Problem("", f"expected TOML: {error}")]) from None
    problems: list[Problem] = []
    top = _Place(None, "", problems)
    top.only(document, ("story", *_SHARED))
    tables = document.get("story")
    if not is_list(tables) or not tables:
        top.at("story").report("expected at least one [[story]]")
        tables = []
    shared = {key: value for key, value in document.items() if key in _SHARED}
    stories: list[Story] = []
    for number, table in enumerate(tables, 1):
        story = _read_story(path, number, table, shared, top)
        if story is not None:
            if any(story.name == other.name for other in stories):
                top.of(f'story "{story.name}"').at("name").report("expected each name once in a file")
            stories.append(story)
    if problems:
        raise StoryError(list(dict.fromkeys(problems)))
    return stories


def _plain(value: Any) -> Any:
    """TOML's own dates and times as the text that JSON would have."""
    if is_object(value):
        return {key: _plain(entry) for key, entry in value.items()}
    if is_list(value):
        return [_plain(entry) for entry in value]
    return value.isoformat() if isinstance(value, (datetime, date, time)) else value


class _Place:
    """Somewhere in a file, and the problems found so far in all of it."""

    def __init__(self, story: str | None, path: str, problems: list[Problem]) -> None:
        self.story = story
        self.path = path
        self.problems = problems

    def of(self, story: str) -> "_Place":
        return _Place(story, "", self.problems)

    def at(self, step: str | int) -> "_Place":
        path = f"{self.path}[{step}]" if isinstance(step, int) else f"{self.path}.{step}" if self.path else step
        return _Place(self.story, path, self.problems)

    def report(self, message: str) -> None:
        self.problems.append(Problem(": ".join(filter(None, (self.story, self.path))), message))

    def only(self, table: Mapping[str, Any], keys: Iterable[str]) -> None:
        """Report what else the table has."""
        known = tuple(keys)
        for key in table:
            if key not in known:
                self.at(key).report(f"unknown key{did_you_mean(key, known) or ': expected ' + one_of(known)}")

    def text(self, value: Any) -> str | None:
        if isinstance(value, str):
            return value
        self.report(f"expected text{found(value)}")
        return None

    def texts(self, value: Any) -> list[str]:
        return [text for place, entry in self.entries(value) if (text := place.text(entry)) is not None]

    def entries(self, value: Any) -> "Iterator[tuple[_Place, Any]]":
        if not is_list(value):
            self.report(f"expected a list{found(value)}")
            return
        for index, entry in enumerate(value):
            yield self.at(index), entry

    def table(self, value: Any, expand: Callable[[str], Table]) -> Table | None:
        """A table, or a line that says the same."""
        if is_object(value):
            return value
        if not isinstance(value, str):
            self.report(f"expected a line or a table{found(value)}")
            return None
        try:
            return expand(value)
        except ValueError as error:
            self.report(f"{error}{found(value)}")
            return None

    def instant(self, value: Any, start: Instant) -> Instant | None:
        text = self.text(value)
        if text is None:
            return None
        try:
            return parse_instant(text, start)
        except ValueError as error:
            self.report(f"{error}{found(value)}")
            return None


def _read_story(path: Path, number: int, table: Any, shared: Table, top: _Place) -> Story | None:
    """Problems are reported; None where there is no story to speak of for them."""
    before = len(top.problems)
    place = top.of(f"story {number}")
    if not is_object(table):
        place.report(f"expected a table{found(table)}")
        return None
    name = place.at("name").text(table.get("name"))
    if name is not None:
        place = top.of(f'story "{name}"')
    place.only(table, _STORY)
    given = shared | table

    def place_of(key: str) -> _Place:
        return (top if key in shared and key not in table else place).at(key)

    start = _start(place_of("start"), given.get("start", START))
    account_zone = _zone(place_of("zone"), given.get("zone", "UTC"))
    plan = _plan(place_of("definition"), path, given.get("definition"), account_zone)
    order = given.get("order", "timestamp")
    if order not in ("timestamp", "arrival"):
        place_of("order").report(f"expected timestamp or arrival{found(order)}")
    events = _events(place.at("events"), given.get("events"), start)
    end = max((event.timestamp for _, event in events), default=start)
    until = place_of("until").instant(given["until"], start) if "until" in given else end
    if until is not None and until < end:
        place.at("until").report("expected the instant of the last event, or a later one")
    as_of = place.at("as_of").instant(given["as_of"], start) if "as_of" in given else until
    outcome = _Outcome(place, start, events, arrival=order == "arrival")
    live = None if plan is None else [segment.name for segment in plan.live]
    past = None if plan is None else list(plan.past)
    expect = outcome.by_segment("expect", given, live, "live", outcome.changes)
    members = outcome.by_segment("members", given, past, "past", _Place.texts)
    if "expect" not in given and "members" not in given:
        place.report("expected expect (who qualifies, and when), or members of a past segment")
    if "as_of" in given and "members" not in given:
        place.at("as_of").report("expected only beside members")
    if len(top.problems) > before or plan is None or until is None or as_of is None:
        return None
    return Story(path, name or "", plan, start, until, cast("Order", order), events, expect, members, as_of)


def _start(place: _Place, value: Any) -> Instant:
    text = place.text(value)
    try:
        return parse_timestamp(START if text is None else text)
    except ValueError as error:
        place.report(f"{error}{found(value)}")
        return parse_timestamp(START)


def _zone(place: _Place, value: Any) -> tzinfo:
    try:
        return zone(value if isinstance(value, str) else "")
    except ValueError as error:
        place.report(f"{error}{found(value)}")
        return UTC


# Definitions


def _plan(place: _Place, path: Path, documents: Any, account_zone: tzinfo) -> Plan | None:
    before = len(place.problems)
    if documents is None:
        place.report("expected a table, or the name of a file beside this one")
        return None
    if is_list(documents):
        read = [_definition(place.at(index), path, entry) for index, entry in enumerate(documents)]
    else:
        read = [_definition(place, path, documents)]
    definitions = [definition for definition in read if definition is not None]
    if len(place.problems) > before:
        return None
    try:
        return Plan(definitions, account_zone)
    except DefinitionError as error:
        for problem in error.problems:
            place.report(str(problem))
        return None


def _definition(place: _Place, path: Path, document: Any) -> Definition | None:
    name = "segment"
    if isinstance(document, str):
        file = path.parent / document
        name = file.stem
        try:
            document = file.read_bytes()
        except OSError as error:
            place.report(f"{file}: {error.strerror}")
            return None
    try:
        return read_definition(document, name=name)
    except DefinitionError as error:
        for problem in error.problems:
            (place.at(problem.path) if problem.path else place).report(problem.message)
        return None


# Events


def _events(place: _Place, value: Any, start: Instant) -> list[tuple[int, Event]]:
    events: dict[str, tuple[int, Event]] = {}  # the first arrival of an id counts
    for number, (entry_place, entry) in enumerate(place.entries(value), 1):
        table = entry_place.table(entry, expand_event)
        event = None if table is None else _event(entry_place, number, table, start)
        if event is not None:
            events.setdefault(event.message_id, (number, event))
    return list(events.values())


def _event(place: _Place, number: int, table: Table, start: Instant) -> Event | None:
    """What the intake makes of it; None where it is refused, as it should be or not."""
    place.only(table, _MESSAGE)
    message: Table = {"type": "track", "messageId": f"#{number}", **table}
    refused = message.pop("refused", None)
    if "userId" not in message and "anonymousId" not in message:
        message["userId"] = SOMEBODY
    for field in _INSTANTS:
        if field in message:
            instant = place.at(field).instant(message[field], start)
            if instant is None:
                return None
            message[field] = to_datetime(instant).isoformat()
    content = _ENCODER.encode(message)
    try:
        event = accept(decode(content), received_at=None, content=content)
    except MessageError as error:
        if error.code != refused:
            place.report(f"refused as {error.code}: {error.message}")
        return None
    if refused is not None:
        place.at("refused").report(f"expected to be refused as {refused}, but it is accepted")
    return event


# What should come of it


class _Outcome:
    """Reads `expect` and `members` of a story."""

    def __init__(self, place: _Place, start: Instant, events: list[tuple[int, Event]], *, arrival: bool) -> None:
        self.place = place
        self.start = start
        self.events = events
        self.arrival = arrival

    def by_segment(
        self, key: str, given: Table, segments: list[str] | None, kind: str, read: "Callable[[_Place, Any], list[T]]"
    ) -> dict[str, list[T]]:
        """A list where the story has one such segment, else a table of lists by segment. segments: None where its
        definitions cannot be read."""
        if key not in given:
            return {}
        place = self.place.at(key)
        value = given[key]
        if is_object(value):
            place.only(value, value if segments is None else segments)
            return {segment: read(place.at(segment), entry) for segment, entry in value.items()}
        if segments is None:
            segments = [""]
        if len(segments) != 1:
            some = f"a table of lists by segment: {', '.join(segments)}" if segments else f"a {kind} definition"
            place.report(f"expected {some}")
            return {}
        return {segments[0]: read(place, value)}

    def changes(self, place: _Place, value: Any) -> list[Change]:
        return [
            change
            for entry_place, entry in place.entries(value)
            if (table := entry_place.table(entry, expand_effect)) is not None
            and (change := self.change(entry_place, table)) is not None
        ]

    def change(self, place: _Place, table: Table) -> Change | None:
        place.only(table, _CHANGE)
        entry = self.entry(place, table)
        retracted, corrected = table.get("retracted", False), table.get("corrected")
        if (retracted or corrected is not None) and not self.arrival:
            place.report('expected `order = "arrival"` beside what is retracted or corrected: in order nothing is')
        if not isinstance(retracted, bool) or (retracted and corrected is not None):
            place.at("retracted").report("expected true or false, and no correction beside it")
        if corrected is None:
            return entry and Change("retracted" if retracted is True else "qualified", entry)
        place = place.at("corrected")
        if not is_object(corrected):
            place.report(f"expected a table{found(corrected)}")
            return None
        place.only(corrected, _ENTRY)
        to = self.entry(place, corrected)
        return Change("corrected", entry, to) if entry and to else None

    def entry(self, place: _Place, table: Table) -> Entry | None:
        at = place.at("at").instant(table.get("at"), self.start)
        if "userId" in table and "anonymousId" in table:
            place.report("expected userId or anonymousId: a qualification keeps one")
        anonymous = "anonymousId" in table
        field = "anonymousId" if anonymous else "userId"
        user = place.at(field).text(table.get(field, SOMEBODY))
        cause = self.cause(place.at("cause"), table["cause"]) if "cause" in table else None
        return None if at is None or user is None else Entry(at, user, anonymous, cause)

    def cause(self, place: _Place, value: Any) -> str | None:
        """The messageId that a cause means: itself, the number of an event (#2), or the instant of a single one."""
        text = place.text(value)
        if text is None:
            return None
        for number, event in self.events:
            if text in (event.message_id, f"#{number}"):
                return event.message_id
        try:
            at = parse_instant(text, self.start)
        except ValueError:
            at = None
        there = [(number, event) for number, event in self.events if event.timestamp == at]
        if len(there) == 1:
            return there[0][1].message_id
        if there:
            place.report(f"expected {one_of(f'#{number}' for number, _ in there)}: all happen at {text}")
        else:
            place.report(f"expected the instant of an event, its number such as #1, or its messageId{found(value)}")
        return None
