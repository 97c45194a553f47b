"""What the parts of the daemon ask of one another, so that none knows another: `daemon` brings them together."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from segd.core.deciding.plan import Plan
from segd.core.effects import Effects, Group, Logged, Run, StoredUser
from segd.core.errors import SegdError
from segd.core.events.messages import Event
from segd.core.language.definitions import Definition
from segd.core.time.instants import Instant


class Unavailable(SegdError):
    """Events cannot be taken now. retry_after: whole seconds after which it is worth asking again."""

    def __init__(self, code: str, message: str, retry_after: int) -> None:
        super().__init__(code, message)
        self.retry_after = retry_after


class Unsure(Unavailable):
    """So it seems, but what was asked for may be done all the same."""


class Journal(Protocol):
    """The one order of everything that changes outcomes."""

    async def append(self, events: Sequence[Event], *, trusted: bool = False) -> None:
        """Return once these events, in this order, are committed; repeats of earlier messages are passed over.

        events: with their receivedAt. trusted: whether an alias among them may join two userIds; a write key is not
        enough for that. A caller that is cancelled does not take its events back.

        Raises Unavailable: `overloaded` when too much is waiting already, `unavailable` while the store cannot be
        reached or the daemon stops. Nothing was taken then, or it is not known: sending the same messages again is
        right in either case. Any other error says that these very events cannot be stored.
        """
        ...


class Follower(Protocol):
    """Whoever keeps users true to what the journal commits; the journal drives it, between its transactions.

    Whatever it raises from `follow` as an error of the store is met again: the journal connects anew, and calls again.
    """

    def committed(self, group: Group) -> None:
        """Take note of what was committed, in order; to be acted upon in `follow`."""
        ...

    async def follow(self) -> None:
        """Act upon all that was committed, and on timers that are due. What follows waits in `effects`."""
        ...

    def effects(self) -> Effects:
        """What is to be written with the next transaction; the same until `written`, and more after `follow`."""
        ...

    def written(self, logged: Sequence[Logged]) -> None:
        """What `effects` gave last is committed. logged: its log, with cursors."""
        ...

    def seconds_until_due(self) -> float:
        """How long the journal may wait before it calls `follow`, at most."""
        ...

    def interrupted(self, since: Instant, until: Instant) -> None:
        """Events could not be taken from `since` to `until`, which is now: timers that came due meanwhile wait."""
        ...


class Known(NamedTuple):
    """All segments, as of a position of the journal. numbers: theirs, by name; conditions may name either. settled: the
    position up to which all that follows is on record."""

    definitions: Sequence[Definition]
    numbers: Mapping[str, int]
    runs: Sequence[Run]
    settled: int


class UserStore(Protocol):
    """What actors are made of. Every method raises the store's errors, of which the journal knows what to do."""

    async def segments(self, since: Instant) -> Known:
        """With the runs that go on or are not armed, those that ended at `since` or later, and those whose timers may
        still wait."""
        ...

    async def load(self, numbers: Sequence[int], plan: Plan, since: Instant | None) -> Sequence[StoredUser]:
        """Those of these users that there are, with all that the plan asks about. since: of events that fade only those
        stamped then or later are needed; None: all."""
        ...

    async def due(self, before: Instant) -> Sequence[tuple[int, Instant]]:
        """Users with timers due before that instant, and their earliest."""
        ...

    async def ahead(self) -> Sequence[tuple[int, Instant]]:
        """Users with live events that came before a run which is not settled, but are stamped when it counts: clocks of
        clients go ahead a little. With the instant of the earliest."""
        ...

    async def concerned(self, plan: Plan, after: int, most: int) -> Sequence[int]:
        """The next users, in order of number, with anything in their history that a trigger of the plan may be told of.
        after: the last of the page before, 0 at first; a page that is not full is the last."""
        ...
