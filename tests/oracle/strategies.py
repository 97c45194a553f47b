"""Hypothesis strategies: small definitions and small histories that like to meet at the edges.

Everything comes as plain JSON documents. Timestamps, windows and dates lie on one coarse grid, so that ties and windows
that end exactly at an event are common; the grid begins shortly before a clock change of one of the zones.
`stories`, `late_stories` and `past_stories` draw a whole case; the rest are their parts.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

Json = dict[str, Any]

KINDS = ("action", "inaction", "date", "page_visit", "referrer", "page_count")
CONDITIONS = ("did", "did_not", "profile", "in_segment", "reachable")
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Africa/Cairo",  # skips a midnight, 2025-04-25
    "America/Havana",  # skips one on 2025-03-09 and repeats one on 2025-11-02
    "Australia/Lord_Howe",  # moves by half an hour
    "Asia/Kathmandu",
)
STARTS = (
    datetime(2025, 3, 29, 22),
    datetime(2025, 3, 8, 20),
    datetime(2025, 4, 24, 18),
    datetime(2025, 10, 25, 20),
    datetime(2025, 11, 1, 22),
    datetime(2024, 2, 28, 20),
    datetime(2025, 2, 27, 20),
)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

TEXTS = ("a", "b", "Z", "é", "e\u0301", "ﬀ", "😀", "10", "true", "München", "a b")
NUMBERS = (0, 1, 2, 10, -1, 0.1, 0.2, 0.3, 1.0, 2.5, 10**20, 1e3)
SCALARS = st.one_of(st.sampled_from(TEXTS), st.sampled_from(NUMBERS), st.booleans())
PATTERNS = ("a", "^a", "b$", r"\d+", r"\pL", r"\b10\b", "^.$", "(?i)z", "[^a]")
PATHS = ("/", "/products/a", "/products/b", "/cart")
HOSTS = (
    "shop.example.com",
    "www.example.com",
    "Example.COM:443",
    "me.github.io",
    "you.github.io",
    "10.0.0.1",
    "xn--bcher-kva.de",
    "bücher.de",
    "localhost",
    "co.uk",
)
CHANNELS = ("push", "web_push", "email", "sms", "whatsapp")


@dataclass(frozen=True)
class Grid:
    """Where and how coarsely a story runs: instants are start + n × step."""

    start: datetime
    step: timedelta

    def at(self, n: int) -> datetime:
        return self.start + n * self.step


@st.composite
def grids(draw: DrawFn, steps: tuple[timedelta, ...] = (10 * MINUTE, HOUR, 12 * HOUR)) -> Grid:
    return Grid(draw(st.sampled_from(STARTS)), draw(st.sampled_from(steps)))


def written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds") + "Z"


def microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1)) // timedelta(microseconds=1)


def length_text(amount: timedelta) -> str:
    """The length as one would write it, days only where they are whole."""
    minutes = amount // MINUTE
    if minutes % 1440 == 0:
        return f"{minutes // 1440}d"
    if minutes < 60:
        return f"{minutes}m"
    return f"{minutes // 60}h" + (f"{minutes % 60}m" if minutes % 60 else "")


@cache  # strategies are dear to build
def lengths(grid: Grid, most: int = 6) -> SearchStrategy[str]:
    return st.integers(1, most).map(lambda n: length_text(n * grid.step))


# Values


@dataclass(frozen=True)
class Moment:
    """A date in some form that is read, as text or as an epoch, which it is once it is put on a grid."""

    n: int
    days: int
    form: str
    more: str = ""  # the zone of "offset", the time of "gap"

    def on(self, grid: Grid, n: int = 0) -> Any:
        moment = grid.at(self.n + n) + self.days * DAY
        match self.form:
            case "date":
                return moment.date().isoformat()
            case "zulu":
                return moment.isoformat() + "Z"
            case "offset":
                return moment.replace(tzinfo=UTC).astimezone(ZoneInfo(self.more)).isoformat()
            case "local":
                return moment.replace(tzinfo=UTC).astimezone(ZoneInfo("Europe/Berlin")).replace(tzinfo=None).isoformat()
            case "space":
                return moment.isoformat(" ", timespec="minutes")
            case "gap":
                return f"{moment.date().isoformat()}T{self.more}"
            case "seconds":
                return microseconds(moment) // 1_000_000
            case _:
                return microseconds(moment) // 1_000_000 * 1000


def placed(value: Any, grid: Grid, n: int) -> Any:
    return value.on(grid, n) if isinstance(value, Moment) else value


@cache
@st.composite
def moments(draw: DrawFn, first: int, last: int) -> Moment:
    """Dates and date-times between two points of the grid, or days away, in every form that is read."""
    n, days = draw(st.integers(first, last)), draw(DAYS_AWAY)
    form = draw(FORMS)
    more = draw(ZONE_NAMES) if form == "offset" else draw(GAP_TIMES) if form == "gap" else ""
    return Moment(n, days, form, more)


DAYS_AWAY = st.sampled_from((0, 0, 0, 0, 1, -1, 5))
FORMS = st.sampled_from(("date", "zulu", "zulu", "offset", "local", "space", "gap"))
GAP_TIMES = st.sampled_from(("00:30", "02:30", "02:15:30.25"))
ZONE_NAMES = st.sampled_from(ZONES)


@cache
def iso_dates(grid: Grid) -> SearchStrategy[str]:
    return moments(-4, 20).map(lambda moment: moment.on(grid))


# What the property of a date trigger may hold at a point of the grid, unreadable values included.
_EPOCHS = st.builds(Moment, st.integers(-1, 6), st.just(0), st.sampled_from(("seconds", "milliseconds")))
_UNREADABLE = st.sampled_from((None, "20250330", "soon", "2025-02-30", "2025-03-30T24:00", ["2025-03-30"], True, 0))
_DATES = st.one_of(*[moments(-1, 6)] * 3, *[_EPOCHS] * 2, _UNREADABLE)

_ITEM = st.fixed_dictionaries({}, optional={"sku": SCALARS, "qty": st.sampled_from(NUMBERS)})
_PROPERTIES = st.fixed_dictionaries(
    {"when": _DATES},
    optional={
        "price": st.one_of(st.sampled_from((1, 2)), st.sampled_from(NUMBERS), SCALARS, st.none()),
        "color": st.one_of(st.sampled_from(TEXTS), SCALARS, st.none()),
        "items": st.one_of(st.lists(_ITEM, max_size=2), st.lists(st.one_of(SCALARS, st.none()), max_size=3), SCALARS),
        "address": st.one_of(st.fixed_dictionaries({"city": st.one_of(SCALARS, st.none())}), SCALARS),
    },
)


def _page_properties() -> SearchStrategy[Json]:
    url = st.builds(
        lambda host, path, query: f"https://{host}{path}{query}",
        st.sampled_from(HOSTS),
        st.sampled_from(PATHS),
        st.sampled_from(("", "?utm_source=news", "?a=1&utm_source=a%20b&utm_source=news#top")),
    )
    elsewhere = ("https://www.google.com/", "android-app://com.google.android.gm/", "https://example.org./a")
    referrer = st.one_of(st.sampled_from(elsewhere), st.sampled_from(HOSTS).map(lambda host: f"https://{host}/"))
    entered = st.fixed_dictionaries({"url": url, "referrer": st.one_of(referrer, referrer, st.just(""))})
    page = st.one_of(entered, entered, st.just({}), st.builds(lambda one: {"url": one}, url))
    return st.builds(lambda some, more: more | some, page, st.one_of(st.just({}), _PROPERTIES))


def _traits() -> SearchStrategy[Json]:
    birthday = st.one_of(
        _DATES,
        st.tuples(_DATES, st.just(1992)),  # that day of that year
        st.sampled_from(("2000-02-29", "1996-02-29T12:00", None)),
    )
    answer = st.sampled_from((True, False, None, "false"))
    subscriptions = st.dictionaries(st.sampled_from(CHANNELS), answer, max_size=3)
    contact = st.sampled_from(("someone@example.com", None))
    return st.fixed_dictionaries(
        {"birthday": birthday},
        optional={
            "timezone": st.sampled_from((*ZONES, "Mars/Olympus", None, 7)),
            "plan": st.one_of(SCALARS, st.none()),
            "score": st.one_of(SCALARS, st.none()),
            "address": st.one_of(st.fixed_dictionaries({"city": SCALARS}), st.none()),
            "email": contact,
            "phone": contact,
            "web_push": contact,
            "subscriptions": st.one_of(subscriptions, st.none()),
        },
    )


_PAGE_PROPERTIES = _page_properties()
_TRAITS = _traits()
_MORE_CONTEXT = st.fixed_dictionaries(
    {}, optional={"traits": _TRAITS, "device": st.just({"token": "t"}), "campaign": st.just({"source": "mail"})}
)


def _placed_properties(drawn: Json, grid: Grid, n: int) -> Json:
    return {name: placed(value, grid, n) for name, value in drawn.items()}


def _placed_traits(drawn: Json, grid: Grid, n: int) -> Json:
    birthday = drawn["birthday"]
    if isinstance(birthday, tuple):
        value = placed(birthday[0], grid, n)
        birthday = f"{birthday[1]}{value[4:]}" if isinstance(value, str) else value
    return drawn | {"birthday": placed(birthday, grid, n)}


# Messages


@st.composite
def messages(
    draw: DrawFn,
    grid: Grid,
    *,
    most: int = 25,
    users: tuple[str, ...] = ("u1", "u1", "x"),
    anonymous: tuple[str, ...] = ("a1", "a1", "x"),
    events: tuple[str, ...] = ("A", "B", "C"),
    joins: bool = True,
    late: bool = False,
    junk: bool = True,
    with_traits: bool = True,
) -> list[Json]:
    """A list of Segment messages, in order of their timestamps, or with lateness in order of arrival.

    joins: messages with both ids, and alias. late: some arrive up to a few hours after their timestamp. junk: refused
    messages and repeated ids among them.
    """
    found: list[tuple[datetime, Json]] = []
    n = 0
    said, who = _said(events, with_traits), _who(users, anonymous, joins)
    for i in range(draw(st.integers(1, most))):
        n += draw(_STEPS)
        message = draw(said) | draw(who)
        _place(message, grid, n)
        if joins and draw(_IN_TEN) == 0:
            previous = draw(st.sampled_from((*anonymous, *users, "a9")))
            message = {"type": "alias", "userId": draw(st.sampled_from(users)), "previousId": previous}
        message |= {"messageId": f"m{i}", "timestamp": written(grid.at(n))}
        if junk and draw(_IN_TWENTY) == 0:
            message |= draw(_JUNK)
        delay = draw(_DELAYS) if late else 0
        found.append((grid.at(n + delay), message))
    return [message for _, message in sorted(found, key=lambda one: one[0])]


_STEPS = st.sampled_from((0, 0, 1, 1, 2, 3, 6))
_DELAYS = st.sampled_from((0, 0, 0, 1, 2, 3, 12, 13, 20))
_JUNK = st.sampled_from(({"messageId": "m0"}, {"userId": "NULL"}, {"timestamp": "yesterday"}))
_IN_SIX, _IN_TEN, _IN_TWENTY = st.integers(0, 5), st.integers(0, 9), st.integers(0, 19)


@cache
@st.composite
def _said(draw: DrawFn, events: tuple[str, ...], with_traits: bool) -> Json:
    """What is not to be placed yet."""
    kinds = ("track",) * 3 + ("page",) * 3 + ("screen", "group") + (("identify",) * 2 if with_traits else ())
    kind = draw(st.sampled_from(kinds))
    message: Json = {"type": kind}
    if kind == "track":
        message |= {"event": draw(st.sampled_from((*events, events[0]))), "properties": draw(_PROPERTIES)}
    elif kind == "page":
        message["properties"] = draw(_PAGE_PROPERTIES)
    elif kind == "identify":
        message["traits"] = draw(_TRAITS)
    if with_traits and draw(_IN_SIX) == 0:
        message["context"] = draw(_MORE_CONTEXT)
    return message


def _place(message: Json, grid: Grid, n: int) -> None:
    if "properties" in message:
        message["properties"] = _placed_properties(message["properties"], grid, n)
    for holder in (message, message.get("context", {})):
        if "traits" in holder:
            holder["traits"] = _placed_traits(holder["traits"], grid, n)


@cache
@st.composite
def _who(draw: DrawFn, users: tuple[str, ...], anonymous: tuple[str, ...], joins: bool) -> Json:
    ids: Json = {"userId": draw(st.sampled_from(users)), "anonymousId": draw(st.sampled_from(anonymous))}
    shape = draw(_SHAPES)
    if shape == "both" and joins:
        return ids
    shape = "userId" if shape == "both" else shape
    return {shape: ids[shape]}


_SHAPES = st.sampled_from(("userId", "userId", "anonymousId", "both"))


# Conditions

_SOME_SCALARS = st.lists(SCALARS, min_size=1, max_size=3)
_ORDERED = st.one_of(st.sampled_from(NUMBERS), st.sampled_from(TEXTS))
_PAIRS = st.one_of(*(st.lists(st.sampled_from(kind), min_size=2, max_size=2) for kind in (NUMBERS, TEXTS)))
_PARTS = st.one_of(st.sampled_from((*TEXTS, "e", "products")), st.sampled_from(NUMBERS))
_ANY = st.one_of(SCALARS, st.sampled_from(PATHS))


@cache
@st.composite
def property_tests(draw: DrawFn, grid: Grid, paths: tuple[str, ...], dates: bool = True) -> Json:
    """dates: before and after as well, which read local times in the zone of the definition."""
    path = draw(st.sampled_from(paths))
    ops = ["eq", "ne", "in", "not_in", "gt", "gte", "lt", "lte", "between", "contains", "not_contains", "starts_with"]
    ops += ["ends_with", "matches", "not_matches", "exists", "not_exists"] + (["before", "after"] * 2 if dates else [])
    op = draw(st.sampled_from(ops))
    match op:
        case "exists" | "not_exists":
            return {"property": path, "op": op}
        case "in" | "not_in":
            value: Any = draw(_SOME_SCALARS)
        case "gt" | "gte" | "lt" | "lte":
            value = draw(_ORDERED)
        case "between":
            value = sorted(draw(_PAIRS))
        case "starts_with" | "ends_with":
            value = draw(st.sampled_from((*TEXTS, "/products", "/")))
        case "matches" | "not_matches":
            value = draw(st.sampled_from(PATTERNS))
        case "before" | "after":
            value = draw(iso_dates(grid))
        case "contains" | "not_contains":
            value = draw(_PARTS)
        case _:
            value = draw(_ANY)
    return {"property": path, "op": op, "value": value}


EVENT_PATHS = ("price", "price", "color", "items[].sku", "items[].qty", "items[]", "items", "address.city", "when")
PAGE_PATHS = ("path", "path", "url", "host", "search", "referrer", "referrer_host", "utm_source", "price")
TRAIT_PATHS = ("plan", "score", "address.city", "birthday", "timezone", "email")


@cache
@st.composite
def selectors(draw: DrawFn, grid: Grid, events: tuple[str, ...] = ("A", "B", "C"), dates: bool = True) -> Json:
    event = draw(st.sampled_from((*events, events[0], "$page")))
    where = draw(_where(grid, PAGE_PATHS if event == "$page" else EVENT_PATHS, dates))
    return {"event": event} | where


@cache
def _where(grid: Grid, paths: tuple[str, ...], dates: bool = True) -> SearchStrategy[Json]:
    some = st.lists(property_tests(grid, paths, dates), min_size=1, max_size=2).map(lambda given: {"where": given})
    return st.one_of(st.just({}), st.just({}), st.just({}), some)


@cache
@st.composite
def whens(draw: DrawFn, grid: Grid) -> Json:
    match draw(st.sampled_from(("last", "last", "from", "to", "both", "days_ago"))):
        case "last":
            return {"last": draw(lengths(grid, 8))}
        case "from":
            return {"from": draw(iso_dates(grid))}
        case "to":
            return {"to": draw(iso_dates(grid))}
        case "both":
            first = draw(st.integers(-4, 15))
            last = first + draw(st.integers(1, 10))
            if draw(st.booleans()):
                return {"from": grid.at(first).isoformat() + "Z", "to": grid.at(last).isoformat() + "Z"}
            days = grid.at(first).date(), grid.at(last).date() + DAY
            return {"from": days[0].isoformat(), "to": days[1].isoformat()}
        case _:
            return {"days_ago": draw(st.lists(st.integers(0, 4), min_size=2, max_size=2))}


@cache
@st.composite
def _did(draw: DrawFn, grid: Grid) -> Json:
    condition = {"type": "did"} | draw(selectors(grid))
    if draw(st.booleans()):
        condition["when"] = draw(whens(grid))
        if draw(st.integers(0, 3)) == 0:
            return condition | {"nth": draw(st.sampled_from(("first", "last")))}
    if draw(st.booleans()):
        op = draw(st.sampled_from(("eq", "gt", "gte", "lt", "lte", "between", "ne")))
        number = draw(st.integers(1, 4))
        value: Any = sorted((number, draw(st.integers(2, 4)))) if op == "between" else number
        zero = {"zero": True} if op in {"lt", "lte", "ne"} and draw(st.booleans()) else {}
        value = 2 if op == "lt" and value == 1 else value
        condition |= {"count": {"op": op, "value": value}} | zero
    if draw(st.integers(0, 2)) == 0:
        fn = draw(st.sampled_from(("sum", "avg", "min", "max", "distinct")))
        op = draw(st.sampled_from(("eq", "ne", "gt", "gte", "lt", "lte", "between")))
        numbers = st.sampled_from((0, 1, 2, 3, 0.1, 0.3, 0.6, 2.5, -1))
        measured = draw(st.sampled_from(("price", "price", "items[].qty", "items[]", "color")))
        value = sorted((draw(numbers), draw(numbers))) if op == "between" else draw(numbers)
        condition["measure"] = {"fn": fn, "property": measured, "op": op, "value": value}
    return condition


@st.composite
def conditions(
    draw: DrawFn, grid: Grid, *, named: tuple[Json, ...] = (), types: tuple[str, ...] = CONDITIONS, depth: int = 2
) -> Json:
    """A past-behaviour condition. named: the definitions that in_segment may name."""
    usable = [kind for kind in types if kind != "in_segment" or named]
    kind = draw(st.sampled_from(usable + (["all", "any", "not"] if depth else [])))
    inner = conditions(grid, named=named, types=types, depth=depth - 1)
    match kind:
        case "all" | "any":
            return {"type": kind, "of": draw(st.lists(inner, min_size=1, max_size=3))}
        case "not":
            return {"type": "not", "of": draw(inner)}
        case "did":
            return draw(_did(grid))
        case "did_not":
            when = {"when": draw(whens(grid))} if draw(st.booleans()) else {}
            return {"type": "did_not"} | draw(selectors(grid)) | when
        case "profile":
            if draw(st.integers(0, 2)) == 0:
                seen = draw(st.sampled_from(("first_seen", "last_seen")))
                op = draw(st.sampled_from(("before", "after")))
                return {"type": "profile", "property": seen, "op": op, "value": draw(iso_dates(grid))}
            return {"type": "profile"} | draw(property_tests(grid, TRAIT_PATHS))
        case "reachable":
            return {"type": "reachable", "channel": draw(st.sampled_from(CHANNELS))}
    definition = draw(st.sampled_from(named))
    when = {"when": draw(whens(grid))} if definition["kind"] == "live" and draw(st.booleans()) else {}
    return {"type": "in_segment", "segment": definition["name"]} | when


# Definitions

_KEYS = st.lists(st.sampled_from(("price", "color", "address.city")), min_size=1, max_size=2, unique=True)
_SAME_AND_REPEAT = st.fixed_dictionaries(
    {}, optional={"same": _KEYS, "repeat": st.sampled_from(("first", "each", "last"))}
)
_CALENDAR = st.sampled_from((None, "0d", "0d", "-1d", "1d", "-5d", "2d", "1w"))
_OFFSETS = st.one_of(_CALENDAR, _CALENDAR, st.sampled_from(("-24h", "-36h", "90m", "1d12h", "-10m")))


@cache
def _many(grid: Grid) -> SearchStrategy[Any]:
    return st.one_of(selectors(grid), selectors(grid), st.lists(selectors(grid), min_size=1, max_size=2))


@cache
def _unless(grid: Grid) -> SearchStrategy[Any]:
    one = selectors(grid, dates=False)
    return st.one_of(one, st.lists(one, min_size=1, max_size=2))


@cache
def _per(grid: Grid) -> SearchStrategy[str | None]:
    return st.one_of(st.none(), st.just("session"), st.just("ever"), lengths(grid, 8))


@cache
def _again(grid: Grid) -> SearchStrategy[str | None]:
    return st.one_of(st.none(), st.sampled_from(("always", "once")), lengths(grid))


@cache
@st.composite
def triggers(draw: DrawFn, grid: Grid, kinds: tuple[str, ...] = KINDS) -> Json:
    kind = draw(st.sampled_from(kinds))
    many = _many(grid)
    match kind:
        case "action":
            return {"type": kind, "did": draw(many)}
        case "inaction":
            on = {"type": kind, "did": draw(many), "did_not": draw(many), "within": draw(lengths(grid))}
            return on | draw(_SAME_AND_REPEAT)
        case "date":
            return draw(_date(grid))
        case "page_count":
            on = {"type": kind, "at_least": draw(st.sampled_from((1, 2, 2, 3, 4)))} | draw(_where(grid, PAGE_PATHS))
            per = draw(_per(grid))
            if per in {None, "session"} and draw(st.integers(0, 2)):
                on["idle"] = draw(lengths(grid, 3))
            return on | ({"per": per} if per else {})
    return {"type": kind} | draw(_where(grid, PAGE_PATHS))


@cache
@st.composite
def _date(draw: DrawFn, grid: Grid) -> Json:
    on: Json = {"type": "date"}
    zone = draw(st.sampled_from((None, "user", "user", *ZONES)))
    if draw(st.booleans()):
        on |= draw(selectors(grid, dates=zone is None)) | {"property": "when"}
        if draw(st.booleans()):
            on["key"] = draw(_KEYS)
    else:
        on["profile"] = "birthday"
        if draw(st.booleans()):
            on["yearly"] = True
    if zone:
        on["zone"] = zone
    offset = draw(_OFFSETS)
    if offset:
        on["offset"] = offset
    if not set("hms") & set(offset or "") and draw(st.booleans()):
        on["at"] = draw(st.sampled_from(("00:00", "00:30", "02:30", "09:00", "12:00")))
    if draw(st.integers(0, 2)) == 0:
        on["unless"] = draw(_unless(grid))
    return on


@st.composite
def definitions(
    draw: DrawFn,
    grid: Grid,
    name: str = "S",
    *,
    kinds: tuple[str, ...] = KINDS,
    filters: bool = True,
    named: tuple[Json, ...] = (),
    types: tuple[str, ...] = CONDITIONS,
) -> Json:
    """A live definition."""
    definition: Json = {"name": name, "kind": "live", "on": draw(triggers(grid, kinds))}
    if filters and draw(st.integers(0, 2)) == 0:
        definition["filter"] = draw(conditions(grid, named=named, types=types))
    again = draw(_again(grid))
    if again:
        definition["again"] = again
    if draw(st.booleans()):
        definition["zone"] = draw(st.sampled_from(ZONES))
    return definition


@st.composite
def past_definitions(
    draw: DrawFn, grid: Grid, name: str = "P", *, named: tuple[Json, ...] = (), types: tuple[str, ...] = CONDITIONS
) -> Json:
    zone = {"zone": draw(st.sampled_from(ZONES))} if draw(st.booleans()) else {}
    return {"name": name, "kind": "past", "where": draw(conditions(grid, named=named, types=types))} | zone


@st.composite
def segments(
    draw: DrawFn,
    grid: Grid,
    *,
    most: int = 3,
    kinds: tuple[str, ...] = KINDS,
    filters: bool = True,
    past: bool = True,
    types: tuple[str, ...] = CONDITIONS,
) -> list[Json]:
    """Up to `most` live definitions, perhaps with a past one, whose filters may name one another; in any order."""
    drawn: list[Json] = []
    for i in range(draw(st.integers(1, most))):
        if past and filters and "in_segment" in types and i + 1 < most and draw(st.integers(0, 3)) == 0:
            drawn.append(draw(past_definitions(grid, f"P{i}", named=tuple(drawn), types=types)))
        named = tuple(drawn)
        drawn.append(draw(definitions(grid, f"S{i}", kinds=kinds, filters=filters, named=named, types=types)))
    return draw(st.permutations(drawn))


# Whole cases


@dataclass(frozen=True)
class Story:
    """zone: the account's. as_of, definition: for past_stories only."""

    segments: list[Json]
    messages: list[Json]
    zone: str
    definition: Json | None = None
    as_of: int = 0


