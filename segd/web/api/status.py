"""How the daemon is: one small answer, asked often."""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import NamedTuple, Protocol

from quart import request

from segd.core.time.instants import Instant, to_text
from segd.web.api.routing import Part
from segd.web.api.shapes import daemon as shapes
from segd.web.auth import Guard


class Sizes(NamedTuple):
    """How much there is, about. events_per_second: taken lately."""

    users: int
    events: int
    events_per_second: float


class SizeOf(Protocol):
    async def __call__(self) -> Sizes: ...


def status(
    size_of: SizeOf,
    guard: Guard,
    *,
    zone: str,
    now: Callable[[], Instant],
    write_key: str,
    demo: bool,
    unready: Callable[[], str | None],
    engage: Sequence[tuple[str, str]] = (),
) -> Part:
    """unready: why events cannot be taken now; None when they can. engage: names of tools with their addresses."""
    part = Part("status", "How the daemon is.")

    @part.route("GET", "/api/status", "The daemon's status", scope="read", answer=shapes.DaemonStatus)
    async def read_status() -> shapes.DaemonStatus:
        sizes = await size_of()
        return shapes.DaemonStatus(
            zone=zone,
            now=to_text(now()),
            events_per_second=sizes.events_per_second,
            users=sizes.users,
            events=sizes.events,
            version=version("segd"),
            write_key=write_key,
            demo=demo,
            unready=unready(),
            scope=await guard.scope_of(request),
            engage=[shapes.EngageLink(name, url) for name, url in engage],
        )

    return part
