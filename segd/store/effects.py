"""What follows from the events, written: qualifications and the log of them, counts per day, timers.

Effects come from users who are compared with the record as it stood, so they fit it. Where one is on record already it
changes nothing and tells nobody: whatever is written twice is written once.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date, datetime, tzinfo
from typing import Any, NamedTuple

from segd.core.effects import Effects, LogEntry, Logged, Standing, Waiting
from segd.core.time.calendar import day_of
from segd.core.time.instants import Instant, from_datetime, to_datetime
from segd.store.queries import columns, query
from segd.store.session import Statements


async def write_effects(
    connection: Statements, effects: Effects, log_position: int, zone: tzinfo, now: Instant
) -> list[Logged]:
    """Either. Inside the journal's transaction, before it moves rows to other users.

    Timers are dropped before others are set. log_position: of the last entry of the log; returns those that come after
    it. zone: in which days are counted.
    """
    await _write_timers(connection, effects)
    if effects.armed:
        await connection.execute(query("arm_runs"), effects.armed, effects.settled)
    if not effects.log:
        return []
    record = await _read_record(connection, effects.log)
    entries = [entry for each in effects.log if (entry := record.take(each)) is not None]
    logged = [Logged(cursor, entry) for cursor, entry in enumerate(entries, start=log_position + 1)]
    if logged:
        await connection.execute(query("record"), *columns(record.rows()))
        await connection.execute(query("write_log"), *columns(map(_log_row, logged)), to_datetime(now))
        await connection.execute(query("count_per_day"), *columns(_per_day(logged, zone)))
    return logged


class _Key(NamedTuple):
    """Of a qualification on record."""

    segment: int
    user: int
    cause: int
    at: Instant


class _Record:
    """The qualifications that effects speak of. stands: whether they do, of those on record."""

    def __init__(self, stands: dict[_Key, bool]) -> None:
        self._stands = stands
        self._changed: dict[_Key, Standing] = {}

    def take(self, entry: LogEntry) -> LogEntry | None:
        """Change the record by the next entry. Returns what watchers are to be told of it."""
        kind, user, of, was = entry
        if kind == "retracted":
            return entry if self._change(user, of, False) else None
        ended = was is not None and self._change(user, was, False)
        began = self._change(user, of, True)
        if ended and not began:
            assert was is not None
            return LogEntry("retracted", user, was)
        if not began:
            return None
        return entry if ended or was is None else LogEntry("qualified", user, of)

    def _change(self, user: int, one: Standing, stands: bool) -> bool:
        """Whether it was different."""
        key = _key(user, one)
        if self._stands.get(key, False) == stands:
            return False
        self._stands[key] = stands
        self._changed[key] = one
        return True

    def rows(self) -> Iterable[tuple[Any, ...]]:
        """What has changed, as the statement `record` wants it."""
        for key, one in self._changed.items():
            yield (
                one.segment, one.version, key.user, one.id, one.anonymous, one.cause, one.cause_id,
                to_datetime(one.at), not self._stands[key],
            )  # fmt: skip


async def _read_record(connection: Statements, log: Sequence[LogEntry]) -> _Record:
    keys = {_key(entry.user, one) for entry in log for one in (entry.of, entry.was) if one is not None}
    keys_in_columns = columns((segment, user, cause, to_datetime(at)) for segment, user, cause, at in keys)
    rows = await connection.fetch(query("recorded"), *keys_in_columns)
    return _Record({_Key(row[0], row[1], row[2], from_datetime(row[3])): not row[4] for row in rows})


def _key(user: int, one: Standing) -> _Key:
    return _Key(one.segment, user, one.cause, one.at)


def _log_row(logged: Logged) -> tuple[Any, ...]:
    kind, user, of, was = logged.entry
    return (
        logged.cursor, kind, of.segment, of.version, user, of.id, of.anonymous, to_datetime(of.at), of.cause,
        of.cause_id, *((None,) * 6 if was is None else _was_columns(was)),
    )  # fmt: skip


def _was_columns(was: Standing) -> tuple[int, str, bool, datetime, int, str]:
    return was.version, was.id, was.anonymous, to_datetime(was.at), was.cause, was.cause_id


def _per_day(logged: Sequence[Logged], zone: tzinfo) -> Iterable[tuple[int, date, int, int]]:
    """segment, day, how many more stand, how many more were retracted."""
    standing: Counter[tuple[int, date]] = Counter()
    retracted: Counter[tuple[int, date]] = Counter()
    for _, (kind, _, of, was) in logged:
        day = of.segment, day_of(of.at, zone)
        if kind == "retracted":
            standing[day] -= 1
            retracted[day] += 1
        else:
            standing[day] += 1
        if was is not None:
            standing[was.segment, day_of(was.at, zone)] -= 1
    return [(*day, count, retracted[day]) for day, count in standing.items()]


async def _write_timers(connection: Statements, effects: Effects) -> None:
    waiting = {(user, one.segment, one.cause): one for user, one in effects.set}
    dropped = {(user, one.segment, one.cause) for user, one in effects.dropped} - waiting.keys()
    if dropped:
        await connection.execute(query("drop_those_timers"), *columns(dropped))
    if waiting:
        rows = (_timer_row(user, one) for (user, _, _), one in waiting.items())
        await connection.execute(query("set_timers"), *columns(rows))


def _timer_row(user: int, one: Waiting) -> tuple[Any, ...]:
    return user, one.segment, one.cause, one.version, to_datetime(one.opened), to_datetime(one.due)
