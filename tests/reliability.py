"""segd killed again and again under load: `python -m tests.reliability [--kills N] [--postgres N] [--seed N]`.

Senders post until they get their 200, and a watcher of each segment's log comes back by its cursor, while segd is
killed at random instants, also as it starts and as it stops, and so is its embedded Postgres. With `--cuts N` or
`--stalls N` there is a proxy before Postgres, whose connections are cut, or left open without anything going through,
instead of killing that. In the end every event is there once and no other, what stands in the record is what a backtest
says of the same events, and each watcher has seen each entry of the log once, in order.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
import trio_websocket

from segd.actors import clock
from segd.store.bridge import open_pool
from segd.store.embedded import open_embedded
from segd.store.migrate import migrate
from tests.daemons import KEY, Segd, open_segd, track
from tests.postgres_proxy import Proxy, open_proxy

SENDERS = 4
USERS = 25  # of each sender
BATCH = 10
PAUSE_SECONDS = 0.02
REST_SECONDS = 4.0  # longer than the longest window
SETTLE_SECONDS = 60.0  # until the record must be complete
ON = {
    "viewed": {"type": "action", "did": {"event": "Viewed"}},
    "first": {"type": "inaction", "did": {"event": "Cart"}, "did_not": {"event": "Bought"}, "within": "1s"},
    "each": {
        "type": "inaction", "did": {"event": "Cart"}, "did_not": {"event": "Bought"}, "within": "2s", "repeat": "each",
    },
    "last": {
        "type": "inaction", "did": {"event": "Viewed"}, "did_not": {"event": "Cart"}, "within": "3s",
        "repeat": "last",
    },
    "pages": {"type": "page_count", "at_least": 3, "per": "10s"},
}  # fmt: skip
FILTER = {"type": "did", "event": "Viewed", "count": {"op": "gte", "value": 2}}
NAMES = ["Viewed", "Viewed", "Cart", "Cart", "Bought", "$page"]


class Wrong(AssertionError):
    """A promise was broken."""


class Sender:
    """Posts batches one after the other, each until it is answered with 200. accepted: what was, in order."""

    def __init__(self, name: str, segd: Segd, chance: random.Random) -> None:
        self.accepted: list[dict[str, Any]] = []
        self._name = name
        self._segd = segd
        self._chance = chance
        self._number = 0

    async def run(self, stop: trio.Event) -> None:
        while not stop.is_set():
            batch = [self._message() for _ in range(BATCH)]
            content = json.dumps({"writeKey": KEY, "batch": batch}).encode()
            while not await self._is_taken(content):  # noqa: ASYNC110 — it posts again
                await trio.sleep(PAUSE_SECONDS)
            self.accepted += batch
            await trio.sleep(PAUSE_SECONDS)

    def _message(self) -> dict[str, Any]:
        self._number += 1
        user = f"user {self._name}-{self._chance.randrange(USERS)}"
        at = clock.now() // 1000 * 1000 + self._number % BATCH * 1000
        name = self._chance.choice(NAMES)
        message = track(name, user, at, f"{self._name}-{self._number}")
        if name == "$page":
            del message["event"]
            message |= {"type": "page", "properties": {"url": "https://shop.example/"}}
        return message

    async def _is_taken(self, content: bytes) -> bool:
        head = b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(content)
        answer = b""
        try:
            async with await trio.open_tcp_stream("127.0.0.1", self._segd.port) as stream:
                await stream.send_all(head + content)
                async for chunk in stream:
                    answer += chunk
        except (OSError, trio.BrokenResourceError):
            return False
        if answer and not answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 429", b"HTTP/1.1 503")):
            raise Wrong(f"a sender was answered {answer!r}")
        return answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"}")


class Watcher:
    """Reads a segment's log, and goes on where it was whenever the connection breaks."""

    def __init__(self, segd: Segd, segment: int) -> None:
        self.entries: list[dict[str, Any]] = []
        self._segd = segd
        self._segment = segment

    async def run(self) -> None:
        while True:
            try:
                after = self.entries[-1]["cursor"] if self.entries else "0"
                async with self._segd.watch(self._segment, after) as watching:
                    while True:
                        self.entries += (await watching.next("log"))["entries"]
            except* (OSError, trio.BrokenResourceError, trio.TooSlowError):
                pass
            except* (trio_websocket.ConnectionClosed, trio_websocket.HandshakeError):
                pass
            await trio.sleep(PAUSE_SECONDS)


