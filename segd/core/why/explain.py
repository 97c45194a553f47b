"""Why: for a user and a segment, what decided it, and what is missing where it did not come to that.

The user's messages go once more, in order, through a population of their own, with notes on: the same triggers, filters
and `again` that decided in the first place. Nothing is judged here; it is only written down. `explain_words` says it
in English.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from msgspec import Struct, UnsetType

from segd.core.deciding import past
from segd.core.deciding.digest import Digest
from segd.core.deciding.plan import LiveSegment, Plan
from segd.core.deciding.triggers.base import Candidate, Note, What
from segd.core.deciding.triggers.pages import AllPagesTrigger, RecentPagesTrigger, SessionPagesTrigger
from segd.core.language import definitions as d
from segd.core.language.conditions import is_plain, lookup, lookup_all
from segd.core.time.instants import Instant
from segd.core.users.late import Key
from segd.core.users.population import Entry, Population
from segd.core.users.qualifying import User

# What is told


class Deed(Struct, frozen=True):
    """One event. cause: what a qualification names it by. name: None where the message is not one that a selector may
    name: it wrote traits, or was only heard."""

    at: Instant
    cause: str | int
    name: str | None


class Step(Struct, frozen=True):
    """What happened to the trigger.

    deed: what made it happen; None for the passing of time. cause: the event that opened the window or set the date.
    due: its end; None where no date could be read. number: of pages, this one included. `joined`: with another id; what
    stands before it is how things went for both as one.
    """

    what: What
    at: Instant
    deed: Deed | None = None
    cause: Deed | None = None
    due: Instant | None = None
    number: int = 0


class Occurred(Struct, frozen=True, tag_field="type", tag="occurred"):
    """Of `did` and `did_not`. number: of events in the time asked for. latest: of up to five of them, the timestamp and
    order of arrival. measured: where a measure is asked for and there were values. nth: when the very first or last
    such event happened, where that is asked."""

    number: int
    latest: tuple[tuple[Instant, int], ...]
    measured: int | Decimal | None
    nth: Instant | None


class Held(Struct, frozen=True, tag_field="type", tag="held"):
    """Of `profile`: the trait's value, None where it is not set; a list of values for a `[]` path."""

    value: Any


class Seen(Struct, frozen=True, tag_field="type", tag="seen"):
    """Of `first_seen` and `last_seen`."""

    at: Instant | None


class Entered(Struct, frozen=True, tag_field="type", tag="entered"):
    """Of `in_segment` on a live one: how often they qualified in the time asked for, and when last."""

    number: int
    last: Instant | None


class Address(Struct, frozen=True, tag_field="type", tag="address"):
    """Of `reachable`: whether there is an address or token; where there is one and the condition does not hold, they
    unsubscribed."""

    there: bool


class Evidence(Struct, frozen=True):
    """Whether a condition held, and what was found. parts: of `all`, `any` and `not`; of `in_segment` on a past segment
    the one that makes its members. found: None in all of these."""

    condition: d.Condition
    holds: bool
    found: Occurred | Held | Seen | Entered | Address | None
    parts: tuple["Evidence", ...] = ()


class Decision(Struct, frozen=True):
    """What became of one candidate.

    verdict: qualified, or refused by the `filter` or by `again`, or the segment was not made yet, or paused. steps: of
    the trigger, that led to it. filter: None where there is none, or it was not asked. before: the latest qualification
    before it, where `again` asks.
    """

    at: Instant
    cause: Deed
    verdict: Literal["qualified", "filter", "again", "not running"]
    steps: tuple[Step, ...]
    filter: Evidence | None
    before: Instant | None


class Pending(Struct, frozen=True):
    """An open window, or a date that is to come."""

    cause: Deed
    due: Instant


class Progress(Struct, frozen=True):
    """number: of pages so far. until: when the count begins anew, or the oldest of them drops out, if nothing comes."""

    number: int
    until: Instant | None


class Explanation(Struct, frozen=True):
    """Of a live segment and a user, as of `now`.

    known: whether anything of the user came by then. outcome: "qualified" where they did at least once; else "pending"
    while a window is open or a date to come; else "refused" where only filter or `again` stood in the way, or that the
    segment did not run; else "not". decisions: about every candidate, in order. steps: of the trigger, in order.
    standing: how the filter stands now. since: what is stamped earlier is not the trigger's business; None for nothing.
    """

    definition: d.Live
    user: str
    now: Instant
    known: bool
    outcome: Literal["qualified", "pending", "refused", "not"]
    decisions: tuple[Decision, ...] = ()
    steps: tuple[Step, ...] = ()
    pending: tuple[Pending, ...] = ()
    progress: Progress | None = None
    standing: Evidence | None = None
    since: Instant | None = None