@st.composite
def stories(
    draw: DrawFn,
    *,
    kinds: tuple[str, ...] = KINDS,
    filters: bool = True,
    types: tuple[str, ...] = CONDITIONS,
    most_segments: int = 3,
    steps: tuple[timedelta, ...] = (10 * MINUTE, HOUR, 12 * HOUR),
    **about_messages: Any,
) -> Story:
    """For `live`. Keywords of `messages` (joins, junk, with_traits, most …) are passed on."""
    grid = draw(grids(steps))
    return Story(
        draw(segments(grid, kinds=kinds, filters=filters, types=types, most=most_segments)),
        draw(messages(grid, **about_messages)),
        draw(st.sampled_from(ZONES)),
    )


def late_stories(**keywords: Any) -> SearchStrategy[Story]:
    """For `late`: the late band is a few steps long. Keywords as for `stories`."""
    return stories(**({"late": True, "steps": (10 * MINUTE, HOUR)} | keywords))


@st.composite
def past_stories(
    draw: DrawFn,
    *,
    types: tuple[str, ...] = CONDITIONS,
    named: bool = True,
    steps: tuple[timedelta, ...] = (10 * MINUTE, HOUR, 12 * HOUR),
    **about_messages: Any,
) -> Story:
    """For `past`. named: with other definitions that in_segment may name."""
    grid = draw(grids(steps))
    others = draw(segments(grid, types=types, most=2)) if named and "in_segment" in types else []
    definition = draw(past_definitions(grid, named=tuple(others), types=types))
    as_of = microseconds(grid.at(draw(st.integers(0, 40))))
    return Story(others, draw(messages(grid, **about_messages)), draw(st.sampled_from(ZONES)), definition, as_of)
