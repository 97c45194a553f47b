"""`segd check`, `segd check-config`, `segd migrate` and `segd completion`."""

import json
import os
import shutil
import subprocess
import sys
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


def test_a_script_reads_what_was_migrated(dsn: str, tmp_path: Path):
    arguments = ["migrate", "--json", "--state-dir", str(tmp_path)]
    assert json.loads(CliRunner().invoke(main, arguments, env={"SEGD_DSN": dsn}).stdout) == {"applied": []}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str):
    script = CliRunner().invoke(main, ["completion", shell]).stdout
    assert "_SEGD_COMPLETE" in script
    if path := shutil.which(shell):
        subprocess.run([path, "-n"], input=script, text=True, check=True)


# How a shell is asked what it would complete: the last of the words.
ASKED = {
    "bash": "COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
    '_segd_completion segd; echo "${{COMPREPLY[*]}}"',
    "zsh": "_describe() {{ print ${{completions_with_descriptions%%:*}} }}; compadd() {{ print $completions }}; "
    "words=({words}); CURRENT=${{#words}}; $_comps[segd]",
    "fish": 'complete -C "{line}" | string replace --regex "\\t.*" ""',
}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete(shell: str, tmp_path: Path):
    if (path := shutil.which(shell)) is None:
        pytest.skip(f"needs {shell}")
    (tmp_path / "segd").write_text(f"#!{sys.executable}\nfrom segd.__main__ import main\nmain()\n")
    (tmp_path / "segd").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    script = CliRunner().invoke(main, ["completion", shell]).stdout
    for line, completed in (("segd seg", ["segments"]), ("segd keys create x --scope ", ["read", "manage"])):
        asked = ASKED[shell].format(line=line, words=" ".join(f"'{word}'" for word in line.split(" ")))
        done = subprocess.run(
            [path], input=f"{script}\n{asked}\n", text=True, check=False, capture_output=True, env=environment
        )
        assert (sorted(done.stdout.split()), done.stderr) == (sorted(completed), "")
