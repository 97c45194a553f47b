"""What users do first, of whom a live segment's trigger, filter and `again` then let a part qualify."""

from typing import NamedTuple

from msgspec import UnsetType

from segd.core.language import definitions as d
from segd.core.language.phrases import deed
from segd.core.time.lengths import parse_length


class Beginning(NamedTuple):
    """did: any of these. within: how long after it a user qualifies who does, in microseconds."""

    did: tuple[d.Selector, ...]
    within: int = 0

    @property
    def words(self) -> str:
        """`did Add To Cart`"""
        return deed(self.did)


def beginning(definition: d.Live) -> Beginning | None:
    """None where all who do it qualify, and where a date decides."""
    picks = not isinstance(definition.filter, UnsetType) or definition.again != "always"
    match definition.on:
        case d.Inaction(did=did, within=within):
            return Beginning(d.selectors(did), parse_length(within))
        case d.Action(did=did) if picks:
            return Beginning(d.selectors(did))
        case d.PageVisit(where=where) if picks:
            return Beginning((d.Selector("$page", where),))
        case d.Referrer(where=where) | d.PageCount(where=where):
            return Beginning((d.Selector("$page", where),))
        case _:
            return None
