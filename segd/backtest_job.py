"""Live definitions over the stored history, one after another, as a process of its own: what `backtests` starts.

Jobs come over standard input, and what came of each goes to standard output, as lines of JSON. A job goes through the
users a part at a time, all of a user's history at once, for what qualifies today may follow from what happened long
ago. A part is a range of numbers, whose top bits are hash bits, so any part is a fair sample. It ends with the last
part, or when its time is up, and then scales what it found.
"""

import math
import resource
import signal
import sys
import time
from collections import Counter
from datetime import timedelta, tzinfo
from pathlib import Path
from typing import Any

import msgspec
import trio
from msgspec import Struct

from segd.core.deciding.plan import Plan
from segd.core.errors import DefinitionError, Problem
from segd.core.events.messages import Event
from segd.core.language import definitions as d
from segd.core.language.reading import read_definition
from segd.core.segment_views import Backtested, Hit
from segd.core.time.calendar import day_of, midnight, zone
from segd.core.time.instants import Instant, from_datetime, to_datetime
from segd.core.users.population import Population
from segd.store.bridge import Connection, open_pool
from segd.store.queries import query
from segd.store.segment_rows import find_segment
from segd.store.session import Row
from segd.store.users import SEQUENCE_BITS

WORK_SECONDS = 1.5  # with the start of the process, two for whoever waits
FIRST_USERS = 300  # of the first part, about
WHOLE = 1 << 15  # values of the hash bits
PAGE = 5_000  # rows
SHOWN = 10  # qualifications, the latest
MOST_MEMORY = 2 << 30  # bytes
MOST_SECONDS = 20  # of the processor for a job, and of each statement: a part that takes so long is given up
IDLE_SECONDS = 300  # without a job, after which the process ends
KEPT_KILOBYTES = 300_000  # of memory; a process that has needed more ends after its job

_decode_traits = msgspec.json.Decoder(dict[str, Any]).decode


class Job(Struct):
    """definition: a document. days: of the account's zone, the one of `until` included."""

    dsn: str
    definition: str
    days: int
    zone: str
    until: Instant


class Refused(Struct, tag=True):
    """The definition does not fit the segments that there are."""

    problems: list[Problem]


class Done(Struct, tag=True):
    result: Backtested


Outcome = Refused | Done


async def run(job: Job) -> Backtested:
    """Trio. Raises DefinitionError."""
    account_zone = zone(job.zone)
    definition = read_definition(job.definition)
    async with open_pool(job.dsn, 1) as pool, pool.acquire() as connection:
        definitions, aliases = await _with_named(connection, definition)
        plan = Plan(definitions, account_zone, aliases=aliases)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            await connection.fetchval(query("patience"), str(MOST_SECONDS * 1000))
            return await _Backtest(connection, plan, definition.name, account_zone, job).run()


async def _with_named(connection: Connection, definition: d.Definition) -> tuple[list[d.Definition], dict[str, str]]:
    """Trio. A definition and all that it names, and the names of those that are named by number."""
    found: dict[str, d.Definition] = {definition.name: definition}
    aliases: dict[str, str] = {}
    waiting = [definition]
    while waiting:
        for named in sorted(d.segments_named(waiting.pop())):
            if named in found or named in aliases:
                continue
            segment = await find_segment(connection, named)
            if segment is None:
                raise DefinitionError([Problem("in_segment", f"there is no segment {named!r}")])
            aliases[str(segment.number)] = segment.name
            if segment.name not in found:
                found[segment.name] = segment.definition
                waiting.append(segment.definition)
    return list(found.values()), aliases


