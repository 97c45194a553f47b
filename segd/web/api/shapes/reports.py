"""Reports of segments."""

from typing import Literal

from segd.web.api.shapes.base import Answer, Count, Day, Moment, Request
from segd.web.api.shapes.members import LogEntry
from segd.web.api.shapes.segments import Segment
from segd.web.api.shapes.users import UserRef


class ReportQuery(Request, frozen=True):
    """recalculate: of a past one, find anew who is in it, however long that takes; else what was found a moment ago may
    do. backtest: of a live one, tell also of the days before it was made, which takes about two seconds."""

    recalculate: bool = False
    backtest: bool = False


class ReportDay(Answer, frozen=True):
    """source: `live` as it happened; `backtest` as it would have, on days that the segment was not there for from their
    beginning; `snapshot` members at midnight."""

    day: Day
    count: Count
    retracted: Count
    source: Literal["live", "backtest", "snapshot"]


class Rate(Answer, frozen=True):
    """How many qualified."""

    last_hour: Count
    last24h: Count


class Channel(Answer, frozen=True):
    channel: Literal["push", "web_push", "email", "sms", "whatsapp"]
    count: Count
    share: float


class Reachability(Answer, frozen=True):
    """How many of so many users a channel reaches. reached: how many at least one does. label: who they are."""

    of: Count
    reached: Count
    label: str
    channels: list[Channel]


class Waiting(Answer, frozen=True):
    """Users inside a window, or with a date that is to come. next_due: when the first of them is due."""

    users: Count
    next_due: Moment | None


class ShareOfUsers(Answer, frozen=True):
    """Of so many users who did what the segment begins with, how many qualified since then; each user counts once. What
    was imported meanwhile is left out: nothing live comes of it. label: what they did. since: 7 days ago, or when the
    latest version began to count. Where qualifying takes a length, they did it that much earlier: all their windows are
    decided."""

    qualified: Count
    of: Count
    since: Moment
    label: str


class Sampled(Answer, frozen=True):
    """estimate, error: as of a backtest, whose days these are."""

    estimate: bool
    error: Count | None


class Report(Answer, frozen=True):
    """What is known of a segment. backtest: null where no day is of one. recent: newest first. waiting: null where the
    trigger waits for nothing. share: null where all qualify who do it, where a date decides, while it is paused, and of
    past ones. sample: of a past one's members."""

    segment: Segment
    zone: str
    per_day: list[ReportDay]
    backtest: Sampled | None
    rate: Rate
    recent: list[LogEntry]
    waiting: Waiting | None
    share: ShareOfUsers | None
    reachability: Reachability
    sample: list[UserRef]
    members: Count | None
    retracted: Count
