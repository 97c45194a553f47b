"""The logs of segments, posted to whoever asked for that: every entry at least once, in order, in batches.

Each webhook has a task that reads the log from the webhook's cursor and posts what it finds; what was taken moves the
cursor, which is stored, so that nothing is held in memory but the batch at hand. What was not taken is posted again,
after longer and longer pauses, until it is or a day is over.
"""

import hmac
import logging
import random
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from typing import Final, Protocol

import trio

from segd.actors.posting import Post, Poster, UnknownHostError, check_url
from segd.core.effects import Logged
from segd.core.errors import SegdError
from segd.core.frames import Ending
from segd.core.time.instants import DAY, SECOND, Instant
from segd.core.webhooks import Attempt, Webhook

BATCH: Final = 500  # entries
PACE_SECONDS: Final = 0.5  # from one batch that is not full to the next, so that there are few
FIRST_PAUSE_SECONDS: Final = 1.0  # after a failure; doubled after each more
LONGEST_PAUSE_SECONDS: Final = 900.0
PATIENCE: Final = DAY  # of failures
ENOUGH: Final = 20  # failures one after the other, for so long a time as a wrong clock makes is none: some three hours
AWAY_SECONDS: Final = 1.0  # until a database that is away is asked again
LOOK_SECONDS: Final = 60.0  # until the store is asked again: a segd that loses its place may have changed it

_LOG = logging.getLogger(__name__)


class Store(Protocol):
    """Webhooks, kept. Its methods raise SegdError while it cannot be reached."""

    async def all(self) -> list[Webhook]: ...

    async def get(self, number: int) -> Webhook | None: ...

    async def add(self, segment: int, url: str, secret: str, cursor: int, now: Instant) -> int: ...

    async def drop(self, number: int) -> None: ...

    async def delivered(self, number: int, before: int, cursor: int, now: Instant) -> None:
        """All entries up to the cursor. before: where they began; no change of it meanwhile is undone."""
        ...

    async def failed(self, number: int, reason: str, now: Instant) -> Instant:
        """Since when it fails."""
        ...

    async def switch_off(self, number: int, reason: str) -> None: ...

    async def rewind(self, number: int, cursor: int) -> None:
        """Deliver what comes after the cursor, be it off or not."""
        ...


class Log(Protocol):
    """What was told of segments. Its methods raise SegdError while it cannot be reached."""

    async def after(self, segment: int, cursor: int, most: int) -> list[Logged]: ...

    async def end(self) -> int:
        """The cursor of the last entry of all."""
        ...


class Notices(Protocol):
    def notice(self, segment: int) -> trio.Event:
        """Set once the segment's log has got more entries, or nothing more will come."""
        ...

    def ending(self, segment: int) -> Ending | None:
        """Why nothing more will come of it; None where more may come."""
        ...


Encode = Callable[[Webhook, Sequence[Logged]], bytes]
"""The body of a delivery; without entries, of a test."""


