"""One user's log, and what follows from it.

The store keeps all events of a user under one number, also those that were another's until a join, with a note of what
was moved and when. Folding puts that back: until the message that joined them there are two users, each with their own
events, and it joins them as it did when it came.

A log may begin late: with what the store was asked for, or with a base in place of what came before.
"""

import bisect
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from msgspec.structs import replace

from segd.core.deciding.actor import FOREVER
from segd.core.deciding.digest import Digest, Order, place
from segd.core.deciding.plan import Plan
from segd.core.effects import Arrival, Moved, Standing, StoredEvent, StoredUser
from segd.core.time.instants import Instant
from segd.core.users.population import Device, Entry, Population
from segd.core.users.qualifying import User
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

    __slots__ = ("_digests", "_joined", "_owners", "anonymous", "base", "id", "moved", "number", "right_from", "taken")

    def __init__(self, plan: Plan, stored: StoredUser, taken: int, since: Instant | None = None) -> None:
        self.number = stored.number
        self.id = stored.id
        self.anonymous = stored.anonymous
        self.moved = tuple(sorted(stored.moved, key=_place))
        self.taken = taken
        self.base: Base | None = None
        self._digests: list[Digest] = []
        self._joined = {moved.old_user: moved for moved in self.moved if moved.old_user != moved.into_user}
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
            return not self.moved or _place(self.moved[-1]) < place(digest)
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
        self.base = Base(population, self.take_into(population, user, self._digests[:settled]), before)
        del self._digests[:settled]
        self.right_from = max(self.right_from, before)
        return self.base

    def take_into(self, population: Population, user: User | None, digests: Sequence[Digest] | None = None) -> User:
        """Take these, or all, through a population. user: in it, where that is known and nobody is joined to it any
        more. Returns the user that comes out."""
        digests = self._digests if digests is None else digests
        if user is None:
            population.replay(self._entries(digests, population.settled_before))
            user = _known(population, self.anonymous, self.id)
            user.log = []  # no more joins are to come
        else:
            population.follow(user, digests)
        return user

    def entries(self) -> Iterator[Entry]:
        """The messages with the ids that they came under, the joining ones among them."""
        return self._entries(self._digests, -FOREVER)

    def is_joined_since(self, instant: Instant) -> bool:
        """Whether somebody else became part of the user, or the user got another id, at that instant or later."""
        return bool(self.moved) and self.moved[-1].at >= instant

    def names_since(self, instant: Instant) -> dict[Id, Id]:
        """Ids of who was joined before that instant, or got another id, and what they were called then."""
        granted, at = self._granted(instant)
        names: dict[int, Id] = {}
        renamed: dict[Id, Id] = {}
        for moved in granted:
            owner = self._part_of(moved.into_user, at)
            if owner not in names:
                names[owner] = self._id_at(owner, at)
            renamed[Id(moved.old_anonymous, moved.old_id)] = names[owner]
        return renamed

    def _granted(self, instant: Instant) -> tuple[Sequence[Moved], Order]:
        """The joins before that instant, and where the last of them stands."""
        granted = self.moved[: bisect.bisect_left(self.moved, instant, key=lambda moved: moved.at)]
        return granted, _place(granted[-1]) if granted else (-FOREVER, 0)

    def _entries(self, some: Iterable[Digest], since: Instant) -> Iterator[Entry]:
        """As though who was joined before `since` had always been one: from then on, that comes to the same."""
        granted, passed = self._granted(since)
        changes = deque(islice(self.moved, len(granted), None))
        ids: dict[int, Id] = {}  # of owners, until the next change
        for digest in some:
            while changes and _place(changes[0]) <= place(digest):
                passed = _place(changes[0])
                yield from self._joining(changes.popleft())
                ids.clear()
            owner = self._part_of(self._owners.get(digest.sequence, self.number), passed)
            anonymous, id = ids.get(owner) or ids.setdefault(owner, self._id_at(owner, passed))
            user_id, anonymous_id = (None, id) if anonymous else (id, None)
            yield Entry(digest.taken_at, digest.sequence, user_id, anonymous_id, None, digest)
        for moved in changes:
            yield from self._joining(moved)

    # Whom a message joins to whom goes by arrival, from when on by the instants of the messages. Where the two are in
    # another order, a user goes by the last name to arrive of those that messages dated until then gave.

    def _part_of(self, user: int, at: Order) -> int:
        """Who a user was part of then."""
        while (moved := self._joined.get(user)) is not None and _place(moved) <= at:
            user = moved.into_user
        return user

    def _id_at(self, owner: int, at: Order) -> Id:
        """What a user was called then, who may have been part of another."""
        owner = self._part_of(owner, at)
        id, named_by = self._id_after(owner, 0), 0
        for moved in self.moved:
            if at < _place(moved):
                break
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
        into = self._id_at(moved.into_user, _place(moved))
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
    renamed = log.names_since(settled_before) if user is None else {}
    for standing in sorted(settled, key=lambda standing: standing.at):
        name = names.get(standing.segment)
        if name in plan.remembered:
            id = Id(standing.anonymous, standing.id)
            known = user or _known(population, *renamed.get(id, id))
            known.history.qualified.setdefault(name, []).append(standing.at)
    return population, log.take_into(population, user)


def _begin(plan: Plan, log: Log, settled_before: Instant) -> tuple[Population, User | None]:
    """A population that what a log keeps one by one is to be taken through; and the user in it, where that is known
    before, for nobody is joined on the way."""
    if log.base is not None:
        return log.base.resumed(plan, settled_before)
    joins = log.is_joined_since(settled_before)
    population = Population(plan, keeps_logs=joins, settled_before=settled_before)
    return population, None if joins else _known(population, log.anonymous, log.id)


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


def _place(moved: Moved) -> Order:
    return moved.at, moved.sequence


def _taken_at(digest: Digest) -> Instant:
    return digest.taken_at
