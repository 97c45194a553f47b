"""Reports over HTTP: what is known of a segment, as one answer."""

from typing import Literal

from segd.core.answers import DayOf, Reach, Reports
from segd.web.api import shapes, telling
from segd.web.api.entries import entry
from segd.web.api.routing import Example, Part
from segd.web.api.segments import SegmentViews, find
from segd.web.asgi import RequestError


def reports(views: SegmentViews, store: Reports, zone: str) -> Part:
    """zone: the account's, whose days are told."""
    part = Part("reports", "What is known of segments.")

    @part.route(
        "GET", "/api/segments/{id}/report", "Read a segment's report", scope="read", query=shapes.ReportQuery,
        answer=shapes.Report, errors=("bad_definition", "broken", "not_found"), example=Example({"id": "1"}),
    )  # fmt: skip
    async def read_report(id: str, query: shapes.ReportQuery) -> shapes.Report:
        """Of a live segment: who qualified by day since it was made, today's so far included, how many lately, the last
        of the log, and by which channels those of 30 days are reached. Of a past one: its members now, by day the
        members at midnight, a sample, and by which channels they are reached."""
        number = await find(views, id)
        view = await views.one(number)
        try:
            return await (_live(number) if view.kind == "live" else _past(number, query.recalculate))
        except LookupError:
            raise RequestError("not_found", f"segment {number} was deleted just now") from None

    async def _live(number: int) -> shapes.Report:
        found = await store.live(number)
        segment = telling.segment(await views.one(number))
        return shapes.Report(
            segment=segment,
            zone=zone,
            per_day=[_day(day, "live") for day in found.per_day],
            rate=shapes.Rate(found.last_hour, found.last_day),
            recent=[entry(one, segment.name, shown) for one, shown in found.recent],
            reachability=_reachability(found.reach, "distinct users qualified in 30 days"),
            sample=[],
            members=found.members,
            retracted=found.retracted,
        )

    async def _past(number: int, recalculate: bool) -> shapes.Report:
        found = await store.past(number, recalculate=recalculate)
        segment = telling.segment(await views.one(number))  # which now has the number that was just found
        return shapes.Report(
            segment=segment,
            zone=zone,
            per_day=[_day(day, "snapshot") for day in found.per_day],
            rate=shapes.Rate(0, 0),
            recent=[],
            reachability=_reachability(found.reach, "members now"),
            sample=[telling.user_ref(person) for person in found.sample],
            members=found.members,
            retracted=0,
        )

    return part


def _day(day: DayOf, source: Literal["live", "snapshot"]) -> shapes.ReportDay:
    return shapes.ReportDay(day.day.isoformat(), day.number, day.retracted, source)


def _reachability(reach: Reach, label: str) -> shapes.Reachability:
    channels = [
        shapes.Channel(channel, number, number / reach.of if reach.of else 0.0)
        for channel, number in reach.channels.items()
    ]
    return shapes.Reachability(reach.of, reach.reached, label, channels)
