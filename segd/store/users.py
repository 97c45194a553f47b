"""Who is who: from the ids on messages to the numbers of users, for a batch of messages at a time.

Decided in memory on what `user_ids` says about the ids of the batch; what came of it is written once, at its end. The
rules are those of `core.users.population`: the two kinds of id never mean one another; a message with both, or an
alias, joins the history of an anonymous id to a user, once, and from then on messages with that id alone belong to the
userId last seen with it.
"""

from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b
from typing import NamedTuple

from segd.core.events.messages import Event
from segd.core.time.instants import Instant, to_datetime
from segd.store.queries import columns, query
from segd.store.session import Statements

SEQUENCE_BITS = 48  # of a user's number: the message that made it; the 15 above are hash bits of its first id

Id = tuple[bool, str]  # whether it is an anonymousId, and the id


class Meaning(NamedTuple):
    """What an id means. joined: of an anonymous one, its history has joined a user."""

    user: int
    joined: bool


class Seen(NamedTuple):
    """The earliest and latest timestamp of a user's messages in a batch."""

    first: Instant
    last: Instant


class _Move(NamedTuple):
    """A user became part of another, or got another name. into: the other, or the user again. id: the one before, None
    for what the store says."""

    old: int
    into: int
    id: Id | None
    at: Instant
    sequence: int


class Outcome(NamedTuple):
    """What became of the ids of a batch. created: users, by number, with the ids they began with. renamed: their new
    userIds."""

    moves: list[_Move]
    meanings: dict[Id, Meaning]
    created: dict[int, Id]
    renamed: dict[int, str]


