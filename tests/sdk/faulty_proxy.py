"""A proxy before a daemon that at first answers every fourth request with 503 instead, and of every fourth gets the
answer and does not pass it on."""

import re
from collections.abc import Awaitable, Callable

import trio

UNAVAILABLE = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Type: application/json\r\nContent-Length: 42\r\n"
    b'Connection: close\r\n\r\n{"code":"unavailable","message":"not now"}'
)
FAULTY = 16  # requests; without an end one unlucky batch would wait for minutes, as long as its SDK backs off


class FaultyProxy:
    """port: its own. before: called with the number of each request, from 1, before that goes on to the daemon."""

    def __init__(self, to_port: int, before: Callable[[int], Awaitable[None]]) -> None:
        self.port = 0
        self._to_port = to_port
        self._before = before
        self._requests = 0

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.port = listener.socket.getsockname()[1]
        task_status.started()
        await trio.serve_listeners(self._serve, [listener])

    async def _serve(self, client: trio.SocketStream) -> None:
        """One request, and no more on this connection."""
        async with client:
            try:
                request = await _read_request(client)
                if request is None:
                    return
                self._requests += 1
                number = self._requests
                fault = number % 4 if number <= FAULTY else None
                if fault == 2:
                    await client.send_all(UNAVAILABLE)
                    return
                await self._before(number)
                answer = await self._forwarded(request)
                if fault != 0:
                    await client.send_all(answer)
            except (OSError, trio.BrokenResourceError):
                pass  # the daemon is away, or the client: the other notices as it would without us

    async def _forwarded(self, request: bytes) -> bytes:
        answer = b""
        async with await trio.open_tcp_stream("127.0.0.1", self._to_port) as daemon:
            await daemon.send_all(request)
            async for chunk in daemon:
                answer += chunk
        return answer


async def _read_request(client: trio.SocketStream) -> bytes | None:
    """All of it, made to be the last of its connection; None where there is none."""
    request = b""
    length = None
    while length is None or len(request) < length:
        chunk = await client.receive_some()
        if not chunk:
            return None
        request += chunk
        head, end, _ = request.partition(b"\r\n\r\n")
        if end and length is None:
            size = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            length = len(head) + 4 + (int(size[1]) if size else 0)
    head, end, body = request.partition(b"\r\n\r\n")
    head = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head)
    return head + b"\r\nConnection: close" + end + body
