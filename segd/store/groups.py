"""One round of the journal: what follows from the rounds before, and what came meanwhile, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from hashlib import blake2b

from segd.core.effects import Effects, Group, Logged
from segd.core.time.instants import DAY, Instant, to_datetime
from segd.store import event_rows
from segd.store.effects import write_effects
from segd.store.entries import Entries, Entry
from segd.store.errors import ConnectFailed, ConnectionLost, ServerError
from segd.store.queries import query
from segd.store.waiting import Append, Asked, Item
from segd.store.writer import End, Writer

# Of what Postgres answers, these classes are about the values it got: data exception, violated constraint, too much for
# it. All else (a full disk, a server that became read-only) may pass.
VALUES = ("22", "23", "54")


@dataclass
class Round:
    """items: who is written in it, an `Asked` by himself. end: of the journal once this is committed; as it was where
    there is nothing to commit. logged: the log of effects, as committed."""

    items: Sequence[Item]
    effects: Effects
    end: End
    logged: list[Logged] = field(default_factory=list[Logged])
    group: Group | None = None


class Refused(Exception):
    """A change raised its cause, and nothing of it was written."""


def is_about_values(error: Exception) -> bool:
    """Whether trying again would fail the same way, for what is written is to blame."""
    if isinstance(error, ServerError):
        return error.sqlstate.startswith(VALUES)
    return isinstance(error, (ValueError, ArithmeticError, Refused))


class Rounds:
    """Writes one round after the other. One of which one was rolled back is of no more use.

    zone: in which days are counted.
    """

    def __init__(self, writer: Writer, zone: tzinfo) -> None:
        self._writer = writer
        self._entries = Entries(writer)
        self._zone = zone
        self._seen_day: int | None = None  # the one that `seen` was last made ready for

    async def write(self, round: Round, now: Instant, accepted_at: Instant) -> None:
        """Trio. Commit it; what it does to the journal stands in it before. accepted_at: as in `beat`.

        Raises Refused, what `is_about_values`, and StoreError: then it may have been committed.
        """
        connection = self._writer.connection
        await self._turn_seen(round.items)
        async with connection.transaction():
            end = self._writer.end
            if round.effects:  # first: they are of users as they were before this round
                round.logged = await write_effects(connection, round.effects, end.log_position, self._zone, now)
                end = end._replace(effects=end.effects + 1, log_position=end.log_position + len(round.logged))
            group = await self._write_items(round.items)
            if group is not None:
                end = end._replace(position=group.position)
            if end != self._writer.end:
                round.end, round.group = end._replace(mark=self._writer.mark), group
                concerned = [] if group is None else _concerned(group)
                replanned = group is not None and group.replanned
                await self._writer.advance(
                    end, round.effects.settled, to_datetime(accepted_at), concerned, replanned,
                    statement="advance_live",
                )  # fmt: skip

    async def beat(self, settled: int, accepted_at: Instant) -> None:
        """Trio. Leave word that events were accepted until then, and that all effects up to `settled` are written."""
        await self._writer.connection.execute(query("beat"), settled, to_datetime(accepted_at))

    async def _write_items(self, items: Sequence[Item]) -> Group | None:
        match items:
            case [Asked() as asked]:
                return await self._change(asked)
            case [Append(imported=True) as history]:
                return await self._import(history)
            case _:
                return await self._append(
                    [entry for item in items if isinstance(item, Append) for entry in item.entries]
                )

    async def _change(self, asked: Asked) -> Group:
        assert asked.write is not None
        position = self._writer.end.position + 1
        try:
            asked.result, outdated, replanned = await asked.write(self._writer.connection, position)
        except (ConnectionLost, ConnectFailed):
            raise
        except Exception as error:
            if isinstance(error, ServerError) and not is_about_values(error):
                raise
            raise Refused from error
        return Group(position, outdated=outdated, replanned=replanned)

    async def _import(self, history: Append) -> Group | None:
        first = {entry.event.message_id: entry for entry in reversed(history.entries)}
        new = await self._entries.without_stored([entry.event for entry in reversed(first.values())])
        entries = [first[event.message_id] for event in new]
        history.new = len(entries)
        if not entries:
            return None
        group = await self._entries.write(entries)
        return Group(group.position, outdated=frozenset(_concerned(group)), joined=group.joined)

    async def _append(self, entries: Sequence[Entry]) -> Group | None:
        first_arrivals: dict[bytes, Entry] = {}
        for entry in entries:
            first_arrivals.setdefault(_hash(entry.event.message_id), entry)
        if not first_arrivals:
            return None
        for row in await self._writer.connection.fetch(query("seen_hashes"), list(first_arrivals)):
            del first_arrivals[row[0]]
        if not first_arrivals:
            return None
        group = await self._entries.write(list(first_arrivals.values()))
        assert self._seen_day is not None
        seen = [event_rows.seen_row(hash, self._seen_day) for hash in first_arrivals]
        await self._entries.copy("seen", event_rows.SEEN_COLUMNS, seen)
        return group

    async def _turn_seen(self, items: Sequence[Item]) -> None:
        match items:
            case [*_, Append(imported=False, entries=entries)]:
                today = entries[-1].received_at // DAY
                if today != self._seen_day:
                    await self._writer.connection.execute(query("turn_seen"), to_datetime(today * DAY))
                    self._seen_day = today
            case _:
                pass


def _concerned(group: Group) -> list[int]:
    return list({arrival.user for arrival in group.arrivals} | group.outdated)


def _hash(message_id: str) -> bytes:
    return blake2b(message_id.encode(), digest_size=event_rows.HASH_BYTES).digest()
