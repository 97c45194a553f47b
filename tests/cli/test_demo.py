"""The demo, and the sample it ships with."""

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from segd.backtest import backtest
from segd.cli.demo import demo
from segd.core.errors import MessageError
from segd.core.instants import parse_timestamp
from segd.core.messages import Event
from segd.core.plain import read_lines
from segd.core.plan import Plan
from segd.core.reading import read_definition
from segd.sample import CREDIT, SEGMENTS, definitions, messages


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """What `segd demo --write` writes."""
    folder = tmp_path / "shop"
    result = CliRunner().invoke(demo, ["--write", str(folder)])
    assert result.exit_code == 0, result.output
    assert f"segd backtest {folder}/cart-left.json --events {folder}/events.ndjson" in result.output
    return folder


def test_the_sample_is_whole():
    events = [event for _, event in read_lines(b"\n".join(messages()))]
    assert not any(isinstance(event, MessageError) for event in events)
    names = [event.name for event in events if isinstance(event, Event)]
    assert {name: names.count(name) for name in set(names)} == {
        "Product Viewed": 17_055,
        "Added To Cart": 165,
        "Order Completed": 214,
    }
    assert len(definitions()) == len(SEGMENTS) == 8
    assert "https://rees46.com" in CREDIT.read_text()


def test_a_backtest_of_what_was_written_finds_the_70_left_carts(written: Path):
    """165 cart events, of which 70 have no purchase of the same user within 600 s, as counted from the rows."""
    plan = Plan([read_definition((written / "cart-left.json").read_bytes())])
    output = io.BytesIO()
    until = parse_timestamp("2019-10-01T03:00:00Z")  # when the last window has closed
    summary = backtest(plan, [written / "events.ndjson"], output, until=until)
    assert (summary.events, summary.users, summary.open) == (17_434, 4_504, 0)
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    assert len({line["cause"] for line in lines}) == len(lines) == 70


def test_writing_keeps_what_is_there(written: Path):
    (written / "events.ndjson").unlink()
    result = CliRunner().invoke(demo, ["--write", str(written)])
    assert result.exit_code == 1
    assert "is there already" in result.output
    assert not (written / "events.ndjson").exists()


@pytest.mark.parametrize("columns", [80, 120])
def test_the_demo_is_plain_text_when_piped(columns: int):
    result = CliRunner().invoke(demo, env={"COLUMNS": str(columns)})
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= columns
    assert all(character.isprintable() for line in lines for character in line)
    said = " ".join(line.strip() for line in lines)
    assert all(definition.name in said for definition in definitions())
    assert "17,434 events of 4,504 users" in said
    assert "513632293 did not qualify: they did Product Viewed at 02:33:09" in said
    assert "✓ they never did Order Completed: not once" in said
