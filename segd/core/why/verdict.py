"""Whether a user is in a segment, by record and by explanation, in words."""

from datetime import tzinfo
from typing import NamedTuple

from segd.core.time.instants import Instant
from segd.core.why.evidence_words import Clock
from segd.core.why.explain import Explanation, Membership
from segd.core.why.explain_words import in_words


class Told(NamedTuple):
    """Why the latest version of a segment has a user, or not. qualified_at: of a live one, when any version had them
    last, as is on record. paused: nobody qualifies now."""

    about: Explanation | Membership
    qualified_at: Instant | None = None
    paused: bool = False


class Verdict(NamedTuple):
    """words: lines to read from top to bottom."""

    holds: bool
    words: list[str]


def verdict(told: Told, zone: tzinfo) -> Verdict:
    """zone: of all instants."""
    about = told.about
    words = in_words(about, zone)
    if isinstance(about, Membership):
        return Verdict(about.member, words)
    holds = about.outcome == "qualified"
    if told.qualified_at is not None and not holds:
        holds = True
        at = Clock(zone).say(told.qualified_at)
        words.insert(0, f"{about.user} qualified at {at}, by what the segment was then. As it is now:")
    if told.paused:
        words.append("The segment is paused: nobody qualifies until it is resumed.")
    return Verdict(holds, words)
