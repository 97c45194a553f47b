"""What is decided about users at hand, until it is on record.

Who qualified because time passed is held for a while, see `Patience`; a late event may still undo that unseen. What is
on record already is compared with what a user's log leads to: what is missing qualifies, what is gone is retracted, and
what took the place of another is one correction.
"""

from collections.abc import Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import islice

from segd.core.deciding.actor import FOREVER
from segd.core.effects import LogEntry, Run, Standing
from segd.core.time.instants import Instant
from segd.core.users.patience import Patience
from segd.core.users.resident import Found, Resident, found
from segd.core.users.unwritten import Unwritten


class Telling:
    """runs: in which segments count. unwritten: what was told, and more, since the caller last replaced it."""

    def __init__(self, runs: Sequence[Run], patience: Patience) -> None:
        self.patience = patience
        self.unwritten = Unwritten()
        self._runs = runs
        self._holding: list[tuple[Instant, int, Found]] = []  # what is held of whom, by when it is to be told

    def next_due(self) -> Instant:
        """When something that is held is to be told."""
        return self._holding[0][0] if self._holding else FOREVER

    def tell(self, resident: Resident, standing: Standing, timed: bool, now: Instant) -> None:
        """Put it on record, or hold it until its time. timed: it is time that made it."""
        if timed and (at := self.patience.told_at(standing.at)) > now:
            resident.hold(standing)
            heappush(self._holding, (at, resident.number, found(standing)))
        else:
            self._put_on_record(resident, standing)

    def tell_held(self, residents: Mapping[int, Resident], now: Instant, most: int) -> Iterator[Resident]:
        """Put on record what was held until now, at most so much. Gives whose it is, each time."""
        for _ in range(most):
            if self.next_due() > now:
                break
            _, number, key = heappop(self._holding)
            resident = residents.get(number)
            if resident is not None and (standing := resident.let_out(key)) is not None:
                self._put_on_record(resident, standing)
                yield resident

    def be_patient(self, patience: Patience, residents: Mapping[int, Resident]) -> None:
        """From now on. What is held already waits as that says, too."""
        if patience == self.patience:
            return
        self.patience = patience
        whose = (residents.get(number) for number in {number for _, number, _ in self._holding})
        self._holding = [
            (patience.told_at(key.at), resident.number, key)
            for resident in whose
            if resident is not None
            for key in resident.held
        ]
        heapify(self._holding)

    def covers(self, standing: Standing) -> bool:
        """Whether the plan still decides what was then."""
        return any(run.segment == standing.segment and run.counts(standing.at) for run in self._runs)

    def compare(
        self, resident: Resident, outcome: dict[Found, tuple[Standing, bool]], floor: Instant, now: Instant
    ) -> None:
        """Make the record agree with what the log leads to, from floor on. outcome: with whether time made it. Nothing
        is held."""
        record = resident.record
        gone = [key for key, one in record.items() if one.at >= floor and key not in outcome and self.covers(one)]
        new = [key for key in outcome if key not in record]
        log = self.unwritten.log
        for key, (standing, _) in outcome.items():
            was = record.get(key)
            if was is not None and was.at >= floor and (was.id, was.anonymous) != (standing.id, standing.anonymous):
                record[key] = standing  # a late message joined them before that instant
                log.append(LogEntry("corrected", resident.number, standing, was))
        missing: list[Found] = []
        for segment in sorted({key.segment for key in (*gone, *new)}):
            old = sorted(key for key in gone if key.segment == segment)
            now_there = sorted(key for key in new if key.segment == segment)
            moved = min(len(old), len(now_there))
            for was, of in zip(old[:moved], now_there, strict=False):
                standing = outcome[of][0]
                log.append(LogEntry("corrected", resident.number, standing, record.pop(was)))
                record[of] = standing
            for key in old[moved:]:
                log.append(LogEntry("retracted", resident.number, record.pop(key)))
            missing += islice(now_there, moved, None)
        for key in sorted(missing, key=lambda key: (key.at, key)):
            self.tell(resident, *outcome[key], now)

    def _put_on_record(self, resident: Resident, standing: Standing) -> None:
        resident.record[found(standing)] = standing
        self.unwritten.log.append(LogEntry("qualified", resident.number, standing))