class Membership(Struct, frozen=True):
    """Of a past-behaviour segment and a user. known: only known users can be members."""

    definition: d.Past
    user: str
    as_of: Instant
    known: bool
    member: bool
    evidence: Evidence


# Asking


def why(plan: Plan, entries: Iterable[Entry], key: Key, segment: str, now: Instant) -> Explanation:
    """Why a user did or did not qualify for a live segment, as it stood at `now`, timers due then included.

    entries: all messages of every id that was ever joined with this one, in order of (taken_at, sequence). key: the
    kind of id ("user" or "anonymous"), and the id. Of several runs of the segment the last is meant. KeyError where the
    plan has no such live segment.
    """
    live = next((one for one in reversed(plan.live) if one.name == segment), None)
    if live is None:
        raise KeyError(segment)
    telling = _Retelling(plan, live)
    telling.replay(entry for entry in entries if entry.taken_at <= now)
    telling.finish(now)
    return telling.about(key, now)


def entries_of(user: User) -> list[Entry]:
    """A user's own log as messages of one id: for users who were never joined with another."""
    ids = (None, user.id) if user.anonymous else (user.id, None)
    return [Entry(digest.taken_at, digest.sequence, *ids, None, digest) for digest in user.log]


def key_of(user: User) -> Key:
    return ("anonymous" if user.anonymous else "user", user.id)


def why_member(plan: Plan, user: User, segment: str, as_of: Instant) -> Membership:
    """Why a user is or is not a member of a past-behaviour segment. KeyError where the plan has no such segment."""
    found = plan.past[segment]
    moment = past.Moment(user.history, as_of)
    evidence = _evidence(plan, found.definition.where, found.where.explain(moment))
    known = moment.first_seen() is not None
    return Membership(found.definition, user.id, as_of, known, known and evidence.holds, evidence)


# Writing down what happens


