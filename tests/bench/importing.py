"""What an import beside the daemon costs those who send events meanwhile: `python -m tests.bench.importing [--rate N]
[--history N] [--seconds S]`.

`segd serve` on an embedded Postgres of its own with one inaction segment, and a sender in a process of its own that
posts 1,000 events a second in posts of 10, each at its time, whether those before it are answered or not. It does so
alone for a while, then beside `segd import` of history, and alone again. Told is when its posts were answered, from the
instants at which they were to be sent. Then the import is done again, and must find all of it there.
"""

import argparse
import json
import math
import multiprocessing
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import trio

from segd.core.time.instants import DAY, parse_timestamp, to_text

YEAR = parse_timestamp("2026-01-01T00:00:00Z")
USERS = 100_000
BATCH = 10
PARTS = (50, 90, 99)
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
    options.add_argument("--seconds", type=float, default=30)
    given = options.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was measured until then is told
    with tempfile.TemporaryDirectory() as folder:
        state = ["--state-dir", f"{folder}/state"]
        Path(folder, "segments").mkdir()
        Path(folder, "segments/cart.json").write_text(json.dumps(CART))
        history = Path(folder, "history.ndjson")
        with history.open("w") as file:
            file.writelines(events(given.history, past=True))
        command = [*SEGD, "serve", *state, "--listen", "127.0.0.1:0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
            assert daemon.stdout
            ready = re.fullmatch(r"READY http://.*:(\d+) write key (\w+)\n", daemon.stdout.readline())
            assert ready
            subprocess.run([*SEGD, "segments", "apply", f"{folder}/segments", "--yes", *state], check=True)
            sender = (int(ready[1]), ready[2], given.rate)
            post("to begin with", sender, given.seconds)
            before = post("before", sender, given.seconds)
            imported = [*SEGD, "import", str(history), *state]
            done = Path(folder, "done")
            with multiprocessing.get_context("spawn").Pool(1) as others:
                posting = others.apply_async(post, ("beside it", sender, math.inf, done))
                time.sleep(3)
                try:
                    subprocess.run(imported, check=True)
                finally:
                    done.touch()
                    beside = posting.get()
            after = post("after", sender, given.seconds / 2)
            for part in PARTS:
                print(f"p{part} beside it: {beside[part] / before[part]:.1f} times that before it,", end=" ")
                print(f"{beside[part] / after[part]:.1f} times that after it")
            subprocess.run(imported, check=True)
            status = Path(f"/proc/{daemon.pid}/status").read_text()
            print("memory of the daemon:", re.findall(r"VmHWM:\s*(.*)", status)[0], "at most")
            daemon.terminate()


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


def post(when, sender, seconds, done=None) -> dict[int, float]:
    """For so long, or until there is a file `done`. Prints how long answers took, and returns that by PARTS."""
    port, key, rate = sender
    took: list[float] = []
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
        took.append(trio.current_time() - at)

    async def run_all() -> None:
        async with trio.open_nursery() as nursery:
            send, receive = trio.open_memory_channel[float](100_000)
            for _ in range(CONNECTIONS):
                nursery.start_soon(connection, receive)
            async with send:
                began = trio.current_time()
                for each in count():
                    at = began + each * BATCH / rate
                    await trio.sleep_until(at)
                    if at > began + seconds or (done is not None and done.exists()):
                        return
                    await send.send(at)

    trio.run(run_all)
    took.sort()
    parts = {part: took[int(len(took) * part / 100)] for part in PARTS}
    shown = ", ".join(f"p{part} {seconds * 1000:.0f} ms" for part, seconds in parts.items())
    told = f", {refused:,} posts refused" if refused else ""
    print(f"{len(took) * BATCH:,} events {when}: {shown}, longest {took[-1] * 1000:.0f} ms{told}", flush=True)
    return parts


if __name__ == "__main__":
    main()
