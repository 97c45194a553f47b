"""Lengths, ISO dates, zones and due instants. Instants are whole microseconds since 1970 in UTC."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from .values import as_number

EPOCH = datetime(1970, 1, 1)
MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000
MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86400 * SECOND
UNITS = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}

ISO = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:([Zz])|([+-])(\d\d):?(\d\d)|([+-])(\d\d))?)?",
    re.ASCII,
)


def length(text: str) -> int:
    """Microseconds of `90s`, `1h30m`, with a sign in front where there is one."""
    sign = -1 if text.startswith("-") else 1
    return sign * sum(int(n) * UNITS[unit] for n, unit in re.findall(r"(\d+)([smhdw])", text))


def moves_calendar(text: str) -> bool:
    """Whether an offset is spelled in days and weeks only."""
    return not set("smh") & set(text)


@dataclass(frozen=True)
class Moment:
    """What an ISO text or an epoch says: a date, perhaps a time of day, perhaps how far it is from UTC."""

    day: date
    clock: time | None
    utc_offset: int | None  # microseconds; None: local wherever it is read

    def instant(self, zone: ZoneInfo) -> int:
        """The instant it means, read in `zone` where it does not say better; a bare date is its midnight."""
        local = datetime.combine(self.day, self.clock or time())
        if self.utc_offset is None:
            return local_instant(local, zone)
        return (local - EPOCH) // MICROSECOND - self.utc_offset

    def wall(self, zone: ZoneInfo) -> tuple[date, time | None]:
        """Calendar date and time of day in `zone`."""
        if self.utc_offset is None:
            return self.day, self.clock
        there = (EPOCH + self.instant(zone) * MICROSECOND).replace(tzinfo=UTC).astimezone(zone)
        return there.date(), there.time()


def local_instant(local: datetime, zone: ZoneInfo) -> int:
    """fold=0 is what is asked for: a skipped time moves forward by the gap, a repeated one is its first."""
    offset = zone.utcoffset(local.replace(tzinfo=zone, fold=0))
    return (local - EPOCH - offset) // MICROSECOND


def midnight(day: date, zone: ZoneInfo) -> int:
    return local_instant(datetime.combine(day, time()), zone)


def local_date(instant: int, zone: ZoneInfo) -> date:
    return (EPOCH + instant * MICROSECOND).replace(tzinfo=UTC).astimezone(zone).date()


def iso(text: object) -> Moment | None:
    """The moment an ISO date or date-time names, None for anything else."""
    found = ISO.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    year, month, dom, hour, minute, second, digits, zulu, sign, hours, minutes, sign2, hours2 = found.groups()
    try:
        day = date(int(year), int(month), int(dom))
        if hour is None:
            return Moment(day, None, None)
        clock = time(int(hour), int(minute), int(second or 0), int((digits or "")[:6].ljust(6, "0")))
    except ValueError:
        return None
    if zulu:
        return Moment(day, clock, 0)
    if sign or sign2:
        away = int(hours or hours2), int(minutes or 0)
        if away[0] > 23 or away[1] > 59:
            return None
        amount = away[0] * HOUR + away[1] * MINUTE
        return Moment(day, clock, -amount if (sign or sign2) == "-" else amount)
    return Moment(day, clock, None)


def moment(value: object) -> Moment | None:
    """What a property that holds a date means: ISO text, or epoch seconds or milliseconds."""
    number = as_number(value)
    if number is None:
        return iso(value)
    seconds = number / 1000 if number >= 10**11 else number
    try:
        there = EPOCH + timedelta(microseconds=int(Fraction(seconds) * SECOND // 1))
    except OverflowError:
        return None
    return Moment(there.date(), there.time(), 0)


def due(day: date, clock: time | None, offset: str, at: str | None, zone: ZoneInfo, instant: int) -> int | None:
    """The date, moved by `offset`. instant: what an elapsed offset is added to. None: outside the calendar."""
    if not moves_calendar(offset):
        return instant + length(offset)
    try:
        moved = day + timedelta(days=length(offset) // DAY)
    except OverflowError:
        return None
    return local_instant(datetime.combine(moved, time.fromisoformat(at) if at else clock or time()), zone)


def due_instant(value: object, offset: str, at: str | None, zone: ZoneInfo) -> int | None:
    found = moment(value)
    if found is None:
        return None
    try:
        day, clock = found.wall(zone)
    except OverflowError:
        return None
    return due(day, clock, offset, at, zone, found.instant(zone))


def yearly_instants(value: object, offset: str, at: str | None, zone: ZoneInfo, end: int) -> list[int]:
    """The due instants of every anniversary, from the date itself on, up to `end`."""
    found = moment(value)
    if found is None:
        return []
    try:
        day, clock = found.wall(zone)
    except OverflowError:
        return []
    instants: list[int] = []
    for year in range(day.year, 10_000):
        leap_day_elsewhere = (day.month, day.day) == (2, 29) and not (year % 4 == 0 and (year % 100 or year % 400 == 0))
        that = date(year, 2, 28) if leap_day_elsewhere else date(year, day.month, day.day)
        base = local_instant(datetime.combine(that, clock or time()), zone)
        comes = due(that, clock, offset, at, zone, base)
        if comes is not None and comes > end:
            break
        if comes is not None:
            instants.append(comes)
    return instants


def zone_named(name: object) -> ZoneInfo | None:
    if not isinstance(name, str) or not name:
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return None
