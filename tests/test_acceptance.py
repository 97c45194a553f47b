"""The reference answers on real shop and clinic data: exactly those, through the command that users run."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

CASES = (
    "clinic-day-before-9am", "clinic-five-days", "retail-same-stock", "storefront-action", "storefront-external",
    "storefront-filtered", "storefront-inaction-each", "storefront-inaction-first", "storefront-page-count",
    "storefront-page-visit", "storefront-pages-30m", "storefront-referrer",
)  # fmt: skip


@pytest.fixture(scope="session")
def events(shared: Path, tmp_path_factory: pytest.TempPathFactory):
    """Makes the files of Segment messages, each set once a run."""
    folder = tmp_path_factory.mktemp("events")

    def made(name: str) -> Path:
        path = folder / f"{name}.ndjson"
        if not path.exists():
            with path.open("wb") as file:
                subprocess.run([sys.executable, shared / "tools/to_segment.py", name], stdout=file, check=True)
        return path

    return made


@pytest.mark.parametrize("case", CASES)
def test_backtest_gives_the_reference_answer(case, shared, events, tmp_path):
    document = json.loads((shared / f"acceptance/{case}.json").read_text())
    definition, output = tmp_path / "definition.json", tmp_path / "qualified.ndjson"
    definition.write_text(json.dumps(document["segment"]))
    command = [sys.executable, "-m", "segd", "backtest", definition, "--events", events(document["events"])]
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
