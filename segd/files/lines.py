"""Lines of event files: plain or gzip by their first bytes, in chunks of whole lines, each line with its number."""

import shutil
import sys
import tempfile
import zlib
from codecs import BOM_UTF8
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from segd.core.errors import SegdError
from segd.core.messages import LONGEST_MESSAGE

CHUNK = 1 << 20  # bytes read at a time: large enough to make reading cheap, small enough for progress to be smooth
STDIN = "-"
GZIP = b"\x1f\x8b"  # how it begins

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
            zipped = raw.read(2) == GZIP
            raw.seek(0)
            number, rest = 1, b""
            try:
                for block in _inflated(raw) if zipped else iter(lambda: raw.read(CHUNK), b""):
                    progress(raw.tell())
                    if number == 1 and not rest:
                        block = block.removeprefix(BOM_UTF8)
                    whole, newline, tail = block.rpartition(b"\n")
                    if not newline:
                        if len(rest) <= LONGEST_MESSAGE:  # a longer line is refused whatever else it holds
                            rest += block
                        continue
                    yield number, rest + whole
                    number += whole.count(b"\n") + 1
                    rest = tail
            except zlib.error as error:
                raise FileError(f"{path}: the gzip data is damaged after line {number - 1:,} ({error})") from None
            if rest:
                yield number, rest
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None


def _inflated(raw: BinaryIO) -> Iterator[bytes]:
    """The contents of a gzip file, of one member or several, as far as they go. Raises zlib.error where they break."""
    member = zlib.decompressobj(zlib.MAX_WBITS | 16)
    while block := raw.read(CHUNK):
        while block:
            if member.eof:
                member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            yield member.decompress(block, CHUNK)
            block = member.unconsumed_tail or member.unused_data.lstrip(b"\0")
    if not member.eof:
        raise zlib.error("it ends too early")


@contextmanager
def on_disk(path: str) -> Generator[Path, None, None]:
    """A path that can be read twice: standard input (`-`), and what is a pipe, is put into a temporary file first."""
    given = Path(path)
    if path != STDIN and (given.is_file() or not given.exists() or given.is_dir()):
        yield given
        return
    with tempfile.NamedTemporaryFile(prefix="segd-") as file:
        with nullcontext(sys.stdin.buffer) if path == STDIN else given.open("rb") as stream:
            shutil.copyfileobj(stream, file, CHUNK)
        file.flush()
        yield Path(file.name)
