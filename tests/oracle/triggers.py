"""When the trigger of a live definition matches, filter and `again` aside, over one history.

A history is all messages of a user in order of (timestamp, line). Those that came too late to start anything (`old`)
close what was still open when they came, and do no more.
"""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from .clock import due_instant, length, yearly_instants, zone_named
from .filters import selected, traits_of
from .intake import Message
from .pages import from_another_site
from .values import at_path, key_of


@dataclass(frozen=True)
class Candidate:
    """at: the instant. cause: the message. timed: it comes by a timer, after all events of that instant."""

    at: int
    cause: Message
    timed: bool = False

    @property
    def position(self) -> tuple[int, int, tuple[int, int]]:
        return (self.at, 1, self.cause.order) if self.timed else self.cause.position


def candidates(
    on: dict[str, Any], history: list[Message], zone: ZoneInfo, account: ZoneInfo, end: int
) -> list[Candidate]:
    """All of them up to `end`. zone: the definition's, or the account's."""
    match on["type"]:
        case "action":
            found = [Candidate(m.timestamp, m) for m in _fresh(history) if selected(on["did"], m, zone)]
        case "inaction":
            found = _inaction(on, history, zone)
        case "date":
            found = _date(on, history, zone, account, end)
        case "page_visit":
            found = [Candidate(m.timestamp, m) for m in _pages(on, history, zone)]
        case "referrer":
            pages = _pages(on, history, zone)
            found = [Candidate(m.timestamp, m) for m in pages if from_another_site(m.properties)]
        case "page_count":
            found = _page_count(on, history, zone)
        case other:
            raise ValueError(f"no such trigger: {other}")
    return [candidate for candidate in found if candidate.at <= end]


def _fresh(history: list[Message]) -> list[Message]:
    return [message for message in history if not message.old]


def _pages(on: dict[str, Any], history: list[Message], zone: ZoneInfo) -> list[Message]:
    return _pages_of(on, _fresh(history), zone)


def _pages_of(on: dict[str, Any], history: list[Message], zone: ZoneInfo) -> list[Message]:
    return [m for m in history if selected({"event": "$page", "where": on.get("where", ())}, m, zone)]


def _inaction(on: dict[str, Any], history: list[Message], zone: ZoneInfo) -> list[Candidate]:
    within, same, repeat = length(on["within"]), on.get("same", []), on.get("repeat", "first")
    dids = [m for m in _fresh(history) if selected(on["did"], m, zone)]
    did_nots = [m for m in history if selected(on["did_not"], m, zone)]

    def key(message: Message) -> tuple[Any, ...]:
        return key_of(same, message.properties)

    def closers(did: Message) -> list[Message]:
        """What closes the window that `did` opens, if it was still open when that came."""
        inside = [
            m
            for m in did_nots
            if did.timestamp <= m.timestamp and m.instant <= did.timestamp + within and key(m) == key(did)
        ]
        return [m for m in inside if m.order > did.order] if did in did_nots else inside

    def restarted(did: Message) -> bool:
        """Whether another `did` came before the window was over."""
        end = did.timestamp + within
        return any(m.order > did.order and m.timestamp <= end and key(m) == key(did) for m in dids)

    def opening() -> list[Message]:
        """For `first`: those that come while no window is open."""
        open_by_key: dict[Any, Message] = {}
        opened: list[Message] = []
        for did in dids:
            before = open_by_key.get(key(did))
            is_open = (
                before is not None
                and did.timestamp <= before.timestamp + within
                and not any(m.position <= did.position for m in closers(before))
            )
            if not is_open:
                open_by_key[key(did)] = did
                opened.append(did)
        return opened

    if repeat == "first":
        windows = opening()
    elif repeat == "last":
        windows = [did for did in dids if not restarted(did)]
    else:
        windows = dids
    return [Candidate(did.timestamp + within, did, timed=True) for did in windows if not closers(did)]


def _date(on: dict[str, Any], history: list[Message], zone: ZoneInfo, account: ZoneInfo, end: int) -> list[Candidate]:
    fresh = _fresh(history)
    keys = on.get("key", [])
    if on.get("zone", "user") != "user":  # of the dates in its tests, too
        zone = ZoneInfo(on["zone"])
    if "profile" in on:
        trait = on["profile"].split(".")[0]
        arming = [m for m in fresh if trait in m.writes]
    else:
        arming = [m for m in fresh if selected({"event": on["event"], "where": on.get("where", ())}, m, zone)]

    def same_key(left: Message, right: Message) -> bool:
        return key_of(keys, left.properties) == key_of(keys, right.properties)

    def removers(armed: Message) -> list[Message]:
        """What takes away the date that `armed` set, if it is still to come then."""
        superseding = [m for m in arming if keys and same_key(m, armed)] if "event" in on else arming
        cancelling = [m for m in history if "unless" in on and selected(on["unless"], m, zone) and same_key(m, armed)]
        return [m for m in superseding + cancelling if m.order > armed.order]

    def instants(armed: Message) -> list[int]:
        where, document = (on["profile"], armed.writes) if "profile" in on else (on["property"], armed.properties)
        values = at_path(where, document)
        if not values:
            return []
        there = zone_of(armed)
        if on.get("yearly"):
            return yearly_instants(values[0], on.get("offset", "0d"), on.get("at"), there, end)
        comes = due_instant(values[0], on.get("offset", "0d"), on.get("at"), there)
        return [] if comes is None else [comes]

    def zone_of(armed: Message) -> ZoneInfo:
        if on.get("zone") == "user":
            visible = [m for m in history if m.position <= armed.position]
            return zone_named(traits_of(visible).get("timezone")) or account
        return ZoneInfo(on["zone"]) if "zone" in on else zone

    return [
        Candidate(at, armed, timed=True)
        for armed in arming
        for at in instants(armed)
        if armed.timestamp <= at and not any(m.instant <= at for m in removers(armed))
    ]


def _page_count(on: dict[str, Any], history: list[Message], zone: ZoneInfo) -> list[Candidate]:
    wanted, per = on["at_least"], on.get("per", "session")
    fresh, pages = _fresh(history), _pages(on, history, zone)
    if per == "ever":  # counts all history, from when it is known; an old page is counted but starts nothing
        known = sorted(_pages_of(on, history, zone), key=lambda message: message.position)
        return [Candidate(m.timestamp, m) for m in known[wanted - 1 : wanted] if not m.old]
    full: list[Message] = []
    counted: list[Message] = []
    if per == "session":
        idle = length(on.get("idle", "20m"))
        for i, message in enumerate(fresh):
            if i > 0 and message.timestamp - fresh[i - 1].timestamp > idle:
                counted = []
            if message in pages:
                counted.append(message)
                if len(counted) == wanted:
                    full.append(message)
    else:
        for page in pages:
            counted = [m for m in counted if m.timestamp > page.timestamp - length(per)] + [page]
            if len(counted) == wanted:
                full.append(page)
                counted = []
    return [Candidate(m.timestamp, m) for m in full]
