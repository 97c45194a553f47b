"""Reports over HTTP: what is known of a segment, as one answer."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from segd.core.answers import DayOf, Open, Reach, Reports, Share
from segd.core.language import definitions as d
from segd.core.segment_views import Backtested, SegmentView
from segd.core.time.calendar import day_of, midnight
from segd.core.time.instants import to_text
from segd.web.api import telling
from segd.web.api.entries import entry
from segd.web.api.questions import Backtests
from segd.web.api.routing import Example, Part
from segd.web.api.segments import SegmentViews, find
from segd.web.api.shapes import reports as shapes
from segd.web.asgi import RequestError

TRIED_DAYS: Final = 30  # of a backtest: as many as are told of what happened


def reports(views: SegmentViews, store: Reports, backtests: Backtests, zone: ZoneInfo) -> Part:
    """zone: the account's, whose days are told."""
    part = Part("reports", "What is known of segments.")

    @part.route(
        "GET", "/api/segments/{id}/report", "Read a segment's report", scope="read", query=shapes.ReportQuery,
        answer=shapes.Report, errors=("bad_definition", "broken", "not_found", "overloaded"),
        example=Example({"id": "1"}),
    )  # fmt: skip
    async def read_report(id: str, query: shapes.ReportQuery) -> shapes.Report:
        """Of a live segment: who qualified by day since it was made, today's so far included, how many lately, the last
        of the log, who is inside its window now, of how many who did what it begins with those are a part, and by which
        channels those of 30 days are reached. Of a past one: its members now, by day the members at midnight, a sample,
        and by which channels they are reached."""
        number = await find(views, id)
        view = await views.one(number)
        try:
            return await (_live(view, query.backtest) if view.kind == "live" else _past(number, query.recalculate))
        except LookupError:
            raise RequestError("not_found", f"segment {number} was deleted just now") from None

    async def _live(view: SegmentView, backtest: bool) -> shapes.Report:
        found = await store.live(view.number)
        segment = telling.segment(view)
        days = [_day(day, "live") for day in found.per_day]
        tried = None
        today = found.per_day[-1].day
        if backtest and view.created_at > midnight(today - timedelta(days=TRIED_DAYS - 1), zone):
            assert isinstance(view.definition, d.Live)
            tried = await backtests.run(view.definition, TRIED_DAYS)
            days = _with_before(days, tried, day_of(view.created_at, zone), today)
        return shapes.Report(
            segment=segment,
            zone=zone.key,
            per_day=days,
            backtest=None if tried is None else shapes.Sampled(tried.error is not None, tried.error),
            rate=shapes.Rate(found.last_hour, found.last_day),
            recent=[entry(one, segment.name, shown) for one, shown in found.recent],
            waiting=_waiting(found.open),
            share=_share(found.share),
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
            zone=zone.key,
            per_day=[_day(day, "snapshot") for day in found.per_day],
            backtest=None,
            rate=shapes.Rate(0, 0),
            recent=[],
            waiting=None,
            share=None,
            reachability=_reachability(found.reach, "members now"),
            sample=[telling.user_ref(person) for person in found.sample],
            members=found.members,
            retracted=0,
        )

    return part


def _day(day: DayOf, source: Literal["live", "snapshot"]) -> shapes.ReportDay:
    return shapes.ReportDay(day.day.isoformat(), day.number, day.retracted, source)


def _with_before(
    days: Sequence[shapes.ReportDay], tried: Backtested, made: date, today: date
) -> list[shapes.ReportDay]:
    """With what would have happened before the first day that the segment was there for as a whole; today's is as it
    happened."""
    before = [
        shapes.ReportDay(day.isoformat(), count, 0, "backtest")
        for day, count in tried.per_day
        if day <= made and day < today
    ]
    return before + [one for one in days if one.day > made.isoformat() or one.day == today.isoformat()]


def _waiting(open: Open | None) -> shapes.Waiting | None:
    return None if open is None else shapes.Waiting(open.users, telling.moment(open.next_due))


def _share(share: Share | None) -> shapes.ShareOfUsers | None:
    if share is None:
        return None
    return shapes.ShareOfUsers(share.qualified, share.of, to_text(share.since), f"users who {share.words}")


def _reachability(reach: Reach, label: str) -> shapes.Reachability:
    channels = [
        shapes.Channel(channel, number, number / reach.of if reach.of else 0.0)
        for channel, number in reach.channels.items()
    ]
    return shapes.Reachability(reach.of, reach.reached, label, channels)
