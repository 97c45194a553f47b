from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from segd.core.time.calendar import (
    DateValue,
    day_of,
    days_ago,
    due_instant,
    iso_instant,
    local_instant,
    midnight,
    next_anniversary,
    parse_iso,
    read_date_value,
    zone,
)
from segd.core.time.instants import DAY, EARLIEST, HOUR, LATEST, MINUTE, SECOND, from_datetime, to_datetime
from segd.core.time.offsets import Offset

BERLIN = ZoneInfo("Europe/Berlin")
SAO_PAULO = ZoneInfo("America/Sao_Paulo")
KOLKATA = ZoneInfo("Asia/Kolkata")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
NEW_YORK = ZoneInfo("America/New_York")
APIA = ZoneInfo("Pacific/Apia")
KIRITIMATI = ZoneInfo("Pacific/Kiritimati")

ZONES = [UTC, BERLIN, SAO_PAULO, KOLKATA, LORD_HOWE, NEW_YORK, APIA, KIRITIMATI]


def utc(text):
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=UTC))


def days(number):
    return Offset(days=number, elapsed=0)


def elapsed(microseconds):
    return Offset(days=None, elapsed=microseconds)


# Zones


def test_zone_by_name():
    assert zone("Europe/Berlin") is zone("Europe/Berlin")
    assert zone("UTC").utcoffset(datetime(2025, 1, 1)) == timedelta(0)


@pytest.mark.parametrize(
    "name",
    ["", "user", "Europe/Atlantis", "europe/berlin", "Europe", "+02:00", "../zoneinfo/UTC", "/etc/passwd", "UTC\0",
     "\ud800", "x" * 10_000, "localtime", " UTC"],
)  # fmt: skip
def test_no_such_zone(name):
    with pytest.raises(ValueError, match="name of a time zone such as Europe/Berlin"):
        zone(name)


# ISO text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-06-01", date(2025, 6, 1)),
        ("0001-01-01", date(1, 1, 1)),
        ("9999-12-31", date(9999, 12, 31)),
        ("2024-02-29", date(2024, 2, 29)),
        ("2025-06-01T09:30", datetime(2025, 6, 1, 9, 30)),
        ("2025-06-01 09:30", datetime(2025, 6, 1, 9, 30)),
        ("2025-06-01t09:30:15", datetime(2025, 6, 1, 9, 30, 15)),
        ("2025-06-01T23:59:59.5", datetime(2025, 6, 1, 23, 59, 59, 500_000)),
        ("2025-06-01T23:59:59.9999999999", datetime(2025, 6, 1, 23, 59, 59, 999_999)),
        ("2025-06-01T09:30Z", datetime(2025, 6, 1, 9, 30, tzinfo=UTC)),
        ("2025-06-01t09:30:00.25z", datetime(2025, 6, 1, 9, 30, 0, 250_000, tzinfo=UTC)),
        ("2025-06-01T09:30+02", datetime(2025, 6, 1, 9, 30, tzinfo=timezone(timedelta(hours=2)))),
        ("2025-06-01T09:30-0330", datetime(2025, 6, 1, 9, 30, tzinfo=timezone(-timedelta(hours=3, minutes=30)))),
        ("2025-06-01T09:30:00+23:59", datetime(2025, 6, 1, 9, 30, tzinfo=timezone(timedelta(hours=23, minutes=59)))),
        ("2025-06-01T09:30-00:00", datetime(2025, 6, 1, 9, 30, tzinfo=UTC)),
    ],
)
def test_iso_text(text, expected):
    parsed = parse_iso(text)
    assert parsed == expected
    assert type(parsed) is type(expected)
    assert getattr(parsed, "tzinfo", None) == getattr(expected, "tzinfo", None)


