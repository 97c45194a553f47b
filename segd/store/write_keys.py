"""The write key that clients send where the operator has named none: made once, and kept in the database."""

import secrets

from segd.store.bridge import Pool
from segd.store.queries import query

KEY_BYTES = 16


async def kept_write_key(pool: Pool) -> str:
    """Trio. The database's write key, made now where there is none. For the one daemon on the database alone."""
    async with pool.acquire() as connection:
        key = await connection.fetchval(query("write_key"))
        if key is None:
            key = secrets.token_hex(KEY_BYTES)
            await connection.execute(query("keep_write_key"), key)
    return key
