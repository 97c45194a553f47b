"""Events for benchmarks: a shop's stream, in order of time, the same for the same arguments.

    python -m tests.bench.make_events 3000000 > events.ndjson

Users come and go: each event is of one of the 20,000 users that are about now, a window that slides over 200,000 in
all. Names are spread as in a real shop: mostly pages, some carts, few charges.
"""

import random
import sys
from datetime import UTC, datetime, timedelta

START = datetime(2025, 2, 23, tzinfo=UTC)
NAMES = (
    ["Page Viewed"] * 45
    + ["Product Viewed"] * 25
    + ["Added To Cart"] * 12
    + ["Checkout Started"] * 6
    + ["Charged"] * 4
    + ["Searched"] * 8
)


def lines(count: int, users: int = 200_000, about: int = 20_000, days: float = 14.0):
    chance = random.Random(7)
    step = timedelta(days=days) / count
    at = START
    for number in range(count):
        at += step * chance.random() * 2
        user = (number * (users - about) // count) + chance.randrange(about)
        name = NAMES[chance.randrange(100)]
        stamp = at.isoformat(timespec="milliseconds")[:23]
        product, price = chance.randrange(500), chance.randrange(100, 9999) / 100
        yield (
            f'{{"type":"track","event":"{name}","messageId":"m{number}","userId":"user-{user}",'
            f'"timestamp":"{stamp}Z","properties":{{"product_id":"sku-{product}",'
            f'"price":{price},"currency":"EUR","path":"/products/{product}"}}}}\n'
        )


if __name__ == "__main__":
    sys.stdout.writelines(lines(int(sys.argv[1])))
