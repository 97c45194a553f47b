"""`segd why`, as people call it."""

import json
from pathlib import Path
from typing import Any

import pytest
import trio
from click.testing import CliRunner, Result

from segd.__main__ import main
from segd.core.language.reading import read_definition
from segd.core.time.instants import parse_timestamp
from segd.store import segments
from segd.store.bridge import open_pool

LIVE = {"name": "Carts", "kind": "live", "on": {"type": "action", "did": {"event": "A"}}}
PAST = {"name": "Buyers", "kind": "past", "where": {"type": "did", "event": "A"}}


@pytest.fixture
def config(dsn: str, tmp_path: Path) -> Path:
    async def make() -> None:
        async with open_pool(dsn, 1) as pool, pool.acquire() as connection, connection.transaction():
            for position, definition in enumerate((LIVE, PAST), start=1):
                read = read_definition(definition)
                await segments.create(connection, position, read, parse_timestamp("2025-05-01T00:00:00Z"))

    trio.run(make)
    file = tmp_path / "segd.toml"
    file.write_text(f"dsn = {json.dumps(dsn)}\nzone = 'Europe/Berlin'\n")
    events: list[dict[str, Any]] = [
        {"type": "track", "event": "A", "userId": "ann", "timestamp": "2025-05-01T10:00:00Z"},
        {"type": "track", "event": "B", "anonymousId": "--help", "timestamp": "2025-05-01T11:00:00Z"},
        {"type": "track", "event": "B", "userId": "\x1b[2Je\nve", "timestamp": "2025-05-01T12:00:00Z"},
    ]
    history = tmp_path / "events.ndjson"
    history.write_text("".join(json.dumps(event) + "\n" for event in events))
    assert run("import", history, "--config", file).exit_code == 0
    return file


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_why_is_told_in_words_and_as_data(config: Path):
    told = run("why", "ann", "Buyers", "--config", config)
    assert told.exit_code == 0
    assert told.stdout.startswith("ann is a member as of ")
    as_data = json.loads(run("why", "ann", "2", "--json", "--config", config).stdout)
    assert (as_data["segment"], as_data["userId"], as_data["holds"]) == ("Buyers", "ann", True)
    assert as_data["words"][1:] == told.stdout.splitlines()[1:]  # the first names the second
    assert as_data["evidence"]["evidence"]["found"]["latest"] == ["2025-05-01T10:00:00.000Z"]


def test_an_anonymous_id_is_meant_where_there_is_no_such_user_id(config: Path):
    told = run("why", "--config", config, "--", "--help", "Carts")
    assert told.stdout.startswith("--help did not qualify: they never did A")


def test_what_a_terminal_would_obey_is_not_shown(config: Path):
    told = run("why", "\x1b[2Je\nve", "Carts", "--config", config)
    assert told.stdout.startswith("�[2Je�ve did not qualify")


def test_who_or_what_is_not_there_is_told(config: Path):
    for arguments, sentence in (
        (("nobody", "Carts"), "there is no user with the id 'nobody'"),
        (("ann", "Nothing"), "there is no segment 'Nothing'"),
        (("ann", "Carts", "--anonymous"), "there is no user with the id 'ann'"),
    ):
        told = run("why", *arguments, "--config", config)
        assert (told.exit_code, told.stderr.strip()) == (1, f"Error: {sentence}")
