"""Routes of the API: each says what it takes and answers, so that it can be served and described from one place."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import trio
from msgspec import Struct
from quart import Response
from quart_trio.wrappers import TrioResponse

from segd.core.keys import Scope
from segd.web.asgi import RequestError

Handler = Callable[..., Awaitable[Any]]
H = TypeVar("H", bound=Handler)

JSON = "application/json"

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Example:
    """A request that works where there are a live segment 1, a webhook 1, and users `ann` and `bob`.

    parameters: of path and query, by name.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict[str, Any])
    body: Any = None


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method of one path.

    path: `/api/segments/{id}`; what stands in braces is handed to the handler by name. scope: what a caller must be
    allowed; None for anybody. query, body: handed over as `query` and `body`. raw_body: content types of a body that
    the handler reads by itself. answer: what it returns, encoded as JSON; None for nothing. others: content types that
    the handler may answer with, as a Response or Streamed. errors: the codes that it may answer beside the common ones.
    tagged: the handler returns Tagged. conditional: what `If-Match` names is handed over as `seen`, None where it names
    nothing in particular. socket: it is a websocket, and `answer` is what its frames are. write_key: it takes one.
    """

    method: str
    path: str
    summary: str
    handler: Handler
    part: str
    scope: Scope | None
    query: type[Struct] | None = None
    body: type[Struct] | None = None
    raw_body: Sequence[str] = ()
    answer: Any = None
    status: int = 200
    others: Sequence[str] = ()
    errors: Sequence[str] = ()
    tagged: bool = False
    conditional: bool = False
    example: Example = field(default_factory=Example)
    socket: bool = False
    write_key: bool = False


@dataclass(frozen=True)
class Tagged:
    """An answer with its `ETag`, which tells what was seen from what came of it since."""

    answer: Struct
    tag: str


@dataclass(frozen=True, kw_only=True)
class Post:
    """What segd posts elsewhere by itself. headers: what each of its own says, by name."""

    name: str
    summary: str
    body: type[Struct]
    headers: Mapping[str, str]


class Part:
    """The routes of one subject, and what is posted of it. about: one sentence."""

    def __init__(self, name: str, about: str) -> None:
        self.name = name
        self.about = about
        self.routes: list[Route] = []
        self.posts: list[Post] = []

    def route(
        self, method: str, path: str, summary: str, *, scope: Scope | None, status: int = 200, **options: Any
    ) -> Callable[[H], H]:
        """Decorates a handler; options: fields of Route."""

        def decorate(handler: H) -> H:
            self.routes.append(
                Route(
                    method=method, path=path, summary=summary, handler=handler, part=self.name, scope=scope,
                    status=status, **options,
                )
            )  # fmt: skip
            return handler

        return decorate

    def socket(
        self, path: str, summary: str, *, frames: Any, scope: Scope = "read", **options: Any
    ) -> Callable[[H], H]:
        """Decorates the handler of a websocket, which uses `quart.websocket`. Who may not come in is answered before
        it is called. frames: what it sends; options: fields of Route."""
        return self.route("GET", path, summary, scope=scope, answer=frames, status=101, socket=True, **options)


@dataclass(frozen=True)
class Streamed:
    """An answer that is made while it is sent, for as long as that takes. file_name: for browsers that keep it."""

    first: bytes
    rest: AsyncGenerator[bytes]
    content_type: str
    file_name: str

    def response(self, lasting: AbstractContextManager[trio.Event]) -> Response:
        """lasting: entered while it is sent; its event is set once whoever asked may not any more."""
        response = TrioResponse(self._chunks(lasting), content_type=self.content_type)
        response.timeout = None
        response.headers["Content-Disposition"] = f'attachment; filename="{self.file_name}"'
        return response

    async def _chunks(self, lasting: AbstractContextManager[trio.Event]) -> AsyncGenerator[bytes]:
        try:
            with lasting as refused:
                yield self.first
                async for chunk in self.rest:
                    if refused.is_set():
                        raise RequestError("unauthorized", "the token was revoked, or the session is over")
                    yield chunk
        except RequestError:  # nothing failed
            raise
        except Exception:
            _LOG.exception("an answer broke off")
            raise
        finally:
            with trio.CancelScope(shield=True):
                await self.rest.aclose()


async def stream(chunks: AsyncGenerator[bytes], content_type: str, file_name: str) -> Streamed:
    """An answer of these. What goes wrong before the first one is raised. What does later breaks the connection, so
    that nobody takes what was sent for the whole."""
    return Streamed(await anext(chunks, b""), chunks, content_type, file_name)


def nothing(status: int) -> Response:
    """An answer without a body, to which a handler adds headers."""
    response = Response(b"", status)
    del response.headers["Content-Type"]
    return response
