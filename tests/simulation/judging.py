"""Whether all promises were kept, by the tables when nothing moves any more."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from segd.actors.follower import compile_plan
from segd.core.deciding.actor import FOREVER
from segd.core.events.refused_ids import hash_of
from segd.core.time.calendar import day_of
from segd.core.time.instants import Instant, from_datetime, to_text
from segd.core.users.live import LiveUsers, Patience
from segd.store.user_store import PostgresUsers

from .server import Pool
from .tables import SegmentRun, Tables
from .truth import BAND, expected
from .violation import Violation
from .watching import Hooks, Reader
from .who_is_who import Forgotten

NEVER = datetime.max.replace(tzinfo=UTC)
TIMED = ("inaction", "date")  # triggers by which people qualify because time passes

Qualified = tuple[str, str, Instant, str]  # segment, id, instant, messageId of the cause


def check_oracle(t: Tables, definitions: list[Any], sent: Mapping[str, Any], zone: str, until: Instant) -> None:
    """What stands is what the oracle says of the messages that were admitted, and still are there.

    sent: messages, by messageId.
    """
    admitted = {
        sequence: sent[one.message_id] | {"receivedAt": one.received_at.isoformat()}
        for sequence, one in t.events.items()
    }
    forgotten = {
        position + 1: Forgotten([("anonymous" if anonymous else "user", id) for anonymous, id in one.ids])
        for position, one in t.forgettings.items()
    }
    wanted, found = expected(definitions, admitted, forgotten, zone, until), on_record(t, until)
    if found != wanted:
        raise Violation(difference(found, wanted))


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


def check_runs(t: Tables) -> None:
    """No two versions of a segment count at once."""
    spans: dict[int, list[tuple[datetime, datetime]]] = {}
    for (segment, _), run in t.segment_runs.items():
        if run.counts_to != run.counts_from:
            spans.setdefault(segment, []).append((run.counts_from, run.counts_to or NEVER))
    for segment, counted in spans.items():
        if any(one[1] > other[0] for one, other in pairwise(sorted(counted))):
            raise Violation(f"versions of {segment} count at once: {sorted(counted)}")


def check_versions(t: Tables) -> None:
    """Who stands on record was found by a version that counted then, and says which."""
    counted = {(segment, run.version): list[SegmentRun]() for (segment, _), run in t.segment_runs.items()}
    for (segment, _), run in t.segment_runs.items():
        counted[segment, run.version].append(run)
    for key in _standing(t):
        version, at = t.qualifications[key].version, key[3]
        runs = counted.get((key[0], version), ())
        if not any(run.counts_from <= at and (run.counts_to is None or at < run.counts_to) for run in runs):
            raise Violation(f"{key} is by version {version}, which did not count then")


def check_messages(t: Tables, answered: Iterable[str]) -> None:
    stored = Counter(one.message_id for one in t.events.values())
    forgotten = {id for one in t.forgettings.values() for id in one.messages}
    if lost := [id for id in answered if not stored[id] and id not in forgotten]:
        raise Violation(f"answered with 200 and not stored: {lost}")
    if doubled := [id for id, count in stored.items() if count > 1]:
        raise Violation(f"stored more than once: {doubled}")


def check_owners(t: Tables) -> None:
    """Every row is of somebody who is there: nothing is left of who was joined to another, or forgotten."""
    places = {
        "events": lambda key, row: row.user_number,
        "user_ids": lambda key, row: row[0],
        "trait_writes": lambda key, row: key[0],
        "joins": lambda key, row: key[0],
        "timers": lambda key, row: key[0],
        "qualifications": lambda key, row: key[1],
        "log": lambda key, row: row[3],
    }
    for table, owner in places.items():
        left = [key for key, row in getattr(t, table).items() if owner(key, row) not in t.users]
        if left:
            raise Violation(f"{table} of nobody are left: {left}")


def check_readers(t: Tables, readers: Mapping[int, Reader]) -> None:
    """Each entry once and in order; of who was forgotten since, those that were read in time."""
    known = t.users.keys() | {old for _, _, old in t.joins}
    for segment, reader in readers.items():
        if segment not in t.segments:
            continue
        log = [(at, row[0], row[7]) for at, row in sorted(t.log.items()) if row[1] == segment]
        read = [(cursor, entry.type, entry.of.cause) for cursor, entry in reader.read if entry.user in known]
        _agree(f"what was read of the log of {segment}, and the log", read, log)
        cursors = [cursor for cursor, _ in reader.read]
        _agree(f"what was read of the log of {segment}, and its order", cursors, sorted(set(cursors)))


def undelivered(t: Tables) -> list[tuple[int, int]]:
    """Webhooks, with entries of the log that are after their cursors."""
    return [
        (number, at)
        for number, hook in t.webhooks.items()
        for at, row in t.log.items()
        if row[1] == hook.segment and at > hook.cursor and hook.status == "running"
    ]


def check_hooks(t: Tables, hooks: Hooks) -> None:
    """All that was told since a webhook was made has come to it. The order is looked at as it comes."""
    if hooks.violations:
        raise Violation(hooks.violations[0])
    for number, row in t.webhooks.items():
        hook = hooks.by_number.get(number)
        wanted = {at for at, entry in t.log.items() if hook and entry[1] == hook.segment and at > hook.begin}
        if hook is not None and not wanted <= set(hook.got):
            raise Violation(f"the webhook {number} was not sent {sorted(wanted - set(hook.got))}")
        if row.status != "running":
            raise Violation(f"the webhook {number} is off: {row.reason}")


def check_patience(t: Tables, grace: int, catch_up: int, outages: Iterable[tuple[Instant, Instant]]) -> None:
    """What came due was told no earlier than stragglers were waited for. outages: when segd was down, or the database
    away, from and until; the messages of that time come later."""
    runs = {(segment, run.version): json.loads(run.definition) for (segment, _), run in t.segment_runs.items()}
    for row in t.log.values():
        if row[0] == "qualified" and runs[row[1], row[2]]["on"]["type"] in TIMED:
            at = from_datetime(row[6])
            waits = [until + min(until - since, catch_up) for since, until in outages if since <= at <= until]
            if from_datetime(row[-1]) < max([at + grace, *waits]):
                raise Violation(f"{row} was told too early")


def check_refused(t: Tables, sent: Mapping[str, Any], margin: int) -> None:
    """Nothing was taken of who is refused. margin: of the end of that, by which clocks may be wrong."""
    for sequence, one in t.events.items():
        message = sent[one.message_id]
        ids = [(name == "anonymousId", message[name]) for name in ("userId", "anonymousId") if name in message]
        hashes = {(anonymous, hash_of(id)) for anonymous, id in ids}
        for position, refused in t.refusals.items():
            for anonymous, id_hash, until in refused:
                too_early = from_datetime(one.received_at) < from_datetime(until) - margin
                if sequence > position and too_early and (anonymous, id_hash) in hashes:
                    raise Violation(f"{one.message_id} was taken of somebody forgotten, who is refused until {until}")


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
