"""Pings of websockets, which tell a client that hangs from one that has nothing to say.

Hypercorn would send some by itself, from the first instant on, and not end a connection until the next one is due; and
it gives applications none. But whoever sends for it is a method of the websocket.
"""

from contextlib import suppress
from typing import Any, Final

from hypercorn.protocol.events import Data
from hypercorn.protocol.ws_stream import WSStream
from wsproto.events import Ping
from wsproto.utilities import LocalProtocolError

from segd.web.asgi import Scope, Send

_KEY: Final = "segd.websocket"


def keep_pingable(scope: Scope, send: Send) -> None:
    """Have `ping` know how to."""
    scope[_KEY] = getattr(send, "__self__", None)


async def ping(scope: Any) -> bool:
    """Trio. Ping the client of this websocket; False where that cannot be done."""
    websocket = scope.get(_KEY)
    if not isinstance(websocket, WSStream):
        return False
    with suppress(LocalProtocolError):  # it is being closed
        await websocket.send(Data(stream_id=websocket.stream_id, data=websocket.connection.send(Ping())))
    return True
