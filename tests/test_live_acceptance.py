"""The reference answers once more, from the daemon: events over HTTP, and it is restarted and killed meanwhile."""

import gzip
import json
import mmap
import os
import random
import signal
import struct
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from segd.core.instants import MINUTE, Instant, parse_timestamp

BATCH = 200  # events at most
SPAN = 10 * MINUTE  # between the first and the last of a batch, at most: the clock goes by the last
LIMIT_SECONDS = 240


class Clock:
    """The daemon's, and ours to set."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), 8)
        self.path = path

    def set(self, instant: Instant) -> None:
        self._bytes[:8] = struct.pack("<q", instant)


class Shop:
    """The daemon as its clients see it: one that comes back, on the same port."""

    def __init__(self, config: Path, clock: Clock) -> None:
        self.command = [sys.executable, str(Path(__file__).parent / "clocked.py"), str(config), str(clock.path)]
        self.process: trio.Process | None = None
        self.url = ""

    async def start(self) -> None:
        process = await trio.lowlevel.open_process(self.command, stdout=subprocess.PIPE)
        assert process.stdout
        line = b""
        while b"\n" not in line and (chunk := await process.stdout.receive_some()):
            line += chunk
        assert line.startswith(b"READY "), line
        self.url = line.split()[1].decode()
        self.process = process

    async def stop(self, number: int) -> None:
        assert self.process
        self.process.send_signal(number)
        await self.process.wait()
        self.process = None


@asynccontextmanager
async def opened(dsn: str, folder: Path) -> AsyncGenerator[tuple[Shop, Clock]]:
    config = folder / "segd.toml"
    settings = {"dsn": dsn, "listen": "127.0.0.1:0", "write_keys": ["key"], "grace": "0s", "catch_up": "0s"}
    config.write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in settings.items()))
    clock = Clock(folder / "clock")
    shop = Shop(config, clock)
    try:
        yield shop, clock
    finally:
        if shop.process:
            await shop.stop(signal.SIGKILL)


async def post(client: httpx.AsyncClient, shop: Shop, batch: Sequence[dict[str, Any]]) -> None:
    response = await client.post(f"{shop.url}/v1/batch", json={"batch": batch}, auth=("key", ""))
    assert response.status_code == 200, response.text  # a few of the messages name nobody, and are refused


async def create(shop: Shop, documents: Sequence[dict[str, Any]]) -> None:
    async with httpx.AsyncClient(timeout=60) as client:
        for document in documents:
            response = await client.post(f"{shop.url}/api/segments", json={"definition": document["segment"]})
            assert response.status_code == 201, response.text


async def found(shop: Shop, name: str) -> list[dict[str, Any]]:
    """What a segment's log says in the end, in the order of the reference."""
    standing: dict[tuple[str, str], dict[str, Any]] = {}
    async with httpx.AsyncClient(timeout=60) as client:
        cursor = "0"
        while True:
            query = {"after": cursor, "limit": "1000"}
            page = (await client.get(f"{shop.url}/api/segments/{name}/log", params=query)).json()
            for entry in page["entries"]:
                key = (entry["cause"], entry["at"])
                if entry["type"] == "retracted":
                    del standing[key]
                    continue
                if entry["type"] == "corrected":
                    del standing[entry["was"]["cause"], entry["was"]["at"]]
                assert key not in standing, "nobody qualifies twice"
                standing[key] = {"userId": entry["userId"], "at": entry["at"], "cause": entry["cause"]}
            cursor = page["cursor"]
            if not page["more"]:
                break
    return sorted(standing.values(), key=lambda line: (line["at"], line["userId"], line["cause"]))


@pytest.fixture(scope="module")
def storefront(shared: Path) -> list[dict[str, Any]]:
    made = subprocess.run(
        [sys.executable, shared / "tools/to_segment.py", "storefront"], capture_output=True, check=True
    )
    return [json.loads(line) for line in made.stdout.splitlines()]


@pytest.fixture(scope="module")
def cases(shared: Path) -> list[dict[str, Any]]:
    """The live ones of that shop, each with its answer."""
    documents: list[dict[str, Any]] = []
    for path in sorted((shared / "acceptance").glob("storefront-*.json")):
        document = json.loads(path.read_text())
        if document["segment"]["kind"] == "live":
            expected = gzip.decompress(path.with_suffix("").with_suffix(".expected.gz").read_bytes())
            documents.append(document | {"expected": [json.loads(line) for line in expected.splitlines()]})
    return documents


def in_batches(messages: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    batches: list[list[dict[str, Any]]] = []
    until = 0
    for message in messages:
        instant = parse_timestamp(message["timestamp"])
        if not batches or instant >= until or len(batches[-1]) == BATCH:
            batches.append([])
            until = instant + SPAN
        batches[-1].append(message)
    return batches


async def test_killed_and_restarted_the_daemon_gives_the_reference_answers(
    storefront: list[dict[str, Any]], cases: list[dict[str, Any]], dsn: str, tmp_path: Path
) -> None:
    generator = random.Random(os.environ.get("SEGD_TEST_SEED", "1"))
    batches = in_batches(storefront)
    kills = sorted(generator.sample(range(len(batches)), 10))
    with trio.fail_after(LIMIT_SECONDS):
        async with opened(dsn, tmp_path) as (shop, clock), httpx.AsyncClient(timeout=60) as client:
            now = parse_timestamp(storefront[0]["timestamp"]) - 1
            clock.set(now)
            await shop.start()
            await create(shop, cases)
            for number, batch in enumerate(batches):
                now = max(now, *(parse_timestamp(message["timestamp"]) for message in batch))
                clock.set(now)
                if number == len(batches) // 2:
                    await shop.stop(signal.SIGTERM)
                    await shop.start()
                if number in kills:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(_posted_in_vain, shop, batch)
                        await trio.sleep(generator.random() * 0.2)
                        await shop.stop(signal.SIGKILL)
                    await shop.start()
                await post(client, shop, batch)
            clock.set(now + 1)
            await trio.sleep(3)
            for case in cases:
                assert await found(shop, case["segment"]["name"]) == case["expected"], case["segment"]["name"]


async def _posted_in_vain(shop: Shop, batch: Sequence[dict[str, Any]]) -> None:
    def send() -> None:
        with suppress(httpx.HTTPError):
            httpx.post(f"{shop.url}/v1/batch", json={"batch": batch}, auth=("key", ""), timeout=60)

    await trio.to_thread.run_sync(send)  # a connection that breaks leaves httpx' asynchronous side with warnings
