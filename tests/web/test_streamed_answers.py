"""Answers that are made while they are sent, and bodies that are taken as they come: no longer than they may be."""

from collections.abc import AsyncGenerator

import httpx
import pytest
import trio
from api_serving import open_api
from feeding import eventually
from hypercorn.config import Config
from hypercorn.trio import serve

from segd.web.api.application import make_site
from segd.web.api.routing import Part, stream
from segd.web.auth import Guard


async def test_an_answer_is_broken_off_once_the_token_is_revoked(dsn):
    part, more, closed = Part("lines", "Lines."), trio.Event(), trio.Event()

    async def lines() -> AsyncGenerator[bytes]:
        try:
            yield b"1\n"
            await more.wait()
            yield b"2\n"
        finally:
            closed.set()

    @part.route("GET", "/api/lines", "Lines", scope="read", others=("text/plain",))
    async def send():
        return await stream(lines(), "text/plain", "lines.txt")

    async with open_api(dsn, seeded=False) as api, trio.open_nursery() as nursery:
        token, secret = await api.tokens.create("one", "read")
        await api.tokens.create("other", "manage")
        guard = Guard(api.tokens, listening="127.0.0.1")
        await nursery.start(guard.run)
        config = Config()
        config.bind, config.errorlog = ["127.0.0.1:0"], None
        [url] = await nursery.start(serve, make_site([part], guard), config)
        headers = {"Authorization": f"Bearer {secret}"}
        async with api.client.stream("GET", f"{url}/api/lines", headers=headers) as answer:
            assert answer.headers["cache-control"] == "no-store"
            received = answer.aiter_raw()
            assert await anext(received) == b"1\n"
            await api.tokens.revoke(token.number)
            guard.look_again()
            await eventually(lambda: all(one.refused.is_set() for one in guard._lasting))
            more.set()
            with pytest.raises(httpx.RemoteProtocolError):
                await anext(received)
        await closed.wait()
        nursery.cancel_scope.cancel()


async def test_a_body_is_taken_no_further_once_the_token_is_revoked(dsn):
    async with open_api(dsn) as api:
        token, secret = await api.tokens.create("one", "manage")
        await api.tokens.create("other", "manage")

        async def lines() -> AsyncGenerator[bytes]:
            line = b'{"type":"track","event":"Old","userId":"ann","timestamp":"2026-11-01T00:00:00Z"}\n'
            yield line
            await eventually(lambda: len(api.guard._lasting) == 1)
            [lasting] = api.guard._lasting
            await api.tokens.revoke(token.number)
            api.guard.look_again()
            await lasting.refused.wait()
            yield line

        headers = {"Authorization": f"Bearer {secret}"}
        refused = await api.ask("POST", "/api/import", 401, content=lines(), headers=headers)
        assert refused["code"] == "unauthorized"
