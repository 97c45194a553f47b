"""One feed and those who watch it: frames at a pace that eyes can follow, put into words once for all."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

import trio

from segd.core.frames import Ending, Frame

FRAME_SECONDS: Final = 0.25  # at least, from one frame that shows users to the next
WAITING: Final = 128  # frames for one watcher, some 20 s of a busy feed; who does not read at all is ended earlier

Encode = Callable[[Frame], str]

_LOG = logging.getLogger(__name__)


class Watcher:
    """One who watches: `next` gives frame after frame."""

    def __init__(self) -> None:
        self.ending: Ending | None = None
        self._put, self._get = trio.open_memory_channel[str](WAITING)

    def put(self, text: str) -> None:
        """One who has fallen behind is cut off instead."""
        if self.ending is None:
            try:
                self._put.send_nowait(text)
            except trio.WouldBlock:
                self.end(Ending.FELL_BEHIND)

    def end(self, ending: Ending) -> None:
        """It gets what waits, and no more."""
        if self.ending is None:
            self.ending = ending
            self._put.close()

    async def next(self) -> str | None:
        """The text of the next frame; None at the end, and `ending` says why."""
        try:
            return await self._get.receive()
        except trio.EndOfChannel:
            return None


class Broadcast(ABC):
    """A feed. `changed` is to be set when there is something to show."""

    def __init__(self, encode: Encode) -> None:
        self.changed = trio.Event()
        self._encode = encode
        self._watchers: set[Watcher] = set()
        self._running = trio.CancelScope()

    @abstractmethod
    async def next_frame(self) -> Frame | None:
        """Some of what waits to be shown; None where nothing does."""

    async def run(self) -> None:
        """Show what waits, until `stop`: the first after a pause at once, what follows at its pace."""
        with self._running:
            while True:
                try:
                    await self._show()
                except Exception:
                    _LOG.exception("a feed failed")  # it is for eyes alone: nothing else depends on it
                    self.end(Ending.FAILED)

    def stop(self) -> None:
        self._running.cancel()

    async def _show(self) -> None:
        await self.changed.wait()
        self.changed = trio.Event()
        while frame := await self.next_frame():
            self.send(frame)
            await trio.sleep(FRAME_SECONDS)

    def send(self, frame: Frame) -> None:
        text = self._encode(frame)
        for watcher in self._watchers:
            watcher.put(text)

    def end(self, ending: Ending) -> None:
        """Send all who watch away."""
        for watcher in self._watchers:
            watcher.end(ending)

    @property
    def watchers(self) -> int:
        return len(self._watchers)

    @contextmanager
    def watched(self) -> Generator[Watcher]:
        """By one more, for the block."""
        watcher = Watcher()
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)
