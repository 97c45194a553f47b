"""A run of lines as a plan sees it, by column: quick to hand to another process, and quick to go through there."""

from array import array
from collections.abc import Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

from segd.core.deciding.plan import Plan
from segd.core.errors import MessageError
from segd.core.events.json_checks import decode_object
from segd.core.events.messages import AHEAD, Event
from segd.core.events.plain import PlainLines, read_or_refuse, read_plain
from segd.core.time.instants import Instant

# number, timestamp, user_id, anonymous_id, previous_id, cause, mask, values, traits: an event and its digest, taken
# apart, for plain tuples are pickled four times as fast. The last four are None where nothing asks about the event.
Asked = tuple[
    int, Instant, str | None, str | None, str | None,
    str | None, int | None, dict[int, Any] | None, dict[str, Any] | None,
]  # fmt: skip


class Digested(NamedTuple):
    """The messages of a run of lines, in order.

    numbers: of their lines; timestamps, keys and user_ids stand beside them. keys: hashes of the message ids.
    asked: those of whom more must be known than who sent them; all where one is an alias, which asks who was seen
    before it. refused: other lines, with code and reason.
    """

    numbers: Sequence[int]
    timestamps: "array[Instant]"
    keys: "array[int]"
    user_ids: Sequence[str | None]
    asked: list[Asked]
    refused: list[tuple[int, str, str]]


def digest_lines(plan: Plan, first: int, chunk: bytes, ahead: int = AHEAD) -> Digested:
    """chunk: whole lines. first: the number of the first of them. ahead: microseconds by which an event may lie ahead
    of its receipt."""
    plain, others = read_plain(chunk, first)
    refused: list[tuple[int, str, str]] = []
    unlike: list[tuple[int, Event]] = []
    for number, line in others:
        event = read_or_refuse(line, ahead=ahead)
        if isinstance(event, MessageError):
            refused.append((number, event.code, event.message))
        else:
            unlike.append((number, event))

    ask_all = plan.hears_all or any(event.previous_id is not None for _, event in unlike)
    asked = list(_asked_plainly(plan, plain, ask_all))
    columns = plain.numbers, plain.timestamps, map(hash, plain.message_ids), plain.user_ids
    if unlike:
        asked += [_asked(plan, number, event) for number, event in unlike]
        asked.sort(key=itemgetter(0))
        rows = [(number, event.timestamp, hash(event.message_id), event.user_id) for number, event in unlike]
        columns = zip(*sorted([*zip(*columns, strict=True), *rows]), strict=True)
    numbers, timestamps, keys, user_ids = columns
    return Digested(numbers, array("q", timestamps), array("q", keys), user_ids, asked, refused)


def _asked_plainly(plan: Plan, lines: PlainLines, ask_all: bool) -> Iterator[Asked]:
    names, match = plan.names, plan.match
    for number, name, message_id, user_id, anonymous_id, timestamp, content in zip(*lines, strict=True):
        if ask_all or anonymous_id is not None or name in names:
            mask, values = match(name, partial(decode_object, content))
            if mask or plan.hears_all:
                yield number, timestamp, user_id, anonymous_id, None, message_id, mask, values, None
            else:
                yield number, timestamp, user_id, anonymous_id, None, None, None, None, None


def _asked(plan: Plan, number: int, event: Event) -> Asked:
    digest = plan.digest(event, number)
    who = number, event.timestamp, event.user_id, event.anonymous_id, event.previous_id
    return (
        (*who, None, None, None, None)
        if digest is None
        else (*who, digest.cause, digest.mask, digest.values, digest.traits)
    )
