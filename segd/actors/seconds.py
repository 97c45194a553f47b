"""How much happened in each of the last seconds, counted whoever watches, so that who begins to sees some minutes."""

from collections import Counter, deque
from collections.abc import Mapping
from typing import Final, NamedTuple

from segd.core.frames import Rate, Rates, Total, Totals
from segd.core.time.instants import Instant

KEPT: Final = 300


class Second(NamedTuple):
    """The one before `at`. qualifying: by segment; who is missing had none."""

    at: Instant
    all: int
    rejected: int
    qualifying: Mapping[int, int]

    def rate(self, segment: int) -> Rate:
        return Rate(self.at, self.qualifying.get(segment, 0), self.all)

    def total(self) -> Total:
        return Total(self.at, self.all, self.rejected)


class Seconds:
    """all, qualifying: events, and qualifications by segment, of the second that goes on."""

    def __init__(self) -> None:
        self.all = 0
        self.qualifying: Counter[int] = Counter()
        self._over: deque[Second] = deque(maxlen=KEPT)

    def end(self, at: Instant, rejected: int) -> Second:
        """The second that is over at `at`; the next begins. rejected: messages in it."""
        second = Second(at, self.all, rejected, self.qualifying)
        self._over.append(second)
        self.all = 0
        self.qualifying = Counter[int]()
        return second

    def rates(self, segment: int) -> Rates:
        return Rates([second.rate(segment) for second in self._over])

    def totals(self) -> Totals:
        return Totals([second.total() for second in self._over])
