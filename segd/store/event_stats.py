"""What events and traits look like, for whoever writes a definition: names, properties, types, frequent values.

Told from a sample that is bounded in bytes, so that it takes as long with ten million events as with a few hundred
thousand; below that, counts are exact. The answers are kept for some seconds.
"""

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
import trio

from segd.core.answers import Named
from segd.core.observing import Observed, observe
from segd.core.time.instants import from_datetime
from segd.store.bridge import Pool
from segd.store.queries import query
from segd.store.session import Row

T = TypeVar("T")

READ_BYTES = 48_000_000  # of events that are counted; some 200,000
READ_TRAIT_BYTES = 8_000_000
SAMPLE = 1_000  # events of one name, or writes of traits, that are looked into
KEPT_SECONDS = 10.0
MOST_KEPT = 100  # answers

_decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode


class PostgresEventStats:
    """The EventStats of `core.answers`."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._kept: dict[str | None, tuple[float, Any]] = {}

    async def names(self) -> list[Named]:
        """Trio. As `core.answers` says; the most frequent first."""
        return await self._keep("names", self._names)

    async def properties(self, name: str) -> tuple[Named, list[Observed]]:
        """Trio. As `core.answers` says."""
        return await self._keep(f"name {name}", lambda: self._properties(name))

    async def traits(self) -> tuple[int, list[Observed]]:
        """Trio. As `core.answers` says."""
        return await self._keep("traits", self._traits)

    async def _names(self) -> list[Named]:
        async with self._pool.acquire() as connection:
            share = _share(await connection.fetchval(query("size_of_events")), READ_BYTES)
            counts = {
                number: round(count / share)
                for number, count in await connection.fetch(query("counts_of_events"), 100 * share)
            }
            found = [
                Named(name, counts.get(number, 1), from_datetime(last_seen))
                for number, name, last_seen in await connection.fetch(query("last_of_events"))
                if last_seen is not None  # of forgotten users alone
            ]
        return sorted(found, key=lambda one: (-one.number, one.name))

    async def _properties(self, name: str) -> tuple[Named, list[Observed]]:
        named = next((one for one in await self.names() if one.name == name), None)
        async with self._pool.acquire() as connection:
            number = await connection.fetchval(query("number_of_event"), name)
            rows = [] if number is None else await connection.fetch(query("latest_events"), number, SAMPLE)
        if not rows:
            raise LookupError(name)
        named = named or Named(name, len(rows), None)
        return named, await _observed(rows, max(1.0, named.number / len(rows)))

    async def _traits(self) -> tuple[int, list[Observed]]:
        async with self._pool.acquire() as connection:
            share = _share(await connection.fetchval(query("size_of_trait_writes")), READ_TRAIT_BYTES)
            writes = await connection.fetchval(query("count_trait_writes"), 100 * share)
            users = await connection.fetchval(query("users_with_traits"))
            rows = await connection.fetch(query("some_trait_writes"), 100 * share, SAMPLE)
        return users, await _observed(rows, max(1.0, writes / share / len(rows))) if rows else []

    async def _keep(self, key: str, find: Callable[[], Awaitable[T]]) -> T:
        until, kept = self._kept.get(key, (0.0, None))
        if trio.current_time() < until:
            return kept
        found = await find()
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (trio.current_time() + KEPT_SECONDS, found)
        return found


def _share(size: int, most: int) -> float:
    """How much of so many bytes is read; all of a little."""
    return min(1.0, most / max(size, 1))


async def _observed(rows: Sequence[Row], scale: float) -> list[Observed]:
    """Trio. rows: a user's number and a JSON object. scale: how many there are for each of them."""

    def look() -> list[Observed]:
        return [
            one._replace(
                number=round(one.number * scale), values=[(value, round(many * scale)) for value, many in one.values]
            )
            for one in observe((user, _decode(content)) for user, content in rows)
        ]

    return await trio.to_thread.run_sync(look)
