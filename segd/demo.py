"""What makes the daemon the demo: segments, a shop's history, and the shop going on as if it were open now.

The first half of the sample is history, moved so that it ends at the start of the demo: late messages rather than an
import, which would open no windows. The rest comes in at the pace at which it once happened; when it is over it comes
again, with users of its own. What is there stays from one start to the next.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import trio

from segd import sample
from segd.assembly import Parts
from segd.core.events.messages import Event, accept, decode
from segd.core.ports import Journal, Unavailable
from segd.core.time.instants import SECOND, Instant, parse_timestamp, to_text
from segd.sample.people import traits
from segd.store.segment_changes import SegmentChanges
from segd.store.segments import SegmentRefused
from segd.store.sizes import sizes

HISTORY = 8_916  # messages of the sample, half of it and so many more that carts are left from the first seconds on
AT_ONCE = 2_000  # messages of history
BEHIND = 10 * SECOND  # by which the replay may fall back, as when a laptop sleeps, before it goes on from now

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Demo:
    """folder: of its own, kept. tell: with sentences for the operator."""

    def __init__(self, parts: Parts, folder: Path, tell: Callable[[str], None]) -> None:
        self._journal = parts.journal
        self._pool = parts.pool
        self._now = parts.now
        self._tell = tell
        self._rounds = folder / "rounds"  # how many were begun, in all starts
        self._waiting: list[dict[str, Any]] = []

    async def prepare(self) -> None:
        """Bring in what is not there yet. Raises Unavailable where segments cannot be made now."""
        round = Round(self._next_round())
        _, there = await sizes(self._pool)
        shop = await _sample()
        if not there:
            self._tell("bringing in the history of the shop")
            history = list(round.messages(shop[:HISTORY]))
            now = self._now()
            later = now - _instant(history[-1])
            for start in range(0, len(history), AT_ONCE):
                group = history[start : start + AT_ONCE]
                await _append(self._journal, [_event(message, later, now) for message in group])
        changes = SegmentChanges(self._journal, self._now)
        for definition in sample.definitions():
            try:
                await changes.create(definition)
            except SegmentRefused as error:
                if error.code != "name_taken":
                    raise
        self._waiting = list(round.messages(shop[HISTORY:]))

    async def go_on(self) -> None:
        """The shop, for ever; after `prepare`."""
        while True:
            await replay(self._journal, self._now, self._waiting)
            self._tell("the shop's day is over, and begins again with other users")
            round = Round(self._next_round())
            shop = await _sample()
            self._waiting = list(round.messages(shop[HISTORY:]))

    def _next_round(self) -> int:
        number = int(self._rounds.read_text()) + 1 if self._rounds.exists() else 1
        self._rounds.write_text(str(number))
        return number


async def replay(journal: Journal, now: Callable[[], Instant], messages: Sequence[dict[str, Any]]) -> None:
    """Trio. The messages, in order of time, as far from one another as they once were; the first happens now."""
    later = now() - _instant(messages[0])
    for instant, group in groupby(messages, _instant):
        behind = now() - (instant + later)
        if behind > BEHIND:
            later += behind
        else:
            await trio.sleep(max(0, -behind) / SECOND)
        received_at = now()
        await _append(journal, [_event(message, later, received_at) for message in group])


async def _sample() -> list[dict[str, Any]]:
    """Trio. In a thread, for it takes a while."""
    return await trio.to_thread.run_sync(lambda: list(sample.messages()))


async def _append(journal: Journal, events: Sequence[Event]) -> None:
    """Trio. Again and again while the database is away."""
    while True:
        try:
            return await journal.append(events)
        except Unavailable as error:
            await trio.sleep(error.retry_after)


class Round:
    """One day of the shop, with messages and users of its own: from the second on, their ids say which it is."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._known: set[str] = set()

    def messages(self, sample: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """These messages of the sample, and before the first of each user who that is."""
        for message in sample:
            user_id = message["userId"] if self._number == 1 else f"{message['userId']}-{self._number}"
            if user_id not in self._known:
                self._known.add(user_id)
                yield {
                    "type": "identify",
                    "messageId": f"who-{user_id}",
                    "userId": user_id,
                    "timestamp": message["timestamp"],
                    "traits": traits(user_id),
                }
            yield message | {"userId": user_id, "messageId": f"{message['messageId']}-{self._number}"}


def _instant(message: dict[str, Any]) -> Instant:
    return parse_timestamp(message["timestamp"])


def _event(message: dict[str, Any], later: int, now: Instant) -> Event:
    """The message, so much later. now: when it is received."""
    content = _encode(message | {"timestamp": to_text(_instant(message) + later)})
    return accept(decode(content), received_at=now, content=content)
