"""One round of the journal: what follows from the rounds before, and what came meanwhile, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from hashlib import blake2b

from segd.core.effects import Effects, Group, Logged
from segd.core.time.instants import Instant, to_datetime
from segd.store import event_rows
from segd.store.effects import write_effects
from segd.store.entries import Entries, Entry
from segd.store.errors import ConnectFailed, ConnectionLost, ServerError
from segd.store.queries import query
from segd.store.session import CLOSING_SECONDS, Statements
from segd.store.waiting import Append, Asked, Item
from segd.store.writer import End, Writer

# Of what Postgres answers, these classes are about the values it got: data exception, violated constraint, too much for
# it. All else (a full disk, a server that became read-only) may pass.
VALUES = ("22", "23", "54")
SEEN_SECONDS = 86_400.0  # a message that comes again is known at least so long, by a clock that nobody sets


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
        self._seen_day: int | None = None  # of running: the one that `seen` was last made ready for

    async def write(self, round: Round, now: Instant, accepted_at: Instant, ran: float) -> None:
        """Trio. Commit it; what it does to the journal stands in it before. accepted_at, ran: as in `beat`.

        Raises Refused, what `is_about_values`, and StoreError: then it may have been committed.
        """
        await self._writer.connection.run(
            lambda session: self._write(session, round, now, accepted_at, ran), CLOSING_SECONDS
        )

    async def _write(self, session: Statements, round: Round, now: Instant, accepted_at: Instant, ran: float) -> None:
        await self._turn_seen(session, ran)
        async with session.transaction():
            end = self._writer.end
            if round.effects:  # first: they are of users as they were before this round
                round.logged = await write_effects(session, round.effects, end.log_position, self._zone, now)
                end = end._replace(effects=end.effects + 1, log_position=end.log_position + len(round.logged))
            group = await self._write_items(session, round.items)
            if group is not None:
                end = end._replace(position=group.position)
            if end != self._writer.end:
                round.end, round.group = end._replace(mark=self._writer.mark), group
                concerned = [] if group is None else _concerned(group)
                replanned = group is not None and group.replanned
                await self._writer.advance(
                    session, end, round.effects.settled, to_datetime(accepted_at), ran, concerned, replanned,
                    statement="advance_live",
                )  # fmt: skip

    async def beat(self, settled: int, accepted_at: Instant, ran: float) -> None:
        """Trio. Leave word that events were accepted until then, and that all effects up to `settled` are written. ran:
        for how many seconds segd has, in all its lives."""
        await self._writer.connection.execute(query("beat"), settled, to_datetime(accepted_at), ran)

    async def _write_items(self, session: Statements, items: Sequence[Item]) -> Group | None:
        match items:
            case [Asked() as asked]:
                return await self._change(session, asked)
            case _:
                return await self._append(session, [item for item in items if isinstance(item, Append)])

    async def _change(self, session: Statements, asked: Asked) -> Group:
        assert asked.write is not None
        position = self._writer.end.position + 1
        try:
            asked.result, outdated, replanned = await asked.write(session, position)
        except (ConnectionLost, ConnectFailed):
            raise
        except Exception as error:
            if isinstance(error, ServerError) and not is_about_values(error):
                raise
            raise Refused from error
        return Group(position, outdated=outdated, replanned=replanned)

    async def _append(self, session: Statements, appends: Sequence[Append]) -> Group | None:
        live = await self._not_seen(session, [entry for each in appends if not each.imported for entry in each.entries])
        known = {entry.event.message_id for entry in live.values()}
        history: list[Entry] = []
        for each in appends:
            if each.imported:
                history += await self._not_stored(session, each, known)
        if not live and not history:
            return None
        group = await self._entries.write(session, [*history, *live.values()])
        if live:
            assert self._seen_day is not None
            seen = [event_rows.seen_row(hash, self._seen_day) for hash in live]
            await session.copy("seen", event_rows.SEEN_COLUMNS, event_rows.content(seen))
        imported, arrivals = group.arrivals[: len(history)], group.arrivals[len(history) :]
        created = group.created.difference(arrival.user for arrival in imported)
        return group._replace(arrivals=arrivals, history=imported, created=created)

    async def _not_seen(self, session: Statements, entries: Sequence[Entry]) -> dict[bytes, Entry]:
        """The first of each message that did not come lately, by hash."""
        first_arrivals: dict[bytes, Entry] = {}
        for entry in entries:
            first_arrivals.setdefault(_hash(entry.event.message_id), entry)
        if first_arrivals:
            for row in await session.fetch(query("seen_hashes"), list(first_arrivals)):
                del first_arrivals[row[0]]
        return first_arrivals

    async def _not_stored(self, session: Statements, history: Append, known: set[str]) -> list[Entry]:
        """The first of each message that is not there already. known: ids of messages of this round; gets theirs."""
        first: dict[str, Entry] = {}
        for entry in history.entries:
            if entry.event.message_id not in known:
                first.setdefault(entry.event.message_id, entry)
        known.update(first)
        new = await self._entries.without_stored(session, [entry.event for entry in first.values()])
        history.new = len(new)
        return [first[event.message_id] for event in new]

    async def _turn_seen(self, session: Statements, ran: float) -> None:
        today = int(ran / SEEN_SECONDS)
        if today != self._seen_day:
            await session.execute(query("turn_seen"), today)
            self._seen_day = today


def _concerned(group: Group) -> list[int]:
    return list({arrival.user for arrival in (*group.history, *group.arrivals)} | group.outdated)


def _hash(message_id: str) -> bytes:
    return blake2b(message_id.encode(), digest_size=event_rows.HASH_BYTES).digest()
