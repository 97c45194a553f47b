"""The users whose state is at hand while things happen: loaded, stepped, and made to agree with the record.

What a user's state is follows from the log alone: the user's events in order, and who that was. A user at hand takes
what comes in order as it comes. Whatever else happens (a user is loaded, an event is late, two are joined) is one and
the same: the log is folded from its beginning through a population of its own, and the outcome compared with the record
from the earliest instant on that is not settled. What is missing qualifies, what is gone is retracted, what took the
place of another is one correction. As the outcome is a function of the log, doing it twice does nothing; so whoever is
at hand may be let go at any time.

Who qualified because time passed is told `grace` after that instant, for stragglers, and later still where events could
not be taken then: see `Patience`. Until then what is decided is only held, and a late event may still undo it unseen.

Nothing here asks a clock: `now` is an argument, and never goes back.
"""

from collections.abc import Iterable, Mapping
from heapq import heapify, heappop, heappush
from itertools import islice
from typing import NamedTuple

from segd.core.actor import FOREVER
from segd.core.effects import Arrival, Effects, LogEntry, Standing, StoredUser, Waiting
from segd.core.folding import Log, digest_of, fold, is_looked_back_at
from segd.core.instants import Instant
from segd.core.plan import Plan
from segd.core.population import Population, Qualification, User

Cause = tuple[int, int]  # segment, and the event that opened the window or matched
Found = tuple[int, Instant, int]  # segment, instant, cause: what makes a qualification of a user the same


class Patience(NamedTuple):
    """When what came due is told. grace: microseconds. since, until: when events could not be taken last; what came due
    then waits until `resumed`, for its senders repeat what they could not send."""

    grace: int
    since: Instant = -FOREVER
    until: Instant = -FOREVER
    resumed: Instant = -FOREVER

    def told_at(self, due: Instant) -> Instant:
        at = due + self.grace
        return max(at, self.resumed) if self.since <= due <= self.until else at

    def after(self, since: Instant, until: Instant, catch_up: int) -> "Patience":
        """After events could not be taken from since to until. catch_up: microseconds that what came due then waits at
        most. What still waits for an earlier such time goes on waiting."""
        if since <= self.resumed:
            since = min(since, self.since)
        return Patience(self.grace, since, until, until + min(until - since, catch_up))


class Resident:
    """A user at hand. record: what the store has that is not retracted, and what is about to be there. held: decided,
    and not to be told before its time. rows: the user's timers as the store has them, or is about to."""

    __slots__ = ("held", "log", "number", "record", "rows", "user")

    def __init__(self, number: int, log: Log, user: User) -> None:
        self.number = number
        self.log = log
        self.user = user
        self.record: dict[Found, Standing] = {}
        self.held: dict[Found, Standing] = {}
        self.rows: dict[Cause, Waiting] = {}


