"""Who waits for the journal: senders of events, imports and changes, in order of their coming, bounded."""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

import trio

from segd.core.ports import Unavailable
from segd.store.entries import Entry
from segd.store.session import Statements

T = TypeVar("T")

RETRY_SECONDS = 2  # after which senders should try again
ENTRY_BYTES = 1000  # of memory that an event takes beside its text, about


class Changed(NamedTuple, Generic[T]):
    """What a change of the store did. result: for whoever asked. outdated: users whose rows it moved, took or removed.
    replanned: it changed segments."""

    result: T
    outdated: frozenset[int] = frozenset()
    replanned: bool = False


Write = Callable[[Statements, int], Awaitable[Changed[T]]]


@dataclass(eq=False)
class Item:
    """Somebody waiting. alone: to be written in a transaction of its own, without effects."""

    alone: bool = False
    arrived: float = field(default_factory=trio.current_time)
    done: trio.Event = field(default_factory=trio.Event)
    error: Exception | None = None
    tries: int = 0
    events: int = 0
    size: int = 0  # bytes


@dataclass(eq=False)
class Append(Item):
    """Events on their way. imported: as history, told from repeats by what is stored. new: how many were none."""

    entries: Sequence[Entry] = ()
    imported: bool = False
    new: int = 0

    def __post_init__(self) -> None:
        self.events = len(self.entries)
        self.size = sum(len(each.properties) + len(each.traits or b"") + ENTRY_BYTES for each in self.entries)


@dataclass(eq=False)
class Asked(Item):
    """A change of the store. write: as `PostgresJournal.change` takes it; its result stays here until the commit."""

    write: Write[Any] | None = None
    result: Any = None


class Queue:
    """All who have no answer yet. most_…: how much may wait, including what is being written."""

    def __init__(self, most_events: int, most_bytes: int) -> None:
        self.most_events = most_events
        self.most_bytes = most_bytes
        self.events = 0  # queued, or being written
        self.size = 0
        self.queued_events = 0
        self.people = 0  # who have no answer
        self._queue: deque[Item] = deque()
        self._news = trio.Event()

    def first(self) -> Item | None:
        return self._queue[0] if self._queue else None

    def check_room(self, events: int, size: int = 0) -> None:
        """Raises Unavailable where so much more would be too much; one alone never is."""
        if self.events and (self.events + events > self.most_events or self.size + size > self.most_bytes):
            raise Unavailable("overloaded", "more events are waiting than can be taken", RETRY_SECONDS)

    def put(self, item: Item) -> None:
        """At the end."""
        self.people += 1
        self.events += item.events
        self.size += item.size
        self._queue.append(item)
        self.queued_events += item.events
        self.notify()

    def put_back(self, items: Sequence[Item]) -> None:
        """Before all others, those that have no answer yet."""
        for item in reversed(items):
            if not item.done.is_set():
                self._queue.appendleft(item)
                self.queued_events += item.events

    def take(self, most_events: int) -> list[Item]:
        """The next group: one who is to be alone, or several with so many events at most, but one at least."""
        taken = [self._pop()]
        room = 0 if taken[0].alone else most_events - taken[0].events
        while self._queue and self._queue[0].events <= room and not self._queue[0].alone:
            taken.append(self._pop())
            room -= taken[-1].events
        return taken

    def _pop(self) -> Item:
        item = self._queue.popleft()
        self.queued_events -= item.events
        return item

    def answer(self, items: Iterable[Item], error: Exception | None = None) -> None:
        """Let them return, those that have not."""
        for item in items:
            if not item.done.is_set():
                item.error = error
                item.done.set()
                self.people -= 1
                self.events -= item.events
                self.size -= item.size

    def refuse_all(self, reason: str) -> None:
        """Answer all who are queued."""
        self.answer(self._queue, unavailable(reason))
        self._queue.clear()
        self.queued_events = 0

    def notify(self) -> None:
        """End `wait_news`."""
        self._news.set()

    async def wait_news(self) -> None:
        """Trio. Until somebody came, or `notify`."""
        self._news = trio.Event()
        await self._news.wait()


def unavailable(reason: str, kind: type[Unavailable] = Unavailable) -> Unavailable:
    """That nothing can be taken, as senders are told."""
    return kind("unavailable", f"events cannot be taken now: {reason}", RETRY_SECONDS)
