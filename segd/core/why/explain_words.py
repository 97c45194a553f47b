"""Explanations in English: a verdict in one sentence, then what it rests on, a line each.

A day is named where it changes, the zone once.
"""

from collections.abc import Callable, Iterator
from datetime import tzinfo
from typing import NamedTuple

from msgspec import UnsetType

from segd.core.language import definitions as d
from segd.core.language.phrases import (
    deed,
    either,
    event_in_words,
    length_in_words,
    number_in_words,
    plural,
    property_in_words,
    where_in_words,
)
from segd.core.time.instants import Instant
from segd.core.why.evidence_words import Clock, evidence_lines
from segd.core.why.explain import Decision, Deed, Evidence, Explanation, Membership, Pending, Step

EARLIER = 2  # attempts told beside the one that decides


def in_words(explanation: Explanation | Membership, zone: tzinfo) -> list[str]:
    """Lines to read from top to bottom; those of a condition inside another are indented. zone: of all instants."""
    if isinstance(explanation, Membership):
        return _membership(explanation, Clock(zone))
    return list(_Story(explanation, zone).lines())


# Past-behaviour segments


def _membership(membership: Membership, clock: Clock) -> list[str]:
    verb = "is" if membership.member else "is not"
    verdict = f"{membership.user} {verb} a member as of {clock.say(membership.as_of)}"
    if not membership.known:
        return [f"{verdict}: nothing of them had come by then."]
    return [f"{verdict}.", *evidence_lines(membership.evidence, clock)]


# Live segments


class _Attempt(NamedTuple):
    """Something that might have made them qualify and did not. say: later, since a clock says days in order."""

    at: Instant
    say: Callable[[], str]
    filter: Evidence | None = None


