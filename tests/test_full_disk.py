"""A disk that fills while events are posted: senders are told so, nothing that was taken is lost, and all goes on by
itself once there is room."""

import json
import os
import random
import subprocess
from collections.abc import Generator
from pathlib import Path

import httpx
import pytest
import trio
from databases import connected, other_database

from segd.actors import clock
from segd.store.bridge import open_pool
from tests.daemons import KEY, Segd, open_segd, track

DISK_MEGABYTES = 400
FREE_MEGABYTES = 24  # when events begin to come
PAD = 4_000  # bytes of an event that no compression makes smaller


@pytest.fixture
def disk(tmp_path: Path) -> Generator[Path]:
    """A folder that is a small file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MEGABYTES}m,mode=0700", "segd-test", str(folder)]
    try:
        mounted = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("needs the command mount")
    if mounted.returncode:
        pytest.skip(f"needs to mount a small tmpfs, which only root may: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Leave little room; the file that takes the rest."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        while free_megabytes(disk) > FREE_MEGABYTES:
            file.write(bytes(1 << 20))
            file.flush()
    return filler


def free_megabytes(disk: Path) -> float:
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize / 1_000_000


class Sender:
    """taken: ids of messages that were answered with 200. refused: how often it was told to come later."""

    def __init__(self, segd: Segd, client: httpx.AsyncClient) -> None:
        self.taken: list[str] = []
        self.refused = 0
        self._segd = segd
        self._client = client
        self._chance = random.Random(1)
        self._number = 0

    async def send(self) -> None:
        """A batch, until it is taken or refused."""
        batch = []
        for _ in range(50):
            self._number += 1
            pad = self._chance.randbytes(PAD // 2).hex()
            batch.append(track("Viewed", f"u{self._number % 100}", clock.now() // 1000 * 1000, f"{self._number}"))
            batch[-1]["properties"] = {"pad": pad}
        response = await self._client.post("/v1/batch", content=json.dumps({"writeKey": KEY, "batch": batch}))
        if response.status_code == 200:
            self.taken += [message["messageId"] for message in batch]
        else:
            assert response.status_code in (429, 503), response.text
            assert int(response.headers["retry-after"]) > 0
            self.refused += 1
            await trio.sleep(0.1)


async def goes_on(segd: Segd, client: httpx.AsyncClient, disk: Path, dsn: str) -> None:
    """The disk fills while events come, and later there is room again."""
    number = await segd.create({"name": "Viewed", "kind": "live", "on": {"type": "action", "did": {"event": "Viewed"}}})
    sender = Sender(segd, client)
    await sender.send()
    assert sender.taken
    filler = fill(disk)
    while sender.refused < 30:
        await sender.send()
    filler.unlink()
    taken = len(sender.taken)
    while len(sender.taken) < taken + 500:
        await sender.send()
    async with open_pool(dsn, size=1) as pool, pool.acquire() as connection:
        stored = [row[0] for row in await connection.fetch("SELECT message_id FROM events ORDER BY sequence")]
    assert len(stored) == len(set(stored))
    assert set(sender.taken) <= set(stored)
    async with segd.watch(number, after="0") as watching:
        told = await watching.entries(len(stored))
    assert sorted(entry["cause"] for entry in told) == sorted(stored)


async def test_a_full_disk_loses_nothing_and_needs_no_hand(disk: Path, tmp_path: Path):
    """Where Postgres keeps all it has there: it panics, for it cannot write its log."""
    async with open_segd(tmp_path, state_dir=str(disk / "state")) as segd, asking(segd) as client:
        await goes_on(segd, client, disk, f"postgresql://segd@/postgres?host={disk}/state/postgres&port=5432")


async def test_nor_does_one_that_only_holds_the_tables(postgres: str, template: str, disk: Path, tmp_path: Path):
    """Postgres goes on, and refuses."""
    tables = disk / "tables"
    tables.mkdir(mode=0o700)
    tablespace = f"segd_test_{os.getpid()}_small"
    async with connected(postgres) as connection:
        await connection.execute(f"CREATE TABLESPACE {tablespace} LOCATION '{tables}'")
        await connection.execute(f"CREATE DATABASE {tablespace} TEMPLATE {template} TABLESPACE {tablespace}")
        try:
            dsn = other_database(postgres, tablespace)
            async with open_segd(tmp_path, dsn=dsn) as segd, asking(segd) as client:
                await goes_on(segd, client, disk, dsn)
        finally:
            await connection.execute(f"DROP DATABASE {tablespace} WITH (FORCE)")
            await connection.execute(f"DROP TABLESPACE {tablespace}")


def asking(segd: Segd) -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=60, base_url=segd.url)
