"""The daemon itself, and what is imported through it."""

from typing import Literal

from segd.web.api.shapes.base import Answer, Count, Moment, Problem, Scope


class Imported(Answer, frozen=True):
    """repeated: how many messages were there already. refused: how many lines, by code; problems: the first of them,
    their paths the numbers of the lines. junk_ids: dropped beside good ones."""

    imported: Count
    repeated: Count
    refused: dict[str, int]
    problems: list[Problem]
    junk_ids: Count


class EngageLink(Answer, frozen=True):
    """A link to a tool of yours. url: where it holds `{id}` or `{name}`, a segment's are to be filled in, encoded."""

    name: str
    url: str


class Health(Answer, frozen=True):
    """All is well; what is not is answered with an error."""

    status: Literal["ok"]


class DaemonStatus(Answer, frozen=True):
    """events_per_second: taken lately. users: counted while they are few, else about. events: how many messages were
    taken since the first one, those of users who were forgotten since among them. unready: why events cannot be taken
    now. demo: the data are a sample, and there is a shop at /shop. scope: what you may do. engage: as configured."""

    zone: str
    now: Moment
    events_per_second: float
    users: Count
    events: Count
    version: str
    write_key: str
    demo: bool
    unready: str | None
    scope: Scope
    engage: list[EngageLink]
