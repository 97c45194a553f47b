"""What an import beside the daemon costs those who send events meanwhile: `python -m tests.bench.importing [--rate N]
[--history N] [--pieces N]`.

`segd serve` on an embedded Postgres of its own with one inaction segment, and a sender in a process of its own that
posts 1,000 events a second in posts of 10, each at its time, whether those before it are answered or not. Beside it
`segd import` brings history in, a piece at a time, and each piece is followed by as long a pause, for a machine that is
slow for a while is so in both. Told is when posts were answered, from the instants at which they were to be sent. Then
the import is done again, and must find all of it there.
"""

import argparse
import json
import math
import multiprocessing
import random
import re
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from itertools import chain, count, islice, pairwise
from pathlib import Path
from statistics import median

import trio

from segd.core.time.instants import DAY, parse_timestamp, to_text

YEAR = parse_timestamp("2026-01-01T00:00:00Z")
USERS = 100_000
BATCH = 10
PARTS = (50, 90, 99)
WARM_SECONDS = 20
CONNECTIONS = 16
REQUESTS = 500  # over one connection: after 1,000 the daemon closes it
CART = {
    "name": "Cart left",
    "kind": "live",
    "on": {"type": "inaction", "did": {"event": "Added"}, "did_not": {"event": "Charged"}, "within": "10s"},
}
NAMES = ("Product Viewed", "Product Viewed", "Product Viewed", "Added", "Charged")
SEGD = [sys.executable, "-m", "segd"]


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rate", type=int, default=1_000)
    options.add_argument("--history", type=int, default=400_000)
    options.add_argument("--pieces", type=int, default=10)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        state = ["--state-dir", f"{folder}/state"]
        Path(folder, "segments").mkdir()
        Path(folder, "segments/cart.json").write_text(json.dumps(CART))
        pieces = [Path(folder, f"history-{n}.ndjson") for n in range(given.pieces)]
        history = events(given.history, past=True)
        for piece in pieces:
            piece.write_text("".join(islice(history, math.ceil(given.history / given.pieces))))
        command = [*SEGD, "serve", *state, "--listen", "127.0.0.1:0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
            assert daemon.stdout
            ready = re.fullmatch(r"READY http://.*:(\d+) write key (\w+)\n", daemon.stdout.readline())
            assert ready
            subprocess.run([*SEGD, "segments", "apply", f"{folder}/segments", "--yes", *state], check=True)
            done = Path(folder, "done")
            with multiprocessing.get_context("spawn").Pool(1) as others:
                posting = others.apply_async(post, (int(ready[1]), ready[2], given.rate, done))
                time.sleep(WARM_SECONDS)
                spans: list[float] = [time.time()]  # where an import began or ended
                for piece in pieces:
                    subprocess.run([*SEGD, "import", str(piece), *state], check=True)
                    spans.append(time.time())
                    time.sleep(spans[-1] - spans[-2])
                    spans.append(time.time())
                done.touch()
                posted = posting.get()
            tell(posted, list(pairwise(spans)))
            subprocess.run([*SEGD, "import", *map(str, pieces), *state], check=True)
            status = Path(f"/proc/{daemon.pid}/status").read_text()
            print("memory of the daemon:", re.findall(r"VmHWM:\s*(.*)", status)[0], "at most")
            daemon.terminate()


def tell(posted: list[tuple[float, float]], spans: list[tuple[float, float]]) -> None:
    """posted: when, and in how many seconds it was answered. spans: beside an import, and without, in turn."""
    by_span = [sorted(took for at, took in posted if begin <= at < end) for begin, end in spans]
    beside, without = by_span[::2], by_span[1::2]
    for name, parted in (("beside an import", beside), ("without one", without)):
        took = sorted(chain.from_iterable(parted))
        shown = ", ".join(f"p{part} {at(took, part) * 1000:.0f} ms" for part in PARTS)
        each = median(at(one, 99) for one in parted) * 1000
        print(
            f"{len(took) * BATCH:,} events {name}: {shown}; p99 of the {len(parted)} spans in the median {each:.0f} ms"
        )
    for part in PARTS:
        times = at(sorted(chain.from_iterable(beside)), part) / at(sorted(chain.from_iterable(without)), part)
        print(f"p{part} beside it: {times:.1f} times that without")


def at(took: list[float], part: int) -> float:
    return took[int(len(took) * part / 100)]


def events(number: int, *, past: bool):
    chance = random.Random(number)
    for each in range(number):
        message = {
            "type": "track", "event": chance.choice(NAMES), "userId": str(chance.randrange(USERS) + 1),
            "messageId": f"h{each}", "properties": {"product": chance.randrange(10_000), "price": 130.76},
        }  # fmt: skip
        if past:
            message["timestamp"] = to_text(YEAR + each * DAY * 300 // number)
        yield json.dumps(message) + "\n"


def post(port: int, key: str, rate: int, done: Path) -> list[tuple[float, float]]:
    """Until there is a file `done`. When each was to be sent, and how many seconds later it was answered."""
    posted: list[tuple[float, float]] = []
    refused = 0
    numbers = count()
    chance = random.Random(time.time_ns())
    run = chance.randrange(10**9)

    def body() -> bytes:
        batch = [
            {"type": "track", "event": chance.choice(NAMES), "userId": str(chance.randrange(USERS)),
             "messageId": f"{run}-{next(numbers)}", "properties": {"product": 7, "price": 130.76}}
            for _ in range(BATCH)
        ]  # fmt: skip
        content = json.dumps({"writeKey": key, "batch": batch}).encode()
        return b"POST /v1/b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(content) + content

    async def connection(due: "trio.MemoryReceiveChannel[float]") -> None:
        with suppress(trio.EndOfChannel):
            while True:
                async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                    for _ in range(REQUESTS):
                        await exchange(stream, await due.receive())

    async def exchange(stream: trio.SocketStream, at: float) -> None:
        nonlocal refused
        await stream.send_all(body())
        answer = b""
        while not answer.endswith(b"}"):
            more = await stream.receive_some()
            assert more, "the daemon closed the connection"
            answer += more
        refused += not answer.startswith(b"HTTP/1.1 200")
        posted.append((at, time.time() - at))

    async def run_all() -> None:
        async with trio.open_nursery() as nursery:
            send, receive = trio.open_memory_channel[float](100_000)
            for _ in range(CONNECTIONS):
                nursery.start_soon(connection, receive)
            async with send:
                began, began_at = trio.current_time(), time.time()
                for each in count():
                    await trio.sleep_until(began + each * BATCH / rate)
                    if await trio.Path(done).exists():
                        return
                    await send.send(began_at + each * BATCH / rate)

    trio.run(run_all)
    if refused:
        print(f"{refused:,} posts refused")
    return posted


if __name__ == "__main__":
    main()
