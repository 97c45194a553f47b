"""What goes over the wire: every request and answer of the API, from which `openapi` describes it.

Names are camelCase there. Instants are text, `2026-11-22T03:00:00.000Z`. Requests refuse unknown fields.
"""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, field

# Texts and numbers with a meaning

Moment = Annotated[
    str,
    Meta(
        description="An instant in UTC, in milliseconds.",
        extra_json_schema={"format": "date-time", "examples": ["2026-11-22T03:00:00.000Z"]},
    ),
]
Day = Annotated[
    str,
    Meta(
        description="A calendar day in the account's zone.",
        extra_json_schema={"format": "date", "examples": ["2026-11-22"]},
    ),
]
Cursor = Annotated[
    str,
    Meta(
        description="A place in the log, to be sent back as it came.",
        extra_json_schema={"pattern": "^[0-9]{0,18}$"},
    ),
]
Place = Annotated[
    str,
    Meta(
        description="A place in a timeline, to be sent back as it came.",
        extra_json_schema={"pattern": r"^(-?[0-9]{1,18}\.[0-9]{1,18})?$"},
    ),
]
Url = Annotated[str, Meta(extra_json_schema={"format": "uri"})]
Definition = Annotated[Raw, Meta(extra_json_schema={"$ref": "#/components/schemas/Definition"})]
# In a list of one: with the bare reference Schemathesis asks for ever what a live one may be.
PastDefinition = Annotated[Raw, Meta(extra_json_schema={"anyOf": [{"$ref": "#/components/schemas/definition.Past"}]})]
LiveDefinition = Annotated[Raw, Meta(extra_json_schema={"anyOf": [{"$ref": "#/components/schemas/definition.Live"}]})]
AnyDefinition = Annotated[Raw, Meta(extra_json_schema={"anyOf": [{"$ref": "#/components/schemas/Definition"}, {}]})]
Page = Annotated[int, Meta(ge=1, le=1_000_000, description="The first is 1.")]
PerPage = Annotated[int, Meta(ge=1, le=500, description="How many at most.")]
Count = Annotated[int, Meta(ge=0)]
Traits = Annotated[dict[str, Any], Meta(description="Properties of a user, by name.")]
Scope = Annotated[
    Literal["read", "manage"], Meta(description="`read` sees everything, `manage` may also change and delete.")
]


