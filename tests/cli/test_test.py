"""`segd test`, as it is called."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from segd.cli.test import test as command

CART = {
    "kind": "live",
    "on": {
        "type": "inaction", "did": {"event": "Added To Cart"}, "did_not": {"event": "Charged"}, "within": "10m",
    },
}  # fmt: skip

STORIES = """
definition = "cart.json"

[[story]]
name = "Buying in time cancels"
events = [
  '0m  ann: Added To Cart {"price": 3}',
  '1m  bob: Added To Cart',
  '5m  ann: Charged',
]
until = "1h"
expect = ["11m bob by 1m"]
"""

WRONG = """
[[story]]
name = "Nothing stops her"
events = ["0m ann: Added To Cart", "5m ann: Charged", "7m bob: Added To Cart"]
until = "17m"
expect = ["10m ann by 0m"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cart.json").write_text(json.dumps(CART))
    return tmp_path


def invoke(folder: Path, text: str, *options: str) -> Result:
    (folder / "carts.toml").write_text(text)
    return CliRunner().invoke(command, [str(folder / "carts.toml"), *options])


def invoke_json(folder: Path, text: str) -> dict[str, Any]:
    return json.loads(invoke(folder, text, "--json").stdout)


def test_all_pass(folder: Path) -> None:
    result = invoke(folder, STORIES)
    assert result.stdout == "1 passed, 0 failed\n"
    assert result.exit_code == 0


def test_a_failure_shows_what_was_expected_and_what_came(folder: Path) -> None:
    result = invoke(folder, STORIES + WRONG)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"{folder / 'carts.toml'}: Nothing stops her: failed (- expected, + came)",
        "  cart: Users who did Added To Cart and then did not do Charged within 10 minutes.",
        "  - 10m (2025-01-01T00:10:00.000Z) ann by #1 Added To Cart",
        "  + 17m (2025-01-01T00:17:00.000Z) bob by #3 Added To Cart",
        "",
        "1 passed, 1 failed",
    ]


def test_a_wait_that_is_too_short_is_explained(folder: Path) -> None:
    result = invoke(folder, STORIES.replace('until = "1h"', 'until = "6m"'))
    assert "    (time ends at 6m (2025-01-01T00:06:00.000Z); `until` lets it go on)\n" in result.stdout


def test_a_past_segment_that_differs(folder: Path) -> None:
    text = """
[[story]]
name = "Buyers"
definition = { name = "buyers", kind = "past", where = { type = "did", event = "Charged" } }
events = ["0m ann: Charged", "1d bob: Charged"]
as_of = "12h"
members = ["bob"]
"""
    result = invoke(folder, text)
    assert result.stdout.splitlines()[1:4] == [
        "  buyers, members as of 12h (2025-01-01T12:00:00.000Z): Users who did Charged.",
        "  + ann",
        "  - bob",
    ]
    assert invoke_json(folder, text)["stories"][0]["unexpected"] == [
        {"segment": "buyers", "what": "member", "userId": "ann"}
    ]


def test_json(folder: Path) -> None:
    result = invoke(folder, STORIES + WRONG, "--json")
    assert result.exit_code == 1
    file = str(folder / "carts.toml")
    assert json.loads(result.stdout) == {
        "passed": 1,
        "failed": 1,
        "problems": [],
        "stories": [
            {"file": file, "name": "Buying in time cancels", "passed": True, "missing": [], "unexpected": []},
            {
                "file": file,
                "name": "Nothing stops her",
                "passed": False,
                "missing": [
                    {"segment": "cart", "what": "qualified", "userId": "ann", "at": "2025-01-01T00:10:00.000Z",
                     "offset": "10m", "cause": "#1"},
                ],
                "unexpected": [
                    {"segment": "cart", "what": "qualified", "userId": "bob", "at": "2025-01-01T00:17:00.000Z",
                     "offset": "17m", "cause": "#3"},
                ],
            },
        ],
    }  # fmt: skip


def test_a_correction_in_json(folder: Path) -> None:
    text = """
[[story]]
name = "Late"
definition = "cart.json"
order = "arrival"
events = ["5m ~phone: Added To Cart", "1h bob: Visited", "0m ~phone: Added To Cart"]
expect = ["15m ~phone"]
"""
    assert invoke_json(folder, text)["stories"][0]["unexpected"] == [
        {
            "segment": "cart", "what": "corrected",
            "anonymousId": "phone", "at": "2025-01-01T00:15:00.000Z", "offset": "15m", "cause": "#1",
            "to": {"anonymousId": "phone", "at": "2025-01-01T00:10:00.000Z", "offset": "10m", "cause": "#3"},
        }
    ]  # fmt: skip


def test_a_file_that_cannot_be_read_does_not_keep_others_from_running(folder: Path) -> None:
    (folder / "good.toml").write_text(STORIES + WRONG)
    result = CliRunner().invoke(command, [str(folder / "none.toml"), str(folder / "good.toml")])
    assert result.exit_code == 2
    assert result.stderr == f"{folder / 'none.toml'}: No such file or directory\n"
    assert result.stdout.endswith("1 passed, 1 failed\n")


def test_problems_name_file_story_and_key(folder: Path) -> None:
    result = invoke(folder, STORIES.replace("expect", "expects").replace("5m  ann", "soon ann"))
    assert result.exit_code == 2
    file = folder / "carts.toml"
    assert result.stderr.splitlines() == [
        f'{file}: story "Buying in time cancels": expects: unknown key (did you mean expect?)',
        f'{file}: story "Buying in time cancels": events[2].timestamp: expected an offset from the start such as 10m, '
        '1d12h or -5d, or a date-time such as 2025-01-01T09:00:00+01:00, found "soon"',
        f'{file}: story "Buying in time cancels": expected expect (who qualifies, and when), or members of a past '
        "segment",
    ]
    assert result.stdout == "0 passed, 0 failed\n"


def test_help_has_an_example() -> None:
    assert "expect = [" in CliRunner().invoke(command, ["--help"]).stdout
