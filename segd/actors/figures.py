"""What the daemon has done and holds, in figures for whoever watches it."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from segd.core.effects import Arrival, Logged
from segd.core.time.instants import SECOND, Instant

LATELY = 10  # seconds


class Figures:
    """A listener of the follower, and a page for Prometheus.

    at_hand: how many users are at hand, and how many timers they have open. watchers: how many watch a feed. rejected:
    how many messages were refused. unready: why events cannot be taken now.
    """

    def __init__(
        self,
        now: Callable[[], Instant],
        *,
        at_hand: Callable[[], tuple[int, int]],
        watchers: Callable[[], int],
        rejected: Callable[[], int],
        unready: Callable[[], str | None],
    ) -> None:
        self._now = now
        self._lately: deque[tuple[int, int]] = deque(maxlen=LATELY + 1)  # second, events in it
        self._registry = registry = CollectorRegistry()
        self._events = Counter("segd_events", "Messages taken, but for imported ones.", ["taken"], registry=registry)
        self._entries = Counter(
            "segd_log_entries", "Users who qualified, were retracted or corrected.", ["type"], registry=registry
        )
        self._delay = Histogram(
            "segd_qualification_delay_seconds",
            "From the instant a user qualified to the commit of that.",
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600),
        )
        for name, text, value in (
            ("segd_users_at_hand", "Users whose state is in memory.", lambda: at_hand()[0]),
            ("segd_open_windows", "Timers that users at hand have open.", lambda: at_hand()[1]),
            ("segd_watchers", "Websockets that watch a feed.", watchers),
            ("segd_ready", "1 while events can be taken.", lambda: int(unready() is None)),
        ):
            Gauge(name, text, registry=registry).set_function(value)
        registry.register(_Rejected(rejected))
        ProcessCollector(registry=registry)
        for taken in ("live", "late"):
            self._events.labels(taken)  # from zero on, or the first ones of a kind would be no increase
        for type in ("qualified", "retracted", "corrected"):
            self._entries.labels(type)

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        second = self._now() // SECOND
        if self._lately and self._lately[-1][0] == second:
            self._lately[-1] = (second, self._lately[-1][1] + len(arrivals))
        else:
            self._lately.append((second, len(arrivals)))
        late = sum(arrival.taken == "late" for arrival in arrivals)
        self._events.labels("live").inc(len(arrivals) - late)
        self._events.labels("late").inc(late)

    def published(self, logged: Sequence[Logged]) -> None:
        now = self._now()
        for each in logged:
            self._entries.labels(each.entry.type).inc()
            if each.entry.type == "qualified":
                self._delay.observe(max(0, now - each.entry.of.at) / SECOND)

    def events_per_second(self) -> float:
        """Over the last whole seconds."""
        second = self._now() // SECOND
        return sum(count for at, count in self._lately if second - LATELY <= at < second) / LATELY

    def page(self) -> bytes:
        """As Prometheus reads it."""
        return generate_latest(self._registry)


class _Rejected(Collector):
    """Counted elsewhere."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count

    def collect(self) -> Iterable[CounterMetricFamily]:
        yield CounterMetricFamily("segd_rejected_messages", "Messages that were refused.", self._count())
