"""The tables, brought forward: numbered SQL files, each applied once, in a transaction, and recorded.

Files lie in `schema/` as `0001_what_it_does.sql`, numbered without gaps; there is no way back. One that was applied
somewhere is never edited again: its checksum is recorded with it.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from importlib import resources
from typing import NamedTuple

from segd.store.bridge import Connection
from segd.store.errors import SchemaError

LOCK = 7_308_613_710_048_978_533  # of this database's migrations; any number nobody else uses

_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


class Migration(NamedTuple):
    number: int
    name: str  # of the file
    sql: str
    checksum: str


def known_migrations() -> list[Migration]:
    """What this segd brings, in order."""
    found: list[Migration] = []
    for file in resources.files("segd.store").joinpath("schema").iterdir():
        if match := _FILE_NAME.fullmatch(file.name):
            sql = file.read_text(encoding="utf-8")
            found.append(Migration(int(match[1]), file.name, sql, hashlib.sha256(sql.encode()).hexdigest()))
    found.sort()
    assert [one.number for one in found] == list(range(1, len(found) + 1)), "migrations are numbered from 1, no gaps"
    return found


async def migrate(
    connection: Connection, progress: Callable[[str], None], known: Sequence[Migration] | None = None
) -> list[str]:
    """Trio. Apply what is missing, telling `progress` of each file unless all are, and return the files' names.

    Any number of processes may do it at once: each file is applied by one of them. known: for tests. Raises
    SchemaError for a database that a newer segd has migrated, or whose files were changed since.
    """
    if known is None:
        known = known_migrations()
    applied: list[str] = []
    while True:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            await connection.execute(
                "CREATE TABLE IF NOT EXISTS segd_migration (number int PRIMARY KEY, name text NOT NULL,"
                " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
            )
            missing = await _missing(connection, known)
            if not missing:
                return applied
            migration = missing[0]
            if migration is known[0]:
                progress("making the tables of the database")
            elif known[0].name not in applied:
                progress(f"migrating the database: {migration.name}")
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO segd_migration (number, name, checksum) VALUES ($1, $2, $3)",
                migration.number,
                migration.name,
                migration.checksum,
            )
        applied.append(migration.name)


async def check(connection: Connection, known: Sequence[Migration] | None = None) -> None:
    """Trio. Raises SchemaError, saying what to do, unless the tables are exactly those of this segd."""
    if known is None:
        known = known_migrations()
    if await connection.fetchval("SELECT to_regclass('segd_migration') IS NULL"):
        raise SchemaError("the database has no tables of segd yet: run `segd migrate`")
    if missing := await _missing(connection, known):
        raise SchemaError(
            f"the database is older than this segd, {missing[0].name} is not applied: stop other segd processes and "
            f"run `segd migrate`"
        )


async def _missing(connection: Connection, known: Sequence[Migration]) -> list[Migration]:
    """Trio. The known ones that are not applied; those that are must be known, the same, and the first ones."""
    rows = await connection.fetch("SELECT number, name, checksum FROM segd_migration ORDER BY number")
    for row in rows[len(known) :]:
        raise SchemaError(f"the database is newer than this segd, it has {row['name']}: use the segd that migrated it")
    for row, migration in zip(rows, known, strict=False):
        if (row["number"], row["checksum"]) != (migration.number, migration.checksum):
            raise SchemaError(
                f"the database was migrated by {row['name']}, which is not this segd's {migration.name}: use the segd "
                f"that migrated it, or another database"
            )
    return list(known[len(rows) :])
