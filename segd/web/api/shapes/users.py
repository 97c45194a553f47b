"""Users: looked up, explained, exported, forgotten."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, UnsetType

from segd.web.api.shapes.base import Answer, Moment, Request, Traits

Place = Annotated[
    str,
    Meta(
        description="A place in a timeline, to be sent back as it came.",
        extra_json_schema={"pattern": r"^(-?[0-9]{1,18}\.[0-9]{1,18})?$"},
    ),
]


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
