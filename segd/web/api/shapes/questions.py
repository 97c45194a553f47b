"""What is asked of definitions before they are anybody's: checks, previews, backtests."""

from typing import Annotated

from msgspec import UNSET, Meta, Raw, UnsetType

from segd.web.api.shapes.base import Answer, AnyDefinition, Count, Day, Definition, Moment, Problem, Request
from segd.web.api.shapes.users import UserRef

# In a list of one: with the bare reference Schemathesis asks for ever what a live one may be.
PastDefinition = Annotated[Raw, Meta(extra_json_schema={"anyOf": [{"$ref": "#/components/schemas/definition.Past"}]})]
LiveDefinition = Annotated[Raw, Meta(extra_json_schema={"anyOf": [{"$ref": "#/components/schemas/definition.Live"}]})]


class CheckRequest(Request, frozen=True):
    """segment: the number of the one that it is to be given, null for a new one; without, the one of that name, or a
    new one."""

    definition: AnyDefinition
    segment: int | UnsetType | None = UNSET


class Check(Answer, frozen=True):
    """A definition looked at. words: in English, empty where it has problems; definition: as it would be kept."""

    words: str
    problems: list[Problem]
    definition: Definition | None


class PreviewRequest(Request, frozen=True):
    """as_of: an earlier instant that is asked about, an ISO date-time; else now."""

    definition: PastDefinition
    as_of: str | UnsetType = UNSET


class PreviewQuery(Request, frozen=True):
    """estimate: ask a sample of the users alone, which is quick, rather than all of them."""

    estimate: bool = False


class Preview(Answer, frozen=True):
    """The answer of a past definition. total: all users known then, of an estimate about. share: of them. sql: the
    statement, its parameters written out. error: of an estimate, by how much the count is off at most, nineteen times
    in twenty; null where exact."""

    count: Count
    total: Count
    share: float
    sample: list[UserRef]
    milliseconds: Count
    sql: str
    as_of: Moment
    estimate: bool
    error: Count | None


class BacktestRequest(Request, frozen=True):
    """days: how many calendar days of the account's zone, today included."""

    definition: LiveDefinition
    days: Annotated[int, Meta(ge=1, le=90)] = 7


class DayCount(Answer, frozen=True):
    day: Day
    count: Count


class BacktestHit(Answer, frozen=True):
    """One who would have qualified. cause: the messageId of what opened the window or matched."""

    user_id: str
    anonymous: bool
    at: Moment
    cause: str


class Backtest(Answer, frozen=True):
    """What a live definition would have found. total: qualifications; users: who had any. estimate: told from a sample
    of the users, scaled; error: by how much the total is off then at most, nineteen times in twenty."""

    per_day: list[DayCount]
    total: Count
    users: Count
    sample: list[BacktestHit]
    milliseconds: Count
    estimate: bool
    error: Count | None
