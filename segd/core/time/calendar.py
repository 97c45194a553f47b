"""The calendar: zones, ISO dates, local days, and the due instants of the date trigger.

Wherever local time becomes an instant, a local time that a clock change skips moves forward by the gap (02:30 becomes
03:30) and one that it repeats means its first. Everything here raises ValueError, and nothing else, where the text is
wrong or the outcome lies outside the years 1 to 9999.
"""

import re
from datetime import date, datetime, time, timedelta, tzinfo
from decimal import ROUND_DOWN, Context, Decimal
from functools import cache
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo, available_timezones

from segd.core.time.instants import DAY, EARLIEST, LATEST, Instant, from_datetime, to_datetime
from segd.core.time.offsets import Offset

MIDNIGHT = time()

_ISO = re.compile(
    r"\d{4}-\d\d-\d\d"
    r"([Tt ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?(?:[Zz]|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d)?)?)?",
    re.ASCII,
)
_NOT_ISO = "expected an ISO date or date-time such as 2025-06-01 or 2025-06-01T09:30:00+02:00"
_OUT_OF_RANGE = "expected an instant in the years 1 to 9999"


# Zones


@cache
def zone_names() -> set[str]:
    """Of all places: not what this machine is set to, nor what a machine has before anybody sets its zone."""
    return available_timezones() - {"localtime", "Factory"}


@cache  # as many entries as there are zones, since anything else raises
def zone(name: str) -> ZoneInfo:
    """The zone of this name in the IANA database, in its spelling. Raises ValueError, saying what would be right."""
    if name not in zone_names():  # asked first, so that a trait full of nonsense never gets near the file system
        raise ValueError("expected the name of a time zone such as Europe/Berlin or UTC")
    return ZoneInfo(name)


# Dates and instants


def user_zone(name: Any) -> ZoneInfo | None:
    """The zone that a user's `timezone` trait names; None where it names none."""
    if not isinstance(name, str):
        return None
    try:
        return zone(name)
    except ValueError:
        return None


def parse_iso(text: str) -> date | datetime:
    """A date, or a date-time that is aware exactly when the text has an offset.

    The grammar is YYYY-MM-DD, then optionally `T`, `t` or a space, HH:MM, :SS, a fraction (cut off after microseconds)
    and Z, ±HH, ±HHMM or ±HH:MM. It is narrower than Python's own and the same in every version of it.
    Raises ValueError, saying what would be right.
    """
    found = _ISO.fullmatch(text)
    if found is None:
        raise ValueError(_NOT_ISO)
    try:
        if found[1] is None:
            return date.fromisoformat(text)
        return datetime.fromisoformat(text.replace("z", "Z"))
    except ValueError:  # no such day
        raise ValueError(_NOT_ISO) from None


def local_instant(local: datetime, zone: tzinfo) -> Instant:
    """When the clocks of `zone` show this. local: naive. Raises ValueError outside the years 1 to 9999 of UTC."""
    return _within_range(_unbounded(local, zone))


def midnight(day: date, zone: tzinfo) -> Instant:
    """When the day begins in `zone`. Raises ValueError outside the years 1 to 9999 of UTC."""
    return local_instant(datetime.combine(day, MIDNIGHT), zone)


def day_of(instant: Instant, zone: tzinfo) -> date:
    """The day on the calendars of `zone`. Raises ValueError outside the years 1 to 9999 of UTC or of `zone`."""
    return _local(instant, zone).date()


def iso_instant(text: str, zone: tzinfo) -> Instant:
    """A bare date is its midnight in `zone`, a date-time without offset is local there.

    Raises ValueError where `parse_iso` does, and outside the years 1 to 9999 of UTC.
    """
    return _within_range(_iso_unbounded(parse_iso(text), zone))


def days_ago(now: Instant, bounds: tuple[int, int], zone: tzinfo) -> tuple[Instant, Instant]:
    """The half-open instants of the whole days of `zone` from today less one bound to today less the other.

    bounds: whole days from zero, which is today, in either order; days before the year 1 are left out. The end of
    today lies after now.
    """
    try:
        today = day_of(now, zone).toordinal()
    except ValueError:  # within a day of the ends of time some zones have no calendar any more
        today = date.max.toordinal() + 1 if now > 0 else 0
    return _midnight_of_ordinal(today - max(bounds), zone), _midnight_of_ordinal(today - min(bounds) + 1, zone)


def _midnight_of_ordinal(ordinal: int, zone: tzinfo) -> Instant:
    if ordinal < 1:
        return EARLIEST
    if ordinal > date.max.toordinal():
        return LATEST + 1
    instant = _unbounded(datetime.combine(date.fromordinal(ordinal), MIDNIGHT), zone)
    return min(max(instant, EARLIEST), LATEST + 1)


