"""History over HTTP: messages line by line, in batches that go along with what happens meanwhile."""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Protocol

import trio
from quart import request

from segd.core.errors import MessageError
from segd.core.events.line_stream import LineStream
from segd.core.events.messages import Event
from segd.core.events.plain import read_lines
from segd.core.events.refused_ids import RefusedIds
from segd.core.ports import Unavailable
from segd.core.time.instants import Instant
from segd.web.api.routing import Example, Part
from segd.web.api.shapes import daemon as shapes
from segd.web.api.shapes.base import Problem
from segd.web.streamed import StreamedBody, streamed_body

NDJSON: Final = "application/x-ndjson"
SHORT_SECONDS: Final = 0.02  # for a transaction with history in it, while events happen
LONG_SECONDS: Final = 0.06  # more than that, and they have to wait
LONGEST_SECONDS: Final = 2.0  # that history waits for them
LEAST: Final = 20  # messages in a transaction, however long it takes
MOST: Final = 2_000
PIECE: Final = 65_536  # bytes inflated and read at once: some milliseconds
IMPORTS: Final = 2  # at once: more would only make one another slower
SHOWN: Final = 100  # refused lines

_LINE = '{"type":"track","event":"Charged","userId":"ann","messageId":"h1","timestamp":"2026-05-01T12:00:00Z"}\n'


class HistoryJournal(Protocol):
    async def import_history(self, events: Sequence[Event], now: Instant) -> int:
        """Return once these are committed as history, which starts nothing live: how many were not there already.
        Raises Unavailable."""
        ...


def imports(
    journal: HistoryJournal,
    imported: Callable[[], Awaitable[None]],
    *,
    refused_ids: RefusedIds,
    now: Callable[[], Instant],
    ahead: int,
    busy: Callable[[], bool],
) -> Part:
    """imported: called after each import, also one that broke off. refused_ids: of which no message is taken. ahead:
    microseconds by which a message may lie ahead of now. busy: whether events happen meanwhile."""
    part = Part("import", "History, brought in beside what happens.")
    room = trio.CapacityLimiter(IMPORTS)

    @part.route(
        "POST", "/api/import", "Bring history in", scope="manage", raw_body=(NDJSON,), answer=shapes.Imported,
        errors=("bad_gzip", "overloaded", "too_slow"), example=Example(body=_LINE),
    )  # fmt: skip
    async def import_history() -> shapes.Imported:
        """Segment messages, one a line, plain or gzip, as many as one likes. Nothing live comes of them. What is there
        already is passed over, so a request that failed may be sent again: part of it may be in."""
        if not room.available_tokens:
            raise Unavailable("overloaded", f"{IMPORTS} imports are under way: wait until one is done", retry_after=5)
        async with room:
            taking = _Taking(journal, refused_ids, now, ahead, busy)
            try:
                await taking.all_of(streamed_body(request.scope))
            finally:
                with trio.CancelScope(shield=True):
                    await imported()
        return taking.told()

    return part


class Pace:
    """How much history goes along with events that happen: as much as leaves the transaction short, and those that come
    in as long a time after it have theirs for themselves; in a longer one where they had to wait.

    busy: whether events happen. most: how many messages may be in the next transaction.
    """

    def __init__(self, busy: Callable[[], bool]) -> None:
        self._busy = busy
        self.most = LEAST if busy() else MOST

    def pause(self, messages: int, took: float) -> float:
        """How many seconds to wait, after a transaction of so many messages that took so many seconds, with those that
        it waited itself. Changes `most`."""
        if not self._busy():
            self.most = MOST
            return 0.0
        if messages >= self.most:
            self.most = round(min(MOST, max(LEAST, messages * SHORT_SECONDS / max(took, 0.001))))
        return min(took * max(1.0, took / LONG_SECONDS), LONGEST_SECONDS)


class _Taking:
    """One request."""

    def __init__(
        self,
        journal: HistoryJournal,
        refused_ids: RefusedIds,
        now: Callable[[], Instant],
        ahead: int,
        busy: Callable[[], bool],
    ) -> None:
        self._journal = journal
        self._refused_ids = refused_ids
        self._now = now
        self._latest = now() + ahead
        self._ahead = ahead
        self._pace = Pace(busy)
        self._batch: list[tuple[int, Event]] = []  # with the numbers of their lines
        self._taken = self._imported = self._junk_ids = 0
        self._refused = Counter[str]()
        self._problems: list[Problem] = []

    async def all_of(self, body: StreamedBody) -> None:
        """Trio. Raises DamagedError, as `body` does, and as the journal."""
        lines = LineStream(PIECE)
        while not body.ended:
            await self._take(lines.feed(await body.chunk()))
        await self._take(lines.end())
        if self._batch:
            await self._write()

    def told(self) -> shapes.Imported:
        repeated = self._taken - self._imported
        problems = sorted(self._problems, key=lambda one: int(one.path))
        return shapes.Imported(self._imported, repeated, dict(self._refused), problems, self._junk_ids)

    async def _take(self, runs: Iterable[tuple[int, bytes]]) -> None:
        for first, run in runs:
            await trio.lowlevel.checkpoint()
            for offset, event in read_lines(run, ahead=self._ahead, latest=self._latest):
                if isinstance(event, MessageError):
                    self._refuse(first + offset, event)
                    continue
                self._batch.append((first + offset, event))
                if len(self._batch) >= self._pace.most:
                    await self._write()

    def _refuse(self, line: int, error: MessageError) -> None:
        self._refused[error.code] += 1
        if len(self._problems) < SHOWN:
            self._problems.append(Problem(str(line), error.message))

    async def _write(self) -> None:
        batch, self._batch = self._batch, []
        began = trio.current_time()
        self._imported += await self._import(batch)
        await trio.sleep(self._pace.pause(len(batch), trio.current_time() - began))

    async def _import(self, batch: Sequence[tuple[int, Event]]) -> int:
        """Once there is room for them: events that happen now come first."""
        while True:
            batch = [one for one in batch if self._is_welcome(*one)]  # again: somebody may be forgotten meanwhile
            try:
                imported = await self._journal.import_history([event for _, event in batch], self._now())
            except Unavailable as error:
                if error.code != "overloaded":
                    raise
                await trio.sleep(error.retry_after)
                continue
            self._taken += len(batch)
            self._junk_ids += sum(event.junk for _, event in batch)
            return imported

    def _is_welcome(self, line: int, event: Event) -> bool:
        try:
            self._refused_ids.check(event, self._now())
        except MessageError as error:
            self._refuse(line, error)
            return False
        return True
