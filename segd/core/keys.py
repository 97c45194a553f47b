"""API tokens, as they are told of: never the secret itself."""

from typing import Literal, NamedTuple

from segd.core.time.instants import Instant

Scope = Literal["read", "manage"]  # manage: read, and change as well


class Token(NamedTuple):
    """last_used_at: may stay a minute behind."""

    number: int
    name: str
    scope: Scope
    created_at: Instant
    last_used_at: Instant | None
