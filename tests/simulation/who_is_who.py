"""Who is who where messages come in another order than they were written in, for the oracle.

Who is who goes by arrival: whom a message's ids mean, and whether it joins two people, is settled when it comes, as
the daemon promises. From when on goes by instants: until that of the joining message there are two people, each with
what was theirs, and then there is one. A userId that nobody had is but a new name, from that instant on, unless another
holds by then that came later.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from oracle.identity import Identities, Person, Version
from oracle.intake import Message


class Forgotten(NamedTuple):
    """That somebody was forgotten, with these ids."""

    persons: Sequence[Person]


class _Being(NamedTuple):
    """Somebody, as known on arrival, by what they were called first. life: how often that was forgotten before."""

    person: Person
    life: int


class _Join(NamedTuple):
    """survivor: None where `absorbed` is only called `person` from then on."""

    absorbed: _Being
    survivor: _Being | None
    person: Person


@dataclass
class _Arrivals(Identities):
    """Notes of each message whose it is, and of those that join whom."""

    lives: dict[Person, int] = field(default_factory=dict[Person, int])
    owner: dict[Message, _Being] = field(default_factory=dict[Message, _Being])
    joins: dict[Message, list[_Join]] = field(default_factory=dict[Message, list[_Join]])
    renamed: dict[Person, _Being] = field(default_factory=dict[Person, _Being])
    _asked: Person = ("user", "")

    def put(self, message: Message) -> None:
        super().put(message)
        self.owner[message] = self._being(self._asked)

    def forget(self, forgotten: Forgotten) -> None:
        for person in forgotten.persons:
            kind, id = person
            self.current.pop(person, None)
            self.renamed.pop(person, None)
            (self.owners if kind == "anonymous" else self.survivors).pop(id, None)
            self.lives[person] = self.lives.get(person, 0) + 1

    def _join(self, absorbed: Person, person: Person, message: Message) -> None:
        being = self._being(absorbed)
        survivor = self._being(person) if person in self.current else None
        if survivor is None:
            self.renamed[person] = being
        self.joins.setdefault(message, []).append(_Join(being, survivor, person))
        super()._join(absorbed, person, message)

    def _version(self, person: Person) -> Version:
        self._asked = person  # of a message lastly for its own
        return super()._version(person)

    def _being(self, person: Person) -> _Being:
        return self.renamed.get(person) or _Being(person, self.lives.get(person, 0))


def groups(arrived: Iterable[Message | Forgotten]) -> list[list[Version]]:
    """All versions of people, those that ended up as one person together."""
    arrivals = _Arrivals()
    for one in arrived:
        if isinstance(one, Forgotten):
            arrivals.forget(one)
        else:
            arrivals.put(one)
    current: dict[_Being, Version] = {}
    names: dict[_Being, Person] = {}  # of those who were renamed
    named_by: dict[_Being, int] = {}  # the lines of the messages that did
    before: dict[int, list[Version]] = {}  # by the id of a version: those that became it

    def version_of(being: _Being) -> Version:
        if being not in current:
            current[being] = Version(being.person, frozenset([being.person]), None, [])
        return current[being]

    for message in sorted(arrivals.owner, key=lambda message: message.position):
        for absorbed, survivor, person in arrivals.joins.get(message, ()):
            left = version_of(absorbed)
            right = left if survivor is None else version_of(survivor)
            if left is right and (survivor is not None or names.get(absorbed, absorbed.person) != left.person):
                continue  # one by now, or part of somebody else
            if survivor is None and named_by.get(absorbed, message.line) > message.line:
                continue  # named by another message, which came later and is dated earlier
            left.end = right.end = message
            if survivor is None:
                names[absorbed], named_by[absorbed] = person, message.line
                both = Version(person, left.members | {person}, message, left.messages.copy())
            else:
                if named := right.person[0] == "anonymous":
                    names[survivor], named_by[survivor] = person, message.line
                called = person if named else right.person
                members = left.members | right.members | {called}
                both = Version(called, members, message, left.messages + right.messages)
            gone = [left] if left is right else [left, right]
            before[id(both)] = gone + [one for version in gone for one in before.pop(id(version), ())]
            current.update({being: both for being, one in current.items() if one in gone})
        version_of(arrivals.owner[message]).messages.append(message)
    found = [[one, *before.get(id(one), ())] for one in {id(one): one for one in current.values()}.values()]
    for version in (version for versions in found for version in versions):
        version.messages.sort(key=lambda message: message.order)
    return found
