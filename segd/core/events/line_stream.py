"""A stream of bytes as runs of whole lines, each with its number: plain, or gzip by its first bytes."""

import zlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import Any

from segd.core.errors import SegdError
from segd.core.events.messages import LONGEST_MESSAGE

_GZIP = b"\x1f\x8b"  # how it begins
_HEAD = len(BOM_UTF8)  # bytes that tell what it is


class DamagedError(SegdError):
    """Gzip data that cannot be inflated, or not to their end."""


class LineStream:
    """piece: bytes that are inflated at a time.

    Lines are numbered from 1. Of what is too long to be a message, some is passed over, and it stays too long.
    """

    def __init__(self, piece: int) -> None:
        self._piece = piece
        self._head: bytes | None = b""  # what came until it is known what it is, then None
        self._member: Any = None  # what inflates a gzip file, which may have several
        self._number = 1  # of the line at hand
        self._rest = b""  # of the line at hand

    def feed(self, block: bytes) -> Iterator[tuple[int, bytes]]:
        """The lines that are whole now. To be gone through before the next. Raises DamagedError."""
        if self._head is not None:
            self._head += block
            if len(self._head) >= _HEAD:
                yield from self._begin(self._head)
        elif self._member is None:
            yield from self._split(block)
        else:
            yield from self._inflate(block)

    def end(self) -> Iterator[tuple[int, bytes]]:
        """The last line, where no newline ended it. Raises DamagedError where the data break off."""
        if self._head:
            yield from self._begin(self._head)
        if self._member is not None and not self._member.eof:
            raise self._damaged("it ends too early")
        if self._rest:
            yield self._number, self._rest

    def _begin(self, head: bytes) -> Iterator[tuple[int, bytes]]:
        self._head = None
        if head.startswith(_GZIP):
            self._member = _member()
            yield from self._inflate(head)
        else:
            yield from self._split(head)

    def _inflate(self, block: bytes) -> Iterator[tuple[int, bytes]]:
        while block:
            if self._member is None or self._member.eof:
                self._member = _member()
            try:
                inflated = self._member.decompress(block, self._piece)
            except zlib.error as error:
                raise self._damaged(str(error)) from None
            yield from self._split(inflated)
            block = self._member.unconsumed_tail or self._member.unused_data.lstrip(b"\0")

    def _split(self, block: bytes) -> Iterator[tuple[int, bytes]]:
        if self._number == 1 and not self._rest:
            block = block.removeprefix(BOM_UTF8)
        whole, newline, tail = block.rpartition(b"\n")
        if not newline:
            if len(self._rest) <= LONGEST_MESSAGE:
                self._rest += block
            return
        run, self._rest = self._rest + whole, tail
        number = self._number
        self._number += whole.count(b"\n") + 1
        yield number, run

    def _damaged(self, reason: str) -> DamagedError:
        return DamagedError("bad_gzip", f"the gzip data is damaged after line {self._number - 1:,} ({reason})")


def _member() -> Any:
    return zlib.decompressobj(zlib.MAX_WBITS | 16)
