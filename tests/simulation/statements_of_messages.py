"""What statements do: the journal, messages taken in, who is who, and people forgotten."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from segd.store.errors import ServerError

from .statements import WRITES, reads, writes
from .tables import Forgetting, Journal, Row, Tables, User, insert, rows

# The journal


@reads
def end_of_journal(t: Tables) -> list[Row]:
    one = t.journal[True]
    return rows("position effects log_position mark", [(one.position, one.effects, one.log_position, one.mark)])


@reads
def settled(t: Tables) -> list[Row]:
    return rows("settled", [(t.journal[True].settled,)])


@reads
def unsettled(t: Tables) -> list[Row]:
    users = {number for numbers, _ in t.unsettled.values() for number in numbers if number in t.users}
    replanned = any(replanned for _, replanned in t.unsettled.values())
    one = t.journal[True]
    found = sorted(users), replanned, one.settled, one.accepted_at, one.ran
    return rows("users replanned settled accepted_at ran", [found])


@writes
def advance_live(
    t: Tables, position: int, effects: int, to: int, to_effects: int, to_log: int, mark: int, done: int,
    now: datetime, ran: float, users: list[int], replanned: bool,
) -> str:  # fmt: skip
    for key in [key for key in t.unsettled if key <= done]:
        del t.unsettled[key]
    if to > position:
        insert(t.unsettled, to, (users, replanned))
    one = t.journal[True]
    if (one.position, one.effects) != (position, effects):
        return "UPDATE 0"
    t.journal[True] = Journal(to, done, to_log, to_effects, now, mark, ran)
    return "UPDATE 1"


@writes
def beat(t: Tables, done: int, now: datetime, ran: float) -> None:
    for key in [key for key in t.unsettled if key <= done]:
        del t.unsettled[key]
    t.journal[True] = t.journal[True]._replace(settled=done, accepted_at=now, ran=ran)


# Taking in


@writes
def turn_seen(t: Tables, today: int) -> None:
    for key in [key for key in t.seen if key[1] < today - 1]:
        del t.seen[key]


@reads
def seen_hashes(t: Tables, hashes: list[bytes]) -> list[Row]:
    known = {hash for hash, _ in t.seen}
    return rows("message_hash", [(hash,) for hash in hashes if hash in known])


@reads
def event_names(t: Tables, names: list[str]) -> list[Row]:
    return rows("name number", [(name, t.event_names[name]) for name in names if name in t.event_names])


@writes
def add_event_names(t: Tables, names: list[str]) -> list[Row]:
    for name in names:
        insert(t.event_names, name, t.next_number("event_names"))
    return rows("name number", [(name, t.event_names[name]) for name in names])


@reads
def stored_ids(t: Tables, names: list[int], timestamps: list[datetime]) -> list[Row]:
    moments = set(zip(names, timestamps, strict=True))
    return rows("id", [(one.message_id,) for one in t.events.values() if (one.name, one.timestamp) in moments])


# Who is who


@reads
def look_up_ids(t: Tables, anonymous: list[bool], ids: list[str]) -> list[Row]:
    keys = set(zip(anonymous, ids, strict=True))
    found = [(*key, *t.user_ids[key]) for key in sorted(keys) if key in t.user_ids]
    return rows("anonymous id user_number joined", found)


@writes
def write_ids(t: Tables, *columns: list[Any]) -> None:
    for anonymous, id, user, joined in zip(*columns, strict=True):
        t.user_ids[anonymous, id] = user, joined


@writes
def create_users(t: Tables, *columns: list[Any]) -> None:
    for number, *row in zip(*columns, strict=True):
        insert(t.users, number, User(*row))


@writes
def rename_users(t: Tables, numbers: list[int], ids: list[str]) -> None:
    for number, id in zip(numbers, ids, strict=True):
        if number in t.users:
            t.users[number] = t.users[number]._replace(id=id, anonymous=False)


@writes
def see_users(t: Tables, *columns: list[Any]) -> None:
    for number, earliest, latest in zip(*columns, strict=True):
        one = t.users.get(number)
        if one and (earliest < one.first_seen or latest > one.last_seen + timedelta(minutes=10)):
            t.users[number] = one._replace(
                first_seen=min(one.first_seen, earliest), last_seen=max(one.last_seen, latest)
            )


@writes
def write_joins(t: Tables, *columns: list[Any]) -> None:
    for survivor, old, anonymous, id, at, sequence, into in zip(*columns, strict=True):
        one = t.users.get(old)
        anonymous = one.anonymous if one and anonymous is None else anonymous
        id = one.id if one and id is None else id
        if anonymous is None or id is None:
            raise ServerError("a join of nobody", "23502")
        insert(t.joins, (survivor, sequence, old), (id, anonymous, at, into))


@writes
def join_events(t: Tables, old: list[int], survivors: list[int]) -> None:
    into = dict(zip(old, survivors, strict=True))
    for sequence, one in t.events.items():
        if one.user_number in into:
            origin = one.user_number if one.origin is None else one.origin
            t.events[sequence] = one._replace(user_number=into[one.user_number], origin=origin)


@writes
def join_log(t: Tables, old: list[int], survivors: list[int]) -> None:
    into = dict(zip(old, survivors, strict=True))
    for position, row in t.log.items():
        if row[3] in into:
            t.log[position] = (*row[:3], into[row[3]], *row[4:])


@writes
def join_users(t: Tables, old: list[int], survivors: list[int]) -> None:
    for number, survivor in zip(old, survivors, strict=True):
        if number in t.users and survivor in t.users:
            gone, one = t.users[number], t.users[survivor]
            t.users[survivor] = one._replace(
                first_seen=min(one.first_seen, gone.first_seen), last_seen=max(one.last_seen, gone.last_seen)
            )


@writes
def drop_joined_users(t: Tables, old: list[int], survivors: list[int]) -> None:
    for number in old:
        t.users.pop(number, None)


@writes
def join_ids(t: Tables, old: list[int], survivors: list[int]) -> None:
    into = dict(zip(old, survivors, strict=True))
    for key, (user, joined) in t.user_ids.items():
        t.user_ids[key] = into.get(user, user), joined


def _moves(name: str, table: str, place: int) -> None:
    """`join_…` of a table in whose key the user is."""

    def move(t: Tables, old: list[int], survivors: list[int]) -> None:
        into = dict(zip(old, survivors, strict=True))
        found: dict[Any, Any] = getattr(t, table)
        for key in list(found):
            if key[place] in into:
                insert(found, (*key[:place], into[key[place]], *key[place + 1 :]), found.pop(key))

    WRITES[name] = move


_moves("join_trait_writes", "trait_writes", 0)
_moves("join_qualifications", "qualifications", 1)
_moves("join_timers", "timers", 0)
_moves("join_joins", "joins", 0)


# Forgetting


@reads
def user_of_id(t: Tables, id: str, anonymous: bool) -> list[Row]:
    number, _ = t.user_ids.get((anonymous, id), (0, False))
    found = [(number, *t.users[number])] if number in t.users else []
    return rows("number id anonymous first_seen last_seen", found)


@reads
def ids_of_user(t: Tables, number: int) -> list[Row]:
    found = sorted(key for key, (user, _) in t.user_ids.items() if user == number)
    return rows("id anonymous", [(id, anonymous) for anonymous, id in found])


@reads
def numbers_of_user(t: Tables, number: int) -> list[Row]:
    found = {number} | {old for user, _, old in t.joins if user == number}
    found |= {one.origin for one in t.events.values() if one.user_number == number and one.origin is not None}
    return rows("number", [(one,) for one in sorted(found)])


@reads
def qualifications_of_user(t: Tables, numbers: list[int]) -> list[Row]:
    found = [
        (segment, one.version, one.id, one.anonymous, cause, one.cause_id, at, one.retracted)
        for (segment, user, cause, at), one in t.qualifications.items()
        if user in numbers
    ]
    return rows("segment version id anonymous cause cause_id at retracted", found)


@writes
def forget_qualified_days(t: Tables, *columns: list[Any]) -> None:
    for day, segment, standing, retracted in zip(*columns, strict=True):
        if (segment, day) in t.qualified_per_day:
            before = t.qualified_per_day[segment, day]
            t.qualified_per_day[segment, day] = before[0] - standing, before[1] - retracted


@writes
def refuse_ids(t: Tables, anonymous: list[bool], hashes: list[bytes], until: datetime) -> None:
    for key in zip(anonymous, hashes, strict=True):
        t.refused_ids[key] = max(until, t.refused_ids.get(key, until))
    position = t.journal[True].position
    t.refusals[position] = [(*key, until) for key in zip(anonymous, hashes, strict=True)]


@reads
def refused_ids(t: Tables, now: datetime) -> list[Row]:
    found = [(*key, until) for key, until in t.refused_ids.items() if until > now]
    return rows("anonymous id_hash until", found)


@writes
def accept_ids_again(t: Tables, now: datetime) -> None:
    for key in [key for key, until in t.refused_ids.items() if until <= now]:
        del t.refused_ids[key]


def _forgets(table: str, owner: Callable[[Any, Any], int]) -> None:
    """`forget_…`. owner: whose a row is, by its key and itself."""

    def forget(t: Tables, numbers: list[int]) -> str:
        found: dict[Any, Any] = getattr(t, table)
        gone = [key for key, row in found.items() if owner(key, row) in numbers]
        _note_forgotten(t, numbers, table, gone)
        for key in gone:
            del found[key]
        return f"DELETE {len(gone)}"

    WRITES[f"forget_{table}"] = forget


def _note_forgotten(t: Tables, numbers: list[int], table: str, gone: list[Any]) -> None:
    position = t.journal[True].position
    before = t.forgettings.get(position, Forgetting(frozenset(), (), ()))
    messages = tuple(t.events[key].message_id for key in gone) if table == "events" else ()
    t.forgettings[position] = Forgetting(
        before.numbers.union(numbers),
        before.ids + (tuple(gone) if table == "user_ids" else ()),
        before.messages + messages,
    )


_forgets("users", lambda key, row: key)
_forgets("user_ids", lambda key, row: row[0])
_forgets("events", lambda key, row: row.user_number)
_forgets("trait_writes", lambda key, row: key[0])
_forgets("qualifications", lambda key, row: key[1])
_forgets("timers", lambda key, row: key[0])
_forgets("joins", lambda key, row: key[0])
_forgets("log", lambda key, row: row[3])


@writes
def forget_samples(t: Tables, numbers: list[int]) -> str:
    return "UPDATE 0"  # nobody takes snapshots here
