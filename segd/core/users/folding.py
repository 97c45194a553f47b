"""One user's log, and what follows from it.

The store keeps all events of a user under one number, also those that were another's until a join, with a note of what
was moved and when. Folding puts that back: until the message that joined them there are two users, each with their own
events, and it joins them as it did when it came.

A log may begin late: with what the store was asked for, or with a base in place of what came before.
"""

import bisect
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from segd.core.deciding.actor import FOREVER
from segd.core.deciding.digest import Digest, Order, place
from segd.core.deciding.plan import Plan
from segd.core.effects import Arrival, Moved, Standing, StoredEvent, StoredUser
from segd.core.time.instants import Instant
from segd.core.users.population import Device, Entry, Population, User
from segd.core.users.resuming import Base


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


class Id(NamedTuple):
    anonymous: bool
    id: str


class Log:
    """What a user did that a plan asks about, in order. taken: the journal's position up to which it is complete.
    right_from: what it leads to from then on is right; for more it does not reach back far enough. base: what came
    before its events, where those are not kept.

    since: events that fade are missing before it.
    """

    __slots__ = ("_digests", "_owners", "anonymous", "base", "id", "moved", "number", "right_from", "taken")

    def __init__(self, plan: Plan, stored: StoredUser, taken: int, since: Instant | None = None) -> None:
        self.number = stored.number
        self.id = stored.id
        self.anonymous = stored.anonymous
        self.moved = sorted(stored.moved, key=lambda moved: (moved.at, moved.sequence))
        self.taken = taken
        self.base: Base | None = None
        self._digests: list[Digest] = []
        self._owners: dict[int, int] = {}  # of events that were another's when they came, by sequence
        for event in stored.events:
            digest = digest_of(plan, event)
            if digest is not None:
                if event.origin is not None and event.origin != stored.number:
                    self._owners[event.sequence] = event.origin
                self._digests.append(digest)
                if digest.imported_at is not None and plan.looks_back:
                    self._digests.append(replace(digest, taken_at=digest.timestamp))
        self._digests.sort(key=place)
        self.right_from = -FOREVER if since is None else self._nothing_open_from(plan, since)

    def __len__(self) -> int:
        """How many events are kept."""
        return len(self._digests) + (0 if self.base is None else len(self.base))

    def digests(self) -> Iterator[Digest]:
        return iter(self._digests)

    def end(self) -> Instant:
        """The instant of the last event."""
        return self._digests[-1].taken_at if self._digests else -FOREVER

    def add(self, digest: Digest) -> bool:
        """The next event to arrive, not before `right_from`. Returns whether it is the last in order, too: also of the
        messages that made the user what it is."""
        if not self._digests or place(self._digests[-1]) < place(digest):
            self._digests.append(digest)
            return not self.moved or (self.moved[-1].at, self.moved[-1].sequence) < place(digest)
        bisect.insort(self._digests, digest, key=place)
        return False

    def _nothing_open_from(self, plan: Plan, since: Instant) -> Instant:
        """From when on nothing is open that events before `since` could have opened."""
        quiet_since = since
        for digest in self.digests():
            at = digest.timestamp
            if at >= since and digest.taken_at == at:
                if at - quiet_since > plan.fading:
                    break
                quiet_since = at
        return quiet_since + plan.fading + 1

    def instant_of(self, index: int) -> Instant:
        """Where the event of that index stands, of those kept one by one; FOREVER where there are not so many."""
        return self._digests[index].taken_at if index < len(self._digests) else FOREVER

    def settle(self, plan: Plan, before: Instant) -> Base:
        """Keep only what follows from what stands before that instant, which must be after all joins."""
        settled = bisect.bisect_left(self._digests, before, key=_taken_at)
        population, user = _begin(plan, self, before)
        population.replay(self._entries(self._digests[:settled]))
        self.base = Base(population, user or self.user_in(population), before)
        del self._digests[:settled]
        self.right_from = max(self.right_from, before)
        return self.base

    def entries(self) -> Iterator[Entry]:
        """The messages with the ids that they came under, the joining ones among them."""
        return self._entries(self._digests)

    def _entries(self, some: Iterable[Digest]) -> Iterator[Entry]:
        changes = self.moved if self.base is None else []
        for digest in some:
            while changes and (changes[0].at, changes[0].sequence) <= place(digest):
                yield from self._joining(changes[0])
                changes = changes[1:]
            owner = self._owners.get(digest.sequence, self.number)
            anonymous, id = self._id_at(owner, place(digest))
            user_id, anonymous_id = (None, id) if anonymous else (id, None)
            yield Entry(digest.taken_at, digest.sequence, user_id, anonymous_id, None, digest)
        for moved in changes:
            yield from self._joining(moved)

    def user_in(self, population: Population) -> User:
        """Whose log it is, in a population that has taken it."""
        user = _known(population, self.anonymous, self.id)
        user.log = []  # no more joins are to come
        return user

    # Whom a message joins to whom goes by arrival, from when on by the instants of the messages. Where the two are in
    # another order, a user goes by the last name to arrive of those that messages dated until then gave.

    def _id_at(self, owner: int, at: Order) -> Id:
        """What a user was called then, who may have been part of another."""
        if not self.moved:
            return Id(self.anonymous, self.id)
        id, named_by = self._id_after(owner, 0), 0
        for moved in self.moved:
            if at < (moved.at, moved.sequence):
                break
            if moved.old_user == owner != moved.into_user:
                return self._id_at(moved.into_user, at)
            names = moved.into_user == owner and (moved.old_user == owner or id.anonymous)
            if names and moved.sequence > named_by:
                id, named_by = self._id_after(owner, moved.sequence), moved.sequence
        return id

    def _id_after(self, user: int, sequence: int) -> Id:
        """What a user was called once that message had come."""
        later = (each for each in self.moved if each.old_user == user and each.sequence > sequence)
        after = min(later, key=lambda each: each.sequence, default=None)
        return Id(self.anonymous, self.id) if after is None else Id(after.old_anonymous, after.old_id)

    def _joining(self, moved: Moved) -> Iterator[Entry]:
        """The message that made the user what it is: as an event, if it is asked about at all, it comes right after."""
        before = moved.at, moved.sequence - 1
        old, named = self._id_at(moved.old_user, before), self._id_at(moved.into_user, before)
        into = self._id_at(moved.into_user, (moved.at, moved.sequence))
        assert not into.anonymous, "nobody is joined to an anonymous id"
        if old == into:
            return  # it is part of another by then, or has a name that came later
        device, previous = (old.id, None) if old.anonymous else (None, old.id)
        if named != old and named.anonymous:  # the message that names it is dated later, so this one does, too
            device, previous = named.id, old.id
        yield Entry(moved.at, moved.sequence, into.id, device, previous, None)


def fold(
    plan: Plan, log: Log, settled: Iterable[Standing], settled_before: Instant, names: Mapping[int, str]
) -> tuple[Population, User]:
    """Take a log through a population of its own, up to its last event. Returns that, and the user in it.

    settled: the qualifications before that instant, as is on record. names: of segments, by number.
    """
    population, user = _begin(plan, log, settled_before)
    for standing in sorted(settled, key=lambda standing: standing.at):
        name = names.get(standing.segment)
        if name in plan.remembered:
            known = user or _known(population, standing.anonymous, standing.id)
            known.history.qualified.setdefault(name, []).append(standing.at)
    population.replay(log.entries())
    return population, user or log.user_in(population)


def _begin(plan: Plan, log: Log, settled_before: Instant) -> tuple[Population, User | None]:
    """A population that what a log keeps one by one is to be taken through; and the user in it, where that is known
    before."""
    if log.base is not None:
        return log.base.resumed(plan, settled_before)
    return Population(plan, keeps_logs=bool(log.moved), settled_before=settled_before), None


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


def _taken_at(digest: Digest) -> Instant:
    return digest.taken_at
