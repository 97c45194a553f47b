"""Users over HTTP: found, told in full, explained, exported, forgotten. Ids hold any character: none is in a path."""

import re
from collections.abc import AsyncGenerator, Callable
from datetime import tzinfo
from decimal import Decimal
from typing import Any, Final

import msgspec
import trio
from msgspec import UNSET

from segd.core import answers
from segd.core.answers import UserKey
from segd.core.time.instants import DAY, EARLIEST, LATEST, Instant, to_text
from segd.core.why.explain_data import as_data
from segd.core.why.verdict import verdict
from segd.web.api import telling
from segd.web.api.requests import bad_field
from segd.web.api.routing import JSON, Example, Part, Streamed, stream
from segd.web.api.segments import SegmentViews, find
from segd.web.api.shapes import exports
from segd.web.api.shapes import users as shapes
from segd.web.asgi import RequestError

FOUND: Final = 20  # users of a search
PAGE: Final = 50  # entries of a timeline

_ANN = Example({"id": "ann"})
_decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
_PLACE = re.compile(r"(-?[0-9]{1,18})\.([0-9]{1,18})", re.ASCII)


def users(store: answers.Users, views: SegmentViews, zone: tzinfo, now: Callable[[], Instant]) -> Part:
    """zone: the account's, in which explanations tell the time."""
    part = Part("users", "Users, one at a time.")

    @part.route(
        "GET", "/api/users", "Find users", scope="read", query=shapes.UsersQuery, answer=shapes.Users,
        example=Example({"search": "ann"}),
    )  # fmt: skip
    async def find_users(query: shapes.UsersQuery) -> shapes.Users:
        """Those with that id, then those whose e-mail or id begins so."""
        return shapes.Users([telling.user_ref(person) for person in await store.find(query.search, FOUND)])

    @part.route(
        "GET", "/api/user", "Read a user", scope="read", query=shapes.UserQuery, answer=shapes.User,
        errors=("not_found",), example=_ANN,
    )  # fmt: skip
    async def read_user(query: shapes.UserQuery) -> shapes.User:
        key = UserKey(query.id, query.anonymous)
        before = _from_place(query.after)
        try:
            profile = await store.profile(key)
            timeline = await store.timeline(key, before, PAGE)
        except LookupError:
            raise _nobody(key) from None
        person = profile.person
        return shapes.User(
            user=shapes.UserInFull(person.id, person.anonymous, dict(person.traits)),
            ids=[shapes.UserId(id, anonymous) for id, anonymous in profile.ids],
            first_seen=to_text(profile.first_seen),
            last_seen=to_text(person.last_seen),
            timeline=[_happened(one) for one in timeline.entries],
            segments=[_belongs(one) for one in profile.segments],
            more=_to_place(timeline.entries[-1]) if timeline.more else None,
        )

    @part.route(
        "GET", "/api/user/why", "Explain a user and a segment", scope="read", query=shapes.WhyQuery,
        answer=shapes.Why, errors=("bad_definition", "broken", "not_found"),
        example=Example({"id": "ann", "segment": "1"}),
    )  # fmt: skip
    async def explain_user(query: shapes.WhyQuery) -> shapes.Why:
        """Why the user is in the segment, or what is missing: sentences to read from top to bottom, and the same as
        data. Of a live segment, as its latest version sees it."""
        key = UserKey(query.id, query.anonymous)
        view = await views.one(await find(views, query.segment))
        try:
            told = await store.why(key, view.number)
        except LookupError:
            raise _nobody(key) from None
        holds, words = await trio.to_thread.run_sync(verdict, told, zone)  # a long history takes a while
        return shapes.Why(
            segment=view.name,
            segment_id=view.number,
            user_id=told.about.user,
            anonymous=query.anonymous,
            holds=holds,
            words=words,
            evidence=as_data(told.about),
        )

    @part.route(
        "GET", "/api/user/export", "Export a user", scope="read", query=shapes.ExportQuery, answer=exports.UserExport,
        errors=("not_found",), example=_ANN,
    )  # fmt: skip
    async def export_user(query: shapes.ExportQuery) -> Streamed:
        """All that is known of the user."""
        key = UserKey(query.id, query.anonymous)

        async def pieces() -> AsyncGenerator[bytes]:
            async with store.export(key) as exported:
                async for piece in exported:
                    yield piece

        try:
            return await stream(pieces(), JSON, "user.json")
        except LookupError:
            raise _nobody(key) from None

    @part.route(
        "DELETE", "/api/user", "Forget a user", scope="manage", query=shapes.ForgetQuery, answer=shapes.Forgotten,
        errors=("not_found",), example=Example({"id": "bob", "refuseDays": 30}),
    )  # fmt: skip
    async def forget_user(query: shapes.ForgetQuery) -> shapes.Forgotten:
        """Every row that tells of the user, under any of the ids, in all tables. With `refuseDays` no message with one
        of the ids is taken for so long."""
        key = UserKey(query.id, query.anonymous)
        until = min(now() + query.refuse_days * DAY, LATEST) if query.refuse_days else None
        try:
            return shapes.Forgotten(await store.forget(key, until))
        except LookupError:
            raise _nobody(key) from None

    return part


def _nobody(key: UserKey) -> RequestError:
    kind = "anonymousId" if key.anonymous else "userId"
    return RequestError("not_found", f"there is no user with the {kind} {key.id[:200]!r}")


def _happened(one: answers.Happened) -> shapes.TimelineEntry:
    caused = [shapes.Caused(each.name, each.segment, each.kind, to_text(each.at)) for each in one.caused]
    return shapes.TimelineEntry(to_text(one.at), one.name, _decode(one.content), one.message_id, caused)


def _belongs(one: answers.Belongs) -> shapes.SegmentOfUser:
    if one.qualified_at is None:
        return shapes.SegmentOfUser(one.segment, one.name, "past", member=True)
    return shapes.SegmentOfUser(one.segment, one.name, "live", qualified_at=to_text(one.qualified_at), member=UNSET)


# Where a timeline goes on: a place in time and order, which means nothing but that


def _to_place(last: answers.Happened) -> shapes.Place:
    return f"{last.at}.{last.sequence}"


def _from_place(text: str) -> tuple[Instant, int] | None:
    if not text:
        return None
    found = _PLACE.fullmatch(text)
    if found is None:
        raise bad_field("after", "expected a cursor as the timeline gave it")
    return min(max(int(found[1]), EARLIEST), LATEST), int(found[2])
