"""Who qualifies for one segment, for eyes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import cycle
from typing import Final

import trio

from segd.actors.broadcast import Broadcast, Encode
from segd.actors.sampling import Sample
from segd.core.effects import Logged
from segd.core.errors import SegdError
from segd.core.frames import Entries, EntryType, Frame, Rate
from segd.core.instants import Instant

TRAITS_SECONDS: Final = 1.0  # after which users are shown without their traits
TYPES: Final[Sequence[EntryType]] = ("qualified", "retracted", "corrected")

Traits = Callable[[Sequence[int]], Awaitable[Mapping[int, Mapping[str, object]]]]
"""What to show of these users, by number. Raises SegdError where that cannot be told now."""


class SegmentFeed(Broadcast):
    """A sample of what the segment's log says, and how often it says so."""

    def __init__(self, encode: Encode, traits: Traits) -> None:
        super().__init__(encode)
        self._traits = traits
        self._samples: dict[EntryType, Sample[Logged]] = {type: Sample[Logged]() for type in TYPES}
        self._turns = cycle(TYPES)
        self._qualifying = 0  # since the last tick

    def add(self, logged: Logged) -> None:
        type = logged.entry.type
        self._qualifying += type == "qualified"
        self._samples[type].add(logged)
        self.changed.set()

    def tick(self, at: Instant, all: int) -> None:
        """A second is over. all: events in it."""
        self.send(Rate(at, self._qualifying, all))
        self._qualifying = 0

    async def next_frame(self) -> Frame | None:
        """Of one type; they take turns."""
        for _ in TYPES:
            type = next(self._turns)
            if self._samples[type]:
                entries, left_out = self._samples[type].take()
                return Entries(type, entries, await self._traits_of(entries), left_out)
        return None

    async def _traits_of(self, entries: Sequence[Logged]) -> Mapping[int, Mapping[str, object]]:
        with trio.move_on_after(TRAITS_SECONDS):
            try:
                return await self._traits([each.entry.user for each in entries])
            except SegdError:
                pass  # the database is away, as the journal tells
        return {}
