"""Who may ask what: API tokens for programs, a cookie for the dashboard, nothing at all on a laptop.

    Authorization: Bearer …     an API token, whose scope counts
    the cookie                  a browser that signed in, by the link of the daemon's start or with a token
    neither                     everything, where segd listens on a loopback address and no token was ever made

A page of any site can have a browser send requests here. It cannot send the header, and gets the cookie sent neither
from elsewhere (SameSite) nor under a name of its own that it points at us (DNS rebinding), as the cookie belongs to a
host. What is open must look at the host itself. And whoever changes something, or opens a websocket, which is under
no such rule, must come from the host that it goes to.
"""

import hmac
import ipaddress
import secrets
from collections.abc import Collection, Generator, Set
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, Protocol

import trio
from quart import Request, Response, Websocket

from segd.core.errors import SegdError
from segd.core.keys import Scope
from segd.web.asgi import RequestError

COOKIE: Final = "segd_session"
SESSION_SECONDS: Final = 30 * 86_400
SAFE_METHODS: Final = ("GET", "HEAD", "OPTIONS")
AGAIN_SECONDS: Final = 2.0  # until whoever was let in for long is looked at again: `segd keys` revokes beside us


class Access(Protocol):
    """Tokens and sessions, kept."""

    async def is_guarded(self) -> bool:
        """Whether there is a token, so that nothing is open."""
        ...

    async def scope_of_token(self, secret: str) -> Scope | None:
        """None where there is none such, or none any more."""
        ...

    async def scope_of_session(self, secret: str) -> Scope | None: ...

    async def standing(self, secrets: Set[str]) -> tuple[Set[str], bool]:
        """Those of them that are a token's or a session's still; and whether there is a token."""
        ...

    async def begin_session(self, token: str | None, seconds: int) -> str | None:
        """A new session's secret. token: what its scope comes from, and whose end is its own; None for `manage`. None
        where there is no such token."""
        ...

    async def end_session(self, secret: str) -> None: ...


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches it. host: a name or address, without brackets."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_listening(host: str, *, guarded: bool) -> None:
    """Raises SegdError where the API would be open to other machines. guarded: whether there is a token."""
    if not guarded and not is_loopback(host):
        raise SegdError(
            "needs_token",
            f"listening on {host} lets other machines in, and there is no API token yet: "
            "make one by `segd keys create NAME`, or listen on 127.0.0.1",
        )


@dataclass(eq=False)
class _Lasting:
    """A request that was admitted, and goes on. secret: what it came with, if anything; program: as a token."""

    secret: str | None
    program: bool
    refused: trio.Event = field(default_factory=trio.Event)


