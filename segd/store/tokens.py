"""API tokens and browsers that are signed in. Of their secrets only hashes are kept."""

import secrets
from collections.abc import Callable, Set
from hashlib import sha256

from segd.core.keys import Scope, Token
from segd.core.time.instants import MINUTE, SECOND, Instant, from_datetime, to_datetime
from segd.store.bridge import Pool
from segd.store.queries import query

PREFIX = "segd_"  # so that people, and programs that look for secrets, know one when they see it
SECRET_BYTES = 32


class Tokens:
    """now: the clock."""

    def __init__(self, pool: Pool, now: Callable[[], Instant]) -> None:
        self._pool = pool
        self._now = now

    async def all(self) -> list[Token]:
        """Trio. In order of making."""
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(query("list_tokens"))
        return [
            Token(
                row["number"],
                row["name"],
                row["scope"],
                from_datetime(row["created_at"]),
                None if row["last_used_at"] is None else from_datetime(row["last_used_at"]),
            )
            for row in rows
        ]

    async def create(self, name: str, scope: Scope) -> tuple[Token, str]:
        """Trio. A new one and its secret, which is told this once."""
        secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        now = self._now()
        async with self._pool.acquire() as connection:
            number = await connection.fetchval(query("add_token"), name, scope, _hash(secret), to_datetime(now))
        return Token(number, name, scope, now, None), secret

    async def revoke(self, number: int) -> bool:
        """Trio. From now on it is worth nothing, nor are sessions begun with it. False where there is none such."""
        async with self._pool.acquire() as connection:
            return await connection.fetchval(query("revoke_token"), number) is not None

    async def is_guarded(self) -> bool:
        """Trio. Whether there is any."""
        async with self._pool.acquire() as connection:
            return await connection.fetchval(query("is_guarded"))

    async def scope_of_token(self, secret: str) -> Scope | None:
        """Trio. None where there is none such."""
        now = self._now()
        async with self._pool.acquire() as connection:
            row = await connection.fetchrow(query("token_with"), _hash(secret))
            if row is None:
                return None
            if row["last_used_at"] is None or from_datetime(row["last_used_at"]) < now - MINUTE:
                await connection.execute(query("use_token"), row["number"], to_datetime(now))
        return row["scope"]

    # Sessions

    async def begin_session(self, token: str | None, seconds: int) -> str | None:
        """Trio. A new session's secret; None where there is no such token. token: whose scope it has, and whose end is
        its own; None for one that may do everything."""
        now = self._now()
        until = to_datetime(now + seconds * SECOND)
        secret = secrets.token_urlsafe(SECRET_BYTES)
        async with self._pool.acquire() as connection, connection.transaction():
            scope, number = "manage", None
            if token is not None:
                row = await connection.fetchrow(query("token_with"), _hash(token))
                if row is None:
                    return None
                scope, number = row["scope"], row["number"]
            await connection.execute(query("begin_session"), _hash(secret), scope, number, until, to_datetime(now))
        return secret

    async def scope_of_session(self, secret: str) -> Scope | None:
        """Trio. None where it is over, or never was."""
        async with self._pool.acquire() as connection:
            return await connection.fetchval(query("session_with"), _hash(secret), to_datetime(self._now()))

    async def standing(self, secrets: Set[str]) -> tuple[Set[str], bool]:
        """Trio. Those of them that are a token's or a session's still; and whether there is a token."""
        by_hash = {_hash(secret): secret for secret in secrets}
        now = self._now()
        async with self._pool.acquire() as connection:
            rows = await connection.fetch(query("standing"), list(by_hash), to_datetime(now), to_datetime(now - MINUTE))
            guarded = await connection.fetchval(query("is_guarded"))
        return {by_hash[row["hash"]] for row in rows}, guarded

    async def end_session(self, secret: str) -> None:
        """Trio"""
        async with self._pool.acquire() as connection:
            await connection.execute(query("end_session"), _hash(secret))


def _hash(secret: str) -> bytes:
    """No salt and no slowness: what is hashed is random."""
    return sha256(secret.encode()).digest()
