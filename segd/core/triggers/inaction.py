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
from segd.core.triggers.base import Candidate, Note, Trigger

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

    def step(self, actor: "UserActor", digest: Digest, timers: Timers, out: list[Candidate]) -> None:
        mask = digest.mask
        closes = mask & self.did_not
        opens = mask & self.did
        if not (closes or opens):
            return
        state: State | None = actor.states.get(self.index)
        combination = None if self.same is None else self._combination(digest)
        open_windows = state.get(combination) if state else None
        if closes and open_windows:
            self._shut(actor, digest, open_windows, timers)
            open_windows = None
        if opens:
            self._open(actor, digest, combination, open_windows, timers)
        elif closes and state and open_windows is None:
            state.pop(combination, None)

    def _combination(self, digest: Digest) -> Any:
        return None if self.same is None or digest.values is None else digest.values[self.same]

    def _shut(self, actor: "UserActor", digest: Digest, windows: list[Timer], timers: Timers) -> None:
        for timer in windows:
            timers.cancel(timer)
            if actor.notes is not None:
                actor.notes.append(Note(self, "closed", digest.timestamp, digest, timer.cause, timer.due))

    def _open(
        self, actor: "UserActor", digest: Digest, combination: Any, open_windows: list[Timer] | None, timers: Timers
    ) -> None:
        if open_windows and self.repeat == "first":
            if actor.notes is not None:
                actor.notes.append(
                    Note(self, "ignored", digest.timestamp, digest, open_windows[0].cause, open_windows[0].due)
                )
            return
        state: State = actor.states.setdefault(self.index, {})
        if open_windows and self.repeat == "last":
            timers.cancel(open_windows[0])
            if actor.notes is not None:
                actor.notes.append(
                    Note(self, "restarted", digest.timestamp, digest, open_windows[0].cause, open_windows[0].due)
                )
            open_windows = None
        undone = None if digest.mask & self.did_not else self._undone_at_once(actor, digest, combination)
        due = digest.timestamp + self.within
        if undone is not None:
            if actor.notes is not None:
                actor.notes.append(Note(self, "closed", digest.timestamp, undone, digest, due))
        else:
            if actor.notes is not None:
                actor.notes.append(Note(self, "opened", digest.timestamp, digest, digest, due))
            timer = timers.set(due, actor, self, digest, combination)
            if open_windows:
                open_windows.append(timer)
            else:
                open_windows = [timer]
        if open_windows:
            state[combination] = open_windows
        else:
            state.pop(combination, None)

    def _undone_at_once(self, actor: "UserActor", digest: Digest, combination: Any) -> Digest | None:
        """The did_not that stands before this did in order, with the same timestamp."""
        instant = actor.instant
        if len(instant) == 1:  # the event itself
            return None
        for earlier in instant:
            if earlier.mask & self.did_not and self._combination(earlier) == combination:
                return earlier
        return None

    def close(self, actor: "UserActor", digest: Digest, timers: Timers) -> None:
        if not digest.mask & self.did_not:
            return
        state: State | None = actor.states.get(self.index)
        combination = self._combination(digest)
        windows = state.get(combination) if state else None
        if not state or not windows:
            return
        inside = [timer for timer in windows if timer.cause.timestamp <= digest.timestamp <= timer.due]
        self._shut(actor, digest, inside, timers)
        left = [timer for timer in windows if timer not in inside]
        if left:
            state[combination] = left
        else:
            del state[combination]

    def fire(self, actor: "UserActor", timer: Timer, timers: Timers, out: list[Candidate]) -> None:
        state: State = actor.states[self.index]
        windows = state[timer.key]
        if len(windows) == 1:
            del state[timer.key]
        else:
            windows.remove(timer)
        if actor.notes is not None:
            actor.notes.append(Note(self, "came due", timer.due, None, timer.cause, timer.due))
        out.append(Candidate(self, timer.due, timer.cause, None))

    def pending(self, state: State) -> Iterator[Timer]:
        return (timer for windows in state.values() for timer in windows)
