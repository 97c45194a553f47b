"""Why a stored user is in a segment or not: the history is folded once more, with notes on."""

from datetime import tzinfo

import trio

from segd.core.answers import Belongs, UserKey
from segd.core.deciding.plan import Plan
from segd.core.effects import Run
from segd.core.language import definitions as d
from segd.core.language.naming import with_all_named
from segd.core.time.instants import Instant, from_datetime
from segd.core.users.folding import Log
from segd.core.users.population import Entry, Population
from segd.core.users.qualifying import User
from segd.core.why.explain import Explanation, Membership, why_member
from segd.core.why.explain import why as why_live
from segd.core.why.verdict import Told
from segd.store.bridge import Connection
from segd.store.loading import load_asked
from segd.store.queries import query
from segd.store.segment_rows import BrokenError, Segment, list_segments, read_segments, runs
from segd.store.session import Row


async def user_row(connection: Connection, key: UserKey) -> Row:
    """Trio. number, id, anonymous, first_seen, last_seen. Raises LookupError where there is no such user."""
    row = await connection.fetchrow(query("user_of_id"), key.id, key.anonymous)
    if row is None:
        raise LookupError(key)
    return row


async def why(connection: Connection, user: Row, segment: int, zone: tzinfo, now: Instant) -> Told:
    """Trio. user: as of `user_row`. zone: the account's. Raises LookupError where there is no such segment,
    BrokenError where it cannot be asked."""
    stored = await read_segments(connection)
    asked = stored.numbered(segment)
    if (problem := stored.broken().get(segment)) is not None:
        raise BrokenError(asked.name, problem)
    plan = await _plan(connection, _with_all_it_names(asked, stored.sound()), zone)
    log = await _log_of(connection, plan, user["number"])
    qualified_at = await connection.fetchval(query("qualified_last"), user["number"], segment)
    # In a thread, for a long history takes a while, and the loop has others to serve.
    about = await trio.to_thread.run_sync(_explain, plan, log, _first_seen(user), asked.definition, now)
    return Told(about, None if qualified_at is None else from_datetime(qualified_at), asked.status == "paused")


async def memberships(connection: Connection, user: Row, zone: tzinfo, now: Instant) -> list[Belongs]:
    """Trio. The past segments that a user is a member of, by name; as `why`."""
    segments = await list_segments(connection)
    past = sorted((one for one in segments if isinstance(one.definition, d.Past)), key=lambda one: one.name)
    if not past:
        return []
    plan = await _plan(connection, segments, zone)
    log = await _log_of(connection, plan, user["number"])
    return await trio.to_thread.run_sync(_members_of, plan, log, _first_seen(user), past, now)


async def _plan(connection: Connection, segments: list[Segment], zone: tzinfo) -> Plan:
    """Trio"""
    names = {one.number: one.name for one in segments}
    by_name: dict[str, list[Run]] = {}
    for run in await runs(connection, None):
        if run.segment in names:
            by_name.setdefault(names[run.segment], []).append(run)
    aliases = {str(number): name for number, name in names.items()}
    return Plan([one.definition for one in segments], zone, by_name, aliases)


def _first_seen(user: Row) -> Instant:
    return from_datetime(user["first_seen"])


def _with_all_it_names(asked: Segment, segments: list[Segment]) -> list[Segment]:
    """The segment, and those that it leads to, in their order."""
    aliases = {str(one.number): one.name for one in segments}
    needed = with_all_named([asked.definition], [one.definition for one in segments], aliases)
    names = {definition.name for definition in needed}
    return [one for one in segments if one.name in names]


async def _log_of(connection: Connection, plan: Plan, number: int) -> Log:
    """Trio. Raises LookupError where the user has just gone."""
    stored = await load_asked(connection, plan, [number], None)
    if not stored:
        raise LookupError(number)
    return await trio.to_thread.run_sync(Log, plan, stored[0], 0)  # nothing will be added


def _explain(
    plan: Plan, log: Log, first_seen: Instant, definition: d.Definition, now: Instant
) -> Explanation | Membership:
    if isinstance(definition, d.Live):
        kind = "anonymous" if log.anonymous else "user"
        return why_live(plan, log.entries(), (kind, log.id), definition.name, now)
    return why_member(plan, _told(plan, log, first_seen, now), definition.name, now)


def _members_of(plan: Plan, log: Log, first_seen: Instant, past: list[Segment], now: Instant) -> list[Belongs]:
    user = _told(plan, log, first_seen, now)
    return [Belongs(one.number, one.name, None) for one in past if why_member(plan, user, one.name, now).member]


def _told(plan: Plan, log: Log, first_seen: Instant, now: Instant) -> User:
    """The user with all history up to `now` that is asked about."""
    population = Population(plan)
    population.replay(entry for entry in log.entries() if _known_by(entry, now))
    population.finish(now)
    if log.anonymous:
        device = population.devices.get(log.id)
        user = None if device is None else device.user
    else:
        user = population.users.get(log.id)
    user = User(log.id, log.anonymous) if user is None else user.survivor()
    if not plan.keeps_seen:  # what makes a user known may be of no further interest
        user.history.seen.append((first_seen, 0))
    return user


def _known_by(entry: Entry, now: Instant) -> bool:
    return entry.digest is None or entry.digest.timestamp <= now
