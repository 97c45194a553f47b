"""Who a message belongs to, and when histories are joined."""

from dataclasses import dataclass, field

from .intake import Message

Person = tuple[str, str]  # ("user", id) or ("anonymous", id)


@dataclass(eq=False)
class Version:
    """A person's history between two joins.

    members: whose histories lie in it. start: the joining message that made it, None for the first one.
    end: the joining message by which it became another, None for the last one.
    """

    person: Person
    members: frozenset[Person]
    start: Message | None
    messages: list[Message]
    end: Message | None = None

    @property
    def shown(self) -> str:
        return self.person[1]

    def covers(self, position: tuple[int, int, tuple[int, int]]) -> bool:
        after = self.start is None or position >= self.start.position
        return after and (self.end is None or position < self.end.position)


@dataclass
class Identities:
    """Messages are put in one by one, in the order in which they take effect."""

    owners: dict[str, str] = field(default_factory=dict)  # anonymous id: the userId last seen with it
    survivors: dict[str, str] = field(default_factory=dict)  # userId: the one that an alias joined it into
    current: dict[Person, Version] = field(default_factory=dict)
    ended: list[Version] = field(default_factory=list)

    def put(self, message: Message) -> None:
        user = self.survivor(message.user)
        if user is None:
            owner = self.survivor(self.owners.get(str(message.anonymous)))
            person = ("user", owner) if owner else ("anonymous", str(message.anonymous))
            self._version(person).messages.append(message)
            return
        person = ("user", user)
        if message.anonymous:
            self._own(message.anonymous, person, message)
        if message.previous:
            seen_anonymous = message.previous in self.owners or ("anonymous", message.previous) in self.current
            previous = ("user", self.survivor(message.previous))
            if seen_anonymous or (previous != person and previous not in self.current):
                self._own(message.previous, person, message)
            elif previous != person:
                self._join(previous, person, message)
                self.survivors[str(previous[1])] = user
        self._version(person).messages.append(message)

    def survivor(self, user: str | None) -> str | None:
        while user in self.survivors:
            user = self.survivors[user]
        return user

    def person(self, shown: str, kind: str) -> Person:
        """Who somebody once known as that is now."""
        owner = self.owners.get(shown) if kind == "anonymous" else shown
        return ("user", str(self.survivor(owner))) if owner else ("anonymous", shown)

    def _own(self, anonymous: str, person: Person, message: Message) -> None:
        if anonymous not in self.owners and ("anonymous", anonymous) in self.current:
            self._join(("anonymous", anonymous), person, message)
        self.owners[anonymous] = person[1]

    def _join(self, absorbed: Person, person: Person, message: Message) -> None:
        left, right = self.current.pop(absorbed), self._version(person)
        for version in (left, right):
            version.end = message
            self.ended.append(version)
        self.current[person] = Version(person, left.members | right.members, message, left.messages + right.messages)

    def _version(self, person: Person) -> Version:
        return self.current.setdefault(person, Version(person, frozenset([person]), None, []))


def identities(messages: list[Message]) -> Identities:
    """Who is who after these messages, which must stand in the order in which they take effect."""
    known = Identities()
    for message in messages:
        known.put(message)
    for version in [*known.ended, *known.current.values()]:
        version.messages = sorted(version.messages, key=lambda message: message.order)
    return known


def groups(known: Identities) -> list[list[Version]]:
    """All versions, those that ended up as one person together, in order of their beginning."""
    gathered = {person: [version] for person, version in known.current.items()}
    of = {member: person for person, version in known.current.items() for member in version.members}
    for version in known.ended:
        gathered[of[version.person]].append(version)
    return list(gathered.values())
