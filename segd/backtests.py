"""Backtests that somebody waits for: each in a process of its own, out of the way of the daemon.

The process is niced, bounded in time and memory, and killed when nobody waits for it any more.
"""

import subprocess
import sys
from collections.abc import Callable

import msgspec
import trio

from segd.backtest_job import Done, Job, Outcome, Refused
from segd.core import definitions as d
from segd.core.errors import DefinitionError
from segd.core.instants import Instant
from segd.core.ports import Unavailable
from segd.core.reading import definition_json
from segd.core.segment_views import Backtested

AT_ONCE = 1  # processes: the other processors are for events and for Postgres
NICENESS = 15  # from the first: to start takes as long as many a job
WAITING = 8  # requests; an editor gives up the one before when it asks anew


class Backtests:
    """dsn: of the store. zone: of the account's days. now: the clock."""

    def __init__(self, dsn: str, zone: str, now: Callable[[], Instant]) -> None:
        self._dsn = dsn
        self._zone = zone
        self._now = now
        self._places = trio.CapacityLimiter(AT_ONCE)

    async def run(self, definition: d.Live, days: int) -> Backtested:
        """What it would have found in the last so many days, of the whole history or of a sample of the users.

        Raises DefinitionError where it names segments that are not there, Unavailable where too many wait already.
        """
        if self._places.statistics().tasks_waiting >= WAITING:
            raise Unavailable("overloaded", "too many backtests are waiting already", retry_after=2)
        async with self._places:
            job = Job(self._dsn, definition_json(definition).decode(), days, self._zone, self._now())
            outcome = await _outcome(job)
        match outcome:
            case Refused(problems):
                raise DefinitionError(problems)
            case Done(result):
                return result


async def _outcome(job: Job) -> Outcome:
    """The job goes over standard input: a command line is for everybody to see."""
    done = await trio.run_process(
        [sys.executable, "-c", f"import os; os.nice({NICENESS}); from segd.backtest_job import main; main()"],
        stdin=msgspec.json.encode(job),
        capture_stdout=True,
        capture_stderr=True,
        check=False,
        deliver_cancel=_kill,
    )
    if done.returncode:
        raise RuntimeError(f"a backtest ended with {done.returncode}: {done.stderr.decode(errors='replace')[-4_000:]}")
    return msgspec.json.decode(done.stdout, type=Outcome)


async def _kill(process: "trio.Process | subprocess.Popen[bytes]") -> None:
    process.kill()
