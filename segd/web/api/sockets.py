"""Websockets that are open, and what ends them: what is told does, a client that is silent, or one who may not ask.

Hypercorn's sends cannot be cancelled: where a client stops reading, its handler stays in `send` until the kernel ends
the connection. So nothing here waits for a client, but the client's own handler. And a client that stops reading while
there is little to tell is noticed by the pings that it does not answer.
"""

import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import trio
from quart import websocket

from segd.core.errors import SegdError
from segd.core.frames import Ending
from segd.web.auth import Guard
from segd.web.connections import accepted, silent_seconds
from segd.web.websockets import ping

QUIET_SECONDS: Final = 5.0  # after which a client is pinged
SILENCE_SECONDS: Final = 15.0  # after which one that does not answer is taken for dead
LOOK_SECONDS: Final = 1.0
REVOKED: Final = 4001, "the token was revoked, or the session is over"


async def answer(tell: Callable[[], Awaitable[Ending]], guard: Guard) -> None:
    """Trio. Accept, tell until the end, and close with what the end is. What the client says is passed over."""
    await websocket.accept()  # pyright: ignore[reportUnknownMemberType]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_pass_over)
        nursery.start_soon(_end_silence)
        code, reason = await _ended(tell, guard)
        await websocket.close(code, reason)
        nursery.cancel_scope.cancel()


async def _ended(tell: Callable[[], Awaitable[Ending]], guard: Guard) -> tuple[int, str]:
    closing = REVOKED
    with guard.lasting(websocket) as refused:
        async with trio.open_nursery() as nursery:

            async def until_refused() -> None:
                await refused.wait()
                nursery.cancel_scope.cancel()

            nursery.start_soon(until_refused)
            try:
                closing = (await tell()).value
            except SegdError:  # of the store, which was there a moment ago
                closing = Ending.AWAY.value
            nursery.cancel_scope.cancel()
    return closing


async def _pass_over() -> None:
    while True:
        await websocket.receive()


async def _end_silence() -> None:
    connection = accepted(websocket.scope)
    if connection is None:
        return
    with connection, suppress(OSError):  # it may break by itself
        while (silent := silent_seconds(connection)) < SILENCE_SECONDS:
            with trio.move_on_after(LOOK_SECONDS):
                if silent > QUIET_SECONDS and not await ping(websocket.scope):
                    return
                await trio.sleep_forever()
        connection.shutdown(socket.SHUT_RDWR)