class _Backtest:
    def __init__(self, connection: Connection, plan: Plan, name: str, account_zone: tzinfo, job: Job) -> None:
        self._connection = connection
        self._plan = plan
        self._name = name
        self._zone = account_zone
        self._until = job.until
        today = day_of(job.until, account_zone)
        self._days = [today - timedelta(days=back) for back in range(job.days - 1, -1, -1)]
        self._since = midnight(self._days[0], account_zone)
        self._per_day: Counter[Any] = Counter()
        self._per_user: Counter[int] = Counter()
        self._latest: list[tuple[Instant, int, str]] = []

    async def run(self) -> Backtested:
        """Trio"""
        began = time.monotonic()
        users = await self._connection.fetchval(query("about_so_many_users")) or 1
        size = min(WHOLE, max(1, int(WHOLE * FIRST_USERS / users)))
        done = 0
        while True:
            part_began = time.monotonic()
            await self._take_part(done, done + size)
            done += size
            now = time.monotonic()
            left = WORK_SECONDS - (now - began)
            size = min(WHOLE - done, int(size * min(8, left / 2 / max(now - part_began, 1e-3))))
            if size < 1:
                break
        scale = WHOLE / done
        total = sum(self._per_day.values())
        return Backtested(
            per_day=[(day, round(self._per_day[day] * scale)) for day in self._days],
            total=round(total * scale),
            users=round(len(self._per_user) * scale),
            sample=await self._hits(),
            milliseconds=int((time.monotonic() - began) * 1000),
            error=None if done == WHOLE else self._error(1 / scale),
        )

    async def _take_part(self, first: int, end: int) -> None:
        """Trio. The users whose hash bits lie in [first, end)."""
        plan = self._plan
        population = Population(plan, keeps_logs=False)
        names = None if plan.hears_all else list(plan.names)
        with_properties = [name for name, interest in plan.names.items() if interest.plain is None]
        pages = self._connection.pages(
            query("history_of_some"), first << SEQUENCE_BITS, (end << SEQUENCE_BITS) - 1, names, with_properties,
            bool(plan.traits), to_datetime(self._until), size=PAGE,
        )  # fmt: skip
        async for rows in pages:
            for row in rows:
                population.take(_event(row), row["sequence"])
            self._note(population)
        population.finish(self._until)
        self._note(population)

    def _note(self, population: Population) -> None:
        """Take what was found."""
        latest: list[tuple[Instant, int, str]] = []
        for found in population.qualified:
            if found.segment == self._name and self._since <= found.at <= self._until:
                number = int(found.user)
                self._per_day[day_of(found.at, self._zone)] += 1
                self._per_user[number] += 1
                latest.append((found.at, number, found.cause))
        population.qualified.clear()
        self._latest = sorted([*self._latest, *latest[-SHOWN:]], reverse=True)[:SHOWN]

    async def _hits(self) -> list[Hit]:
        """Trio"""
        numbers = [number for _, number, _ in self._latest]
        rows = await self._connection.fetch(query("names_of_users"), numbers)
        known = {row["number"]: row for row in rows}
        return [Hit(known[number]["id"], known[number]["anonymous"], at, cause) for at, number, cause in self._latest]

    def _error(self, share: float) -> int:
        """Twice the standard deviation, about, of what was found in that share of the users; where nobody was, what
        may be there still (the rule of three)."""
        if not self._per_user:
            return math.ceil(3 / share)
        squares = sum(count * count for count in self._per_user.values())
        return math.ceil(1.96 * math.sqrt(squares * (1 - share)) / share)


def _event(row: Row) -> Event:
    """Users go by their numbers here, so that nobody is joined: joins are today's."""
    return Event(
        kind="track",
        name=row["name"],
        user_id=str(row["user_number"]),
        anonymous_id=None,
        previous_id=None,
        timestamp=from_datetime(row["timestamp"]),
        received_at=None,
        claimed=None,
        message_id=row["message_id"],
        traits=None if row["traits"] is None else _decode_traits(row["traits"]),
        junk=0,
        content=(row["properties"] or "").encode(),
    )


def _most_kilobytes() -> int:
    """Of memory that this process ever needed. What `getrusage` tells begins with what whoever started it had."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def main() -> None:
    """One job after another, until no more can come, or none comes for a while."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    signal.alarm(IDLE_SECONDS)  # which ends the process
    for line in sys.stdin.buffer:
        signal.alarm(0)
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + MOST_SECONDS, resource.RLIM_INFINITY))
        try:
            outcome: Outcome = Done(trio.run(run, msgspec.json.decode(line, type=Job)))
        except DefinitionError as error:
            outcome = Refused(error.problems)
        sys.stdout.buffer.write(msgspec.json.encode(outcome) + b"\n")
        sys.stdout.buffer.flush()
        if _most_kilobytes() > KEPT_KILOBYTES:
            return
        signal.alarm(IDLE_SECONDS)
