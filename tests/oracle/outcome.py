"""The answers: qualifications of live definitions, members of past-behaviour ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from .clock import HOUR, length
from .filters import View, decide
from .identity import Person, Version, groups, identities
from .intake import Message, accept, with_late_band
from .triggers import Candidate, candidates

Qualification = tuple[str, str, int, str]  # segment name, user id shown, instant in microseconds, cause's message id
Definition = dict[str, Any]


@dataclass(frozen=True)
class Record:
    """A qualification, with who it belonged to at its instant."""

    segment: str
    person: Person
    at: int
    cause: Message

    def written(self) -> Qualification:
        return self.segment, self.person[1], self.at, self.cause.id


def live(
    segments: list[Definition], messages: list[Any], *, zone: str = "UTC", until: int | None = None
) -> list[Qualification]:
    """What qualifies when the messages are put in order of their timestamps, so that nothing is late.

    segments: live definitions, and whatever others their filters name. until: time ends there, in microseconds; at the
    last accepted message otherwise.
    """
    taken = [message for message in accept(messages) if until is None or message.timestamp <= until]
    return sorted(record.written() for record in _records(segments, taken, zone, until))


def late(
    segments: list[Definition], messages: list[Any], *, zone: str = "UTC", band: int = 2 * HOUR
) -> list[Qualification]:
    """What stands in the end, retractions taken out, when the messages arrive in the order of the list."""
    taken = with_late_band(accept(messages), band)
    return sorted(record.written() for record in _records(segments, taken, zone, None))


def past(
    definition: Definition,
    messages: list[Any],
    as_of: int,
    *,
    zone: str = "UTC",
    segments: Sequence[Definition] = (),
) -> list[str]:
    """The user ids of a past-behaviour definition as of an instant, joined as all the messages join them."""
    taken = accept(messages)
    known = identities(taken)
    records: dict[Person, list[Record]] = {}
    for record in _records(list(segments), taken, zone, None):
        records.setdefault(known.person(record.person[1], record.person[0]), []).append(record)
    members: list[str] = []
    for person, version in known.current.items():
        visible = [message for message in version.messages if message.timestamp <= as_of]

        def qualified(segment: str, person: Person = person) -> list[int]:
            return [record.at for record in records.get(person, []) if record.segment == segment]

        view = View(as_of, visible, _zone(definition, zone), ZoneInfo(zone), _by_name(segments), qualified)
        if visible and decide(definition["where"], view):
            members.append(person[1])
    return sorted(members)


def _records(segments: list[Definition], taken: list[Message], zone: str, until: int | None) -> list[Record]:
    end = max((message.timestamp for message in taken), default=0) if until is None else until
    known = identities(sorted(taken, key=lambda message: message.position))
    return [record for versions in groups(known) for record in _of_one(segments, versions, zone, end)]


def _of_one(segments: list[Definition], versions: list[Version], zone: str, end: int) -> list[Record]:
    """All qualifications of what is one person in the end."""
    account = ZoneInfo(zone)
    ordered = [definition for definition in _in_order(segments) if definition["kind"] == "live"]
    found: list[tuple[int, int, Candidate, Version]] = [
        (candidate.at, i, candidate, version)
        for i, definition in enumerate(ordered)
        for version in versions
        for candidate in candidates(definition["on"], version.messages, _zone(definition, zone), account, end)
        if version.covers(candidate.position)
    ]
    records: list[Record] = []
    for at, i, candidate, version in sorted(found, key=lambda one: (one[0], one[1], one[2].position)):
        definition = ordered[i]

        def qualified(segment: str, version: Version = version) -> list[int]:
            return [record.at for record in records if record.segment == segment and record.person in version.members]

        visible = [message for message in version.messages if message.position <= candidate.position]
        view = View(at, visible, _zone(definition, zone), account, _by_name(segments), qualified)
        if "filter" in definition and not decide(definition["filter"], view):
            continue
        if _again(definition.get("again", "always"), at, qualified(definition["name"])):
            records.append(Record(definition["name"], version.person, at, candidate.cause))
    return records


def _again(again: str, at: int, before: list[int]) -> bool:
    if again == "always":
        return True
    return not before or (again != "once" and at - max(before) >= length(again))


def _zone(definition: Definition, account: str) -> ZoneInfo:
    return ZoneInfo(definition.get("zone", account))


def _by_name(segments: Sequence[Definition]) -> dict[str, Definition]:
    return {definition["name"]: definition for definition in segments}


def _in_order(segments: list[Definition]) -> list[Definition]:
    """Each one behind those that its filter names."""
    names = _by_name(segments)
    ordered: list[Definition] = []

    def put(definition: Definition) -> None:
        for name in _named(definition.get("filter", definition.get("where"))):
            put(names[name])
        if definition not in ordered:
            ordered.append(definition)

    for definition in segments:
        put(definition)
    return ordered


def _named(condition: Any) -> list[str]:
    if isinstance(condition, list):
        return [name for one in condition for name in _named(one)]
    if not isinstance(condition, dict):
        return []
    own = [condition["segment"]] if condition.get("type") == "in_segment" else []
    return own + _named(condition.get("of"))
