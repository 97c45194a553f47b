"""What the general agreement test would find late or never: real data, named segments, and the edges of values."""

import gzip
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from segd.core.errors import DefinitionError
from segd.core.language.reading import read_definition
from segd.core.time.instants import parse_timestamp
from segd.store.bridge import Connection, open_pool
from segd.store.history import members, prepare
from segd.store.importing import ImportSummary, import_files

UTC = ZoneInfo("UTC")
NOW = parse_timestamp("2025-06-02T12:00:00Z")


@asynccontextmanager
async def stored(dsn: str, file: Path, messages: list[dict[str, Any]]) -> AsyncGenerator[Connection]:
    write(file, messages)
    async with open_pool(dsn, size=2) as pool:
        await import_files(pool, [file], NOW, ImportSummary())
        async with pool.acquire() as connection:
            yield connection


def write(file: Path, messages: list[dict[str, Any]]) -> None:
    file.write_text("".join(json.dumps(message) + "\n" for message in messages))


def said(user: str, at: str, event: str = "A", **properties: Any) -> dict[str, Any]:
    return {"type": "track", "event": event, "userId": user, "timestamp": at, "properties": properties}


def wrote(user: str, at: str, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "timestamp": at, "traits": traits}


def past(where: dict[str, Any], name: str = "asked", **more: Any) -> Any:
    return read_definition({"name": name, "kind": "past", "where": where} | more)


@pytest.mark.parametrize(
    ("events", "names"),
    [
        ("retail", ["retail-faithful-but-quiet", "retail-last-45-90", "retail-spent-1000"]),
        ("storefront", ["storefront-never-bought"]),
    ],
)
async def test_acceptance_definitions_have_exactly_the_expected_members(
    dsn: str, shared: Path, made_events: Callable[[str], Path], events: str, names: list[str]
):
    async with open_pool(dsn, size=2) as pool:
        await import_files(pool, [made_events(events)], NOW, ImportSummary())
        async with pool.acquire() as connection:
            for name in names:
                case = json.loads((shared / "acceptance" / f"{name}.json").read_bytes())
                expected = gzip.decompress((shared / "acceptance" / f"{name}.expected.gz").read_bytes())
                definition = read_definition(case["segment"])
                found = await members(connection, definition, parse_timestamp(case["as_of"]), UTC)
                assert found == expected.decode().splitlines(), name


async def test_an_event_stamped_exactly_at_the_instant_counts_and_a_later_one_does_not(dsn: str, tmp_path: Path):
    messages = [said("at", "2025-06-01T00:00:00.000001Z"), said("after", "2025-06-01T00:00:00.000002Z")]
    async with stored(dsn, tmp_path / "events", messages) as connection:
        definition = past({"type": "did", "event": "A"})
        assert await members(connection, definition, parse_timestamp("2025-06-01T00:00:00.000001Z"), UTC) == ["at"]
        assert await members(connection, definition, parse_timestamp("2025-06-01T00:00:00Z"), UTC) == []


async def test_only_users_known_at_the_instant_did_not(dsn: str, tmp_path: Path):
    messages = [wrote("early", "2025-05-01T00:00:00Z"), said("late", "2025-05-03T00:00:00Z")]
    async with stored(dsn, tmp_path / "events", messages) as connection:
        definition = past({"type": "did_not", "event": "A"})
        assert await members(connection, definition, parse_timestamp("2025-05-02T00:00:00Z"), UTC) == ["early"]


async def test_traits_are_those_of_the_instant_whatever_order_they_came_in(dsn: str, tmp_path: Path):
    messages = [
        wrote("u", "2025-05-03T00:00:00Z", plan=None),
        wrote("u", "2025-05-01T00:00:00Z", plan="free"),
        wrote("u", "2025-05-02T00:00:00Z", plan="gold"),
        wrote("u", "2025-05-02T00:00:00Z", plan="platinum"),  # the same instant: arrival decides
    ]
    async with stored(dsn, tmp_path / "events", messages) as connection:
        for plan, day, expected in [
            ("free", "01", ["u"]), ("gold", "02", []), ("platinum", "02", ["u"]), ("platinum", "03", [])
        ]:  # fmt: skip
            definition = past({"type": "profile", "property": "plan", "op": "eq", "value": plan})
            found = await members(connection, definition, parse_timestamp(f"2025-05-{day}T00:00:00Z"), UTC)
            assert found == expected, (plan, day)


