"""The feeds' frames as text."""

import msgspec

from segd.core.effects import Arrival
from segd.core.frames import Activity, Entries, Frame, Rate, Rates, Rejection, Rejections, Total, Totals
from segd.core.time.instants import to_text
from segd.web.api.entries import LONGEST, entry, short
from segd.web.api.shapes import feeds as shapes
from segd.web.api.shapes.events import RejectedMessage

_ENCODER = msgspec.json.Encoder(decimal_format="number")


def text(frame: shapes.SegmentFrame | shapes.AllFrame) -> str:
    return _ENCODER.encode(frame).decode()


class Wording:
    """Puts the frames of feeds into words. names: of the segments that are watched, by number."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}

    def call(self, segment: int, name: str) -> None:
        """The segment is called so from now on."""
        self.names[segment] = name

    def __call__(self, frame: Frame) -> str:
        match frame:
            case Entries():
                return text(self._entries(frame))
            case Rate():
                return text(_rate(frame))
            case Rates(rates):
                return text(shapes.SegmentRates([_rate(each) for each in rates]))
            case Activity(arrivals, left_out):
                return text(shapes.EventsSeen([_event(arrival) for arrival in arrivals], left_out))
            case Total():
                return text(_total(frame))
            case Totals(totals):
                return text(shapes.AllRates([_total(each) for each in totals]))
            case Rejections(rejections):
                return text(shapes.RejectedSeen([_rejected(each) for each in rejections]))

    def _entries(self, frame: Entries) -> shapes.Qualified | shapes.Retracted | shapes.Corrected:
        entries = [
            entry(each, self.names.get(each.entry.of.segment, ""), shown)
            for each, shown in zip(frame.entries, frame.shown, strict=True)
        ]
        match frame.type:
            case "qualified":
                return shapes.Qualified(entries, frame.left_out)
            case "retracted":
                return shapes.Retracted(entries)
            case "corrected":
                return shapes.Corrected(entries)


def _rate(rate: Rate) -> shapes.SegmentRate:
    return shapes.SegmentRate(to_text(rate.at), rate.qualifying, rate.all)


def _total(total: Total) -> shapes.AllRate:
    return shapes.AllRate(to_text(total.at), total.all, total.rejected)


def _event(arrival: Arrival) -> shapes.EventSeen:
    event = arrival.event
    return shapes.EventSeen(
        name=event.name,
        user_id=event.user_id,
        anonymous_id=event.anonymous_id,
        timestamp=to_text(event.timestamp),
        received_at=to_text(arrival.received_at),
        properties=short(event.traits or {} if event.name == "$identify" else event.properties()),
    )


def _rejected(rejection: Rejection) -> RejectedMessage:
    return RejectedMessage(to_text(rejection.at), rejection.code, rejection.message, rejection.content[:LONGEST])
