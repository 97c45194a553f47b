"""The messages of several files as a plan sees them: in chunks, without what is no message and without repeats."""

from array import array
from collections.abc import Container, Iterator, Sequence
from itertools import compress
from pathlib import Path

from segd.core.deciding.digested import Digested
from segd.core.errors import MessageError
from segd.core.time.instants import Instant
from segd.files.lines import FileError, Progress, read_chunks
from segd.files.messages import FILE, Counts, Refuse
from segd.files.readers import Read
from segd.files.repeats import Repeats


def read_digested(
    files: Sequence[Path],
    read: Read,
    counts: Counts,
    repeats: Repeats,
    *,
    until: Instant,
    refuse: Refuse,
    progress: Progress,
) -> Iterator[Digested]:
    """What `read_messages` finds, with the same numbers, chunk by chunk."""
    read_before = 0
    for index, path in enumerate(files):
        base = index * FILE

        def tell(read: int, before: int = read_before) -> None:
            progress(before + read)

        def chunks(path: Path = path, base: int = base) -> Iterator[tuple[int, bytes]]:
            for first, chunk in read_chunks(path, tell):
                yield base + first - 1, chunk

        try:
            for digested in read(chunks()):
                for number, code, reason in digested.refused:
                    counts.refused[code] += 1
                    refuse(path, number - base + 1, MessageError(code, reason))
                dropped = repeats.find(digested.keys, digested.numbers)
                counts.repeated += len(dropped)
                if max(digested.timestamps, default=until) > until:
                    rows = zip(digested.numbers, digested.timestamps, strict=True)
                    after = {number for number, at in rows if at > until} - dropped
                    counts.after_until += len(after)
                    dropped |= after
                yield _without(digested, dropped) if dropped else digested
        except FileError as error:
            counts.broken.append(error.message)
        else:
            read_before += path.stat().st_size


def _without(digested: Digested, dropped: Container[int]) -> Digested:
    kept = [number not in dropped for number in digested.numbers]
    return digested._replace(
        numbers=list(compress(digested.numbers, kept)),
        timestamps=array("q", compress(digested.timestamps, kept)),
        keys=array("q", compress(digested.keys, kept)),
        user_ids=list(compress(digested.user_ids, kept)),
        asked=[asked for asked in digested.asked if asked[0] not in dropped],
    )
