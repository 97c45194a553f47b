"""What a client posted, inflated: bounded for each request, and for all of them together."""

import zlib
from collections.abc import Generator
from contextlib import contextmanager

from segd.core.ports import Unavailable
from segd.web.asgi import Incoming, RequestError

_GZIP = zlib.MAX_WBITS | 16
_ZLIB = zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS

_MEMBERS = 100  # that one gzip body may have: who writes several writes a few, and each costs a copy of what follows

_WINDOWS = {"": 0, "identity": 0, "gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}


class Room:
    """How many bytes the requests at hand may hold together, so that many large ones are no danger."""

    def __init__(self, most: int) -> None:
        self._left = most

    @contextmanager
    def share(self) -> Generator["Share"]:
        """What one request takes; it is all given back in the end."""
        share = Share(self)
        try:
            yield share
        finally:
            self._left += share.size

    def take(self, size: int) -> None:
        if size > self._left:
            raise Unavailable("overloaded", "too many requests at once", retry_after=1)
        self._left -= size


class Share:
    def __init__(self, room: Room) -> None:
        self.size = 0
        self._room = room

    def take(self, size: int) -> None:
        """Raises Unavailable `overloaded` where there is no room."""
        self._room.take(size)
        self.size += size


async def read_body(incoming: Incoming, encoding: bytes | None, *, largest: int, share: Share) -> bytes:
    """The whole of it, inflated, at most `largest` bytes. Raises RequestError, Unavailable, and as `incoming` does.

    encoding: the request's Content-Encoding.
    """
    name = (encoding or b"").decode("latin-1").strip().lower()
    window = _WINDOWS.get(name)
    if window is None:
        raise RequestError("bad_encoding", f"Content-Encoding: expected gzip or deflate, found {name}")
    chunks: list[bytes] = []
    size = 0
    while not incoming.ended:
        chunk = await incoming.chunk()
        size += len(chunk)
        if size > largest:
            raise _too_large(largest)
        share.take(len(chunk))
        chunks.append(chunk)
    body = b"".join(chunks)
    if window:
        body = _inflate(body, window, largest)
        share.take(len(body))
    return body


def _inflate(content: bytes, window: int, largest: int) -> bytes:
    if window == _ZLIB and not _has_zlib_header(content):
        window = _RAW  # what some clients understand by deflate
    parts: list[bytes] = []
    size = 0
    while content or not parts:
        if len(parts) == _MEMBERS:
            raise RequestError("bad_encoding", f"the body cannot be inflated: it has more than {_MEMBERS} gzip members")
        member = zlib.decompressobj(window)
        try:
            part = member.decompress(content, largest + 1 - size)
        except zlib.error as error:
            raise RequestError("bad_encoding", f"the body cannot be inflated: {error}") from None
        parts.append(part)
        size += len(part)
        if size > largest:
            raise _too_large(largest)
        if not member.eof:
            raise RequestError("bad_encoding", "the body cannot be inflated: it ends too early")
        content = member.unused_data if window == _GZIP else b""  # gzip may have several members
    return b"".join(parts)


def _has_zlib_header(content: bytes) -> bool:
    return len(content) > 1 and content[0] & 15 == 8 and (content[0] << 8 | content[1]) % 31 == 0


def _too_large(largest: int) -> RequestError:
    return RequestError("too_large", f"expected at most {largest:,} bytes a request, inflated")
