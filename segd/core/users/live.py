"""The users whose state is at hand while things happen: loaded, stepped, and made to agree with the record.

What a user's state is follows from the log alone: the user's events in order, and who that was. A user at hand takes
what comes in order as it comes. Whatever else happens (a user is loaded, an event is late, two are joined) is one and
the same: the log is folded from its beginning through a population of its own, and the outcome compared with the record
from the earliest instant on that is not settled, which `Telling` makes agree. As the outcome is a function of the log,
doing it twice does nothing; so whoever is at hand may be let go at any time. Of a long log only what may still change
is kept event by event, for nothing live is later than the late band, or less of it where there are many; for an event
before that a user is loaded anew.

An event costs what it changes, however much is open: each user has timers of their own, and the rows follow those.

Nothing here asks a clock: `now` is an argument, and never goes back.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice

from segd.core.deciding.actor import FOREVER
from segd.core.deciding.plan import Plan
from segd.core.deciding.timers import Timer
from segd.core.effects import Arrival, Effects, Standing, StoredUser
from segd.core.events.messages import Event
from segd.core.time.instants import MINUTE, Instant
from segd.core.users.folding import Log, digest_of, fold, is_looked_back_at
from segd.core.users.patience import Patience
from segd.core.users.qualifying import Qualification, Qualifying, User
from segd.core.users.resident import Found, Resident, found
from segd.core.users.sleepers import Sleepers
from segd.core.users.telling import Telling
from segd.core.users.unwritten import Unwritten

WEIGHT = 7  # what a user takes besides events: about as much as so many of them
SETTLED = 16  # events of a user at least that are settled at once
RECENT = MINUTE  # those of so long are kept one by one in any case: few events are later than that
SPACIOUS = 15  # where no more than one part of so many of the room is taken, those of the late band are
FIRED = 2_000  # timers at most that fire at once, in about 20 ms; effects are written before the next ones do


class LiveUsers:
    """plan: with runs. names: of live segments, by number. late_band: microseconds by which a live event may be late.
    room: how many events of users are kept at hand, about, each user counted as several. settled: the position up to
    which the record is complete.

    failures: users of whom nothing can be decided, and why, since the caller last emptied it. unarmed_from: when the
    first of the segments began for which history is still to be looked at.
    """

    def __init__(
        self, plan: Plan, names: Mapping[int, str], patience: Patience, late_band: int, room: int, settled: int
    ) -> None:
        self.plan = plan
        self._late_band = late_band
        self._names = names
        self._runs = [segment.run for segment in plan.live if segment.run is not None]
        self._telling = Telling(self._runs, patience)
        self.settled = settled
        self.failures: list[tuple[int, Exception]] = []
        self._effects: Effects | None = None  # as last made of what is unwritten
        self.unarmed_from = min((run.counts_from for run in self._runs if not run.armed), default=FOREVER)
        self._room = room
        self._size = 0
        self._open = 0
        self._qualifying = Qualifying(plan, keeps_logs=False)
        self._residents: dict[int, Resident] = {}  # the one touched last is last
        self._touched: dict[int, Resident] = {}
        self._pending = Sleepers()  # those who are at hand, by when their next timer is due
        self._asleep = Sleepers()
        self._asleep_until: Instant = FOREVER  # who is to be woken later is not among them
        self._others_until: Instant = FOREVER  # so much may be decided about users who are not at hand

    # Who is needed

    def missing(self, arrivals: Iterable[Arrival], created: frozenset[int]) -> set[int]:
        """Users who must be loaded before these events are taken."""
        return {arrival.user for arrival in arrivals if arrival.user not in created and not self._is_ready_for(arrival)}

    def _is_ready_for(self, arrival: Arrival) -> bool:
        resident = self._residents.get(arrival.user)
        if resident is None:
            return not self._concerns(arrival)
        at = arrival.event.timestamp if arrival.taken == "live" else arrival.received_at
        return at >= resident.log.right_from

    def changes_from(self, arrivals: Iterable[Arrival], now: Instant) -> Instant:
        """What is dated earlier is not changed by these events, which may have waited for long, nor by any to come."""
        live = (arrival.event.timestamp for arrival in arrivals if arrival.taken == "live")
        return min(now - self._late_band, self.unarmed_from, *live)

    def due(self, now: Instant, most: int) -> list[int]:
        """Users who are not at hand, at most so many, for whom something came due: to be loaded."""
        return self._asleep.wake(now, most)

    def effort(self, arrivals: Sequence[Arrival]) -> int:
        """How many events are taken to take these: those that are late take others with them."""
        folded = {
            resident.number: len(resident.log)
            for arrival in arrivals
            if (resident := self._residents.get(arrival.user)) and not resident.is_next(arrival.event.timestamp)
        }
        return len(arrivals) + sum(folded.values())

    def next_due(self) -> Instant:
        """When `advance` or `due` may have something to do; what waits for the end of an instant counts as due then."""
        fires = self._pending.next_due() + self._telling.patience.grace
        return min(self._asleep.next_due(), self._telling.next_due(), fires)

    def put_to_sleep(self, users: Iterable[tuple[int, Instant]], until: Instant) -> None:
        """Users of the store with their earliest timers, to be woken when those come due: all who have one before
        `until`. Those let go later are asked for anew, as the others."""
        self._asleep_until = until
        for number, due in users:
            if number not in self._residents:
                self._sleep(number, due)

    def count(self) -> tuple[int, int]:
        """How many users are at hand, and how many timers they have open."""
        return len(self._residents), self._open

    # What happens

    def load(
        self,
        stored: Iterable[StoredUser],
        position: int,
        now: Instant,
        unsettled_from: Instant = FOREVER,
        since: Instant | None = None,
    ) -> list[int]:
        """Users as the store has them at that position, every effect so far included.

        unsettled_from: the record may have to change from then on, as it may from where effects are missing. since:
        events that fade are left out before it. Returns users of whom that leaves out too much: they are not at hand.
        """
        refused: list[int] = []
        for one in stored:
            self.forget([one.number])
            try:
                if not self._load(one, position, now, unsettled_from, since):
                    refused.append(one.number)
            except Exception as error:
                self._fail(one.number, error)
        return refused

    def _load(
        self, one: StoredUser, position: int, now: Instant, unsettled_from: Instant, since: Instant | None
    ) -> bool:
        log = Log(self.plan, one, position, since)
        new = (
            digest.taken_at
            for digest in log.digests()
            if digest.sequence > self.settled and not is_looked_back_at(digest)
        )
        joined = (moved.at for moved in one.moved if moved.sequence > self.settled)
        floor = min(unsettled_from, *new, *joined, *(waiting.due for waiting in one.waiting), FOREVER)
        changes_from = min(floor, self.changes_from((), now))
        if log.right_from > changes_from:
            return False
        log.right_from = changes_from  # so much is to be known of the record
        resident = Resident(self.plan, one.number, log, User(one.id, one.anonymous), one.waiting)
        resident.record = {
            found(standing): standing
            for standing in one.standing
            if standing.at >= changes_from or self._names.get(standing.segment) in self.plan.remembered
        }
        self._admit(resident)
        if log.instant_of(SETTLED) < changes_from and not log.is_joined_since(changes_from):
            resident.settle(self.plan, self._names, changes_from)  # so that all of it is folded only once
        self._fold(resident, floor, now)
        self._settle(resident, now)
        self._weigh(resident)  # before others are loaded, of whom less is kept then
        return True

    def look_at(self, number: int, since: Instant, now: Instant) -> None:
        """Make the record of a user who is at hand agree from that instant on."""
        if (resident := self._residents.get(number)) is not None:
            self._touch(resident)
            try:
                self._fold(resident, since, now)
            except Exception as error:
                self._fail(number, error)

    def create(self, arrivals: Iterable[Arrival], created: frozenset[int]) -> None:
        """Users whose first event is among these: there is nothing to load."""
        first: dict[int, Event] = {}  # which gave the user the id
        for arrival in arrivals:
            event = first.setdefault(arrival.user, arrival.event)
            if arrival.user in created and arrival.user not in self._residents and self._concerns(arrival):
                anonymous = event.user_id is None
                id = event.anonymous_id if event.user_id is None else event.user_id
                assert id is not None
                log = Log(self.plan, StoredUser(arrival.user, id, anonymous, (), (), (), ()), 0)
                self._admit(Resident(self.plan, arrival.user, log, User(id, anonymous)))

    def take(self, arrivals: Iterable[Arrival], now: Instant) -> None:
        """Events in order of arrival. Those of users who are not at hand have no consequence."""
        taken: set[int] = set()
        for arrival in arrivals:
            resident = self._residents.get(arrival.user)
            if resident is not None and arrival.sequence > resident.log.taken:
                try:
                    self._take(resident, arrival, now)
                    taken.add(arrival.user)
                except Exception as error:
                    self._fail(resident.number, error)
        for number in taken:
            if (resident := self._residents.get(number)) is not None:
                try:
                    if resident.outdated_from < FOREVER:
                        self._fold(resident, resident.outdated_from, now)
                    self._settle(resident, now)
                except Exception as error:
                    self._fail(resident.number, error)

    def _take(self, resident: Resident, arrival: Arrival, now: Instant) -> None:
        digest = digest_of(self.plan, arrival)
        if digest is None:
            return
        self._touch(resident)
        at = digest.taken_at
        is_next = resident.log.add(digest) and at > resident.user.fired_at
        if is_next and resident.outdated_from == FOREVER:
            self._qualifying.fire_due(resident.timers, at)
            self._qualifying.feed(resident.user, resident.timers, digest, at)
            self._collect(resident, now)
        else:  # it is folded once, however many follow
            resident.outdated_from = min(resident.outdated_from, at)

    def advance(self, now: Instant) -> None:
        """Let time pass: what is due is decided, and told where its time has come. Not all at once where it is much:
        `next_due` says so."""
        if self._others_until == FOREVER:
            self._others_until = now
        for resident in list(self._touched.values()):
            # What waited for its instant to be over, for its filter names what may happen then.
            waiting = resident.user.waiting
            if over := bisect_left(waiting, now, key=_due):
                try:
                    self._qualifying.fire_due(resident.timers, waiting[over - 1].due + 1)
                    self._collect(resident, now)
                except Exception as error:
                    self._fail(resident.number, error)
        before = now - self._telling.patience.grace
        for _ in range(FIRED):
            if not (woken := self._pending.wake(before - 1, 1)):
                break
            resident = self._residents[woken[0]]
            try:
                if (popped := resident.timers.pop(before)) is not None:
                    self._touch(resident)
                    self._qualifying.fire(*popped, resident.timers)
                self._collect(resident, now)
            except Exception as error:
                self._fail(resident.number, error)
        for resident in self._telling.tell_held(self._residents, now, FIRED):
            self._touch(resident)

    def be_patient(self, patience: Patience) -> None:
        """From now on."""
        self._telling.be_patient(patience, self._residents)

    def settle(self, position: int) -> None:
        """Everything committed up to there has been taken: the rows of timers follow."""
        for resident in self._touched.values():
            self._telling.unwritten.write_rows(resident.number, resident.rows)
            self._weigh(resident)
        self._touched.clear()
        self.settled = position
        self._effects = None
        if not self._telling.unwritten:
            self._let_go()

    def effects(self) -> Effects:
        """All that is to be written."""
        if self._effects is None:
            self._effects = self._telling.unwritten.effects(self.settled)
        return self._effects

    def armed(self) -> None:
        """Everybody in whose history a segment may open something has been looked at."""
        self._telling.unwritten.armed = sorted({run.segment for run in self._runs if not run.armed})
        self.unarmed_from = FOREVER

    def written(self) -> None:
        """What `effects` gave last is on record."""
        self._telling.unwritten = Unwritten()
        self._effects = None
        self._let_go()

    def is_at_hand(self, number: int) -> bool:
        return number in self._residents

    def knows(self, number: int) -> bool:
        """Whether this user is at hand, or waits to be woken."""
        return number in self._residents or number in self._asleep

    def forget(self, numbers: Iterable[int]) -> None:
        """What is known of these users holds no more."""
        for number in numbers:
            self._asleep.discard(number)
            resident = self._residents.pop(number, None)
            if resident is not None:
                self._touched.pop(number, None)
                self._others_until = max(self._others_until, resident.log.end(), resident.user.fired_at)
                self._pending.discard(number)
                self._size -= resident.size
                self._open -= resident.open

    # One user

    def _fail(self, number: int, error: Exception) -> None:
        """What happens to one user cannot be decided: that ends with the user being let go, and is told."""
        self.failures.append((number, error))
        self._qualifying.clear()
        self.forget([number])

    def _concerns(self, arrival: Arrival) -> bool:
        """Whether any trigger is told of it, or a filter may have been decided that it would have changed."""
        digest = digest_of(self.plan, arrival)
        if digest is None:
            return False
        return digest.taken_at <= self._others_until or bool(self.plan.triggers_for(digest))

    def _admit(self, resident: Resident) -> None:
        self._residents[resident.number] = resident
        self._touch(resident)

    def _touch(self, resident: Resident) -> None:
        number = resident.number
        self._touched[number] = resident
        del self._residents[number]
        self._residents[number] = resident

    def _fold(self, resident: Resident, floor: Instant, now: Instant) -> None:
        """Fold all of the log anew and make the record agree from floor on, and from what is not told yet."""
        floor = min(floor, resident.undecided_from())
        settled = [one for one in resident.record.values() if one.at < floor or not self._telling.covers(one)]
        fresh, user = fold(self.plan, resident.log, settled, floor, self._names)
        fresh.advance(now - self._telling.patience.grace)
        resident.go_on_as(user, list(fresh.timers.pending()))
        self._pending.put(resident.number, resident.timers.next_due())
        outcome: dict[Found, tuple[Standing, bool]] = {}
        for one in fresh.qualified:
            standing = self._standing(one)
            outcome[found(standing)] = standing, one.timed
        self._telling.compare(resident, outcome, floor, now)

    def _collect(self, resident: Resident, now: Instant) -> None:
        """After what happened to them: who qualified by it, and when the next thing does."""
        for one in self._qualifying.qualified:
            self._telling.tell(resident, self._standing(one), one.timed, now)
        self._qualifying.qualified.clear()
        self._pending.put(resident.number, resident.timers.next_due())

    def _standing(self, one: Qualification) -> Standing:
        run = self.plan.live[one.plan_index].run
        assert run is not None
        return Standing(run.segment, run.version, one.user, one.anonymous, one.at, one.sequence, one.cause)

    # What is kept of them

    def _settle(self, resident: Resident, now: Instant) -> None:
        """What comes before anything that may change is at hand no longer, but for what follows from it."""
        log = resident.log
        band = self._late_band if self._size * SPACIOUS <= self._room else min(self._late_band, RECENT)
        before = now - band
        # For that copies the base, and goes through the record.
        at_once = max(SETTLED, (len(resident.record) + (0 if log.base is None else len(log.base))) // 8)
        if log.instant_of(at_once) < before:
            before = min(before, self.unarmed_from, resident.undecided_from())
            if log.instant_of(at_once) < before and not log.is_joined_since(before):
                resident.settle(self.plan, self._names, before)

    def _weigh(self, resident: Resident) -> None:
        open = len(resident.timers)
        size = WEIGHT + len(resident.log) + open
        self._size += size - resident.size
        self._open += open - resident.open
        resident.size, resident.open = size, open

    def _let_go(self) -> None:
        """Where there are too many, those that were not needed lately; all that follows from them is on record."""
        while self._size > self._room:
            for number in list(islice(self._residents, 100)):
                resident = self._residents[number]
                due = resident.rows.earliest()
                self.forget([number])
                if due is not None and due < self._asleep_until:
                    self._sleep(number, due)

    def _sleep(self, number: int, due: Instant) -> None:
        self._asleep.put(number, self._telling.patience.told_at(due))


def _due(timer: Timer) -> Instant:
    return timer.due
