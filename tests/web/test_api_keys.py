"""Who may ask: tokens, sessions, and pages of other sites."""

import json
from urllib.parse import urlsplit

import pytest
import trio
import trio_websocket
from api_serving import open_api

from segd.core.errors import SegdError
from segd.web.auth import check_listening, is_loopback


async def test_without_tokens_all_is_open_on_loopback_and_from_the_first_one_on_nothing_is(dsn):
    async with open_api(dsn, seeded=False) as api:
        await api.ask("GET", "/api/segments")
        made = await api.ask("POST", "/api/tokens", 201, json={"name": "warehouse", "scope": "manage"})
        assert made["token"]["scope"] == "manage"
        error = await api.ask("GET", "/api/segments", 401)
        assert error["code"] == "unauthorized"
        headers = {"Authorization": f"Bearer {made['secret']}"}
        [token] = (await api.ask("GET", "/api/tokens", headers=headers))["tokens"]
        assert token["lastUsedAt"] == "2026-11-22T12:00:00.000Z"
        assert made["secret"] not in str(token)


async def test_scopes_and_revoking(dsn):
    async with open_api(dsn, seeded=False) as api:
        _, manage = await api.tokens.create("one", "manage")
        token, read = await api.tokens.create("other", "read")
        may = {"headers": {"Authorization": f"Bearer {manage}"}}
        reads = {"headers": {"Authorization": f"bearer {read}"}}
        await api.ask("GET", "/api/segments", **reads)
        for method, path in (("GET", "/api/tokens"), ("POST", "/api/segments"), ("DELETE", "/api/segments/1")):
            assert (await api.ask(method, path, 403, **reads))["code"] == "forbidden"
        await api.ask("DELETE", f"/api/tokens/{token.number}", 204, **may)
        assert (await api.ask("GET", "/api/segments", 401, **reads))["code"] == "unauthorized"
        for gone in (str(token.number), "x", "99999999999999999999"):
            await api.ask("DELETE", f"/api/tokens/{gone}", 404, **may)


async def test_only_who_has_a_token_that_manages_joins_two_known_people(dsn):
    async with open_api(dsn, seeded=False) as api:
        (_, manages), (_, reads) = await api.tokens.create("one", "manage"), await api.tokens.create("other", "read")
        for user in ("old", "older", "new"):
            await api.client.post("/v1/track", json={"userId": user, "event": "A"}, auth=("wk", ""))
        for previous, headers, key, status in (
            ("older", {"Authorization": f"Bearer {reads}"}, {"writeKey": "wk"}, 200),
            ("older", {"Authorization": f"Bearer {reads}"}, {}, 401),
            ("older", {"Authorization": "Bearer x"}, {}, 401),
            ("old", {"Authorization": f"Bearer {manages}"}, {}, 200),
        ):
            alias = {"userId": "new", "previousId": previous} | key
            assert (await api.client.post("/v1/alias", json=alias, headers=headers)).status_code == status
        async with api.pool.acquire() as connection:
            assert await connection.fetch("SELECT id FROM users ORDER BY id") == [("new",), ("older",)]


async def test_no_secret_is_kept(dsn):
    async with open_api(dsn, seeded=False) as api:
        _, secret = await api.tokens.create("one", "manage")
        async with api.pool.acquire() as connection:
            assert secret not in await connection.fetchval("SELECT string_agg(t::text, ' ') FROM tokens AS t")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", ""])
async def test_what_is_open_is_not_open_under_a_strangers_name(dsn, host):
    async with open_api(dsn, seeded=False) as api:
        assert (await api.ask("GET", "/api/segments", 403, headers={"Host": host}))["code"] == "bad_host"


async def test_configured_hosts_are_ours(dsn):
    async with open_api(dsn, seeded=False, hosts=["segd.example"]) as api:
        await api.ask("GET", "/api/segments", headers={"Host": "segd.example"})
        await api.ask("GET", "/api/segments", headers={"Host": "localhost:1"})


