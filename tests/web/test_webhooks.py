"""Webhooks by their routes, on a real Postgres, delivered to a real receiver."""

import hmac
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import trio
from feeding import NOON, Access, RememberedLog, eventually, qualified
from hypercorn.config import Config
from hypercorn.trio import serve
from test_openapi import check

from segd.actors.feeds import Feeds
from segd.actors.posting import Poster
from segd.actors.webhooks import Webhooks
from segd.core.time.instants import to_datetime
from segd.store.bridge import Pool, open_pool
from segd.store.log import PostgresLog
from segd.store.segment_list import SegmentList
from segd.store.webhooks import PostgresWebhooks
from segd.web.api.application import make_site
from segd.web.api.webhooks import delivery, webhooks
from segd.web.auth import Guard
from segd.web.rejected import Rejected

LIVE = {"name": "Cart left", "kind": "live", "on": {"type": "action", "did": {"event": "Viewed"}}}
PAST = {"name": "Viewers", "kind": "past", "where": {"type": "did", "event": "Viewed"}}


@dataclass
class Receiver:
    """Whoever is posted to. status: of its answers; received: the bodies with their headers."""

    url: str = ""
    status: int = 200
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def cursors(self) -> list[list[str]]:
        return [[entry["cursor"] for entry in json.loads(body)["entries"]] for _, body in self.received]

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        self.received.append(({name.decode(): value.decode() for name, value in scope["headers"]}, body))
        await send({"type": "http.response.start", "status": self.status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


@dataclass
class Place:
    """What a test talks to."""

    client: httpx.AsyncClient
    pool: Pool
    feeds: Feeds
    receiver: Receiver

    async def ask(self, method: str, path: str, status: int = 200, **body: Any) -> Any:
        answer = await self.client.request(method, path, json=body or None)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def publish(self, *cursors: int) -> None:
        at = to_datetime(NOON)
        async with self.pool.acquire() as connection:
            await connection.execute(
                "INSERT INTO log (position, kind, segment, version, user_number, id, anonymous, at, cause, cause_id, "
                "written_at) SELECT c, 'qualified', 1, 1, 1, 'ann', false, $2, c, 'm' || c, $2 "
                "FROM unnest($1::bigint[]) AS c",
                cursors, at,
            )  # fmt: skip
            await connection.execute("UPDATE journal SET log_position = $1", cursors[-1])
        self.feeds.published([qualified(cursors[-1], user=1)])


@asynccontextmanager
async def open_place(dsn: str, *, private: bool = True) -> AsyncGenerator[Place]:
    async with open_pool(dsn, 4) as pool:
        async with pool.acquire() as connection:
            for definition in (LIVE, PAST):
                await connection.execute(
                    "INSERT INTO segments (name, kind, definition, created_at, changed_at) VALUES ($1, $2, $3, $4, $4)",
                    definition["name"], definition["kind"], json.dumps(definition), to_datetime(NOON),
                )  # fmt: skip
        feeds = Feeds(lambda _: "", RememberedLog().beside, Rejected(), lambda: NOON)
        poster, log = Poster(private=private), PostgresLog(pool)
        delivering = Webhooks(PostgresWebhooks(pool), log, feeds, poster, delivery, lambda: NOON)
        views = SegmentList(pool, ZoneInfo("UTC"), lambda: NOON)
        receiver = Receiver()
        site = make_site([webhooks(delivering, views, log)], Guard(Access(), listening="127.0.0.1"))
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                await nursery.start(delivering.run)
                url, receiver.url = [
                    (await nursery.start(partial(serve, app, _config(), mode="asgi")))[0]
                    for app in (site, receiver.app)
                ]
                async with httpx.AsyncClient(base_url=url, timeout=20, verify=False) as client:
                    yield Place(client, pool, feeds, receiver)
                nursery.cancel_scope.cancel()


def _config() -> Config:
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.errorlog = config.accesslog = None
    return config


async def test_a_webhook_from_its_making_to_its_end(dsn: str):
    async with open_place(dsn) as place:
        await place.publish(1)
        made = await place.ask("POST", "/api/webhooks", 201, segment="Cart left", url=place.receiver.url + "/hook")
        secret, webhook = made["secret"], made["webhook"]
        assert (webhook["segment"], webhook["segmentId"], webhook["status"], webhook["cursor"]) == (
            "Cart left", 1, "running", "1",
        )  # fmt: skip
        assert secret not in json.dumps(await place.ask("GET", "/api/webhooks"))

        await place.publish(2, 3)
        await eventually(lambda: len(place.receiver.received) == 1)
        headers, body = place.receiver.received[0]
        assert json.loads(body) == {
            "webhook": webhook["id"],
            "segment": "Cart left",
            "segmentId": 1,
            "entries": [
                {
                    "cursor": str(cursor), "type": "qualified", "segment": "Cart left", "segmentId": 1, "version": 1,
                    "userId": "ann", "anonymous": False, "at": "2026-11-22T12:00:00.000Z", "cause": f"m{cursor}",
                }
                for cursor in (2, 3)
            ],
            "cursor": "3",
            "test": False,
        }  # fmt: skip
        signed = hmac.new(secret.encode(), headers["segd-timestamp"].encode() + b"." + body, sha256).hexdigest()
        assert headers["segd-signature"] == f"v1={signed}"
        document = await place.ask("GET", "/openapi.json")
        told = document["webhooks"]["delivery"]["post"]
        check(document, told["requestBody"]["content"]["application/json"]["schema"], json.loads(body))
        assert {one["name"].lower() for one in told["parameters"]} == {one for one in headers if "segd-" in one}

        tested = await place.ask("POST", f"/api/webhooks/{webhook['id']}/test")
        assert tested == {"delivered": True, "status": 200, "message": "answered 200"}
        assert json.loads(place.receiver.received[1][1])["test"] is True

        again = await place.ask("POST", f"/api/webhooks/{webhook['id']}/redeliver", after="0")
        assert again["cursor"] == "0"
        await eventually(lambda: len(place.receiver.received) == 3)
        assert place.receiver.cursors() == [["2", "3"], [], ["1", "2", "3"]]

        await place.ask("DELETE", f"/api/webhooks/{webhook['id']}", 204)
        assert await place.ask("GET", "/api/webhooks") == {"webhooks": []}


async def test_failures_are_told(dsn: str):
    async with open_place(dsn) as place:
        place.receiver.status = 503
        await place.ask("POST", "/api/webhooks", 201, segment=1, url=place.receiver.url, after="0")
        await place.publish(1)
        await eventually(lambda: len(place.receiver.received) > 0)
        tested = await place.ask("POST", "/api/webhooks/1/test")
        assert (tested["delivered"], tested["status"]) == (False, 503)
        place.receiver.status = 204
        await eventually(lambda: len(place.receiver.received) >= 3)
        assert place.receiver.cursors()[-1] == ["1"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"segment": 3, "url": "https://example.com/"}, 404, "not_found"),
        ({"segment": "Viewers", "url": "https://example.com/"}, 409, "not_live"),
        ({"segment": 1, "url": "example.com"}, 400, "bad_url"),
        ({"segment": 1, "url": "http://127.0.0.1:1/"}, 400, "bad_url"),
        ({"segment": 1, "url": "https://example.com/", "after": "x"}, 400, "bad_field"),
        ({"segment": 1, "url": "https://example.com/", "after": "7"}, 400, "bad_field"),
        ({"segment": 1}, 400, "bad_field"),
    ],
)
async def test_what_cannot_be_one(dsn: str, body: dict[str, Any], status: int, code: str):
    async with open_place(dsn, private=False) as place:
        answer = await place.ask("POST", "/api/webhooks", status, **body)
        assert answer["code"] == code
        assert code not in ("bad_url", "bad_field") or answer["details"][0]["path"] in ("url", "after")
        assert await place.ask("GET", "/api/webhooks") == {"webhooks": []}


async def test_one_that_is_not_there(dsn: str):
    async with open_place(dsn) as place:
        for number in ("1", "0", "-1", "x", "99999999999", "٣"):
            await place.ask("DELETE", f"/api/webhooks/{number}", 404)
            await place.ask("POST", f"/api/webhooks/{number}/test", 404)
            await place.ask("POST", f"/api/webhooks/{number}/redeliver", 404, after="0")