class Trial:
    """One daemon under load. dsn: of its database. kills: how often what was killed, and when in its life."""

    def __init__(self, segd: Segd, folder: Path, dsn: str, chance: random.Random) -> None:
        self.segd = segd
        self.dsn = dsn
        self.kills = {"starting": 0, "running": 0, "stopping": 0, "postgres": 0, "cut": 0, "stalled": 0}
        self.senders = [Sender(str(number), segd, chance) for number in range(SENDERS)]
        self.watchers: dict[str, Watcher] = {}
        self._folder = folder
        self._chance = chance
        self._start_seconds = 2.0

    @asynccontextmanager
    async def under_load(self) -> AsyncGenerator[None]:
        """Senders post in the block, and watchers watch until all has come to rest. Raises Wrong."""
        for name, on in ON.items():
            number = await self.segd.create({"name": name, "kind": "live", "on": on})
            self.watchers[name] = Watcher(self.segd, number)
        filtered = {"name": "filtered", "kind": "live", "on": ON["first"], "filter": FILTER, "again": "5s"}
        self.watchers["filtered"] = Watcher(self.segd, await self.segd.create(filtered))
        stop = trio.Event()
        async with trio.open_nursery() as watching:
            for watcher in self.watchers.values():
                watching.start_soon(watcher.run)
            async with trio.open_nursery() as sending:
                for sender in self.senders:
                    sending.start_soon(sender.run, stop)
                yield
                stop.set()
            await trio.sleep(REST_SECONDS)
            await self._check()
            watching.cancel_scope.cancel()

    async def kill(self) -> None:
        """Kill segd some time after it was started or, once it is ready, as it stops; start it again."""
        chance = self._chance
        if chance.random() < 0.25:
            await trio.sleep(chance.random())
            assert self.segd.process
            self.segd.process.send_signal(signal.SIGTERM)
            await trio.sleep(chance.random() * 0.5)
            await self._killed("stopping")
        else:
            await trio.sleep(chance.random() * self._start_seconds)
            await self._killed("running")
        while chance.random() < 0.3:
            await self.segd.begin()
            await trio.sleep(chance.random() * self._start_seconds)
            await self._killed("starting")
        began = trio.current_time()
        await self.segd.start()
        self._start_seconds = trio.current_time() - began

    async def kill_postgres(self) -> None:
        """segd starts it again by itself, and is taking events when this returns."""
        pid_file = self._folder / "state" / "postgres" / "data" / "postmaster.pid"
        await trio.sleep(self._chance.random())
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGKILL)
        self.kills["postgres"] += 1
        await self._until_events_are_taken()

    async def cut(self, proxy: Proxy) -> None:
        """Break all connections to Postgres at once."""
        await trio.sleep(self._chance.random())
        proxy.cut_all()
        self.kills["cut"] += 1
        await self._until_events_are_taken()

    async def stall(self, proxy: Proxy) -> None:
        """Let nothing through for a while, so long that segd notices or not; connections may break in the end."""
        await trio.sleep(self._chance.random())
        proxy.stall()
        await trio.sleep(self._chance.choice((0.5, 3.0, 13.0)))
        if self._chance.random() < 0.3:
            proxy.cut_all()
        proxy.go_on()
        self.kills["stalled"] += 1
        await self._until_events_are_taken()

    async def _until_events_are_taken(self) -> None:
        goals = [len(sender.accepted) + 2 * BATCH for sender in self.senders]
        while any(len(sender.accepted) < goal for sender, goal in zip(self.senders, goals, strict=True)):  # noqa: ASYNC110
            await trio.sleep(PAUSE_SECONDS)

    async def _killed(self, when: str) -> None:
        await self.segd.stop(signal.SIGKILL)
        self.kills[when] += 1

    # What must hold in the end

    async def _check(self) -> None:
        accepted = [message for sender in self.senders for message in sender.accepted]
        async with open_pool(self.dsn, size=1) as pool, pool.acquire() as connection:
            stored = [row[0] for row in await connection.fetch("SELECT message_id FROM events ORDER BY sequence")]
        _same("events", sorted(stored), sorted(message["messageId"] for message in accepted))
        expected = await trio.to_thread.run_sync(self._backtest, accepted)
        for name, watcher in self.watchers.items():
            give_up = trio.current_time() + SETTLE_SECONDS
            while _standing(log := await self.segd.log(name)) != expected[name]:
                if trio.current_time() > give_up:
                    _same(name, _standing(log), expected[name])
                await trio.sleep(1)
            while len(watcher.entries) < len(log) and trio.current_time() < give_up:  # noqa: ASYNC110
                await trio.sleep(PAUSE_SECONDS)
            _same(f"watcher of {name}", [e["cursor"] for e in watcher.entries], [e["cursor"] for e in log])

    def _backtest(self, messages: Sequence[dict[str, Any]]) -> dict[str, list[tuple[str, str, str]]]:
        events = self._folder / "events.ndjson"
        events.write_text("".join(json.dumps(message) + "\n" for message in messages))
        files: list[Path] = []
        for name in self.watchers:
            more = {"filter": FILTER, "again": "5s"} if name == "filtered" else {}
            files.append(self._folder / f"{name}.json")
            files[-1].write_text(json.dumps({"name": name, "kind": "live", "on": ON.get(name, ON["first"])} | more))
        command = [sys.executable, "-m", "segd", "backtest", *files, "--events", events, "--until", "2100-01-01"]
        done = subprocess.run(command, check=True, capture_output=True)
        found: dict[str, list[tuple[str, str, str]]] = {name: [] for name in self.watchers}
        for line in map(json.loads, done.stdout.splitlines()):
            found[line["segment"]].append((line["at"], line["userId"], line["cause"]))
        return {name: sorted(lines) for name, lines in found.items()}


