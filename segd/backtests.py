"""Backtests that somebody waits for: in a process of their own, out of the way of the daemon.

The process is niced, bounded in time and memory, and killed when nobody waits for its answer any more. Else it is kept
for the next job: to start takes longer than most of them.
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from subprocess import PIPE

import msgspec
import trio

from segd.backtest_job import Done, Job, Outcome, Refused
from segd.core.errors import DefinitionError
from segd.core.language import definitions as d
from segd.core.language.reading import definition_json
from segd.core.ports import Unavailable
from segd.core.segment_views import Backtested
from segd.core.time.instants import Instant

AT_ONCE = 1  # processes: the other processors are for events and for Postgres
NICENESS = 15  # from the first: to start takes as long as many a job
WAITING = 8  # requests; an editor gives up the one before when it asks anew


class Backtests:
    """dsn: of the store. zone: of the account's days. now: the clock. To be closed in the end."""

    def __init__(self, dsn: str, zone: str, now: Callable[[], Instant]) -> None:
        self._dsn = dsn
        self._zone = zone
        self._now = now
        self._places = trio.CapacityLimiter(AT_ONCE)
        self._kept: trio.Process | None = None  # it waits for a job, or has ended by itself

    async def run(self, definition: d.Live, days: int) -> Backtested:
        """What it would have found in the last so many days, of the whole history or of a sample of the users.

        Raises DefinitionError where it names segments that are not there, Unavailable where too many wait already.
        """
        if self._places.statistics().tasks_waiting >= WAITING:
            raise Unavailable("overloaded", "too many backtests are waiting already", retry_after=2)
        async with self._places:
            job = Job(self._dsn, definition_json(definition).decode(), days, self._zone, self._now())
            outcome = await self._outcome(job)
        match outcome:
            case Refused(problems):
                raise DefinitionError(problems)
            case Done(result):
                return result

    async def aclose(self) -> None:
        """Trio"""
        if self._kept is not None:
            await _end(self._kept)

    async def _outcome(self, job: Job) -> Outcome:
        kept, self._kept = self._kept, None
        process = kept or await _start()
        answer = await _ask(process, job)
        if not answer and kept is not None:  # it had ended meanwhile
            process = await _start()
            answer = await _ask(process, job)
        if not answer:
            raise RuntimeError(f"a backtest ended with {process.returncode}, as it may have told on standard error")
        self._kept = process
        return msgspec.json.decode(answer, type=Outcome)


async def _start() -> trio.Process:
    command = f"import os; os.nice({NICENESS}); from segd.backtest_job import main; main()"
    return await trio.lowlevel.open_process([sys.executable, "-c", command], stdin=PIPE, stdout=PIPE)


async def _ask(process: trio.Process, job: Job) -> bytes:
    """Trio. A line; empty where the process has ended, as it has if this is cancelled.

    The job goes over standard input: a command line is for everybody to see.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    answer = b""
    try:
        with suppress(trio.BrokenResourceError):
            await process.stdin.send_all(msgspec.json.encode(job) + b"\n")
        while not answer.endswith(b"\n"):
            more = await process.stdout.receive_some()
            if not more:
                return b""
            answer += more
        return answer
    finally:
        if not answer.endswith(b"\n"):
            await _end(process)


async def _end(process: trio.Process) -> None:
    process.kill()
    with trio.CancelScope(shield=True):
        await process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                await stream.aclose()
