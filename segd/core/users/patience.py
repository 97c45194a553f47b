"""How long what came due waits before it is told: a moment for stragglers, and longer after an outage."""

from typing import NamedTuple

from segd.core.deciding.actor import FOREVER
from segd.core.time.instants import Instant


class Patience(NamedTuple):
    """When what came due is told. grace: microseconds. since, until: when events could not be taken last; what came due
    then waits until `resumed`, for its senders repeat what they could not send."""

    grace: int
    since: Instant = -FOREVER
    until: Instant = -FOREVER
    resumed: Instant = -FOREVER

    def told_at(self, due: Instant) -> Instant:
        at = due + self.grace
        return max(at, self.resumed) if self.since <= due <= self.until else at

    def after(self, since: Instant, until: Instant, catch_up: int) -> "Patience":
        """After events could not be taken from since to until. catch_up: microseconds that what came due then waits at
        most. What still waits for an earlier such time goes on waiting."""
        if since <= self.resumed:
            since = min(since, self.since)
        return Patience(self.grace, since, until, until + min(until - since, catch_up))
