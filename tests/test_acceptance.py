"""The reference answers on real shop and clinic data: exactly those, through the command that users run."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CASES = (
    "clinic-day-before-9am", "clinic-five-days", "retail-same-stock", "storefront-action", "storefront-external",
    "storefront-filtered", "storefront-inaction-each", "storefront-inaction-first", "storefront-page-count",
    "storefront-page-visit", "storefront-pages-30m", "storefront-referrer",
)  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_backtest_gives_the_reference_answer(
    case: str, shared: Path, made_events: Callable[[str], Path], tmp_path: Path
):
    document = json.loads((shared / f"acceptance/{case}.json").read_text())
    definition, output = tmp_path / "definition.json", tmp_path / "qualified.ndjson"
    definition.write_text(json.dumps(document["segment"]))
    command = [sys.executable, "-m", "segd", "backtest", definition, "--events", made_events(document["events"])]
    subprocess.run([*command, "-o", output], check=True, capture_output=True)
    expected = gzip.decompress((shared / f"acceptance/{case}.expected.gz").read_bytes()).splitlines()
    got = [json.loads(line) for line in output.read_bytes().splitlines()]
    assert {line.pop("segment") for line in got} == {document["segment"]["name"]}
    assert got == [json.loads(line) for line in expected]


def test_every_live_case_is_tried(shared: Path):
    live = {
        path.stem for path in (shared / "acceptance").glob("*.json")
        if json.loads(path.read_text())["segment"]["kind"] == "live"
    }  # fmt: skip
    assert live == set(CASES)
