"""Live definitions over files of events, by the daemon's own actors under a clock that the events turn.

Input in order of timestamp goes through in one pass. Nothing says beforehand whether it is: the pass begins as though
it were, and where a line proves otherwise it is given up and the lines are sorted on disk. The same holds for repeats
too far apart for memory to see, and for joins of users who both have a history, which only then must be kept. Output is
kept aside until the pass is complete.
"""

import gc
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Literal

import msgspec

from segd.core.deciding.digested import Digested
from segd.core.deciding.plan import Plan
from segd.core.events.messages import AHEAD, Event, read_line
from segd.core.time.instants import LATEST, Instant, to_text
from segd.core.users.late import LATE_BAND, ArrivalOrder
from segd.core.users.population import LogsNeeded, Population
from segd.core.users.qualifying import Qualification
from segd.files.digested import read_digested
from segd.files.lines import Progress
from segd.files.messages import Counts, Refuse, read_messages
from segd.files.readers import open_readers
from segd.files.repeats import Repeats
from segd.files.sorting import in_order

Order = Literal["timestamp", "arrival"]

HELD = 64 << 20  # bytes of output in memory before it goes to disk


@dataclass
class Summary:
    """What a backtest saw. qualified: by segment. open: windows and dates still pending at the end. broken: files that
    could not be read to their end, and why. after_until: events stamped after the end that was asked for."""

    events: int = 0
    users: int = 0
    refused: int = 0
    repeated: int = 0
    after_until: int = 0
    open: int = 0
    seconds: float = 0.0
    qualified: dict[str, int] = field(default_factory=dict[str, int])
    broken: list[str] = field(default_factory=list[str])


class _NotInOrder(Exception):
    """A line is older than one before it."""


class _MissedRepeats(Exception):
    """Repeats too far apart were taken for new events. drop: their numbers."""

    def __init__(self, drop: frozenset[int]) -> None:
        super().__init__()
        self.drop = drop


def backtest(
    plan: Plan,
    files: Sequence[Path],
    output: IO[bytes],
    *,
    order: Order = "timestamp",
    until: Instant | None = None,
    late_band: int = LATE_BAND,
    ahead: int = AHEAD,
    refuse: Refuse = lambda path, number, error: None,
    progress: Progress = lambda read: None,
) -> Summary:
    """Write one line for each qualification to output, in order of (at, userId, cause).

    files: read twice or more where their lines are not in order. late_band: microseconds, for the order of arrival.
    ahead: microseconds by which an event may lie ahead of its receipt. refuse: told of each refused line at least once.
    """
    began = time.perf_counter()
    way = _Pass.by_arrival if order == "arrival" else _Pass.as_they_stand
    drop: frozenset[int] = frozenset()
    keeps_logs = False
    while True:
        with SpooledTemporaryFile(HELD) as aside, Repeats(drop) as repeats, _no_collections():
            run = _Pass(plan, files, until, late_band, ahead, keeps_logs, repeats, refuse, progress)
            try:
                way(run, aside)
            except _NotInOrder:
                way = _Pass.by_timestamp
            except LogsNeeded:
                keeps_logs = True
            except _MissedRepeats as missed:
                drop |= missed.drop
            else:
                aside.seek(0)
                while block := aside.read(1 << 20):
                    output.write(block)
                run.summary.seconds = time.perf_counter() - began
                return run.summary


