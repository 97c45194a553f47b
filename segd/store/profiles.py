"""Everything about one user: found by id or e-mail, traits, timeline, segments, and why or why not."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import tzinfo
from decimal import Decimal
from typing import Any, Protocol, TypeVar

import msgspec

from segd.core.answers import Belongs, CausedBy, Happened, Person, Profile, Timeline, UserKey
from segd.core.errors import SegdError
from segd.core.events.refused_ids import RefusedIds, hash_of
from segd.core.ports import Unsure
from segd.core.time.instants import LATEST, Instant, from_datetime, to_datetime
from segd.core.why.verdict import Told
from segd.store.bridge import Pool
from segd.store.export import exported
from segd.store.forgetting import forget, ids_of
from segd.store.people import person, with_traits
from segd.store.queries import query
from segd.store.session import Row
from segd.store.waiting import Write
from segd.store.why import memberships, user_row, why

T = TypeVar("T")

LONGEST_PREFIX = 200  # of an e-mail: what the index holds
LAST_CHARACTER = "\U0010ffff"

_decode = msgspec.json.Decoder(Any, float_hook=Decimal).decode


class Journal(Protocol):
    async def change(self, write: Write[T]) -> T: ...


class PostgresProfiles:
    """The Users of `core.answers`. journal: forgetting goes through it. zone: the account's. now: the clock. refused:
    ids that are not taken, where those of forgotten users are noted. forgotten: told the ids of each."""

    def __init__(
        self,
        pool: Pool,
        journal: Journal,
        zone: tzinfo,
        now: Callable[[], Instant],
        refused: RefusedIds,
        forgotten: Callable[[Sequence[str]], None],
    ) -> None:
        self._pool = pool
        self._journal = journal
        self._zone = zone
        self._now = now
        self._refused = refused
        self._forgotten = forgotten

    async def find(self, text: str, most: int) -> list[Person]:
        """Trio. As `core.answers` says."""
        if not text:
            return []
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(query("users_by_id"), text)
            email = text.lower()[:LONGEST_PREFIX]
            rows += await connection.fetch(query("users_by_email"), email, email + LAST_CHARACTER, most)
            rows += await connection.fetch(query("users_by_beginning"), text, text + LAST_CHARACTER, most)
            return (await with_traits(connection, rows))[:most]

    async def profile(self, key: UserKey) -> Profile:
        """Trio. As `core.answers` says."""
        async with self._pool.acquire() as connection:
            row = await user_row(connection, key)
            number: int = row["number"]
            traits = await connection.fetch(query("traits_of_user"), number)
            ids = await connection.fetch(query("ids_of_user"), number)
            latest = await connection.fetchval(query("latest_event"), number)
            qualified = await connection.fetch(query("qualified_of_user"), number)
            members = await memberships(connection, row, self._zone, self._now())
        standing = {name: value for name, written in traits if (value := _decode(written)) is not None}
        shown = person(row, standing)
        if latest is not None:  # the row is not written anew for each message
            shown = shown._replace(last_seen=max(shown.last_seen, from_datetime(latest)))
        return Profile(
            shown,
            [UserKey(id, anonymous) for id, anonymous in ids],
            from_datetime(row["first_seen"]),
            [Belongs(segment, name, from_datetime(at)) for segment, name, at in qualified] + members,
        )

    async def timeline(self, key: UserKey, before: tuple[Instant, int] | None, most: int) -> Timeline:
        """Trio. As `core.answers` says."""
        at, sequence = before or (LATEST, 0)
        async with self._pool.acquire() as connection:
            number: int = (await user_row(connection, key))["number"]
            rows = await connection.fetch(query("timeline"), number, to_datetime(at), sequence, most + 1)
            sequences = [row["sequence"] for row in rows[:most]]
            caused: dict[int, list[CausedBy]] = {}
            now = to_datetime(self._now())
            for cause, segment, name, kind, when in await connection.fetch(query("caused"), number, sequences, now):
                caused.setdefault(cause, []).append(CausedBy(segment, name, kind, from_datetime(when)))
        return Timeline([_happened(row, caused) for row in rows[:most]], len(rows) > most)

    async def why(self, key: UserKey, segment: int) -> Told:
        """Trio. As `core.answers` says."""
        async with self._pool.acquire() as connection:
            return await why(connection, await user_row(connection, key), segment, self._zone, self._now())

    async def forget(self, key: UserKey, refused_until: Instant | None) -> dict[str, int]:
        """Trio. As `core.answers` says."""
        ids: list[UserKey] = []
        if refused_until is not None:  # before they are forgotten: what is taken in between would stay
            async with self._pool.acquire() as connection:
                user = await user_row(connection, key)
                ids = await ids_of(connection, user["number"])
            self._refuse(ids, refused_until)
        try:
            counts, all_ids = await self._journal.change(
                lambda connection, _: forget(connection, key, self._zone, refused_until)
            )
        except Unsure:
            raise  # they stay refused: who is told so asks again
        except SegdError:
            for one in ids:
                self._refused.accept_again(one.anonymous, hash_of(one.id))
            raise
        if refused_until is not None:
            self._refuse(all_ids, refused_until)  # one may have been joined meanwhile
        self._forgotten([one.id for one in all_ids])
        return counts

    def _refuse(self, ids: Iterable[UserKey], until: Instant) -> None:
        for one in ids:
            self._refused.refuse(one.anonymous, hash_of(one.id), until)

    def export(self, key: UserKey) -> AbstractAsyncContextManager[Any]:
        """Trio. As `core.answers` says."""
        return exported(self._pool, key)


def _happened(row: Row, caused: Mapping[int, list[CausedBy]]) -> Happened:
    return Happened(
        from_datetime(row["timestamp"]),
        row["sequence"],
        row["name"],
        row["content"],
        row["message_id"],
        caused.get(row["sequence"], ()),
    )
