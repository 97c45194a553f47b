"""Many windows (SEGD_TEST_WINDOWS: how many) survive a kill, come due while segd is down, and each qualifies once."""

import os
from pathlib import Path

import trio

from segd.core.time.instants import MINUTE, SECOND, parse_timestamp
from tests.daemons import Clock, open_segd, track

WINDOWS = int(os.environ.get("SEGD_TEST_WINDOWS", "20000"))
BATCH = 1_000
BOUGHT = 7  # of so many one buys in time
NOON = parse_timestamp("2026-03-01T12:00:00Z")
ON = {"type": "inaction", "did": {"event": "Cart"}, "did_not": {"event": "Bought"}, "within": "10m"}


async def test_open_windows_survive_a_kill_and_come_due_while_segd_is_down(dsn: str, tmp_path: Path):
    clock = Clock(tmp_path / "clock", NOON)
    async with open_segd(tmp_path, dsn=dsn, clock=clock, limit_seconds=600) as segd:
        segment = await segd.create({"name": "Cart left", "kind": "live", "on": ON})
        clock.set(NOON + SECOND)
        for first in range(0, WINDOWS, BATCH):
            await segd.post(*(track("Cart", f"u{user}", clock.now) for user in range(first, first + BATCH)))
        while (await segd.ask("GET", f"/api/segments/{segment}/report"))["waiting"]["users"] < WINDOWS:  # noqa: ASYNC110
            await trio.sleep(0.1)  # what follows from the last events is written after them
        await segd.restart()
        clock.set(NOON + 5 * MINUTE)
        buyers = range(0, WINDOWS, BOUGHT)
        for first in range(0, len(buyers), BATCH):
            await segd.post(*(track("Bought", f"u{user}", clock.now) for user in buyers[first : first + BATCH]))
        await segd.stop()
        clock.set(NOON + 20 * MINUTE)
        await segd.start()
        left = WINDOWS - len(buyers)
        async with segd.watch(segment, after="0") as watching:
            entries = await watching.entries(left)
        assert {entry["at"] for entry in entries} == {"2026-03-01T12:10:01.000Z"}
        assert {entry["userId"] for entry in entries} == {f"u{user}" for user in range(WINDOWS) if user % BOUGHT}
        assert len(entries) == left
        report = await segd.ask("GET", f"/api/segments/{segment}/report")
        assert (report["waiting"]["users"], report["members"]) == (0, left)
