"""Who qualifies: users' events and timers, in order, through their actors, filters and `again`.

Whose timers they are among is said each time: those of all users together, or of one alone.
"""

import bisect
from typing import Any, NamedTuple

from msgspec import Struct

from segd.core.deciding.actor import FOREVER, UserActor
from segd.core.deciding.digest import Digest
from segd.core.deciding.past import History, Moment
from segd.core.deciding.plan import LiveSegment, Plan
from segd.core.deciding.timers import Timer, Timers
from segd.core.deciding.triggers.base import Candidate
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
    over, in order. touched_at: when it last took an event or fired a timer; fired_at: the latter alone. joined_to: who
    it is now, after a join."""

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


class Qualifying:
    """plan: what is asked. qualified: what was found since the caller last emptied it, in order of (at, decision).

    keeps_logs: whether users keep what they did, event by event. settled_before: who qualified earlier is on record,
    and not asked again.
    """

    def __init__(self, plan: Plan, keeps_logs: bool = True, settled_before: Instant = -FOREVER) -> None:
        self.plan = plan
        self.keeps_logs = keeps_logs
        self.settled_before = settled_before
        self.qualified: list[Qualification] = []
        self._candidates: list[Candidate] = []

    def clear(self) -> None:
        """Nobody was found; nor is anybody left whom an event made a candidate, where it could not be taken."""
        self.qualified.clear()
        self._candidates.clear()

    def feed(self, user: User, timers: Timers, digest: Digest, at: Instant) -> None:
        """A user's next event; what comes due before it must have fired. at: where it stands among what happens
        live."""
        if self.keeps_logs:
            user.log.append(digest)
        user.touched_at = at
        if self.plan.keeps_history and (digest.imported_at is None or at != digest.timestamp):
            self._remember(user.history, digest)
        candidates = self._candidates
        user.step(self.plan, digest, timers, candidates)
        if candidates:
            for candidate in candidates:
                self._decide(user, timers, candidate)
            candidates.clear()

    def fire_due(self, timers: Timers, before: Instant) -> None:
        """Fire what is due before that instant."""
        while (popped := timers.pop(before)) is not None:
            self.fire(*popped, timers)

    def fire(self, timer: Timer, user: UserActor, timers: Timers) -> None:
        """Fire a timer that was taken from `timers`."""
        assert isinstance(user, User)
        if timer.candidate is not None:
            user = user.survivor()
            user.waiting.remove(timer)
            user.fired_at = max(user.fired_at, timer.due)
            self._settle(user, timer.candidate, timer.key)
            return
        user.touched_at = user.fired_at = timer.due
        timer.trigger.fire(user, timer, timers)
        self._settle(user, Candidate(timer.trigger, timer.due, timer.cause, None), user)

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

    def _decide(self, user: User, timers: Timers, candidate: Candidate) -> None:
        """What an event made; what a timer makes comes after all events of its instant."""
        segment = self.plan.live[candidate.trigger.index]
        if segment.waits:
            # What its filter names may still come due at this very instant; who the user is may not change any more.
            who = _Who(user.id, user.anonymous, user.history)
            timer = timers.set(candidate.at, user, candidate.trigger, candidate.cause, who, candidate=candidate)
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


def _insert(entries: list[Any], entry: Any) -> None:
    """Into a sorted list, nearly always at its end."""
    if not entries or entries[-1] < entry:
        entries.append(entry)
    else:
        bisect.insort(entries, entry)