@contextmanager
def _no_collections() -> Generator[None, None, None]:
    """Live state has no cycles that matter: going through millions of objects again and again would find nothing."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


class _Pass:
    """One way through the files."""

    def __init__(
        self,
        plan: Plan,
        files: Sequence[Path],
        until: Instant | None,
        late_band: int,
        ahead: int,
        keeps_logs: bool,
        repeats: Repeats,
        refuse: Refuse,
        progress: Progress,
    ) -> None:
        self.plan = plan
        self.files = files
        self.until = until
        self._latest_asked = LATEST if until is None else until
        self.late_band = late_band
        self.ahead = ahead
        self.keeps_logs = keeps_logs
        self.repeats = repeats
        self.refuse = refuse
        self.progress = progress
        self.counts = Counts()
        self.summary = Summary()
        self.latest: Instant = 0  # timestamp of an accepted event

    def as_they_stand(self, output: IO[bytes]) -> None:
        """Raises _NotInOrder where the lines are not in order of timestamp."""
        population = Population(self.plan, self.keeps_logs)
        writer = _Writer(output, self.summary)
        events = before = 0
        for digested in self._digested():
            timestamps = digested.timestamps.tolist()
            if not timestamps:
                continue
            if timestamps[0] < before or timestamps != sorted(timestamps):
                raise _NotInOrder
            before = timestamps[-1]
            events += len(timestamps)
            population.take_digested(digested)
            writer.write(population.qualified)
        self._complete(events, before)
        self._finish(population, writer)

    def by_timestamp(self, output: IO[bytes]) -> None:
        population = Population(self.plan, self.keeps_logs)
        writer = _Writer(output, self.summary)
        events = latest = 0
        for timestamp, number, line in in_order(self._timed_lines()):
            population.take(read_line(line, ahead=self.ahead), number)
            events, latest = events + 1, timestamp
            if population.qualified:
                writer.write(population.qualified)
        self._complete(events, latest)
        self._finish(population, writer)

    def _timed_lines(self) -> Iterator[tuple[Instant, int, bytes]]:
        for number, event, line in self._messages():
            yield event.timestamp, number, line
        self._raise_missed()  # before the first of them comes back in order

    def by_arrival(self, output: IO[bytes]) -> None:
        arrivals = ArrivalOrder(self.plan, self.late_band, tells=False)  # only what stands in the end is asked
        events = 0
        for number, event, _ in self._messages():
            arrivals.take(event, number)
            events += 1
        self._complete(events, max(arrivals.clock, 0))
        arrivals.finish(self._end())
        writer = _Writer(output, self.summary)
        writer.write(sorted(arrivals.standing(), key=lambda qualification: qualification.at))
        self._finish(arrivals.population, writer)

    def _digested(self) -> Iterator[Digested]:
        size = sum(path.stat().st_size for path in self.files if path.exists())
        with open_readers(self.plan, self.ahead, size) as read:
            yield from read_digested(
                self.files,
                read,
                self.counts,
                self.repeats,
                until=self._latest_asked,
                refuse=self.refuse,
                progress=self.progress,
            )

    def _messages(self) -> Iterator[tuple[int, Event, bytes]]:
        """The events that count, each with its number over all files and its line."""
        return read_messages(
            self.files,
            self.counts,
            self.repeats,
            ahead=self.ahead,
            until=self._latest_asked,
            refuse=self.refuse,
            progress=self.progress,
        )

    def _complete(self, events: int, latest: Instant) -> None:
        """All was read. Raises _MissedRepeats."""
        self._raise_missed()
        counts, summary = self.counts, self.summary
        self.latest = latest
        summary.events, summary.after_until = events, counts.after_until
        summary.refused, summary.repeated = counts.refused.total(), counts.repeated
        summary.broken = counts.broken

    def _raise_missed(self) -> None:
        if missed := self.repeats.missed():
            raise _MissedRepeats(missed)

    def _end(self) -> Instant:
        return self.latest if self.until is None else self.until

    def _finish(self, population: Population, writer: "_Writer") -> None:
        population.finish(self._end())
        writer.write(population.qualified)
        writer.flush()
        self.summary.users = population.count_users()
        self.summary.open = len(population.timers)


class _Line(msgspec.Struct, rename="camel", gc=False):
    segment: str
    user_id: str
    at: str
    cause: str


_encode_lines = msgspec.json.Encoder().encode_lines


class _Writer:
    """Writes qualifications, which come in order of their instants, in order of what is written of them: the instant in
    milliseconds, then user, then cause."""

    def __init__(self, output: IO[bytes], summary: Summary) -> None:
        self._output = output
        self._counts = summary.qualified
        self._held: list[Qualification] = []

    def write(self, qualified: list[Qualification]) -> None:
        """Takes them out of the list. Those of the last millisecond are held: others may come between."""
        if not qualified:
            return
        last = qualified[-1].at // 1000 * 1000
        ready = bisect_left(qualified, last, key=lambda one: one.at)
        if ready:
            self._held += qualified[:ready]
            self.flush()
        self._held += qualified[ready:]
        qualified.clear()

    def flush(self) -> None:
        rows = [(one.at // 1000, one.user, one.cause, one.segment) for one in self._held]
        rows.sort()
        for segment, count in Counter(map(itemgetter(3), rows)).items():
            self._counts[segment] = self._counts.get(segment, 0) + count
        lines = [_Line(segment, user, to_text(at * 1000), cause) for at, user, cause, segment in rows]
        self._output.write(_encode_lines(lines))
        self._held.clear()
