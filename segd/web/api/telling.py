"""Values of core as they are told over the wire."""

from msgspec import Raw

from segd.core import definitions as d
from segd.core.answers import Person
from segd.core.instants import Instant, to_text
from segd.core.reading import definition_json
from segd.core.segment_views import SegmentView
from segd.core.words import in_words
from segd.web.api import shapes


def segment(view: SegmentView) -> shapes.Segment:
    definition = view.definition
    live = isinstance(definition, d.Live)
    return shapes.Segment(
        id=view.number,
        name=definition.name,
        kind="live" if live else "past",
        type=_type(definition),
        definition=Raw(definition_json(definition)),
        words=in_words(definition),
        version=view.version,
        status="paused" if view.paused else "running" if view.problem is None else "broken",
        reason=view.problem,
        number=shapes.Number(view.value, "qualified in 24 h" if live else "members now"),
        trend=list(view.trend),
        created_at=to_text(view.created_at),
        changed_at=to_text(view.changed_at),
        evaluated_at=moment(view.evaluated_at),
        evaluation_milliseconds=view.milliseconds,
    )


def user_ref(person: Person) -> shapes.UserRef:
    return shapes.UserRef(person.id, person.anonymous, dict(person.traits), to_text(person.last_seen))


def moment(instant: Instant | None) -> str | None:
    return None if instant is None else to_text(instant)


def _type(definition: d.Definition) -> shapes.TypeOfSegment:
    match definition:
        case d.Past():
            return "past"
        case d.Live(on=d.Action()):
            return "action"
        case d.Live(on=d.Inaction()):
            return "inaction"
        case d.Live(on=d.Date()):
            return "date"
        case d.Live(on=d.PageVisit()):
            return "page_visit"
        case d.Live(on=d.Referrer()):
            return "referrer"
        case d.Live():
            return "page_count"
