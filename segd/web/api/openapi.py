"""The API described as OpenAPI 3.1, from the same shapes and routes that serve it."""

import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib.metadata import version
from typing import Any, cast

import msgspec
from msgspec import Struct
from quart import Response

from segd.core.language.schema import definition_schema
from segd.web.api.routing import JSON, Part, Post, Route
from segd.web.api.shapes.base import Answer, Error, Request
from segd.web.api.shapes.tracking import Refusal, Sent
from segd.web.asgi import STATUSES

_REFERENCE = "#/components/schemas/{name}"
_PARAMETER = re.compile(r"{(\w+)}")
_PATH_PARAMETERS = {"id": "The number of it; of a segment the name, too.", "writeKey": "One of this installation."}
_RETRY_AFTER = {"description": "In how many seconds to ask again.", "required": True, "schema": {"type": "integer"}}
_ETAG = {
    "description": "Tells this state of it from others: the version, and when it was changed.",
    "required": True,
    "schema": {"type": "string", "examples": ['"2-2026-11-22T03:00:00.000Z"']},
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The `ETag` of what was seen: where it was changed since, nothing is done, and the answer is 412.",
}
_ERRORS_OF_ALL = ("connection_lost", "database_error", "database_unreachable", "internal", "unavailable")

Schema = dict[str, Any]


def description_part(parts: Sequence[Part]) -> Part:
    """The routes that describe these parts, and themselves."""
    part = Part("description", "What there is.")
    made: list[bytes] = []  # at the first request, when all routes are known

    @part.route("GET", "/openapi.json", "The API as OpenAPI 3.1", scope=None, answer=dict[str, Any])
    async def describe_api() -> Response:
        if not made:
            made.append(msgspec.json.encode(describe([*parts, part])))
        return Response(made[0], content_type=JSON)

    @part.route("GET", "/docs", "The API as a page to read", scope=None, others=("text/html",))
    async def docs() -> Response:
        response = Response(page(describe([*parts, part])), content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'"
        return response

    return part


def describe(parts: Sequence[Part]) -> Schema:
    """The OpenAPI document."""
    routes = [route for part in parts for route in part.routes]
    types: dict[Any, None] = {Error: None, Refusal: None}  # in order, each once
    for route in routes:
        types.update(dict.fromkeys(one for one in (route.query, route.body, route.answer) if one is not None))
    posts = [(part, post) for part in parts for post in part.posts]
    types.update(dict.fromkeys(post.body for _, post in posts))
    references, components = msgspec.json.schema_components(list(types), ref_template=_REFERENCE)
    schemas = dict(zip(types, references, strict=True))
    definition, definition_parts = _definition_components()
    bases = (Answer, Request, Sent)
    for shape in [one for base in bases for one in base.__subclasses__()]:  # those inside of others as well
        if shape.__name__ in components:
            components[shape.__name__]["description"] = _on_the_wire(shape)
    paths: dict[str, Schema] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "segd",
            "version": version("segd"),
            "description": "Keeps user segments true while the users act.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": part.name, "description": part.about} for part in parts],
        "security": [{"token": []}, {"session": []}, {}],
        "paths": paths,
        "webhooks": {post.name: {"post": _posted(part, post, schemas[post.body])} for part, post in posts},
        "components": {
            "schemas": {**components, **definition_parts, "Definition": definition},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "An API token, from `segd keys create`."},
                "session": {"type": "apiKey", "in": "cookie", "name": "segd_session"},
                "writeKey": {"type": "http", "scheme": "basic", "description": "A write key as user name."},
            },
        },
    }


def _operation(route: Route, schemas: Mapping[Any, Schema], components: Mapping[str, Schema]) -> Schema:
    operation: Schema = {
        "operationId": route.handler.__name__,
        "summary": route.summary,
        "tags": [route.part],
    }
    if route.handler.__doc__:
        operation["description"] = _unwrapped(route.handler.__doc__)
    if route.write_key:
        operation["security"] = [{"writeKey": []}, {"token": []}, {}]
    elif route.scope is None:
        operation["security"] = []
    else:
        operation["x-scope"] = route.scope
    if parameters := _parameters(route, components):
        operation["parameters"] = parameters
    if route.body is not None:
        content: Schema = {"schema": schemas[route.body]}
        if route.example.body is not None:
            content["example"] = route.example.body
        operation["requestBody"] = {"required": True, "content": {JSON: content}}
    elif route.raw_body:
        content = {"schema": {"type": "string"}}
        if route.example.body is not None:
            content["example"] = route.example.body
        operation["requestBody"] = {"content": dict.fromkeys(route.raw_body, content)}
    operation["responses"] = _responses(route, schemas)
    return operation


def _posted(part: Part, post: Post, body: Schema) -> Schema:
    return {
        "operationId": post.name,
        "summary": post.summary,
        "tags": [part.name],
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": {"type": "string"}, "description": about}
            for name, about in post.headers.items()
        ],
        "requestBody": {"required": True, "content": {JSON: {"schema": body}}},
        "responses": {
            "2XX": {"description": "It is taken."},
            "default": {"description": "It is posted again later, and so is no answer in 15 seconds."},
        },
    }


def _parameters(route: Route, components: Mapping[str, Schema]) -> list[Schema]:
    found: list[Schema] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "example": "1",
         "description": _PATH_PARAMETERS.get(name, name)}
        for name in _PARAMETER.findall(route.path)
    ]  # fmt: skip
    if route.query is not None:
        component = components[route.query.__name__]
        for name, schema in component["properties"].items():
            required = name in component.get("required", ())
            parameter = {"name": name, "in": "query", "required": required, "schema": schema}
            if about := _said_of(name, component["description"]):
                parameter["description"] = about
            found.append(parameter)
    if route.conditional:
        found.append({**_IF_MATCH})
    for parameter in found:
        if parameter["name"] in route.example.parameters:
            parameter["example"] = route.example.parameters[parameter["name"]]
    return found


