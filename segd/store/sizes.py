"""How much there is, told without counting it."""

from segd.store.bridge import Pool
from segd.store.queries import query


async def sizes(pool: Pool) -> tuple[int, int]:
    """Trio. How many users there are, exactly while they are few, and how many messages came."""
    async with pool.acquire() as connection:
        row = await connection.fetchrow(query("sizes"))
    assert row is not None
    return row["users"], row["messages"]
