"""The daemon while events cannot be taken, and what came due meanwhile: it waits for what senders send again."""

import signal
from pathlib import Path
from typing import Any

import httpx
import trio

from segd.actors import clock as wall
from segd.core.time.instants import MINUTE, SECOND, parse_timestamp
from tests.daemons import KEY, Clock, Segd, open_segd, told, track
from tests.postgres_proxy import open_proxy

NOON = parse_timestamp("2026-03-01T12:00:00Z")


def cart_left(within: str) -> dict[str, Any]:
    on = {"type": "inaction", "did": {"event": "Cart"}, "did_not": {"event": "Bought"}, "within": within}
    return {"name": "Cart left", "kind": "live", "on": on}


async def status_of(segd: Segd, path: str, content: Any = None) -> int:
    async with httpx.AsyncClient(timeout=60, base_url=segd.url) as client:
        response = await client.request("GET" if content is None else "POST", path, json=content)
        assert response.is_success or int(response.headers["retry-after"]) > 0, response.text
        return response.status_code


async def test_a_second_kill_while_senders_catch_up_does_not_hurry_what_came_due_in_the_first(dsn: str, tmp_path: Path):
    clock = Clock(tmp_path / "clock", NOON)
    async with open_segd(tmp_path, clock=clock, dsn=dsn, catch_up="2m") as segd:

        async def happens(minute: float, event: str, user: str, minute_told: float | None = None) -> None:
            clock.set(NOON + round((minute if minute_told is None else minute_told) * MINUTE) + 1000)
            await segd.post(track(event, user, NOON + round(minute * MINUTE)))

        number = await segd.create(cart_left("10m"))
        await happens(0, "Cart", "ann")
        await happens(0, "Cart", "bob")
        await happens(9, "Seen", "cyd")
        for minute in (15, 15.75):
            await segd.stop(signal.SIGKILL)
            clock.set(NOON + round(minute * MINUTE))
            await segd.start()
            await happens(minute + 0.5, "Seen", "cyd")
        await happens(9.5, "Bought", "ann", minute_told=16.5)
        await happens(18, "Cart", "dan")
        clock.set(NOON + 28 * MINUTE + 1000)
        async with segd.watch(number, after="0") as watching:
            assert told(await watching.entries(2)) == [
                ("qualified", "bob", NOON + 10 * MINUTE),
                ("qualified", "dan", NOON + 28 * MINUTE),
            ]


async def test_a_database_that_stalls_is_an_outage_after_which_senders_catch_up(dsn: str, tmp_path: Path):
    async with open_proxy(dsn) as proxy, open_segd(tmp_path, dsn=proxy.dsn, catch_up="2m") as segd:
        number = await segd.create(cart_left("2s"))
        at = wall.now() // 1000 * 1000
        await segd.post(track("Cart", "ann", at), track("Cart", "bob", at))
        proxy.stall()
        bought = {"writeKey": KEY, "batch": [track("Bought", "ann", at + SECOND)]}
        while await status_of(segd, "/readyz") == 200:  # noqa: ASYNC110  nobody tells
            await trio.sleep(0.1)
        assert await status_of(segd, "/v1/batch", bought) == 503
        proxy.go_on()
        while await status_of(segd, "/v1/batch", bought) != 200:  # noqa: ASYNC110  as SDKs do
            await trio.sleep(0.1)
        async with segd.watch(number, after="0") as watching:
            assert told(await watching.entries(1)) == [("qualified", "bob", at + 2 * SECOND)]
        assert told(await segd.log(number)) == [("qualified", "bob", at + 2 * SECOND)]


async def test_a_stop_does_not_wait_for_a_database_that_stalls(dsn: str, tmp_path: Path):
    async with open_proxy(dsn) as proxy, open_segd(tmp_path, dsn=proxy.dsn) as segd:
        await segd.post(track("Cart", "ann", wall.now() // 1000 * 1000))
        proxy.stall()
        with trio.fail_after(40):
            assert await segd.stop(signal.SIGTERM) != 0
        proxy.go_on()
        await segd.start()