def _responses(route: Route, schemas: Mapping[Any, Schema]) -> Schema:
    answer: Schema = {"description": "The frames that are sent." if route.socket else "Done."}
    content: Schema = {}
    if route.answer is not None:
        content[JSON] = {"schema": schemas[route.answer]}
    content |= {kind: {"schema": {"type": "string"}} for kind in route.others}
    if route.tagged:
        answer["headers"] = {"ETag": _ETAG}
    if route.socket:
        answer["x-frames"] = content[JSON]["schema"]
    elif content:
        answer["content"] = content
    responses: Schema = {str(route.status): answer}
    by_status: dict[int, list[str]] = {}
    for code in sorted({*route.errors, *_common_errors(route)}):
        by_status.setdefault(STATUSES.get(code, 400), []).append(code)
    for status, codes in sorted(by_status.items()):
        shape = Refusal if route.path.startswith("/v1/") else Error
        error = {"schema": {"allOf": [schemas[shape], {"properties": {"code": {"enum": codes}}}]}}
        responses[str(status)] = {"description": ", ".join(codes), "content": {JSON: error}}
        if status in (429, 503):
            responses[str(status)]["headers"] = {"Retry-After": _RETRY_AFTER}
    return responses


def _common_errors(route: Route) -> set[str]:
    """What any route of this kind may answer."""
    codes = {*_ERRORS_OF_ALL}
    if route.write_key:
        codes |= {"bad_encoding", "bad_text", "bad_write_key", "overloaded"}
    if route.scope is not None:
        codes |= {"unauthorized", "bad_host"}
    if route.scope == "manage":
        codes.add("forbidden")
    if not route.path.startswith("/v1/") and (route.method != "GET" or route.socket):
        codes.add("bad_origin")
    if route.socket:
        codes.add("upgrade_required")
    if route.query is not None or "{id}" in route.path:
        codes.add("bad_field")
    if route.body is not None:
        codes |= {"bad_field", "bad_json", "too_large", "too_slow"}
    return codes


def _definition_components() -> tuple[Schema, Schema]:
    """The language's own schema, its parts under names of their own: `Date` there is no date here."""
    schema = definition_schema()
    parts = cast("dict[str, Schema]", schema.pop("$defs"))
    schema.pop("$schema")

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            given = cast("dict[str, Any]", value)
            return {
                key: entry.replace("#/$defs/", "#/components/schemas/definition.") if key == "$ref" else moved(entry)
                for key, entry in given.items()
            } | _moved_mapping(given)
        return [moved(entry) for entry in cast("list[Any]", value)] if isinstance(value, list) else value

    def _moved_mapping(value: dict[str, Any]) -> Schema:
        """A discriminator names schemas outside of `$ref`."""
        mapping = value.get("mapping")
        if not isinstance(mapping, dict):
            return {}
        names = cast("dict[str, str]", mapping)
        return {
            "mapping": {
                tag: name.replace("#/$defs/", "#/components/schemas/definition.") for tag, name in names.items()
            }
        }

    return moved(schema), {f"definition.{name}": moved(part) for name, part in parts.items()}


def _on_the_wire(shape: type[Struct]) -> str:
    """Its docstring with the names that its fields have there."""
    text = _unwrapped(shape.__doc__ or "")
    for one in msgspec.structs.fields(shape):
        if one.encode_name != one.name:
            text = re.sub(rf"\b{one.name}\b", one.encode_name, text)
    return text


def _said_of(field: str, description: str) -> str:
    """What a docstring says of a field: `field: so.`, up to where it says the same of another."""
    found = re.search(rf"(?:^|\. ){field}: (.*?\.?)(?=$|(?<=\.) \w+: )", description)
    return "" if found is None else found[1][:1].upper() + found[1][1:]


def _unwrapped(text: str) -> str:
    return re.sub(r"\s*\n\s*", " ", text.strip())


# The same to read


def page(document: Schema) -> str:
    """HTML without any script or style: a list of all there is."""
    lines = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width'><title>segd: API</title>",
        f"<h1>segd {escape(document['info']['version'])}</h1>",
        "<p>For programs: <a href=/openapi.json>openapi.json</a></p>",
    ]
    for tag in document["tags"]:
        lines.append(f"<h2>{escape(tag['name'])}</h2><p>{escape(tag['description'])}</p><dl>")
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if operation["tags"] == [tag["name"]]:
                    lines += _described(method, path, operation)
        lines.append("</dl>")
    return "\n".join(lines)


def _described(method: str, path: str, operation: Schema) -> list[str]:
    lines = [f"<dt><code>{method.upper()} {escape(path)}</code><dd>{escape(operation['summary'])}."]
    if about := operation.get("description"):
        lines.append(f" {escape(about)}")
    if parameters := operation.get("parameters"):
        names = ", ".join(f"<code>{escape(one['name'])}</code>" for one in parameters)
        lines.append(f"<p>Parameters: {names}</p>")
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if "example" in content:
            lines.append(f"<pre>{escape(msgspec.json.format(msgspec.json.encode(content['example'])).decode())}</pre>")
            break
    answers = [f"{status} {answer['description']}" for status, answer in operation["responses"].items()]
    lines.append(f"<p>Answers: {escape('; '.join(answers))}</p>")
    return lines
