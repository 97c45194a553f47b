"""Events a second that `segd backtest` takes, with 1 and with 20 inaction segments.

    python -m tests.bench.make_events 3000000 > events.ndjson
    python -m tests.bench.backtest events.ndjson

The twenty differ in what is done, what is not, where, and for how long; every event name is in several of them.
"""

import os
import platform
import random
import resource
import subprocess
import sys
import tempfile
import time
from itertools import product
from pathlib import Path

import msgspec

STARTS = ({"event": "Added To Cart"}, {"event": "Checkout Started"}, {"event": "Searched"})
PRICEY = {"property": "price", "op": "gte", "value": 90}
WINDOWS = ("10m", "30m", "2h")


def definitions(count: int) -> list[dict[str, object]]:
    """The first is cart and no charge within ten minutes."""
    shapes = [(did, {"event": "Charged"}, within) for within, did in product(WINDOWS, STARTS)]
    shapes += [(did | {"where": [PRICEY]}, {"event": "Charged"}, within) for within, did in product(WINDOWS, STARTS)]
    shapes += [({"event": "Product Viewed", "where": [PRICEY]}, {"event": "Added To Cart"}, w) for w in WINDOWS]
    return [
        {
            "name": f"{number}",
            "kind": "live",
            "on": {"type": "inaction", "did": did, "did_not": did_not, "within": within},
        }
        for number, (did, did_not, within) in enumerate(shapes[:count])
    ]


def run(events: str, count: int) -> None:
    used_before = _processor_seconds()
    with tempfile.TemporaryDirectory() as folder:
        paths: list[Path] = []
        for definition in definitions(count):
            paths.append(Path(folder, f"{definition['name']}.json"))
            paths[-1].write_bytes(msgspec.json.encode(definition))
        command = [sys.executable, "-m", "segd", "backtest", *paths, "--events", events, "-o", f"{folder}/out"]
        done = subprocess.run([*command, "--json"], check=True, capture_output=True)
    summary = msgspec.json.decode(done.stderr)
    used = _processor_seconds() - used_before
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024  # of the largest process
    print(
        f"| {count} | {summary['events']:,} | {sum(summary['qualified'].values()):,} | {summary['seconds']:.1f} |"
        f" {summary['events'] / summary['seconds']:,.0f} | {used:.1f} s | {peak} MB |",
        flush=True,
    )


def _processor_seconds() -> float:
    """Of all processes so far that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def bare() -> float:
    """Events a second of a loop that opens and closes windows and does nothing else: says how fast this machine is now.
    Machines differ, and one machine differs from hour to hour; what stands in a fixed ratio to this does not."""
    chance = random.Random(7)
    events = [(chance.randrange(20_000), chance.randrange(6), number) for number in range(1_000_000)]
    windows: dict[int, int] = {}
    began = time.perf_counter()
    for user, name, at in events:
        if name == 0:
            if user not in windows or windows[user] < at:
                windows[user] = at + 600
        elif name == 1:
            windows.pop(user, None)
    return len(events) / (time.perf_counter() - began)


if __name__ == "__main__":
    print(f"CPython {platform.python_version()}, {platform.machine()}; a bare loop: {bare():,.0f} events/s;")
    print(f"{os.cpu_count()} processors, for which {os.getloadavg()[0]:.1f} were waiting\n")
    print("| segments | events | qualified | seconds | events/s | processors | peak memory |")
    print("|---" * 7 + "|")
    for count in (1, 20):
        run(sys.argv[1], count)
