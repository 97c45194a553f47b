"""How the daemon fares with live segments: `python -m tests.bench.live [--seconds S] [--rate N] [--watchers N]`.

`segd serve` on an embedded Postgres of its own, with segments of every common kind. Three measurements, one after the
other: a steady rate beside watchers, half of whom read the log and half the feed (is memory flat, is anybody cut off?);
as many batches of 500 as it takes; and how long it is from the POST of one event until its user stands on a websocket.
--profile FILE: where the daemon spends its time under the second, by py-spy, which must be installed.
"""

import argparse
import json
import multiprocessing
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import httpx
import msgspec
import trio
import trio_websocket

USERS = 5_000  # few, so that all have been met soon: from then on memory should be flat
NAMES = ["$page"] * 4 + ["Viewed"] * 3 + ["Cart"] * 2 + ["Bought"]
SERVE = [sys.executable, "-c", "from segd.cli.serve import serve; serve()"]
PROBES = 100
REQUESTS = 500  # over one connection: after 1,000 the daemon closes it
ON = [
    {"type": "action", "did": {"event": "Probe"}},
    {"type": "inaction", "did": {"event": "Cart"}, "did_not": {"event": "Bought"}, "within": "1m"},
    {"type": "inaction", "did": {"event": "Viewed"}, "did_not": {"event": "Cart"}, "within": "10m", "repeat": "last"},
    {"type": "page_count", "at_least": 3},
    {"type": "action", "did": {"event": "Bought", "where": [{"property": "price", "op": "gt", "value": 90}]}},
]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--rate", type=int, default=1000)
    options.add_argument("--watchers", type=int, default=50)
    options.add_argument("--profile", type=Path)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder, multiprocessing.Pool(1) as others:
        command = [*SERVE, "--state-dir", folder, "--listen", "127.0.0.1:0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
            try:
                assert daemon.stdout
                ready = re.fullmatch(r"READY http://.*:(\d+) write key (\w+)\n", daemon.stdout.readline())
                assert ready
                port, key = int(ready[1]), ready[2]
                create(port)
                steady = others.apply_async(trio.run, (post, port, key, given.seconds, 50, 1, given.rate))
                frames, cut_off, memories = trio.run(watch, port, given.watchers, given.seconds, daemon.pid)
                rate, took = steady.get()
                say("steady", rate, took)
                print(
                    "memory, MB, by tenths:", *map("{:.0f}".format, memories), f"; processor {busy(daemon.pid):.0f} s"
                )
                print(f"{given.watchers} watchers: {cut_off} cut off, {frames:,} frames")
                say("POST to websocket, one at a time", None, trio.run(probe, port, key))
                profiler = profiling(daemon.pid, given.profile, given.seconds / 3) if given.profile else None
                began = busy(daemon.pid)
                rate, took = others.apply(trio.run, (post, port, key, given.seconds / 2, 500, 8, None))
                say("batches of 500", rate, took)
                print(f"processor {busy(daemon.pid) - began:.0f} s; memory {memory(daemon.pid):.0f} MB")
                if profiler:
                    profiler.wait()
                print("load average:", *map("{:.1f}".format, os.getloadavg()))
            finally:
                daemon.terminate()


def create(port: int) -> None:
    for number, on in enumerate(ON):
        definition = {"name": f"Segment {number}", "kind": "live", "on": on}
        httpx.post(f"http://127.0.0.1:{port}/api/segments", json={"definition": definition}).raise_for_status()


async def post(
    port: int, key: str, seconds: float, size: int, senders: int, rate: int | None
) -> tuple[float, list[float]]:
    """Events a second, and how long each batch took. rate: events a second at most."""
    took: list[float] = []
    numbers = count()
    chance = random.Random()
    run = f"{time.time_ns():x}"

    def event() -> str:
        name = chance.choice(NAMES)
        price = f"{chance.random() * 100:.2f}"
        return (
            f'{{"type":"track","event":"{name}","userId":"u{chance.randrange(USERS)}",'
            f'"messageId":"{run}-{next(numbers)}",'
            f'"properties":{{"product_id":"1004856","category":"electronics.smartphone","price":{price},'
            '"currency":"EUR","position":3,"url":"https://shop.example/p/1004856"}}'
        )

    async def sender(until: float) -> None:
        due = trio.current_time()
        while trio.current_time() < until:
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                for _ in range(REQUESTS):
                    body = f'{{"writeKey":{json.dumps(key)},"batch":[{",".join(event() for _ in range(size))}]}}'
                    took.append(await exchange(stream, body.encode()))
                    if rate is not None:
                        due += size * senders / rate
                        await trio.sleep_until(due)
                    if trio.current_time() >= until:
                        break

    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        for _ in range(senders):
            nursery.start_soon(sender, began + seconds)
    return len(took) * size / (trio.current_time() - began), took


async def exchange(stream: trio.SocketStream, body: bytes) -> float:
    """Post, and wait for the 200. Seconds that it took."""
    began = trio.current_time()
    await stream.send_all(b"POST /v1/b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    answer = b""
    while not answer.endswith(b"}") and (chunk := await stream.receive_some()):
        answer += chunk
    assert answer.startswith(b"HTTP/1.1 200"), answer
    return trio.current_time() - began


async def watch(port: int, watchers: int, seconds: float, pid: int) -> tuple[int, int, list[float]]:
    """How many frames came, how many watchers were cut off, and the daemon's memory after each tenth of the time."""
    frames = cut_off = 0
    memories: list[float] = []

    async def one(number: int) -> None:
        nonlocal frames, cut_off
        segment = number // 2 % len(ON) + 1
        path = f"/api/segments/{segment}/live" + ("?after=0" if number % 2 else "")
        async with trio_websocket.open_websocket(
            "127.0.0.1", port, path, use_ssl=False, disconnect_timeout=1
        ) as connection:
            try:
                while True:
                    await connection.get_message()
                    frames += 1
            except trio_websocket.ConnectionClosed:
                cut_off += 1

    async with trio.open_nursery() as nursery:
        for number in range(watchers):
            nursery.start_soon(one, number)
        for _ in range(10):
            await trio.sleep(seconds / 10)
            memories.append(memory(pid))
        nursery.cancel_scope.cancel()
    return frames, cut_off, memories


async def probe(port: int, key: str) -> list[float]:
    """How long it took from a POST until its user was on the websocket."""
    took: list[float] = []
    async with (
        trio_websocket.open_websocket("127.0.0.1", port, "/api/segments/1/live", use_ssl=False) as connection,
        await trio.open_tcp_stream("127.0.0.1", port) as stream,
    ):
        for number in range(PROBES):
            began = trio.current_time()
            message = {"type": "track", "event": "Probe", "userId": f"probe {number}", "messageId": f"p{began}"}
            await exchange(stream, json.dumps({"writeKey": key, "batch": [message]}).encode())
            while msgspec.json.decode(await connection.get_message())["type"] != "qualified":
                pass
            took.append(trio.current_time() - began)
            await trio.sleep(0.3)  # after a pause a frame comes at once
    return took


def say(what: str, rate: float | None, took: Sequence[float]) -> None:
    in_order = sorted(took)
    p50, p99 = (in_order[len(took) * part // 100] * 1000 for part in (50, 99))
    rated = "" if rate is None else f"{rate:,.0f} events/s, "
    print(f"{what}: {rated}p50 {p50:.1f} ms, p99 {p99:.1f} ms", flush=True)


def memory(pid: int) -> float:
    """Resident, in megabytes."""
    return int(re.findall(r"VmRSS:\s*(\d+)", Path(f"/proc/{pid}/status").read_text())[0]) / 1024


def busy(pid: int) -> float:
    """Seconds of processor time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def profiling(pid: int, output: Path, seconds: float) -> "subprocess.Popen[bytes]":
    command = ["py-spy", "record", "-p", str(pid), "-d", str(round(seconds)), "-f", "raw", "-o", str(output)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
