"""Who qualifies for one segment, for eyes."""

from collections.abc import Awaitable, Callable, Sequence
from itertools import cycle
from typing import Final

import trio

from segd.actors.broadcast import Broadcast, Encode
from segd.actors.sampling import Sample
from segd.core.effects import Logged
from segd.core.errors import SegdError
from segd.core.frames import Entries, EntryType, Frame, Rate, Shown

LOOKING_SECONDS: Final = 1.0  # after which entries are shown with nothing beside them
TYPES: Final[Sequence[EntryType]] = ("qualified", "retracted", "corrected")

Look = Callable[[Sequence[Logged]], Awaitable[Sequence[Shown]]]
"""What to show beside each of these. Raises SegdError where that cannot be told now."""

NOTHING: Final = Shown({}, None)


class SegmentFeed(Broadcast):
    """A sample of what the segment's log says, and how often it says so."""

    def __init__(self, encode: Encode, look: Look) -> None:
        super().__init__(encode)
        self._look = look
        self._samples: dict[EntryType, Sample[Logged]] = {type: Sample[Logged]() for type in TYPES}
        self._turns = cycle(TYPES)

    def add(self, logged: Logged) -> None:
        self._samples[logged.entry.type].add(logged)
        self.changed.set()

    def tick(self, rate: Rate) -> None:
        """A second is over."""
        self.send(rate)

    async def next_frame(self) -> Frame | None:
        """Of one type; they take turns."""
        for _ in TYPES:
            type = next(self._turns)
            if self._samples[type]:
                entries, left_out = self._samples[type].take()
                return Entries(type, entries, await self._beside(entries), left_out)
        return None

    async def _beside(self, entries: Sequence[Logged]) -> Sequence[Shown]:
        with trio.move_on_after(LOOKING_SECONDS):
            try:
                return await self._look(entries)
            except SegdError:
                pass  # the database is away, as the journal tells
        return [NOTHING] * len(entries)
