"""Instants: whole microseconds since 1970-01-01T00:00Z, as plain integers.

Integers compare, subtract and hash faster than datetimes, fit every column, and cannot lose their zone. Only this
module and `calendar` turn them into anything else.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

Instant = int

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST: Instant = -62_135_596_800 * SECOND  # 0001-01-01T00:00:00Z
LATEST: Instant = 253_402_300_800 * SECOND - 1  # 9999-12-31T23:59:59.999999Z


def from_datetime(moment: datetime) -> Instant:
    """moment: aware, or naive and then taken as UTC. May lie outside EARLIEST..LATEST by the offset of its zone."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    gap = moment - EPOCH
    return (gap.days * 86_400 + gap.seconds) * SECOND + gap.microseconds


def to_datetime(instant: Instant) -> datetime:
    """Aware, in UTC. instant: EARLIEST..LATEST; OverflowError outside."""
    return EPOCH + timedelta(microseconds=instant)


def to_text(instant: Instant) -> str:
    """`2025-02-23T00:17:05.703Z`: milliseconds, cut off, as all of segd writes instants."""
    minute, rest = divmod(instant // 1000, 60_000)
    return _minute(minute) + _SECONDS[rest // 1000] + _THOUSANDTHS[rest % 1000]


_SECONDS = [f"{second:02d}." for second in range(60)]
_THOUSANDTHS = [f"{thousandth:03d}Z" for thousandth in range(1000)]


@lru_cache(1024)
def _minute(minute: int) -> str:
    """`2025-02-23T00:17:`; many instants of one stream lie in the same few minutes."""
    return to_datetime(minute * MINUTE).isoformat()[:17]


def parse_timestamp(text: str) -> Instant:
    """An ISO 8601 timestamp; without a zone it is UTC, digits beyond microseconds are cut off.

    Raises ValueError, saying what would be right.
    """
    try:
        instant = from_datetime(datetime.fromisoformat(text[:-1] + "Z" if text.endswith("z") else text))
    except ValueError:
        raise ValueError("expected an ISO 8601 date-time such as 2025-02-23T00:17:05.703Z") from None
    if not EARLIEST <= instant <= LATEST:
        raise ValueError("expected an instant in the years 1 to 9999")
    return instant
