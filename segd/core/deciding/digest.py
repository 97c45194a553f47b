"""An event as a plan sees it: which selectors match, and the few values that any definition asks about.

Properties are read once, when the event arrives; from then on triggers, filters and folding again work on digests
alone, so that a user's history costs a small object for each event that some definition names, whatever it carried.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from msgspec import Struct

from segd.core.time.instants import Instant

Order = tuple[Instant, int]


class Digest(Struct, gc=False):
    """One event.

    sequence: order of arrival. taken_at: where it stands among what happens live: its timestamp, or the clock at its
    arrival where it was older than the late band. cause: its message id, by which a qualification names it. mask: a bit
    for each selector of the plan that matches. values: by slot of the plan. traits: what it writes of the traits that
    the plan asks about; None deletes. imported_at: when it came as history, which is no trigger's business but of those
    that begin later and look back; None for what happened live.
    """

    timestamp: Instant
    sequence: int
    taken_at: Instant
    cause: str
    mask: int
    values: dict[int, Any] | None = None
    traits: dict[str, Any] | None = None
    imported_at: Instant | None = None


# Where it stands among what happens live.
place: Callable[[Digest], Order] = attrgetter("taken_at", "sequence")
