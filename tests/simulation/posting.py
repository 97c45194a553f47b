"""How an SDK posts: over HTTP, without the sockets."""

import base64
import gzip
import json
from collections.abc import MutableMapping, Sequence
from random import Random
from typing import Any

from segd.core.ports import Unavailable
from segd.web.intake import Intake

from .stories import Json
from .violation import Violation

KEY = "write key"
BAD: Json = {"type": "track", "userId": "u1", "messageId": "bad"}  # what event?


async def post(intake: Intake, messages: Sequence[Json], g: Random) -> list[Json]:
    """Trio. Returns the messages that were taken, as the answer says: all but those of refused users. Now and then with
    one among them that is none.

    Raises Unavailable, as the answer says.
    """
    batch = list(messages)
    if g.random() < 0.1:
        batch.insert(g.randint(0, len(batch)), BAD)
    headers: list[tuple[bytes, bytes]] = []
    if one := len(batch) == 1 and g.random() < 0.5:
        body, path = dict(batch[0]), f"/v1/{g.choice((batch[0]['type'], batch[0]['type'][0]))}"
    else:
        body, path = {"batch": batch}, g.choice(("/v1/batch", "/v1/b"))
    if g.random() < 0.5:
        body["writeKey"] = KEY
    else:
        headers.append((b"authorization", b"Basic " + base64.b64encode(f"{KEY}:".encode())))
    content = json.dumps(body).encode()
    if g.random() < 0.3:
        content = gzip.compress(content, mtime=0)
        headers.append((b"content-encoding", b"gzip"))
    status, answered_headers, answer = await _ask(intake, path, headers, content)
    if status in (429, 503):
        again = dict(answered_headers)[b"retry-after"]
        raise Unavailable(answer["code"], answer["message"], int(again))
    if one:
        if status == 400 and answer["code"] == "forgotten_user":
            return []
        refused = set[int]()
    else:
        refused = {error["index"] for error in answer.get("errors", ())}
    if status != 200 or answer["success"] is not True:
        raise Violation(f"answered {status}: {answer}")
    if any((message is BAD) > (place in refused) for place, message in enumerate(batch)):
        raise Violation(f"what is no message was taken: {answer}")
    return [message for place, message in enumerate(batch) if place not in refused]


async def _ask(
    intake: Intake, path: str, headers: Sequence[tuple[bytes, bytes]], body: bytes
) -> tuple[int, list[tuple[bytes, bytes]], Any]:
    """Trio. Returns status, headers and body of the answer."""
    received = [
        {"type": "http.request", "body": body[:20], "more_body": True},
        {"type": "http.request", "body": body[20:], "more_body": False},
    ]
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return received.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    await intake({"type": "http", "method": "POST", "path": path, "headers": headers}, receive, send)
    start, end = sent
    return start["status"], start["headers"], json.loads(end["body"])
