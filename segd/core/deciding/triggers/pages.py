"""Page count: so many matching pages in a session, within a length, or ever.

The page that makes the number full is the only candidate; counting then goes on afresh, whatever filter and `again`
say of it.
"""

from bisect import bisect_right
from typing import TYPE_CHECKING

from segd.core.deciding.digest import Digest
from segd.core.deciding.timers import Timers
from segd.core.deciding.triggers.base import Candidate, Trigger
from segd.core.time.instants import Instant

if TYPE_CHECKING:
    from segd.core.deciding.actor import UserActor


class Session:
    """A user's session as one trigger sees it. seen_at: when any message of the user came last."""

    __slots__ = ("count", "seen_at")

    def __init__(self, seen_at: Instant) -> None:
        self.seen_at = seen_at
        self.count = 0


class SessionPagesTrigger(Trigger):
    """Once a session, which ends when nothing of the user is heard for longer than idle (microseconds)."""

    __slots__ = ("at_least", "idle", "page")

    def __init__(self, page: int, at_least: int, idle: int) -> None:
        super().__init__()
        self.page = page
        self.at_least = at_least
        self.idle = idle

    def fades_after(self) -> int:
        return self.idle

    def step(self, actor: "UserActor", digest: Digest, timers: Timers, out: list[Candidate]) -> None:
        session: Session | None = actor.states.get(self.index)
        now = digest.timestamp
        if session is None:
            if not digest.mask & self.page:
                return
            session = actor.states[self.index] = Session(now)
        elif now - session.seen_at > self.idle:
            actor.note(self, "session", now, digest)
            session.count = 0
        session.seen_at = now
        if digest.mask & self.page:
            session.count += 1
            actor.note(self, "counted", now, digest, number=session.count)
            if session.count == self.at_least:
                out.append(Candidate(self, now, digest, digest))


class RecentPagesTrigger(Trigger):
    """When the number lies within (t - length, t]; counting starts afresh after it."""

    __slots__ = ("at_least", "length", "page")

    def __init__(self, page: int, at_least: int, length: int) -> None:
        super().__init__()
        self.page = page
        self.at_least = at_least
        self.length = length

    def fades_after(self) -> int:
        return self.length

    def step(self, actor: "UserActor", digest: Digest, timers: Timers, out: list[Candidate]) -> None:
        if not digest.mask & self.page:
            return
        now = digest.timestamp
        recent: list[Instant] = actor.states.setdefault(self.index, [])
        del recent[: bisect_right(recent, now - self.length)]
        recent.append(now)
        actor.note(self, "counted", now, digest, number=len(recent))
        if len(recent) == self.at_least:
            recent.clear()
            out.append(Candidate(self, now, digest, digest))


class AllPagesTrigger(Trigger):
    """At the nth page of all, once in a user's life. The state is the number so far."""

    __slots__ = ("at_least", "page")

    def __init__(self, page: int, at_least: int) -> None:
        super().__init__()
        self.page = page
        self.at_least = at_least

    def step(self, actor: "UserActor", digest: Digest, timers: Timers, out: list[Candidate]) -> None:
        if not digest.mask & self.page:
            return
        count = actor.states.get(self.index, 0) + 1
        actor.states[self.index] = count
        actor.note(self, "counted", digest.timestamp, digest, number=count)
        if count == self.at_least:
            out.append(Candidate(self, digest.timestamp, digest, digest))

    def close(self, actor: "UserActor", digest: Digest, timers: Timers) -> None:
        """An old page is one of all pages too, though it is no candidate."""
        if digest.mask & self.page:
            actor.states[self.index] = actor.states.get(self.index, 0) + 1
