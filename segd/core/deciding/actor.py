"""One user's live state: what is open in every live segment, and nothing else.

An actor is an object, not a task, and only a cache: it can be dropped and folded again from the user's events. It takes
events in order of (timestamp, arrival) and timers when they come due, and says who is a candidate for what; filters,
`again` and the record of who qualified are the business of whoever holds it (see `population`).
"""

from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

from segd.core.deciding.digest import Digest
from segd.core.deciding.plan import Plan
from segd.core.deciding.timers import Timer, Timers
from segd.core.deciding.triggers.base import Candidate, Note, Trigger, What
from segd.core.time.calendar import user_zone
from segd.core.time.instants import Instant

FOREVER: Instant = 1 << 62  # after every instant there is


class UserActor:
    """states: by index of a trigger, or a tuple that begins with it; those with nothing open are absent or empty. at:
    the latest instant at which events came; undone: which of those closed windows first, or would have, by the same
    keys. zone: the user's own, from the trait `timezone`, written at zone_at. notes: where what happens is noted down,
    when somebody asks why."""

    __slots__ = ("at", "notes", "states", "undone", "zone", "zone_at")

    def __init__(self, notes: list[Note] | None = None) -> None:
        self.notes = notes
        self.clear()

    def clear(self) -> None:
        """Forget everything; the timers must have been cancelled."""
        self.states: dict[Any, Any] = {}
        self.at: Instant = -FOREVER
        self.undone: dict[Any, Digest] = {}
        self.zone: tzinfo | None = None
        self.zone_at: Instant = -FOREVER

    def step(self, plan: Plan, digest: Digest, timers: Timers, out: list[Candidate]) -> None:
        """Take the user's next event; candidates are appended to out.

        digest: not before any taken so far, by (taken_at, arrival); timers due before it must have fired.
        """
        traits = digest.traits
        if traits is not None and "timezone" in traits and digest.timestamp >= self.zone_at:
            self.zone = user_zone(traits["timezone"])
            self.zone_at = digest.timestamp
        if digest.taken_at != digest.timestamp:
            for trigger in () if digest.imported_at is not None else plan.triggers_for(digest):
                trigger.close(self, digest, timers)
            return
        if digest.timestamp != self.at:
            self.at = digest.timestamp
            if self.undone:
                self.undone = {}
        # The common case of `triggers_for`, without the call: this is the hottest place there is.
        triggers = plan.triggers.get(digest.mask) if traits is None else None
        for trigger in plan.triggers_for(digest) if triggers is None else triggers:
            trigger.step(self, digest, timers, out)

    def note(
        self,
        trigger: Trigger,
        what: What,
        at: Instant,
        event: Digest | None,
        cause: Digest | None = None,
        due: Instant | None = None,
        number: int = 0,
    ) -> None:
        """Note down what happened to a trigger, where somebody asks."""
        if self.notes is not None:
            self.notes.append(Note(trigger, what, at, event, cause, due, number))

    def pending(self, plan: Plan) -> Iterator[Timer]:
        """All open timers of this user."""
        for key, state in self.states.items():
            index = key if isinstance(key, int) else key[0]
            yield from plan.live[index].trigger.pending(state)