class _Retelling(Population):
    """A population that notes what happens to one segment's trigger, and what becomes of its candidates."""

    def __init__(self, plan: Plan, segment: LiveSegment) -> None:
        super().__init__(plan)
        self._segment = segment
        self._names = {bit: name for name, interest in plan.names.items() for bit, _ in interest.selectors}
        self._decisions: list[tuple[User, Decision]] = []
        self._deciding: User | None = None

    def about(self, key: Key, now: Instant) -> Explanation:
        kind, id = key
        definition = self._segment.definition
        if kind == "user":
            known, user = id in self.users, self.users.get(id)
        else:
            device = self.devices.get(id)
            known, user = id in self.devices, device and device.user
        trigger = self._segment.trigger
        if user is None:
            standing = self._standing(past.History(), now)
            return Explanation(definition, id, now, known, "not", standing=standing, since=trigger.sees_from)
        user = user.survivor()
        decisions = tuple(decision for whose, decision in self._decisions if whose.survivor() is user)
        timers = (timer for timer in user.pending(self.plan) if timer.trigger is trigger)
        pending = sorted((Pending(self._deed(timer.cause), timer.due) for timer in timers), key=lambda one: one.due)
        return Explanation(
            definition,
            user.id,
            now,
            known,
            _outcome(decisions, pending),
            decisions,
            tuple(self._step(note) for note in self._notes(user)),
            tuple(pending),
            self._progress(user.states.get(trigger.index), now),
            self._standing(user.history, now),
            trigger.sees_from,
        )

    # Where notes are taken

    def _user(self, user_id: str | None, anonymous_id: str | None, previous_id: str | None, at: Instant) -> User:
        user = super()._user(user_id, anonymous_id, previous_id, at)
        if user.notes is None:
            user.notes = []
        return user

    def _join(self, old: User, user_id: str, user: User | None, at: Instant) -> User:
        if user is None:
            return super()._join(old, user_id, user, at)
        notes: list[Note] = []
        user.survivor().notes = notes  # folding both as one tells their story anew
        joined = super()._join(old, user_id, user, at)
        notes.append(Note(self._segment.trigger, "joined", at, None))
        return joined

    def _settle(self, user: User, candidate: Candidate, who: Any) -> None:
        self._deciding = user
        super()._settle(user, candidate, who)

    def admits(self, segment: LiveSegment, history: past.History, candidate: Candidate) -> bool:
        admitted = super().admits(segment, history, candidate)
        if segment is self._segment:
            assert self._deciding is not None
            self._decisions.append((self._deciding, self._decision(history, candidate, admitted)))
        return admitted

    def _decision(self, history: past.History, candidate: Candidate, admitted: bool) -> Decision:
        steps = tuple(map(self._step, self._that_led_to(candidate)))
        cause = self._deed(candidate.cause)
        run = self._segment.run
        if run is not None and not run.counts(candidate.at):
            return Decision(candidate.at, cause, "not running", steps, None, None)
        last = None if candidate.last is None else candidate.last.sequence
        evidence = self._filter(past.Moment(history, candidate.at, last))
        verdict = "qualified" if admitted else "again" if evidence is None or evidence.holds else "filter"
        before = history.qualified.get(self._segment.name) if self._segment.again != 0 else None
        return Decision(candidate.at, cause, verdict, steps, evidence, before[-1] if before else None)

    # Making it plain

    def _notes(self, user: User) -> list[Note]:
        return [note for note in user.notes or () if note.trigger is self._segment.trigger]

    def _that_led_to(self, candidate: Candidate) -> Sequence[Note]:
        assert self._deciding is not None
        notes = self._notes(self._deciding)
        on = self._segment.definition.on
        if not isinstance(on, d.PageCount):
            return [note for note in notes if note.cause is candidate.cause]
        counted = [note for note in notes if note.what == "counted"]
        full = next(index for index, note in enumerate(counted) if note.event is candidate.cause)
        return counted[max(0, full + 1 - on.at_least) : full + 1]

    def _step(self, note: Note) -> Step:
        deed = None if note.event is None else self._deed(note.event)
        cause = None if note.cause is None else self._deed(note.cause)
        return Step(note.what, note.at, deed, cause, note.due, note.number)

    def _deed(self, digest: Digest) -> Deed:
        mask = digest.mask
        return Deed(digest.timestamp, digest.cause, self._names[mask & -mask] if mask else None)

    def _filter(self, moment: past.Moment) -> Evidence | None:
        condition, node = self._segment.definition.filter, self._segment.filter
        if isinstance(condition, UnsetType) or node is None:
            return None
        return _evidence(self.plan, condition, node.explain(moment))

    def _standing(self, history: past.History, now: Instant) -> Evidence | None:
        return self._filter(past.Moment(history, now))

    def _progress(self, state: Any, now: Instant) -> Progress | None:
        match self._segment.trigger:
            case SessionPagesTrigger() as trigger:
                if state is None or now - state.seen_at > trigger.idle:
                    return Progress(0, None)
                return Progress(state.count, state.seen_at + trigger.idle)
            case RecentPagesTrigger() as trigger:
                recent: list[Instant] = state[bisect_right(state, now - trigger.length) :] if state else []
                return Progress(len(recent), recent[0] + trigger.length if recent else None)
            case AllPagesTrigger():
                return Progress(state or 0, None)
            case _:
                return None


def _outcome(
    decisions: Sequence[Decision], pending: Sequence[Pending]
) -> Literal["qualified", "pending", "refused", "not"]:
    if any(decision.verdict == "qualified" for decision in decisions):
        return "qualified"
    return "pending" if pending else "refused" if decisions else "not"


def _evidence(plan: Plan, condition: d.Condition, reason: past.Reason) -> Evidence:
    """The reason of a compiled condition, beside what it was compiled from."""
    match condition:
        case d.All(of=of) | d.AnyOf(of=of):
            parts = tuple(_evidence(plan, *pair) for pair in zip(of, reason.parts, strict=True))
            return Evidence(condition, reason.holds, None, parts)
        case d.Not(of=of):
            return Evidence(condition, reason.holds, None, (_evidence(plan, of, reason.parts[0]),))
        case d.InSegment(segment=name) if name in plan.past:
            inner = _evidence(plan, plan.past[name].definition.where, reason.parts[0])
            return Evidence(condition, reason.holds, None, (inner,))
        case _:
            return Evidence(condition, reason.holds, _found(condition, reason.found))


def _found(condition: d.Condition, found: Any) -> Occurred | Held | Seen | Entered | Address:
    match condition:
        case d.Profile(property="first_seen" | "last_seen"):
            return Seen(found)
        case d.Profile(property=path):
            traits = {path.split(".")[0].removesuffix("[]"): found}
            return Held(lookup(path)(traits) if is_plain(path) else lookup_all(path)(traits))
        case d.InSegment():
            return Entered(len(found), found[-1] if found else None)
        case d.Reachable():
            return Address(found)
        case _:
            measured = found.measured
            if isinstance(measured, Fraction):
                measured = Decimal(measured.numerator) / measured.denominator
            return Occurred(found.number, found.latest, measured, found.nth)
