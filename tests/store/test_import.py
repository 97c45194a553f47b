"""Importing: each message once, ids joined, months made, and nothing half done."""

import gzip
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from segd.core.errors import MessageError
from segd.core.time.instants import parse_timestamp
from segd.store import importing
from segd.store.bridge import Pool, open_pool
from segd.store.errors import StoreError
from segd.store.importing import ImportSummary, import_files
from segd.store.writer import only_writer

NOW = parse_timestamp("2025-06-02T12:00:00Z")


def written(file: Path, *messages: dict[str, Any]) -> Path:
    file.write_text("".join(json.dumps(message) + "\n" for message in messages))
    return file


def said(n: int, at: str = "2025-05-01T00:00:00Z", **more: Any) -> dict[str, Any]:
    return {"type": "track", "event": "A", "messageId": f"m{n}", "timestamp": at} | more


async def imported(pool: Pool, *files: Path, **options: Any) -> ImportSummary:
    summary = ImportSummary()
    await import_files(pool, files, NOW, summary, **options)
    return summary


async def owners(pool: Pool) -> dict[str, str]:
    """By message id, whom it belongs to."""
    async with pool.acquire() as connection:
        return dict(
            await connection.fetch(
                "SELECT message_id, id FROM events JOIN users ON number = user_number ORDER BY message_id"
            )
        )


async def test_importing_twice_doubles_nothing(dsn: str, tmp_path: Path):
    file = written(
        tmp_path / "f",
        said(1, anonymousId="a"),
        said(2, userId="u1", anonymousId="a"),
        said(3, userId="u2", anonymousId="a"),  # a shared device: from here on `a` alone is u2
        {"type": "identify", "userId": "u1", "timestamp": "2025-05-01T00:00:00Z", "traits": {"plan": "gold"}},
    )
    async with open_pool(dsn, size=2) as pool:
        first = await imported(pool, file)
        before = await owners(pool)
        second = await imported(pool, file)
        assert (first.imported, second.imported, second.repeated) == (4, 0, 4)
        assert await owners(pool) == before
        assert before == {"m1": "u1", "m2": "u1", "m3": "u2"} | {id: "u1" for id in before if id.startswith("segd-")}
        async with pool.acquire() as connection:
            assert await connection.fetchval("SELECT count(*) FROM trait_writes") == 1
            assert await connection.fetchval("SELECT position FROM journal") == 4


@pytest.mark.parametrize("batch", [1, 1000])
async def test_of_a_repeated_id_the_first_arrival_counts(dsn: str, tmp_path: Path, batch: int):
    file = written(
        tmp_path / "f", said(1, "2025-05-02T00:00:00Z", userId="u"), said(1, "2025-05-01T00:00:00Z", userId="u")
    )
    async with open_pool(dsn, size=2) as pool:
        with patch.object(importing, "BATCH", batch):
            summary = await imported(pool, file)
        assert (summary.imported, summary.repeated) == (1, 1)
        async with pool.acquire() as connection:
            assert await connection.fetchval("SELECT timestamp = '2025-05-02Z' FROM events")
            assert await connection.fetchval("SELECT first_seen = '2025-05-02Z' FROM users")


@pytest.mark.parametrize("batch", [1, 1000])
async def test_an_anonymous_history_joins_one_user_once(dsn: str, tmp_path: Path, batch: int):
    file = written(
        tmp_path / "f",
        said(1, "2025-01-01T00:00:00Z", anonymousId="a"),
        said(2, userId="u1"),
        said(3, userId="u1", anonymousId="a"),
        said(4, userId="u2", anonymousId="a"),
        said(5, anonymousId="a"),
        said(6, anonymousId="u1"),  # the other kind of id
    )
    async with open_pool(dsn, size=2) as pool:
        with patch.object(importing, "BATCH", batch):
            await imported(pool, file)
        assert await owners(pool) == {"m1": "u1", "m2": "u1", "m3": "u1", "m4": "u2", "m5": "u2", "m6": "u1"}
        async with pool.acquire() as connection:
            users = await connection.fetch("SELECT id, anonymous, first_seen = '2025-01-01Z' FROM users ORDER BY 1, 2")
            assert [tuple(row) for row in users] == [("u1", False, True), ("u1", True, False), ("u2", False, False)]