@pytest.mark.parametrize(
    "text",
    ["", "20250601", "2025-6-1", "2025-W22-7", "2025-152", "2025-02-29", "2025-13-01", "2025-00-10", "2025-06-31",
     "0000-01-01", "10000-01-01", "-2025-06-01", "+2025-06-01", " 2025-06-01", "2025-06-01 ", "2025-06-01\n",
     "2025-06-01T", "2025-06-01T09", "2025-06-01T9:30", "2025-06-01T0930", "2025-06-01T24:00", "2025-06-01T09:60",
     "2025-06-01T09:30:60", "2025-06-01T09:30:15.", "2025-06-01T09:30:15,5", "2025-06-01T09:30.5", "2025-06-01_09:30",
     "2025-06-01  09:30",
     "2025-06-01T09:30 Z", "2025-06-01T09:30+2", "2025-06-01T09:30+24:00", "2025-06-01T09:30+02:60",
     "2025-06-01T09:30+02:00:00", "2025-06-01T09:30Zz", "2025-06-01Z", "2025-06-01+02:00", "2025-06-01T09:30UTC",
     "1748770200", "today", "２０２５-06-01", "2025-06-01T09:30:15.٣", "2025-02-29T10:00Z"],
)  # fmt: skip
def test_no_iso_text(text):
    with pytest.raises(ValueError, match="expected an ISO date or date-time such as 2025-06-01"):
        parse_iso(text)


@given(st.datetimes(timezones=st.none() | st.just(UTC)), st.sampled_from("T t"))
def test_what_python_writes_is_read_back(moment, separator):
    assert parse_iso(moment.isoformat(separator)) == moment
    assert parse_iso(moment.date().isoformat()) == moment.date()


# Local time


@pytest.mark.parametrize(
    ("local", "where", "expected"),
    [
        ("2025-06-01T09:30", BERLIN, "2025-06-01T07:30"),
        ("2025-03-30T01:59:59", BERLIN, "2025-03-30T00:59:59"),
        ("2025-03-30T02:00", BERLIN, "2025-03-30T01:00"),  # skipped: read as 03:00
        ("2025-03-30T02:30", BERLIN, "2025-03-30T01:30"),  # skipped: read as 03:30
        ("2025-03-30T03:00", BERLIN, "2025-03-30T01:00"),
        ("2025-10-26T02:30", BERLIN, "2025-10-26T00:30"),  # repeated: the first
        ("2025-10-26T03:00", BERLIN, "2025-10-26T02:00"),
        ("2025-06-01T09:30", KOLKATA, "2025-06-01T04:00"),
        ("2025-10-05T02:15", LORD_HOWE, "2025-10-04T15:45"),  # skipped by half an hour: 02:45+11:00
        ("2025-04-06T01:45", LORD_HOWE, "2025-04-05T14:45"),  # repeated by half an hour: the first, +11:00
        ("2017-10-15T00:30", SAO_PAULO, "2017-10-15T03:30"),  # skipped: 01:30-02:00
        ("2060-07-01T12:00", BERLIN, "2060-07-01T10:00"),
    ],
)
def test_local_instant(local, where, expected):
    naive = datetime.fromisoformat(local)
    assert local_instant(naive, where) == utc(expected)
    assert local_instant(naive.replace(fold=1), where) == utc(expected)


@pytest.mark.parametrize(
    ("day", "where", "expected"),
    [
        (date(2025, 3, 30), BERLIN, "2025-03-29T23:00"),
        (date(2025, 3, 31), BERLIN, "2025-03-30T22:00"),
        (date(2025, 10, 27), BERLIN, "2025-10-26T23:00"),
        (date(2017, 10, 15), SAO_PAULO, "2017-10-15T03:00"),  # midnight is skipped: 01:00-02:00
        (date(2018, 2, 18), SAO_PAULO, "2018-02-18T03:00"),  # 23:00 came twice the evening before
        (date(2024, 2, 29), KOLKATA, "2024-02-28T18:30"),
        (date(2025, 1, 1), NEW_YORK, "2025-01-01T05:00"),
        (date(2011, 12, 30), APIA, "2011-12-30T10:00"),  # the whole day was skipped
        (date(2011, 12, 31), APIA, "2011-12-30T10:00"),
        (date(9999, 12, 31), BERLIN, "9999-12-30T23:00"),
    ],
)
def test_midnight(day, where, expected):
    assert midnight(day, where) == utc(expected)


