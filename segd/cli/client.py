"""A running daemon, asked over HTTP by the commands beside it."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final, TypeVar
from urllib.parse import SplitResult, urlsplit

import click
import httpx
import msgspec

from segd.core.errors import SegdError

F = TypeVar("F", bound=Callable[..., object])

CONNECT_SECONDS: Final = 10.0
PATIENCE_SECONDS: Final = 60.0  # for a daemon that is away, or has no room, to take something after all
PAUSE_SECONDS: Final = 2.0  # between attempts
UNAVAILABLE: Final = (429, 503)
EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}


class RefusedError(SegdError):
    """The daemon does not take that; asking again would change nothing. The message has a line for each problem."""


class AwayError(SegdError):
    """There is no daemon, or it takes nothing now; it is worth trying again."""


def as_url(ctx: click.Context, param: click.Parameter, value: str | None) -> SplitResult | None:
    """Of a daemon."""
    if value is None:
        return None
    try:
        url = urlsplit(value)
        if url.scheme in ("http", "https") and url.hostname and url.port != 0:
            return url
    except ValueError:
        pass
    raise click.BadParameter(f"expected an address such as http://127.0.0.1:7337, found {value!r}")


def as_token(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """An API token; an empty one is none."""
    token = (value or "").strip()
    if not (token.isascii() and token.isprintable()):
        raise click.BadParameter("expected an API token as `segd keys create` told it")
    return token or None


def reachable(url: str) -> SplitResult:
    """Where to reach, from the same machine, what listens there: everywhere, it may be."""
    parts = urlsplit(url)
    host = EVERYWHERE.get(parts.hostname or "")
    return parts if host is None else parts._replace(netloc=f"{host}:{parts.port}")


def daemon_options(command: F) -> F:
    """`--url` and `--token`, given to the command as `url` and `token`."""
    url = click.option(
        "--url", callback=as_url, metavar="URL", help="Of the daemon, if not that of the database configured here."
    )  # fmt: skip
    token = click.option(
        "--token", envvar="SEGD_TOKEN", callback=as_token, metavar="TOKEN",
        help="An API token; else what SEGD_TOKEN holds.",
    )  # fmt: skip
    return url(token(command))


def reason_of(content: bytes, status: int, where: str, *, token: str | None) -> str:
    """Why a daemon did not do what was asked, in words that fit a command line: a line for each problem. token: what it
    was asked with."""
    try:
        error = msgspec.json.decode(content)
        code, message, details = error["code"], error["message"], error["details"]
    except (msgspec.DecodeError, TypeError, KeyError):
        return f"{where} answered {status}, which is not what segd says"
    if code == "unauthorized" and token is None:
        return "the daemon asks for an API token: --token, or SEGD_TOKEN (`segd keys create` makes one)"
    if details:
        return "\n".join(f"{one['path']}: {one['message']}" if one["path"] else one["message"] for one in details)
    return message


class Daemon:
    """One that runs. Use as a context manager."""

    def __init__(self, url: SplitResult, token: str | None) -> None:
        self._where = f"{url.scheme}://{url.netloc}"
        self._token = token
        self._client = httpx.Client(
            base_url=url.geturl(),
            headers={} if token is None else {"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),  # it takes as long as it takes
            trust_env=False,
        )

    def __enter__(self) -> "Daemon":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        document: object = None,
        content: bytes | None = None,
        seen: str | None = None,
        patient: bool = False,
    ) -> Any:
        """What it answers, decoded; None where that is nothing. path: without a slash before it.

        document: sent as JSON; content: sent as it is. seen: the tag of what is to be changed. patient: whether to ask
        again for a while where it is away, which is only right for what may be done twice. Raises RefusedError,
        AwayError.
        """
        if document is not None:
            content = msgspec.json.Encoder(decimal_format="number").encode(document)
        until = time.monotonic() + (PATIENCE_SECONDS if patient else 0)
        waiting = False
        while True:
            try:
                return self._ask(method, path, content, {} if seen is None else {"If-Match": f'"{seen}"'})
            except AwayError as error:
                if time.monotonic() >= until:
                    raise
                if not waiting:
                    click.echo(f"segd: {error.message}; trying again for {PATIENCE_SECONDS:.0f} seconds", err=True)
                waiting = True
            time.sleep(PAUSE_SECONDS)

    def _ask(self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]) -> Any:
        try:
            response = self._client.request(method, path, content=content, headers=headers)
        except httpx.TransportError as error:
            reason = "nobody answers" if isinstance(error, httpx.ConnectError) else "no answer came"
            raise AwayError("unreachable", f"{reason} at {self._where}: is segd running there?") from None
        if response.is_success:
            return msgspec.json.decode(response.content) if response.content else None
        message = reason_of(response.content, response.status_code, self._where, token=self._token)
        if response.status_code in UNAVAILABLE:
            raise AwayError("unavailable", message)
        raise RefusedError("refused", message)
