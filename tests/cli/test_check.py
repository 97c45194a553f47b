"""`segd check`, `segd check-config` and `segd completion`."""

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from segd.__main__ import main


def test_a_script_reads_what_definitions_mean_and_what_is_wrong(tmp_path: Path):
    good = tmp_path / "good.json"
    good.write_text('{"kind": "past", "where": {"type": "did", "event": "A"}}')
    bad = tmp_path / "bad.json"
    bad.write_text('{"kind": "past", "where": {"type": "did", "evnt": "A"}}')
    result = CliRunner().invoke(main, ["check", str(good), str(bad), "--json"])
    told = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [one["name"] for one in told["definitions"]] == ["good"]
    assert [(one["file"], one["path"]) for one in told["problems"]] == [
        (str(bad), "where.evnt"), (str(bad), "where.event"),
    ]  # fmt: skip
    result = CliRunner().invoke(main, ["check", str(good), "--json"])
    assert (result.exit_code, json.loads(result.stdout)["problems"]) == (0, [])


def test_a_script_reads_the_configuration_without_its_password(tmp_path: Path):
    file = tmp_path / "segd.toml"
    file.write_text('dsn = "postgresql://segd:secret@db/segd"\nwrite_keys = ["b", "a"]\nlate_band = "1h"')
    told = json.loads(CliRunner().invoke(main, ["check-config", "--json", "--config", str(file)]).stdout)
    assert (told["write_keys"], told["late_band"], told["listen"]) == (["a", "b"], "3600s", "127.0.0.1:7337")
    assert "secret" not in told["dsn"]
    assert "write_keys = a b\n" in CliRunner().invoke(main, ["check-config", "--config", str(file)]).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str):
    script = CliRunner().invoke(main, ["completion", shell]).stdout
    assert "_SEGD_COMPLETE" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
