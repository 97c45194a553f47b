"""Inaction within time: `did` opens a window, `did_not` in it closes it, and its end makes a candidate.

Both ends of a window count as inside. Events come in order of (timestamp, arrival) and a timer fires after every event
stamped at or before its due instant, so whatever is open when an event comes reaches at least to that event; what is
left to look at is the other end: a `did_not` with the timestamp of the `did` that came before it in order. The actor
keeps those of its latest instant for that. An event that matches both closes first, then opens a window that only
events after it can close.

With `same`, each combination of values is on its own. So what is open stands in a user's states by trigger and
combination, as [timer, …], oldest first; more than one only with `each`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from segd.core.deciding.digest import Digest
from segd.core.deciding.timers import Timer, Timers
from segd.core.deciding.triggers.base import Candidate, Trigger, combination
from segd.core.time.instants import Instant

if TYPE_CHECKING:
    from segd.core.deciding.actor import UserActor

Windows = list[Timer]


class InactionTrigger(Trigger):
    """did, did_not: bits of selectors. within: microseconds. same: slot of the combination of values, or None."""

    __slots__ = ("did", "did_not", "repeat", "same", "within")

    def __init__(
        self, did: int, did_not: int, within: int, same: int | None, repeat: Literal["first", "each", "last"]
    ) -> None:
        super().__init__()
        self.did = did
        self.did_not = did_not
        self.within = within
        self.same = same
        self.repeat = repeat

    def fades_after(self) -> int:
        return self.within

    def step(self, actor: "UserActor", digest: Digest, timers: Timers, out: list[Candidate]) -> None:
        mask = digest.mask
        key = self._key(digest) if self.same is not None else self.index
        if mask & self.did_not:
            windows: Windows | None = actor.states.pop(key, None)
            if windows is not None:
                self._shut(actor, digest, windows, timers)
            actor.undone.setdefault(key, digest)
        if mask & self.did:
            self._open(actor, digest, key, timers)

    def _key(self, digest: Digest) -> Any:
        return self.index if self.same is None else (self.index, combination(digest, self.same))

    def _shut(self, actor: "UserActor", digest: Digest, windows: Windows, timers: Timers) -> None:
        for timer in windows:
            timers.cancel(timer)
            if actor.notes is not None:
                actor.note(self, "closed", digest.timestamp, digest, timer.cause, timer.due)

    def _open(self, actor: "UserActor", digest: Digest, key: Any, timers: Timers) -> None:
        windows: Windows | None = actor.states.get(key)
        if windows is not None and self.repeat != "each":
            before = windows[0]
            if self.repeat == "first":
                if actor.notes is not None:
                    actor.note(self, "ignored", digest.timestamp, digest, before.cause, before.due)
                return
            timers.cancel(before)
            actor.note(self, "restarted", digest.timestamp, digest, before.cause, before.due)
            del actor.states[key]
            windows = None
        due = digest.timestamp + self.within
        # What stands before it in order, with the same timestamp; one that matches both is closed by later ones alone.
        if actor.undone and not digest.mask & self.did_not:
            undone = actor.undone.get(key)
            if undone is not None:
                actor.note(self, "closed", digest.timestamp, undone, digest, due)
                return
        if actor.notes is not None:
            actor.note(self, "opened", digest.timestamp, digest, digest, due)
        timer = timers.set_after(self.within, actor, self, digest, key)
        if windows is None:
            actor.states[key] = [timer]
        else:
            windows.append(timer)

    def close(self, actor: "UserActor", digest: Digest, timers: Timers) -> None:
        if not digest.mask & self.did_not:
            return
        key = self._key(digest)
        windows: Windows | None = actor.states.get(key)
        if windows is None:
            return
        first = bisect_left(windows, digest.timestamp, key=_due)
        end = bisect_right(windows, digest.timestamp + self.within, lo=first, key=_due)
        self._shut(actor, digest, windows[first:end], timers)
        del windows[first:end]
        if not windows:
            del actor.states[key]

    def fire(self, actor: "UserActor", timer: Timer, timers: Timers) -> None:
        windows: Windows = actor.states[timer.key]
        if len(windows) == 1:
            del actor.states[timer.key]
        else:
            windows.remove(timer)
        if actor.notes is not None:
            actor.note(self, "came due", timer.due, None, timer.cause, timer.due)

    def pending(self, state: Windows) -> Iterator[Timer]:
        return iter(state)


def _due(timer: Timer) -> Instant:
    return timer.due
