"""The daemon: its parts brought together, started in order, and stopped in the opposite one.

Nurseries, outermost first: the journal, and HTTP in front of it. A stop closes HTTP first, then the journal commits
what it has taken, and the store, which is the caller's, closes last. What fails of itself ends everything.
"""

import contextlib
import resource
import signal
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from functools import partial
from typing import Any, Protocol, cast
from zoneinfo import ZoneInfo

import hypercorn.trio
import trio
from hypercorn.config import Config as HypercornConfig

from segd.actors import clock
from segd.actors.collecting import collect_little_and_often
from segd.actors.feeds import Feeds
from segd.actors.figures import Figures
from segd.actors.follower import LiveFollower
from segd.actors.posting import Poster
from segd.actors.snapshots import keep_snapshots
from segd.actors.webhooks import Webhooks
from segd.assembly import Parts, assemble
from segd.backtests import Backtests
from segd.config import Address, Config
from segd.core.errors import SegdError
from segd.core.time.instants import Instant
from segd.store.beside import keep_daemon_url
from segd.store.bridge import Pool
from segd.store.forgetting import load_refused_ids
from segd.store.journal import JournalSettings, PostgresJournal
from segd.store.log import PostgresLog
from segd.store.snapshots import PostgresSnapshots
from segd.store.tokens import Tokens
from segd.store.user_store import PostgresUsers
from segd.store.webhooks import PostgresWebhooks
from segd.store.write_keys import kept_write_key
from segd.web.api.frames import Wording
from segd.web.api.webhooks import delivery
from segd.web.app import App
from segd.web.auth import Guard, check_listening
from segd.web.connections import break_connections
from segd.web.rejected import Rejected

OWN_CONNECTIONS = 2  # of the journal and the actors: however many ask, and however slowly they read, these go on
HTTP_SECONDS = 5.0  # at stop, for requests that are under way
COMMIT_SECONDS = 15.0  # at stop, for what the journal has taken
KEEP_ALIVE_SECONDS = 75.0  # beyond the 60 after which load balancers give up idle connections themselves
# Hypercorn sends without a limit, cancelled or not: a client that stops reading would hold up its handler and our stop.
# This has the kernel end it; accepted connections inherit it.
UNREAD_MILLISECONDS = 15_000
BUSY = 2_000  # events a second
LARGEST_FRAME = 65_536  # bytes: what clients say on a websocket is passed over
WAITING_CONNECTIONS = 1024  # not yet accepted, as a burst of browsers makes them
MOST_FILES = 65_536  # open at once, connections among them; beyond that, new ones wait


class ListenError(SegdError):
    """The address cannot be listened on."""


class StopError(SegdError):
    """The daemon could not stop in order."""


class Ready(Protocol):
    """Told once events can be taken. dashboard: its path, which signs a browser in, once, where there is a token."""

    def __call__(self, address: Address, write_keys: frozenset[str], dashboard: str) -> None: ...


class Alongside(Protocol):
    """What goes on beside the daemon, from when it is ready until it is to stop. dashboard: as of Ready."""

    async def __call__(self, parts: Parts, address: Address, dashboard: str) -> None: ...


async def serve(
    pool: Pool,
    config: Config,
    *,
    ready: Ready,
    tell: Callable[[str], None],
    now: Callable[[], Instant] = clock.now,
    demo: Alongside | None = None,
) -> None:
    """Trio. Be the daemon until SIGTERM or SIGINT; a second one stops at once.

    ready: called with the address where it really listens. tell: with sentences for the operator. now: the one clock.
    demo: what makes it the demo, which has pages of its own.
    Raises StoreError, ListenError, and StopError where what was taken could not be committed in time or was not waited
    for.
    """
    zone = ZoneInfo(config.zone)
    log, rejected, wording = PostgresLog(pool), Rejected(), Wording()
    feeds = Feeds(wording, log.beside, rejected, now)
    figures = Figures(
        now,
        at_hand=lambda: follower.at_hand(),
        watchers=lambda: feeds.watchers(),
        rejected=lambda: rejected.count,
        unready=lambda: journal.unready(),
    )
    own = pool.apart(OWN_CONNECTIONS)
    follower = LiveFollower(
        PostgresUsers(own),
        [figures, feeds],
        zone=zone,
        grace=config.grace,
        catch_up=config.catch_up,
        late_band=config.late_band,
        now=now,
    )
    journal = PostgresJournal(
        own,
        JournalSettings(
            late_band=config.late_band,
            group_seconds=config.group_milliseconds / 1000,
            group_events=config.group_events,
            waiting_events=config.waiting_events,
            waiting_bytes=config.waiting_megabytes * 1_000_000,
            catch_up=config.catch_up,
        ),
        follower,
        zone=zone,
        now=now,
        tell=tell,
    )
    _allow_files()
    with contextlib.ExitStack() as stack, _one_error():
        listener = stack.enter_context(_listening(config.listen))
        async with trio.open_nursery() as outer:
            stop = await outer.start(_wait_signals, tell)
            outer.start_soon(collect_little_and_often)
            tokens = Tokens(pool, now)
            check_listening(config.listen.host, guarded=await tokens.is_guarded())
            backtests = Backtests(pool.dsn, config.zone, now)
            async with contextlib.aclosing(backtests), _running(journal), _shown(feeds, stop):
                write_keys = config.write_keys or frozenset({await kept_write_key(pool)})
                guard = Guard(tokens, listening=config.listen.host, hosts=config.hosts)
                refused_ids = await load_refused_ids(pool, now())
                delivering = Webhooks(
                    PostgresWebhooks(pool),
                    log,
                    feeds,
                    Poster(private=config.private_webhooks),
                    delivery,
                    now,
                )
                parts = Parts(
                    config, pool, journal, feeds, figures, wording, rejected, tokens, log, write_keys, refused_ids,
                    delivering, backtests, now, demo is not None,
                )  # fmt: skip
                app = assemble(parts, guard)
                snapshots = PostgresSnapshots(pool, zone, now, config.late_band)
                keeping = partial(keep_snapshots, snapshots, partial(_is_busy, journal, figures))
                async with _beside(delivering, guard, keeping), trio.open_nursery() as http:
                    await http.start(partial(_serve_http, app, listener, stop))
                    address = Address(*listener.getsockname()[:2])
                    await keep_daemon_url(pool, f"http://{address}")
                    dashboard = guard.sign_in_path() if await tokens.is_guarded() else "/"
                    ready(address, write_keys, dashboard)
                    if demo is not None:
                        http.start_soon(_until, stop, partial(demo, parts, address, dashboard))
            outer.cancel_scope.cancel()


