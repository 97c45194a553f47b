"""Clients that send slowly, break off, or send what nobody wants."""

import base64

import trio
import trio.testing
from serving import KEY, open_site

AUTHORIZATION = b"Authorization: Basic " + base64.b64encode(KEY.encode()) + b"\r\n"


def head(path: bytes, length: int, extra: bytes = AUTHORIZATION) -> bytes:
    return b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n" % (path, length, extra)


async def answer_of(stream: trio.SocketStream) -> bytes:
    """Until the other side closes."""
    return b"".join([part async for part in stream])


async def test_a_request_that_does_not_arrive_in_time_is_408():
    async with open_site(patience_seconds=0.2) as site:
        for extra in (AUTHORIZATION, b""):
            stream = await site.connect()
            await stream.send_all(head(b"/v1/track", 100, extra) + b'{"type":')
            answer = await answer_of(stream)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b'"too_slow"' in answer
        assert site.journal.committed == []


async def test_trickling_does_not_extend_the_time():
    async with open_site(patience_seconds=0.3) as site:
        stream = await site.connect()
        await stream.send_all(head(b"/v1/track", 1_000_000))
        async with trio.open_nursery() as nursery:

            async def trickle() -> None:
                while True:
                    await stream.send_all(b" ")
                    await trio.sleep(0.01)

            nursery.start_soon(trickle)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 408 ")
            nursery.cancel_scope.cancel()


async def test_a_client_that_leaves_is_forgotten():
    async with open_site() as site:
        for sent in (b"", b"POST /v1/tra", head(b"/v1/track", 100), head(b"/v1/track", 100) + b"{", head(b"/x", 9)):
            stream = await site.connect()
            await stream.send_all(sent)
            await stream.aclose()
        assert (await site.post("/v1/track", {"event": "e", "userId": "u"})).status_code == 200
        assert len(site.journal.committed) == 1


async def test_an_unwanted_body_is_read_so_that_the_answer_arrives():
    async with open_site() as site:
        for path, extra, status in [
            (b"/v1/track", b"", b"413"),
            (b"/v1/track", b"Authorization: Basic eA==\r\n", b"401"),
            (b"/v1/m", b"", b"200"),
            (b"/nowhere", b"", b"404"),
        ]:
            stream = await site.connect()
            await stream.send_all(head(path, 10_000_000, extra))
            for _ in range(100):
                await stream.send_all(b"x" * 100_000)
            assert (await stream.receive_some()).startswith(b"HTTP/1.1 " + status)


async def test_an_endless_body_is_answered_all_the_same():
    async with open_site(patience_seconds=0.3) as site:
        for path in (b"/v1/track", b"/nowhere"):
            stream = await site.connect()
            await stream.send_all(head(path, 10_000_000_000))
            try:
                with trio.fail_after(10):
                    while True:
                        await stream.send_all(b"x" * 100_000)
            except trio.BrokenResourceError:
                pass  # it hung up


async def test_all_requests_together_hold_no_more_than_there_is_room_for():
    async with open_site(largest_body=16_000_001, patience_seconds=100) as site:
        streams = [await site.connect() for _ in range(5)]
        for stream in streams:
            await stream.send_all(head(b"/v1/track", 16_000_000) + b" " * 15_999_999)
        await trio.testing.wait_all_tasks_blocked(0.05)
        response = await site.post("/v1/track", b" " * 100_000)
        assert response.status_code == 429
        assert response.json()["code"] == "overloaded"
        assert response.headers["retry-after"] == "1"
        for stream in streams:
            await stream.aclose()
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert (await site.post("/v1/track", {"event": "e", "userId": "u"})).status_code == 200
