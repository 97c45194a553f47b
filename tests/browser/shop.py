"""A small invented shop: its customers, what they did in three weeks, and what they do now."""

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

BRANDS = ("apple", "bosch", "huawei", "lg", "philips", "samsung", "xiaomi")
CITIES = ("Berlin", "Hamburg", "Köln", "Praha", "Wien")
TIERS = ("gold", "platinum", "silver")
NAMES = ("anna", "ben", "carla", "david", "eva", "felix", "greta", "hugo", "ida", "jan", "k.novak", "m.keller")
HOSTS = ("gmail.com", "posteo.de", "libero.it", "seznam.cz", "bredband.se")
DAYS = 21

SEGMENTS: Sequence[dict[str, Any]] = (
    {
        "name": "Added to cart, no purchase in 10 min",
        "kind": "live",
        "on": {
            "type": "inaction",
            "did": {"event": "Add To Cart"},
            "did_not": {"event": "Purchase"},
            "within": "10m",
        },
        "start": "open",
    },
    {
        "name": "Arrived from Instagram",
        "kind": "live",
        "on": {
            "type": "referrer",
            "where": [{"property": "referrer_host", "op": "ends_with", "value": "instagram.com"}],
        },
    },
    {
        "name": "Birthday in five days",
        "kind": "live",
        "on": {"type": "date", "profile": "birthday", "yearly": True, "offset": "-5d", "at": "09:00"},
    },
    {
        "name": "Cart over 200, once a week",
        "kind": "live",
        "on": {
            "type": "action",
            "did": {"event": "Add To Cart", "where": [{"property": "price", "op": "gte", "value": 200}]},
        },
        "again": "7d",
    },
    {"name": "Deep browsers", "kind": "live", "on": {"type": "page_count", "at_least": 5}},
    {
        "name": "Frequent buyers",
        "kind": "past",
        "where": {"type": "did", "event": "Purchase", "count": {"op": "gte", "value": 3}, "when": {"last": "90d"}},
    },
    {
        "name": "High spenders gone quiet",
        "kind": "past",
        "where": {
            "type": "all",
            "of": [
                {
                    "type": "did",
                    "event": "Purchase",
                    "measure": {"fn": "sum", "property": "amount", "op": "gte", "value": 500},
                    "when": {"last": "180d"},
                },
                {"type": "did_not", "event": "Purchase", "when": {"last": "5d"}},
            ],
        },
    },
    {
        "name": "Looked often, never bought",
        "kind": "past",
        "where": {
            "type": "all",
            "of": [
                {"type": "did", "event": "View Product", "count": {"op": "gte", "value": 8}},
                {"type": "did_not", "event": "Purchase"},
            ],
        },
    },
    {
        "name": "Platinum, stalled at checkout",
        "kind": "live",
        "on": {
            "type": "inaction",
            "did": {"event": "Start Checkout"},
            "did_not": {"event": "Purchase"},
            "within": "5m",
        },
        "filter": {"type": "profile", "property": "tier", "op": "eq", "value": "platinum"},
        "start": "open",
    },
    {
        "name": "Visited the sale pages",
        "kind": "live",
        "on": {"type": "page_visit", "where": [{"property": "path", "op": "starts_with", "value": "/sale"}]},
    },
)


class Shop:
    """The same customers and days for the same number of them."""

    def __init__(self, customers: int) -> None:
        self._random = random.Random(customers)
        self._numbers = 0
        self.customers = [self._customer(number) for number in range(customers)]

    def history(self, until: datetime) -> Iterator[dict[str, Any]]:
        """Messages of the three weeks before `until`, in order of nothing."""
        for customer in self.customers:
            born = until - timedelta(days=DAYS) * self._random.random()
            yield self._message(customer, born, type="identify", traits=customer["traits"])
            visits = self._random.choices((1, 2, 4, 9), (5, 5, 3, 1))[0]
            for _ in range(visits):
                start = born + (until - born) * self._random.random()
                yield from self._visit(customer, start, until)

    def visit(self, start: datetime, until: datetime) -> list[dict[str, Any]]:
        """Messages of one visit of one of them, none after `until`."""
        return list(self._visit(self._random.choice(self.customers), start, until))

    def _customer(self, number: int) -> dict[str, Any]:
        pick = self._random.choice
        traits: dict[str, Any] = {"tier": pick(TIERS), "city": pick(CITIES)}
        if self._random.random() < 0.7:
            traits["email"] = f"{pick(NAMES)}{number}@{pick(HOSTS)}"
        if self._random.random() < 0.5:
            traits["push_token"] = f"{self._random.getrandbits(64):x}"
        if self._random.random() < 0.2:
            traits["phone"] = f"+49170{self._random.randrange(10**7):07}"
        if self._random.random() < 0.4:
            day = self._random.randrange(360)
            traits["birthday"] = (datetime(1985, 1, 1) + timedelta(days=day)).date().isoformat()
        return {"userId": str(510_000_000 + self._random.randrange(40_000_000)), "traits": traits}

    def _visit(self, customer: dict[str, Any], start: datetime, until: datetime) -> Iterator[dict[str, Any]]:
        now = start
        referrer = self._random.choice(("https://www.instagram.com/", "https://www.google.com/", ""))
        for _ in range(self._random.randrange(2, 8)):
            path = self._random.choice(("/", "/phones", "/sale/phones", "/cart", "/kitchen"))
            page = {"url": f"https://shop.example{path}", "referrer": referrer}
            yield self._message(customer, now, type="page", properties=page)
            referrer = page["url"]
            now += timedelta(seconds=self._random.randrange(5, 90))
            brand = self._random.choice(BRANDS)
            price = self._random.choice((39.9, 54.9, 88.5, 129, 227.79, 411.83, 643.23))
            goods = {"brand": brand, "price": price}
            yield self._message(customer, now, type="track", event="View Product", properties=goods)
            if self._random.random() < 0.35:
                now += timedelta(seconds=self._random.randrange(5, 40))
                yield self._message(customer, now, type="track", event="Add To Cart", properties=goods)
                if self._random.random() < 0.6:
                    now += timedelta(seconds=20)
                    yield self._message(customer, now, type="track", event="Start Checkout", properties={"items": 1})
                if self._random.random() < 0.5:
                    now += timedelta(seconds=60)
                    bought = {"amount": price, "items": 1}
                    yield self._message(customer, now, type="track", event="Purchase", properties=bought)
            if now > until:
                return

    def _message(self, customer: dict[str, Any], at: datetime, **rest: Any) -> dict[str, Any]:
        self._numbers += 1
        timestamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        message = {"messageId": f"m{self._numbers}", "userId": customer["userId"], "timestamp": timestamp}
        return message | {"receivedAt": timestamp} | rest


def lines(messages: Iterator[dict[str, Any]]) -> str:
    return "".join(json.dumps(message) + "\n" for message in messages)
