"""The frames of a daemon's websocket, read from elsewhere."""

import ssl
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import SplitResult

import msgspec
import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection, wrap_client_stream

from segd.cli.client import UNAVAILABLE, reason_of
from segd.core.errors import SegdError

CONNECT_SECONDS: Final = 10.0
SILENCE_SECONDS: Final = 15.0  # from one ping to the next, and for its answer
LARGEST_FRAME: Final = 16_000_000  # bytes; 500 entries with the longest ids are some 2 MB

Frame = dict[str, Any]


class RefusedError(SegdError):
    """The daemon does not let us watch that; asking again would change nothing."""


class LostError(SegdError):
    """There is no connection, or none any more; it is worth trying again."""


async def read_frames(
    url: SplitResult, path: str, token: str | None, opened: Callable[[], None], take: Callable[[Frame], None]
) -> tuple[int, str]:
    """Hand over frame after frame until the daemon closes; the code and the reason it gives.

    url: of the daemon, http or https. opened: called once we are let in. Raises RefusedError, LostError.
    """
    headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
    async with await _connect(url) as stream:  # ours to close: trio-websocket leaves it open where the daemon closes
        try:
            async with trio.open_nursery() as nursery:
                with trio.fail_after(CONNECT_SECONDS):
                    connection = await wrap_client_stream(
                        nursery, stream, url.netloc, url.path.rstrip("/") + path, extra_headers=headers,
                        max_message_size=LARGEST_FRAME,
                    )  # fmt: skip
                opened()
                nursery.start_soon(_notice_silence, connection)
                closed = await _take_all(connection, take)
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            raise _of(group, url, token) from None
    return closed


async def _connect(url: SplitResult) -> trio.SocketStream | trio.SSLStream[trio.SocketStream]:
    host = url.hostname or ""
    try:
        with trio.fail_after(CONNECT_SECONDS):
            if url.scheme == "http":
                return await trio.open_tcp_stream(host, url.port or 80)
            stream = await trio.open_ssl_over_tcp_stream(host, url.port or 443, https_compatible=True)
            await stream.do_handshake()
            return stream
    except ssl.SSLCertVerificationError as error:
        raise RefusedError("bad_certificate", f"{url.netloc}: {error.verify_message}") from None
    except (OSError, trio.TooSlowError, trio.BrokenResourceError):
        raise LostError(
            "unreachable", f"nobody answers at {url.scheme}://{url.netloc}: is segd running there?"
        ) from None


async def _take_all(connection: WebSocketConnection, take: Callable[[Frame], None]) -> tuple[int, str]:
    try:
        while True:
            take(msgspec.json.decode(await connection.get_message()))
    except ConnectionClosed as closed:
        return (closed.reason.code, closed.reason.reason or "") if closed.reason else (1006, "")


async def _notice_silence(connection: WebSocketConnection) -> None:
    """Raises TooSlowError once the daemon, or the network, is gone without a word."""
    try:
        while True:
            await trio.sleep(SILENCE_SECONDS)
            with trio.fail_after(SILENCE_SECONDS):
                await connection.ping()
    except ConnectionClosed:
        pass  # whoever reads hears of it, too


def _of(group: BaseExceptionGroup[BaseException], url: SplitResult, token: str | None) -> BaseException:
    """What happened, of all that followed from it."""
    error = group.exceptions[0]
    match error:
        case BaseExceptionGroup():
            return _of(error, url, token)
        case ConnectionRejected(status_code=status, body=body):
            message = reason_of(body or b"", status, f"{url.scheme}://{url.netloc}", token=token)
            return LostError("unavailable", message) if status in UNAVAILABLE else RefusedError("refused", message)
        case trio.TooSlowError():
            return LostError("unreachable", "segd does not answer any more")
        case _:
            return error
