"""Real events of an online shop, and segments that make sense of them. Whose they are: CREDIT."""

import csv
import gzip
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from segd.core.language.definitions import Definition
from segd.core.language.reading import read_definition

FOLDER = Path(__file__).parent
CREDIT = FOLDER / "CREDIT"
# In an order in which they can be made: what one names comes before it.
SEGMENTS = tuple(
    FOLDER / "segments" / f"{name}.json"
    for name in (
        "cart-left-30s", "looked-dear", "cart-left", "back-after-cart", "comparing-phones", "big-first-order",
        "three-products", "from-elsewhere", "parcel-arrives", "looked-never-bought", "gold-cart-left",
    )
)  # fmt: skip

_ROWS = FOLDER / "rees46_2019-10-01.csv.gz"
_EVENTS = {"view": "Product Viewed", "cart": "Added To Cart", "purchase": "Order Completed"}
_encode = msgspec.json.Encoder(decimal_format="number").encode


def messages() -> Iterator[dict[str, Any]]:
    """The events as Segment messages, in order of time."""
    with gzip.open(_ROWS, "rt", encoding="utf-8", newline="") as rows:
        for number, row in enumerate(csv.DictReader(rows), 1):
            yield _message(number, row)


def lines() -> Iterator[bytes]:
    """The messages as lines of JSON, each without its end."""
    return map(_encode, messages())


def definitions() -> list[Definition]:
    return [read_definition(path.read_bytes()) for path in SEGMENTS]


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
