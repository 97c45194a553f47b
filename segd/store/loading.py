"""What actors are made of: all that the store knows of some users and a plan asks about, at one instant.

Rows are found by their keys alone, (user_number, timestamp) of events above all: nobody's plan may depend on how large
a table was when it was made. Properties stay JSON here too, and are fetched only where somebody will read them.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import trio
from msgspec.json import Decoder

from segd.core.deciding.plan import Plan
from segd.core.effects import Moved, Standing, StoredEvent, StoredUser, Taken, Waiting
from segd.core.events.messages import Event, Kind
from segd.core.time.instants import Instant, from_datetime, to_datetime
from segd.store.bridge import Connection
from segd.store.queries import query
from segd.store.session import Row, Statements

TURN = 2_000  # rows that are read at once, in about 10 ms

_TRAITS = Decoder(dict[str, Any], float_hook=Decimal)  # as arriving ones are read

_KINDS: dict[str, Kind] = {
    "$page": "page", "$screen": "screen", "$identify": "identify", "$group": "group", "$alias": "alias"
}  # fmt: skip


@dataclass
class _Rows:
    """What is read of some users. events: those that wrote traits come again, and are the ones that count."""

    users: list[Row]
    joins: list[Row]
    standing: list[Row]
    timers: list[Row]
    events: list[Row] = field(default_factory=list[Row])


async def load_asked(
    connection: Connection, plan: Plan, numbers: Sequence[int], since: Instant | None
) -> list[StoredUser]:
    """Trio. The users of these numbers with all that the plan asks about, as `load_users` says. since: of events that
    fade only those stamped then or later are needed; None: all."""
    asked = plan.asked()
    return await load_users(
        connection,
        numbers,
        names=asked.read,
        plain=asked.plain,
        everything=plan.hears_all,
        traits=plan.traits,
        lasting=asked.lasting,
        since=None if plan.keeps_seen else since,
    )


async def load_users(
    connection: Connection,
    numbers: Sequence[int],
    *,
    names: Collection[str],
    plain: Collection[str],
    everything: bool,
    traits: Collection[str],
    lasting: Collection[str] = (),
    since: Instant | None,
) -> list[StoredUser]:
    """Trio. The users of these numbers, without those who are none (any more); all as of the same instant.

    names: of events that are needed with their properties. plain: of those that are needed without, which then read as
    empty. everything: all other events are needed, too, without properties. traits: each event that wrote one of these
    is there with all that it wrote, under its own name whatever that is, and however old; on other events no traits
    are seen. lasting: of the events asked for by name those that are needed however old. since: all others that are
    stamped earlier are not needed; None: all are.
    """
    asked, with_properties = [*names, *plain], list(names)
    bound = None if since is None else to_datetime(since)

    async def read(session: Statements) -> _Rows:
        """Either"""
        async with session.transaction(isolation="repeatable_read", readonly=True):
            await session.execute(query("look_up_in_this"))
            rows = _Rows(
                await session.fetch(query("users_by_number"), numbers),
                await session.fetch(query("joins_of_users"), numbers),
                await session.fetch(query("standing_of_users"), numbers),
                await session.fetch(query("timers_of_users"), numbers),
            )
            statement = query("events_of_users")
            if asked or everything:
                rows.events += await session.fetch(statement, numbers, bound, everything, asked, with_properties)
                if bound is not None and lasting:
                    rows.events += await session.fetch(statement, numbers, None, False, list(lasting), with_properties)
            if traits:
                rows.events += await session.fetch(
                    query("trait_writes_of_users"), numbers, list(traits), with_properties
                )
        return rows

    rows = await connection.run(read)
    events: dict[int, dict[int, StoredEvent]] = {}  # by user and sequence
    moved: dict[int, list[Moved]] = {}
    standing: dict[int, list[Standing]] = {}
    waiting: dict[int, list[Waiting]] = {}
    async for row in _in_turns(rows.events):
        events.setdefault(row[0], {})[row[2]] = _event(row)
    for user, old, into, id, anonymous, at, sequence in rows.joins:
        moved.setdefault(user, []).append(Moved(old, into, id, anonymous, from_datetime(at), sequence))
    async for row in _in_turns(rows.standing):
        user, segment, version, id, anonymous, at, cause, cause_id = row
        one = Standing(segment, version, id, anonymous, from_datetime(at), cause, cause_id)
        standing.setdefault(user, []).append(one)
    for row in rows.timers:
        user, segment, version, cause, opened, due = row
        one = Waiting(segment, version, cause, from_datetime(opened), from_datetime(due))
        waiting.setdefault(user, []).append(one)
    return [
        StoredUser(
            number,
            id,
            anonymous,
            list(events.get(number, {}).values()),
            moved.get(number, ()),
            standing.get(number, ()),
            waiting.get(number, ()),
        )
        for number, id, anonymous in rows.users
    ]


async def due_users(connection: Connection, before: Instant, after: Instant | None) -> list[tuple[int, Instant]]:
    """Trio. Users with timers that are due from `after` on (None: whenever) and before `before`; with the earliest."""
    bound = None if after is None else to_datetime(after)
    rows = await connection.fetch(query("due_users"), bound, to_datetime(before))
    return [(user, from_datetime(due)) async for user, due in _in_turns(rows)]


async def users_ahead(connection: Connection) -> list[tuple[int, Instant]]:
    """Trio. Users with live events that came before a run of which nothing is settled yet, but are stamped when it
    counts; with the instant of the earliest."""
    async with connection.transaction(readonly=True):
        await connection.execute(query("look_up_in_this"))
        rows = await connection.fetch(query("users_ahead"))
    return [(user, from_datetime(at)) for user, at in rows]


async def users_with_events(
    connection: Connection,
    names: Collection[str],
    since: Instant | None,
    traits: Collection[str],
    after_number: int,
    limit: int,
) -> list[int]:
    """Trio. The next users, in order of number, with events of these names stamped `since` or later (None: ever), or
    with writes of these traits at any time. after_number: the last one of the page before; 0 at first. limit: of a
    page; one that is not full is the last."""
    bound = None if since is None else to_datetime(since)
    async with connection.transaction(readonly=True):
        await connection.execute(query("plan_for_these_values"))
        statement = query("users_with_events")
        rows = await connection.fetch(statement, list(names), bound, list(traits), after_number, limit)
    return [row[0] for row in rows]


async def _in_turns(rows: Sequence[Row]) -> AsyncIterator[Row]:
    """Trio. One after the other, where others have their turn in between."""
    for count, row in enumerate(rows, start=1):
        yield row
        if count % TURN == 0:
            await trio.lowlevel.checkpoint()


def _event(row: Row) -> StoredEvent:
    _, timestamp, sequence, received_at, live, imported, origin, message_id, name, properties, traits = row
    received = from_datetime(received_at)
    event = Event(
        _KINDS.get(name, "track"),
        name,
        None,
        None,
        None,
        from_datetime(timestamp),
        received,
        None,
        message_id,
        None if traits is None else _TRAITS.decode(traits),
        0,
        b"" if properties is None else properties.encode(),
    )
    taken: Taken = "live" if live else "imported" if imported else "late"
    return StoredEvent(event, sequence, received, taken, origin)