@pytest.mark.parametrize("batch", [1, 1000])
async def test_an_alias_joins_a_former_user_id_and_all_that_means_it(dsn: str, tmp_path: Path, batch: int):
    file = written(
        tmp_path / "f",
        said(1, userId="old", anonymousId="a"),
        said(2, userId="new"),
        {"type": "alias", "userId": "new", "previousId": "old", "timestamp": "2025-05-01T00:00:00Z", "messageId": "m3"},
        said(4, userId="old"),
        said(5, anonymousId="a"),
    )
    async with open_pool(dsn, size=2) as pool:
        with patch.object(importing, "BATCH", batch):
            await imported(pool, file)
        assert set((await owners(pool)).values()) == {"new"}


async def test_a_line_from_the_future_is_refused_by_number(dsn: str, tmp_path: Path):
    file = written(
        tmp_path / "f",
        said(1, "2025-06-02T12:02:00Z", userId="u"),
        said(2, "2025-06-02T12:02:01Z", userId="u"),
        {"type": "track", "event": "A", "userId": "u"},
    )
    refused: list[tuple[int, str]] = []

    def refuse(path: Path, number: int, error: MessageError) -> None:
        refused.append((number, error.code))

    async with open_pool(dsn, size=2) as pool:
        summary = await imported(pool, file, refuse=refuse)
    assert summary.imported == 1
    assert refused == [(2, "future_timestamp"), (3, "missing_timestamp")]
    assert dict(summary.refused) == {"future_timestamp": 1, "missing_timestamp": 1}


async def test_of_a_file_that_breaks_off_the_whole_lines_are_imported(dsn: str, tmp_path: Path):
    whole = gzip.compress(written(tmp_path / "f", *(said(n, userId=f"u{n}") for n in range(20_000))).read_bytes())
    (tmp_path / "broken.gz").write_bytes(whole[: len(whole) // 2])
    async with open_pool(dsn, size=2) as pool:
        summary = await imported(pool, tmp_path / "broken.gz", tmp_path / "absent")
        assert 5_000 < summary.imported < 15_000
        assert len(summary.broken) == 2
        assert not summary.refused
        (tmp_path / "whole.gz").write_bytes(whole)
        again = await imported(pool, tmp_path / "whole.gz")
        assert (again.repeated, again.imported) == (summary.imported, 20_000 - summary.imported)


async def test_an_import_that_fails_leaves_whole_batches_and_a_second_run_completes_it(dsn: str, tmp_path: Path):
    file = written(tmp_path / "f", *(said(n, userId=f"u{n}") for n in range(10)))

    def fail(read: int) -> None:
        raise StoreError("test", "the end")

    async with open_pool(dsn, size=2) as pool:
        with patch.object(importing, "BATCH", 4), pytest.raises(StoreError, match="the end"):
            await imported(pool, file, progress=fail)
        assert len(await owners(pool)) == 4
        assert (await imported(pool, file)).imported == 6


async def test_a_second_writer_is_refused(dsn: str, tmp_path: Path):
    file = written(tmp_path / "f", said(1, userId="u"))
    async with open_pool(dsn, size=2) as pool:
        async with pool.acquire() as connection, only_writer(connection):
            with pytest.raises(StoreError, match="another segd writes"):
                await imported(pool, file)
        assert (await imported(pool, file)).imported == 1


async def test_events_of_any_time_find_their_month(dsn: str, tmp_path: Path):
    moments = ["1970-01-01T00:00:00Z", "2015-12-31T23:59:59.999999Z", "2025-02-01T00:00:00Z", "2024-02-29T12:00:00Z"]
    file = written(tmp_path / "f", *(said(n, at, userId="u") for n, at in enumerate(moments)))
    async with open_pool(dsn, size=2) as pool:
        assert (await imported(pool, file)).imported == 4
        async with pool.acquire() as connection:
            rows = await connection.fetch("SELECT timestamp, sequence, live FROM events ORDER BY sequence")
    assert [row["timestamp"].isoformat(timespec="microseconds")[:26] for row in rows] == [
        "1970-01-01T00:00:00.000000",
        "2015-12-31T23:59:59.999999",
        "2025-02-01T00:00:00.000000",
        "2024-02-29T12:00:00.000000",
    ]
    assert not any(row["live"] for row in rows)