def test_no_midnight_before_the_year_one():
    assert midnight(date(1, 1, 1), UTC) == EARLIEST
    with pytest.raises(ValueError, match="years 1 to 9999"):
        midnight(date(1, 1, 1), KOLKATA)


def test_no_instant_after_the_year_9999():
    assert local_instant(datetime.max, UTC) == LATEST
    with pytest.raises(ValueError, match="years 1 to 9999"):
        local_instant(datetime.max, NEW_YORK)


def test_day_of():
    instant = utc("2024-12-31T23:30")
    assert day_of(instant, UTC) == date(2024, 12, 31)
    assert day_of(instant, BERLIN) == date(2025, 1, 1)
    assert day_of(instant, NEW_YORK) == date(2024, 12, 31)
    assert day_of(EARLIEST, UTC) == date(1, 1, 1)
    assert day_of(LATEST, UTC) == date(9999, 12, 31)


@pytest.mark.parametrize(
    ("instant", "where"),
    [(EARLIEST - 1, UTC), (LATEST + 1, UTC), (10**30, UTC), (EARLIEST, NEW_YORK), (LATEST, KOLKATA)],
)
def test_no_day_out_of_range(instant, where):
    with pytest.raises(ValueError, match="years 1 to 9999"):
        day_of(instant, where)


@given(st.datetimes(datetime(1890, 1, 1), datetime(2100, 1, 1)), st.sampled_from(ZONES))
def test_local_instants_show_their_local_time_or_lie_past_a_gap(local, where):
    instant = local_instant(local, where)
    shown = to_datetime(instant).astimezone(where).replace(tzinfo=None, fold=0)
    assert shown == local or (shown > local and local_instant(shown, where) == instant)


@given(st.datetimes(datetime(1890, 1, 1), datetime(2100, 1, 1)), st.sampled_from(ZONES))
@example(datetime(2017, 10, 15, 3, 0), SAO_PAULO)
@example(datetime(2011, 12, 30, 10, 0), APIA)
def test_every_instant_lies_in_its_day(moment, where):
    instant = from_datetime(moment)
    day = day_of(instant, where)
    assert midnight(day, where) <= instant < midnight(day + timedelta(days=1), where)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-03-30", "2025-03-29T23:00"),
        ("2025-03-30T02:30", "2025-03-30T01:30"),
        ("2025-10-26 02:30", "2025-10-26T00:30"),
        ("2025-10-26T02:30+01:00", "2025-10-26T01:30"),
        ("2025-06-01T12:00Z", "2025-06-01T12:00"),
    ],
)
def test_iso_instant(text, expected):
    assert iso_instant(text, BERLIN) == utc(expected)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("0001-01-01", BERLIN),
        ("9999-12-31T23:59", NEW_YORK),
        ("0001-01-01T00:00+00:01", UTC),
        ("9999-12-31T23:59-00:01", UTC),
    ],
)
def test_iso_instant_out_of_range(text, where):
    parse_iso(text)
    with pytest.raises(ValueError, match="years 1 to 9999"):
        iso_instant(text, where)


# Days ago