class _Story:
    def __init__(self, explanation: Explanation, zone: tzinfo) -> None:
        self._told = explanation
        self._clock = Clock(zone)
        self._on = explanation.definition.on

    def lines(self) -> Iterator[str]:
        told = self._told
        match told.outcome:
            case "qualified":
                yield from self._qualified()
            case "pending":
                yield from self._not_yet()
            case "refused" | "not":
                yield from self._did_not()
        if any(step.what == "joined" for step in told.steps):
            joined = next(step.at for step in reversed(told.steps) if step.what == "joined")
            yield f"Two ids became one at {self._clock.say(joined)}; until then each stood for itself."

    # The three verdicts

    def _qualified(self) -> Iterator[str]:
        told, say = self._told, self._clock.say
        times = [decision for decision in told.decisions if decision.verdict == "qualified"]
        *before, last = times
        often = "" if not before else f" {plural(len(times), 'time')}, last"
        yield f"{told.user} qualified{often} at {say(last.at)}: {self._how(last)}."
        if last.filter is not None:
            yield "The filter held:"
            yield from evidence_lines(last.filter, self._clock)
        if before:
            more = f" and {plural(len(before) - EARLIER, 'time')} more" if len(before) > EARLIER else ""
            yield f"Before that, at {either([say(one.at) for one in reversed(before[-EARLIER:])], 'and at')}{more}."
        since = [attempt for attempt in self._attempts() if attempt.at > last.at]
        if since:
            yield from self._in_full(f"Since then: {since[-1].say()}", since[-1])
        for pending in told.pending[:EARLIER]:
            yield _capital(f"{self._pending(pending)}.")

    def _not_yet(self) -> Iterator[str]:
        told = self._told
        first, *others = told.pending
        yield f"{told.user} has not qualified yet: {self._pending(first)}."
        yield from (_capital(f"{self._pending(pending)}.") for pending in others[: EARLIER - 1])
        yield from self._standing("The filter would hold now:", "The filter would not hold now:")
        yield from self._earlier(self._attempts())

    def _did_not(self) -> Iterator[str]:
        told = self._told
        attempts = self._attempts()
        if not told.known:
            never = self._never() + self._since()
            by = self._clock.say(told.now)
            yield f"{told.user} did not qualify: {never}; by {by} nothing that a segment asks about had come."
        elif isinstance(self._on, d.PageCount) and told.outcome == "not":
            yield f"{told.user} did not qualify: {self._too_few(self._on)}."
        elif not attempts:
            yield f"{told.user} did not qualify: {self._never()}{self._since()}."
        else:
            *attempts, last = attempts
            yield from self._in_full(f"{told.user} did not qualify: {last.say()}", last)
            if last.filter is not None:
                yield from self._earlier(attempts)
                return
        yield from self._standing("The filter would hold now:", "Nor would the filter hold now:")
        yield from self._earlier(attempts)

    def _in_full(self, said: str, attempt: _Attempt) -> Iterator[str]:
        if attempt.filter is None:
            yield f"{said}."
        else:
            yield f"{said}:"
            yield from evidence_lines(attempt.filter, self._clock)

    def _standing(self, holds: str, does_not: str) -> Iterator[str]:
        standing = self._told.standing
        if standing is not None:
            yield holds if standing.holds else does_not
            yield from evidence_lines(standing, self._clock)

    def _earlier(self, attempts: list[_Attempt]) -> Iterator[str]:
        for attempt in reversed(attempts[-EARLIER:]):
            yield f"Before that: {attempt.say()}."
        if len(attempts) > EARLIER:
            yield f"And {plural(len(attempts) - EARLIER, 'time')} more."

    # What led to a qualification

    def _how(self, decision: Decision, *, aside: bool = False) -> str:
        """What made them a candidate. aside: tests in parentheses, so that more of the sentence can follow."""
        cause = decision.cause
        match self._on:
            case d.Inaction() as on:
                return f"{self._opened(on, cause)}, and {_no(on.did_not)}{_with_same(on.same)} came in it"
            case d.Date():
                return f"{self._date(cause)} set that instant"
            case d.PageCount() as on:
                return self._pages(on, decision)
            case d.Action() as on:
                such = tuple(one for one in d.selectors(on.did) if one.event == cause.name)
                return f"they {deed(such[0] if len(such) == 1 else such, aside=aside)}"
            case d.PageVisit() as on:
                return f"they viewed a page{where_in_words(on.where, aside=aside)}"
            case d.Referrer() as on:
                return f"they came from another site{where_in_words(on.where, aside=aside)}"

    def _opened(self, on: d.Inaction, cause: Deed) -> str:
        return f"{self._deed(cause)} opened a window of {length_in_words(on.within)}"

    def _pages(self, on: d.PageCount, decision: Decision) -> str:
        pages = f"they viewed {plural(on.at_least, 'page')}{where_in_words(on.where, aside=True)}"
        since = self._clock.say(decision.steps[0].at)
        if on.per == "session":
            return f"{pages} in one visit, the first of them at {since}"
        if on.per == "ever":
            return f"{pages} in all"
        return f"{pages} within {length_in_words(on.per)}, the first of them at {since}"

    # What stands open

    def _pending(self, pending: Pending) -> str:
        holds = not isinstance(self._told.definition.filter, UnsetType)
        if isinstance(self._on, d.Inaction):
            opened = f"{self._opened(self._on, pending.cause)}, which is open until {self._clock.say(pending.due)}"
            comes = f"{_no(self._on.did_not)}{_with_same(self._on.same)} comes"
            return f"{opened}; they qualify then if {comes}{' and the filter holds' if holds else ''}"
        sets = f"{self._date(pending.cause)} sets {self._clock.say(pending.due)}"
        return f"{sets}; they qualify then{' if the filter holds' if holds else ''}"

    # What came to nothing

    def _attempts(self) -> list[_Attempt]:
        """In order of time."""
        told = self._told
        found = [self._failed(step) for step in told.steps if step.what in _FAILURES]
        found += [self._refused(decision) for decision in told.decisions if decision.verdict != "qualified"]
        return sorted(found, key=lambda attempt: attempt.at)

    def _failed(self, step: Step) -> _Attempt:
        return _Attempt(step.at, lambda: self._failure(step))

    def _failure(self, step: Step) -> str:
        assert step.deed is not None
        assert step.cause is not None
        if step.what == "closed" and isinstance(self._on, d.Inaction):
            return f"{self._opened(self._on, step.cause)}, but {self._deed(step.deed)} closed it"
        if step.what == "no date":
            return f"{self._date(step.cause)} is no date that can be read"
        set_for = f"{self._date(step.cause)} set {self._clock.say(step.due or 0)}"
        if step.what == "past":
            return f"{set_for}, which had passed by then"
        if step.what == "cancelled":
            return f"{set_for}, but {self._deed(step.deed)} cancelled it"
        return f"{set_for}, but {self._date(step.deed)} took its place"

    def _refused(self, decision: Decision) -> _Attempt:
        def say() -> str:
            if isinstance(self._on, d.Action | d.PageVisit | d.Referrer):
                how = f"{self._how(decision, aside=True)} at {self._clock.say(decision.at)}, but"
            else:
                how = f"{self._how(decision)}, but at {self._clock.say(decision.at)}"
            if decision.verdict == "filter":
                return f"{how} the filter did not hold"
            if decision.verdict == "not running":
                return f"{how} the segment, as it is now, did not run then"
            assert decision.before is not None
            again = self._told.definition.again
            rule = "only the first time counts" if again == "once" else f"once in {length_in_words(again)} is enough"
            return f"{how} they had qualified at {self._clock.say(decision.before)}, and {rule}"

        return _Attempt(decision.at, say, decision.filter if decision.verdict == "filter" else None)

    def _never(self) -> str:
        match self._on:
            case d.Action(did=did) | d.Inaction(did=did):
                return f"they never {deed(did)}"
            case d.PageVisit(where=where):
                return f"they never viewed a page{where_in_words(where)}"
            case d.Referrer(where=where):
                return f"they never came from another site{where_in_words(where)}"
            case d.Date(profile=str() as path):
                return f"their {property_in_words(path)} was never set"
            case d.Date(event=event, where=where):
                assert isinstance(event, str)
                return f"they never {deed(d.Selector(event, where))}"
            case d.PageCount() as on:
                return self._too_few(on)

    def _since(self) -> str:
        since = self._told.since
        looks_at_all = isinstance(self._on, d.Date) and isinstance(self._on.profile, str)
        if since is None or looks_at_all:
            return ""
        return f" since {self._clock.say(since)}, when the segment began to look"

    def _too_few(self, on: d.PageCount) -> str:
        counted = [step.number for step in self._told.steps if step.what == "counted"]
        progress = self._told.progress
        most = max(counted, default=0)
        if progress is not None:
            most = max(most, progress.number)
        if most == 0:
            return f"they never viewed a page{where_in_words(on.where)}"
        pages = f"{number_in_words(most)} of {plural(on.at_least, 'page')}{where_in_words(on.where, aside=True)}"
        if on.per == "ever" or progress is None:
            return f"they viewed {pages}"
        number, until = progress.number, None if progress.until is None else self._clock.say(progress.until)
        if on.per == "session":
            if until is None:
                return f"they viewed at most {pages} in one visit, and none is going on"
            now = f"in this one it is {number_in_words(number)}, and it ends at {until} if nothing more comes"
            return f"they viewed at most {pages} in one visit; {now}"
        viewed = f"they viewed at most {pages} within {length_in_words(on.per)}"
        if until is None:
            return f"{viewed}, and none of them counts any more"
        return f"{viewed}; {number_in_words(number)} of them count{'s' if number == 1 else ''} until {until}"

    # Events

    def _deed(self, done: Deed) -> str:
        noun = event_in_words(done.name or "a message")
        article = "a " if done.name is not None and noun != done.name else ""
        return f"{article}{noun} at {self._clock.say(done.at)}"

    def _date(self, done: Deed) -> str:
        """The date that an event brought."""
        on = self._on
        assert isinstance(on, d.Date)
        if isinstance(on.profile, str):
            return f"their {property_in_words(on.profile)}, written at {self._clock.say(done.at)},"
        assert isinstance(on.property, str)
        return f"the {property_in_words(on.property)} of {self._deed(done)}"


_FAILURES = ("closed", "superseded", "cancelled", "past", "no date")


def _no(given: d.Selectors) -> str:
    chosen = d.selectors(given)
    return f"no {either([event_in_words(one.event) + where_in_words(one.where, aside=True) for one in chosen])}"


def _with_same(paths: tuple[str, ...]) -> str:
    return f" with the same {either([property_in_words(path) for path in paths], 'and')}" if paths else ""


def _capital(sentence: str) -> str:
    """Begun with a capital, unless a name that must stay as it is stands there."""
    return f"{sentence[0].upper()}{sentence[1:]}" if sentence.startswith(("a ", "the ", "their ")) else sentence
