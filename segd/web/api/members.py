"""Members of a segment and its log over HTTP: in pages, as CSV, and line by line as JSON."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Final

import msgspec
import trio
from msgspec import UNSET
from quart import request

from segd.core import answers
from segd.core.ports import Unavailable
from segd.core.time.instants import Instant, to_text
from segd.web.api import telling
from segd.web.api.entries import entry, from_cursor, to_cursor
from segd.web.api.live import Log
from segd.web.api.routing import JSON, Example, Part, Streamed, stream
from segd.web.api.segments import SegmentViews, find
from segd.web.api.shapes import members as shapes

CSV: Final = "text/csv"
NDJSON: Final = "application/x-ndjson"
EXPORTS: Final = 2  # at once: each holds a connection to the database for as long as its client takes
PAGE: Final = 1_000  # entries of the log that are in memory at once

_COLUMNS: Final = ("id", "anonymous", "at", "cause", "lastSeen", "name", "email")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # wide ones, too

_encode = msgspec.json.Encoder(decimal_format="number").encode


def members(views: SegmentViews, store: answers.Members, log: Log, now: Callable[[], Instant]) -> Part:
    part = Part("members", "Who is in a segment, and who qualified when.")
    room = trio.CapacityLimiter(EXPORTS)

    @part.route(
        "GET", "/api/segments/{id}/members", "List or export the members", scope="read", query=shapes.MembersQuery,
        answer=shapes.Members, others=(CSV, NDJSON), errors=("bad_definition", "broken", "not_found", "overloaded"),
        example=Example({"id": "1"}),
    )  # fmt: skip
    async def list_members(id: str, query: shapes.MembersQuery) -> shapes.Members | Streamed:
        """Of a live segment: each user with a qualification that stands, the latest first. Of a past one: its members
        now, by id. With `Accept: text/csv` or `application/x-ndjson` all of them, whatever the page."""
        number = await find(views, id)
        match _wanted(JSON, CSV, NDJSON):
            case "text/csv":
                return await stream(
                    _exported(number, _csv_lines, _csv([_COLUMNS])), f"{CSV}; charset=utf-8", "members.csv"
                )
            case "application/x-ndjson":
                return await stream(_exported(number, _json_lines), NDJSON, "members.ndjson")
            case _:
                found, total = await store.page(number, now(), (query.page - 1) * query.per_page, query.per_page)
                return shapes.Members([_member(one) for one in found], total, query.page, query.per_page)

    def _exported(
        number: int, written: Callable[[Sequence[answers.Member]], bytes], head: bytes = b""
    ) -> AsyncGenerator[bytes]:
        if not room.available_tokens:
            raise Unavailable("overloaded", f"{EXPORTS} exports are under way: wait until one is done", retry_after=10)

        async def pieces() -> AsyncGenerator[bytes]:
            async with room, store.stream(number, now()) as pages:
                yield head
                async for page in pages:
                    yield written(page)

        return pieces()

    @part.route(
        "GET", "/api/segments/{id}/log", "Read a segment's log", scope="read", query=shapes.LogQuery,
        answer=shapes.Log, others=(NDJSON,), errors=("not_found",), example=Example({"id": "1", "limit": 100}),
    )  # fmt: skip
    async def read_log(id: str, query: shapes.LogQuery) -> shapes.Log | Streamed:
        """In order of commit, each entry once: who qualified, was retracted, was corrected. Send the cursor back as
        `after` to go on from there. With `Accept: application/x-ndjson` all that there is after it, a line each."""
        number = await find(views, id)
        name = (await views.one(number)).name
        after = await from_cursor(query.after, log)
        if _wanted(JSON, NDJSON) == NDJSON:
            return await stream(_log_lines(number, name, after), NDJSON, "log.ndjson")
        found = await log.after(number, after, query.limit + 1)
        entries = found[: query.limit]
        cursor = to_cursor(entries[-1].cursor if entries else after)
        return shapes.Log([entry(one, name) for one in entries], cursor, len(found) > query.limit)

    async def _log_lines(number: int, name: str, after: int) -> AsyncGenerator[bytes]:
        while found := await log.after(number, after, PAGE):
            after = found[-1].cursor
            yield b"".join(_encode(entry(one, name)) + b"\n" for one in found)

    return part


def _wanted(*types: str) -> str:
    """What the client likes best of these content types; the first where it does not say."""
    return request.accept_mimetypes.best_match(types, default=types[0])


def _member(member: answers.Member) -> shapes.Member:
    person = member.person
    return shapes.Member(
        id=person.id,
        anonymous=person.anonymous,
        traits=dict(person.traits),
        last_seen=to_text(person.last_seen),
        at=UNSET if member.at is None else to_text(member.at),
        cause=UNSET if member.cause is None else member.cause,
    )


def _json_lines(page: Sequence[answers.Member]) -> bytes:
    return b"".join(_encode(_member(one)) + b"\n" for one in page)


def _csv_lines(page: Sequence[answers.Member]) -> bytes:
    return _csv([_row(one) for one in page])


def _row(member: answers.Member) -> Sequence[str]:
    person = member.person
    return (
        person.id,
        "true" if person.anonymous else "false",
        telling.moment(member.at) or "",
        member.cause or "",
        to_text(person.last_seen),
        str(person.traits.get("name", "")),
        str(person.traits.get("email", "")),
    )


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    """As RFC 4180 says. What a spreadsheet would take for a formula gets an apostrophe before it."""
    return "".join(",".join(map(_cell, row)) + "\r\n" for row in rows).encode()


def _cell(text: str) -> str:
    if text.startswith(_FORMULA):
        text = f"'{text}"
    if any(mark in text for mark in '",\r\n'):
        text = text.replace('"', '""')
        return f'"{text}"'
    return text
