"""What the daemon serves over HTTP, put together: every part of the API with what it needs of the store."""

from collections.abc import Callable, Set
from dataclasses import dataclass
from functools import partial
from typing import cast
from zoneinfo import ZoneInfo

from segd.actors.feeds import Feeds
from segd.actors.figures import Figures
from segd.actors.webhooks import Webhooks
from segd.backtests import Backtests
from segd.config import Config
from segd.core.events.refused_ids import RefusedIds
from segd.core.time.instants import Instant
from segd.store.bridge import Pool
from segd.store.event_stats import PostgresEventStats
from segd.store.journal import PostgresJournal
from segd.store.log import PostgresLog
from segd.store.members import PostgresMembers
from segd.store.preview import Previews
from segd.store.profiles import PostgresProfiles
from segd.store.reports import PostgresReports
from segd.store.segment_changes import SegmentChanges
from segd.store.segment_list import SegmentList
from segd.store.sizes import sizes
from segd.store.snapshots import outdate_snapshots
from segd.store.tokens import Tokens
from segd.web.api.application import make_site
from segd.web.api.events import events
from segd.web.api.frames import Wording
from segd.web.api.imports import imports
from segd.web.api.keys import keys
from segd.web.api.live import live
from segd.web.api.members import members
from segd.web.api.process import process
from segd.web.api.questions import questions
from segd.web.api.reports import reports
from segd.web.api.segments import segments
from segd.web.api.status import Sizes, status
from segd.web.api.tracking import tracking
from segd.web.api.users import users
from segd.web.api.webhooks import webhooks
from segd.web.app import App
from segd.web.asgi import Application
from segd.web.auth import Guard
from segd.web.intake import Intake
from segd.web.pages import make_pages
from segd.web.rejected import Rejected
from segd.web.shop import make_shop


@dataclass(frozen=True)
class Parts:
    """What the daemon has made of itself so far."""

    config: Config
    pool: Pool
    journal: PostgresJournal
    feeds: Feeds
    figures: Figures
    wording: Wording
    rejected: Rejected
    tokens: Tokens
    log: PostgresLog
    write_keys: Set[str]
    refused_ids: RefusedIds
    webhooks: Webhooks
    backtests: Backtests
    now: Callable[[], Instant]
    demo: bool

    @property
    def write_key(self) -> str:
        """Of several the one that is shown."""
        return min(self.write_keys)


def assemble(parts: Parts, guard: Guard) -> App:
    """The whole of HTTP."""
    config, pool, journal, now = parts.config, parts.pool, parts.journal, parts.now
    zone = ZoneInfo(config.zone)
    views = SegmentList(pool, zone, now)
    log = parts.log

    async def size_of() -> Sizes:
        return Sizes(*await sizes(pool), parts.figures.events_per_second())

    api = [
        segments(views, SegmentChanges(journal, now, parts.feeds.removed, parts.wording.call)),
        questions(Previews(pool, zone, now), parts.backtests, views),
        live(parts.feeds, log, views, parts.wording, guard),
        members(views, PostgresMembers(pool, zone), log, now),
        reports(views, PostgresReports(pool, zone, now), parts.backtests, zone),
        users(PostgresProfiles(pool, journal, zone, now, parts.refused_ids, parts.rejected.forget), views, zone, now),
        webhooks(parts.webhooks, views, log),
        imports(
            journal,
            partial(outdate_snapshots, pool),
            refused_ids=parts.refused_ids,
            now=now,
            ahead=config.ahead,
            busy=lambda: parts.figures.events_per_second() > 0,
        ),
        events(PostgresEventStats(pool), parts.rejected),
        keys(parts.tokens, guard, parts.write_keys),
        status(
            size_of,
            guard,
            zone=config.zone,
            now=now,
            write_key=parts.write_key,
            demo=parts.demo,
            unready=journal.unready,
            engage=config.engage,
        ),
        process(parts.figures.page, journal.unready),
    ]
    intake = Intake(
        journal,
        write_keys=parts.write_keys,
        trusts=guard.trusts,
        now=now,
        rejected=parts.rejected,
        refused_ids=parts.refused_ids,
        ahead=config.ahead,
    )
    pages = [make_pages()]
    if parts.demo:
        pages.append(make_shop(parts.write_key))
    site = make_site(api, guard, beside=[tracking()], pages=pages)
    return App(intake, cast(Application, site))