def _standing(log: Sequence[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """What was recorded and not taken back. Raises Wrong where somebody is told twice, or of what never was."""
    standing: set[tuple[str, str, str]] = set()
    for entry in log:
        key = entry["at"], entry["userId"], entry["cause"]
        gone = key if entry["type"] == "retracted" else None
        if entry["type"] == "corrected":
            gone = entry["was"]["at"], entry["userId"], entry["was"]["cause"]
        if gone is not None:
            if gone not in standing:
                raise Wrong(f"taken back, and never was: {entry}")
            standing.remove(gone)
        if entry["type"] != "retracted":
            if key in standing:
                raise Wrong(f"told twice: {entry}")
            standing.add(key)
    return sorted(standing)


def _same(what: str, found: Sequence[Any], expected: Sequence[Any]) -> None:
    if list(found) != list(expected):
        missing, too_many = set(expected) - set(found), set(found) - set(expected)
        raise Wrong(
            f"{what}: {len(found)} where {len(expected)} were expected; missing {sorted(missing)[:5]}, "
            f"too many {sorted(too_many)[:5]}"
        )


async def try_it(
    folder: Path, *, kills: int, postgres: int, seed: int, progress: Callable[[str], None] = lambda _: None
) -> Trial:
    """Kill segd and its Postgres so often, in random order. Raises Wrong."""
    dsn = f"postgresql://segd@/postgres?host={folder / 'state' / 'postgres'}&port=5432"
    victims = {"segd": kills, "postgres": postgres}
    async with _open_trial(folder, dsn, victims, seed, state_dir=str(folder / "state")) as trial:
        ways = {"segd": trial.kill, "postgres": trial.kill_postgres}
        await _try_all(trial, ways, victims, seed, progress)
    return trial


async def try_by_proxy(
    folder: Path,
    dsn: str,
    *,
    kills: int,
    cuts: int,
    stalls: int,
    seed: int,
    progress: Callable[[str], None] = lambda _: None,
) -> Trial:
    """Kill segd, and cut and stall its connections to the database, so often, in random order. Raises Wrong."""
    victims = {"segd": kills, "connections": cuts, "traffic": stalls}
    async with open_proxy(dsn) as proxy, _open_trial(folder, dsn, victims, seed, dsn=proxy.dsn) as trial:
        ways = {
            "segd": trial.kill,
            "connections": lambda: trial.cut(proxy),
            "traffic": lambda: trial.stall(proxy),
        }
        await _try_all(trial, ways, victims, seed, progress)
    return trial


@asynccontextmanager
async def _open_trial(
    folder: Path, database: str, victims: Mapping[str, int], seed: int, **settings: str
) -> AsyncGenerator[Trial]:
    limit = 120 + 30.0 * sum(victims.values())
    async with open_segd(folder, limit_seconds=limit, **settings) as segd:
        try:
            yield Trial(segd, folder, database, random.Random(seed))
        finally:
            if segd.process:
                await segd.stop(signal.SIGTERM)


async def _try_all(
    trial: Trial,
    ways: Mapping[str, Callable[[], Awaitable[None]]],
    victims: Mapping[str, int],
    seed: int,
    progress: Callable[[str], None],
) -> None:
    order = [victim for victim, count in victims.items() for _ in range(count)]
    random.Random(seed).shuffle(order)
    async with trial.under_load():
        for number, victim in enumerate(order, start=1):
            await ways[victim]()
            events = sum(len(sender.accepted) for sender in trial.senders)
            progress(f"{number} of {len(order)}: {victim}; {events:,} events so far")


async def _try_as_asked(folder: Path, given: argparse.Namespace, progress: Callable[[str], None]) -> Trial:
    if not given.cuts and not given.stalls:
        return await try_it(folder, kills=given.kills, postgres=given.postgres, seed=given.seed, progress=progress)
    async with open_embedded(folder / "server", progress=lambda _: None) as dsn:
        async with open_pool(dsn, size=1) as pool, pool.acquire() as connection:
            await migrate(connection, progress=lambda _: None)
        return await try_by_proxy(
            folder, dsn, kills=given.kills, cuts=given.cuts, stalls=given.stalls, seed=given.seed, progress=progress
        )


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--kills", type=int, default=100)
    options.add_argument("--postgres", type=int, default=10)
    options.add_argument("--cuts", type=int, default=0)
    options.add_argument("--stalls", type=int, default=0)
    options.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    given = options.parse_args()
    print("seed", given.seed)
    with tempfile.TemporaryDirectory() as folder:
        trial = trio.run(_try_as_asked, Path(folder), given, lambda line: print(line, flush=True))
    events = sum(len(sender.accepted) for sender in trial.senders)
    entries = sum(len(watcher.entries) for watcher in trial.watchers.values())
    print(f"{trial.kills}; {events:,} events, each once; {entries:,} entries of the log, each seen once")


if __name__ == "__main__":
    main()