@pytest.mark.parametrize(
    ("now", "bounds", "where", "since", "until"),
    [
        ("2025-06-10T12:00", (0, 0), UTC, "2025-06-10", "2025-06-11"),
        ("2025-06-10T12:00", (1, 3), UTC, "2025-06-07", "2025-06-10"),
        ("2025-06-10T12:00", (3, 1), UTC, "2025-06-07", "2025-06-10"),
        ("2025-06-10T22:30", (0, 1), BERLIN, "2025-06-09T22:00", "2025-06-11T22:00"),
        ("2025-04-02T12:00", (2, 3), BERLIN, "2025-03-29T23:00", "2025-03-31T22:00"),  # 47 hours
        ("2025-01-01T00:00", (1, 1), UTC, "2024-12-31", "2025-01-01"),
        ("2024-03-01T12:00", (1, 1), KOLKATA, "2024-02-28T18:30", "2024-02-29T18:30"),
        ("2017-10-16T12:00", (1, 1), SAO_PAULO, "2017-10-15T03:00", "2017-10-16T02:00"),  # 23 hours
    ],
)
def test_days_ago(now, bounds, where, since, until):
    assert days_ago(utc(now), bounds, where) == (utc(since), utc(until))


def test_days_ago_end_with_the_calendar():
    now = utc("2025-06-10T12:00")
    assert days_ago(now, (0, 10**12), BERLIN) == (EARLIEST, utc("2025-06-10T22:00"))
    assert days_ago(now, (10**11, 10**12), BERLIN) == (EARLIEST, EARLIEST)
    assert days_ago(LATEST, (0, 0), UTC) == (utc("9999-12-31"), LATEST + 1)


# What a date property holds


@pytest.mark.parametrize(
    ("value", "where", "day", "at", "instant"),
    [
        ("2025-06-01", BERLIN, date(2025, 6, 1), None, "2025-05-31T22:00"),
        ("2025-06-01T09:30", BERLIN, date(2025, 6, 1), time(9, 30), "2025-06-01T07:30"),
        ("2025-06-01T23:30:00.123456Z", BERLIN, date(2025, 6, 2), time(1, 30, 0, 123456), "2025-06-01T23:30:00.123456"),
        ("2025-06-01T00:30+02:00", NEW_YORK, date(2025, 5, 31), time(18, 30), "2025-05-31T22:30"),
        ("2025-10-26T02:30+01:00", BERLIN, date(2025, 10, 26), time(2, 30), "2025-10-26T01:30"),
        (0, KOLKATA, date(1970, 1, 1), time(5, 30), "1970-01-01T00:00"),
        (-1, UTC, date(1969, 12, 31), time(23, 59, 59), "1969-12-31T23:59:59"),
        (1_748_770_200, UTC, date(2025, 6, 1), time(9, 30), "2025-06-01T09:30"),
        (1_748_770_200_123, UTC, date(2025, 6, 1), time(9, 30, 0, 123_000), "2025-06-01T09:30:00.123"),
        (99_999_999_999, UTC, date(5138, 11, 16), time(9, 46, 39), "5138-11-16T09:46:39"),
        (100_000_000_000, UTC, date(1973, 3, 3), time(9, 46, 40), "1973-03-03T09:46:40"),
        (-100_000_000_000, UTC, date(1966, 10, 31), time(14, 13, 20), "1966-10-31T14:13:20"),
        (Decimal("1748770200.1234567"), UTC, date(2025, 6, 1), time(9, 30, 0, 123_456), "2025-06-01T09:30:00.123456"),
        (Decimal("1748770200123.4567"), UTC, date(2025, 6, 1), time(9, 30, 0, 123_456), "2025-06-01T09:30:00.123456"),
        (Decimal("0." + "9" * 100), UTC, date(1970, 1, 1), time(0, 0, 0, 999_999), "1970-01-01T00:00:00.999999"),
        (Decimal("1E-999999"), UTC, date(1970, 1, 1), time(0, 0), "1970-01-01"),
        (Decimal("1.7487702E+9"), UTC, date(2025, 6, 1), time(9, 30), "2025-06-01T09:30"),
    ],
)
def test_date_values(value, where, day, at, instant):
    assert read_date_value(value, where) == DateValue(day, at, utc(instant))


