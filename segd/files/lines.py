"""Lines of event files: plain or gzip by their first bytes, in chunks of whole lines, each line with its number."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from segd.core.errors import SegdError
from segd.core.events.line_stream import DamagedError, LineStream

CHUNK = 1 << 18  # bytes read at a time: what is made of them should fit into the processor's cache
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
    lines = LineStream(CHUNK)
    try:
        with path.open("rb") as raw:
            while block := raw.read(CHUNK):
                progress(raw.tell())
                yield from lines.feed(block)
            yield from lines.end()
    except DamagedError as error:
        raise FileError(f"{path}: {error.message}") from None
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None


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
