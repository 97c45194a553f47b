"""Inaction within time: `did` opens a window, `did_not` in it closes it, and its end makes a candidate.

Both ends of a window count as inside. Events come in order of (timestamp, arrival) and a timer fires after every event
stamped at or before its due instant, so whatever is open when an event comes reaches at least to that event; what is
left to look at is the other end: a `did_not` with the timestamp of the `did` that came before it in order. The actor
keeps the events of its latest instant for that. An event that matches both closes first, then opens a window that only
events after it can close.

With `same`, each combination of values is on its own. A user's state is {combination: [timer, …]}, oldest first; more
than one stands there only with `each`.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal

from segd.core.digest import Digest
from segd.core.timers import Timer, Timers
from segd.core.triggers.base import Candidate, Trigger, combination

if TYPE_CHECKING:
    from segd.core.actor import UserActor

State = dict[Any, list[Timer]]


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
        state: State | None = actor.states.get(self.index)
        key = None if self.same is None else combination(digest, self.same)
        if mask & self.did_not and state and key in state:
            self._shut(actor, digest, state.pop(key), timers)
        if mask & self.did:
            self._open(actor, digest, key, timers)

    def _shut(self, actor: "UserActor", digest: Digest, windows: list[Timer], timers: Timers) -> None:
        for timer in windows:
            timers.cancel(timer)
            actor.note(self, "closed", digest.timestamp, digest, timer.cause, timer.due)

    def _open(self, actor: "UserActor", digest: Digest, key: Any, timers: Timers) -> None:
        state: State = actor.states.setdefault(self.index, {})
        windows = state.get(key)
        if windows and self.repeat != "each":
            before = windows[0]
            if self.repeat == "first":
                actor.note(self, "ignored", digest.timestamp, digest, before.cause, before.due)
                return
            timers.cancel(before)
            actor.note(self, "restarted", digest.timestamp, digest, before.cause, before.due)
            del state[key]
            windows = None
        due = digest.timestamp + self.within
        undone = self._undone_at_once(actor, digest, key)
        if undone is not None:
            actor.note(self, "closed", digest.timestamp, undone, digest, due)
            return
        actor.note(self, "opened", digest.timestamp, digest, digest, due)
        timer = timers.set(due, actor, self, digest, key)
        if windows:
            windows.append(timer)
        else:
            state[key] = [timer]

    def _undone_at_once(self, actor: "UserActor", digest: Digest, key: Any) -> Digest | None:
        """The did_not that stands before this did in order, with the same timestamp; an event that matches both is
        closed by later ones alone."""
        if len(actor.instant) == 1 or digest.mask & self.did_not:  # nothing but the event itself
            return None
        for earlier in actor.instant:
            if earlier.mask & self.did_not and combination(earlier, self.same) == key:
                return earlier
        return None

    def close(self, actor: "UserActor", digest: Digest, timers: Timers) -> None:
        if not digest.mask & self.did_not:
            return
        state: State | None = actor.states.get(self.index)
        key = combination(digest, self.same)
        windows = state.get(key) if state else None
        if not state or not windows:
            return
        inside: list[Timer] = []
        left: list[Timer] = []
        for timer in windows:
            (inside if timer.cause.timestamp <= digest.timestamp <= timer.due else left).append(timer)
        self._shut(actor, digest, inside, timers)
        if left:
            state[key] = left
        else:
            del state[key]

    def fire(self, actor: "UserActor", timer: Timer, timers: Timers, out: list[Candidate]) -> None:
        state: State = actor.states[self.index]
        windows = state[timer.key]
        if len(windows) == 1:
            del state[timer.key]
        else:
            windows.remove(timer)
        actor.note(self, "came due", timer.due, None, timer.cause, timer.due)
        out.append(Candidate(self, timer.due, timer.cause, None))

    def pending(self, state: State) -> Iterator[Timer]:
        return (timer for windows in state.values() for timer in windows)
