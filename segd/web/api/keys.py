"""API tokens and write keys over HTTP, and how a browser signs in."""

from collections.abc import Set
from typing import Protocol

from quart import Response, request

from segd.core.keys import Scope, Token
from segd.core.time.instants import to_text
from segd.web.api import telling
from segd.web.api.routing import Example, Part, nothing
from segd.web.api.shapes import keys as shapes
from segd.web.asgi import RequestError
from segd.web.auth import COOKIE, Guard


class Tokens(Protocol):
    async def all(self) -> list[Token]: ...

    async def create(self, name: str, scope: Scope) -> tuple[Token, str]:
        """A new one and its secret."""
        ...

    async def revoke(self, number: int) -> bool:
        """False where there is none such."""
        ...


def keys(tokens: Tokens, guard: Guard, write_keys: Set[str]) -> Part:
    part = Part("keys", "Who may ask, and who may send events.")

    @part.route("GET", "/api/tokens", "List API tokens", scope="manage", answer=shapes.Tokens)
    async def list_tokens() -> shapes.Tokens:
        return shapes.Tokens([_told(token) for token in await tokens.all()])

    @part.route(
        "POST", "/api/tokens", "Make an API token", scope="manage", status=201, body=shapes.TokenRequest,
        answer=shapes.NewToken, example=Example(body={"name": "warehouse", "scope": "read"}),
    )  # fmt: skip
    async def create_token(body: shapes.TokenRequest) -> shapes.NewToken:
        """The secret is told this once. From the first token on, every request needs one, or a browser's session."""
        token, secret = await tokens.create(body.name, body.scope)
        guard.look_again()
        return shapes.NewToken(_told(token), secret)

    @part.route(
        "DELETE", "/api/tokens/{id}", "Revoke an API token", scope="manage", status=204, errors=("not_found",),
        example=Example({"id": "1"}),
    )  # fmt: skip
    async def revoke_token(id: str) -> None:
        number = int(id) if id.isascii() and id.isdecimal() and len(id) < 10 else 0
        if not await tokens.revoke(number):
            raise RequestError("not_found", f"there is no token {id[:200]!r}")
        guard.look_again()

    @part.route("GET", "/api/keys", "List write keys", scope="read", answer=shapes.Keys)
    async def list_keys() -> shapes.Keys:
        return shapes.Keys(sorted(write_keys))

    @part.route(
        "POST", "/api/session", "Sign a browser in with an API token", scope=None, status=204,
        body=shapes.SessionRequest, errors=("unauthorized",),
    )  # fmt: skip
    async def begin_session(body: shapes.SessionRequest) -> Response:
        """The cookie that comes back is worth what the token is, and as long."""
        session = await guard.sign_in(request, token=body.token)
        response = nothing(204)
        session.remember(response)
        return response

    @part.route("DELETE", "/api/session", "Sign a browser out", scope=None, status=204)
    async def end_session() -> Response:
        await guard.sign_out(request)
        guard.look_again()
        response = nothing(204)
        response.delete_cookie(COOKIE)
        return response

    @part.route(
        "GET", "/sign-in", "Sign a browser in by the link of segd's start", scope=None, status=303,
        query=shapes.SignInQuery,
    )  # fmt: skip
    async def sign_in(query: shapes.SignInQuery) -> Response:
        """The link works once, and leads to the dashboard; a link that does not work, to where a token is asked for."""
        response = nothing(303)
        try:
            session = await guard.sign_in(request, code=query.code)
        except RequestError as error:
            response.headers["Location"] = f"/login?refused={error.code}"
        else:
            response.headers["Location"] = "/"
            session.remember(response)
        return response

    return part


def _told(token: Token) -> shapes.Token:
    return shapes.Token(
        token.number, token.name, token.scope, to_text(token.created_at), telling.moment(token.last_used_at)
    )