class LiveUsers:
    """plan: with runs. names: of live segments, by number. late_band: microseconds by which a live event may be late.
    room: how many events of users are kept at hand, about. settled: the position up to which the record is complete.

    failures: users of whom nothing can be decided, and why, since the caller last emptied it.
    """

    def __init__(
        self, plan: Plan, names: Mapping[int, str], patience: Patience, late_band: int, room: int, settled: int
    ) -> None:
        self.plan = plan
        self._late_band = late_band
        self._names = names
        self._runs = [segment.run for segment in plan.live if segment.run is not None]
        self.patience = patience
        self.settled = settled
        self.failures: list[tuple[int, Exception]] = []
        self._new: list[LogEntry] = []  # not on record yet, as are these rows
        self._set: dict[tuple[int, Cause], Waiting] = {}
        self._dropped: dict[tuple[int, Cause], Waiting] = {}
        self._armed: list[int] = []
        self._room = room
        self._size = 0
        self._population = Population(plan, keeps_logs=False)
        self._residents: dict[int, Resident] = {}  # the one touched last is last
        self._by_user: dict[User, Resident] = {}
        self._touched: dict[int, Resident] = {}
        self._sleeping: list[tuple[Instant, int]] = []  # users who are not at hand, by when to wake them
        self._asleep: dict[int, Instant] = {}  # the same by user: of several entries the one that holds
        self._holding: list[tuple[Instant, int]] = []  # users with something held, by when it is to be told
        self._others_until: Instant = FOREVER  # so much may be decided about users who are not at hand

    # Who is needed

    def missing(self, arrivals: Iterable[Arrival], created: frozenset[int]) -> set[int]:
        """Users who must be loaded before these events are taken."""
        return {
            arrival.user
            for arrival in arrivals
            if arrival.user not in self._residents and arrival.user not in created and self._concerns(arrival)
        }

    def due(self, now: Instant, most: int) -> list[int]:
        """Users who are not at hand, at most so many, for whom something came due: to be loaded."""
        found: list[int] = []
        sleeping = self._sleeping
        while sleeping and len(found) < most and sleeping[0][0] <= now:
            at, number = heappop(sleeping)
            if self._asleep.get(number) == at:
                found.append(number)
                del self._asleep[number]
        return found

    def next_due(self) -> Instant:
        """When `advance` or `due` may have something to do; what waits for the end of an instant counts as due then."""
        heads = [self._sleeping[0][0]] if self._sleeping else []
        heads += [self._holding[0][0]] if self._holding else []
        heads += [self._population.timers.heap[0][0] + self.patience.grace] if self._population.timers.heap else []
        return min(heads, default=FOREVER)

    def put_to_sleep(self, users: Iterable[tuple[int, Instant]]) -> None:
        """Users of the store with their earliest timers, to be woken when those come due."""
        for number, due in users:
            if number not in self._residents:
                self._sleep(number, due)

    def count(self) -> tuple[int, int]:
        """How many users are at hand, and how many timers they have open."""
        return len(self._residents), len(self._population.timers)

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
        log = Log(self.plan, one, position)
        new = (
            digest.taken_at
            for digest in log.digests()
            if digest.sequence > self.settled and not is_looked_back_at(digest)
        )
        joined = (moved.at for moved in one.moved if moved.sequence > self.settled)
        floor = min(unsettled_from, *new, *joined, *(waiting.due for waiting in one.waiting), FOREVER)
        if log.right_from(self.plan, since) > min(floor, now - self._late_band):
            return False
        resident = Resident(one.number, log, User(one.id, one.anonymous))
        resident.record = {found(standing): standing for standing in one.standing}
        resident.rows = {(waiting.segment, waiting.cause): waiting for waiting in one.waiting}
        self._admit(resident)
        self._fold(resident, floor, now)
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
        for arrival in arrivals:
            if arrival.user in created and arrival.user not in self._residents and self._concerns(arrival):
                event = arrival.event
                anonymous = event.user_id is None
                id = event.anonymous_id if event.user_id is None else event.user_id
                assert id is not None
                log = Log(self.plan, StoredUser(arrival.user, id, anonymous, (), (), (), ()), 0)
                self._admit(Resident(arrival.user, log, User(id, anonymous)))

    def take(self, arrivals: Iterable[Arrival], now: Instant) -> None:
        """Events in order of arrival. Those of users who are not at hand have no consequence."""
        for arrival in arrivals:
            resident = self._residents.get(arrival.user)
            if resident is not None and arrival.sequence > resident.log.taken:
                try:
                    self._take(resident, arrival, now)
                except Exception as error:
                    self._fail(resident.number, error)

    def _take(self, resident: Resident, arrival: Arrival, now: Instant) -> None:
        digest = digest_of(self.plan, arrival)
        if digest is None:
            return
        self._touch(resident)
        self._size += 1
        if not resident.log.add(digest) or digest.taken_at <= resident.user.fired_at:
            self._fold(resident, digest.taken_at, now)
            return
        self._population.advance_user(resident.user, digest.taken_at)
        self._population.feed(resident.user, digest, digest.taken_at)
        self._collect(resident, now)

    def advance(self, now: Instant) -> None:
        """Let time pass: what is due is decided, and told where its time has come."""
        population = self._population
        if self._others_until == FOREVER:
            self._others_until = now
        for resident in list(self._touched.values()):
            # What waited for its instant to be over, for its filter names what may happen then.
            ends = [timer.due for timer in resident.user.waiting if timer.due < now]
            if ends:
                try:
                    population.advance_user(resident.user, max(ends) + 1)
                    self._collect(resident, now)
                except Exception as error:
                    self._fail(resident.number, error)
        while (popped := population.timers.pop(now - self.patience.grace)) is not None:
            timer, actor = popped
            assert isinstance(actor, User)
            resident = self._by_user[actor.survivor()]
            self._touch(resident)
            try:
                population.fire(timer, actor)
                self._collect(resident, now)
            except Exception as error:
                self._fail(resident.number, error)
        while self._holding and self._holding[0][0] <= now:
            _, number = heappop(self._holding)
            resident = self._residents.get(number)
            if resident is not None:
                self._touch(resident)
                self._tell_held(resident, now)

    def be_patient(self, patience: Patience) -> None:
        """From now on. What is held already waits as that says, too."""
        self.patience = patience
        residents = (self._residents.get(number) for number in {number for _, number in self._holding})
        self._holding = [
            (patience.told_at(standing.at), resident.number)
            for resident in residents
            if resident is not None
            for standing in resident.held.values()
        ]
        heapify(self._holding)

    def settle(self, position: int) -> None:
        """Everything committed up to there has been taken: the rows of timers follow."""
        for resident in self._touched.values():
            self._write_rows(resident)
        self._touched.clear()
        self.settled = position
        if not (self._new or self._set or self._dropped or self._armed):
            self._let_go()

    def effects(self) -> Effects:
        """All that is to be written."""
        set = [(number, waiting) for (number, _), waiting in self._set.items()]
        dropped = [(number, waiting) for (number, _), waiting in self._dropped.items()]
        return Effects(self.settled, self._new.copy(), set, dropped, self._armed.copy())

    def armed(self) -> None:
        """Everybody in whose history a segment may open something has been looked at."""
        self._armed = sorted({run.segment for run in self._runs if not run.armed})

    def written(self) -> None:
        """What `effects` gave last is on record."""
        self._new.clear()
        self._set.clear()
        self._dropped.clear()
        self._armed.clear()
        self._let_go()

    def is_at_hand(self, number: int) -> bool:
        return number in self._residents

    def knows(self, number: int) -> bool:
        """Whether this user is at hand, or waits to be woken."""
        return number in self._residents or number in self._asleep

    def forget(self, numbers: Iterable[int]) -> None:
        """What is known of these users holds no more."""
        for number in numbers:
            self._asleep.pop(number, None)
            resident = self._residents.pop(number, None)
            if resident is not None:
                self._touched.pop(number, None)
                self._others_until = max(self._others_until, resident.log.end(), resident.user.fired_at)
                del self._by_user[resident.user]
                self._size -= len(resident.log)
                for timer in (*resident.user.pending(self.plan), *resident.user.waiting):
                    self._population.timers.cancel(timer)

    # One user

    def _fail(self, number: int, error: Exception) -> None:
        """What happens to one user cannot be decided: that ends with the user being let go, and is told."""
        self.failures.append((number, error))
        self._population.qualified.clear()
        self.forget([number])

    def _concerns(self, arrival: Arrival) -> bool:
        """Whether any trigger is told of it, or a filter may have been decided that it would have changed."""
        digest = digest_of(self.plan, arrival)
        if digest is None or arrival.taken == "imported":
            return False
        return digest.taken_at <= self._others_until or bool(self.plan.triggers_for(digest))

    def _admit(self, resident: Resident) -> None:
        self._residents[resident.number] = resident
        self._by_user[resident.user] = resident
        self._size += len(resident.log)
        self._touch(resident)

    def _touch(self, resident: Resident) -> None:
        number = resident.number
        self._touched[number] = resident
        del self._residents[number]
        self._residents[number] = resident

    def _fold(self, resident: Resident, floor: Instant, now: Instant) -> None:
        """Fold all of the log anew and make the record agree from floor on, and from what is not told yet."""
        timers = [*resident.user.pending(self.plan), *resident.user.waiting]
        for timer in timers:
            self._population.timers.cancel(timer)
        floor = min(floor, *(timer.due for timer in timers), *(at for _, at, _ in resident.held), FOREVER)
        settled = [one for one in resident.record.values() if one.at < floor or not self._covers(one)]
        fresh, user = fold(self.plan, resident.log, settled, floor, self._names)
        fresh.advance(now - self.patience.grace)
        del self._by_user[resident.user]
        resident.user = user
        self._by_user[user] = resident
        self._population.timers.adopt(fresh.timers)
        outcome: dict[Found, tuple[Standing, bool]] = {}
        for one in fresh.qualified:
            standing = self._standing(one)
            outcome[found(standing)] = standing, one.timed
        self._compare(resident, outcome, floor, now)

    def _compare(
        self, resident: Resident, outcome: dict[Found, tuple[Standing, bool]], floor: Instant, now: Instant
    ) -> None:
        record = resident.record
        gone = [key for key, one in record.items() if one.at >= floor and key not in outcome and self._covers(one)]
        new = [key for key in outcome if key not in record]
        resident.held = {}
        for key, (standing, _) in outcome.items():
            was = record.get(key)
            if was is not None and was.at >= floor and (was.id, was.anonymous) != (standing.id, standing.anonymous):
                record[key] = standing  # a late message joined them before that instant
                self._log(LogEntry("corrected", resident.number, standing, was))
        for segment in sorted({key[0] for key in (*gone, *new)}):
            old = sorted(key for key in gone if key[0] == segment)
            now_there = sorted(key for key in new if key[0] == segment)
            moved = min(len(old), len(now_there))
            for was, of in zip(old[:moved], now_there, strict=False):
                standing = outcome[of][0]
                self._log(LogEntry("corrected", resident.number, standing, record.pop(was)))
                record[of] = standing
            for key in old[moved:]:
                self._log(LogEntry("retracted", resident.number, record.pop(key)))
            for key in islice(now_there, moved, None):
                self._tell(resident, *outcome[key], now)

    def _collect(self, resident: Resident, now: Instant) -> None:
        for one in self._population.qualified:
            self._tell(resident, self._standing(one), one.timed, now)
        self._population.qualified.clear()

    def _tell(self, resident: Resident, standing: Standing, timed: bool, now: Instant) -> None:
        """Put it on record, or hold it until its time."""
        key = found(standing)
        if timed and (at := self.patience.told_at(standing.at)) > now:
            resident.held[key] = standing
            heappush(self._holding, (at, resident.number))
            return
        resident.record[key] = standing
        self._log(LogEntry("qualified", resident.number, standing))

    def _tell_held(self, resident: Resident, now: Instant) -> None:
        for key, standing in sorted(resident.held.items()):
            if self.patience.told_at(standing.at) <= now:
                del resident.held[key]
                self._tell(resident, standing, True, now)

    def _covers(self, standing: Standing) -> bool:
        """Whether the plan still decides what was then."""
        return any(
            run.segment == standing.segment
            and run.counts_from <= standing.at
            and (run.counts_to is None or standing.at < run.counts_to)
            for run in self._runs
        )

    def _log(self, entry: LogEntry) -> None:
        self._new.append(entry)

    def _standing(self, one: Qualification) -> Standing:
        run = self.plan.live[one.plan_index].run
        assert run is not None
        return Standing(run.segment, run.version, one.user, one.anonymous, one.at, one.sequence, one.cause)

    # Rows of timers

    def _write_rows(self, resident: Resident) -> None:
        wanted = self._wanted_rows(resident)
        rows = resident.rows
        number = resident.number
        for key in rows.keys() - wanted.keys():
            self._dropped[number, key] = rows[key]
            self._set.pop((number, key), None)
        for key, waiting in wanted.items():
            if rows.get(key) != waiting:
                self._set[number, key] = waiting
        resident.rows = wanted

    def _wanted_rows(self, resident: Resident) -> dict[Cause, Waiting]:
        """What to wake the user for: of several with the same cause the earliest."""
        wanted: dict[Cause, Waiting] = {}
        user = resident.user
        for timer in (*user.pending(self.plan), *user.waiting):
            run = self.plan.live[timer.trigger.index].run
            assert run is not None
            if run.counts_to is None or timer.due < run.counts_to:
                _add(wanted, Waiting(run.segment, run.version, timer.cause.sequence, timer.cause.timestamp, timer.due))
        for standing in resident.held.values():
            _add(wanted, Waiting(standing.segment, standing.version, standing.cause, standing.at, standing.at))
        return wanted

    def _let_go(self) -> None:
        """Where there are too many, those that were not needed lately; all that follows from them is on record."""
        if self._size <= self._room:
            return
        for number in list(self._residents):
            if self._size <= self._room * 0.9:
                return
            resident = self._residents[number]
            due = min((waiting.due for waiting in resident.rows.values()), default=None)
            self.forget([number])
            if due is not None:
                self._sleep(number, due)

    def _sleep(self, number: int, due: Instant) -> None:
        at = self.patience.told_at(due)
        if self._asleep.get(number, FOREVER) > at:
            self._asleep[number] = at
            heappush(self._sleeping, (at, number))


def found(standing: Standing) -> Found:
    return standing.segment, standing.at, standing.cause


def _add(wanted: dict[Cause, Waiting], waiting: Waiting) -> None:
    key = waiting.segment, waiting.cause
    other = wanted.get(key)
    if other is None or waiting.due < other.due:
        wanted[key] = waiting
