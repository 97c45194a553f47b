"""Whether all promises were kept, by the tables when nothing moves any more."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from segd.actors.follower import compile_plan
from segd.core.actor import FOREVER
from segd.core.calendar import day_of
from segd.core.instants import Instant, from_datetime, to_text
from segd.core.live import LiveUsers, Patience
from segd.store.user_store import PostgresUsers

from .incarnation import Reader, Violation
from .server import Pool
from .tables import Tables
from .truth import BAND

Qualified = tuple[str, str, Instant, str]  # segment, id, instant, messageId of the cause


def on_record(t: Tables, until: Instant) -> list[Qualified]:
    """What stands, dated up to then."""
    return sorted(
        (t.segments[segment].name, one.id, from_datetime(at), one.cause_id)
        for (segment, _, _, at), one in t.qualifications.items()
        if not one.retracted and from_datetime(at) <= until
    )


def check_log(t: Tables) -> None:
    """What the log says, one entry after the other, is what stands, and what is counted."""
    standing: Counter[tuple[Any, ...]] = Counter()
    for _, row in sorted(t.log.items()):
        kind, segment, _, user, _, _, at, cause, *_ = row
        standing[segment, user, cause, at] += -1 if kind == "retracted" else 1
        if kind == "corrected":
            standing[segment, user, row[13], row[12]] -= 1
        if not set(standing.values()) <= {0, 1}:
            raise Violation(f"the log qualifies or retracts somebody twice: {row}")
    record = {key for key, one in t.qualifications.items() if not one.retracted}
    _agree("the log and the record", {key for key, count in standing.items() if count}, record)


def check_counts(t: Tables, zone: ZoneInfo) -> None:
    counted = Counter((segment, day_of(from_datetime(at), zone)) for segment, _, _, at in _standing(t))
    days = {day: qualified for day, (qualified, _) in t.qualified_per_day.items() if qualified}
    _agree("the counts per day", days, dict(counted))


def check_messages(t: Tables, answered: Iterable[str]) -> None:
    stored = Counter(one.message_id for one in t.events.values())
    if lost := [id for id in answered if not stored[id]]:
        raise Violation(f"answered with 200 and not stored: {lost}")
    if doubled := [id for id, count in stored.items() if count > 1]:
        raise Violation(f"stored more than once: {doubled}")


def check_readers(t: Tables, readers: Mapping[int, Reader]) -> None:
    for segment, reader in readers.items():
        if segment not in t.segments:
            continue
        log = [(at, row[0], row[7]) for at, row in sorted(t.log.items()) if row[1] == segment]
        read = [(cursor, entry.type, entry.of.cause) for cursor, entry in reader.read]
        _agree(f"what was read of the log of {segment}, and the log", read, log)


def check_timers(t: Tables, until: Instant) -> None:
    """Nothing that was due is left."""
    left = [key for key, timer in t.timers.items() if from_datetime(timer.due) <= until]
    if left:
        raise Violation(f"timers are left that were due: {left}")


async def check_cache(pool: Pool, zone: ZoneInfo, numbers: list[int], now: Instant) -> None:
    """Trio. Everybody loaded anew is as the record says, and so are their timers."""
    store: Any = PostgresUsers(pool)  # type: ignore[arg-type]
    known = await store.segments(-FOREVER // 2**20)
    plan = compile_plan(known, zone)
    names = {number: name for name, number in known.numbers.items()}
    users = LiveUsers(plan, names, Patience(0), BAND, 10**9, known.settled)
    users.load(await store.load(numbers, plan, None), known.settled, now, -FOREVER)
    users.advance(now)
    users.settle(known.settled)
    effects = users.effects()
    if users.failures:
        raise Violation(f"a user cannot be loaded: {users.failures[0]}") from users.failures[0][1]
    if effects.log:
        raise Violation(f"who is loaded anew is not as the record says: {effects.log}")


def _standing(t: Tables) -> list[tuple[int, int, int, Any]]:
    return [key for key, one in t.qualifications.items() if not one.retracted]


def _agree(what: str, found: Any, wanted: Any) -> None:
    if found != wanted:
        raise Violation(f"{what} do not agree: {found} against {wanted}")


def difference(found: list[Qualified], wanted: list[Qualified]) -> str:
    def told(some: Iterable[Qualified]) -> str:
        return "; ".join(f"{segment} {id} {to_text(at)} by {cause}" for segment, id, at, cause in some) or "nothing"

    more, less = Counter(found) - Counter(wanted), Counter(wanted) - Counter(found)
    return f"on record, and should not be: {told(more.elements())}. Missing: {told(less.elements())}"
