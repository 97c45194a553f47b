"""Websockets, where Hypercorn's are not all that is wanted; a websocket's `send` leads to what it makes of one.

Pings tell a client that hangs from one that has nothing to say. Hypercorn would send some by itself, from the first
instant on, and not end a connection until the next one is due; and it gives applications none. But whoever sends for it
is a method of the websocket.

What clients compress would be inflated before anybody asks how long it is, and half a megabyte can become half a
gigabyte. So nothing is compressed.
"""

from contextlib import suppress
from typing import Any, Final

from hypercorn.protocol.events import Data
from hypercorn.protocol.ws_stream import WSStream
from wsproto.events import Ping
from wsproto.utilities import LocalProtocolError

from segd.web.asgi import Scope, Send

_KEY: Final = "segd.websocket"


def prepare(scope: Scope, send: Send) -> None:
    """Before it is accepted: agree to no compression, and have `ping` know how to."""
    websocket = getattr(send, "__self__", None)
    if isinstance(websocket, WSStream):
        websocket.handshake.extensions = None
    scope[_KEY] = websocket


async def ping(scope: Any) -> bool:
    """Trio. Ping the client of this websocket; False where that cannot be done."""
    websocket = scope.get(_KEY)
    if not isinstance(websocket, WSStream):
        return False
    with suppress(LocalProtocolError):  # it is being closed
        await websocket.send(Data(stream_id=websocket.stream_id, data=websocket.connection.send(Ping())))
    return True
