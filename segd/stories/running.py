"""Running a story: the very actors of the daemon, under a clock that its events turn."""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple, TypeVar

from segd.core.time.instants import Instant
from segd.core.users.late import LATE_BAND, ArrivalOrder, Correction, Effect, Retraction
from segd.core.users.population import Population
from segd.core.users.qualifying import Qualification
from segd.stories.story import Change, Entry, Story

Sign = Literal[" ", "-", "+"]  # came as expected; expected, but did not come; came, but not expected
T = TypeVar("T")
Row = tuple[Sign, T]


class Outcome(NamedTuple):
    """What came of a story against what it expects, by segment, in order of time. members: of past segments."""

    story: Story
    changes: dict[str, list[Row[Change]]]
    members: dict[str, list[Row[str]]]

    @property
    def passed(self) -> bool:
        signs = [sign for rows in (*self.changes.values(), *self.members.values()) for sign, _ in rows]
        return all(sign == " " for sign in signs)


def run(story: Story) -> Outcome:
    came, population = _by_arrival(story) if story.order == "arrival" else _by_time(story)
    changes: dict[str, list[Row[Change]]] = {}
    for name, expected in story.expect.items():
        exact_first = sorted(expected, key=_vagueness)  # so that they find what only they can take
        rows = _compare(exact_first, [change for segment, change in came if segment == name], _meets)
        changes[name] = sorted(rows, key=lambda row: (_place(row[1]), row[0]))
    members: dict[str, list[Row[str]]] = {}
    for name, ids in story.members.items():
        rows = _compare(ids, population.members(name, story.as_of), str.__eq__)
        members[name] = sorted(rows, key=lambda row: (row[1], row[0]))
    return Outcome(story, changes, members)


def _by_time(story: Story) -> tuple[list[tuple[str, Change]], Population]:
    population = Population(story.plan)
    for number, event in sorted(story.events, key=lambda numbered: numbered[1].timestamp):
        population.take(event, number)
    population.finish(story.until)
    return [_change(qualification) for qualification in population.qualified], population


def _by_arrival(story: Story) -> tuple[list[tuple[str, Change]], Population]:
    arrivals = ArrivalOrder(story.plan, LATE_BAND)
    for number, event in story.events:
        arrivals.take(event, number)
    arrivals.finish(story.until)
    return [_change(effect) for effect in arrivals.effects], arrivals.population


def _change(effect: Effect) -> tuple[str, Change]:
    match effect:
        case Qualification():
            return effect.segment, Change("qualified", _entry(effect))
        case Retraction(of=of):
            return of.segment, Change("retracted", _entry(of))
        case Correction(of=of, to=to):
            return of.segment, Change("corrected", _entry(of), _entry(to))


def _entry(qualification: Qualification) -> Entry:
    return Entry(qualification.at, qualification.user, qualification.anonymous, qualification.cause)


# Comparing


def _compare(expected: Iterable[T], came: Iterable[T], meets: Callable[[T, T], bool]) -> list[Row[T]]:
    rows: list[Row[T]] = []
    left = list(came)
    for wish in expected:
        for index, one in enumerate(left):
            if meets(wish, one):
                rows.append((" ", left.pop(index)))
                break
        else:
            rows.append(("-", wish))
    return rows + [("+", one) for one in left]


def _vagueness(wish: Change) -> int:
    """How many causes it leaves open."""
    return (wish.entry.cause is None) + (wish.to is not None and wish.to.cause is None)


def _meets(wish: Change, change: Change) -> bool:
    if wish.what != change.what or not _is_entry(wish.entry, change.entry):
        return False
    return wish.to is None or (change.to is not None and _is_entry(wish.to, change.to))


def _is_entry(wish: Entry, entry: Entry) -> bool:
    return wish[:3] == entry[:3] and wish.cause in (None, entry.cause)


def _place(change: Change) -> tuple[Instant, str, bool, str, str]:
    entry = change.entry
    return entry.at, entry.user, entry.anonymous, change.what, entry.cause or ""
