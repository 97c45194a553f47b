"""Tokens, write keys and sessions."""

from typing import Annotated

from msgspec import Meta

from segd.web.api.shapes.base import Answer, Moment, Request, Scope


class Token(Answer, frozen=True):
    """last_used_at: may stay a minute behind."""

    id: int
    name: str
    scope: Scope
    created_at: Moment
    last_used_at: Moment | None


class Tokens(Answer, frozen=True):
    tokens: list[Token]


class TokenRequest(Request, frozen=True):
    """name: what it is for."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    scope: Scope = "read"


class NewToken(Answer, frozen=True):
    """secret: what to send as Bearer, shown once."""

    token: Token
    secret: str


class Keys(Answer, frozen=True):
    """The write keys, which are public: pages and apps carry them."""

    write_keys: list[str]


class SessionRequest(Request, frozen=True):
    """Sign in with an API token."""

    token: str


class SignInQuery(Request, frozen=True):
    """code: as the link has it."""

    code: str = ""
