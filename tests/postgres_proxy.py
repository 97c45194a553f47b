"""A proxy in front of Postgres, which cuts its connections or forwards nothing."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit, urlunsplit

import trio

CHUNK = 1 << 16


class Proxy:
    """dsn: of the database, by way of the proxy. cut: how many connections were."""

    def __init__(self, dsn: str) -> None:
        self.dsn = ""
        self.cut = 0
        self._target = dsn
        self._scopes: set[trio.CancelScope] = set()
        self._open = trio.Event()
        self._open.set()

    def stall(self) -> None:
        """Forward nothing more, and leave connections open."""
        self._open = trio.Event()

    def go_on(self) -> None:
        self._open.set()

    def cut_all(self) -> None:
        """Close all connections, whatever is under way on them."""
        self.cut += len(self._scopes)
        for scope in self._scopes:
            scope.cancel()

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as nursery:
            (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
            nursery.start_soon(trio.serve_listeners, self._forward, [listener])
            port = listener.socket.getsockname()[1]
            target = urlsplit(self._target)
            user = target.netloc.rpartition("@")[0]
            self.dsn = urlunsplit(target._replace(netloc=f"{user}@127.0.0.1:{port}", query=""))
            task_status.started()

    async def _forward(self, client: trio.SocketStream) -> None:
        with trio.CancelScope() as scope, suppress(OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            self._scopes.add(scope)
            try:
                async with client, await self._connect() as server, trio.open_nursery() as nursery:
                    nursery.start_soon(self._pass_on, client, server, nursery.cancel_scope)
                    await self._pass_on(server, client, nursery.cancel_scope)
            finally:
                self._scopes.discard(scope)

    async def _pass_on(
        self, source: trio.abc.ReceiveStream, target: trio.abc.SendStream, ended: trio.CancelScope
    ) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while chunk := await source.receive_some(CHUNK):
                await self._open.wait()
                await target.send_all(chunk)
        ended.cancel()

    async def _connect(self) -> trio.abc.Stream:
        target = urlsplit(self._target)
        if folder := parse_qs(target.query).get("host"):
            port = parse_qs(target.query).get("port", ["5432"])[0]
            return await trio.open_unix_socket(f"{folder[0]}/.s.PGSQL.{port}")
        return await trio.open_tcp_stream(target.hostname or "127.0.0.1", target.port or 5432)


@asynccontextmanager
async def open_proxy(dsn: str) -> AsyncGenerator[Proxy]:
    """dsn: of a server on a socket of its own, or by TCP."""
    async with trio.open_nursery() as nursery:
        proxy = Proxy(dsn)
        await nursery.start(proxy.run)
        yield proxy
        nursery.cancel_scope.cancel()
