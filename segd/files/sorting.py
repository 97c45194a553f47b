"""Lines put in order of (timestamp, number) on disk: runs sorted in memory, then merged."""

import heapq
import struct
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import IO

from segd.core.time.instants import Instant

Line = tuple[Instant, int, bytes]

RUN = 64 << 20  # bytes of lines sorted in memory at a time
_HEAD = struct.Struct("<qqI")


def in_order(lines: Iterable[Line], run: int = RUN) -> Iterator[Line]:
    """The lines by timestamp, then number. lines: read to their end before the first one comes back."""
    with ExitStack() as files:
        runs: list[IO[bytes]] = []
        held: list[Line] = []
        size = 0
        for line in lines:
            held.append(line)
            size += len(line[2]) + 100  # what the tuple and its integers take
            if size > run:
                file = files.enter_context(TemporaryFile(prefix="segd-"))
                _write(file, held)
                runs.append(file)
                held, size = [], 0
        held.sort()
        yield from heapq.merge(*map(_read, runs), held)


def _write(file: IO[bytes], held: list[Line]) -> None:
    held.sort()
    for timestamp, number, line in held:
        file.write(_HEAD.pack(timestamp, number, len(line)))
        file.write(line)
    file.seek(0)


def _read(file: IO[bytes]) -> Iterator[Line]:
    while head := file.read(_HEAD.size):
        timestamp, number, length = _HEAD.unpack(head)
        yield timestamp, number, file.read(length)
