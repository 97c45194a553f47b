"""Changes of segments by way of the journal, one method for each."""

from collections.abc import Awaitable, Callable, Collection
from typing import Protocol, TypeVar

from segd.core.language.definitions import Definition
from segd.core.time.instants import Instant
from segd.store import segments
from segd.store.session import Statements
from segd.store.waiting import Changed

T = TypeVar("T")


class ChangesJournal(Protocol):
    async def change(self, write: Callable[[Statements, int], Awaitable[Changed[T]]]) -> T: ...


class SegmentChanges:
    """Every method returns once its change is in effect; it raises as its namesake in `segments`, and Unavailable.

    now: the clock. removed: told of each segment that is no more. named: told what a changed one is called.
    """

    def __init__(
        self,
        journal: ChangesJournal,
        now: Callable[[], Instant],
        removed: Callable[[int], None] = lambda number: None,
        named: Callable[[int, str], None] = lambda number, name: None,
    ) -> None:
        self._journal = journal
        self._now = now
        self._removed = removed
        self._named = named

    async def create(self, definition: Definition) -> int:
        """Trio. The number of the new one."""
        created = await self._journal.change(
            lambda connection, position: segments.create(connection, position, definition, self._now())
        )
        return created.number

    async def change(self, number: int, definition: Definition, seen: Collection[str] | None = None) -> None:
        """Trio"""
        changed = await self._journal.change(
            lambda connection, position: segments.change(connection, position, number, definition, self._now(), seen)
        )
        self._named(number, changed.name)

    async def pause(self, number: int) -> None:
        """Trio"""
        await self._journal.change(
            lambda connection, position: segments.pause(connection, position, number, self._now())
        )

    async def resume(self, number: int) -> None:
        """Trio"""
        await self._journal.change(
            lambda connection, position: segments.resume(connection, position, number, self._now())
        )

    async def delete(self, number: int, seen: Collection[str] | None = None) -> None:
        """Trio"""
        await self._journal.change(lambda connection, position: segments.delete(connection, position, number, seen))
        self._removed(number)
