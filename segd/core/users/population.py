"""All the users that a plan watches, in one place: who they are, and their timers.

Events come in order of (timestamp, arrival). Time is what they say: before an event every timer due earlier fires, so
that nothing here asks a clock. What is decided is final; events that come late are the business of `late`, which folds
a user again through a population of its own.

A user is a `userId`, or an `anonymousId` with none. A message with both joins the anonymous history to the user: both
histories are put in order and go through the triggers once more, silently, so that the state becomes what one user
would have, while nothing dated before the joining message is added or taken back.
"""

import bisect
import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from segd.core.deciding.actor import FOREVER, UserActor
from segd.core.deciding.digest import Digest, Order, place
from segd.core.deciding.digested import Digested
from segd.core.deciding.past import History, Moment
from segd.core.deciding.plan import Plan
from segd.core.deciding.timers import Timers
from segd.core.deciding.triggers.base import Candidate
from segd.core.events.messages import Event
from segd.core.time.instants import Instant
from segd.core.users.qualifying import Qualifying, User


class Device(NamedTuple):
    """An anonymous id. user: whom messages with it alone belong to. joined: its history has gone to a userId."""

    user: User
    joined: bool


class Entry(NamedTuple):
    """A message that was digested already, where it stands among what happens live. digest: None where nothing asks."""

    taken_at: Instant
    sequence: int
    user_id: str | None
    anonymous_id: str | None
    previous_id: str | None
    digest: Digest | None


class LogsNeeded(Exception):
    """Two users with histories are joined, in a population that keeps no logs."""