class Guard:
    """Admits requests. listening: the address that segd listens on. hosts: other names that it is known by, such as
    a reverse proxy's, with the port where that is not the usual one. `run` must be running, else nothing that lasts is
    ended."""

    def __init__(self, access: Access, *, listening: str, hosts: Collection[str] = ()) -> None:
        self._access = access
        self._may_be_open = is_loopback(listening)
        self._hosts = frozenset(hosts)
        self._code: str | None = secrets.token_urlsafe(24)
        self._lasting: set[_Lasting] = set()
        self._unsure = trio.Event()  # whether all of these would be admitted still

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Trio. Ask again and again whether all that lasts would be admitted still, at once, until cancelled."""
        task_status.started()
        while True:
            with trio.move_on_after(AGAIN_SECONDS):
                await self._unsure.wait()
            self._unsure = trio.Event()
            with suppress(SegdError):  # the database is away, and nobody can be asked
                await self._look()

    async def admit(self, request: Request | Websocket, scope: Scope | None) -> None:
        """Raises RequestError for who may not do that. scope: what is needed; None where anybody may."""
        if scope is None:
            return
        found = await self.scope_of(request)
        if scope == "manage" and found != "manage":
            raise RequestError("forbidden", "this token may only read: it takes one of scope manage")

    def lasting(self, request: Request | Websocket) -> AbstractContextManager[trio.Event]:
        """Of a request that was admitted: set once it would not be any more, as the token was revoked, or the session
        is over. Whoever asks is looked at now, and may enter when the request is not at hand any more."""
        secret = _token(request.headers.get("Authorization", ""))
        return self._looked_at(_Lasting(secret or request.cookies.get(COOKIE), secret is not None))

    @contextmanager
    def _looked_at(self, one: _Lasting) -> Generator[trio.Event]:
        self._lasting.add(one)
        try:
            yield one.refused
        finally:
            self._lasting.remove(one)

    def look_again(self) -> None:
        """Something that lasts may not be admitted any more."""
        self._unsure.set()

    async def _look(self) -> None:
        asked = list(self._lasting)
        if not asked:
            return
        standing, guarded = await self._access.standing({one.secret for one in asked if one.secret is not None})
        for one in asked:
            if one.secret not in standing and (one.program or guarded or not self._may_be_open):
                one.refused.set()

    async def scope_of(self, request: Request | Websocket) -> Scope:
        """What who asks may do. Raises RequestError for who may do nothing."""
        return await self._program(request) or await self._browser(request)

    async def trusts(self, authorization: str) -> bool:
        """Trio. Whether a sender of events with that header may also say that two known people are one, for which a
        write key is too public."""
        secret = _token(authorization)
        return secret is not None and await self._access.scope_of_token(secret) == "manage"

    def sign_in_path(self) -> str:
        """Where a browser signs in without a token, once."""
        self._code = self._code or secrets.token_urlsafe(24)
        return f"/sign-in?code={self._code}"

    async def sign_in(self, request: Request, *, code: str | None = None, token: str | None = None) -> "Session":
        """Begin a session, by the code of `sign_in_path` or with a token. Raises RequestError."""
        _check_origin(request, self._hosts)
        if token is None:
            if code is None or self._code is None or not hmac.compare_digest(code.encode(), self._code.encode()):
                raise RequestError("unauthorized", "this link was used already, or is from an earlier start of segd")
            self._code = None
        secret = await self._access.begin_session(token, SESSION_SECONDS)
        if secret is None:
            raise _unauthorized("this token is not one of segd's, or was revoked")
        return Session(secret, secure=request.scheme == "https")

    async def sign_out(self, request: Request) -> None:
        if secret := request.cookies.get(COOKIE):
            await self._access.end_session(secret)

    async def _program(self, request: Request | Websocket) -> Scope | None:
        secret = _token(request.headers.get("Authorization", ""))
        if secret is None:
            return None
        scope = await self._access.scope_of_token(secret)
        if scope is None:
            raise _unauthorized("this token is not one of segd's, or was revoked")
        return scope

    async def _browser(self, request: Request | Websocket) -> Scope:
        secret = request.cookies.get(COOKIE)
        scope = await self._access.scope_of_session(secret) if secret else None
        if scope is None:
            if not self._may_be_open or await self._access.is_guarded():
                raise _unauthorized("expected an API token: Authorization: Bearer …")
            host = _host(request.headers.get("Host", ""))
            if not is_loopback(host) and request.headers.get("Host") not in self._hosts:
                raise RequestError("bad_host", f"expected a request to localhost, found one to {host or 'nobody'}")
            scope = "manage"
        if isinstance(request, Websocket) or request.method not in SAFE_METHODS:
            _check_origin(request, self._hosts)
        return scope


class Session:
    """A browser that just signed in. secure: it came by TLS, and the cookie is only to go that way."""

    def __init__(self, secret: str, *, secure: bool) -> None:
        self._secret = secret
        self._secure = secure

    def remember(self, response: Response) -> None:
        response.set_cookie(
            COOKIE, self._secret, max_age=SESSION_SECONDS, path="/", secure=self._secure, httponly=True,
            samesite="Strict",
        )  # fmt: skip


def _check_origin(request: Request | Websocket, hosts: Collection[str]) -> None:
    """Browsers say where a request comes from, programs do not."""
    origin = request.headers.get("Origin")
    if origin is None:
        ours = request.headers.get("Sec-Fetch-Site", "none") in ("none", "same-origin")
    else:
        scheme, _, where = origin.partition("://")
        ours = scheme in ("http", "https") and (where == request.headers.get("Host") or where in hosts)
    if not ours:
        found = "one of another site" if origin is None else origin[:200]
        raise RequestError("bad_origin", f"expected a request from a page of segd itself, found {found}")


def _host(header: str) -> str:
    """Of a Host header, without port and brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].lower().removesuffix(".")


def _token(authorization: str) -> str | None:
    """What a header holds that is not of another scheme."""
    scheme, _, secret = authorization.partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def _unauthorized(message: str) -> RequestError:
    return RequestError("unauthorized", message, ((b"www-authenticate", b"Bearer"),))
