"""Values of core as they are told over the wire."""

import msgspec
from msgspec import Raw, Struct

from segd.core.answers import Person
from segd.core.language.words import in_words
from segd.core.segment_views import SegmentView
from segd.core.time.instants import Instant, to_text
from segd.web.api.shapes import segments as shapes
from segd.web.api.shapes.users import UserRef


class _On(Struct):
    type: shapes.TypeOfSegment


class _Live(Struct):
    on: _On


def segment(view: SegmentView) -> shapes.Segment:
    return shapes.Segment(
        id=view.number,
        name=view.name,
        kind=view.kind,
        type="past" if view.kind == "past" else _type(view.document),
        definition=Raw(view.document),
        words="" if view.definition is None else in_words(view.definition),
        version=view.version,
        status="broken" if view.problem is not None else "paused" if view.paused else "running",
        reason=view.problem,
        number=shapes.Number(view.value, "qualified in 24 h" if view.kind == "live" else "members now"),
        trend=list(view.trend),
        created_at=to_text(view.created_at),
        changed_at=to_text(view.changed_at),
        evaluated_at=moment(view.evaluated_at),
        evaluation_milliseconds=view.milliseconds,
        last_qualified_at=moment(view.last_at),
    )


def user_ref(person: Person) -> UserRef:
    return UserRef(person.id, person.anonymous, dict(person.traits), to_text(person.last_seen))


def moment(instant: Instant | None) -> str | None:
    return None if instant is None else to_text(instant)


def _type(document: bytes) -> shapes.TypeOfSegment | None:
    """Of a live one, as far as it can be told."""
    try:
        return msgspec.json.decode(document, type=_Live).on.type
    except msgspec.ValidationError:
        return None
