"""Connections looked at and ended from outside, for Hypercorn gives nobody its sockets, and its sends cannot be
cancelled: they are found among the open files, by the addresses of their ends."""

import os
import socket
import stat
import sys
from collections.abc import Generator, Mapping
from contextlib import suppress
from typing import Any, Final

_LAST_RECEIVED: Final = 52  # where Linux's `struct tcp_info` has the milliseconds since something came


def break_connections(listener: socket.socket) -> int:
    """End all connections that a listening socket has accepted, at once; whoever sends or reads meets that as if the
    client were gone. Returns how many there were."""
    ours = listener.getsockname()[1]
    broken: set[Any] = set()  # other ends, for some connections are there twice
    for connection in _open_sockets():
        if connection.family == listener.family and connection.getsockname()[1] == ours:
            with suppress(OSError):  # it is the listener itself, or closed meanwhile
                broken.add(connection.getpeername())
                connection.shutdown(socket.SHUT_RDWR)
    return len(broken)


def accepted(scope: Mapping[str, Any]) -> socket.socket | None:
    """The connection that a request came by, as a socket to be closed; None for one that is not TCP's, or gone."""
    ends = [scope["server"], scope["client"]]
    if None in ends:
        return None
    for connection in _open_sockets():
        if connection.family in (socket.AF_INET, socket.AF_INET6):
            with suppress(OSError):
                if [connection.getsockname()[:2], connection.getpeername()[:2]] == [tuple(end) for end in ends]:
                    return _same(connection.fileno())
    return None


def silent_seconds(connection: socket.socket) -> float:
    """How long nothing has come from the other side. Raises OSError."""
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_RECEIVED + 4)
    return int.from_bytes(info[_LAST_RECEIVED:], sys.byteorder) / 1000


def _open_sockets() -> Generator[socket.socket]:
    """Each closed again when the next is asked for."""
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # closed meanwhile
            if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                with _same(int(name)) as connection:
                    yield connection


def _same(number: int) -> socket.socket:
    """Of the same connection. Not by `dup`, which would have whoever else has it wait in the kernel."""
    return socket.socket(fileno=os.dup(number))