class Webhooks:
    """All webhooks. `run` must be running for anything to be delivered."""

    def __init__(
        self, store: Store, log: Log, notices: Notices, poster: Poster, encode: Encode, now: Callable[[], Instant]
    ) -> None:
        self._store = store
        self._log = log
        self._notices = notices
        self._poster = poster
        self._encode = encode
        self._now = now
        self._nursery: trio.Nursery | None = None
        self._delivering: dict[int, trio.CancelScope] = {}
        self._unsure = trio.Event()  # whether there are others than those that are delivered

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Deliver until cancelled, which stops at once: what was under way may come again."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            while True:
                self._unsure = trio.Event()
                try:
                    for webhook in await self._store.all():
                        self._start(webhook.number)
                except SegdError:
                    await trio.sleep(AWAY_SECONDS)
                else:
                    with trio.move_on_after(LOOK_SECONDS):
                        await self._unsure.wait()

    # What people do with them

    async def all(self) -> list[Webhook]:
        return await self._store.all()

    async def create(self, segment: int, url: str, after: int | None) -> Webhook:
        """after: a cursor; None for what comes from now on. Raises AddressError, and SegdError `not_found` where the
        segment is deleted meanwhile."""
        with suppress(UnknownHostError):  # it may be there tomorrow
            await self._poster.resolve(check_url(url))
        cursor = await self._log.end() if after is None else after
        try:
            number = await self._store.add(segment, url, secrets.token_urlsafe(32), cursor, self._now())
            self._start(number)
            webhook = await self._store.get(number)
        except SegdError:
            self._unsure.set()  # it may be there all the same
            raise
        if webhook is None:
            raise SegdError("not_found", "the segment was deleted meanwhile, and its webhooks with it")
        return webhook

    async def delete(self, number: int) -> bool:
        """Whether there was one."""
        known = await self._store.get(number) is not None
        await self._store.drop(number)
        self._stop(number)
        return known

    async def redeliver(self, number: int, after: int) -> Webhook | None:
        """Send all that comes after a cursor again; what is off is switched on. None where there is none such."""
        try:
            await self._store.rewind(number, after)
        finally:
            self._stop(number)  # who may have read already, and wait for what comes after that
            self._unsure.set()
        return await self._store.get(number)

    async def test(self, number: int) -> Attempt | None:
        """Post a delivery without entries. None where there is none such."""
        webhook = await self._store.get(number)
        if webhook is None:
            return None
        async with self._poster.open(webhook.url) as post:
            return await self._post(post, webhook, [])

    # Delivering

    def _start(self, number: int) -> None:
        assert self._nursery, "run is running"
        if number not in self._delivering:
            scope = self._delivering[number] = trio.CancelScope()
            self._nursery.start_soon(self._keep_delivering, number, scope)

    def _stop(self, number: int) -> None:
        if scope := self._delivering.pop(number, None):
            scope.cancel()

    async def _keep_delivering(self, number: int, scope: trio.CancelScope) -> None:
        try:
            with scope:
                while True:
                    try:
                        return await self._deliver(number)
                    except SegdError:
                        await trio.sleep(AWAY_SECONDS)
                    except Exception:
                        _LOG.exception("webhook %d failed", number)  # it alone: nothing else depends on it
                        await trio.sleep(LONGEST_PAUSE_SECONDS)
        finally:
            if self._delivering.get(number) is scope:
                del self._delivering[number]

    async def _deliver(self, number: int) -> None:
        """Until there is nothing more to deliver, ever. Raises SegdError of store and log."""
        failures = 0
        webhook = await self._store.get(number)
        if webhook is None:
            return
        async with self._poster.open(webhook.url) as post:
            while webhook is not None and webhook.status == "running":
                notice = self._notices.notice(webhook.segment)
                entries = await self._log.after(webhook.segment, webhook.cursor, BATCH)
                if entries:
                    attempt = await self._post(post, webhook, entries)
                    failures = 0 if attempt.delivered else failures + 1
                    await self._note(webhook, entries, attempt, failures)
                    await trio.sleep(_pause_seconds(failures, len(entries)))
                elif self._notices.ending(webhook.segment):
                    return
                else:
                    with trio.move_on_after(LOOK_SECONDS):
                        await notice.wait()
                webhook = await self._store.get(number)

    async def _note(self, webhook: Webhook, entries: Sequence[Logged], attempt: Attempt, failures: int) -> None:
        if attempt.delivered:
            await self._store.delivered(webhook.number, webhook.cursor, entries[-1].cursor, self._now())
            return
        since = await self._store.failed(webhook.number, attempt.message, self._now())
        if self._now() >= since + PATIENCE and failures >= ENOUGH:
            await self._store.switch_off(webhook.number, f"failed for a day; lastly: {attempt.message}")

    async def _post(self, post: Post, webhook: Webhook, entries: Sequence[Logged]) -> Attempt:
        body = self._encode(webhook, entries)
        timestamp = str(self._now() // SECOND)
        signature = hmac.digest(webhook.secret.encode(), f"{timestamp}.".encode() + body, sha256).hex()
        return await post(
            body,
            {
                "Content-Type": "application/json",
                "User-Agent": "segd",
                "Segd-Timestamp": timestamp,
                "Segd-Signature": f"v1={signature}",
            },
        )


def _pause_seconds(failures: int, entries: int) -> float:
    if failures:
        longest = min(FIRST_PAUSE_SECONDS * 2 ** min(failures - 1, 20), LONGEST_PAUSE_SECONDS)
        return longest * random.uniform(0.5, 1)  # so that many that failed together do not come together
    return PACE_SECONDS if entries < BATCH else 0.0
