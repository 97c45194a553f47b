"""Times in which events cannot be taken: segd is down, the database is away, or it does not answer for long.

What happened in one comes late, for senders try again. So the follower hears how long it has been: what comes due in it
must wait. It hears that again while it lasts, for it may be the follower itself that waits for the answer. And the
store keeps when it began until the senders have had their time, so that a crash meanwhile does not make it look short.
"""

import math
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import NamedTuple

import trio

from segd.core.ports import Follower
from segd.core.time.instants import Instant
from segd.core.users.patience import Patience
from segd.store.errors import ServerError, StoreError

ANSWER_SECONDS = 10.0  # no longer do senders wait, for SDKs give up after 10 to 15; the database may be at a large join
PATIENCE_SECONDS = 2.0  # for Postgres to be back before those who wait are told to come later
TELL_SECONDS = 1.0  # from one word to the follower to the next

STARTING = "segd is starting"
AWAY = "the database is away"  # all that senders need to know
SLOW = "the database is slow"


class _Moment(NamedTuple):
    seconds: float  # on Trio's clock
    instant: Instant


class Outages:
    """catch_up: microseconds, as the follower has it. tell: called with sentences for the operator. slow: called when
    an answer takes too long, and may still come.

    reason: why events cannot be taken now, for senders; None where they can. refused: whether the database was there
    and refused to write, as on a full disk: then that it answers is not enough.
    """

    def __init__(
        self,
        follower: Follower,
        catch_up: int,
        *,
        now: Callable[[], Instant],
        tell: Callable[[str], None],
        slow: Callable[[], None],
    ) -> None:
        self.reason: str | None = STARTING
        self.refused = False
        self._follower = follower
        self._catch_up = catch_up
        self._now = now
        self._tell = tell
        self._slow = slow
        self._patience = Patience(0)  # as the follower's, but for the grace
        self._asked: _Moment | None = None  # when the database was asked what it has not answered yet
        self._limit = trio.CancelScope()  # of `watch`, whose deadline is when it looks again
        self._since: Instant | None = None  # when the outage at hand began
        self._heard: tuple[Instant, Instant] | None = None  # by the follower last
        self._noticed = -math.inf  # on Trio's clock
        self._told = ""  # what the operator heard of last

    async def watch(self) -> None:
        """Trio. Notice when an answer takes too long, until cancelled."""
        while True:
            with self._limit:
                await trio.sleep_forever()
            self._limit = trio.CancelScope()
            if self._asked is not None:
                self._look(self._asked)

    @contextmanager
    def asking(self) -> Generator[None]:
        """In the block the database is asked something; once it has answered, events can be taken."""
        self._asked = _Moment(trio.current_time(), self._now())
        self._limit.deadline = self._asked.seconds + ANSWER_SECONDS
        yield
        self._stop_waiting()
        self._end()

    def down(self, since: Instant) -> None:
        """segd itself was, and starts."""
        self._since = since

    def lost(self, error: StoreError) -> None:
        """The database cannot be used."""
        self._begin(AWAY)
        self._stop_waiting()
        self.refused |= isinstance(error, ServerError)
        if not self._told or (self.is_lasting() and error.code != self._told):
            self._tell(f"events cannot be taken: {error.message}")
            self._told = error.code

    def is_lasting(self) -> bool:
        """Whether those who wait are to be told."""
        return self.reason is not None and trio.current_time() >= self._noticed + PATIENCE_SECONDS

    def goes_on(self) -> None:
        """Tell the follower how long the outage at hand, if any, has been; or the last, where that changes."""
        now, since = self._now(), self._since
        if since is None and now < self._patience.until:
            since = min(self._patience.since, now)  # the clock was ahead: the last one was not so long
        if since is not None and since <= now and (since, now) != self._heard:
            self._heard = since, now
            self._patience = self._patience.after(since, now, self._catch_up)
            self._follower.interrupted(since, now)

    def accepted_at(self) -> Instant:
        """Until when events were taken, as the store is to have it."""
        now = self._now()
        return self._patience.since if now < self._patience.resumed else now

    def _begin(self, reason: str) -> None:
        if self._since is None:
            self._since = self._now() if self._asked is None else self._asked.instant
        if self.reason is None:
            self._noticed = trio.current_time()
        self.reason = reason

    def _end(self) -> None:
        self.goes_on()
        self._since = self.reason = None
        self.refused = False
        if self._told:
            self._tell("the database is back")
            self._told = ""

    def _look(self, asked: _Moment) -> None:
        now = trio.current_time()
        if now < asked.seconds + ANSWER_SECONDS:
            self._limit.deadline = asked.seconds + ANSWER_SECONDS
            return
        if self.reason is None:
            self._begin(SLOW)
            self._tell("events cannot be taken: the database does not answer")
            self._told = SLOW
        self._slow()
        self.goes_on()
        self._limit.deadline = now + TELL_SECONDS

    def _stop_waiting(self) -> None:
        self._asked = None
        self._limit.deadline = math.inf