async def test_pages_of_other_sites_change_nothing(dsn):
    async with open_api(dsn) as api:
        for headers in (
            {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
            {"Origin": "http://127.0.0.1:1"},
        ):  # fmt: skip
            assert (await api.ask("POST", "/api/segments/1/pause", 403, headers=headers))["code"] == "bad_origin"
        await api.ask("POST", "/api/segments/1/pause", headers={"Origin": api.url})


async def test_the_sign_in_link_works_once_and_its_cookie_is_for_this_site_alone(dsn):
    async with open_api(dsn, seeded=False) as api:
        await api.tokens.create("one", "manage")
        path = api.guard.sign_in_path()
        response = await api.client.get(path)
        assert (response.status_code, response.headers["location"]) == (303, "/")
        cookie = response.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        await api.ask("GET", "/api/tokens")  # the client has the cookie
        error = await api.ask(
            "POST", "/api/tokens", 403, json={"name": "x"}, headers={"Origin": "https://evil.example"}
        )
        assert error["code"] == "bad_origin"
        await api.ask("DELETE", "/api/session", 204)
        await api.ask("GET", "/api/tokens", 401)


async def test_a_sign_in_link_that_does_not_work_leads_to_the_door(dsn):
    async with open_api(dsn, seeded=False) as api:
        await api.tokens.create("one", "manage")
        path = api.guard.sign_in_path()
        elsewhere = await api.client.get(path, headers={"Sec-Fetch-Site": "cross-site"})
        assert (elsewhere.status_code, elsewhere.headers["location"]) == (303, "/login?refused=bad_origin")
        assert (await api.client.get(path)).headers["location"] == "/"
        for used in (path, "/sign-in", "/sign-in?code=", "/sign-in?code=x"):
            response = await api.client.get(used)
            assert (response.status_code, response.headers["location"]) == (303, "/login?refused=unauthorized"), used
            assert "set-cookie" not in response.headers


async def test_the_status_says_what_who_asks_may_do(dsn):
    async with open_api(dsn, seeded=False) as api:
        assert (await api.ask("GET", "/api/status"))["scope"] == "manage"
        _, secret = await api.tokens.create("one", "read")
        headers = {"Authorization": f"Bearer {secret}"}
        assert (await api.ask("GET", "/api/status", headers=headers))["scope"] == "read"


async def test_a_browser_signs_in_with_a_token_and_is_out_when_that_is_revoked(dsn):
    async with open_api(dsn, seeded=False) as api:
        token, secret = await api.tokens.create("one", "read")
        await api.ask("POST", "/api/session", 401, json={"token": "segd_x"})
        await api.ask("POST", "/api/session", 204, json={"token": secret})
        await api.ask("GET", "/api/segments")
        await api.ask("POST", "/api/segments", 403, json={"definition": {}})
        await api.tokens.create("other", "read")
        await api.tokens.revoke(token.number)
        await api.ask("GET", "/api/segments", 401)


async def test_write_keys_are_shown(dsn):
    async with open_api(dsn, seeded=False) as api:
        assert await api.ask("GET", "/api/keys") == {"writeKeys": ["WRITE_KEY", "wk"]}


async def test_websockets_ask_the_same(dsn):
    async with open_api(dsn, seeded=False) as api:
        url = api.url.replace("http", "ws") + "/api/live"
        async with trio_websocket.open_websocket_url(url) as socket:
            assert json.loads(await socket.get_message())["type"]
        for header, status in ((b"Origin: https://evil.example", b"403"), (b"Authorization: Bearer x", b"401")):
            async with await trio.open_tcp_stream("127.0.0.1", urlsplit(api.url).port or 0) as stream:
                await stream.send_all(
                    b"GET /api/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                    + header
                    + b"\r\n\r\n"
                )
                assert (await stream.receive_some()).startswith(b"HTTP/1.1 " + status)
        assert (await api.ask("GET", "/api/live", 426))["code"] == "upgrade_required"


def test_other_machines_take_a_token():
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        assert is_loopback(host)
        check_listening(host, guarded=False)
    for host in ("0.0.0.0", "::", "192.168.1.1", "segd.example"):
        check_listening(host, guarded=True)
        with pytest.raises(SegdError, match="segd keys create"):
            check_listening(host, guarded=False)
