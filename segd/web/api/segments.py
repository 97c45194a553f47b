"""Segments over HTTP: listed, made, changed, paused, deleted."""

from collections.abc import Collection
from typing import Protocol

from segd.core.language.definitions import Definition
from segd.core.segment_views import Order, SegmentView, tag
from segd.web.api import telling
from segd.web.api.requests import at_field, read_posted_definition, within
from segd.web.api.routing import Example, Part, Tagged
from segd.web.api.shapes import segments as shapes
from segd.web.asgi import RequestError

CART = {
    "name": "Cart left for 10 minutes",
    "kind": "live",
    "on": {
        "type": "inaction",
        "did": {"event": "Added To Cart"},
        "did_not": {"event": "Charged"},
        "within": "10m",
    },
    "filter": {"type": "profile", "property": "tier", "op": "eq", "value": "platinum"},
}
_ONE = Example({"id": "1"})


class SegmentViews(Protocol):
    """What is shown of segments. LookupError where there is none such."""

    async def page(self, search: str, order: Order, skip: int, most: int) -> tuple[list[SegmentView], int]:
        """Some of the segments with that in their names, and how many there are in all."""
        ...

    async def one(self, number: int) -> SegmentView: ...

    async def number_of(self, named: str) -> int:
        """named: a number as text, or a name."""
        ...


class SegmentChanges(Protocol):
    """Changes of segments, in effect on return. SegdError with the codes `no_segment`, `name_taken`, `in_use`,
    `not_live` and `broken`, DefinitionError where a definition does not fit the others.

    seen: tags; of a segment with none of them nothing changes: `changed_meanwhile`. None: whatever its tag is.
    """

    async def create(self, definition: Definition) -> int:
        """The number of the new one."""
        ...

    async def change(self, number: int, definition: Definition, seen: Collection[str] | None) -> None: ...

    async def pause(self, number: int) -> None: ...

    async def resume(self, number: int) -> None: ...

    async def delete(self, number: int, seen: Collection[str] | None) -> None: ...


async def find(views: SegmentViews, id: str) -> int:
    """The number of a segment that a path names. Raises RequestError `not_found`."""
    try:
        return await views.number_of(id)
    except LookupError:
        raise RequestError("not_found", f"there is no segment {id[:200]!r}") from None


def segments(views: SegmentViews, changes: SegmentChanges) -> Part:
    part = Part("segments", "Segments and their definitions.")

    async def told(number: int) -> Tagged:
        try:
            view = await views.one(number)
            return Tagged(telling.segment(view), tag(view.version, view.changed_at))
        except LookupError:
            raise RequestError("not_found", f"segment {number} was deleted just now") from None

    @part.route(
        "GET", "/api/segments", "List segments", scope="read", query=shapes.SegmentsQuery, answer=shapes.Segments,
        example=Example({"search": "cart", "sort": "-members"}),
    )  # fmt: skip
    async def list_segments(query: shapes.SegmentsQuery) -> shapes.Segments:
        skip = (query.page - 1) * query.per_page
        found, total = await views.page(query.search, query.sort, skip, query.per_page)
        return shapes.Segments([telling.segment(view) for view in found], total, query.page, query.per_page)

    @part.route(
        "POST", "/api/segments", "Make a segment", scope="manage", status=201, body=shapes.DefinitionRequest,
        answer=shapes.Segment, errors=("bad_definition", "name_taken"), tagged=True,
        example=Example(body={"definition": CART | {"name": "Cart left by a platinum customer"}}),
    )  # fmt: skip
    async def create_segment(body: shapes.DefinitionRequest) -> Tagged:
        definition = read_posted_definition(body.definition)
        with within("definition"), at_field("definition.name", "name_taken"):
            return await told(await changes.create(definition))

    @part.route(
        "GET", "/api/segments/{id}", "Read a segment", scope="read", answer=shapes.Segment, errors=("not_found",),
        tagged=True, example=_ONE,
    )  # fmt: skip
    async def read_segment(id: str) -> Tagged:
        return await told(await find(views, id))

    @part.route(
        "PUT", "/api/segments/{id}", "Change a segment", scope="manage", body=shapes.DefinitionRequest,
        answer=shapes.Segment, errors=("bad_definition", "changed_meanwhile", "name_taken", "no_segment", "not_found"),
        tagged=True, conditional=True, example=Example({"id": "1"}, {"definition": CART | {"again": "1d"}}),
    )  # fmt: skip
    async def change_segment(id: str, body: shapes.DefinitionRequest, seen: Collection[str] | None) -> Tagged:
        """A new version, where more than the name is another."""
        number = await find(views, id)
        definition = read_posted_definition(body.definition)
        with within("definition"), at_field("definition.name", "name_taken"):
            await changes.change(number, definition, seen)
        return await told(number)

    @part.route(
        "DELETE", "/api/segments/{id}", "Delete a segment", scope="manage", status=204,
        errors=("changed_meanwhile", "in_use", "no_segment", "not_found"), conditional=True, example=_ONE,
    )  # fmt: skip
    async def delete_segment(id: str, seen: Collection[str] | None) -> None:
        """With all that came of it. Refused while another segment names it."""
        await changes.delete(await find(views, id), seen)

    @part.route(
        "POST", "/api/segments/{id}/pause", "Pause a live segment", scope="manage", answer=shapes.Segment,
        errors=("broken", "no_segment", "not_found", "not_live"), tagged=True, example=_ONE,
    )  # fmt: skip
    async def pause_segment(id: str) -> Tagged:
        """Nobody qualifies until it is resumed: what comes due meanwhile is dropped."""
        number = await find(views, id)
        await changes.pause(number)
        return await told(number)

    @part.route(
        "POST", "/api/segments/{id}/resume", "Resume a live segment", scope="manage", answer=shapes.Segment,
        errors=("broken", "no_segment", "not_found", "not_live"), tagged=True, example=_ONE,
    )  # fmt: skip
    async def resume_segment(id: str) -> Tagged:
        """It has seen what happened meanwhile: windows that are open still, whenever they were opened, come due."""
        number = await find(views, id)
        await changes.resume(number)
        return await told(number)

    return part
