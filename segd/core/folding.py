"""One user's log, and what follows from it.

The store keeps all events of a user under one number, also those that were another's until a join, with a note of what
was moved and when. Folding puts that back: until the message that joined them there are two users, each with their own
events, and it joins them as it did when it came.
"""

import bisect
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from segd.core.actor import FOREVER
from segd.core.digest import Digest, Order, place
from segd.core.effects import Arrival, Moved, Standing, StoredEvent, StoredUser
from segd.core.instants import Instant
from segd.core.plan import Plan
from segd.core.population import Device, Entry, Population, User


def digest_of(plan: Plan, event: StoredEvent | Arrival) -> Digest | None:
    """An event as the plan sees it. What was late or imported stands where it came among what happens live."""
    digest = plan.digest(event.event, event.sequence)
    if digest is not None and event.taken != "live":
        digest.taken_at = max(event.received_at, digest.timestamp + 1)
        digest.imported_at = event.received_at if event.taken == "imported" else None
    return digest


def is_looked_back_at(digest: Digest) -> bool:
    """Whether it stands for an imported event where that happened, for triggers that look back: it is seen twice."""
    return digest.imported_at is not None and digest.taken_at == digest.timestamp


class _Logged(NamedTuple):
    """owner: whose event it was when it came, by number."""

    digest: Digest
    owner: int


class Log:
    """What a user did that a plan asks about, in order. taken: the journal's position up to which it is complete."""

    __slots__ = ("_logged", "anonymous", "id", "moved", "number", "taken")

    def __init__(self, plan: Plan, stored: StoredUser, taken: int) -> None:
        self.number = stored.number
        self.id = stored.id
        self.anonymous = stored.anonymous
        self.moved = sorted(stored.moved, key=lambda moved: (moved.at, moved.sequence))
        self.taken = taken
        self._logged: list[_Logged] = []
        for event in stored.events:
            digest = digest_of(plan, event)
            if digest is not None:
                owner = event.origin or stored.number
                self._logged.append(_Logged(digest, owner))
                if digest.imported_at is not None and plan.looks_back:
                    self._logged.append(_Logged(replace(digest, taken_at=digest.timestamp), owner))
        self._logged.sort(key=_place)

    def __len__(self) -> int:
        return len(self._logged)

    def digests(self) -> Iterator[Digest]:
        return (digest for digest, _ in self._logged)

    def end(self) -> Instant:
        """The instant of the last event."""
        return self._logged[-1].digest.taken_at if self._logged else -FOREVER

    def add(self, digest: Digest) -> bool:
        """The next event to arrive. Returns whether it is the last in order, too."""
        logged = _Logged(digest, self.number)
        if not self._logged or place(self._logged[-1].digest) < place(digest):
            self._logged.append(logged)
            return True
        bisect.insort(self._logged, logged, key=_place)
        return False

    def right_from(self, plan: Plan, since: Instant | None) -> Instant:
        """From which instant on it tells all, where events that fade are missing before `since`: nothing that those
        could have opened is open then."""
        if since is None:
            return -FOREVER
        quiet_since = since
        for digest in self.digests():
            at = digest.timestamp
            if at >= since and digest.taken_at == at:
                if at - quiet_since > plan.fading:
                    break
                quiet_since = at
        return quiet_since + plan.fading + 1

    def entries(self) -> Iterator[Entry]:
        """The messages with the ids that they came under, the joining ones among them."""
        changes = self.moved
        for digest, owner in self._logged:
            while changes and (changes[0].at, changes[0].sequence) <= place(digest):
                yield self._joining(changes[0])
                changes = changes[1:]
            anonymous, id = self._id_at(owner, place(digest))
            user_id, anonymous_id = (None, id) if anonymous else (id, None)
            yield Entry(digest.taken_at, digest.sequence, user_id, anonymous_id, None, digest)
        yield from map(self._joining, changes)

    def _id_at(self, owner: int, at: Order) -> tuple[bool, str]:
        """Whether it was anonymous, and the id."""
        for moved in self.moved:
            if moved.old_user == owner and at < (moved.at, moved.sequence):
                return moved.old_anonymous, moved.old_id
        return self.anonymous, self.id

    def _id_after(self, moved: Moved) -> tuple[bool, str]:
        """What the user whom it names was called once it had come: that goes by arrival."""
        later = (each for each in self.moved if each.old_user == moved.into_user and each.sequence > moved.sequence)
        after = min(later, key=lambda each: each.sequence, default=None)
        return (self.anonymous, self.id) if after is None else (after.old_anonymous, after.old_id)

    def _joining(self, moved: Moved) -> Entry:
        """The message that made the user what it is: as an event, if it is asked about at all, it comes right after."""
        anonymous, id = self._id_after(moved)
        device, previous = (moved.old_id, None) if moved.old_anonymous else (None, moved.old_id)
        assert not anonymous, "nobody is joined to an anonymous id"
        return Entry(moved.at, moved.sequence, id, device, previous, None)


def fold(
    plan: Plan, log: Log, settled: Iterable[Standing], settled_before: Instant, names: Mapping[int, str]
) -> tuple[Population, User]:
    """Take a log through a population of its own, up to its last event. Returns that, and the user in it.

    settled: the qualifications before that instant, as is on record. names: of segments, by number.
    """
    population = Population(plan, settled_before=settled_before)
    for standing in sorted(settled, key=lambda standing: standing.at):
        name = names.get(standing.segment)
        if name in plan.remembered:
            user = _known(population, standing.anonymous, standing.id)
            user.history.qualified.setdefault(name, []).append(standing.at)
    population.replay(log.entries())
    return population, _known(population, log.anonymous, log.id)


def _known(population: Population, anonymous: bool, id: str) -> User:
    if anonymous:
        device = population.devices.get(id)
        if device is None:
            device = population.devices[id] = Device(_begun(id, True), joined=False)
        return device.user.survivor()
    user = population.users.get(id)
    if user is None:
        user = population.users[id] = _begun(id, False)
    return user.survivor()


def _begun(id: str, anonymous: bool) -> User:
    """A user of whom more is known than his log says, so that a join has something to put in order."""
    user = User(id, anonymous)
    user.touched_at = 1 - FOREVER
    return user


def _place(logged: _Logged) -> Order:
    return place(logged.digest)
