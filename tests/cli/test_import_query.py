"""`segd import` and `segd query`, as people call them."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from segd.cli.history import import_history, query

DEFINITION = {"name": "asked", "kind": "past", "where": {"type": "did", "event": "A", "when": {"last": "1d"}}}


@pytest.fixture
def config(dsn: str, tmp_path: Path) -> Path:
    file = tmp_path / "segd.toml"
    file.write_text(f"dsn = {json.dumps(dsn)}\nzone = 'Europe/Berlin'\n")
    return file


def run(command: Any, *arguments: object, **more: Any) -> Result:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments], **more)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def said(user: str, at: str) -> str:
    return json.dumps({"type": "track", "event": "A", "userId": user, "timestamp": at}) + "\n"


def written(file: Path, text: str) -> Path:
    file.write_text(text)
    return file


def test_what_was_imported_is_found_and_sorted_by_code_point(config: Path, tmp_path: Path):
    plain = written(tmp_path / "a.ndjson", said("z", "2025-05-01T00:00:00Z") + said("é", "2025-05-01T12:00:00Z"))
    zipped = tmp_path / "b.gz"
    zipped.write_bytes(gzip.compress(said("Z", "2025-05-01T00:00:00Z").encode()))
    result = run(import_history, plain, zipped, "--config", config)
    assert (result.exit_code, result.stdout.startswith("3 messages imported;")) == (0, True)
    definition = written(tmp_path / "asked.json", json.dumps(DEFINITION))
    asked = [definition, "--config", config, "--as-of", "2025-05-01T12:00:00Z"]
    assert run(query, *asked).stdout == "Z\nz\né\n"
    assert run(query, *asked[:-1], "2025-05-02T00:00:00Z").stdout == "é\n"
    assert json.loads(run(query, *asked, "--json").stdout) == {
        "asOf": "2025-05-01T12:00:00.000Z", "count": 3, "userIds": ["Z", "z", "é"],
    }  # fmt: skip
    assert run(query, *asked[:3]).stdout == ""  # as of now
    assert "FROM users" in run(query, *asked, "--explain").stdout
    explained = json.loads(run(query, *asked, "--explain", "--json").stdout)
    assert (explained["asOf"], explained["values"][0]) == ("2025-05-01T12:00:00.000Z", "A")
    assert "FROM users" in explained["sql"]


def test_days_are_those_of_the_configured_zone_unless_another_is_given(config: Path, tmp_path: Path):
    run(import_history, written(tmp_path / "f", said("u", "2025-05-01T23:00:00Z")), "--config", config)
    where = {"type": "did", "event": "A", "when": {"from": "2025-05-02"}}
    definition = written(tmp_path / "asked.json", json.dumps(DEFINITION | {"where": where}))
    assert run(query, definition, "--config", config).stdout == "u\n"
    assert run(query, definition, "--config", config, "--zone", "UTC").stdout == ""


def test_refused_lines_are_told_by_number_and_counted_by_reason(config: Path, tmp_path: Path):
    lines = said("u", "2025-05-01T00:00:00Z") + "not JSON\n" + said("null", "2025-05-01T00:00:00Z") * 30
    file = written(tmp_path / "f", lines)
    result = run(import_history, file, "--config", config)
    assert result.exit_code == 0
    assert f"{file}:2: expected a JSON object" in result.stderr
    assert "… and 11 more lines that are no messages" in result.stderr
    assert "refused as junk_id: 30" in result.stdout
    summary = json.loads(run(import_history, file, "--config", config, "--json").stdout)
    assert summary["refused"] == {"bad_json": 1, "junk_id": 30}
    assert (summary["imported"], summary["repeated"]) == (0, 1)


def test_where_every_line_is_refused_it_ends_with_1(config: Path, tmp_path: Path):
    result = run(import_history, written(tmp_path / "f", "not JSON\n{}\n"), "--config", config, "--json")
    assert (result.exit_code, json.loads(result.stdout)["imported"]) == (1, 0)
    assert "Error: nothing was imported: every line was refused\n" in result.stderr
    assert run(import_history, written(tmp_path / "empty", "\n"), "--config", config).exit_code == 0


def test_a_file_that_cannot_be_read_is_told_and_ends_with_1(config: Path, tmp_path: Path):
    file = written(tmp_path / "f", said("u", "2025-05-01T00:00:00Z"))
    result = run(import_history, tmp_path / "absent", file, "--config", config)
    assert (result.exit_code, "1 message imported" in result.stdout) == (1, True)
    assert f"Error: {tmp_path}/absent: No such file or directory" in result.stderr


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"name": "l", "kind": "live", "on": {"type": "page_visit"}}, "live segment"),
        ({"name": "p", "kind": "past", "where": {"type": "did"}}, "event"),
        ({"name": "p", "kind": "past", "where": {"type": "in_segment", "segment": "nobody"}}, "no segment 'nobody'"),
    ],
)
def test_a_definition_that_cannot_be_asked_is_refused(config: Path, tmp_path: Path, document: Any, told: str):
    result = run(query, written(tmp_path / "asked.json", json.dumps(document)), "--config", config)
    assert (result.exit_code, result.stdout) == (1, "")
    assert told in result.stderr


def test_a_segment_may_name_one_that_is_given_beside_it(config: Path, tmp_path: Path):
    run(import_history, written(tmp_path / "f", said("u", "2025-05-01T00:00:00Z")), "--config", config)
    asked = {"name": "asked", "kind": "past", "where": {"type": "in_segment", "segment": DEFINITION["name"]}}
    files = [written(tmp_path / f"{one['name']}.json", json.dumps(one)) for one in (asked, DEFINITION)]
    result = run(query, *files, "--config", config, "--as-of", "2025-05-01T00:00:00Z")
    assert (result.exit_code, result.stdout) == (0, "u\n")


def test_wrong_use_ends_with_2(config: Path, tmp_path: Path):
    definition = written(tmp_path / "asked.json", json.dumps(DEFINITION))
    assert run(import_history).exit_code == 2
    assert run(query, definition, "--config", config, "--as-of", "soon").exit_code == 2
    assert run(query, definition, "--config", config, "--zone", "Mars").exit_code == 2
    assert run(query, definition, "--config", written(tmp_path / "bad.toml", "colour = 1")).exit_code == 2


def test_without_a_database_the_state_directory_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("SEGD_DSN", raising=False)
    state = tmp_path / "state"
    result = run(import_history, "-", "--state-dir", state, input=said("u", "2025-05-01T00:00:00Z") + "nothing\n")
    assert "1 message imported" in result.stdout
    assert "\n-:2: expected a JSON object" in result.stderr
    definition = written(tmp_path / "asked.json", json.dumps(DEFINITION))
    assert run(query, definition, "--state-dir", state, "--as-of", "2025-05-01T00:00:00Z").stdout == "u\n"
