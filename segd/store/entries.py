"""Messages at the end of the journal: numbered in order, their users found or made, and written.

What imports and the daemon have in common. A message here is new: whoever calls has taken out the repeats.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from msgspec.json import Encoder

from segd.core.effects import Arrival, Group, Taken
from segd.core.events.messages import Event
from segd.core.time.instants import DAY, Instant, to_datetime
from segd.store import event_rows
from segd.store.queries import query
from segd.store.session import Statements
from segd.store.users import read_identities
from segd.store.writer import Writer

MOST_NAMES = 100_000  # of events, in memory: whoever has a write key can make up as many as they like

_encode = Encoder(decimal_format="number").encode


class Entry(NamedTuple):
    """One message as it is written. properties, traits: JSON objects.

    trusted: whether its alias may join two userIds.
    """

    event: Event
    received_at: Instant
    taken: Taken
    trusted: bool
    properties: bytes
    traits: bytes | None


def entry(event: Event, received_at: Instant, taken: Taken, *, trusted: bool) -> Entry:
    """The message, encoded. received_at: the instant of its import where it is imported, whatever else it says."""
    traits = _encode(event.traits) if event.traits else None
    return Entry(event, received_at, taken, trusted, event.properties_json(), traits)


class Entries:
    """Writes messages one batch after the other, each in a transaction of the caller's, on the connection given.

    Remembers which names and months there are, so one whose transaction was rolled back is of no more use.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._names: dict[str, int] = {}
        self._days: set[int] = set()  # whose month has a partition

    async def number_names(self, connection: Statements, names: Iterable[str]) -> dict[str, int]:
        """Either. The numbers of these names, among others; new names get one."""
        if len(self._names) > MOST_NAMES:
            self._names = {}
        unknown = set(names) - self._names.keys()
        for statement in ("event_names", "add_event_names"):
            if unknown:
                rows = await connection.fetch(query(statement), sorted(unknown))
                self._names.update((row["name"], row["number"]) for row in rows)
                unknown -= self._names.keys()
        return self._names

    async def without_stored(self, connection: Statements, events: Sequence[Event]) -> Sequence[Event]:
        """Either. Those of which no message with the same name, timestamp and id is stored."""
        numbers = await self.number_names(connection, {event.name for event in events})
        moments = {(numbers[event.name], event.timestamp) for event in events}
        names = [name for name, _ in moments]
        timestamps = [to_datetime(timestamp) for _, timestamp in moments]
        stored = {row[0] for row in await connection.fetch(query("stored_ids"), names, timestamps)}
        return [event for event in events if event.message_id not in stored] if stored else events

    async def write(self, connection: Statements, entries: Sequence[Entry]) -> Group:
        """Either. Write them in this order after the journal's end, which the caller is to advance to the position that
        is returned. entries: at least one."""
        events = [entry.event for entry in entries]
        names = await self.number_names(connection, {event.name for event in events})
        await self._make_months(connection, events)
        identities = await read_identities(connection, events)
        first = self._writer.end.position + 1
        users = [
            identities.user_of(entry.event, sequence, _joins_at(entry), trusted=entry.trusted)
            for sequence, entry in enumerate(entries, start=first)
        ]
        arrivals: list[Arrival] = []
        rows: list[bytes] = []
        writes: list[bytes] = []
        for sequence, (entry, user) in enumerate(zip(entries, users, strict=True), start=first):
            event, received_at, taken, _, properties, traits = entry
            origin, user = user, identities.survivor(user)
            arrivals.append(Arrival(event, sequence, received_at, taken, user))
            rows.append(
                event_rows.event_row(
                    user, event.timestamp, sequence, received_at, names[event.name], taken, event.message_id,
                    properties, event.claimed, None if origin == user else origin,
                )
            )  # fmt: skip
            if traits:
                writes.append(event_rows.trait_write_row(user, event.timestamp, sequence, traits))
        await identities.write(connection)
        await connection.copy("events", event_rows.EVENT_COLUMNS, event_rows.content(rows))
        if writes:
            await connection.copy("trait_writes", event_rows.TRAIT_WRITE_COLUMNS, event_rows.content(writes))
        return Group(
            arrivals[-1].sequence,
            arrivals,
            created=identities.created(),
            outdated=identities.outdated(),
            joined=identities.joined(),
        )

    async def _make_months(self, connection: Statements, events: Sequence[Event]) -> None:
        # Asked of days first, since a datetime takes longer to make than all else here.
        days = {event.timestamp // DAY for event in events} - self._days
        if days:
            await connection.execute(query("make_months"), [to_datetime(day * DAY) for day in days])
            self._days |= days


def _joins_at(entry: Entry) -> Instant:
    """A message that came too late, or was imported, joins two users when it came: what they did until then stays."""
    return entry.event.timestamp if entry.taken == "live" else max(entry.received_at, entry.event.timestamp + 1)