def _unbounded(local: datetime, zone: tzinfo) -> Instant:
    # Of a skipped local time fold=0 takes the offset before the change, which is what moves it forward by the gap.
    return from_datetime(local.replace(tzinfo=zone, fold=0))


def _iso_unbounded(moment: date | datetime, zone: tzinfo) -> Instant:
    if not isinstance(moment, datetime):
        return _unbounded(datetime.combine(moment, MIDNIGHT), zone)
    return _unbounded(moment, zone) if moment.tzinfo is None else from_datetime(moment)


def _local(instant: Instant, zone: tzinfo) -> datetime:
    try:
        return to_datetime(instant).astimezone(zone).replace(tzinfo=None, fold=0)
    except OverflowError:
        raise ValueError(_OUT_OF_RANGE) from None


def _within_range(instant: Instant) -> Instant:
    if not EARLIEST <= instant <= LATEST:
        raise ValueError(_OUT_OF_RANGE)
    return instant


# The date trigger


class DateValue(NamedTuple):
    """What the property of a date trigger says.

    day, time: by the calendars and clocks of the zone it was read in; time: None for a bare date. instant: exactly
    what was said, also in a repeated hour, where day and time are not enough; of a bare date its midnight. The instant
    of a day at either end of the calendar may lie outside the years 1 to 9999 of UTC by the offset of its zone.
    """

    day: date
    time: time | None
    instant: Instant


def read_date_value(value: Any, zone: tzinfo) -> DateValue | None:
    """An ISO date or date-time, or epoch seconds or milliseconds (from 10**11 on either side of zero).

    value: any decoded JSON value. None where it starts nothing: no date, or an instant out of range.
    """
    try:
        if isinstance(value, str):
            moment = parse_iso(value)
            if not isinstance(moment, datetime):
                return DateValue(moment, None, _iso_unbounded(moment, zone))
            if moment.tzinfo is None:
                return DateValue(moment.date(), moment.time(), _unbounded(moment, zone))
            instant = from_datetime(moment)
        elif isinstance(value, (int, Decimal)) and not isinstance(value, bool):
            instant = _epoch_instant(value)
        else:
            return None
        local = _local(instant, zone)
    except ValueError:
        return None
    return DateValue(local.date(), local.time(), instant)


_CUT_OFF = Context(prec=50, rounding=ROUND_DOWN)  # digits beyond microseconds are cut off, however many there are
_FIRST_MILLISECONDS = 10**11
_BEYOND = 10**15  # more than any milliseconds of four-digit years; keeps 1e999999 from becoming an integer


def _epoch_instant(number: int | Decimal) -> Instant:
    if not -_BEYOND < number < _BEYOND:
        raise ValueError(_OUT_OF_RANGE)
    shift = 6 if -_FIRST_MILLISECONDS < number < _FIRST_MILLISECONDS else 3
    return number * 10**shift if isinstance(number, int) else int(_CUT_OFF.scaleb(number, shift))


def due_instant(value: DateValue, offset: Offset, at: time | None, zone: tzinfo) -> Instant | None:
    """When the date, moved by `offset`, comes. None: outside the years 1 to 9999.

    A calendar offset moves the day in `zone` and falls at `at`, else at the value's own time of day, else at midnight.
    Any other offset is time elapsed from the value's instant; there is no `at` beside it.
    """
    if offset.days is None:
        due = value.instant + offset.elapsed
    else:
        try:
            day = value.day + timedelta(days=offset.days)
        except OverflowError:
            return None
        due = _unbounded(datetime.combine(day, at or value.time or MIDNIGHT), zone)
    return due if EARLIEST <= due <= LATEST else None


_YEAR = 31_556_952 * 10**6  # the mean year of the Gregorian calendar


def next_anniversary(
    value: DateValue, offset: Offset, at: time | None, zone: tzinfo, not_before: Instant
) -> Instant | None:
    """The first due instant from `not_before` on, of the value's own year and every year after it.

    Each year the anniversary comes first, a calendar date and a time of day, on the 28th for a 29 February in a year
    that has none; then the offset as `due_instant` does it. None: there is none up to the year 9999.
    """
    shift = offset.elapsed if offset.days is None else offset.days * DAY
    # One year early: zones, leap days and `at` blur the estimate by less than that, and a due instant only grows.
    estimate = 1970 + (not_before - shift) // _YEAR - 1
    for year in range(max(value.day.year, estimate), 10_000):
        due = due_instant(_anniversary(value, year, zone), offset, at, zone)
        if due is not None and due >= not_before:
            return due
    return None


def _anniversary(value: DateValue, year: int, zone: tzinfo) -> DateValue:
    try:
        day = value.day.replace(year=year)
    except ValueError:
        day = value.day.replace(year=year, day=28)
    return DateValue(day, value.time, _unbounded(datetime.combine(day, value.time or MIDNIGHT), zone))
