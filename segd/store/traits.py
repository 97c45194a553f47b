"""The few traits of a user that tell people who it is."""

from collections.abc import Sequence
from typing import Final

import msgspec

from segd.store.bridge import Connection
from segd.store.queries import query

Shown = dict[str, str | int | float | bool]

MOST: Final = 5  # traits of a user
LONGEST: Final = 80  # characters of a text; what is longer is cut off there

# Shown before all others, in this order. The others follow by name, for who has none of these has something else.
_FIRST: Final = (
    "name", "firstName", "first_name", "lastName", "last_name", "email",
    "plan", "tier", "city", "country", "company", "phone",
)  # fmt: skip
_ORDER: Final = {name: place for place, name in enumerate(_FIRST)}


async def traits_worth_showing(connection: Connection, users: Sequence[int]) -> dict[int, Shown]:
    """Trio. By number of the user, as they stand. Who has none is left out."""
    found: dict[int, list[tuple[int, str, str | int | float | bool]]] = {}
    for row in await connection.fetch(query("single_traits"), users):
        name = row["trait"]
        place = _ORDER.get(name, len(_ORDER))
        found.setdefault(row["user_number"], []).append((place, name, _value(row["value"])))
    return {user: {name: value for _, name, value in sorted(traits)[:MOST]} for user, traits in found.items()}


def _value(content: str) -> str | int | float | bool:
    value = _VALUE.decode(content)
    return f"{value[: LONGEST - 1]}…" if isinstance(value, str) and len(value) > LONGEST else value


_VALUE = msgspec.json.Decoder(str | int | float | bool)