@pytest.mark.parametrize(
    ("op", "value", "matching"),
    [
        ("eq", 1, ["int", "one"]),
        ("eq", True, ["true"]),
        ("eq", "1", ["text"]),
        ("in", [1, "1"], ["int", "one", "text"]),
        ("gte", 1, ["int", "one"]),
        ("gte", "1", ["text", "vertical", "é"]),
        ("matches", r"^\pL$", ["é"]),
        ("matches", r"\b1\b", ["text"]),
        ("contains", 1, ["list"]),
        ("exists", None, ["int", "list", "object", "one", "text", "true", "vertical", "é"]),
        ("not_exists", None, ["absent", "none"]),
        ("not_in", [1, True, "1"], ["absent", "list", "none", "object", "vertical", "é"]),
        ("ends_with", "", ["text", "vertical", "é"]),
    ],
)
async def test_values_compare_as_in_core(dsn: str, tmp_path: Path, op: str, value: Any, matching: list[str]):
    at = "2025-05-01T00:00:00Z"
    given = {
        "int": 1, "one": 1.0, "true": True, "text": "1", "none": None, "list": ["a", 1.0], "object": {"0": 1},
        "vertical": "a\vb", "é": "é",
    }  # fmt: skip
    messages = [said(user, at, p=one) for user, one in given.items()] + [said("absent", at)]
    async with stored(dsn, tmp_path / "events", messages) as connection:
        test = {"property": "p", "op": op} | ({} if value is None else {"value": value})
        definition = past({"type": "did", "event": "A", "where": [test]})
        assert await members(connection, definition, NOW, UTC) == sorted(matching)


async def test_an_average_is_exact(dsn: str, tmp_path: Path):
    at = "2025-05-01T00:00:00Z"
    messages = [said("third", at, p=1), said("third", at, p=0, n=1), said("third", at, p=0, n=2)]
    async with stored(dsn, tmp_path / "events", messages) as connection:

        async def average(op: str, value: str) -> list[str]:
            measure = f'{{"fn": "avg", "property": "p", "op": "{op}", "value": {value}}}'
            where = {"type": "did", "event": "A", "measure": "MEASURE"}
            text = json.dumps({"name": "a", "kind": "past", "where": where}).replace('"MEASURE"', measure)
            definition: Any = read_definition(text)
            return await members(connection, definition, NOW, UTC)

        assert await average("gt", "0." + "3" * 100) == ["third"]
        assert await average("lt", "0." + "3" * 99 + "4") == ["third"]


async def test_a_date_is_read_in_the_zone_of_the_segment_that_tests_it(dsn: str, tmp_path: Path):
    messages = [said("u", "2025-05-01T00:00:00Z", day="2025-05-10")]
    where = [{"property": "day", "op": "before", "value": "2025-05-10T00:00:00Z"}]
    inner = {"name": "inner", "kind": "past", "zone": "Asia/Kathmandu", "where": {"type": "did", "event": "A"}}
    inner["where"] |= {"where": where}
    async with stored(dsn, tmp_path / "events", messages) as connection:
        await store(connection, inner)
        assert await members(connection, past(inner["where"]), NOW, UTC) == []
        assert await members(connection, past(inner["where"]), NOW, ZoneInfo("Asia/Tokyo")) == ["u"]
        assert await members(connection, past({"type": "in_segment", "segment": "inner"}), NOW, UTC) == ["u"]


async def store(connection: Connection, definition: dict[str, Any]) -> int:
    return await connection.fetchval(
        "INSERT INTO segments (name, kind, definition) VALUES ($1, $2, $3) RETURNING number",
        definition["name"], definition["kind"], json.dumps(definition),
    )  # fmt: skip


