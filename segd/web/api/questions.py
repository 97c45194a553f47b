"""Definitions that are not kept: checked, previewed, tried on the history."""

from typing import Protocol

from msgspec import Raw, UnsetType

from segd.core.errors import DefinitionError, Problem
from segd.core.language import definitions as d
from segd.core.language.reading import definition_json, read_definition
from segd.core.language.words import in_words
from segd.core.segment_views import Backtested, Previewed
from segd.core.time.instants import Instant, to_text
from segd.web.api import telling
from segd.web.api.requests import bad_field, read_instant, read_posted_definition, within
from segd.web.api.routing import Example, Part
from segd.web.api.segments import CART
from segd.web.api.shapes import base
from segd.web.api.shapes import questions as shapes
from segd.web.asgi import RequestError

PAST = {
    "name": "Cart and no purchase",
    "kind": "past",
    "where": {
        "type": "all",
        "of": [
            {"type": "did", "event": "Added To Cart", "when": {"last": "30d"}},
            {"type": "did_not", "event": "Charged"},
        ],
    },
}


class Previews(Protocol):
    """as_of: None for now. DefinitionError where a definition names segments that are not there."""

    async def exact(self, definition: d.Past, as_of: Instant | None) -> Previewed: ...

    async def estimate(self, definition: d.Past, as_of: Instant | None) -> Previewed:
        """In a moment, of as many users as there is time for."""
        ...


class Backtests(Protocol):
    async def run(self, definition: d.Live, days: int) -> Backtested:
        """Over the stored history, for the last so many days. Raises DefinitionError as Previews; Unavailable
        `overloaded` where too many are under way."""
        ...


class Checks(Protocol):
    async def problems(self, definition: d.Definition) -> list[Problem]:
        """What keeps it from being asked."""
        ...

    async def problems_kept(self, definition: d.Definition, number: int | UnsetType | None) -> list[Problem]:
        """All that would be said if it were kept. number: of the segment that gets it; None: a new one does; UNSET: the
        one of that name does, or a new one. Raises LookupError."""
        ...


def questions(previews: Previews, backtests: Backtests, checks: Checks) -> Part:
    part = Part("questions", "Definitions tried before they are kept.")

    async def read(document: Raw) -> d.Definition:
        """Raises DefinitionError, also where it does not fit the segments that there are."""
        definition = read_posted_definition(document)
        if problems := await checks.problems(definition):
            with within("definition"):
                raise DefinitionError(problems)
        return definition

    @part.route(
        "POST", "/api/segments/check", "Check a definition", scope="read", body=shapes.CheckRequest,
        answer=shapes.Check, errors=("not_found",), example=Example(body={"definition": CART, "segment": 1}),
    )  # fmt: skip
    async def check_definition(body: shapes.CheckRequest) -> shapes.Check:
        """All that would be said if it were kept. Problems are an answer here, their paths from the top of the
        definition."""
        try:
            definition = read_definition(bytes(body.definition))
        except DefinitionError as error:
            return shapes.Check("", [_told(problem) for problem in error.problems], None)
        try:
            problems = await checks.problems_kept(definition, body.segment)
        except LookupError:
            raise RequestError("not_found", f"there is no segment {body.segment}") from None
        document = Raw(definition_json(definition))
        return shapes.Check(in_words(definition), [_told(problem) for problem in problems], document)

    @part.route(
        "POST", "/api/segments/preview", "Preview a past segment", scope="read", query=shapes.PreviewQuery,
        body=shapes.PreviewRequest, answer=shapes.Preview, errors=("bad_definition",),
        example=Example({"estimate": True}, {"definition": PAST, "asOf": "2026-11-22T03:00:00Z"}),
    )  # fmt: skip
    async def preview_segment(query: shapes.PreviewQuery, body: shapes.PreviewRequest) -> shapes.Preview:
        """Exactly, however long that takes; `estimate=1` tells within 300 ms what a sample of the users says. A request
        that is given up is given up in the database, too."""
        definition = await read(body.definition)
        if not isinstance(definition, d.Past):
            raise bad_field("definition.kind", "expected past: a live segment is tried by /api/segments/backtest")
        as_of = None if isinstance(body.as_of, UnsetType) else read_instant("asOf", body.as_of)
        ask = previews.estimate if query.estimate else previews.exact
        with within("definition"):
            return _preview(await ask(definition, as_of))

    @part.route(
        "POST", "/api/segments/backtest", "Try a live segment on the history", scope="read",
        body=shapes.BacktestRequest, answer=shapes.Backtest, errors=("bad_definition", "overloaded"),
        example=Example(body={"definition": CART, "days": 7}),
    )  # fmt: skip
    async def backtest_segment(body: shapes.BacktestRequest) -> shapes.Backtest:
        """Takes about two seconds: where the history is larger, of a sample of the users."""
        definition = await read(body.definition)
        if not isinstance(definition, d.Live):
            raise bad_field("definition.kind", "expected live: a past segment is tried by /api/segments/preview")
        with within("definition"):
            return _backtest(await backtests.run(definition, body.days))

    return part


def _told(problem: Problem) -> base.Problem:
    return base.Problem(problem.path, problem.message)


def _preview(found: Previewed) -> shapes.Preview:
    values = [f"-- ${number}: {value}" for number, value in enumerate(found.values, start=1)]
    return shapes.Preview(
        count=found.members,
        total=found.known,
        share=found.members / found.known if found.known else 0.0,
        sample=[telling.user_ref(person) for person in found.sample],
        milliseconds=found.milliseconds,
        sql="\n".join([found.sql, *values]),
        as_of=to_text(found.as_of),
        estimate=found.error is not None,
        error=found.error,
    )


def _backtest(found: Backtested) -> shapes.Backtest:
    return shapes.Backtest(
        per_day=[shapes.DayCount(day.isoformat(), count) for day, count in found.per_day],
        total=found.total,
        users=found.users,
        sample=[shapes.BacktestHit(hit.user, hit.anonymous, to_text(hit.at), hit.cause) for hit in found.sample],
        milliseconds=found.milliseconds,
        estimate=found.error is not None,
        error=found.error,
    )
