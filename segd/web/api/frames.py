"""The feeds' frames as text."""

from typing import Any

import msgspec

from segd.core.effects import Arrival
from segd.core.frames import Activity, Entries, Frame, Rate, Rejection, Rejections, Total
from segd.core.instants import to_text
from segd.web.api import shapes
from segd.web.api.entries import entry

PROPERTIES = 8  # of an event that is shown
LONGEST = 100  # characters of a text that is shown

_ENCODER = msgspec.json.Encoder(decimal_format="number")


def text(frame: shapes.SegmentFrame | shapes.AllFrame) -> str:
    return _ENCODER.encode(frame).decode()


class Wording:
    """Puts the frames of feeds into words. names: of the segments that are watched, by number."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}

    def __call__(self, frame: Frame) -> str:
        match frame:
            case Entries():
                return text(self._entries(frame))
            case Rate(at, qualifying, all):
                return text(shapes.SegmentRate(to_text(at), qualifying, all))
            case Activity(arrivals, left_out):
                return text(shapes.EventsSeen([_event(arrival) for arrival in arrivals], left_out))
            case Total(at, all, rejected):
                return text(shapes.AllRate(to_text(at), all, rejected))
            case Rejections(rejections):
                return text(shapes.RejectedSeen([_rejected(each) for each in rejections]))

    def _entries(self, frame: Entries) -> shapes.Qualified | shapes.Retracted | shapes.Corrected:
        entries = [
            entry(each, self.names.get(each.entry.of.segment, ""), frame.traits.get(each.entry.user, {}))
            for each in frame.entries
        ]
        match frame.type:
            case "qualified":
                return shapes.Qualified(entries, frame.left_out)
            case "retracted":
                return shapes.Retracted(entries)
            case "corrected":
                return shapes.Corrected(entries)


def _event(arrival: Arrival) -> shapes.EventSeen:
    event = arrival.event
    return shapes.EventSeen(
        name=event.name,
        user_id=event.user_id,
        anonymous_id=event.anonymous_id,
        timestamp=to_text(event.timestamp),
        received_at=to_text(arrival.received_at),
        properties=_short(event.properties()),
    )


def _short(properties: dict[str, Any]) -> dict[str, Any]:
    """The first that are one value, texts cut off."""
    shown: dict[str, Any] = {}
    for name, value in properties.items():
        if value is None or isinstance(value, dict | list):
            continue
        if len(shown) == PROPERTIES:
            break
        shown[_cut(name)] = _cut(value) if isinstance(value, str) else value
    return shown


def _cut(value: str) -> str:
    return value if len(value) <= LONGEST else value[: LONGEST - 1] + "…"


def _rejected(rejection: Rejection) -> shapes.RejectedMessage:
    return shapes.RejectedMessage(to_text(rejection.at), rejection.code, rejection.message, rejection.content[:LONGEST])
