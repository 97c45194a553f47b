"""What follows from what was taken, until it is on record."""

from collections.abc import Sequence

from segd.core.deciding.plan import Plan
from segd.core.effects import Effects, LogEntry, Waiting
from segd.core.users.resident import Cause, Resident


class Unwritten:
    """log: entries in order. armed: segments that are now."""

    def __init__(self) -> None:
        self.log: list[LogEntry] = []
        self.armed: Sequence[int] = ()
        self._set: dict[tuple[int, Cause], Waiting] = {}
        self._dropped: dict[tuple[int, Cause], Waiting] = {}

    def __bool__(self) -> bool:
        return bool(self.log or self._set or self._dropped or self.armed)

    def write_rows(self, resident: Resident, plan: Plan) -> None:
        """The rows of a user's timers become what the user's state is."""
        wanted = resident.rows_wanted(plan)
        rows, number = resident.rows, resident.number
        for key in rows.keys() - wanted.keys():
            self._dropped[number, key] = rows[key]
            self._set.pop((number, key), None)
        for key, waiting in wanted.items():
            if rows.get(key) != waiting:
                self._set[number, key] = waiting
        resident.rows = wanted

    def effects(self, settled: int) -> Effects:
        """settled: the position up to which they are complete."""
        set = [(number, waiting) for (number, _), waiting in self._set.items()]
        dropped = [(number, waiting) for (number, _), waiting in self._dropped.items()]
        return Effects(settled, self.log.copy(), set, dropped, list(self.armed))
