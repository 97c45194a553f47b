"""`segd segments`, beside a running daemon and without one."""

import json
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import trio
from running_segd import Segd, commands, running, written_config

from segd.actors import clock
from segd.core.time.instants import MINUTE
from segd.store.bridge import open_pool

CART = {
    "name": "Cart left",
    "kind": "live",
    "on": {"type": "inaction", "did": {"event": "Added"}, "did_not": {"event": "Charged"}, "within": "10m"},
}
COLD = {"name": "Cold", "kind": "past", "where": {"type": "in_segment", "segment": "Cart left"}}
BACK = {
    "name": "Back",
    "kind": "live",
    "on": {"type": "action", "did": {"event": "Seen"}},
    "filter": {"type": "in_segment", "segment": "Cold"},
}


@pytest.fixture
def config(dsn: str, tmp_path: Path) -> Path:
    return written_config(dsn, tmp_path)


@pytest.fixture
def segd(config: Path) -> Segd:
    return commands(config)


@pytest.fixture(params=["daemon", "alone"])
def beside(request: pytest.FixtureRequest, config: Path) -> Generator[None]:
    """Whether a daemon runs meanwhile: all is the same."""
    with running(config) if request.param == "daemon" else nullcontext():
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "segments"
    folder.mkdir()
    return folder


def write(folder: Path, *documents: dict[str, Any]) -> None:
    """That, and nothing else."""
    for file in folder.glob("*.json"):
        file.unlink()
    for document in documents:
        (folder / f"{document['name'].lower().replace(' ', '-')}.json").write_text(json.dumps(document))


def apply(segd: Segd, folder: Path, *more: str) -> dict[str, Any]:
    result = segd("segments", "apply", folder, "--json", *more)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    return told | {what: [one["name"] for one in told[what]] for what in ("created", "deleted")}


def listed(segd: Segd) -> dict[str, Any]:
    return {one["name"]: one for one in json.loads(segd("segments", "list", "--json").stdout)["segments"]}


@pytest.mark.usefixtures("beside")
def test_a_folder_is_made_true(segd: Segd, folder: Path):
    write(folder, BACK, CART, COLD)
    plan = apply(segd, folder)
    assert (plan["created"], plan["applied"], listed(segd)) == (["Cart left", "Cold", "Back"], False, {})
    assert apply(segd, folder, "--yes")["applied"]
    assert listed(segd).keys() == {"Cart left", "Cold", "Back"}
    assert apply(segd, folder, "--yes") == {
        "created": [], "changed": [], "deleted": [], "unchanged": ["Cart left", "Cold", "Back"], "applied": False,
    }  # fmt: skip

    write(folder, CART | {"again": "1d"}, COLD)
    told = apply(segd, folder, "--yes")
    assert [(one["name"], one["windows"]) for one in told["changed"]] == [("Cart left", "kept")]
    assert listed(segd)["Cart left"]["version"] == 2
    assert "Back" in listed(segd)

    told = apply(segd, folder, "--yes", "--prune")
    assert (told["deleted"], listed(segd).keys()) == (["Back"], {"Cart left", "Cold"})
    write(
        folder,
        BACK | {"filter": {"type": "in_segment", "segment": "New"}},
        COLD | {"name": "New", "where": {"type": "did", "event": "A"}},
    )
    told = apply(segd, folder, "--yes", "--prune")
    assert (told["created"], told["deleted"]) == (["New", "Back"], ["Cold", "Cart left"])
    assert listed(segd).keys() == {"New", "Back"}


@pytest.mark.usefixtures("beside")
def test_a_broken_segment_is_listed_and_mended(segd: Segd, folder: Path, dsn: str):
    write(folder, CART, COLD)
    apply(segd, folder, "--yes")

    async def spoil() -> None:
        async with open_pool(dsn, 1) as pool, pool.acquire() as connection:
            await connection.execute("""UPDATE segments SET definition = '{"kind": "live"}' WHERE name = 'Cart left'""")

    trio.run(spoil)
    assert {name: one["status"] for name, one in listed(segd).items()} == {"Cart left": "broken", "Cold": "broken"}
    assert "which is broken" in segd("segments", "list").stdout
    told = apply(segd, folder, "--yes")
    assert (told["unchanged"], told["applied"]) == (["Cold"], True)
    assert [(one["was"], one["windows"]) for one in told["changed"]] == [
        ("broken: on: missing: expected an object", "dropped")
    ]
    assert {one["status"] for one in listed(segd).values()} == {"running"}


@pytest.mark.usefixtures("beside")
def test_the_plan_is_shown_and_asked_about(segd: Segd, folder: Path):
    write(folder, CART)
    unanswered = segd("segments", "apply", folder)
    assert (unanswered.exit_code, "--yes does it without asking" in unanswered.stderr) == (1, True)
    declined = segd("segments", "apply", folder, input="n\n")
    assert declined.stdout.splitlines()[:2] == [
        "create  Cart left",
        "    + Users who did Added and then did not do Charged within 10 minutes.",
    ]
    assert listed(segd) == {}
    assert segd("segments", "apply", folder, input="y\n").stdout.endswith("done\n")
    write(folder, CART | {"on": CART["on"] | {"within": "20m"}})
    shown = segd("segments", "apply", folder, "--yes").stdout.splitlines()
    assert shown == [
        "change  Cart left",
        "    - Users who did Added and then did not do Charged within 10 minutes.",
        "    + Users who did Added and then did not do Charged within 20 minutes.",
        "      a new version; open windows are dropped, and it begins as a new segment would",
        "1 to change, 0 segments unchanged",
        "done",
    ]
    assert segd("segments", "list").stdout == (
        "1  Cart left: 0 qualified in 24 h\n   Users who did Added and then did not do Charged within 20 minutes.\n"
    )


