"""The messages of several files as one stream, without what is no message and without repeats."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segd.core.errors import MessageError
from segd.core.events.messages import AHEAD, Event
from segd.core.events.plain import read_lines
from segd.core.time.instants import LATEST, Instant
from segd.files.columns import Columns
from segd.files.lines import FileError, Progress, read_chunks
from segd.files.repeats import Repeats

FILE = 1 << 40  # by which the numbers of the next file's lines are higher: no file has so many

Refuse = Callable[[Path, int, MessageError], None]  # a line that is no message: file, number, why


@dataclass
class Counts:
    """What was met on the way. refused: lines, by the code of why. after_until: events stamped after the end of what is
    asked for. junk_ids: dropped beside good ones. broken: files that could not be read to their end, and why."""

    refused: Counter[str] = field(default_factory=Counter[str])
    repeated: int = 0
    after_until: int = 0
    junk_ids: int = 0
    broken: list[str] = field(default_factory=list[str])


def read_messages(
    files: Sequence[Path],
    counts: Counts,
    repeats: Repeats,
    *,
    columns: Columns | None = None,
    ahead: int = AHEAD,
    latest: Instant = LATEST,
    until: Instant = LATEST,
    refuse: Refuse = lambda path, number, error: None,
    progress: Progress = lambda read: None,
) -> Iterator[tuple[int, Event, bytes]]:
    """The events of the files in this order, each with a number, rising over all files, and its line.

    columns: of CSV files, of which each row is made a message; None where the files hold messages, one a line.
    ahead: microseconds by which an event may lie ahead of its receipt. latest: events stamped after it are refused.
    until: those stamped after it are passed over.
    progress: told the bytes read so far, over all files. A file that breaks off is read up to there.
    """
    read_before = 0
    is_repeat = repeats.is_repeat
    for index, path in enumerate(files):
        base = index * FILE - 1

        def tell(read: int, before: int = read_before) -> None:
            progress(before + read)

        try:
            lines = _lines(path, ahead, latest, tell) if columns is None else columns.read(path, ahead, latest, tell)
            for number, event, line in lines:
                if isinstance(event, MessageError):
                    counts.refused[event.code] += 1
                    refuse(path, number, event)
                elif is_repeat(event.message_id, base + number):
                    counts.repeated += 1
                elif event.timestamp > until:
                    counts.after_until += 1
                else:
                    if event.junk:
                        counts.junk_ids += event.junk
                    yield base + number, event, line
        except FileError as error:
            counts.broken.append(error.message)
        else:
            read_before += path.stat().st_size


def _lines(
    path: Path, ahead: int, latest: Instant, progress: Progress
) -> Iterator[tuple[int, Event | MessageError, bytes]]:
    for first, chunk in read_chunks(path, progress):
        lines = chunk.split(b"\n")
        for offset, event in read_lines(chunk, ahead=ahead, latest=latest):
            yield first + offset, event, lines[offset]