class Request(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Base of what is sent to the API."""


class Answer(Struct, frozen=True, rename="camel"):
    """Base of what the API answers."""


# Errors


class Problem(Answer, frozen=True):
    """One thing wrong in a request. path: where, such as `definition.on.did`; empty for the whole."""

    path: str
    message: str


class Error(Answer, frozen=True):
    """Why a request was refused. code: stable, for programs. message: one sentence for people."""

    code: str
    message: str
    details: list[Problem] = field(default_factory=list[Problem])


# Users


class UserRef(Answer, frozen=True):
    """A user in short. id: the userId, or the anonymousId where there is no other. traits: few worth showing."""

    id: str
    anonymous: bool
    traits: Traits
    last_seen: Moment | None


class Users(Answer, frozen=True):
    users: list[UserRef]


class UserInFull(Answer, frozen=True):
    """A user with all traits that stand now."""

    id: str
    anonymous: bool
    traits: Traits


class UserId(Answer, frozen=True):
    """One of the ids that mean a user."""

    id: str
    anonymous: bool


class Caused(Answer, frozen=True):
    """What an event did to the user. segment: its name. at: of a qualification, its instant; where something waits, as
    a window that the event opened or a date that it told, when it is due."""

    segment: str
    segment_id: int
    type: Literal["qualified", "retracted", "waiting"]
    at: Moment


class TimelineEntry(Answer, frozen=True):
    """One event of a user. properties: of `$identify` the traits that it wrote."""

    at: Moment
    name: str
    properties: dict[str, Any]
    message_id: str
    caused: list[Caused]


class SegmentOfUser(Answer, frozen=True):
    """A segment that a user is in. qualified_at: of a live one, the last time. member: of a past one, true."""

    id: int
    name: str
    kind: Literal["live", "past"]
    qualified_at: Moment | UnsetType = UNSET
    member: bool | UnsetType = UNSET


class User(Answer, frozen=True):
    """All that is shown of a user. timeline: newest first. more: where the timeline goes on, null at its end."""

    user: UserInFull
    ids: list[UserId]
    first_seen: Moment | None
    last_seen: Moment | None
    timeline: list[TimelineEntry]
    segments: list[SegmentOfUser]
    more: Place | None


class Forgotten(Answer, frozen=True):
    """forgotten: how many rows went, by table."""

    forgotten: dict[str, int]


class Why(Answer, frozen=True):
    """Whether a user is in a segment, and why. words: sentences. evidence: the same as data; of a list of more than 100
    the latest, and beside it how many are left out (`stepsLeftOut`)."""

    segment: str
    segment_id: int
    user_id: str
    anonymous: bool
    holds: bool
    words: list[str]
    evidence: Any


# Segments

Status = Literal["running", "paused", "broken"]
TypeOfSegment = Literal["action", "inaction", "date", "page_visit", "referrer", "page_count", "past"]


class Number(Answer, frozen=True):
    """The one number of a segment with its meaning; null while it was never evaluated."""

    value: Count | None
    label: Literal["qualified in 24 h", "members now"]


class Segment(Answer, frozen=True):
    """A segment as lists show it.

    type: of a live one, what triggers it. words: the definition in English. version: grows with each change of what it
    means. status: `broken` where it can neither run nor be asked, with the reason; if its definition is none any more,
    that has no words, and another has to be given to it. trend: 14 days, oldest first, null where it is not known.
    evaluated_at, evaluation_milliseconds: of a past one's number. last_qualified_at: of a live one, null while nobody
    has.
    """

    id: int
    name: str
    kind: Literal["live", "past"]
    type: TypeOfSegment | None
    definition: AnyDefinition
    words: str
    version: int
    status: Status
    reason: str | None
    number: Number
    trend: list[int | None]
    created_at: Moment
    changed_at: Moment
    evaluated_at: Moment | None
    evaluation_milliseconds: Count | None
    last_qualified_at: Moment | None


class Segments(Answer, frozen=True):
    """One page of segments. total: of all pages."""

    segments: list[Segment]
    total: Count
    page: Page
    per_page: PerPage


class SegmentsQuery(Request, frozen=True):
    """search: part of the name, in any case. sort: backwards with a dash before it."""

    search: str = ""
    sort: Literal["name", "-name", "created", "-created", "members", "-members"] = "name"
    page: Page = 1
    per_page: PerPage = 50


class DefinitionRequest(Request, frozen=True):
    definition: Definition


class CheckRequest(Request, frozen=True):
    """segment: the number of the one that it is to be given, null for a new one; without, the one of that name, or a
    new one."""

    definition: AnyDefinition
    segment: int | UnsetType | None = UNSET


class Check(Answer, frozen=True):
    """A definition looked at. words: in English, empty where it has problems; definition: as it would be kept."""

    words: str
    problems: list[Problem]
    definition: Definition | None


class PreviewRequest(Request, frozen=True):
    """as_of: an earlier instant that is asked about, an ISO date-time; else now."""

    definition: PastDefinition
    as_of: str | UnsetType = UNSET


class PreviewQuery(Request, frozen=True):
    """estimate: ask a sample of the users alone, which is quick, rather than all of them."""

    estimate: bool = False


class Preview(Answer, frozen=True):
    """The answer of a past definition. total: all users known then. share: of them. sql: the statement, its parameters
    written out. error: of an estimate, by how much it is off at most, nineteen times in twenty; null where exact."""

    count: Count
    total: Count
    share: float
    sample: list[UserRef]
    milliseconds: Count
    sql: str
    as_of: Moment
    estimate: bool
    error: Count | None


class BacktestRequest(Request, frozen=True):
    """days: how many calendar days of the account's zone, today included."""

    definition: LiveDefinition
    days: Annotated[int, Meta(ge=1, le=90)] = 7


class DayCount(Answer, frozen=True):
    day: Day
    count: Count


class BacktestHit(Answer, frozen=True):
    """One who would have qualified. cause: the messageId of what opened the window or matched."""

    user_id: str
    anonymous: bool
    at: Moment
    cause: str


class Backtest(Answer, frozen=True):
    """What a live definition would have found. total: qualifications; users: who had any. estimate: told from a sample
    of the users, scaled; error: by how much the total is off then at most, nineteen times in twenty."""

    per_day: list[DayCount]
    total: Count
    users: Count
    sample: list[BacktestHit]
    milliseconds: Count
    estimate: bool
    error: Count | None


# Log, members and reports


class Was(Answer, frozen=True):
    """What a correction replaces."""

    at: Moment
    cause: str


class CauseEvent(Answer, frozen=True):
    """What opened the window or matched. properties: some of them, cut short."""

    name: str
    at: Moment
    properties: dict[str, Any]


class LogEntry(Answer, frozen=True, omit_defaults=True):
    """One thing that happened to a segment, told once. cause: the messageId of what opened the window or matched.
    traits, event: where people look, and they can be told."""

    cursor: Cursor
    type: Literal["qualified", "retracted", "corrected"]
    segment: str
    segment_id: int
    version: int
    user_id: str
    anonymous: bool
    at: Moment
    cause: str
    was: Was | UnsetType = UNSET
    traits: Traits | UnsetType = UNSET
    event: CauseEvent | UnsetType = UNSET


class LogQuery(Request, frozen=True):
    """after: the cursor of the last entry that is known; from the beginning without. limit: how many at most."""

    after: Cursor = ""
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1_000


class Log(Answer, frozen=True):
    """Entries in order of commit. cursor: what to send as `after` next. more: whether there are more right now."""

    entries: list[LogEntry]
    cursor: Cursor
    more: bool


class Member(Answer, frozen=True):
    """A user in a segment. at, cause: of a live one, the last qualification."""

    id: str
    anonymous: bool
    traits: Traits
    last_seen: Moment | None
    at: Moment | UnsetType = UNSET
    cause: str | UnsetType = UNSET


class MembersQuery(Request, frozen=True):
    page: Page = 1
    per_page: PerPage = 50


class Members(Answer, frozen=True):
    """One page of members. total: of all pages."""

    members: list[Member]
    total: Count
    page: Page
    per_page: PerPage


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
    """Of so many users who did what the segment begins with, how many qualified since then; each user counts once.
    label: what they did. since: 7 days ago, or when the latest version began to count. Where qualifying takes a length,
    they did it that much earlier: all their windows are decided."""

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


# Feeds, frame by frame


class Hello(Answer, frozen=True, tag="hello"):
    """The first frame. last: the newest entries, newest first."""

    segment: Segment
    last: list[LogEntry]


class Qualified(Answer, frozen=True, tag="qualified"):
    """left_out: how many more there were than are shown."""

    entries: list[LogEntry]
    left_out: Count = field(name="left_out")


class Retracted(Answer, frozen=True, tag="retracted"):
    entries: list[LogEntry]


class Corrected(Answer, frozen=True, tag="corrected"):
    entries: list[LogEntry]


class SegmentRate(Answer, frozen=True, tag="rate"):
    """Once a second: how many qualified in it, and how many events there were in all."""

    at: Moment
    qualifying: Count
    all: Count


class SegmentRates(Answer, frozen=True, tag="rates"):
    """The second frame: the last minutes as far as they are known, oldest first."""

    rates: list[SegmentRate]


class LogFrame(Answer, frozen=True, tag="log"):
    """With `?after=`: the log itself, whole and in order. cursor: of its last entry."""

    entries: list[LogEntry]
    cursor: Cursor


SegmentFrame = Hello | Qualified | Retracted | Corrected | SegmentRate | SegmentRates | LogFrame


class EventSeen(Answer, frozen=True):
    """An event just taken. properties: some of them, cut short; of `$identify`, of the traits that it wrote."""

    name: str
    user_id: str | None
    anonymous_id: str | None
    timestamp: Moment
    received_at: Moment
    properties: dict[str, Any]


class EventsSeen(Answer, frozen=True, tag="events"):
    """left_out: how many more there were than are shown."""

    entries: list[EventSeen]
    left_out: Count = field(name="left_out")


class AllRate(Answer, frozen=True, tag="rate"):
    """Once a second."""

    at: Moment
    all: Count
    rejected: Count


class AllRates(Answer, frozen=True, tag="rates"):
    """The first frame: the last minutes as far as they are known, oldest first."""

    rates: list[AllRate]


class RejectedMessage(Answer, frozen=True):
    """A message that was refused. content: its beginning, as it came."""

    at: Moment
    code: str
    message: str
    content: str


class RejectedSeen(Answer, frozen=True, tag="rejected"):
    entries: list[RejectedMessage]


AllFrame = EventsSeen | AllRate | AllRates | RejectedSeen


class FeedQuery(Request, frozen=True):
    """after: a cursor; turns the feed into the log from there on."""

    after: Cursor | UnsetType = UNSET


# Events


class EventName(Answer, frozen=True):
    name: str
    count: Count
    last_seen: Moment | None


class ValueCount(Answer, frozen=True):
    """A value that is frequent; one that fewer than 5 users have is never shown."""

    value: Any
    count: Count


class Property(Answer, frozen=True):
    """What was seen at a path: `price`, `address.city`, `items[].sku`. operators: what a test may use there."""

    path: str
    types: list[Literal["text", "number", "boolean", "date", "list", "object"]]
    count: Count
    values: list[ValueCount]
    operators: list[str]


class TraitNames(Answer, frozen=True):
    """count: of users."""

    count: Count
    properties: list[Property]


class Rejected(Answer, frozen=True):
    """Newest first. count: of all since the daemon started."""

    rejected: list[RejectedMessage]
    count: Count


class EventsQuery(Request, frozen=True):
    """name: of one event, whose properties are then told."""

    name: str | UnsetType = UNSET


# Users, asked for


class UsersQuery(Request, frozen=True):
    """search: the beginning of an id or of an e-mail address."""

    search: str = ""


class UserQuery(Request, frozen=True):
    """id: any text. anonymous: whether it is an anonymousId. after: where the timeline goes on."""

    id: str
    anonymous: bool = False
    after: Place = ""


class ForgetQuery(Request, frozen=True):
    """id: any text. anonymous: whether it is an anonymousId. refuse_days: how long messages with these ids are refused
    from now on."""

    id: str
    anonymous: bool = False
    refuse_days: Annotated[int, Meta(ge=0, le=3_650)] = 0


class ExportQuery(Request, frozen=True):
    """id: any text. anonymous: whether it is an anonymousId."""

    id: str
    anonymous: bool = False


class WhyQuery(Request, frozen=True):
    """id: any text. segment: number or name. anonymous: whether the id is an anonymousId."""

    id: str
    segment: str
    anonymous: bool = False


# Webhooks


class Webhook(Answer, frozen=True):
    """status: `off` with the reason. cursor: up to where the log was delivered."""

    id: int
    segment: str
    segment_id: int
    url: str
    status: Literal["running", "off"]
    reason: str | None
    cursor: Cursor
    created_at: Moment
    delivered_at: Moment | None
    failing_since: Moment | None


class NewWebhook(Answer, frozen=True):
    """secret: what deliveries are signed with, shown once."""

    webhook: Webhook
    secret: str


class Webhooks(Answer, frozen=True):
    webhooks: list[Webhook]


class WebhookRequest(Request, frozen=True):
    """segment: number or name. after: a cursor; without, what comes from now on is sent."""

    segment: str | int
    url: Url
    after: Cursor | UnsetType = UNSET


class Redeliver(Request, frozen=True):
    """after: a cursor; all entries after it are sent again, and a webhook that is off is switched on."""

    after: Cursor


class Tested(Answer, frozen=True):
    """What the other side answered to a test. status: of HTTP, null where there was no answer."""

    delivered: bool
    status: int | None
    message: str


# Keys


class Token(Answer, frozen=True):
    """last_used_at: may stay a minute behind."""

    id: int
    name: str
    scope: Scope
    created_at: Moment
    last_used_at: Moment | None


class Tokens(Answer, frozen=True):
    tokens: list[Token]


class TokenRequest(Request, frozen=True):
    """name: what it is for."""

    name: Annotated[str, Meta(min_length=1, max_length=200)]
    scope: Scope = "read"


class NewToken(Answer, frozen=True):
    """secret: what to send as Bearer, shown once."""

    token: Token
    secret: str


class Keys(Answer, frozen=True):
    """The write keys, which are public: pages and apps carry them."""

    write_keys: list[str]


class SessionRequest(Request, frozen=True):
    """Sign in with an API token."""

    token: str


class SignInQuery(Request, frozen=True):
    """code: as the link has it."""

    code: str = ""


# The daemon


class Imported(Answer, frozen=True):
    """repeated: how many messages were there already. refused: how many lines, by code; problems: the first of them,
    their paths the numbers of the lines. junk_ids: dropped beside good ones."""

    imported: Count
    repeated: Count
    refused: dict[str, int]
    problems: list[Problem]
    junk_ids: Count


class EngageLink(Answer, frozen=True):
    """A link to a tool of yours. url: where it holds `{id}` or `{name}`, a segment's are to be filled in, encoded."""

    name: str
    url: str


class Health(Answer, frozen=True):
    """All is well; what is not is answered with an error."""

    status: Literal["ok"]


class DaemonStatus(Answer, frozen=True):
    """events_per_second: taken lately. events: how many came, about. unready: why events cannot be taken now. demo: the
    data are a sample, and there is a shop at /shop. scope: what you may do. engage: as configured."""

    zone: str
    now: Moment
    events_per_second: float
    users: Count
    events: Count
    version: str
    write_key: str
    demo: bool
    unready: str | None
    scope: Scope
    engage: list[EngageLink]
