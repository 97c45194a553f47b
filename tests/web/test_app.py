import pytest
from serving import open_site

from segd.core.errors import SegdError
from segd.web.asgi import told


async def test_health_and_readiness():
    async with open_site() as site:
        assert (await site.client.get("/healthz")).json() == {"status": "ok"}
        assert (await site.client.get("/readyz")).status_code == 200
        assert (await site.client.head("/readyz")).content == b""
        site.unready.append("the history is being read")
        response = await site.client.get("/readyz")
        assert response.status_code == 503
        assert response.json() == {"code": "unavailable", "message": "the history is being read", "details": []}
        assert response.headers["retry-after"] == "1"
        assert (await site.client.get("/healthz")).status_code == 200


async def test_everything_else_is_404():
    async with open_site() as site:
        for path in ("/", "/v1", "/api/segments", "/healthz/", "/%00"):
            response = await site.client.get(path)
            assert (response.status_code, response.json()["code"]) == (404, "not_found")
            assert response.json()["details"] == []


async def test_a_websocket_to_nowhere_is_refused():
    async with open_site() as site:
        stream = await site.connect()
        await stream.send_all(
            b"GET /v1/track HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        assert (await stream.receive_some()).startswith(b"HTTP/1.1 404")


@pytest.mark.parametrize("code", ["connection_lost", "database_unreachable"])
def test_who_meets_a_database_that_is_away_hears_when_to_ask_again(code):
    answer = told(SegdError(code, "it is away"))
    assert (answer.status, dict(answer.headers)) == (503, {b"retry-after": b"1"})
