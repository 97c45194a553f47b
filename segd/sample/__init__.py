"""Real events of an online shop, and live segments that make sense of them. Whose they are: CREDIT."""

import csv
import gzip
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from segd.core.definitions import Live
from segd.core.reading import read_definition

FOLDER = Path(__file__).parent
CREDIT = FOLDER / "CREDIT"
SEGMENTS = tuple(sorted((FOLDER / "segments").glob("*.json")))

_ROWS = FOLDER / "rees46_2019-10-01.csv.gz"
_EVENTS = {"view": "Product Viewed", "cart": "Added To Cart", "purchase": "Order Completed"}
_encode = msgspec.json.Encoder(decimal_format="number").encode


def messages() -> Iterator[bytes]:
    """The events as Segment messages, one line each without its end, in order of time."""
    with gzip.open(_ROWS, "rt", encoding="utf-8", newline="") as rows:
        for number, row in enumerate(csv.DictReader(rows), 1):
            yield _encode(_message(number, row))


def definitions() -> list[Live]:
    found = [read_definition(path.read_bytes()) for path in SEGMENTS]
    return [definition for definition in found if isinstance(definition, Live)]


def _message(number: int, row: dict[str, str]) -> dict[str, Any]:
    properties = {"product_id": row["product_id"], "category": row["category_code"], "brand": row["brand"]}
    known: dict[str, Any] = {name: value for name, value in properties.items() if value}
    return {
        "type": "track",
        "event": _EVENTS[row["event_type"]],
        "messageId": f"rees46-{number}",
        "userId": row["user_id"],
        "timestamp": row["event_time"].removesuffix(" UTC").replace(" ", "T") + ".000Z",
        "properties": known | {"price": Decimal(row["price"]), "session": row["user_session"]},
    }
