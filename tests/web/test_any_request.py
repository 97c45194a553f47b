"""Whatever is asked, in whatever way: no answer is a 500, and each is one that the description tells of."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from api_serving import open_api
from test_openapi import check, operations

TEXTS = [
    "", "0", "-1", "1", "2", "9" * 30, "x", "\0", "ä%/?#", "true", "1e400", "null", "'; --", "\u202e", "0x1", "1.5",
    " 1", "١", "a" * 5000, "..", "+", "2026-13-45", "{}", "[]", "Europe/Berlin",
]  # fmt: skip
VALUES = [
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    1e308,
    "\ud800",
    [],
    {},
    [[]],
    {"type": "did"},
    "1d",
    {"a": {"b": [1]}},
    *TEXTS,
]
BODIES = [b"", b"{", b"\xff\xfe", b"[1,", b"nul", b'{"definition":{"a":1,"a":2}}', b'{"definition":NaN}', b'"' * 99_999]
REQUESTS = 150
LEFT_OUT = ("create_token", "begin_session", "backtest_segment")  # they shut us out, or take seconds


@pytest.mark.parametrize("seed", range(2))
async def test_any_request_is_answered_as_described(dsn, seed):
    async with open_api(dsn) as api:
        document = await api.ask("GET", "/openapi.json")
        for method, url, body, operation in requests(document, random.Random(seed)):
            answer = await api.client.request(method, url, content=body)
            what = f"{method} {url[:200]} {body and body[:500]}: {answer.status_code} {answer.text[:500]}"
            assert answer.status_code != 500, what
            assert str(answer.status_code) in operation["responses"], what
            described = operation["responses"][str(answer.status_code)].get("content", {})
            if answer.headers.get("content-type") == "application/json":
                check(document, described["application/json"]["schema"], answer.json())


def requests(document: Any, chance: random.Random) -> Iterator[tuple[str, str, bytes | None, Any]]:
    """method, URL, body, and the operation as it is described. Examples, more or less spoilt."""
    chosen = [one for one in operations(document) if one[1]["operationId"] not in LEFT_OUT]
    for _ in range(REQUESTS):
        what, operation = chance.choice(chosen)
        method, url = what.split()
        query: list[str] = ["zz=1"] if chance.random() < 0.1 else []
        for parameter in operation.get("parameters", ()):
            good = chance.random() < 0.4
            value = quote(str(parameter.get("example", "1")) if good else chance.choice(TEXTS), safe="")
            if parameter["in"] == "path":
                url = url.replace(f"{{{parameter['name']}}}", "x" if value in ("", "..") else value)
            elif chance.random() < 0.6:
                query.append(f"{parameter['name']}={value}")
        body = None
        if "requestBody" in operation:
            example = next(iter(operation["requestBody"]["content"].values()))["example"]
            for _ in range(chance.randrange(4)):
                example = spoilt(example, chance)
            body = json.dumps(example).encode() if chance.random() < 0.95 else chance.choice(BODIES)
        yield method, url + ("?" + "&".join(query) if query else ""), body, operation


def spoilt(value: Any, chance: random.Random) -> Any:
    """The same with one thing taken away, added, or another."""
    kind = chance.random()
    if isinstance(value, dict) and value and kind > 0.15:
        key = chance.choice(list(value))
        if kind < 0.3:
            return {name: entry for name, entry in value.items() if name != key}
        if kind < 0.4:
            return value | {chance.choice(["x", "name", "type", ""]): chance.choice(VALUES)}
        return value | {key: spoilt(value[key], chance)}
    if isinstance(value, list) and value and kind > 0.15:
        index = chance.randrange(len(value))
        return [*value[:index], spoilt(value[index], chance), *value[index + 1 :]]
    return copy.deepcopy(chance.choice(VALUES))
