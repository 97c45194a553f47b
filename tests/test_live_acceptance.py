"""The reference answers once more, from the daemon: events over HTTP, and it is restarted and killed meanwhile."""

import gzip
import json
import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import trio

from segd.core.time.calendar import day_of
from segd.core.time.instants import DAY, MINUTE, Instant, parse_timestamp
from tests.daemons import KEY, Clock, Segd, open_segd

BATCH = 200  # events at most
SPAN = 30 * MINUTE  # between the first and the last of a batch, at most: the clock goes by the last
LIMIT_SECONDS = 600
PATIENCE_SECONDS = 60  # until what is due in the end is told


async def post(segd: Segd, batch: Sequence[dict[str, Any]]) -> None:
    answer = await segd.ask("POST", "/v1/batch", {"writeKey": KEY, "batch": batch})
    assert answer["success"], answer  # a few of the messages name nobody, and are refused


async def posted_in_vain(segd: Segd, batch: Sequence[dict[str, Any]]) -> None:
    def send() -> None:
        with suppress(httpx.HTTPError):
            httpx.post(f"{segd.url}/v1/batch", json={"writeKey": KEY, "batch": batch}, timeout=60, verify=False)

    await trio.to_thread.run_sync(send)  # a connection that breaks leaves httpx' asynchronous side with warnings


def standing(log: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a segment's log says in the end, in the order of the reference."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for entry in log:
        key = (entry["cause"], entry["at"])
        if entry["type"] == "retracted":
            del found[key]
            continue
        if entry["type"] == "corrected":
            del found[entry["was"]["cause"], entry["was"]["at"]]
        assert key not in found, "nobody qualifies twice"
        found[key] = {"userId": entry["userId"], "at": entry["at"], "cause": entry["cause"]}
    return sorted(found.values(), key=lambda line: (line["at"], line["userId"], line["cause"]))


async def tells_the_same_everywhere(segd: Segd, number: int, now: Instant) -> None:
    """Log, report, members and list: one number, one meaning."""
    log = await segd.log(number)
    qualified = standing(log)
    report = await segd.ask("GET", f"/api/segments/{number}/report")
    days = Counter(day_of(parse_timestamp(one["at"]), ZoneInfo(report["zone"])).isoformat() for one in qualified)
    told = {day["day"]: day["count"] for day in report["perDay"]}
    assert told == {day: days[day] for day in told}
    assert sum(told.values()) > 0, "the last of the days have some"
    assert report["retracted"] == sum(entry["type"] == "retracted" for entry in log)
    last_day = [one for one in qualified if parse_timestamp(one["at"]) > now - DAY]
    assert report["rate"]["last24h"] == report["segment"]["number"]["value"] == len(last_day)
    assert report["segment"]["lastQualifiedAt"] == qualified[-1]["at"]
    members = await segd.ask("GET", f"/api/segments/{number}/members?perPage=500")
    assert members["total"] == report["members"] == len({one["userId"] for one in qualified})
    latest = {one["userId"]: one["at"] for one in qualified}
    assert all(latest[member["id"]] == member["at"] for member in members["members"])
    listed = await segd.ask("GET", f"/api/segments?search={report['segment']['name']}")
    assert report["segment"] in listed["segments"]


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
    made_events: Callable[[str], Path], cases: list[dict[str, Any]], dsn: str, tmp_path: Path
) -> None:
    generator = random.Random(os.environ.get("SEGD_TEST_SEED", "1"))
    storefront = [json.loads(line) for line in made_events("storefront").read_bytes().splitlines()]
    batches = in_batches(storefront)
    kills = sorted(generator.sample(range(len(batches)), 10))
    now = parse_timestamp(storefront[0]["timestamp"]) - 1
    clock = Clock(tmp_path / "clock", now)
    async with open_segd(tmp_path, clock=clock, dsn=dsn, limit_seconds=LIMIT_SECONDS) as segd:
        numbers = [await segd.create(case["segment"]) for case in cases]
        for number, batch in enumerate(batches):
            now = max(now, *(parse_timestamp(message["timestamp"]) for message in batch))
            clock.set(now)
            if number == len(batches) // 2:
                await segd.restart(signal.SIGTERM)
            if number in kills:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(posted_in_vain, segd, batch)
                    await trio.sleep(generator.random() * 0.2)
                    await segd.stop()
                await segd.start()
            await post(segd, batch)
        clock.set(now + 1)
        for number, case in zip(numbers, cases, strict=True):
            with trio.move_on_after(PATIENCE_SECONDS):
                while standing(await segd.log(number)) != case["expected"]:  # noqa: ASYNC110 — it asks again
                    await trio.sleep(0.1)
            assert standing(await segd.log(number)) == case["expected"], case["segment"]["name"]
            await tells_the_same_everywhere(segd, number, now + 1)
