"""A user forgotten: every row that tells of them, in all tables, and their part of what was counted."""

from collections import Counter
from datetime import date, tzinfo

from segd.core.answers import UserKey
from segd.core.events.refused_ids import RefusedIds, hash_of
from segd.core.time.calendar import day_of
from segd.core.time.instants import Instant, from_datetime, to_datetime
from segd.store.bridge import Pool
from segd.store.queries import query
from segd.store.session import Statements
from segd.store.waiting import Changed

# The user first: whoever notes something about them meanwhile waits for us, and finds nobody.
TABLES = (
    "users", "user_ids", "events", "trait_writes", "qualifications", "timers", "joins", "log", "samples",
)  # fmt: skip


async def forget(
    connection: Statements, key: UserKey, zone: tzinfo, refused_until: Instant | None
) -> Changed[tuple[dict[str, int], list[UserKey]]]:
    """Either. Inside the journal's transaction. How many rows went by table, and the ids that the user had.

    zone: the account's. refused_until: until when the ids are refused. Raises LookupError where there is no such user.
    """
    row = await connection.fetchrow(query("user_of_id"), key.id, key.anonymous)
    if row is None:
        raise LookupError(key)
    number: int = row["number"]
    numbers = [row[0] for row in await connection.fetch(query("numbers_of_user"), number)]
    ids = await ids_of(connection, number)
    if refused_until is not None:
        kinds, hashes = [one.anonymous for one in ids], [hash_of(one.id) for one in ids]
        await connection.execute(query("refuse_ids"), kinds, hashes, to_datetime(refused_until))
    await _uncount(connection, numbers, zone)
    counts = {table: int((await connection.execute(query(f"forget_{table}"), numbers)).split()[-1]) for table in TABLES}
    return Changed((counts, ids), outdated=frozenset({number}))


async def ids_of(connection: Statements, number: int) -> list[UserKey]:
    """Either. All that a user goes by."""
    return [UserKey(*row) for row in await connection.fetch(query("ids_of_user"), number)]


async def _uncount(connection: Statements, numbers: list[int], zone: tzinfo) -> None:
    """Either. Take what goes off the days it was counted on, so that reports agree with members and log."""
    standing: Counter[tuple[date, int]] = Counter()
    retracted: Counter[tuple[date, int]] = Counter()
    for row in await connection.fetch(query("qualifications_of_user"), numbers):
        place = day_of(from_datetime(row["at"]), zone), row["segment"]
        (retracted if row["retracted"] else standing)[place] += 1
    places = sorted({*standing, *retracted})
    if places:
        await connection.execute(
            query("forget_qualified_days"),
            [day for day, _ in places],
            [segment for _, segment in places],
            [standing[place] for place in places],
            [retracted[place] for place in places],
        )


async def load_refused_ids(pool: Pool, now: Instant) -> RefusedIds:
    """Trio. Those that are refused now; what is over is dropped."""
    refused = RefusedIds()
    async with pool.acquire() as connection:
        await connection.execute(query("accept_ids_again"), to_datetime(now))
        for anonymous, id_hash, until in await connection.fetch(query("refused_ids"), to_datetime(now)):
            refused.refuse(anonymous, id_hash, from_datetime(until))
    return refused
