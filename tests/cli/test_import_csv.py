"""`segd import --map`: tables as history."""

import gzip
import json
from pathlib import Path

import pytest
import trio
from click.testing import Result
from running_segd import Segd, commands, running, written_config

from segd.store.bridge import open_pool

MAP = "user=who,event=what,timestamp=at:ms"
HEAD = "at,who,what,price,note\n"


@pytest.fixture
def config(dsn: str, tmp_path: Path) -> Path:
    return written_config(dsn, tmp_path)


@pytest.fixture
def segd(config: Path) -> Segd:
    return commands(config)


async def stored(dsn: str) -> list[tuple[str, str, str, str]]:
    """Name, user, timestamp and properties of what is there, in order."""
    async with open_pool(dsn, 1) as pool, pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT n.name, u.id, e.timestamp, e.properties::text AS properties FROM events AS e "
            "JOIN event_names AS n ON n.number = e.name JOIN user_ids AS u USING (user_number) ORDER BY e.sequence"
        )
    return [(row["name"], row["id"], row["timestamp"].isoformat(), row["properties"]) for row in rows]


def written(file: Path, content: str) -> Path:
    file.write_text(content)
    return file


async def test_rows_become_messages_and_numbers_are_numbers(dsn: str, segd: Segd, tmp_path: Path):
    rows = HEAD + '1430622004384,7,Seen,12.50,"a, ""b""\nc"\n1430622004385,8,Seen,,007\n1430622004385,8,Seen,,007\n'
    result = await run(segd, "import", written(tmp_path / "a.csv", rows), "--map", MAP)
    assert result.stdout.startswith("2 messages imported, 1 were there already"), result.output
    first, second = await stored(dsn)
    assert first[:3] == ("Seen", "7", "2015-05-03T03:00:04.384000+00:00")
    assert json.loads(first[3]) == {"price": 12.5, "note": 'a, "b"\nc'}
    assert (second[1], json.loads(second[3])) == ("8", {"note": "007"})


async def run(segd: Segd, *arguments: object) -> Result:
    """In a thread: the command has a Trio of its own."""
    return await trio.to_thread.run_sync(lambda: segd(*arguments))


@pytest.mark.parametrize(
    ("mapping", "cell", "timestamp"),
    [
        ("timestamp=at:s", "1430622004", "2015-05-03T03:00:04+00:00"),
        ("timestamp=at:s", "1430622004.5", "2015-05-03T03:00:04.500000+00:00"),
        ("timestamp=at:us", "1430622004384123", "2015-05-03T03:00:04.384123+00:00"),
        ("timestamp=at:iso", "2015-05-03T05:00:04+02:00", "2015-05-03T03:00:04+00:00"),
        ("timestamp=at", "2015-05-03 03:00:04 UTC", "2015-05-03T03:00:04+00:00"),
    ],
)
async def test_units_of_timestamps(dsn: str, segd: Segd, tmp_path: Path, mapping: str, cell: str, timestamp: str):
    file = written(tmp_path / "a", f"at;a\n{cell};x\n")
    result = await run(segd, "import", file, "--map", f"anonymous=a,event='Old one',{mapping}")
    assert result.exit_code == 0, result.output
    assert [row[:3] for row in await stored(dsn)] == [("Old one", "x", timestamp)]


def test_bad_rows_are_refused_by_the_number_of_their_line(segd: Segd, tmp_path: Path):
    rows = [
        "1430622004384,7,Seen,1,x", "soon,7,Seen,1,x", "1430622004384,7,Seen", '1430622004384,8,Seen,"2\n3",x',
        "1430622004384,null,Seen,1,x", ",7,Seen,1,x", "", '1430622004384,9,Seen,"1"2,x', "9430622004384,7,Seen,1,x",
    ]  # fmt: skip
    file = tmp_path / "a.csv.gz"
    file.write_bytes(gzip.compress((HEAD + "\n".join(rows)).encode()))
    result = segd("import", file, "--map", MAP, "--json")
    summary = json.loads(result.stdout)
    assert (summary["imported"], summary["broken"]) == (2, [])
    assert summary["refused"] == {
        "bad_timestamp": 1, "bad_row": 2, "junk_id": 1, "missing_timestamp": 1, "future_timestamp": 1,
    }  # fmt: skip
    told = [text.removeprefix(f"{file}:") for text in result.stderr.splitlines()]
    assert [text.split(":")[0] for text in told] == ["3", "4", "7", "8", "10", "11"]
    assert told[0] == "3: timestamp: expected ms since 1970, found 'soon'"
    assert told[1] == "4: expected 5 columns, found 3"


@pytest.mark.parametrize(
    ("mapping", "told"),
    [
        (
            "user=whom,event=what,timestamp=when",
            "there is no column 'when', 'whom' (did you mean who?); there are at, who",
        ),
        ("user=who,event=what", "timestamp: missing"),
        ("event=what,timestamp=at", "user: missing"),
        ("user=who,event=what,timestamp=at,colour=x", "colour: unknown field, expected one of user, anonymous"),
        ("user=who,user=who,event=what,timestamp=at", "user: given twice"),
        ("user", "expected FIELD=COLUMN, found 'user'"),
        ("user=,event=what,timestamp=at", "user: expected the name of a column"),
    ],
)
def test_a_mapping_that_cannot_be_is_told(segd: Segd, tmp_path: Path, mapping: str, told: str):
    result = segd("import", written(tmp_path / "a.csv", HEAD), "--map", mapping)
    assert result.exit_code != 0
    assert told in result.stderr


def test_a_table_with_two_columns_of_one_name_is_refused(segd: Segd, tmp_path: Path):
    result = segd(
        "import", written(tmp_path / "a.csv", "who,what,at,what\n"), "--map", "user=who,event=what,timestamp=at"
    )
    assert (result.exit_code, "more than one column is called what" in result.stderr) == (1, True)


def test_a_table_without_a_mapping_is_refused(segd: Segd, tmp_path: Path):
    result = segd("import", written(tmp_path / "a.csv", HEAD))
    assert (result.exit_code, "needs --map" in result.stderr) == (2, True)


def test_a_real_table_beside_a_daemon(config: Path, segd: Segd, shared: Path):
    file = shared / "data" / "retailrocket_events_5000visitors.csv.gz"
    mapping = "user=visitorid,event=event,timestamp=timestamp:ms"
    with running(config):
        summary = json.loads(segd("import", file, "--map", mapping, "--json").stdout)
        assert (summary["imported"], summary["repeated"], summary["refused"]) == (9_382, 3, {})
    summary = json.loads(segd("import", file, "--map", mapping, "--json").stdout)
    assert (summary["imported"], summary["repeated"]) == (0, 9_385)
