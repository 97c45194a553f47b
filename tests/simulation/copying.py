"""COPY, in its binary format."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Any

from segd.store import event_rows

from .tables import Event, Tables, insert

_POSTGRES_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_INTEGERS = {2: Struct(">h"), 4: Struct(">i"), 8: Struct(">q")}


def copied(t: Tables, table: str, columns: Sequence[str], content: bytes) -> int:
    """Add what was copied in. Returns how many rows."""
    found = [dict(zip(columns, row, strict=True)) for row in _fields(content)]
    for row in found:
        if table == "events":
            one = Event(
                _integer(row["user_number"]),
                _moment(row["timestamp"]),
                _moment(row["received_at"]),
                _integer(row["name"]),
                row["live"] == b"\1",
                row["imported"] == b"\1",
                row["message_id"].decode(),
                row["properties"][1:].decode(),
                None if row["claimed"] is None else _moment(row["claimed"]),
                None if row["origin"] is None else _integer(row["origin"]),
            )
            insert(t.events, _integer(row["sequence"]), one)
        elif table == "trait_writes":
            key = _integer(row["user_number"]), _moment(row["timestamp"]), _integer(row["sequence"])
            insert(t.trait_writes, key, row["traits"][1:].decode())
        else:
            insert(t.seen, (row["message_hash"], _integer(row["day"])), None)
    return len(found)


def _fields(content: bytes) -> Iterable[list[Any]]:
    place = len(event_rows.HEADER)
    while content[place : place + 2] != event_rows.TRAILER:
        count = _integer(content[place : place + 2])
        place += 2
        row: list[Any] = []
        for _ in range(count):
            length = _integer(content[place : place + 4])
            place += 4
            row.append(None if length < 0 else content[place : place + length])
            place += max(length, 0)
        yield row


def _integer(content: bytes) -> int:
    return _INTEGERS[len(content)].unpack(content)[0]


def _moment(content: bytes) -> datetime:
    return _POSTGRES_EPOCH + timedelta(microseconds=_integer(content))
