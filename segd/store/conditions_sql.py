"""Past-behaviour conditions as SQL: each becomes the set of users for whom it holds.

`core.deciding.past` decides the same questions about one user in memory, and the two must agree.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, tzinfo
from functools import reduce
from typing import Any, Final, NamedTuple

from msgspec import UNSET, UnsetType

from segd.core.deciding.past import ADDRESSES
from segd.core.errors import DefinitionError, Problem
from segd.core.language import definitions as d
from segd.core.language.conditions import NEGATED, compile_number
from segd.core.time.calendar import days_ago, iso_instant
from segd.core.time.instants import EARLIEST, LATEST, Instant, to_datetime
from segd.core.time.lengths import parse_length
from segd.store.queries import Sql, Statement
from segd.store.tests_sql import OPERATORS, Place, Question, TestCompiler, as_json, steps_of, values_at


class LiveSegment(NamedTuple):
    """A stored live segment that a condition names."""

    number: int


class PastSegment(NamedTuple):
    """A stored past segment that a condition names. zone: of its own calendar days."""

    where: d.Condition
    zone: tzinfo


NamedSegments = Mapping[str, LiveSegment | PastSegment]  # by the text that conditions name them by


# In a statement. It takes seconds to plan one of so many; and segments that name others twice would double without end.
MOST_CONDITIONS: Final = 1_000


class Compiled(NamedTuple):
    """A statement. values: of its parameters, `$1` first; those that questions are about are still empty lists."""

    text: str
    values: list[Any]
    questions: list[Question]


Answer = Callable[[Statement, Sql], Sql]  # what is to be told of a set of users, in the same statement


def ids(statement: Statement, users: Sql) -> Sql:
    """Their ids as people know them, by code point, one a row."""
    return statement.piece("members", users=users)


def compile_past(
    condition: d.Condition,
    as_of: Instant,
    zone: tzinfo,
    segments: NamedSegments,
    answer: Answer = ids,
    last: int | None = None,
) -> Compiled:
    """The `answer` about the users for whom the condition holds at `as_of`.

    zone: of the calendar days in the condition. segments: all that it names, and that those name; no circles. last: the
    greatest number of a user who is asked about; None for all. Raises DefinitionError for a `when` on a past segment,
    and for too many conditions.
    """
    compiler = _Compiler(as_of, segments)
    users = compiler.users(condition, zone)
    statement, questions = compiler.statement, compiler.tests.questions
    text = answer(statement, users)
    if last is not None:  # of questions, too: to fetch the texts of all takes as long as to ask about all
        text = _of_some(text, statement.values, last)
        questions = [one._replace(text=_of_some(one.text, one.values, last)) for one in questions]
    return Compiled(str(text), statement.values, questions)


def _of_some(text: Sql, values: list[Any], last: int) -> Sql:
    """values: of its parameters, which get one more."""
    statement = Statement()
    statement.values = values
    return statement.piece("of_some", asked=text, last=last)


class _Compiler:
    def __init__(self, as_of: Instant, segments: NamedSegments) -> None:
        self.as_of = as_of
        self.now = to_datetime(as_of)
        self.segments = segments
        self.statement = Statement()
        self.tests = TestCompiler(self.statement)
        self.conditions = 0
        self.piece = self.statement.piece

    def users(self, condition: d.Condition, zone: tzinfo) -> Sql:
        self.conditions += 1
        if self.conditions > MOST_CONDITIONS:
            problem = f"expected at most {MOST_CONDITIONS:,} conditions, with those of the past segments it names"
            raise DefinitionError([Problem("where", problem)])
        match condition:
            case d.All():
                return self._joined("both", [self.users(part, zone) for part in condition.of])
            case d.AnyOf():
                return self._joined("either", [self.users(part, zone) for part in condition.of])
            case d.Not():
                return self._all_but(self.users(condition.of, zone))
            case d.Did():
                return self._did(condition, zone)
            case d.DidNot():
                return self._all_but(self._did(d.Did(condition.event, condition.where, when=condition.when), zone))
            case d.Profile():
                return self._profile(condition, zone)
            case d.InSegment():
                return self._in_segment(condition, zone)
            case d.Reachable():
                return self._reachable(condition.channel)

    def _joined(self, how: str, sets: Iterable[Sql]) -> Sql:
        return reduce(lambda left, right: self.piece(how, left=left, right=right), sets)

    def _known(self) -> Sql:
        return self.piece("known", as_of=self.now)

    def _all_but(self, users: Sql) -> Sql:
        return self.piece("without", left=self._known(), right=users)

    # Events

    def _did(self, did: d.Did, zone: tzinfo) -> Sql:
        selected = _Selected(self, did, zone)
        sets: list[Sql] = []
        if not isinstance(did.nth, UnsetType):
            sets.append(selected.outermost(did.nth))
        elif not isinstance(did.count, UnsetType):
            counted = selected.users(did.count)
            if did.zero and compile_number(did.count.op, did.count.value)(0):
                counted = self._joined("either", [counted, self._all_but(selected.users())])
            sets.append(counted)
        elif isinstance(did.measure, UnsetType):
            sets.append(selected.users())
        if not isinstance(did.measure, UnsetType):
            sets.append(selected.measured(did.measure))
        return self._joined("both", sets)

    # Traits

    def _profile(self, profile: d.Profile, zone: tzinfo) -> Sql:
        if profile.property in ("first_seen", "last_seen"):
            return self._seen(profile, zone)
        trait, *rest = steps_of(profile.property)
        positive = NEGATED.get(profile.op, profile.op)

        def texts(statement: Statement, values: Sql) -> Sql:
            return statement.piece("texts_of_trait", trait=trait, as_of=self.now, values=values)

        such = self.tests.passes(rest, positive, profile.value, Place("written_trait", texts), zone)
        users = self._with_trait(trait, such)
        return users if positive == profile.op else self._all_but(users)

    def _with_trait(self, trait: str | None, such: Sql) -> Sql:
        return self.piece("trait", trait=trait, as_of=self.now, such=such)

    def _seen(self, profile: d.Profile, zone: tzinfo) -> Sql:
        if profile.op == "exists":
            return self._known()
        if profile.op == "not_exists":
            return self._all_but(self._known())
        bound = to_datetime(iso_instant(profile.value, zone))
        if profile.property == "first_seen":
            return self.piece("first_seen", as_of=self.now, operator=OPERATORS[profile.op], bound=bound)
        if profile.op == "after":
            return self.piece("seen", as_of=self.now, operator=OPERATORS["gt"], bound=bound)
        return self._all_but(self.piece("seen", as_of=self.now, operator=OPERATORS["gte"], bound=bound))

    def _reachable(self, channel: str) -> Sql:
        value = self.piece("written_trait")
        there = [self._with_trait(name, self.piece("is_there", value=value)) for name in ADDRESSES[channel]]
        unsubscribed = self.piece("eq", value=self.piece("member", value=value, name=channel), wanted="false")
        refusing = self._with_trait("subscriptions", unsubscribed)
        return self.piece("without", left=self._joined("either", there), right=refusing)

    # Segments

    def _in_segment(self, condition: d.InSegment, zone: tzinfo) -> Sql:
        segment = self.segments[condition.segment]
        if isinstance(segment, LiveSegment):
            return self.piece("qualified", segment=segment.number, **self.range(condition.when, zone)._asdict())
        if not isinstance(condition.when, UnsetType):
            problem = f"{condition.segment!r} is a past segment, which has no `when`: it is asked at the instant itself"
            raise DefinitionError([Problem("in_segment.when", problem)])
        return self.users(segment.where, segment.zone)

    # Time

    def range(self, when: d.When | UnsetType, zone: tzinfo) -> "Range":
        """The instants that `when` means as of now; nothing after now is among them."""
        start, stop = EARLIEST, self.as_of + 1
        if isinstance(when, UnsetType):
            pass
        elif isinstance(when.last, str):
            start = max(start, stop - parse_length(when.last))
        elif not isinstance(when.days_ago, UnsetType):
            start, end = days_ago(self.as_of, when.days_ago, zone)
            stop = min(stop, end)
        else:
            start = iso_instant(when.from_, zone) if isinstance(when.from_, str) else start
            stop = min(stop, iso_instant(when.to, zone)) if isinstance(when.to, str) else stop
        if start >= stop:
            return Range(to_datetime(LATEST), to_datetime(EARLIEST))  # empty
        return Range(to_datetime(start), to_datetime(stop - 1))


class Range(NamedTuple):
    """Instants, both ends included."""

    start: datetime
    until: datetime


class _Selected:
    """The events that a `did` selects, and the sets of users that can be asked of them."""

    def __init__(self, compiler: _Compiler, did: d.Did, zone: tzinfo) -> None:
        self._compiler = compiler
        self._event = did.event
        self._range = compiler.range(did.when, zone)
        # The very first or last event may lie outside the range, so texts are asked of all events up to now.
        asked = self._range if isinstance(did.nth, UnsetType) else compiler.range(UNSET, zone)

        def texts(statement: Statement, values: Sql) -> Sql:
            return statement.piece("texts_of_events", event=self._event, values=values, **asked._asdict())

        self._such = compiler.tests.all_pass(did.where, Place("properties", texts), zone)

    def users(self, count: d.Count | UnsetType = UNSET) -> Sql:
        """With so many of them; at least one where nothing is said. None at all is never enough."""
        piece = self._compiler.piece
        number = piece("how_many")
        if isinstance(count, UnsetType):
            enough = piece("no_test")
        else:
            enough = self._compared(count, lambda op, wanted: self._comparison("compared", number, op, wanted))
        return piece("did", event=self._event, such=self._such, enough=enough, **self._range._asdict())

    def outermost(self, nth: str) -> Sql:
        """Whose very first or last of all lies in the range."""
        ends = self._range._asdict()
        if nth == "last":
            ends["as_of"] = self._compiler.now
        return self._compiler.piece(f"{nth}_did", event=self._event, such=self._such, **ends)

    def measured(self, measure: d.Measure) -> Sql:
        piece = self._compiler.piece
        values = values_at(self._compiler.statement, piece("properties"), steps_of(measure.property))
        if measure.fn == "avg":
            kind, number = "average_compared", piece("sum")
        else:
            kind, number = "compared", piece(measure.fn)
        enough = self._compared(measure, lambda op, wanted: self._comparison(kind, number, op, wanted))
        return piece(
            "measured", event=self._event, such=self._such, values=values, enough=enough, **self._range._asdict()
        )

    def _compared(self, asked: d.Count | d.Measure, comparison: Callable[[str, Any], Sql]) -> Sql:
        if asked.op != "between":
            return comparison(asked.op, asked.value)
        low, high = asked.value
        return self._compiler.piece("all_tests", left=comparison("gte", low), right=comparison("lte", high))

    def _comparison(self, kind: str, number: Sql, op: str, wanted: Any) -> Sql:
        return self._compiler.piece(kind, number=number, operator=OPERATORS[op], wanted=as_json(wanted))