async def _wait_signals(tell: Callable[[str], None], *, task_status: trio.TaskStatus[trio.Event]) -> None:
    stop = trio.Event()
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started(stop)
        async for _ in signals:
            if stop.is_set():
                raise StopError("stopped_at_once", "stopped without waiting for requests that were under way")
            tell("stopping; once more to stop at once")
            stop.set()


async def _until(stop: trio.Event, work: Callable[[], Awaitable[None]]) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(work)
        await stop.wait()
        nursery.cancel_scope.cancel()


@contextlib.asynccontextmanager
async def _running(journal: PostgresJournal) -> AsyncGenerator[None]:
    """The journal takes events in the block; at its end, what it has taken is committed. Raises StopError."""
    async with trio.open_nursery() as nursery:
        await nursery.start(journal.run)
        yield
        journal.close()
        nursery.cancel_scope.deadline = trio.current_time() + COMMIT_SECONDS
    if nursery.cancel_scope.cancelled_caught:
        raise StopError("stopped_late", "the database did not take in time what was sent last: its senders got no 200")


@contextlib.asynccontextmanager
async def _shown(feeds: Feeds, stop: trio.Event) -> AsyncGenerator[None]:
    """The feeds show what happens in the block; who watches is sent away as soon as segd is to stop."""

    async def close() -> None:
        await stop.wait()
        feeds.close()

    async with trio.open_nursery() as nursery:
        await nursery.start(feeds.run)
        nursery.start_soon(close)
        yield
        nursery.cancel_scope.cancel()


@contextlib.asynccontextmanager
async def _beside(delivering: Webhooks, guard: Guard, keeping: Callable[[], Awaitable[None]]) -> AsyncGenerator[None]:
    """What goes on beside HTTP, and may end at any time."""
    async with trio.open_nursery() as nursery:
        await nursery.start(delivering.run)
        nursery.start_soon(guard.run)
        nursery.start_soon(keeping)
        yield
        nursery.cancel_scope.cancel()


def _is_busy(journal: PostgresJournal, figures: Figures) -> bool:
    """Whether the database has better things to do than to count members."""
    return journal.unready() is not None or figures.events_per_second() > BUSY


# HTTP


def _allow_files() -> None:
    """Many: the usual 1,024 are used up by as many visitors in the minute for which their browsers stay connected."""
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if most == resource.RLIM_INFINITY else min(most, MOST_FILES)
    if resource.RLIM_INFINITY != allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


@contextlib.contextmanager
def _listening(address: Address) -> Generator[socket.socket]:
    """A socket bound and listening. Raises ListenError."""
    with contextlib.ExitStack() as stack:
        try:
            family, _, _, _, where = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)[0]
            listener = stack.enter_context(socket.socket(family))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_MILLISECONDS)
            listener.bind(where)
            listener.listen(WAITING_CONNECTIONS)
        except OSError as error:
            raise ListenError(
                "cannot_listen",
                f"cannot listen on {address}: {error.strerror}; choose another address by --listen, "
                "or by `listen` in the configuration",
            ) from error
        yield listener


async def _serve_http(
    app: App, listener: socket.socket, stop: trio.Event, *, task_status: trio.TaskStatus[list[str]]
) -> None:
    config = HypercornConfig()
    config.bind = f"fd://{listener.dup().detach()}"  # Hypercorn closes its own
    config.backlog = WAITING_CONNECTIONS
    config.graceful_timeout = HTTP_SECONDS
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.websocket_max_message_size = LARGEST_FRAME
    config.errorlog = None
    config.include_server_header = False
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_break_off, listener, stop)
        await cast(Any, hypercorn.trio).serve(
            app, config, shutdown_trigger=stop.wait, task_status=task_status, mode="asgi"
        )
        nursery.cancel_scope.cancel()


async def _break_off(listener: socket.socket, stop: trio.Event) -> None:
    """Whoever does not read to the end in time holds up nobody's stop."""
    await stop.wait()
    await trio.sleep(HTTP_SECONDS)
    break_connections(listener)


@contextlib.contextmanager
def _one_error() -> Generator[None]:
    """Of what ended the nurseries, raise the one error that is for the operator, unless there is one that is a bug."""
    try:
        yield
    except BaseExceptionGroup as group:
        expected, bugs = group.split(SegdError)
        if bugs is not None or expected is None:
            raise
        error: BaseException = expected
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from error.__cause__
