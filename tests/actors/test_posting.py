"""POSTs to addresses that users named, on real sockets."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio

from segd.actors import posting
from segd.actors.posting import AddressError, Poster, UnknownHostError, check_url
from segd.core.webhooks import Attempt

Answer = Callable[[bytes, trio.SocketStream], Awaitable[None]]


@asynccontextmanager
async def receiver(answer: bytes | None) -> AsyncGenerator[tuple[int, list[bytes]]]:
    """A server that answers every request so, or never; its port and the requests."""
    requests: list[bytes] = []

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            while received := await stream.receive_some():
                while not received.endswith(b"{}"):
                    received += await stream.receive_some()
                requests.append(received)
                if answer is None:
                    await trio.sleep_forever()
                await stream.send_all(answer)

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            [listener] = await nursery.start(partial(trio.serve_tcp, handle, 0, host="127.0.0.1"))
            yield listener.socket.getsockname()[1], requests
            nursery.cancel_scope.cancel()


def response(status: str, body: bytes = b"", extra: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status.encode(), len(body), extra, body)


async def posted(url: str, *, private: bool = True, times: int = 1) -> list[Attempt]:
    async with Poster(private=private).open(url) as post:
        return [await post(b"{}", {"Content-Type": "application/json"}) for _ in range(times)]


async def test_it_is_posted_with_its_headers_over_one_connection():
    async with receiver(response("204 No Content")) as (port, requests):
        assert await posted(f"http://localhost:{port}/a?b=c", times=2) == [Attempt(True, 204, "answered 204")] * 2
        assert requests[0].startswith(b"POST /a?b=c HTTP/1.1\r\n")
        assert b"host: localhost:%d\r\n" % port in requests[0].lower()
        assert b"content-type: application/json" in requests[0].lower()


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (response("500 Oh No", b"x" * 1000), 500, "answered 500 Oh No"),
        (response("410 Gone"), 410, "answered 410 Gone"),
        (response("302 Found", extra=b"Location: http://127.0.0.1/\r\n"), 302, "answered 302 Found: redirects are not"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", None, "no answer: "),
    ],
)
async def test_any_other_answer_is_none(answer: bytes, status: int | None, message: str):
    async with receiver(answer) as (port, _):
        [attempt] = await posted(f"http://127.0.0.1:{port}/")
        assert (attempt.delivered, attempt.status) == (False, status)
        assert attempt.message.startswith(message)


async def test_who_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(posting, "ANSWER_SECONDS", 0.2)
    async with receiver(None) as (port, _):
        assert await posted(f"http://127.0.0.1:{port}/") == [Attempt(False, None, "no answer in 0.2 s")]


async def test_an_endless_answer_is_not_read(monkeypatch: pytest.MonkeyPatch):
    async with receiver(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n" + b"x" * 200_000) as (port, _):
        assert await posted(f"http://127.0.0.1:{port}/") == [Attempt(True, 200, "answered 200")]


async def test_nobody_there():
    async with receiver(None) as (port, _):
        pass
    [attempt] = await posted(f"http://127.0.0.1:{port}/")
    assert attempt.message.startswith("no answer: ")


async def test_our_own_network_is_not_posted_to():
    async with receiver(response("200 OK")) as (port, requests):
        for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "2130706433", "127.1"):
            [attempt] = await posted(f"http://{host}:{port}/", private=False)
            assert attempt.status is None
            assert "is not a public address" in attempt.message
        assert requests == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("10.0.0.1", False),
        ("172.16.5.4", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("2606:2800:220:1::1", True),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("ff02::1", False),
        ("::ffff:10.0.0.1", False),
        ("::127.0.0.1", False),
        ("::ffff:0:127.0.0.1", False),
        ("64:ff9b:1::7f00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("fec0::1", False),
        ("192.0.0.8", False),
        ("2002:0a00:0001::", False),
        ("64:ff9b::10.0.0.1", False),
        ("64:ff9b::93.184.216.34", True),
    ],
)
async def test_what_is_public(address: str, public: bool, monkeypatch: pytest.MonkeyPatch):
    async def named(*_: object, **__: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", ("93.184.216.34", 443)), (0, 0, 0, "", (address, 443))]

    monkeypatch.setattr(trio.socket, "getaddrinfo", named)
    poster = Poster(private=False)
    if public:
        assert await poster.resolve(check_url("https://example.com/")) == "93.184.216.34"
    else:
        with pytest.raises(AddressError, match="not a public address"):
            await poster.resolve(check_url("https://example.com/"))


async def test_the_connection_goes_to_the_address_that_was_looked_at(monkeypatch: pytest.MonkeyPatch):
    async with receiver(response("200 OK")) as (port, requests):
        answers = iter(["127.0.0.1"])

        async def named(*_: object, **__: object) -> list[tuple[object, ...]]:
            return [(0, 0, 0, "", (next(answers), port))]

        monkeypatch.setattr(trio.socket, "getaddrinfo", named)
        assert (await posted(f"http://rebinding.example:{port}/"))[0].delivered
        assert b"host: rebinding.example:%d\r\n" % port in requests[0].lower()


async def test_a_name_that_stands_for_nothing():
    with pytest.raises(UnknownHostError):
        await Poster(private=False).resolve(check_url("https://nothing.invalid/"))
    [attempt] = await posted("https://nothing.invalid/")
    assert attempt.message.startswith("nothing.invalid cannot be found")


@pytest.mark.parametrize(
    "url",
    [
        "", "example.com", "ftp://example.com/", "https://", "https:///x", "https://me:secret@example.com/",
        "https://a b.example/", "https://a..example/", "https://[fe80::1%25eth0]/", f"https://{'n' * 64}.example/",
        "h" * 3000,
    ],
)  # fmt: skip
def test_an_address_that_is_none(url: str):
    with pytest.raises(AddressError, match="expected an address"):
        check_url(url)


@pytest.mark.parametrize("url", ["https://example.com:0/", "https://example.com:65536/"])
def test_a_port_that_is_none(url: str):
    with pytest.raises(AddressError, match="expected a port"):
        check_url(url)


@pytest.mark.parametrize("host", ["xn--", "xn--zz--zz", f"{'n' * 63}.{'n' * 63}.{'n' * 63}.{'n' * 63}.invalid"])
async def test_a_name_that_cannot_be(host: str):
    """What it is in letters is never asked: that fails."""
    [attempt] = await posted(f"https://{host}/")
    assert attempt.message.startswith(f"{host} cannot be found")
