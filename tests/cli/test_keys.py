"""`segd keys`, on a database of its own."""

import json

import pytest
from click.testing import CliRunner, Result

from segd.__main__ import main


@pytest.fixture
def segd(dsn, tmp_path, monkeypatch):
    monkeypatch.setenv("SEGD_DSN", dsn)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["keys", *arguments, "--state-dir", str(tmp_path)])

    return run


def test_a_token_is_made_listed_without_its_secret_and_revoked(segd):
    made = segd("create", "warehouse", "--scope", "manage")
    assert made.exit_code == 0, made.output
    secret = made.stdout.strip()
    assert secret.startswith("segd_")
    listed = segd("list")
    assert "token 1  manage  warehouse" in listed.stdout
    assert "never used" in listed.stdout
    assert secret not in listed.stdout
    assert segd("revoke", "1").exit_code == 0
    assert "token" not in segd("list").stdout
    again = segd("revoke", "1")
    assert (again.exit_code, again.stderr) == (
        1,
        "Error: there is no token 1: `segd keys list` shows those that there are\n",
    )


def test_scripts_read_json(segd):
    made = json.loads(segd("create", "site", "--json").stdout)
    assert (made["token"]["id"], made["token"]["scope"]) == (1, "read")
    listed = json.loads(segd("list", "--json").stdout)
    assert listed["tokens"] == [made["token"]]
    assert len(listed["writeKeys"]) == 1
    assert json.loads(segd("revoke", "1", "--json").stdout) == {"revoked": 1}
    again = segd("revoke", "1", "--json")
    assert (again.exit_code, again.stdout) == (1, "")


def test_what_cannot_be_is_said(segd):
    assert segd("create", "").exit_code == 2
    assert segd("create", "x", "--scope", "all").exit_code == 2
    assert segd("revoke", "0").exit_code == 2
