"""Events as they were seen, and messages that were refused."""

from typing import Any, Literal

from msgspec import UNSET, UnsetType

from segd.web.api.shapes.base import Answer, Count, Moment, Request


class EventName(Answer, frozen=True):
    """count: how many, about where there are very many."""

    name: str
    count: Count
    last_seen: Moment | None


class ValueCount(Answer, frozen=True):
    """A value that is frequent, and how often it was seen; one that fewer than 5 users have is never shown."""

    value: Any
    count: Count


class Property(Answer, frozen=True):
    """What was seen at a path: `price`, `address.city`, `items[].sku`. count: how often, be it of the same user, and
    about where that is much. operators: what a test may use there."""

    path: str
    types: list[Literal["text", "number", "boolean", "date", "list", "object"]]
    count: Count
    values: list[ValueCount]
    operators: list[str]


class TraitNames(Answer, frozen=True):
    """count: of the users who have any, about where they are many."""

    count: Count
    properties: list[Property]


class RejectedMessage(Answer, frozen=True):
    """A message that was refused. content: its beginning, as it came."""

    at: Moment
    code: str
    message: str
    content: str


class Rejected(Answer, frozen=True):
    """Newest first. count: of all since the daemon started."""

    rejected: list[RejectedMessage]
    count: Count


class EventsQuery(Request, frozen=True):
    """name: of one event, whose properties are then told."""

    name: str | UnsetType = UNSET
