"""The messages of several files as one stream, without what is no message and without repeats."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segd.core.errors import MessageError
from segd.core.instants import LATEST, Instant, to_text
from segd.core.messages import AHEAD, Event
from segd.core.plain import read_lines
from segd.files.lines import FileError, Progress, read_chunks
from segd.files.repeats import Repeats

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
    ahead: int = AHEAD,
    latest: Instant = LATEST,
    until: Instant = LATEST,
    refuse: Refuse = lambda path, number, error: None,
    progress: Progress = lambda read: None,
) -> Iterator[tuple[int, Event, bytes]]:
    """The events of the files in this order, each with the number of its line over all files, from 0, and the line.

    ahead: microseconds by which an event may lie ahead of its receipt. latest: events stamped after it are refused.
    until: those stamped after it are passed over.
    progress: told the bytes read so far, over all files. A file that breaks off is read up to there.
    """
    base = read_before = 0
    is_repeat = repeats.is_repeat
    for path in files:

        def tell(read: int, before: int = read_before) -> None:
            progress(before + read)

        try:
            for first, chunk in read_chunks(path, tell):
                lines = chunk.split(b"\n")
                for offset, event in read_lines(chunk, ahead=ahead):
                    if not isinstance(event, MessageError) and event.timestamp > latest:
                        event = _future(event)
                    if isinstance(event, MessageError):
                        counts.refused[event.code] += 1
                        refuse(path, first + offset, event)
                    elif is_repeat(event.message_id, base + offset):
                        counts.repeated += 1
                    elif event.timestamp > until:
                        counts.after_until += 1
                    else:
                        if event.junk:
                            counts.junk_ids += event.junk
                        yield base + offset, event, lines[offset]
                base += len(lines)
        except FileError as error:
            counts.broken.append(error.message)
        else:
            read_before += path.stat().st_size


def _future(event: Event) -> MessageError:
    return MessageError("future_timestamp", f"timestamp: expected one in the past, found {to_text(event.timestamp)}")
