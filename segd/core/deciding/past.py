"""Past-behaviour conditions decided in memory, on what one user has done up to an instant.

A condition is compiled once into a tree of nodes. `holds` answers; `explain` answers the same question and says what
was found. The store answers it in SQL for all users at once; the two must agree.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from decimal import Context, Decimal, Inexact, localcontext
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

from segd.core.time.instants import LATEST, Instant

Number = int | Decimal
Kept = tuple[Instant, int, dict[int, Any] | None]  # timestamp, arrival, values: one event that some filter asks about
Bounds = Callable[[Instant], tuple[Instant, Instant]]  # now -> half-open range of instants

EXACT = Context(prec=4000, traps=[Inexact])  # intake admits numbers of 300 digits: no sum of them is ever rounded


class History:
    """What filters may ask of one user, in order. Filled by the population, read by conditions.

    kept: by bit of a selector, the events it matches. writes: by name of a trait, its values; None where it was
    deleted. seen: every message. qualified: by segment, the instants, retracted ones left out.
    """

    __slots__ = ("kept", "qualified", "seen", "writes")

    def __init__(self) -> None:
        self.kept: dict[int, list[Kept]] = {}
        self.writes: dict[str, list[tuple[Instant, int, Any]]] = {}
        self.seen: list[tuple[Instant, int]] = []
        self.qualified: dict[str, list[Instant]] = {}


class Moment:
    """A user's history as it stood at `now`: events stamped at or before it, and of those stamped exactly then, only
    the ones that arrived no later than `last` (all of them where that is None)."""

    __slots__ = ("end", "history", "now")

    def __init__(self, history: History, now: Instant, last: int | None = None) -> None:
        self.history = history
        self.now = now
        self.end: tuple[int, ...] = (now + 1,) if last is None else (now, last + 1)

    def events(self, bit: int, start: Instant, stop: Instant) -> Sequence[Kept]:
        """The events of a selector in [start, stop), in order."""
        kept = self.history.kept.get(bit)
        if not kept:
            return ()
        low = bisect_left(kept, (start,)) if kept[0][0] < start else 0
        high = bisect_left(kept, min((stop,), self.end))
        return kept[low:high]

    def count(self, bit: int, start: Instant, stop: Instant) -> int:
        kept = self.history.kept.get(bit)
        if not kept:
            return 0
        low = bisect_left(kept, (start,)) if kept[0][0] < start else 0
        return max(0, bisect_left(kept, min((stop,), self.end)) - low)

    def outermost(self, bit: int, nth: str) -> Kept | None:
        """The very first or last event of a selector so far."""
        kept = self.history.kept.get(bit)
        high = bisect_left(kept, self.end) if kept else 0
        if not kept or high == 0:
            return None
        return kept[0] if nth == "first" else kept[high - 1]

    def trait(self, name: str) -> Any:
        """The value of a top-level trait; None where it is not set."""
        writes = self.history.writes.get(name)
        index = bisect_left(writes, self.end) if writes else 0
        return writes[index - 1][2] if writes and index else None

    def first_seen(self) -> Instant | None:
        seen = self.history.seen
        return seen[0][0] if seen and seen[0] < self.end else None

    def last_seen(self) -> Instant | None:
        index = bisect_left(self.history.seen, self.end)
        return self.history.seen[index - 1][0] if index else None

    def qualified(self, segment: str, start: Instant, stop: Instant) -> list[Instant]:
        instants = self.history.qualified.get(segment, [])
        return instants[bisect_left(instants, start) : bisect_left(instants, min(stop, self.now + 1))]


def always(now: Instant) -> tuple[Instant, Instant]:
    """The bounds of a condition without `when`."""
    return (-(1 << 62), LATEST + 1)


class Reason(NamedTuple):
    """Why a condition holds or not. found: what it saw, by kind of node. parts: the reasons of what is inside it."""

    node: "Node"
    holds: bool
    found: Any = None
    parts: tuple["Reason", ...] = ()


class Node(Protocol):
    """A compiled condition."""

    def holds(self, moment: Moment) -> bool: ...
    def explain(self, moment: Moment) -> Reason: ...


class AllNode:
    __slots__ = ("of",)

    def __init__(self, of: Sequence[Node]) -> None:
        self.of = of

    def holds(self, moment: Moment) -> bool:
        return all(node.holds(moment) for node in self.of)

    def explain(self, moment: Moment) -> Reason:
        parts = tuple(node.explain(moment) for node in self.of)
        return Reason(self, all(part.holds for part in parts), None, parts)


class AnyNode:
    __slots__ = ("of",)

    def __init__(self, of: Sequence[Node]) -> None:
        self.of = of

    def holds(self, moment: Moment) -> bool:
        return any(node.holds(moment) for node in self.of)

    def explain(self, moment: Moment) -> Reason:
        parts = tuple(node.explain(moment) for node in self.of)
        return Reason(self, any(part.holds for part in parts), None, parts)


class NotNode:
    __slots__ = ("of",)

    def __init__(self, of: Node) -> None:
        self.of = of

    def holds(self, moment: Moment) -> bool:
        return not self.of.holds(moment)

    def explain(self, moment: Moment) -> Reason:
        part = self.of.explain(moment)
        return Reason(self, not part.holds, None, (part,))


LATEST_FOUND = 5  # events that an explanation names; all are counted


class Found(NamedTuple):
    """What a `did` or `did_not` found: how many events in its time, the latest of them in order, and the measure. nth:
    the very first or last event of all, where that is what is asked."""

    number: int
    latest: tuple[tuple[Instant, int], ...]  # timestamp, arrival
    measured: Number | Fraction | None = None
    nth: Instant | None = None


def _found(events: Sequence[Kept], measured: Number | Fraction | None = None, nth: Kept | None = None) -> Found:
    latest = tuple((timestamp, arrival) for timestamp, arrival, _ in events[-LATEST_FOUND:])
    return Found(len(events), latest, measured, None if nth is None else nth[0])


class DidNode:
    """bit: of the selector. count: None is at least one. measure: of the values in `slot`, or None."""

    __slots__ = ("bit", "bounds", "count", "fn", "measure", "nth", "slot", "zero")

    def __init__(
        self,
        bit: int,
        bounds: Bounds,
        count: Callable[[Number], bool] | None,
        zero: bool,
        nth: str | None,
        fn: str | None,
        slot: int | None,
        measure: "Callable[[Number | Fraction], bool] | None",
    ) -> None:
        self.bit = bit
        self.bounds = bounds
        self.count = count
        self.zero = zero
        self.nth = nth
        self.fn = fn
        self.slot = slot
        self.measure = measure

    def holds(self, moment: Moment) -> bool:
        start, stop = self.bounds(moment.now)
        if self.nth is not None:
            event = moment.outermost(self.bit, self.nth)
            if event is None or not start <= event[0] < stop:
                return False
        number = moment.count(self.bit, start, stop)
        if not self._enough(number):
            return False
        if self.measure is None:
            return True
        measured = self._measured(moment.events(self.bit, start, stop))
        return measured is not None and self.measure(measured)

    def _enough(self, number: int) -> bool:
        if self.count is None:
            return number > 0
        return self.count(number) and (number > 0 or self.zero)

    def _measured(self, events: Sequence[Kept]) -> Number | Fraction | None:
        slot = self.slot
        values = [value for _, _, kept in events if kept is not None for value in kept[slot]]  # type: ignore[index]
        return measure(self.fn or "", values)

    def explain(self, moment: Moment) -> Reason:
        start, stop = self.bounds(moment.now)
        events = moment.events(self.bit, start, stop)
        measured = None if self.measure is None else self._measured(events)
        nth = None if self.nth is None else moment.outermost(self.bit, self.nth)
        return Reason(self, self.holds(moment), _found(events, measured, nth))


def measure(fn: str, values: Sequence[Any]) -> Number | Fraction | None:
    """values: numbers; comparables for distinct. None over no values. Exact: an average may be a fraction."""
    if not values:
        return None
    if fn == "distinct":
        return len(set(values))
    if fn == "min":
        return min(values)
    if fn == "max":
        return max(values)
    with localcontext(EXACT):
        total = sum(values, Decimal(0))
    return total if fn == "sum" else Fraction(total) / len(values)


class DidNotNode:
    __slots__ = ("bit", "bounds")

    def __init__(self, bit: int, bounds: Bounds) -> None:
        self.bit = bit
        self.bounds = bounds

    def holds(self, moment: Moment) -> bool:
        return moment.count(self.bit, *self.bounds(moment.now)) == 0

    def explain(self, moment: Moment) -> Reason:
        events = moment.events(self.bit, *self.bounds(moment.now))
        return Reason(self, not events, _found(events))


class ProfileNode:
    """trait: its top-level name. test: on {name: value}."""

    __slots__ = ("test", "trait")

    def __init__(self, trait: str, test: Callable[[dict[str, Any]], bool]) -> None:
        self.trait = trait
        self.test = test

    def holds(self, moment: Moment) -> bool:
        return self.test({self.trait: moment.trait(self.trait)})

    def explain(self, moment: Moment) -> Reason:
        value = moment.trait(self.trait)
        return Reason(self, self.test({self.trait: value}), value)


class SeenNode:
    """`first_seen` and `last_seen`. test: on the instant, None where the user was never seen."""

    __slots__ = ("first", "test")

    def __init__(self, first: bool, test: Callable[[Instant | None], bool]) -> None:
        self.first = first
        self.test = test

    def holds(self, moment: Moment) -> bool:
        return self.test(moment.first_seen() if self.first else moment.last_seen())

    def explain(self, moment: Moment) -> Reason:
        instant = moment.first_seen() if self.first else moment.last_seen()
        return Reason(self, self.test(instant), instant)


class QualifiedNode:
    """in_segment on a live one: qualified in that time, retracted ones never."""

    __slots__ = ("bounds", "segment")

    def __init__(self, segment: str, bounds: Bounds) -> None:
        self.segment = segment
        self.bounds = bounds

    def holds(self, moment: Moment) -> bool:
        return bool(moment.qualified(self.segment, *self.bounds(moment.now)))

    def explain(self, moment: Moment) -> Reason:
        instants = moment.qualified(self.segment, *self.bounds(moment.now))
        return Reason(self, bool(instants), instants)


class MemberNode:
    """in_segment on a past one: its own condition, at the same moment."""

    __slots__ = ("condition", "segment")

    def __init__(self, segment: str, condition: Node) -> None:
        self.segment = segment
        self.condition = condition

    def holds(self, moment: Moment) -> bool:
        return self.condition.holds(moment)

    def explain(self, moment: Moment) -> Reason:
        part = self.condition.explain(moment)
        return Reason(self, part.holds, None, (part,))


ADDRESSES = {
    "push": ("push_token", "$device_token"),
    "web_push": ("web_push",),
    "email": ("email",),
    "sms": ("phone",),
    "whatsapp": ("whatsapp",),
}
"""The traits that hold a channel's address or token. `$device_token` is the one of `context.device.token`."""


class ReachableNode:
    """An address or token is there, and `subscriptions.<channel>` is not false."""

    __slots__ = ("channel",)

    def __init__(self, channel: str) -> None:
        self.channel = channel

    def holds(self, moment: Moment) -> bool:
        if not any(is_there(moment.trait(name)) for name in ADDRESSES[self.channel]):
            return False
        subscriptions = moment.trait("subscriptions")
        return not (isinstance(subscriptions, dict) and subscriptions.get(self.channel) is False)  # type: ignore[reportUnknownMemberType]

    def explain(self, moment: Moment) -> Reason:
        return Reason(self, self.holds(moment), any(is_there(moment.trait(name)) for name in ADDRESSES[self.channel]))


def is_there(address: Any) -> bool:
    """Whether a trait holds something one could send to."""
    return address is not None and address is not False and address not in ("", [], {})