@pytest.mark.usefixtures("beside")
def test_what_somebody_else_changed_since_the_plan_was_shown_is_left_alone(
    segd: Segd, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    write(folder, CART)
    apply(segd, folder, "--yes")

    def somebody_is_quicker() -> bool:
        write(folder, CART | {"again": "1d"})
        apply(segd, folder, "--yes")
        return True

    monkeypatch.setattr("segd.cli.segments._is_wanted", somebody_is_quicker)
    write(folder, CART | {"again": "2d"})
    refused = segd("segments", "apply", folder)
    assert (refused.exit_code, "'Cart left' was changed meanwhile" in refused.stderr) == (1, True)
    assert listed(segd)["Cart left"]["definition"]["again"] == "1d"


def test_open_windows_are_kept_or_dropped_as_the_plan_says(config: Path, segd: Segd, folder: Path, dsn: str):
    def open_windows() -> int:
        async def count() -> int:
            async with open_pool(dsn, 1) as pool, pool.acquire() as connection:
                return await connection.fetchval("SELECT count(*) FROM timers")

        return trio.run(count)

    write(folder, CART)
    apply(segd, folder, "--yes")
    with running(config) as daemon:
        daemon.said({"type": "track", "event": "Added", "userId": "ann", "messageId": "1"})
    assert open_windows() == 1
    write(folder, CART | {"again": "once"})
    assert apply(segd, folder, "--yes")["changed"][0]["windows"] == "kept"
    assert open_windows() == 1
    write(folder, CART | {"again": "once", "on": CART["on"] | {"within": "20m"}})
    assert apply(segd, folder, "--yes")["changed"][0]["windows"] == "dropped"
    assert open_windows() == 0


def test_what_came_due_while_nobody_was_there_is_not_dropped(config: Path, segd: Segd, folder: Path):
    write(folder, CART)
    apply(segd, folder, "--yes")
    with running(config) as daemon:
        daemon.said({"type": "track", "event": "Added", "userId": "ann", "messageId": "1"})
    write(folder, CART | {"on": CART["on"] | {"within": "20m"}})
    with time_passed():
        result = segd("segments", "apply", folder, "--yes")
    assert (result.exit_code, "came due while no daemon ran" in result.stderr) == (1, True)


@contextmanager
def time_passed() -> Generator[None]:
    """More than the ten minutes of a window."""
    now = clock.now
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: now() + 11 * MINUTE)
        yield


@pytest.mark.usefixtures("beside")
def test_all_problems_of_all_files_are_told_at_once(segd: Segd, folder: Path):
    write(folder, CART, COLD)
    apply(segd, folder, "--yes")
    write(folder, CART | {"on": {"type": "action"}}, COLD | {"colour": "red"})
    result = segd("segments", "apply", folder, "--yes")
    assert result.exit_code == 1
    assert f"{folder}/cart-left.json: on.did: missing" in result.stderr
    assert f"{folder}/cold.json: colour: unknown field" in result.stderr

    other = {"name": "Other", "kind": "past", "where": {"type": "in_segment", "segment": "Nobody"}}
    write(folder, CART | {"filter": {"type": "in_segment", "segment": "Cold"}}, COLD, other)
    (folder / "again.json").write_text(json.dumps(CART | {"name": "Again"}))
    result = segd("segments", "apply", folder, "--yes")
    assert result.exit_code == 1
    assert f"{folder}/cart-left.json: filter.segment: goes round in a circle" in result.stderr
    assert f"{folder}/other.json: where.segment: there is no segment 'Nobody'" in result.stderr
    assert listed(segd).keys() == {"Cart left", "Cold"}

    write(folder, COLD | {"where": {"type": "did", "event": "A"}, "name": "Cart left"})
    (folder / "same.json").write_text(json.dumps(CART))
    result = segd("segments", "apply", folder, "--yes")
    assert f"{folder}/same.json: name: 'Cart left' is that of cart-left.json, too" in result.stderr
    (folder / "same.json").unlink()
    result = segd("segments", "apply", folder, "--yes")
    assert f"{folder}/cart-left.json: kind: expected 'live'" in result.stderr

    write(folder, COLD)
    result = segd("segments", "apply", folder, "--prune", "--yes")
    assert f"{folder}/cold.json: where.segment: there is no segment 'Cart left'" in result.stderr


def test_a_daemon_elsewhere_is_asked_by_its_address(config: Path, segd: Segd, folder: Path, tmp_path: Path):
    write(folder, CART)
    with running(config) as daemon:
        state = ["--url", daemon.url, "--state-dir", tmp_path / "none"]
        result = segd("segments", "apply", folder, "--yes", *state)
        assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "done")
        told = json.loads(segd("segments", "list", "--json", *state).stdout)
    assert [one["name"] for one in told["segments"]] == ["Cart left"]


def test_wrong_use(segd: Segd, tmp_path: Path):
    assert "expected a folder" in segd("segments", "apply", tmp_path / "none").stderr
    (tmp_path / "empty").mkdir()
    assert "found none" in segd("segments", "apply", tmp_path / "empty").stderr


def test_a_name_keeps_to_its_line(segd: Segd, folder: Path):
    write(folder, CART | {"name": "Cart\x1b[2J\nleft"})
    assert "create  Cart�[2J�left\n" in segd("segments", "apply", folder, "--yes").stdout
    assert segd("segments", "list").stdout.startswith("1  Cart�[2J�left: 0 qualified in 24 h\n")
