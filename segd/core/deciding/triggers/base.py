"""What all triggers have in common."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from msgspec import Struct

from segd.core.deciding.digest import Digest
from segd.core.deciding.timers import Timer, Timers
from segd.core.time.instants import Instant

if TYPE_CHECKING:
    from segd.core.deciding.actor import UserActor


class Candidate(Struct, frozen=True, gc=False):
    """Somebody would qualify, if filter and `again` agree.

    last: the last event that a filter may see; None for a timer, which sees all that is stamped at or before `at`.
    """

    trigger: "Trigger"
    at: Instant
    cause: Digest
    last: Digest | None


What = Literal[
    "opened", "ignored", "restarted", "closed", "came due",  # inaction
    "armed", "superseded", "cancelled", "past", "no date",  # date; and "came due"
    "session", "counted",  # page count
    "joined",
]  # fmt: skip


class Note(NamedTuple):
    """What happened to a trigger at an instant, for explaining.

    event: what made it happen; None for the passing of time. cause: the event that opened it. due: until when. number:
    how many there are, this one included.
    """

    trigger: "Trigger"
    what: What
    at: Instant
    event: Digest | None
    cause: Digest | None = None
    due: Instant | None = None
    number: int = 0


def combination(digest: Digest, slot: int | None) -> Any:
    """The values of `same` or `key` in an event, in a form that is equal where they are; None without a slot."""
    return None if slot is None or digest.values is None else digest.values[slot]


class Trigger:
    """One live segment's `on`, compiled. index: its place in the plan, and its key in a user's states. rank: above that
    of every segment its filter names. sees_from: what is stamped earlier is not its business; None for nothing."""

    __slots__ = ("index", "rank", "sees_from")

    def __init__(self) -> None:
        self.index = 0
        self.rank = 0
        self.sees_from: Instant | None = None

    def fades_after(self) -> int | None:
        """How long after the latest event it was told nothing of it is left, in microseconds; None for never."""
        return None

    def step(self, actor: "UserActor", digest: Digest, timers: Timers, out: list[Candidate]) -> None:
        """Take one event, not before any event taken so far."""
        raise NotImplementedError

    def close(self, actor: "UserActor", digest: Digest, timers: Timers) -> None:
        """Take an event older than the late band: it starts nothing, but ends what is open as of its timestamp."""

    def fire(self, actor: "UserActor", timer: Timer, timers: Timers) -> None:
        """A timer came due, which makes a candidate: every event stamped at or before then has been taken."""
        raise NotImplementedError

    def pending(self, state: Any) -> Iterator[Timer]:
        """The timers in a user's state of this trigger."""
        return iter(())
