"""The store, core.deciding.past and the oracle must give the same answer to every past-behaviour condition over every
history.

Each example is one history of many users and many definitions, each asked as of an instant of its own: what costs is
the way to the database, not another condition.
"""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import oracle
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle import strategies as drawn

from segd.core.deciding.plan import Plan
from segd.core.events.messages import Event
from segd.core.events.plain import read_lines
from segd.core.language.reading import read_definition
from segd.core.time.instants import to_datetime
from segd.core.users.population import Population
from segd.store import importing
from segd.store.bridge import Connection, open_pool
from segd.store.history import members
from segd.store.importing import ImportSummary

IDS = ("u1", "u2", "ü3", "x", "10", "u1 ")
ANONYMOUS = ("a1", "a2", "a3", "x", "😀", "u2")
NOW = 2_000_000_000_000_000


@dataclass
class Case:
    messages: list[dict[str, Any]]
    named: list[dict[str, Any]]
    asked: list[tuple[dict[str, Any], int]]  # definitions, each with its as_of
    zone: str
    batch: int  # messages that the import writes at a time


@st.composite
def cases(draw: st.DrawFn) -> Case:
    grid = draw(drawn.grids())
    named = draw(drawn.segments(grid, most=2))
    asked = [
        (
            draw(drawn.past_definitions(grid, f"asked {n}", named=tuple(named))),
            drawn.microseconds(grid.at(draw(st.integers(0, 80)))),
        )
        for n in range(10)
    ]
    messages = draw(drawn.messages(grid, most=50, users=IDS, anonymous=ANONYMOUS))
    return Case(messages, named, asked, draw(st.sampled_from(drawn.ZONES)), draw(st.sampled_from((1, 3, 1000))))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(case=cases())
def test_sql_and_memory_agree(dsn: str, tmp_path_factory: pytest.TempPathFactory, case: Case) -> None:
    file = tmp_path_factory.getbasetemp() / "agreement.ndjson"
    file.write_text("".join(json.dumps(message) + "\n" for message in case.messages))
    population = in_memory(case, file.read_bytes())
    stored = trio.run(in_store, dsn, case, file, population)
    for (definition, as_of), ids in zip(case.asked, stored, strict=True):
        assert ids == population.members(definition["name"], as_of), (definition, as_of)
        if not asks_who_qualified(definition, case.named):
            told = oracle.past(definition, case.messages, as_of, zone=case.zone, segments=case.named)
            assert ids == told, (definition, as_of)


def asks_who_qualified(definition: dict[str, Any], named: list[dict[str, Any]]) -> bool:
    """Which here goes by order of arrival, of which the oracle knows nothing."""
    return '"in_segment"' in json.dumps(definition) and any(one["kind"] == "live" for one in named)


def in_memory(case: Case, lines: bytes) -> Population:
    definitions = [read_definition(one) for one in (*case.named, *(definition for definition, _ in case.asked))]
    population = Population(Plan(definitions, ZoneInfo(case.zone)))
    ids: set[str] = set()
    for sequence, event in read_lines(lines):
        if isinstance(event, Event) and event.message_id not in ids:
            ids.add(event.message_id)
            population.take(event, sequence)
    population.finish(NOW)
    return population


async def in_store(dsn: str, case: Case, file: Path, population: Population) -> list[list[str]]:
    async with open_pool(dsn, size=1) as pool:
        async with pool.acquire() as connection:
            await connection.execute(
                "TRUNCATE users, user_ids, event_names, events, trait_writes, joins, segments, qualifications;"
                "UPDATE journal SET position = 0"
            )
        again = ImportSummary()
        with patch.object(importing, "BATCH", case.batch):
            await importing.import_files(pool, [file], NOW, ImportSummary())
            await importing.import_files(pool, [file], NOW, again)
        assert again.imported == 0
        async with pool.acquire() as connection:
            for definition in case.named:
                await store_segment(connection, definition, population)
            ask = partial(members, connection, account_zone=ZoneInfo(case.zone))
            return [await ask(read_definition(definition), as_of) for definition, as_of in case.asked]


async def store_segment(connection: Connection, definition: dict[str, Any], population: Population) -> None:
    number = await connection.fetchval(
        "INSERT INTO segments (name, kind, definition) VALUES ($1, $2, $3) RETURNING number",
        definition["name"],
        definition["kind"],
        json.dumps(definition),
    )
    for one in population.qualified:
        if one.segment == definition["name"]:
            await connection.execute(
                "INSERT INTO qualifications (segment, version, user_number, id, cause, at)"
                " SELECT $1, 1, user_number, $2, sequence, $3 FROM events WHERE message_id = $4",
                number, one.user, to_datetime(one.at), one.cause,
            )  # fmt: skip
