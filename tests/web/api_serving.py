"""All of HTTP on a real socket, with a real store and journal, and nobody who follows that."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import msgspec
import trio
from hypercorn.config import Config
from hypercorn.trio import serve

from segd.actors.feeds import Feeds
from segd.actors.figures import Figures
from segd.actors.posting import Poster
from segd.actors.webhooks import Webhooks
from segd.assembly import Parts, assemble
from segd.backtests import Backtests
from segd.config import load_config
from segd.core.effects import Effects, Group, Logged
from segd.core.events.messages import accept, decode
from segd.core.events.refused_ids import RefusedIds
from segd.core.time.instants import DAY, HOUR, MINUTE, Instant, parse_timestamp, to_text
from segd.store.bridge import Pool, open_pool
from segd.store.journal import JournalSettings, PostgresJournal
from segd.store.log import PostgresLog
from segd.store.tokens import Tokens
from segd.store.webhooks import PostgresWebhooks
from segd.web.api.frames import Wording
from segd.web.api.segments import CART
from segd.web.api.webhooks import delivery
from segd.web.auth import Guard
from segd.web.rejected import Rejected

NOW = parse_timestamp("2026-11-22T12:00:00Z")
ZONE = "Europe/Berlin"


@dataclass
class Api:
    """What a test talks to. now: of everything behind the API; may be set."""

    url: str
    client: httpx.AsyncClient
    pool: Pool
    journal: PostgresJournal
    tokens: Tokens
    guard: Guard
    clock: list[Instant]
    rejected: Rejected
    sequence: int = 0

    async def said(self, name: str, user: str, ago: int, **more: Any) -> None:
        """A message is committed. ago: microseconds before now."""
        self.sequence += 1
        message = {"type": "track", "event": name, "userId": user, "messageId": f"m{self.sequence}"} | more
        message["timestamp"] = to_text(self.clock[0] - ago)
        event = accept(decode(json.dumps(message).encode()), received_at=self.clock[0], content=b"")
        await self.journal.append([event])

    async def ask(self, method: str, path: str, status: int = 200, **kwargs: Any) -> Any:
        """The answer, which has that status."""
        response = await self.client.request(method, path, **kwargs)
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    async def seed(self) -> None:
        """A shop of three users, and the segment 1, that the examples of the API are about."""
        await self.said("$identify", "ann", 2 * DAY, type="identify", traits={"tier": "platinum", "name": "Ann"})
        await self.said("Added To Cart", "ann", DAY, properties={"price": 12})
        await self.said("Added To Cart", "bob", 3 * HOUR)
        await self.said("Added To Cart", "ann", 2 * HOUR)
        await self.said("Charged", "bob", HOUR)
        await self.said("Page Read", "cid", 30 * MINUTE)
        await self.ask("POST", "/api/segments", 201, json={"definition": CART})


class Idle:
    """A follower that has nothing to do."""

    def __init__(self) -> None:
        self._effects = Effects(0)

    def committed(self, group: Group) -> None:
        self._effects.settled = group.position

    async def follow(self) -> None:
        await trio.lowlevel.checkpoint()

    def effects(self) -> Effects:
        return self._effects

    def written(self, logged: Sequence[Logged]) -> None:
        pass

    def seconds_until_due(self) -> float:
        return 3600.0

    def interrupted(self, since: Instant, until: Instant) -> None:
        pass


@asynccontextmanager
async def open_api(
    dsn: str, *, listening: str = "127.0.0.1", hosts: Sequence[str] = (), seeded: bool = True
) -> AsyncGenerator[Api]:
    clock = [NOW]

    def now() -> Instant:
        return clock[0]

    zone = ZoneInfo(ZONE)
    settings = JournalSettings(
        late_band=2 * HOUR, group_seconds=0.002, group_events=5000, waiting_events=50_000, waiting_bytes=64_000_000,
        catch_up=0,
    )  # fmt: skip
    config = msgspec.structs.replace(load_config(environment={}), zone=ZONE)
    async with open_pool(dsn, 6) as pool:
        journal = PostgresJournal(pool, settings, Idle(), zone=zone, now=now, tell=lambda _: None)
        tokens, log, rejected, wording = Tokens(pool, now), PostgresLog(pool), Rejected(), Wording()
        guard = Guard(tokens, listening=listening, hosts=hosts)
        feeds = Feeds(wording, log.beside, rejected, now)
        figures = Figures(
            now,
            at_hand=lambda: (0, 0),
            watchers=feeds.watchers,
            rejected=lambda: rejected.count,
            unready=journal.unready,
        )
        delivering = Webhooks(PostgresWebhooks(pool), log, feeds, Poster(private=False), delivery, now)
        backtests = Backtests(pool.dsn, ZONE, now)
        parts = Parts(
            config, pool, journal, feeds, figures, wording, rejected, tokens, log, frozenset({"wk", "WRITE_KEY"}),
            RefusedIds(), delivering, backtests, now, False,
        )  # fmt: skip
        app = assemble(parts, guard)
        binding = Config()
        binding.bind = ["127.0.0.1:0"]
        binding.errorlog = binding.accesslog = None
        with trio.fail_after(240):
            async with aclosing(backtests), trio.open_nursery() as nursery:
                for part in (journal, feeds, delivering, guard):
                    await nursery.start(part.run)
                [url] = await nursery.start(partial(serve, app, binding, mode="asgi"))
                async with httpx.AsyncClient(base_url=url, timeout=120, verify=False) as client:
                    api = Api(url, client, pool, journal, tokens, guard, clock, rejected)
                    if seeded:
                        await api.seed()
                    yield api
                nursery.cancel_scope.cancel()