async def test_a_live_segment_is_asked_for_its_qualifications_without_the_retracted_ones(dsn: str, tmp_path: Path):
    live = {"name": "live", "kind": "live", "on": {"type": "action", "did": {"event": "A"}}}
    messages = [said(user, "2025-05-01T00:00:00Z") for user in ("kept", "retracted")]
    async with stored(dsn, tmp_path / "events", messages) as connection:
        number = await store(connection, live)
        await connection.execute(
            "INSERT INTO qualifications (segment, version, user_number, id, cause, at, retracted)"
            " SELECT $1, 1, number, id, 1, '2025-05-01Z', id = 'retracted' FROM users",
            number,
        )
        for named in ("live", str(number)):
            assert await members(connection, past({"type": "in_segment", "segment": named}), NOW, UTC) == ["kept"]
        before = {"type": "in_segment", "segment": "live", "when": {"to": "2025-05-01"}}
        assert await members(connection, past(before), NOW, UTC) == []


async def test_unknown_and_circular_segments_are_refused_by_name(dsn: str, tmp_path: Path):
    async with stored(dsn, tmp_path / "events", []) as connection:
        with pytest.raises(DefinitionError, match="there is no segment 'nobody'"):
            await members(connection, past({"type": "in_segment", "segment": "nobody"}), NOW, UTC)
        for name, other in [("a", "b"), ("b", "a")]:
            await store(connection, {"name": name, "kind": "past", "where": {"type": "in_segment", "segment": other}})
        with pytest.raises(DefinitionError, match="a → b → a"):
            await members(connection, past({"type": "in_segment", "segment": "a"}), NOW, UTC)
        await store(connection, {"name": "asked", "kind": "past", "where": {"type": "did", "event": "A"}})
        with pytest.raises(DefinitionError, match="asked → asked"):
            await members(connection, past({"type": "in_segment", "segment": "asked"}), NOW, UTC)


async def test_no_value_of_a_definition_becomes_part_of_the_statement(dsn: str, tmp_path: Path):
    evil = "'; DROP TABLE events; --{such}:name"
    tests = [{"property": "p" + evil.replace(".", ""), "op": op, "value": evil} for op in ("eq", "matches", "contains")]
    tests[1]["value"] = "DROP"
    async with stored(dsn, tmp_path / "events", [said("u", "2025-05-01T00:00:00Z")]) as connection:
        for test in tests:
            definition = past({"type": "did", "event": evil, "where": [test]})
            assert "DROP" not in (await prepare(connection, definition, NOW, UTC)).text
            assert await members(connection, definition, NOW, UTC) == []


async def test_what_is_asked_of_some_users_looks_at_nothing_of_the_others(dsn: str, tmp_path: Path):
    """Nor for the texts that a pattern is tried on, which would take as long as to ask about all."""
    users = [f"u{number}" for number in range(20)]
    messages = [said(user, "2025-06-01T12:00:00Z", k=f"event of {user}") for user in users]
    messages += [wrote(user, "2025-06-01T13:00:00Z", t=f"trait of {user}") for user in users]
    did = {"type": "did", "event": "A", "where": [{"property": "k", "op": "matches", "value": "of"}]}
    has = {"type": "profile", "property": "t", "op": "matches", "value": "of"}
    async with stored(dsn, tmp_path / "a", messages) as connection:
        numbered = await connection.fetch("SELECT id, number FROM users ORDER BY number")
        some = sorted(id for id, _ in numbered[:7])
        compiled = await prepare(connection, past({"type": "all", "of": [did, has]}), NOW, UTC, last=numbered[6][1])
        assert sorted(row[0] for row in await connection.fetch(compiled.text, *compiled.values)) == some
        texts = [sorted(value) for value in compiled.values if isinstance(value, list)]
        assert texts == [[f"event of {user}" for user in some], [f"trait of {user}" for user in some]]
