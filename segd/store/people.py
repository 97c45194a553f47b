"""Users as people are shown them: an id, when they were seen last, and a few traits."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from segd.core.answers import Person
from segd.core.time.instants import from_datetime
from segd.store.bridge import Connection
from segd.store.queries import query
from segd.store.session import Row
from segd.store.traits import traits_worth_showing


async def persons(connection: Connection, numbers: Sequence[int]) -> list[Person]:
    """Trio. The users of these numbers, in this order, without those who are none (any more)."""
    rows = await connection.fetch(query("persons"), list(numbers))
    found = {person.number: person for person in await with_traits(connection, rows)}
    return [found[number] for number in numbers if number in found]


async def with_traits(connection: Connection, rows: Iterable[Row]) -> list[Person]:
    """Trio. rows: number, id, anonymous, last_seen and whatever else; each user once. In this order."""
    chosen = list({row["number"]: row for row in rows}.values())
    traits = await traits_worth_showing(connection, [row["number"] for row in chosen]) if chosen else {}
    return [person(row, traits.get(row["number"], {})) for row in chosen]


def person(row: Row, traits: Mapping[str, Any]) -> Person:
    """row: as of `with_traits`."""
    return Person(row["number"], row["id"], row["anonymous"], from_datetime(row["last_seen"]), traits)
