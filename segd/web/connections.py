"""Connections ended from outside, where a client that stopped reading holds up whoever sends to it."""

import os
import socket
import stat
from contextlib import suppress


def break_connections(listener: socket.socket) -> int:
    """End all connections that a listening socket has accepted, at once; whoever sends or reads meets that as if the
    client were gone. Returns how many there were.

    Hypercorn's sends cannot be cancelled, and it gives nobody its sockets: they are found by the address they share
    with the listener.
    """
    ours = listener.getsockname()[1]
    broken = 0
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # closed meanwhile
            if not stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                continue
            with socket.socket(fileno=os.dup(int(name))) as connection:
                if connection.family == listener.family and connection.getsockname()[1] == ours:
                    connection.getpeername()  # raises for the listener itself
                    connection.shutdown(socket.SHUT_RDWR)
                    broken += 1
    return broken
