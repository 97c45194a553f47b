"""What a seed tells: segments, and the messages of a few users who meet at the edges.

Instants are points of a coarse grid, so that ties, and windows that end exactly at an event, are common. A generator of
its own rather than the strategies of the oracle, which are a hundred times slower.
"""

from dataclasses import dataclass
from random import Random
from typing import Any

Json = dict[str, Any]

EVENTS = ("A", "A", "B", "B", "C")
PRICES = (1, 1, 2, None)
PATHS = ("/", "/cart")
PLANS = ("free", "gold", None)
ZONES = ("UTC", "Europe/Berlin", "Africa/Cairo", "Asia/Kathmandu", "Australia/Lord_Howe")


@dataclass(frozen=True)
class Said:
    """A message. at: the point of the grid at which it happened."""

    at: int
    message: Json


@dataclass(frozen=True)
class Story:
    """definitions: those that others name first. step: of the grid, in minutes."""

    definitions: list[Json]
    said: list[Said]
    zone: str
    step: int


def tell(g: Random, *, joins: bool) -> Story:
    """joins: some messages say that two ids are one person."""
    step = g.choice((1, 10, 60))
    definitions: list[Json] = []
    for i in range(g.randint(2, 4)):
        definitions.append(definition(g, f"S{i}", step, definitions))
    said: list[Said] = []
    visits = Visits(g) if joins else None
    at = 8  # later than any clock that was set back when the segments were made
    for i in range(g.choice((20, 40, 60))):
        at += g.choice((0, 0, 0, 0, 1, 1, 1, 2, 5))
        said.append(Said(at, message(g, f"m{i}", at, visits)))
    return Story(definitions, said, g.choice(ZONES), step)


def length(g: Random, step: int, most: int = 6) -> str:
    return f"{step * g.randint(1, most)}m"


def definition(g: Random, name: str, step: int, others: list[Json]) -> Json:
    if others and g.random() < 0.1:
        return {"name": name, "kind": "past", "where": condition(g, step, others)}
    found: Json = {"name": name, "kind": "live", "on": trigger(g, step)}
    if g.random() < 0.3:
        found["filter"] = condition(g, step, others)
    if g.random() < 0.3:
        found["again"] = g.choice(("once", length(g, step), length(g, step)))
    if g.random() < 0.2:
        found["zone"] = g.choice(ZONES)
    return found


def selector(g: Random) -> Json:
    found: Json = {"event": g.choice((*EVENTS, "$page"))}
    if g.random() < 0.25:
        test = {"property": "price", "op": "eq", "value": 1}
        if found["event"] == "$page":
            test = {"property": "path", "op": g.choice(("eq", "ne")), "value": "/cart"}
        found["where"] = [test]
    return found


def trigger(g: Random, step: int) -> Json:
    kind = g.choice(("action", "inaction", "inaction", "inaction", "page_count", "date", "page_visit", "referrer"))
    match kind:
        case "action":
            return {"type": kind, "did": selector(g)}
        case "inaction":
            did_not = selector(g) if g.random() < 0.8 else [selector(g), selector(g)]
            on: Json = {"type": kind, "did": selector(g), "did_not": did_not, "within": length(g, step)}
            if g.random() < 0.6:
                on["repeat"] = g.choice(("first", "each", "last"))
            if g.random() < 0.2:
                on["same"] = ["price"]
            return on
        case "page_count":
            on = {"type": kind, "at_least": g.randint(1, 3)}
            per = g.choice((None, "session", "ever", length(g, step)))
            return on if per is None else on | {"per": per}
        case "date":
            if g.random() < 0.3:
                on = {"type": kind, "profile": "birthday", "offset": g.choice(("0d", f"-{step}m", f"{step}m"))}
                return on | {"yearly": True} if g.random() < 0.5 else on
            on = {"type": kind, "event": g.choice(EVENTS), "property": "when"}
            on["offset"] = g.choice(("0d", f"-{step}m", f"{2 * step}m"))
            if g.random() < 0.4:
                on["key"] = ["price"]
            if g.random() < 0.4:
                on["unless"] = selector(g)
            return on
    return {"type": kind}


def condition(g: Random, step: int, others: list[Json], deep: bool = True) -> Json:
    kinds = (
        ["did", "did", "did_not", "profile"]
        + (["in_segment"] if others else [])
        + (["all", "any", "not"] if deep else [])
    )
    match kind := g.choice(kinds):
        case "all" | "any":
            return {"type": kind, "of": [condition(g, step, others, deep=False) for _ in range(2)]}
        case "not":
            return {"type": kind, "of": condition(g, step, others, deep=False)}
        case "profile":
            return {"type": kind, "property": "plan", "op": g.choice(("eq", "ne")), "value": "gold"}
        case "in_segment":
            named = g.choice(others)
            last = {"when": {"last": length(g, step)}} if named["kind"] == "live" and g.random() < 0.5 else {}
            return {"type": kind, "segment": named["name"]} | last
    found = {"type": kind} | selector(g)
    if g.random() < 0.6:
        days = {"days_ago": [0, g.randint(0, 1)]}
        found["when"] = days if g.random() < 0.3 else {"last": length(g, step, 10)}
    if kind == "did" and g.random() < 0.5:
        found["count"] = {"op": g.choice(("gte", "eq")), "value": g.randint(1, 3)}
    return found


class Visits:
    """Who comes without a name, and says it some messages later; devices may be shared."""

    def __init__(self, g: Random) -> None:
        self._g = g
        self._came = 1
        self._nameless: list[str] = []

    def who(self) -> Json:
        """On the next message."""
        g = self._g
        if self._nameless and g.random() < 0.3:
            return {"userId": g.choice(("u1", "u2")), "anonymousId": self._nameless.pop()}
        if g.random() < 0.05:
            return {"userId": g.choice(("u1", "u2")), "anonymousId": f"a{g.randint(1, self._came)}"}
        if g.random() < 0.4:
            return {"userId": g.choice(("u1", "u1", "u2"))}
        if g.random() < 0.5 or not self._nameless:
            self._nameless.append(f"a{self._came}")
            self._came += 1
        return {"anonymousId": self._nameless[-1]}


def message(g: Random, id: str, at: int, visits: Visits | None) -> Json:
    """Dates in it are points of the grid, as `People` turns them into text. visits: where some say that two ids are one
    person."""
    if visits is not None:
        who = visits.who()
    elif g.random() < 0.7:
        who = {"userId": g.choice(("u1", "u1", "u2"))}
    else:
        who = {"anonymousId": g.choice(("a1", "a2"))}
    kind = g.choice(("track", "track", "track", "track", "page", "identify", "group"))
    found: Json = {"type": kind, "messageId": id} | who
    match kind:
        case "track":
            found["event"] = g.choice(EVENTS)
            found["properties"] = {"price": g.choice(PRICES), "when": at + g.choice((-1, 0, 1, 2, 5))}
        case "page":
            host = g.choice(("shop.example.com", "www.google.com"))
            found["properties"] = {
                "url": f"https://shop.example.com{g.choice(PATHS)}", "referrer": f"https://{host}/"
            }  # fmt: skip
        case "identify":
            found["traits"] = {"plan": g.choice(PLANS)}
            if g.random() < 0.5:
                found["traits"]["birthday"] = at + g.choice((0, 1, 3, 6))
        case _:
            pass
    if visits is not None and g.random() < 0.05 and "userId" in found:
        found |= {"type": "alias", "previousId": g.choice(("u1", "u2", "u3", "a1", "a2"))}
    return found