class Population(Qualifying):
    """keeps_logs: without, users take up what is open and what filters ask for, and no more; but two who both did
    something cannot be joined, and whatever would do that raises LogsNeeded."""

    def __init__(self, plan: Plan, keeps_logs: bool = True, settled_before: Instant = -FOREVER) -> None:
        super().__init__(plan, keeps_logs, settled_before)
        self.timers = Timers()
        self.users: dict[str, User | None] = {}  # None: seen, but did nothing that anything asks about
        self.devices: dict[str, Device | None] = {}

    # Events

    def take(self, event: Event, sequence: int) -> None:
        """Take the next event, after all that comes due before it. sequence: its order of arrival."""
        at = event.timestamp
        heap = self.timers.heap
        if heap and heap[0][0] < at:
            self.advance(at)
        plan = self.plan
        if event.name in plan.names or plan.hears_all or event.traits is not None:
            digest = plan.digest(event, sequence)
            self.put(event.user_id, event.anonymous_id, event.previous_id, at, digest)
        elif event.anonymous_id is not None or event.previous_id is not None or event.user_id not in self.users:
            self.put(event.user_id, event.anonymous_id, event.previous_id, at, None)

    def take_digested(self, digested: Digested) -> None:
        """Take a run of messages, each after all that comes due before it."""
        put, timers = self.put, self.timers
        for number, at, user_id, anonymous_id, previous_id, cause, mask, values, traits in digested.asked:
            heap = timers.heap
            if heap and heap[0][0] < at:
                self.advance(at)
            digest = None
            if mask is not None:
                assert cause is not None
                digest = Digest(at, number, at, cause, mask, values, traits)
            put(user_id, anonymous_id, previous_id, at, digest)
        seen = self.users.setdefault
        for user_id in digested.user_ids:
            if user_id is not None:
                seen(user_id, None)

    def replay(self, entries: Iterable[Entry]) -> None:
        """Take messages that were digested already, in order, each after all that comes due before it."""
        for entry in entries:
            self.advance(entry.taken_at)
            self.put(entry.user_id, entry.anonymous_id, entry.previous_id, entry.taken_at, entry.digest)

    def follow(self, user: User, digests: Iterable[Digest]) -> None:
        """Take what one user did, in order, each after all that comes due before it."""
        timers = self.timers
        for digest in digests:
            at = digest.taken_at
            heap = timers.heap
            if heap and heap[0][0] < at:
                self.advance(at)
            self.feed(user, timers, digest, at)

    def put(
        self, user_id: str | None, anonymous_id: str | None, previous_id: str | None, at: Instant, digest: Digest | None
    ) -> None:
        """Take an event that was digested already. at: where it stands among what happens live."""
        if digest is None and (user_id is None or (anonymous_id is None and previous_id is None)):
            # Nothing is asked and nobody is joined: all there is to know is that this id was seen.
            if user_id is not None:
                self.users.setdefault(user_id, None)
            elif anonymous_id is not None:
                self.devices.setdefault(anonymous_id, None)
            return
        user = self._user(user_id, anonymous_id, previous_id, at)
        if digest is not None:
            self.feed(user, self.timers, digest, at)

    # Time

    def advance(self, to: Instant) -> None:
        """Fire what is due before `to`."""
        self.fire_due(self.timers, to)

    def finish(self, until: Instant) -> None:
        """Fire what is due at or before `until`: no event stamped then is to come."""
        self.advance(until + 1)

    def members(self, name: str, as_of: Instant) -> list[str]:
        """The ids of the members of a past segment, sorted by code point."""
        where = self.plan.past[name].where
        found: list[str] = []
        for user in self.everybody():
            moment = Moment(user.history, as_of)
            if moment.first_seen() is not None and where.holds(moment):
                found.append(user.id)
        return sorted(found)

    def everybody(self) -> Iterator[User]:
        """Each user that did something that is asked about, once."""
        known = (user for user in self.users.values() if user is not None)
        alone = (device.user for device in self.devices.values() if device is not None and device.user.anonymous)
        seen: set[int] = set()
        for user in (*known, *alone):
            if id(user) not in seen and user.joined_to is None:
                seen.add(id(user))
                yield user

    def count_users(self) -> int:
        """How many users were seen, each counted once, whatever ids they go by."""
        silent = sum(user is None for user in self.users.values())
        silent += sum(device is None for device in self.devices.values())
        return silent + sum(1 for _ in self.everybody())

    def replace(self, fresh: "Population") -> None:
        """Take over users that were folded again, in place of what stood for the same ids."""
        # Not `id`: Python 3.12.1 takes the function below for the variable.
        known = [self.users.get(key) for key in fresh.users]
        alone = [device.user for key in fresh.devices if (device := self.devices.get(key)) is not None]
        for user in {id(user): user for user in (*known, *alone) if user is not None}.values():
            for timer in user.timers(self.plan):
                self.timers.cancel(timer)
        self.users.update(fresh.users)
        self.devices.update(fresh.devices)
        self.timers.adopt(fresh.timers)

    # Who is who

    def _user(self, user_id: str | None, anonymous_id: str | None, previous_id: str | None, at: Instant) -> User:
        if user_id is None:
            assert anonymous_id is not None
            device = self.devices.get(anonymous_id)
            if device is None:
                device = self.devices[anonymous_id] = Device(User(anonymous_id, anonymous=True), joined=False)
            return device.user.survivor()
        user = self.users.get(user_id)
        if anonymous_id is not None:
            user = self._take_device(anonymous_id, user_id, user, at)
        if previous_id is not None and (previous_id != user_id or previous_id in self.devices):
            user = self._take_previous(previous_id, user_id, user, at)
        if user is None:
            user = self.users[user_id] = User(user_id, anonymous=False)
        return user.survivor()

    def _take_device(self, anonymous_id: str, user_id: str, user: User | None, at: Instant) -> User:
        device = self.devices.get(anonymous_id)
        if device is not None and not device.joined:
            user = self._join(device.user, user_id, user, at)
        elif user is None:
            user = self.users[user_id] = User(user_id, anonymous=False)
        self.devices[anonymous_id] = Device(user, joined=True)
        return user

    def _take_previous(self, previous_id: str, user_id: str, user: User | None, at: Instant) -> User | None:
        if previous_id in self.devices or previous_id not in self.users:
            return self._take_device(previous_id, user_id, user, at)
        previous = self.users[previous_id]
        if previous is not None and (user is None or previous.survivor() is not user.survivor()):
            user = self._join(previous.survivor(), user_id, user, at)
        if user is None:
            user = self.users[user_id] = User(user_id, anonymous=False)
        self.users[previous_id] = user
        return user

    def _join(self, old: User, user_id: str, user: User | None, at: Instant) -> User:
        """Make old and the user one, just before what comes at `at`."""
        if user is None:  # nothing to put in order: who was anonymous has a name now
            self.users[user_id] = old
            old.id, old.anonymous = user_id, False
            return old
        user = user.survivor()
        if old.touched_at == -FOREVER:  # nothing that is asked about to put in order
            old.joined_to = user
            return user
        if user.touched_at == -FOREVER:
            self.users[user.id] = user.joined_to = old
            old.id, old.anonymous = user.id, False
            return old
        if not self.keeps_logs:
            raise LogsNeeded
        for timer in (*old.pending(self.plan), *user.pending(self.plan)):
            self.timers.cancel(timer)
        user.history = _merged(user.history, old.history)
        log = _merge(user.log, old.log, place)
        start = quiet_start(self.plan, log, user.log, old.log)
        user.log = log
        user.touched_at = max(user.touched_at, old.touched_at)
        user.fired_at = max(user.fired_at, old.fired_at)
        old.joined_to = user
        user.waiting += old.waiting
        old.log, old.waiting = [], []
        old.clear()
        user.clear()
        self.timers.adopt(fold(self.plan, user, islice(log, start, None), at))
        return user


