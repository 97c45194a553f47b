"""What events look like over HTTP, for whoever writes a definition, and the messages that were refused."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import UNSET, UnsetType

from segd.core.answers import EventStats
from segd.core.frames import Rejection
from segd.core.observing import Observed, operators_for
from segd.core.time.instants import to_text
from segd.web.api import telling
from segd.web.api.routing import Example, Part
from segd.web.api.shapes import events as shapes
from segd.web.api.shapes.base import Answer, Count
from segd.web.asgi import RequestError

REJECTED = 100  # of the latest


class Events(Answer, frozen=True, omit_defaults=True):
    """names: of all events, the most frequent first, where none is asked about; else what is known of that one."""

    names: list[shapes.EventName] | UnsetType = UNSET
    name: str | UnsetType = UNSET
    count: Count | UnsetType = UNSET
    properties: list[shapes.Property] | UnsetType = UNSET


class Rejected(Protocol):
    count: int

    def latest(self, most: int) -> Sequence[Rejection]: ...


def events(store: EventStats, rejected: Rejected) -> Part:
    part = Part("events", "What comes in.")

    @part.route(
        "GET", "/api/events", "List events, or the properties of one", scope="read", query=shapes.EventsQuery,
        answer=Events, errors=("not_found",), example=Example(),
    )  # fmt: skip
    async def list_events(query: shapes.EventsQuery) -> Events:
        """Told from a sample, where there are many, and some seconds old at most."""
        if isinstance(query.name, UnsetType):
            return Events(
                names=[
                    shapes.EventName(one.name, one.number, telling.moment(one.last_seen)) for one in await store.names()
                ]
            )
        try:
            named, observed = await store.properties(query.name)
        except LookupError:
            raise RequestError("not_found", f"no event {query.name[:200]!r} ever came") from None
        return Events(name=named.name, count=named.number, properties=[_property(one) for one in observed])

    @part.route("GET", "/api/traits", "List the traits of users", scope="read", answer=shapes.TraitNames)
    async def list_traits() -> shapes.TraitNames:
        users, observed = await store.traits()
        return shapes.TraitNames(users, [_property(one) for one in observed])

    @part.route("GET", "/api/rejected", "List messages that were refused", scope="read", answer=shapes.Rejected)
    async def list_rejected() -> shapes.Rejected:
        latest = [
            shapes.RejectedMessage(to_text(one.at), one.code, one.message, one.content)
            for one in rejected.latest(REJECTED)
        ]
        return shapes.Rejected(latest, rejected.count)

    return part


def _property(one: Observed) -> shapes.Property:
    return shapes.Property(
        path=one.path,
        types=list(one.types),
        count=one.number,
        values=[shapes.ValueCount(value, number) for value, number in one.values],
        operators=list(operators_for(one.types)),
    )
