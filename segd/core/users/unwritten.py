"""What follows from what was taken, until it is on record."""

from collections.abc import Sequence

from segd.core.effects import Effects, LogEntry, Waiting
from segd.core.users.rows import Cause, Rows


class Unwritten:
    """log: entries in order. armed: segments that are now."""

    def __init__(self) -> None:
        self.log: list[LogEntry] = []
        self.armed: Sequence[int] = ()
        self._set: dict[tuple[int, Cause], Waiting] = {}
        self._dropped: dict[tuple[int, Cause], Waiting] = {}

    def __bool__(self) -> bool:
        return bool(self.log or self._set or self._dropped or self.armed)

    def write_rows(self, number: int, rows: Rows) -> None:
        """A user's rows become what they are now."""
        for cause, was, now in rows.take_changes():
            if now is not None:
                self._set[number, cause] = now
            elif was is not None:
                self._dropped[number, cause] = was
                self._set.pop((number, cause), None)

    def effects(self, settled: int) -> Effects:
        """settled: the position up to which they are complete."""
        set = [(number, waiting) for (number, _), waiting in self._set.items()]
        dropped = [(number, waiting) for (number, _), waiting in self._dropped.items()]
        return Effects(settled, self.log.copy(), set, dropped, list(self.armed))
