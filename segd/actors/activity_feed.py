"""All that happens, whatever segment it concerns, for eyes."""

from collections.abc import Sequence
from typing import Protocol

from segd.actors.broadcast import Broadcast, Encode
from segd.actors.sampling import KEPT, Sample
from segd.core.effects import Arrival
from segd.core.frames import Activity, Frame, Rejection, Rejections, Total


class Refused(Protocol):
    """The messages that were refused. count: of all."""

    count: int

    def latest(self, most: int) -> Sequence[Rejection]:
        """The latest first."""
        ...


class ActivityFeed(Broadcast):
    """A sample of the events, and of the messages that were refused."""

    def __init__(self, encode: Encode, refused: Refused) -> None:
        super().__init__(encode)
        self._refused = refused
        self._events = Sample[Arrival]()
        self._rejections = Sample[Rejection]()

    def begin(self) -> None:
        """Somebody watches again: what happened meanwhile is of no interest."""
        self._events.clear()
        self._rejections.clear()

    def add(self, arrivals: Sequence[Arrival]) -> None:
        self._events.extend(arrivals)
        self.changed.set()

    def tick(self, total: Total) -> None:
        """A second is over."""
        self.send(total)
        if total.rejected:
            latest = self._refused.latest(min(total.rejected, KEPT))
            self._rejections.extend(reversed(latest), before=total.rejected - len(latest))
            self.changed.set()

    async def next_frame(self) -> Frame | None:
        """What was refused goes first: there is less of it, and it matters more."""
        if self._rejections:
            return Rejections(*self._rejections.take())
        if self._events:
            return Activity(*self._events.take())
        return None
