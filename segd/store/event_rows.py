"""Rows of events and trait writes in Postgres' binary COPY format.

Packed here rather than by asyncpg: instants stay integers, properties stay the bytes they came as, and a row takes
about a third of the time.
"""

from collections.abc import Iterable
from struct import Struct

from segd.core.effects import Taken
from segd.core.time.instants import SECOND, Instant

EVENT_COLUMNS = (
    "user_number", "timestamp", "sequence", "received_at", "name", "live", "imported", "message_id", "properties",
    "claimed", "origin",
)  # fmt: skip
TRAIT_WRITE_COLUMNS = ("user_number", "timestamp", "sequence", "traits")
SEEN_COLUMNS = ("message_hash", "day")

HASH_BYTES = 16

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

_POSTGRES_EPOCH = 946_684_800 * SECOND  # 2000-01-01T00:00:00Z
_JSONB = b"\x01"  # the version of its binary form, which is text
_NULL = b"\xff\xff\xff\xff"

# Each value follows its length in bytes; a row begins with how many there are.
_EVENT_HEAD = Struct(">hiqiqiqiqiii?i?i")
_TRAIT_WRITE_HEAD = Struct(">hiqiqiqi")
_SEEN = Struct(f">hi{HASH_BYTES}sii")
_LENGTH = Struct(">i")
_BIGINT = Struct(">iq")


def event_row(
    user: int,
    timestamp: Instant,
    sequence: int,
    received_at: Instant,
    name: int,
    taken: Taken,
    message_id: str,
    properties: bytes,
    claimed: Instant | None,
    origin: int | None,
) -> bytes:
    """name: its number. properties: a JSON object. origin: for whom it was taken, where it is another's by now."""
    id = message_id.encode()
    happened, received = timestamp - _POSTGRES_EPOCH, received_at - _POSTGRES_EPOCH
    live, imported = taken == "live", taken == "imported"
    head = _EVENT_HEAD.pack(
        11, 8, user, 8, happened, 8, sequence, 8, received, 4, name, 1, live, 1, imported, len(id)
    )  # fmt: skip
    stamp = _NULL if claimed is None else _BIGINT.pack(8, claimed - _POSTGRES_EPOCH)
    first = _NULL if origin is None else _BIGINT.pack(8, origin)
    return b"".join((head, id, _LENGTH.pack(len(properties) + 1), _JSONB, properties, stamp, first))


def trait_write_row(user: int, timestamp: Instant, sequence: int, traits: bytes) -> bytes:
    """traits: a JSON object."""
    head = _TRAIT_WRITE_HEAD.pack(4, 8, user, 8, timestamp - _POSTGRES_EPOCH, 8, sequence, len(traits) + 1)
    return head + _JSONB + traits


def seen_row(message_hash: bytes, day: int) -> bytes:
    """message_hash: HASH_BYTES of it. day: of running."""
    return _SEEN.pack(2, HASH_BYTES, message_hash, 4, day)


def content(rows: Iterable[bytes]) -> bytes:
    """All that is to be copied."""
    return b"".join((HEADER, *rows, TRAILER))
