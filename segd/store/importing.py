"""History from files into the store: many messages at a time, each exactly once however often a file is imported.

A file is read and parsed in a thread while the batch before it is written. A batch is one transaction, so an import
that ends early leaves whole batches, and another run passes over what is there. A message is there already when one
with the same name, timestamp and id is; within a run the id alone decides, as far back as `Repeats` remembers.
"""

import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from segd.core.errors import MessageError
from segd.core.events.messages import AHEAD, Event
from segd.core.events.refused_ids import RefusedIds
from segd.core.time.instants import Instant
from segd.files.columns import Columns
from segd.files.lines import Progress
from segd.files.messages import FILE, Counts, Refuse, read_messages
from segd.files.repeats import Repeats
from segd.store.bridge import Pool
from segd.store.entries import Entries, entry
from segd.store.forgetting import load_refused_ids
from segd.store.queries import query
from segd.store.session import CLOSING_SECONDS, Statements
from segd.store.writer import Writer, only_writer

BATCH = 20_000  # messages: larger ones are no faster, and each is held in memory three times
SWITCH_SECONDS = 0.0002
WAITING = 1  # batches parsed ahead of the one that is being written


@dataclass
class ImportSummary(Counts):
    """What an import did."""

    imported: int = 0

    @property
    def lines(self) -> int:
        """All that were read and not blank."""
        return self.imported + self.repeated + self.refused.total()


async def import_files(
    pool: Pool,
    files: Sequence[Path],
    now: Instant,
    summary: ImportSummary,
    *,
    columns: Columns | None = None,
    ahead: int = AHEAD,
    refuse: Refuse = lambda path, number, error: None,
    progress: Progress = lambda read: None,
) -> None:
    """Trio. Import the files in this order, one after the other; summary: grows with each batch that is in.

    columns: as of `read_messages`. now: when they are imported; messages stamped later by more than `ahead`
    microseconds are refused. refuse: called in a thread. A file that breaks off is imported up to there. Raises
    StoreError, with whole batches in; `writer_busy` where a daemon or another import is at work.
    """
    refused_ids = await load_refused_ids(pool, now)
    reading = _Reading(files, columns, refused_ids, now, ahead, summary, refuse)
    with _quick_switching():
        await _import(pool, reading, now, summary, progress)


@contextmanager
def _quick_switching() -> Generator[None]:
    """Let threads take turns often: while one parses, those that speak with Postgres need no more than a moment each
    time, and would wait five milliseconds for it. Measured: 15 s instead of 21 s for 457,000 messages."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


async def _import(pool: Pool, reading: "_Reading", now: Instant, summary: ImportSummary, progress: Progress) -> None:
    async with pool.acquire() as connection, only_writer(connection) as writer:
        batches = _Batches(writer, now)
        try:
            async with trio.open_nursery() as nursery:
                send, receive = trio.open_memory_channel[list[Event]](WAITING)
                nursery.start_soon(_read, reading, send)
                async for events in receive:
                    new = await batches.write(events)
                    summary.imported += new
                    summary.repeated += len(events) - new
                    progress(reading.bytes_read)
        except BaseExceptionGroup as group:  # a single one: whichever of the two fails, the other is cancelled
            raise group.exceptions[0] from None
        if summary.imported:
            await connection.execute(query("analyze"))
            await connection.execute(query("outdate_snapshots"))


async def _read(reading: "_Reading", send: trio.MemorySendChannel[list[Event]]) -> None:
    batches = reading.batches()
    async with send:
        while (batch := await trio.to_thread.run_sync(next, batches, None)) is not None:
            await send.send(batch)


class _Reading:
    """The files as batches of messages. bytes_read: of all files, so far."""

    def __init__(
        self,
        files: Sequence[Path],
        columns: Columns | None,
        refused_ids: RefusedIds,
        now: Instant,
        ahead: int,
        summary: ImportSummary,
        refuse: Refuse,
    ) -> None:
        self.bytes_read = 0
        self._refused_ids = refused_ids
        self._now = now
        self._files = files
        self._columns = columns
        self._ahead = ahead
        self._latest = now + ahead
        self._summary = summary
        self._refuse = refuse

    def batches(self) -> Iterator[list[Event]]:
        batch: list[Event] = []
        with Repeats() as repeats:
            messages = read_messages(
                self._files,
                self._summary,
                repeats,
                columns=self._columns,
                ahead=self._ahead,
                latest=self._latest,
                refuse=self._refuse,
                progress=self._progress,
            )
            for number, event, _ in messages:
                if self._is_forgotten(number, event):
                    continue
                batch.append(event)
                if len(batch) == BATCH:
                    yield batch
                    batch = []
        if batch:
            yield batch

    def _is_forgotten(self, number: int, event: Event) -> bool:
        """Whether it is of somebody who is to stay forgotten."""
        try:
            self._refused_ids.check(event, self._now)
        except MessageError as error:
            self._summary.refused[error.code] += 1
            file, line = divmod(number, FILE)
            self._refuse(self._files[file], line + 1, error)
            return True
        return False

    def _progress(self, read: int) -> None:
        self.bytes_read = read


class _Batches:
    """Writes one batch after the other."""

    def __init__(self, writer: Writer, now: Instant) -> None:
        self._writer = writer
        self._entries = Entries(writer)
        self._now = now

    async def write(self, events: Sequence[Event]) -> int:
        """Trio. In one transaction; returns how many were new."""
        return await self._writer.connection.run(lambda session: self._write(session, events), CLOSING_SECONDS)

    async def _write(self, session: Statements, events: Sequence[Event]) -> int:
        async with session.transaction():
            events = await self._entries.without_stored(session, events)
            if events:
                entries = [entry(event, self._now, "imported", trusted=True) for event in events]
                group = await self._entries.write(session, entries)
                await self._writer.advance(session, self._writer.end._replace(position=group.position))
        return len(events)
