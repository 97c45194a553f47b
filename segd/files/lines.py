"""Lines of event files: plain or gzip by their first bytes, in chunks of whole lines, each line with its number."""

import gzip
import shutil
import sys
import tempfile
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from segd.core.errors import SegdError

CHUNK = 1 << 20  # bytes read at a time: large enough to make reading cheap, small enough for progress to be smooth
STDIN = "-"

Progress = Callable[[int], None]  # bytes of the file read so far


class FileError(SegdError):
    """A file that cannot be read, from the beginning or from some line on."""

    def __init__(self, message: str) -> None:
        super().__init__("bad_file", message)


def read_chunks(path: Path, progress: Progress = lambda read: None) -> Iterator[tuple[int, bytes]]:
    """Runs of whole lines, each with the number of its first line, from 1.

    Raises FileError where the file cannot be opened, or, after all lines that are whole, where it breaks off.
    """
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            file: BinaryIO = gzip.GzipFile(fileobj=raw) if zipped else raw  # type: ignore[assignment]
            number, rest = 1, b""
            broken: str | None = None
            while True:
                try:
                    block = file.read(CHUNK)
                except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                    block, broken = b"", str(error).rstrip(".")
                progress(raw.tell())
                if number == 1 and not rest:
                    block = block.removeprefix(BOM_UTF8)
                if not block:
                    break
                whole, newline, tail = block.rpartition(b"\n")
                if newline:
                    chunk = rest + whole
                    rest = tail
                    yield number, chunk
                    number += chunk.count(b"\n") + 1
                else:
                    rest += block
            if broken is not None:
                raise FileError(f"{path}: the gzip data is damaged after line {number - 1:,} ({broken})")
            if rest:
                yield number, rest
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None


@contextmanager
def on_disk(path: str) -> Generator[Path, None, None]:
    """A path that can be read twice: standard input (`-`) is put into a temporary file first."""
    if path != STDIN:
        yield Path(path)
        return
    with tempfile.NamedTemporaryFile(prefix="segd-") as file:
        shutil.copyfileobj(sys.stdin.buffer, file, CHUNK)
        file.flush()
        yield Path(file.name)
