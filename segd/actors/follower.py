"""Users kept true to the journal: loads who is needed, steps them through what was committed, fires what is due.

The journal calls, one thing at a time: between two of its transactions all that was committed is taken, and what
follows from it is ready for the next one. So whatever is loaded is as of the position that everybody is at.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Protocol, TypeVar

import structlog
import trio

from segd.core.deciding.actor import FOREVER
from segd.core.deciding.plan import Plan
from segd.core.effects import Arrival, Effects, Group, Logged, Run
from segd.core.errors import DefinitionError
from segd.core.language import definitions as d
from segd.core.language.naming import with_all_named
from segd.core.ports import Known, UserStore
from segd.core.time.instants import DAY, HOUR, MINUTE, SECOND, Instant
from segd.core.users.folding import digest_of
from segd.core.users.live import LiveUsers
from segd.core.users.patience import Patience

LOAD = 500  # users in one query
HEAVY = 2_000  # events that are taken in one go, in about 30 ms; more are taken beside the loop, which others need
LONG_AGO = DAY  # before the late band, or MANY times as long as any window where that is more: most users were quiet
MANY = 4  # for so long once since then, and no more of their history is needed
ARM = 200  # users looked at between two transactions, where a new segment asks about history
AHEAD = HOUR  # timers due within so long are known; those that come after it are asked for in time
ASK_AGAIN = 30 * MINUTE
NAP = 1.0  # seconds: the wall clock may be set meanwhile
ROOM = 3_000_000  # events of users at hand, each user counted as several: at 300 to 500 bytes each about a gigabyte

T = TypeVar("T")

_LOG = structlog.get_logger()


class Listener(Protocol):
    """Told what is committed; neither waits nor fails."""

    def arrived(self, arrivals: Sequence[Arrival]) -> None: ...
    def published(self, logged: Sequence[Logged]) -> None: ...


@dataclass
class _Arming:
    """Users being looked at for what segments open in history. plan: of those segments. after: the last user who was
    looked at."""

    plan: Plan
    after: int = 0


class LiveFollower:
    """The Follower of `core.ports`.

    grace, catch_up, late_band: microseconds, as in the configuration. now: the clock.
    """

    def __init__(
        self,
        store: UserStore,
        listeners: Sequence[Listener],
        *,
        zone: tzinfo,
        grace: int,
        catch_up: int,
        late_band: int,
        now: Callable[[], Instant],
        room: int = ROOM,
    ) -> None:
        self._store = store
        self._listeners = listeners
        self._zone = zone
        self._catch_up = catch_up
        self._late_band = late_band
        self._now = now
        self._room = room
        self._patience = Patience(grace)
        self._users: LiveUsers | None = None
        self._aside = False  # whether somebody works on them in a thread
        self._inbox: deque[Group] = deque()
        self._wanted: set[int] = set()  # to be loaded before anything else is done
        self._unsettled_from: Instant = FOREVER  # what the record has of them may have to change from then on
        self._asked_at: Instant = 0
        self._runs_from: Instant = FOREVER  # runs that ended earlier are not in the plan
        self._arming: _Arming | None = None

    def at_hand(self) -> tuple[int, int]:
        """How many users are at hand, and how many timers they have open."""
        return (0, 0) if self._users is None else self._users.count()

    # As `core.ports` says

    def committed(self, group: Group) -> None:
        if group.arrivals:
            for listener in self._listeners:
                listener.arrived(group.arrivals)
        self._inbox.append(group)

    async def follow(self) -> None:
        while self._inbox:
            await self._take(self._inbox[0])
            self._inbox.popleft()
        users = self._users
        if users is None:
            return
        now = self._now()
        if now >= self._asked_at + ASK_AGAIN:
            await self._ask_timers(users, now)
        self._wanted.update(users.due(now, LOAD))  # and kept there, should the store be away just now
        if self._wanted:  # no more than a batch between two transactions, however many came due at once
            await self._load(users, sorted(self._wanted), users.settled, users.changes_from((), now))
            self._wanted.clear()
        if self._arming is not None:
            await self._arm(users, self._arming)
        users.advance(self._now())
        users.settle(users.settled)
        for number, error in users.failures:
            _LOG.error("user_failed", user=number, exc_info=error)
        users.failures.clear()

    def effects(self) -> Effects:
        return Effects(0) if self._users is None else self._users.effects()

    def written(self, logged: Sequence[Logged]) -> None:
        assert self._users is not None
        self._users.written()
        for listener in self._listeners:
            listener.published(logged)

    def seconds_until_due(self) -> float:
        if self._users is None:
            return NAP
        if self._arming is not None:
            return 0
        return min(NAP, max(0.0, (self._users.next_due() - self._now()) / SECOND))

    def interrupted(self, since: Instant, until: Instant) -> None:
        before = self._patience
        self._patience = before.after(since, until, self._catch_up)
        if self._patience.resumed < before.resumed:  # the clock was ahead, and some sleep by what it said
            self._asked_at = 0
        if self._users is not None and not self._aside:
            self._users.be_patient(self._patience)

    # What was committed

    async def _take(self, group: Group) -> None:
        now = self._now()
        live = (arrival.event.timestamp for arrival in group.arrivals if arrival.taken == "live")
        earliest = min([now - self._late_band, *live])
        # The clock may have been ahead when the plan was made: of what ended lately too little is in it.
        if self._users is None or group.replanned or earliest < self._runs_from:
            runs_from = earliest - self._late_band
            self._users, self._runs_from = await self._plan(now, runs_from), runs_from
        users = self._users
        history = group.history if users.plan.heeds_history else ()
        outdated = group.outdated.union(one.user for one in history if digest_of(users.plan, one) is not None)
        self._wanted |= group.unsettled | group.joined
        self._wanted |= {number for number in outdated if users.knows(number)}
        self._wanted |= {arrival.user for arrival in group.arrivals if arrival.user in outdated}
        users.forget(outdated)
        self._wanted |= users.missing(group.arrivals, group.created)
        # However long ago segd was last there, what came then and is not settled must be among it.
        changes_from = None if group.unsettled else users.changes_from(group.arrivals, now)
        await self._load(users, sorted(self._wanted), group.position, changes_from, self._unsettled_from)
        self._wanted.clear()
        self._unsettled_from = FOREVER
        users.create(group.arrivals, group.created)
        await self._work(users, users.effort(group.arrivals), lambda: users.take(group.arrivals, now))
        users.advance(now)
        users.settle(group.position)

    async def _load(
        self,
        users: LiveUsers,
        numbers: Sequence[int],
        position: int,
        changes_from: Instant | None,
        unsettled_from: Instant = FOREVER,
    ) -> None:
        """Bring these users to hand, with as much of their history as tells what changes from that instant on; None:
        all of it, as where that does not tell it."""
        since = None if changes_from is None else changes_from - max(LONG_AGO, MANY * users.plan.fading)
        for start in range(0, len(numbers), LOAD):
            again = await self._load_some(users, numbers[start : start + LOAD], position, unsettled_from, since)
            await self._load_some(users, again, position, unsettled_from, None)

    async def _load_some(
        self,
        users: LiveUsers,
        numbers: Sequence[int],
        position: int,
        unsettled_from: Instant,
        since: Instant | None,
    ) -> list[int]:
        """Returns those of whom more is needed."""
        if not numbers:
            return []
        loaded = await self._store.load(numbers, users.plan, since)
        effort = sum(len(one.events) for one in loaded)
        return await self._work(users, effort, lambda: users.load(loaded, position, self._now(), unsettled_from, since))

    # What is asked

    async def _plan(self, now: Instant, runs_from: Instant) -> LiveUsers:
        """Nobody at hand, and segments as the store has them now."""
        known = await self._store.segments(runs_from)
        plan = compile_plan(known, self._zone)
        names = {number: name for name, number in known.numbers.items()}
        users = LiveUsers(plan, names, self._patience, self._late_band, self._room, known.settled)
        await self._ask_timers(users, now)
        for number, at in await self._store.ahead():
            self._wanted.add(number)
            self._unsettled_from = min(self._unsettled_from, at)
        unarmed = [run for run in known.runs if not run.armed]
        self._arming = _Arming(compile_plan(known._replace(runs=unarmed), self._zone)) if unarmed else None
        return users

    async def _arm(self, users: LiveUsers, arming: _Arming) -> None:
        """Look at the next users in whose history a segment may open something."""
        page = await self._store.concerned(arming.plan, arming.after, ARM)
        since = users.unarmed_from
        strangers = [number for number in page if not users.is_at_hand(number)]
        for number in page:
            users.look_at(number, since, self._now())
        await self._load(users, strangers, users.settled, users.changes_from((), self._now()), since)
        if len(page) == ARM:
            arming.after = page[-1]
        else:
            users.armed()
            self._arming = None

    async def _ask_timers(self, users: LiveUsers, now: Instant) -> None:
        until = now + AHEAD
        due = await self._store.due(until)
        await self._work(users, len(due), lambda: users.put_to_sleep(due, until))
        self._asked_at = now

    async def _work(self, users: LiveUsers, effort: int, work: Callable[[], T]) -> T:
        """effort: how many events it takes. Nobody else may touch the users until it is done; `interrupted` may come
        then, and also while they are not yet `_users`."""
        users.be_patient(self._patience)
        if effort < HEAVY:
            return work()
        self._aside = True
        try:
            return await trio.to_thread.run_sync(work)
        finally:
            self._aside = False
            users.be_patient(self._patience)


def compile_plan(known: Known, zone: tzinfo) -> Plan:
    """Of all segments those that are live, and whatever those name. One that cannot be is left out, and told."""
    names = {number: name for name, number in known.numbers.items()}
    aliases = {str(number): name for name, number in known.numbers.items()}
    runs: dict[str, list[Run]] = {}
    for run in known.runs:
        if run.segment in names:
            runs.setdefault(names[run.segment], []).append(run)
    live = [definition for definition in known.definitions if isinstance(definition, d.Live)]
    definitions = with_all_named(live, known.definitions, aliases)
    while True:
        try:
            return Plan(definitions, zone, runs, aliases)
        except DefinitionError as error:
            broken = {problem.path.split(":")[0] for problem in error.problems}
            left = [definition for definition in definitions if definition.name not in broken]
            if len(left) == len(definitions):
                raise
            for name in sorted(broken):
                _LOG.error("segment_left_out", segment=name, reason=error.message)
            definitions = left