class Identities:
    """The ids of one batch. known: what the store says of them; those that are missing are new."""

    def __init__(self, known: dict[Id, Meaning]) -> None:
        self._meanings = dict(known)
        self._changed: dict[Id, Meaning] = {}
        self._created: dict[int, Id] = {}
        self._renamed: dict[int, str] = {}
        self._joins: dict[int, int] = {}
        self._moves: list[_Move] = []
        self._seen: dict[int, Seen] = {}

    def user_of(self, event: Event, sequence: int, joins_at: Instant, *, trusted: bool) -> int:
        """Take the next message. Returns the number of its user, which a later one may still join to another:
        `survivor` tells. joins_at: when it does, if it joins two. trusted: whether an alias may join two userIds, else
        it is plain activity then."""
        user = self._take(event, sequence, joins_at, trusted)
        at = event.timestamp
        seen = self._seen.get(user)
        if seen is None:
            self._seen[user] = Seen(at, at)
        elif at < seen.first or at > seen.last:
            self._seen[user] = Seen(min(at, seen.first), max(at, seen.last))
        return user

    def survivor(self, user: int) -> int:
        """Whom a user is part of, after all that was taken."""
        while user in self._joins:
            user = self._joins[user]
        return user

    def outcome(self) -> "Outcome":
        """What is to be written of it."""
        return Outcome(self._moves, self._meanings, self._created, self._renamed)

    def created(self) -> frozenset[int]:
        """Users who have nothing but what these messages said, each for himself."""
        return frozenset(self._created) - self._joins.keys() - self.outdated()

    def joined(self) -> frozenset[int]:
        """Users who got the history of others."""
        return frozenset(map(self.survivor, self._joins))

    def outdated(self) -> frozenset[int]:
        """Users who got the history of others, or another name; and those others."""
        return frozenset(number for move in self._moves for number in (move.old, self.survivor(move.old)))

    def _take(self, event: Event, sequence: int, at: Instant, trusted: bool) -> int:
        user_id, anonymous_id, previous_id = event.user_id, event.anonymous_id, event.previous_id
        if user_id is None:
            assert anonymous_id is not None
            return self._meant((True, anonymous_id)) or self._create((True, anonymous_id), sequence)
        user = self._meant((False, user_id))
        if anonymous_id is not None:
            user = self._take_anonymous(anonymous_id, user_id, user, at, sequence)
        if previous_id is not None and (previous_id != user_id or (True, previous_id) in self._meanings):
            user = self._take_previous(previous_id, user_id, user, at, sequence, trusted)
        return user or self._create((False, user_id), sequence)

    def _take_anonymous(self, anonymous_id: str, user_id: str, user: int | None, at: Instant, sequence: int) -> int:
        meaning = self._meanings.get((True, anonymous_id))
        if meaning is not None and not meaning.joined:
            user = self._join(meaning.user, user_id, user, at, sequence)
        elif user is None:
            user = self._create((False, user_id), sequence)
        self._mean((True, anonymous_id), Meaning(user, joined=True))
        return user

    def _take_previous(
        self, previous_id: str, user_id: str, user: int | None, at: Instant, sequence: int, trusted: bool
    ) -> int | None:
        previous = self._meant((False, previous_id))
        if previous is None or (True, previous_id) in self._meanings:
            return self._take_anonymous(previous_id, user_id, user, at, sequence)
        if previous == user or not trusted:
            return user
        user = self._join(previous, user_id, user, at, sequence)
        self._mean((False, previous_id), Meaning(user, joined=False))
        return user

    def _join(self, old: int, user_id: str, user: int | None, at: Instant, sequence: int) -> int:
        """Make the two users one. Where one of them has no history yet, it is but a name for the other."""
        renamed = self._renamed.get(old)
        known = self._created.get(old) if renamed is None else (False, renamed)
        self._moves.append(_Move(old, old if user is None else user, known, at, sequence))
        if user is None:
            self._mean((False, user_id), Meaning(old, joined=False))
            if old in self._created:
                self._created[old] = (False, user_id)
            else:
                self._renamed[old] = user_id
            return old
        self._joins[old] = user
        seen = self._seen.pop(old, None)
        if seen is not None:
            other = self._seen.get(user, seen)
            self._seen[user] = Seen(min(seen.first, other.first), max(seen.last, other.last))
        return user

    def _create(self, id: Id, sequence: int) -> int:
        # A message makes one user at most, so its sequence number tells them apart.
        bits = int.from_bytes(blake2b(id[1].encode(), digest_size=2).digest()) >> 1
        user = bits << SEQUENCE_BITS | sequence
        self._created[user] = id
        self._mean(id, Meaning(user, joined=False))
        return user

    def _meant(self, id: Id) -> int | None:
        meaning = self._meanings.get(id)
        return None if meaning is None else self.survivor(meaning.user)

    def _mean(self, id: Id, meaning: Meaning) -> None:
        self._meanings[id] = self._changed[id] = meaning

    async def write(self, connection: Statements) -> None:
        """Either. Everything that came of the batch but its rows. Before these, in the same transaction."""
        if self._moves:
            rows = [
                (self.survivor(old), old, *(id or (None, None)), to_datetime(at), sequence, into)
                for old, into, id, at, sequence in self._moves
            ]
            await connection.execute(query("write_joins"), *columns(rows))
        created = {number: id for number, id in self._created.items() if number not in self._joins}
        if created:
            rows = [(number, id, anonymous, *self._seen_by(number)) for number, (anonymous, id) in created.items()]
            await connection.execute(query("create_users"), *columns(rows))
        if self._renamed:
            await connection.execute(query("rename_users"), *columns(self._renamed.items()))
        rows = [(user, *self._seen_by(user)) for user in self._seen if user not in created]
        if rows:
            await connection.execute(query("see_users"), *columns(rows))
        stored = [(old, self.survivor(old)) for old in self._joins if old not in self._created]
        if stored:
            for name in JOINS:
                await connection.execute(query(name), *columns(stored))
        if self._changed:
            rows = [
                (anonymous, id, self.survivor(user), joined)
                for (anonymous, id), (user, joined) in self._changed.items()
            ]
            await connection.execute(query("write_ids"), *columns(rows))

    def _seen_by(self, user: int) -> tuple[datetime, datetime]:
        first, last = self._seen[user]
        return to_datetime(first), to_datetime(last)


JOINS = (
    "join_events",
    "join_trait_writes",
    "join_qualifications",
    "join_timers",
    "join_log",
    "join_joins",
    "join_ids",
    "join_users",
    "drop_joined_users",
)


async def read_identities(connection: Statements, events: Iterable[Event]) -> Identities:
    """Either. What the store knows of all the ids on these messages."""
    ids: set[Id] = set()
    for event in events:
        if event.user_id is not None:
            ids.add((False, event.user_id))
        if event.anonymous_id is not None:
            ids.add((True, event.anonymous_id))
        if event.previous_id is not None:
            ids.add((False, event.previous_id))
            ids.add((True, event.previous_id))
    rows = await connection.fetch(query("look_up_ids"), *columns(ids)) if ids else []
    return Identities({(anonymous, id): Meaning(user, joined) for anonymous, id, user, joined in rows})
