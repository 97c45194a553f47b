"""The reference answers on real shop and clinic data: exactly those, through the command that users run."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CASES = {
    "clinic": ("clinic-day-before-9am", "clinic-five-days"),
    "retail": ("retail-same-stock",),
    "storefront": (
        "storefront-action", "storefront-external", "storefront-filtered", "storefront-inaction-each",
        "storefront-inaction-first", "storefront-page-count", "storefront-page-visit", "storefront-pages-30m",
        "storefront-referrer",
    ),
}  # fmt: skip


@pytest.mark.parametrize("events", CASES)
def test_backtest_gives_the_reference_answers(
    events: str, shared: Path, made_events: Callable[[str], Path], tmp_path: Path
):
    """Of all definitions on these events at once."""
    output = tmp_path / "qualified.ndjson"
    expected: dict[str, list[object]] = {}
    definitions: list[Path] = []
    for case in CASES[events]:
        segment = json.loads((shared / f"acceptance/{case}.json").read_text())["segment"]
        definitions.append(tmp_path / f"{case}.json")
        definitions[-1].write_text(json.dumps(segment))
        lines = gzip.decompress((shared / f"acceptance/{case}.expected.gz").read_bytes()).splitlines()
        expected[segment["name"]] = [json.loads(line) for line in lines]
    command = [sys.executable, "-m", "segd", "backtest", *definitions, "--events", made_events(events)]
    subprocess.run([*command, "-o", output], check=True, capture_output=True)
    got: dict[str, list[object]] = {name: [] for name in expected}
    for line in output.read_bytes().splitlines():
        qualified = json.loads(line)
        got[qualified.pop("segment")].append(qualified)
    for name in expected:
        assert got[name] == expected[name]


def test_every_live_case_is_tried(shared: Path):
    documents = {path.stem: json.loads(path.read_text()) for path in (shared / "acceptance").glob("*.json")}
    live = {name: document["events"] for name, document in documents.items() if document["segment"]["kind"] == "live"}
    assert live == {case: events for events, cases in CASES.items() for case in cases}
