"""Requests drawn from the description of the API: such as it allows, or nearly, and its examples spoilt."""

import copy
import json
import random
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

from test_openapi import operations

TEXTS = [
    "", "0", "-1", "1", "2", "9" * 30, "x", "\0", "ä%/?#", "true", "1e400", "null", "'; --", "\u202e", "0x1", "1.5",
    " 1", "١", "a" * 5000, "..", "+", "2026-13-45", "{}", "[]", "Europe/Berlin",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, 0, -1, 1.5, 10**30, 1e308, "\ud800", [], {}, [[]], {"type": "did"}, "1d", {"a": {"b": [1]}}, *TEXTS,
]  # fmt: skip
# What means something here and there; a text of a pattern is one of those that match it.
WORDS = [
    "Added To Cart", "Charged", "$page", "price", "tier", "items[].sku", "last_seen", "platinum", "ann", "1",
    "Cart left for 10 minutes", "10m", "5d", "2w1h", "-2d", "09:00", "2026-11-20", "2026-11-22T03:00:00Z", "1d",
    "always", "once", "ever", "session", "UTC", "^a.*", "https://example.com/hook", "http://127.0.0.1:1/",
]  # fmt: skip
ACCEPTED = ["text/csv", "application/x-ndjson", "application/json;q=0.1, text/*", "image/png", "*/*;q=x", ",;=", ""]
BODIES = [b"", b"{", b"\xff\xfe", b"[1,", b"nul", b'{"definition":{"a":1,"a":2}}', b'{"definition":NaN}', b'"' * 99_999]
DEEPEST = 14  # levels of a value that is drawn

Schema = Mapping[str, Any]


class Drawn(NamedTuple):
    """operation: as it is described."""

    method: str
    url: str
    accept: str
    body: bytes | None
    operation: Schema


class Requests:
    """chance: decides everything. left_out: operations, and parameters in the query."""

    def __init__(self, document: Schema, chance: random.Random, left_out: tuple[str, ...]) -> None:
        self._schemas: Schema = document["components"]["schemas"]
        self._chance = chance
        self._left_out = left_out
        self._operations = [one for one in operations(document) if one[1]["operationId"] not in left_out]

    def draw(self, count: int) -> Iterator[Drawn]:
        for _ in range(count):
            what, operation = self._chance.choice(self._operations)
            method, path = what.split()
            if method == "GET" and self._happens(0.05):
                method = "HEAD"
            url = self._url(path, operation)
            body = self._body(operation["requestBody"]) if "requestBody" in operation else None
            yield Drawn(method, url, self._chance.choice(ACCEPTED) if self._happens(0.3) else "*/*", body, operation)

    def _happens(self, share: float) -> bool:
        return self._chance.random() < share

    def _url(self, path: str, operation: Schema) -> str:
        query = ["zz=1"] if self._happens(0.05) else []
        for parameter in operation.get("parameters", ()):
            name = parameter["name"]
            if name in self._left_out:
                continue
            value = quote(self._text_of(parameter), safe="")
            if parameter["in"] == "path":
                path = path.replace(f"{{{name}}}", "x" if value in ("", "..") else value)
            elif parameter["required"] or self._happens(0.6):
                query += [f"{name}={value}"] * (2 if self._happens(0.03) else 1)
        return path + ("?" + "&".join(query) if query else "")

    def _text_of(self, parameter: Schema) -> str:
        kind = self._chance.random()
        if kind < 0.25:
            return self._chance.choice(TEXTS)
        if kind < 0.6 and "example" in parameter:
            value = parameter["example"]
        else:
            value = self._value(parameter["schema"])
        return value if isinstance(value, str) else json.dumps(value)

    def _body(self, described: Schema) -> bytes:
        if self._happens(0.05):
            return self._chance.choice(BODIES)
        kind, content = next(iter(described["content"].items()))
        if kind != "application/json":
            lines = [self._spoilt_often(json.loads(content["example"])) for _ in range(self._chance.randrange(4))]
            return "\n".join(map(json.dumps, lines)).encode()
        if "example" in content and self._happens(0.4):
            return json.dumps(self._spoilt_often(content["example"])).encode()
        value = self._value(content["schema"])
        return json.dumps(self._spoilt(value) if self._happens(0.2) else value).encode()

    # Such as it allows

    def _value(self, schema: Schema, depth: int = 0) -> Any:
        """As far as the schema tells."""
        chance = self._chance
        if "$ref" in schema:
            return self._value(self._schemas[schema["$ref"].rpartition("/")[2]], depth)
        if "enum" in schema:
            return chance.choice(schema["enum"])
        for several in ("anyOf", "oneOf"):
            if several in schema:
                return self._value(chance.choice(schema[several]), depth + 1)
        match schema.get("type"):
            case "object":
                required = schema.get("required", ())
                optional = 0.5 if depth < 6 else 0.1
                return {
                    name: self._value(one, depth + 1)
                    for name, one in schema.get("properties", {}).items()
                    if name in required or self._happens(optional)
                }
            case "array":
                if "prefixItems" in schema:
                    return [self._value(one, depth + 1) for one in schema["prefixItems"]]
                least = schema.get("minItems", 0)
                most = least if depth > DEEPEST else max(least, 2)
                return [self._value(schema.get("items", {}), depth + 1) for _ in range(chance.randint(least, most))]
            case "string":
                words = [word for word in WORDS if re.search(schema.get("pattern", ""), word)]
                return chance.choice(words or WORDS)
            case "integer" | "number":
                least = schema.get("minimum", -5)
                return chance.choice([least, schema.get("maximum", 10**9), chance.randint(least, least + 10)])
            case "boolean":
                return chance.choice([True, False])
            case "null":
                return None
            case _:
                return chance.choice([*WORDS, 12, 0.5, True])

    # Such as it does not

    def _spoilt_often(self, value: Any) -> Any:
        for _ in range(self._chance.randrange(4)):
            value = self._spoilt(value)
        return value

    def _spoilt(self, value: Any) -> Any:
        """The same with one thing taken away, added, or another."""
        chance = self._chance
        kind = chance.random()
        if isinstance(value, dict) and value and kind > 0.15:
            key = chance.choice(list(value))
            if kind < 0.3:
                return {name: entry for name, entry in value.items() if name != key}
            if kind < 0.4:
                return value | {chance.choice(["x", "name", "type", ""]): chance.choice(VALUES)}
            return value | {key: self._spoilt(value[key])}
        if isinstance(value, list) and value and kind > 0.15:
            index = chance.randrange(len(value))
            return [*value[:index], self._spoilt(value[index]), *value[index + 1 :]]
        return copy.deepcopy(chance.choice(VALUES))
