"""The description of the API: valid, complete, and its examples work."""

import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import jsonschema
import msgspec
import pytest
from api_serving import open_api
from openapi_spec_validator import OpenAPIV31SpecValidator

from segd.core.events.messages import Message
from segd.web import intake
from segd.web.api.shapes.tracking import BatchMessage

LATER = (
    "DELETE /api/session", "DELETE /api/webhooks/{id}", "DELETE /api/segments/{id}", "DELETE /api/tokens/{id}",
)  # fmt: skip


async def test_it_is_valid(dsn):
    async with open_api(dsn, seeded=False) as api:
        document = await api.ask("GET", "/openapi.json")
        problems = [f"{list(error.path)}: {error.message}" for error in OpenAPIV31SpecValidator(document).iter_errors()]
        assert problems == []
        names = [operation["operationId"] for _, operation in operations(document)]
        assert len(names) == len(set(names))


async def test_everything_in_it_is_told_of(dsn):
    async with open_api(dsn, seeded=False) as api:
        document = await api.ask("GET", "/openapi.json")
        for what, operation in operations(document):
            assert operation["summary"], what
            assert {"500", "503"} <= set(operation["responses"]), what
            for parameter in operation.get("parameters", ()):
                assert parameter["schema"], what
                assert parameter.get("description") or parameter["schema"].get("description"), (what, parameter["name"])


async def test_the_intake_is_in_it(dsn):
    async with open_api(dsn, seeded=False) as api:
        document = await api.ask("GET", "/openapi.json")
        told = " ".join(f"`{what.split()[1]}` {one.get('description')}" for what, one in operations(document))
        for path in (*intake._KINDS, *intake._BATCHES, intake._FIGURES):
            assert f"`{path}`" in told
    read = {one.encode_name for one in msgspec.structs.fields(Message)} - {"receivedAt"}  # of files alone
    assert {one.encode_name for one in msgspec.structs.fields(BatchMessage)} == read | {"writeKey"}


async def test_names_in_its_sentences_are_those_of_the_wire(dsn):
    async with open_api(dsn, seeded=False) as api:
        document = await api.ask("GET", "/openapi.json")
        for name, schema in document["components"]["schemas"].items():
            if name.startswith("definition."):
                continue  # its names are those of the wire
            for word in re.findall(r"\b[a-z]+(?:_[a-z0-9]+)+\b", schema.get("description", "")):
                assert word in schema["properties"], f"{name}: {word}"


async def test_every_example_works_and_is_answered_as_described(dsn):
    async with open_api(dsn) as api:
        document = await api.ask("GET", "/openapi.json")
        await api.tokens.create("an example revokes it", "manage")
        _, secret = await api.tokens.create("ours", "manage")
        api.client.headers["Authorization"] = f"Bearer {secret}"
        tried = 0
        for what, operation in sorted(
            operations(document), key=lambda one: one[0] in LATER and 1 + LATER.index(one[0])
        ):
            if operation["operationId"] in ("begin_session", "sign_in"):
                continue  # their secrets are nobody's example
            method, path = what.split()
            answer = await api.client.request(method, url(path, operation), content=body_of(operation))
            expected = "426" if "101" in operation["responses"] else next(iter(operation["responses"]))
            assert str(answer.status_code) == expected, f"{what}: {answer.text}"
            described = operation["responses"][expected].get("content", {})
            kind = answer.headers.get("content-type", "").partition(";")[0]
            if kind == "application/json":
                check(document, described[kind]["schema"], answer.json())
            else:
                assert bool(kind) == bool(described), what
            tried += 1
        assert tried > 30


async def test_errors_are_answered_as_described(dsn):
    async with open_api(dsn) as api:
        document = await api.ask("GET", "/openapi.json")
        for what, operation in operations(document):
            method, path = what.split()
            for answer in [
                await api.client.request(method, url(path, operation, bad=True), content=body_of(operation)),
                await api.client.request(method, url(path, operation), content=b'{"definition": 3, "no": 1}'),
                await api.client.request(method, url(path, operation), headers={"Authorization": "Bearer x"}),
                await api.client.request(method, url(path, operation), headers={"Origin": "https://evil.example"}),
            ]:
                described = operation["responses"].get(str(answer.status_code))
                assert described is not None, f"{what}: {answer.status_code} {answer.text}"
                if answer.status_code >= 400:
                    check(document, described["content"]["application/json"]["schema"], answer.json())


async def test_the_page_to_read_needs_nothing_else(dsn):
    async with open_api(dsn, seeded=False) as api:
        answer = await api.client.get("/docs")
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        for path in (await api.ask("GET", "/openapi.json"))["paths"]:
            assert path in answer.text
        assert not re.search(r"<script|<style|style=|(src|href)=\W?http", answer.text)
        HTMLParser().feed(answer.text)


def operations(document: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def url(path: str, operation: Mapping[str, Any], *, bad: bool = False) -> str:
    """With the parameters of the example, or with such as are no good."""
    query = ""
    for parameter in operation.get("parameters", ()):
        value = "nonsense" if bad else parameter.get("example", "")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(text, safe=""))
        elif "example" in parameter or bad:
            query += f"{'&' if query else '?'}{parameter['name']}={quote(text)}"
    return path + query


def body_of(operation: Mapping[str, Any]) -> bytes | None:
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        example = content.get("example")
        return json.dumps(example).encode() if kind == "application/json" else example.encode()
    return None


def check(document: Mapping[str, Any], schema: Mapping[str, Any], value: Any) -> None:
    whole = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": document["components"]} | schema
    try:
        jsonschema.validate(value, whole, jsonschema.Draft202012Validator)
    except jsonschema.ValidationError as error:
        pytest.fail(f"{error.json_path}: {error.message}")
