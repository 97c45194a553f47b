"""`segd import` beside a running daemon."""

import json
from pathlib import Path

import pytest
from running_segd import Segd, commands, running, written_config

ASKED = {"name": "asked", "kind": "past", "where": {"type": "did", "event": "A"}}


@pytest.fixture
def config(dsn: str, tmp_path: Path) -> Path:
    return written_config(dsn, tmp_path)


@pytest.fixture
def segd(config: Path) -> Segd:
    return commands(config)


def line(number: int, at: str = "2025-05-01T00:00:00Z") -> str:
    said = {"type": "track", "event": "A", "userId": f"u{number}", "messageId": f"m{number}", "timestamp": at}
    return json.dumps(said) + "\n"


def written(file: Path, text: str) -> Path:
    file.write_text(text)
    return file


def test_it_goes_through_the_daemon_and_twice_doubles_nothing(config: Path, segd: Segd, tmp_path: Path):
    file = written(tmp_path / "a.ndjson", "".join(map(line, range(2_500))) + "nothing\n" + line(7))
    with running(config):
        result = segd("import", file)
        assert (result.exit_code, result.stdout.split(";")[0]) == (
            0, "2,500 messages imported, 1 were there already, 1 line refused",
        )  # fmt: skip
        assert f"{file}:2501: expected a JSON object" in result.stderr
        summary = json.loads(segd("import", file, "--json").stdout)
        assert (summary["imported"], summary["repeated"], summary["refused"]) == (0, 2_501, {"bad_json": 1})
    summary = json.loads(segd("import", file, "--json").stdout)  # without it, the same
    assert (summary["imported"], summary["repeated"], summary["refused"]) == (0, 2_501, {"bad_json": 1})


def test_history_starts_nothing_live_and_is_seen_by_filters(config: Path, segd: Segd, tmp_path: Path):
    live = {
        "name": "Old friend",
        "kind": "live",
        "on": {"type": "action", "did": {"event": "B"}},
        "filter": ASKED["where"],
    }
    folder = tmp_path / "segments"
    folder.mkdir()
    written(folder / "live.json", json.dumps(live))
    with running(config) as daemon:
        assert segd("segments", "apply", folder, "--yes").exit_code == 0
        daemon.said({"type": "track", "event": "B", "userId": "u2", "messageId": "before"})
        assert segd("import", written(tmp_path / "a", line(1) + line(2) + line(3).replace('"A"', '"B"'))).exit_code == 0
        daemon.said(*({"type": "track", "event": "B", "userId": f"u{n}", "messageId": f"b{n}"} for n in range(5)))
    [segment] = json.loads(segd("segments", "list", "--json").stdout)["segments"]
    assert segment["number"]["value"] == 2


def test_a_daemon_that_asks_for_a_token_gets_it(config: Path, segd: Segd, tmp_path: Path):
    file = written(tmp_path / "a", line(1))
    with running(config) as daemon:
        reader = segd("keys", "create", "reader").stdout.strip()
        secret = segd("keys", "create", "writer", "--scope", "manage").stdout.strip()
        for command in (["import", file], ["watch", 1], ["segments", "list", "--url", daemon.url]):
            refused = segd(*command)
            assert (refused.exit_code, "segd keys create" in refused.stderr) == (1, True), command
        refused = segd("import", file, "--token", reader)
        assert (refused.exit_code, "manage" in refused.stderr) == (1, True)
        assert segd("import", file, env={"SEGD_TOKEN": secret}).stdout.startswith("1 message imported")
        again = segd("import", file, "--url", daemon.url, "--token", secret)
        assert again.stdout.startswith("0 messages imported, 1 were there already")


def test_a_url_where_nobody_is_is_told(segd: Segd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("segd.cli.client.PAUSE_SECONDS", 0.01)
    monkeypatch.setattr("segd.cli.client.PATIENCE_SECONDS", 0.01)
    result = segd("import", written(tmp_path / "a", line(1)), "--url", "http://127.0.0.1:1")
    nobody = "nobody answers at http://127.0.0.1:1: is segd running there?"
    assert result.exit_code == 1
    assert result.stderr == f"segd: {nobody}; trying again for 0 seconds\nError: {nobody}\n"
    assert segd("import", tmp_path / "a", "--url", "ftp://x").exit_code == 2


@pytest.mark.parametrize("command", [["import", "-"], ["segments", "list"], ["watch", "1"]], ids=lambda one: one[0])
def test_what_cannot_be_a_token_is_refused_and_an_empty_one_is_none(segd: Segd, command: list[str]):
    for bad in ("segd_\u00e9", "a\nb"):
        refused = segd(*command, "--url", "http://127.0.0.1:1", "--token", bad)
        assert (refused.exit_code, "expected an API token" in refused.stderr) == (2, True)
    if command[0] != "import":
        nobody = segd(*command, "--url", "http://127.0.0.1:1", "--token", "")
        assert (nobody.exit_code, "nobody answers" in nobody.stderr) == (1, True)