@pytest.mark.parametrize(
    "value",
    [None, True, False, "", "1748770200", "20250601", "soon", "2025-02-30", [], ["2025-06-01"], {"date": "2025-06-01"},
     253_402_300_800_000, -62_135_596_800_001, 10**15, -(10**15), 10**400, Decimal("1E+999999"), Decimal("-1E+999999"),
     "9999-12-31T23:59-00:01"],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_values_that_start_nothing(value):
    assert read_date_value(value, UTC) is None


def test_an_instant_out_of_the_calendar_of_its_zone_starts_nothing():
    assert read_date_value("9999-12-31T23:59Z", UTC) is not None
    assert read_date_value("9999-12-31T23:59Z", KOLKATA) is None


# Due instants


def due(value, offset, at=None, where=BERLIN):
    read = read_date_value(value, where)
    assert read is not None
    return due_instant(read, offset, at, where)


@pytest.mark.parametrize(
    ("value", "offset", "at", "expected"),
    [
        # calendar days of Berlin
        ("2025-06-01", 0, None, "2025-05-31T22:00"),
        ("2025-06-01", 0, time(9), "2025-06-01T07:00"),
        ("2025-06-01", -5, time(9), "2025-05-27T07:00"),
        ("2025-04-01", -5, None, "2025-03-26T23:00"),  # 119 hours before
        ("2025-03-25T02:30", 5, None, "2025-03-30T01:30"),  # skipped: 03:30
        ("2025-10-25T02:30", 1, None, "2025-10-26T00:30"),  # repeated: the first
        ("2025-10-26T02:30+01:00", 0, None, "2025-10-26T00:30"),  # the second, but by way of local time
        ("2025-06-01T23:30Z", 0, time(9), "2025-06-02T07:00"),  # already the 2nd in Berlin
        ("2025-06-01T12:00:00.5", 14, None, "2025-06-15T10:00:00.5"),
        ("2025-01-31", 29, None, "2025-02-28T23:00"),
        ("2024-12-31", 1, None, "2024-12-31T23:00"),
        (1_748_770_200, -1, None, "2025-05-31T09:30"),
        ("9999-12-31", 0, None, "9999-12-30T23:00"),
        ("0001-01-01", 1, None, "0001-01-01T23:06:32"),  # the day's own midnight lies before the year 1
    ],
)
def test_calendar_offsets(value, offset, at, expected):
    assert due(value, days(offset), at) == utc(expected)


@pytest.mark.parametrize(
    ("value", "offset", "expected"),
    [
        ("2025-06-01", -36 * HOUR, "2025-05-30T10:00"),
        ("2025-03-31", -24 * HOUR, "2025-03-29T22:00"),  # 24 hours before a day of 23
        ("2025-03-30T01:30", HOUR, "2025-03-30T01:30"),
        ("2025-10-26T02:30+01:00", 30 * MINUTE, "2025-10-26T02:00"),  # exactly, though the hour is repeated
        ("2025-10-26T02:30+02:00", 30 * MINUTE, "2025-10-26T01:00"),
        (1_748_770_200, SECOND, "2025-06-01T09:30:01"),
    ],
)
def test_elapsed_offsets(value, offset, expected):
    assert due(value, elapsed(offset)) == utc(expected)


@pytest.mark.parametrize(
    ("value", "offset"),
    [
        ("9999-12-31", days(1)),
        ("0001-01-02", days(-2)),
        ("0001-01-01", days(0)),
        ("9999-12-31", elapsed(36 * HOUR)),
        ("0001-01-01T10:00", elapsed(-36 * HOUR)),
        ("2025-06-01", days(10**10)),
    ],
)
def test_a_due_instant_out_of_range_never_comes(value, offset):
    assert due(value, offset) is None


def test_due_at_the_skipped_midnight_of_sao_paulo():
    assert due("2017-10-14", days(1), where=SAO_PAULO) == utc("2017-10-15T03:00")
    assert due("2017-10-15", days(0), time(0, 30), SAO_PAULO) == utc("2017-10-15T03:30")


def test_due_in_the_half_hour_of_lord_howe():
    assert due("2025-10-04T02:15", days(1), where=LORD_HOWE) == utc("2025-10-04T15:45")
    assert due("2025-04-05T01:45", days(1), where=LORD_HOWE) == utc("2025-04-05T14:45")


# Anniversaries


@pytest.mark.parametrize(
    ("value", "offset", "at", "not_before", "expected"),
    [
        ("1990-06-01", days(0), None, "2025-01-01", "2025-05-31T22:00"),
        ("1990-06-01", days(0), None, "2025-05-31T22:00", "2025-05-31T22:00"),
        ("1990-06-01", days(0), None, "2025-05-31T22:00:00.000001", "2026-05-31T22:00"),
        ("1990-06-01", days(0), time(9), "2025-06-01T00:00", "2025-06-01T07:00"),
        ("1990-06-01", days(-5), time(9), "2025-05-28", "2026-05-27T07:00"),
        ("2030-06-01", days(0), None, "2025-01-01", "2030-05-31T22:00"),  # not before its own year
        ("1992-02-29", days(0), None, "2025-01-01", "2025-02-27T23:00"),
        ("1992-02-29", days(0), None, "2028-01-01", "2028-02-28T23:00"),
        ("1992-02-29", days(1), None, "2025-01-01", "2025-02-28T23:00"),  # from the 28th on
        ("1992-02-29", days(0), None, "1900-01-01", "1992-02-28T23:00"),
        ("1990-12-31", days(2), None, "2025-01-01", "2025-01-01T23:00"),  # of the anniversary in 2024
        ("1990-01-01", days(-2), None, "2025-12-29", "2025-12-29T23:00"),  # of the anniversary in 2026
        ("1990-01-01", days(-800), None, "2025-01-01", "2025-10-22T22:00"),
        ("1990-06-01T12:00", elapsed(-36 * HOUR), None, "2025-01-01", "2025-05-30T22:00"),
        ("1990-06-01T23:30Z", days(0), None, "2025-01-01", "2025-06-01T23:30"),
        ("2024-10-27T02:30+01:00", elapsed(0), None, "2024-01-01", "2024-10-27T00:30"),
        ("9999-06-01", days(0), None, "9999-01-01", "9999-05-31T22:00"),
        ("0001-01-01", days(0), None, "0001-01-01", "0001-12-31T23:06:32"),
    ],
)
def test_next_anniversary(value, offset, at, not_before, expected):
    read = read_date_value(value, BERLIN)
    assert read is not None
    assert next_anniversary(read, offset, at, BERLIN, utc(not_before)) == utc(expected)


def test_no_anniversary_after_the_year_9999():
    read = read_date_value("9999-06-01", BERLIN)
    assert read is not None
    assert next_anniversary(read, days(0), None, BERLIN, utc("9999-06-01")) is None
    assert next_anniversary(read, days(400), None, BERLIN, utc("2025-06-01")) is None


@given(
    st.dates(date(1800, 1, 1), date(2100, 12, 31)),
    st.none() | st.times(),
    st.one_of(st.integers(-1000, 1000).map(days), st.integers(-1000 * DAY, 1000 * DAY).map(elapsed)),
    st.none() | st.times(),
    st.sampled_from(ZONES),
    st.datetimes(datetime(1790, 1, 1), datetime(2110, 1, 1)),
)
def test_next_anniversary_is_the_first_of_them_all(day, own, offset, at, where, not_before):
    def anniversary(year):
        try:
            return day.replace(year=year)
        except ValueError:
            return date(year, 2, 28)

    text = [anniversary(year).isoformat() + (f"T{own.isoformat()}" if own else "") for year in range(day.year, 2120)]
    at = at if offset.days is not None else None
    expected = min(instant for value in text if (instant := due(value, offset, at, where)) >= from_datetime(not_before))
    assert next_anniversary(read_date_value(text[0], where), offset, at, where, from_datetime(not_before)) == expected