def quiet_start(plan: Plan, log: list[Digest], one: list[Digest], other: list[Digest]) -> int:
    """From where both logs as one must be folded: the latest place before they meet at which nothing was open.

    log: both, in order. A gap longer than anything that the triggers keep open is such a place; so is the beginning.
    """
    if plan.fades_after is not None and one and other:
        meeting = bisect.bisect_left(log, max(place(one[0]), place(other[0])), key=place)
        for index in range(meeting, 0, -1):
            if log[index].taken_at - log[index - 1].taken_at > plan.fades_after:
                return index
    return 0


def fold(plan: Plan, actor: UserActor, log: Iterable[Digest], now: Instant) -> Timers:
    """Take a log through a fresh actor, up to but not including what comes due at `now`; who would have been a
    candidate on the way is not told. Returns what is pending then."""
    timers = Timers()
    unheard: list[Candidate] = []
    for digest in log:
        _fire_silently(timers, digest.taken_at)
        actor.step(plan, digest, timers, unheard)
        unheard.clear()
    _fire_silently(timers, now)
    return timers


def _fire_silently(timers: Timers, before: Instant) -> None:
    while (popped := timers.pop(before)) is not None:
        timer, actor = popped
        timer.trigger.fire(actor, timer, timers)


def _merged(one: History, other: History) -> History:
    both = History()
    both.seen = _merge(one.seen, other.seen, _order)
    for name in one.writes.keys() | other.writes.keys():
        both.writes[name] = _merge(one.writes.get(name, []), other.writes.get(name, []), _order)
    for bit in one.kept.keys() | other.kept.keys():
        both.kept[bit] = _merge(one.kept.get(bit, []), other.kept.get(bit, []), _order)
    for segment in one.qualified.keys() | other.qualified.keys():
        both.qualified[segment] = sorted(one.qualified.get(segment, []) + other.qualified.get(segment, []))
    return both


def _merge(one: list[Any], other: list[Any], key: Callable[[Any], Order]) -> list[Any]:
    """Two sorted lists as one, quickly where one of them is short."""
    longer, shorter = (one, other) if len(one) >= len(other) else (other, one)
    if len(longer) < 8 * len(shorter):
        return list(heapq.merge(longer, shorter, key=key))
    both = longer.copy()
    for entry in shorter:
        bisect.insort(both, entry, key=key)
    return both


def _order(entry: tuple[Any, ...]) -> Order:
    return entry[0], entry[1]
