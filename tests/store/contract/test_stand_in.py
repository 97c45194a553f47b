"""The stand-in for Postgres in simulations, held to Postgres: all that it did in a few of them is done there again.

Each session does the same in the same order, transactions that were rolled back or lost included; each statement must
answer the same, and the tables must be the same in the end. So what a simulation shows of the stand-in, it shows of
Postgres.
"""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import cache
from typing import Any

import pytest
from simulation.server import Done
from simulation.statements import LOCKS, READS, SETTINGS, WRITES
from simulation.tables import Tables
from simulation.world import Outcome, run

from segd.store.bridge import Connection, open_pool
from segd.store.queries import query

SEEDS = (33, 42, 53, 243, 322)  # between them they have all faults, and every statement but those told of below
NEVER = {"switch_webhook_off", "try_to_write"}  # which tests of their own try

TABLES = {
    "journal": "SELECT true, position, settled, log_position, effects, accepted_at, mark, ran FROM journal",
    "users": "SELECT number, id, anonymous, first_seen, last_seen FROM users",
    "user_ids": "SELECT anonymous, id, user_number, joined FROM user_ids",
    "event_names": "SELECT name, number FROM event_names",
    "events": "SELECT sequence, user_number, timestamp, received_at, name, live, imported, message_id, "
    "properties::text, claimed, origin FROM events",
    "trait_writes": "SELECT user_number, timestamp, sequence, traits::text FROM trait_writes",
    "seen": "SELECT message_hash, day FROM seen",
    "joins": "SELECT user_number, sequence, old_number, old_id, old_anonymous, at, into_number FROM joins",
    "segments": "SELECT number, name, kind, definition::text, version, status, created_at, changed_at FROM segments",
    "segment_runs": "SELECT segment, position, version, definition::text, sees_from, counts_from, counts_to, armed "
    "FROM segment_runs",
    "timers": "SELECT user_number, segment, cause, version, opened, due FROM timers",
    "qualifications": "SELECT segment, user_number, cause, at, version, id, anonymous, cause_id, retracted "
    "FROM qualifications",
    "log": "SELECT * FROM log",
    "qualified_per_day": "SELECT segment, day, qualified, retracted FROM qualified_per_day",
    "webhooks": "SELECT number, segment, url, secret, cursor, status, reason, created_at, delivered_at, failing_since "
    "FROM webhooks",
    "refused_ids": "SELECT anonymous, id_hash, until FROM refused_ids",
    "unsettled": "SELECT position, users, replanned FROM unsettled",
}


class Again:
    """A session of the trace, on Postgres."""

    def __init__(self, connection: Connection, stack: AsyncExitStack) -> None:
        self.connection = connection
        self._stack = stack

    async def do(self, done: Done) -> Any:
        """Returns rows, or how many were copied, or nothing worth comparing."""
        connection, (name, args) = self.connection, (done.name, done.args)
        result: Any = None
        match name:
            case "begin":
                level = "REPEATABLE READ" if args[0] == "repeatable_read" else "READ COMMITTED"
                await connection.execute(f"BEGIN ISOLATION LEVEL {level}")
            case "commit" | "rollback":
                await connection.execute(name)
            case "end":
                await connection.execute("SELECT pg_advisory_unlock_all(); RESET ALL")
                await self._stack.aclose()
            case "copy":
                result = await connection.copy(*args)
            case _ if name in SETTINGS and not args:
                await connection.execute(query(name))
            case _:
                result = await connection.fetch(query(name), *args)
        return result


def plain(result: Any) -> Any:
    """Rows in one order, JSON read."""
    if not isinstance(result, list):
        return result
    return sorted((tuple(map(_plain, row)) for row in result), key=repr)


def _plain(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("{"):
        return json.dumps(json.loads(value), sort_keys=True)
    return sorted(value) if isinstance(value, list) else value


def rows(tables: Tables, table: str) -> list[Any]:
    """As tuples of the key and the rest."""
    return [(*_tuple(key), *_tuple(row)) for key, row in getattr(tables, table).items()]


def _tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else () if value is None else (value,)


@cache
def trace(seed: int) -> Outcome:
    """In a thread: a simulation has a Trio of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(run, seed, traced=True).result()


def test_every_statement_is_tried() -> None:
    tried = {done.name for seed in SEEDS for done in trace(seed).trace}
    assert {*READS, *WRITES, *LOCKS, *SETTINGS} - tried == NEVER


@pytest.mark.parametrize("seed", SEEDS)
async def test_postgres_answers_the_same(dsn: str, seed: int) -> None:
    outcome = trace(seed)
    sessions: dict[int, Again] = {}
    async with open_pool(dsn, size=30) as pool, AsyncExitStack() as stack:
        for place, done in enumerate(outcome.trace):
            if done.session not in sessions:
                own = await stack.enter_async_context(AsyncExitStack())
                sessions[done.session] = Again(await own.enter_async_context(pool.acquire()), own)
            result = await sessions[done.session].do(done)
            if isinstance(done.result, list) or done.name == "copy":
                assert plain(result) == plain(done.result), f"{place}: {done.name}{done.args}"
        async with pool.acquire() as connection:
            for table, statement in TABLES.items():
                assert plain(await connection.fetch(statement)) == plain(rows(outcome.tables, table)), table
