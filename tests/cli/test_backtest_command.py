"""`segd backtest`, as people and scripts call it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from segd.__main__ import main

SEEN = {"name": "Seen", "kind": "live", "on": {"type": "action", "did": {"event": "A"}}}
LEFT = {"name": "Left", "kind": "live", "on": {"type": "action", "did": {"event": "Left"}}}
LINES = (
    '{"type": "track", "event": "A", "userId": "u", "messageId": "1", "timestamp": "2025-05-01T00:00:00Z"}\n'
    "nothing\n"
    '{"type": "track", "event": "A", "userId": "u", "messageId": "2", "timestamp": "2025-06-01T00:00:00Z"}\n'
)


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Two definitions, and events on standard input; `-` would be a file of this folder."""
    monkeypatch.chdir(tmp_path)
    for definition in (SEEN, LEFT):
        Path(f"{definition['name']}.json").write_text(json.dumps(definition))
    return ["backtest", "Seen.json", "Left.json", "--events", "-", "--until", "2025-05-02"]


def run(arguments: list[str]) -> Result:
    return CliRunner().invoke(main, arguments, input=LINES)


def test_scripts_read_the_summary_as_json_every_segment_in_it(given: list[str]):
    result = run([*given, "--json"])
    refused, summary = result.stderr.splitlines()
    assert "2: expected a JSON object" in refused
    told = json.loads(summary)
    assert told.pop("seconds") >= 0
    assert told == {
        "events": 1, "users": 1, "refused": 1, "repeated": 0, "afterUntil": 1, "qualified": {"Seen": 1, "Left": 0},
        "open": 0, "broken": [],
    }  # fmt: skip


def test_a_dash_is_standard_output(given: list[str]):
    result = run([*given, "-o", "-"])
    assert json.loads(result.stdout)["cause"] == "1"
    assert not Path("-").exists()
    assert run([*given, "-o", "qualified"]).stdout == ""
    assert json.loads(Path("qualified").read_text())["cause"] == "1"
