"""The API as an ASGI application: routes served, callers admitted, errors said in one way."""

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast
from urllib.parse import unquote

import msgspec
from quart import Blueprint, Response, request, websocket
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from segd.core.errors import SegdError
from segd.web.api import openapi, requests
from segd.web.api.routing import JSON, Part, Route, Streamed, Tagged
from segd.web.asgi import Answer, Headers, RequestError, failure, told
from segd.web.auth import Guard
from segd.web.streamed import streamed_body

BODY_SECONDS = 60  # within which a request must be here in full

_HTTP_CODES = {400: "bad_request", 404: "not_found", 405: "bad_method", 408: "too_slow", 413: "too_large"}
_SLASH = re.compile("%2F", re.IGNORECASE)
_ENCODED_SLASH = "\udc2f"  # no character that a path could have
_encode = msgspec.json.Encoder(decimal_format="number").encode


def make_site(
    parts: Sequence[Part], guard: Guard, *, beside: Sequence[Part] = (), pages: Sequence[Blueprint] = ()
) -> QuartTrio:
    """An ASGI application for everything but the intake.

    parts: of the API, which is described at `/openapi.json` and `/docs`. beside: parts that are described with them,
    and served by somebody else. pages: what else is served, such as the dashboard at `/` and `/static/`; they are
    admitted as they come, and say so where they need more.
    """
    site = _Site("segd.web", static_folder=None)
    site.url_map.merge_slashes = False  # else what has two is answered with a redirect
    site.url_map.converters["any_text"] = _AnyText
    site.config["MAX_CONTENT_LENGTH"] = requests.LARGEST_BODY
    site.config["BODY_TIMEOUT"] = BODY_SECONDS
    site.register_error_handler(Exception, _refuse)
    parts = [*parts, openapi.description_part([*beside, *parts])]
    for part in parts:
        for route in part.routes:
            _add(site, guard, route)
    for page in pages:
        site.register_blueprint(page)
    return site


class _Site(QuartTrio):
    """Knows slashes that were sent encoded, and stand in names of segments, from those between the parts of a path."""

    async def asgi_app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"].startswith("/api/"):
            raw_path = scope["raw_path"].decode("ascii", "replace")
            scope = scope | {"path": unquote(_SLASH.sub(_ENCODED_SLASH, raw_path))}
        await super().asgi_app(scope, receive, send)


class _AnyText(BaseConverter):
    """A part of a path, in which an encoded slash may stand."""

    def to_python(self, value: str) -> str:
        return value.replace(_ENCODED_SLASH, "/")


def _add(site: QuartTrio, guard: Guard, route: Route) -> None:
    rule = route.path.replace("{", "<any_text:").replace("}", ">")
    name = f"{route.method} {route.path}".replace(".", "_")
    if route.socket:
        site.add_websocket(rule, f"WS {name}", _socket_view(guard, route))
        site.add_url_rule(rule, name, _upgrade_required, methods=["GET"])
    else:
        site.add_url_rule(rule, name, _view(guard, route), methods=[route.method])


def _view(guard: Guard, route: Route) -> Callable[..., Awaitable[Response]]:
    async def view(**path: str) -> Response:
        await guard.admit(request, route.scope)
        arguments = _arguments(route, path, request.args)
        if route.body is not None:
            arguments["body"] = await requests.read_body(request, route.body)
        if route.conditional:
            arguments["seen"] = requests.read_if_match(request)
        with guard.lasting(request) as refused:
            if route.raw_body:
                streamed_body(request.scope).refused = refused
            answer = await route.handler(**arguments)
        if isinstance(answer, Streamed):
            answer = answer.response(guard.lasting(request))
        if isinstance(answer, Response):
            return _kept_nowhere(answer)
        headers: Headers = ()
        if isinstance(answer, Tagged):
            headers = ((b"ETag", f'"{answer.tag}"'.encode()),)
            answer = answer.answer
        body = b"" if answer is None else _encode(answer)
        return _response(Answer(route.status, body, headers))

    return view


def _socket_view(guard: Guard, route: Route) -> Callable[..., Awaitable[None]]:
    async def view(**path: str) -> None:
        await guard.admit(websocket, route.scope)
        await route.handler(**_arguments(route, path, websocket.args))

    return view


def _arguments(route: Route, path: dict[str, str], query: Any) -> dict[str, Any]:
    for name, value in path.items():
        requests.check_text(name, value)
    arguments: dict[str, Any] = dict(path)
    if route.query is not None:
        arguments["query"] = requests.read_query(query, route.query)
    return arguments


async def _upgrade_required(**_: str) -> Response:
    raise RequestError("upgrade_required", "expected a websocket", ((b"upgrade", b"websocket"),))


async def _refuse(error: Exception) -> Response:
    if isinstance(error, HTTPException):
        error = _of_http(error)
    return _response(told(error if isinstance(error, SegdError) else failure(), detailed=True))


def _of_http(error: HTTPException) -> SegdError:
    """What Quart itself refuses."""
    match error.code:
        case 404:
            path = (request or websocket).path.replace(_ENCODED_SLASH, "%2F")
            message = f"there is nothing at {path[:200]}"
        case 405:
            allowed = ", ".join(sorted(cast("set[str]", getattr(error, "valid_methods", None) or ())))
            message = f"expected {allowed}, found {request.method}"
            return RequestError("bad_method", message, ((b"allow", allowed.encode()),))
        case 413:
            message = f"expected at most {requests.LARGEST_BODY:,} bytes"
        case _:
            message = error.description or error.name
    return RequestError(_HTTP_CODES.get(error.code or 500, "bad_request"), message)


def _response(answer: Answer) -> Response:
    response = Response(answer.body, answer.status)
    del response.headers["Content-Type"]
    if answer.body:
        response.headers["Content-Type"] = JSON
    for name, value in answer.headers:
        response.headers[name.decode()] = value.decode()
    return _kept_nowhere(response)


def _kept_nowhere(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
