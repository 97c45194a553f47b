"""Processes that read lines for a plan, where there are processors for them.

Reading a line and finding it good takes as long as all that follows, and needs nothing that was read before. So chunks
go to readers in turn, and come back as what the plan asks about, in order. Each reader has one chunk at a time: while
it writes what became of one, nothing is written to it, so that the two never wait for one another.
"""

import os
import pickle
import random
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from fcntl import fcntl
from typing import IO, cast

from segd.core.deciding.digested import Digested, digest_lines
from segd.core.deciding.plan import Plan
from segd.files.lines import CHUNK, FileError

if sys.platform == "linux":
    from fcntl import F_SETPIPE_SZ

MOST = 3  # whoever puts it all together has no work for more
PIPE = 2 * CHUNK  # bytes: a chunk goes in at once, without waking both sides again and again
WORTH = 16 << 20  # bytes of files that are read faster by processes, which take a quarter of a second to start

Chunks = Iterator[tuple[int, bytes]]  # whole lines, and the number of their first
Read = Callable[[Chunks], Iterator[Digested]]


@contextmanager
def open_readers(plan: Plan, ahead: int, size: int) -> Generator[Read, None, None]:
    """size: bytes of all that there is to read. A FileError comes after all that was read before it."""
    count = min(MOST, _processors())
    if count < 2 or size < WORTH:
        yield lambda chunks: (digest_lines(plan, first, chunk, ahead) for first, chunk in chunks)
        return
    # All must hash alike, for hashes tell which messages came before.
    environment = os.environ | {"PYTHONHASHSEED": str(random.randrange(1, 1 << 32))}
    with ExitStack() as stack:
        readers = [stack.enter_context(_reader(plan, ahead, environment)) for _ in range(count)]
        yield lambda chunks: _read(readers, chunks)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Reader:
    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._to = cast(IO[bytes], process.stdin)
        self._from = cast(IO[bytes], process.stdout)
        if sys.platform == "linux":
            for pipe in (self._to, self._from):
                with suppress(OSError):  # to users with very many pipes it is denied
                    fcntl(pipe, F_SETPIPE_SZ, PIPE)

    def send(self, given: object) -> None:
        pickle.dump(given, self._to, pickle.HIGHEST_PROTOCOL)
        self._to.flush()

    def receive(self) -> Digested:
        return pickle.load(self._from)

    def close(self) -> None:
        self._to.close()


@contextmanager
def _reader(plan: Plan, ahead: int, environment: dict[str, str]) -> Generator[_Reader, None, None]:
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        reader = _Reader(process)
        try:
            reader.send((plan, ahead))
            yield reader
        finally:
            process.kill()
            with suppress(BrokenPipeError):  # by what was interrupted half-way
                reader.close()


def _read(readers: list[_Reader], chunks: Chunks) -> Iterator[Digested]:
    idle = deque(readers)
    busy: deque[_Reader] = deque()
    broken: FileError | None = None
    try:
        for chunk in chunks:
            if idle:
                reader = idle.popleft()
                reader.send(chunk)
            else:
                reader = busy.popleft()
                digested = reader.receive()
                reader.send(chunk)  # so that it works while the other is gone through
                yield digested
            busy.append(reader)
    except FileError as error:
        broken = error
    for reader in busy:
        yield reader.receive()
    if broken is not None:
        raise broken


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    given, out = sys.stdin.buffer, sys.stdout.buffer
    plan, ahead = pickle.load(given)
    while True:
        try:
            first, chunk = pickle.load(given)
        except EOFError:
            return
        pickle.dump(digest_lines(plan, first, chunk, ahead), out, pickle.HIGHEST_PROTOCOL)
        out.flush()


if __name__ == "__main__":
    main()
