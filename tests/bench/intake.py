"""How many events a second the daemon takes: `python -m tests.bench.intake [--seconds S] [--batch N] [--senders N]`.

`segd serve` on an embedded Postgres of its own, and senders in a process of theirs that post batches over connections
they keep, each waiting for its answer. Every event has its own messageId, one of 100,000 users, and 8 properties.
"""

import argparse
import json
import multiprocessing
import random
import re
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

import trio

USERS = 100_000


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=float, default=20)
    options.add_argument("--batch", type=int, default=500)
    options.add_argument("--senders", type=int, default=8)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        serve = [sys.executable, "-c", "from segd.cli.serve import serve; serve()"]
        command = [*serve, "--state-dir", folder, "--listen", "127.0.0.1:0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
            assert daemon.stdout
            ready = re.fullmatch(r"READY http://.*:(\d+) write key (\w+)\n", daemon.stdout.readline())
            assert ready
            work = (int(ready[1]), ready[2], given.seconds, given.batch, given.senders)
            with multiprocessing.Pool(1) as pool:
                print(pool.apply(post_all, work))
            status = Path(f"/proc/{daemon.pid}/status").read_text()
            print("memory of the daemon:", re.findall(r"VmHWM:\s*(.*)", status)[0], "at most")
            daemon.terminate()


def post_all(port: int, key: str, seconds: float, size: int, senders: int) -> str:
    took: list[float] = []
    numbers = count()
    chance = random.Random(7)

    def event() -> str:
        return (
            f'{{"type":"track","event":"Product Viewed","userId":"{chance.randrange(USERS)}",'
            f'"messageId":"m{next(numbers)}",'
            '"properties":{"product_id":"1004856","category":"electronics.smartphone","brand":"samsung","price":130.76,'
            '"currency":"EUR","position":3,"list":"search","session":"4f9cbf4b-8a04-4f9c"}}'
        )

    async def sender(until: float) -> None:
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            while trio.current_time() < until:
                body = f'{{"writeKey":{json.dumps(key)},"batch":[{",".join(event() for _ in range(size))}]}}'.encode()
                began = trio.current_time()
                head = b"POST /v1/b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
                await stream.send_all(head + body)
                answer = b""
                while not answer.endswith(b"}"):
                    answer += await stream.receive_some()
                assert answer.startswith(b"HTTP/1.1 200"), answer
                took.append(trio.current_time() - began)

    async def all_senders() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(senders):
                nursery.start_soon(sender, trio.current_time() + seconds)

    began = time.monotonic()
    trio.run(all_senders)
    rate = len(took) * size / (time.monotonic() - began)
    took.sort()
    return (
        f"{rate:,.0f} events/s in batches of {size} by {senders} senders; answered after "
        f"p50 {took[len(took) // 2] * 1000:.0f} ms, p99 {took[len(took) * 99 // 100] * 1000:.0f} ms"
    )


if __name__ == "__main__":
    main()
