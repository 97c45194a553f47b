"""Tests on properties as SQL: boolean expressions over a jsonb value.

They agree exactly with `core.language.conditions`. What SQL cannot decide as core does (RE2 patterns, dates whose zone
matters) is left open as a question: the texts at hand are fetched, core picks those that pass, and the statement asks
for these.
"""

from collections.abc import Callable, Sequence
from datetime import tzinfo
from functools import reduce
from typing import Any, NamedTuple

from msgspec.json import Encoder

from segd.core.language.conditions import NEGATED, Predicate, value_holds
from segd.core.language.definitions import Op, Test
from segd.store.queries import Sql, Statement

Steps = Sequence[str | None]  # of a property path: a member's name, or None for each element of a list

OPERATORS = {
    "eq": Sql("="), "ne": Sql("<>"), "gt": Sql(">"), "gte": Sql(">="), "lt": Sql("<"), "lte": Sql("<="),
    "before": Sql("<"), "after": Sql(">"),
}  # fmt: skip
_BY_CORE = ("matches", "before", "after")

_encoder = Encoder(decimal_format="number")


def as_json(value: Any) -> str:
    """As a parameter that is cast to jsonb or numeric."""
    return _encoder.encode(value).decode()


class Question(NamedTuple):
    """What to settle before a statement runs: which of the texts this query returns pass.

    They, as a list, are the value at `position` of the statement.
    """

    text: Sql
    values: list[Any]
    passes: Predicate
    position: int


class Place(NamedTuple):
    """Where tests look. value: the piece that is its JSON. texts: the statement of all texts among values in there."""

    value: str
    texts: Callable[[Statement, Sql], Sql]


def steps_of(path: str) -> list[str | None]:
    """`items[].sku` is items, each element, sku."""
    steps: list[str | None] = []
    for segment in path.split("."):
        name = segment.rstrip("[]")
        steps += [name, *[None] * ((len(segment) - len(name)) // 2)]
    return steps


def values_at(statement: Statement, value: Sql, steps: Steps) -> Sql:
    """A query of the values that a path leads to from `value`, nulls among them."""
    reached, elements = _follow(statement, value, steps)
    if elements is None:
        return statement.piece("values", value=reached)
    return statement.piece("values_of_elements", value=reached, elements=elements)


def _follow(statement: Statement, value: Sql, steps: Steps) -> tuple[Sql, Sql | None]:
    """The value at the end of a path, and the lists whose elements it goes through, if any."""
    elements: list[Sql] = []
    for step in steps:
        if step is None:
            alias = Sql(f"element_{len(elements)}")
            elements.append(statement.piece("elements", value=value, alias=alias))
            value = statement.piece("element", alias=alias)
        else:
            value = statement.piece("member", value=value, name=step)
    if not elements:
        return value, None
    return value, reduce(lambda left, right: statement.piece("more_elements", left=left, right=right), elements)


class TestCompiler:
    """Puts tests into one statement. questions: filled on the way."""

    __test__ = False  # not for pytest

    def __init__(self, statement: Statement) -> None:
        self.questions: list[Question] = []
        self._statement = statement

    def all_pass(self, tests: Sequence[Test], place: Place, zone: tzinfo) -> Sql:
        """zone: of the calendar days in `before` and `after`."""
        piece = self._statement.piece
        passing = [self._passes(test, place, zone) for test in tests] or [piece("no_test")]
        return reduce(lambda left, right: piece("all_tests", left=left, right=right), passing)

    def _passes(self, test: Test, place: Place, zone: tzinfo) -> Sql:
        positive = NEGATED.get(test.op, test.op)
        passes = self.passes(steps_of(test.property), positive, test.value, place, zone)
        return passes if positive == test.op else self._statement.piece("not_true", test=passes)

    def passes(self, steps: Steps, op: Op, wanted: Any, place: Place, zone: tzinfo) -> Sql:
        """Whether any value at the path passes; NULL is no. op: not a negative one."""
        piece = self._statement.piece
        value, elements = _follow(self._statement, piece(place.value), steps)
        if op in _BY_CORE:
            test = self._passes_by_core(steps, op, wanted, value, place, zone)
        else:
            test = self._value_passes(op, wanted, value)
        return test if elements is None else piece("any_element", elements=elements, test=test)

    def _value_passes(self, op: Op, wanted: Any, value: Sql) -> Sql:
        piece = self._statement.piece
        match op:
            case "exists":
                return piece("exists", value=value)
            case "eq":
                return piece("eq", value=value, wanted=as_json(wanted))
            case "in":
                return piece("in", value=value, wanted=list(map(as_json, wanted)))
            case "between":
                low, high = (self._ordered(op, end, value) for op, end in zip(("gte", "lte"), wanted, strict=True))
                return piece("all_tests", left=low, right=high)
            case "contains":
                in_list = piece("list_contains", value=value, wanted=as_json(wanted))
                if not isinstance(wanted, str):
                    return in_list
                return piece("any_test", left=piece("text_contains", value=value, wanted=wanted), right=in_list)
            case "starts_with" | "ends_with":
                return piece(op, value=value, wanted=wanted)
            case _:
                return self._ordered(op, wanted, value)

    def _ordered(self, op: str, wanted: Any, value: Sql) -> Sql:
        if isinstance(wanted, str):
            return self._statement.piece("text_ordered", value=value, operator=OPERATORS[op], wanted=wanted)
        return self._statement.piece("number_ordered", value=value, operator=OPERATORS[op], wanted=as_json(wanted))

    def _passes_by_core(self, steps: Steps, op: Op, wanted: Any, value: Sql, place: Place, zone: tzinfo) -> Sql:
        asked = Statement()
        text = place.texts(asked, values_at(asked, asked.piece(place.value), steps))
        test = self._statement.piece("one_of_texts", value=value, wanted=[])
        position = len(self._statement.values) - 1
        self.questions.append(Question(text, asked.values, value_holds(op, wanted, zone), position))
        return test
