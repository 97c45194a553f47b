"""What all requests and answers are made of.

Names are camelCase on the wire. Instants are text, `2026-11-22T03:00:00.000Z`. Requests refuse unknown fields.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct, field

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
Definition = Annotated[Raw, Meta(extra_json_schema={"$ref": "#/components/schemas/Definition"})]
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


class Problem(Answer, frozen=True):
    """One thing wrong in a request. path: where, such as `definition.on.did`; empty for the whole."""

    path: str
    message: str


class Error(Answer, frozen=True):
    """Why a request was refused. code: stable, for programs. message: one sentence for people."""

    code: str
    message: str
    details: list[Problem] = field(default_factory=list[Problem])
