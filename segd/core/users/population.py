"""All the users that a plan watches, in one place: who they are, their actors, their timers, and who qualified.

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

from msgspec import Struct

from segd.core.deciding.actor import FOREVER, UserActor
from segd.core.deciding.digest import Digest, Order, place
from segd.core.deciding.digested import Digested
from segd.core.deciding.past import History, Moment
from segd.core.deciding.plan import LiveSegment, Plan
from segd.core.deciding.timers import Timer, Timers, firing_order
from segd.core.deciding.triggers.base import Candidate
from segd.core.events.messages import Event
from segd.core.time.instants import Instant


class Qualification(Struct, frozen=True, gc=False):
    """A user entered a live segment. user: the id known at that instant, a userId unless anonymous. cause: the id of
    the message that opened the window or matched; sequence: its order of arrival. plan_index: the segment's.
    timed: it is time that made it, not an event."""

    segment: str
    user: str
    anonymous: bool
    at: Instant
    cause: str
    sequence: int
    plan_index: int
    timed: bool


class _Who(NamedTuple):
    """Whom a candidate was found as: a join at the same instant changes neither the id nor what a filter sees."""

    id: str
    anonymous: bool
    history: History


class User(UserActor):
    """An actor with what the store would hold. log: all its digests, in order. waiting: candidates whose instant is not
    over. touched_at: when it last took an event or fired a timer; fired_at: the latter alone. joined_to: who it is now,
    after a join."""

    __slots__ = ("anonymous", "fired_at", "history", "id", "joined_to", "log", "touched_at", "waiting")

    def __init__(self, id: str, anonymous: bool) -> None:
        super().__init__()
        self.id = id
        self.anonymous = anonymous
        self.history = History()
        self.log: list[Digest] = []
        self.waiting: list[Timer] = []
        self.touched_at: Instant = -FOREVER
        self.fired_at: Instant = -FOREVER
        self.joined_to: User | None = None

    def timers(self, plan: Plan) -> list[Timer]:
        """All that is still to come of this user."""
        return [*self.pending(plan), *self.waiting]

    def survivor(self) -> "User":
        user = self
        while user.joined_to is not None:
            user = user.joined_to
        return user


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


class Population:
    """plan: what is asked. qualified: what was found since the caller last emptied it, in order of (at, decision).

    keeps_logs: without, users take up what is open and what filters ask for, and no more; but two who both did
    something cannot be joined, and whatever would do that raises LogsNeeded. settled_before: who qualified earlier
    is on record, and not asked again.
    """

    def __init__(self, plan: Plan, keeps_logs: bool = True, settled_before: Instant = -FOREVER) -> None:
        self.plan = plan
        self.keeps_logs = keeps_logs
        self.settled_before = settled_before
        self.timers = Timers()
        self.qualified: list[Qualification] = []
        self.users: dict[str, User | None] = {}  # None: seen, but did nothing that anything asks about
        self.devices: dict[str, Device | None] = {}
        self._candidates: list[Candidate] = []

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
            self.feed(user, digest, at)

    def feed(self, user: User, digest: Digest, at: Instant) -> None:
        """A user's next event; what comes due before it must have fired. at: as in `put`."""
        if self.keeps_logs:
            user.log.append(digest)
        user.touched_at = at
        if self.plan.keeps_history and (digest.imported_at is None or at != digest.timestamp):
            self._remember(user.history, digest)
        candidates = self._candidates
        user.step(self.plan, digest, self.timers, candidates)
        if candidates:
            for candidate in candidates:
                self._decide(user, candidate)
            candidates.clear()

    def _remember(self, history: History, digest: Digest) -> None:
        if self.plan.keeps_seen:
            _insert(history.seen, (digest.timestamp, digest.sequence))
        kept = digest.mask & self.plan.kept
        while kept:
            bit = kept & -kept
            kept ^= bit
            _insert(history.kept.setdefault(bit, []), (digest.timestamp, digest.sequence, digest.values))
        if digest.traits is not None:
            for name, value in digest.traits.items():
                _insert(history.writes.setdefault(name, []), (digest.timestamp, digest.sequence, value))

    # Time

    def advance(self, to: Instant) -> None:
        """Fire what is due before `to`."""
        while (popped := self.timers.pop(to)) is not None:
            self.fire(*popped)

    def advance_user(self, user: User, to: Instant) -> None:
        """Fire what is due before `to` of one user alone."""
        while due := [timer for timer in user.timers(self.plan) if timer.due < to]:
            timer = min(due, key=firing_order)
            self.timers.cancel(timer)
            self.fire(timer, user)

    def finish(self, until: Instant) -> None:
        """Fire what is due at or before `until`: no event stamped then is to come."""
        self.advance(until + 1)

    def fire(self, timer: Timer, user: UserActor) -> None:
        """Fire a timer that was taken from `timers`."""
        assert isinstance(user, User)
        if timer.candidate is not None:
            user = user.survivor()
            user.waiting.remove(timer)
            user.fired_at = max(user.fired_at, timer.due)
            self._settle(user, timer.candidate, timer.key)
            return
        user.touched_at = user.fired_at = timer.due
        timer.trigger.fire(user, timer, self.timers)
        self._settle(user, Candidate(timer.trigger, timer.due, timer.cause, None), user)

    # Who qualifies

    def _decide(self, user: User, candidate: Candidate) -> None:
        """What an event made; what a timer makes comes after all events of its instant."""
        segment = self.plan.live[candidate.trigger.index]
        if segment.waits:
            # What its filter names may still come due at this very instant; who the user is may not change any more.
            who = _Who(user.id, user.anonymous, user.history)
            timer = self.timers.set(candidate.at, user, candidate.trigger, candidate.cause, who, candidate=candidate)
            user.waiting.append(timer)
        else:
            self._settle(user, candidate, user)

    def _settle(self, user: User, candidate: Candidate, who: "User | _Who") -> None:
        segment = self.plan.live[candidate.trigger.index]
        if candidate.at < self.settled_before:
            return
        if not self.admits(segment, who.history, candidate):
            return
        if segment.name in self.plan.remembered:
            for history in {id(history): history for history in (user.history, who.history)}.values():
                _insert(history.qualified.setdefault(segment.name, []), candidate.at)
        cause, index, timed = candidate.cause, candidate.trigger.index, candidate.last is None
        self.qualified.append(
            Qualification(
                segment.name, who.id, who.anonymous, candidate.at, cause.cause, cause.sequence, index, timed
            )
        )  # fmt: skip

    def admits(self, segment: LiveSegment, history: History, candidate: Candidate) -> bool:
        """Filter first, then `again`."""
        if segment.simple:
            return True
        if segment.run is not None and not segment.run.counts(candidate.at):
            return False
        if segment.filter is not None:
            last = None if candidate.last is None else candidate.last.sequence
            if not segment.filter.holds(Moment(history, candidate.at, last)):
                return False
        if segment.again == 0:
            return True
        before = history.qualified.get(segment.name)
        return not before or (segment.again is not None and candidate.at - before[-1] >= segment.again)

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


def _insert(entries: list[Any], entry: Any) -> None:
    """Into a sorted list, nearly always at its end."""
    if not entries or entries[-1] < entry:
        entries.append(entry)
    else:
        bisect.insort(entries, entry)
