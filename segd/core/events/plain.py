"""The lines of a chunk as columns or events, the plain ones quickly.

Most lines of most files are alike: a track call with an id, a timestamp in UTC and properties, and nothing besides.
Those are decoded by a strict type that has no other field, and checked a column at a time by look-ups of what was
checked before. Whatever is not so, or not beyond doubt, goes through `messages.accept`, which alone says what is right;
a test holds the two together.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import compress, repeat
from operator import itemgetter
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from segd.core.errors import MessageError
from segd.core.events.ids import LONGEST_ID, good_id, good_name
from segd.core.events.json_checks import DEEPEST, has_suspect_number, is_plain_text
from segd.core.events.messages import AHEAD, LONGEST_MESSAGE, Event, read_line
from segd.core.time.instants import LATEST, SECOND, Instant, parse_timestamp, to_text

_HELD = 200_000  # entries a memory of checked texts may have before it begins anew
_NONE = msgspec.Raw(b"{}")
_BRACE = ord("{")


class _Plain(msgspec.Struct, gc=False, rename="camel", forbid_unknown_fields=True):
    type: Literal["track"]
    event: str
    message_id: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_ID)]
    timestamp: str
    user_id: str | None = None
    anonymous_id: str | None = None
    properties: msgspec.Raw = _NONE


_DECODER = msgspec.json.Decoder(_Plain)

_names: set[str] = set()  # event names found good
_ids: set[str | None] = set()  # ids found good, as they are

_BAD = -1 << 62  # so far below every instant that nothing added to it makes one


class _Minutes(dict[str, Instant]):
    """The beginning of `2025-02-23T00:17`."""

    def __missing__(self, text: str) -> Instant:
        try:
            instant = parse_timestamp(text + ":00Z")
        except ValueError:
            return _BAD
        if len(self) >= _HELD:
            self.clear()
        self[text] = instant
        return instant


class _Rest(dict[str, Instant]):
    """What the rest of a timestamp adds."""

    def __missing__(self, text: str) -> Instant:
        return _BAD


_minutes = _Minutes()
_seconds = _Rest((f":{second:02d}", second * SECOND) for second in range(60))
_fractions = _Rest({"Z": 0} | {f".{thousandth:03d}Z": thousandth * 1000 for thousandth in range(1000)})


class PlainLines(NamedTuple):
    """Plain lines by column, all of one length. numbers: of the lines, rising. contents: the properties, objects."""

    numbers: Sequence[int]
    names: Sequence[str]
    message_ids: Sequence[str]
    user_ids: Sequence[str | None]
    anonymous_ids: Sequence[str | None]
    timestamps: Sequence[Instant]
    contents: Sequence[bytes]

    def events(self) -> Iterator[Event]:
        nothing = repeat(None)
        return map(
            Event, repeat("track"), self.names, self.user_ids, self.anonymous_ids, nothing, self.timestamps,
            nothing, nothing, self.message_ids, nothing, repeat(0), self.contents,
        )  # fmt: skip

    def only(self, kept: Iterable[bool]) -> "PlainLines":
        """kept: for each line."""
        kept = list(kept)
        columns: list[Any] = [list(compress(column, kept)) for column in self]
        return PlainLines(*columns)


Others = list[tuple[int, bytes]]  # lines that take a closer look, with their numbers


def read_lines(
    chunk: bytes, *, ahead: int = AHEAD, latest: Instant = LATEST
) -> Iterator[tuple[int, Event | MessageError]]:
    """The events in a run of whole lines, each with the number of its line in the chunk, from 0; blank ones skipped.

    latest: events stamped after it are refused.
    """
    plain, others = read_plain(chunk, latest=latest)
    events = zip(plain.numbers, plain.events(), strict=True)
    if not others:
        return events
    looked_at = ((number, read_or_refuse(line, ahead=ahead, latest=latest)) for number, line in others)
    return heapq.merge(events, looked_at, key=itemgetter(0))


def read_plain(chunk: bytes, first: int = 0, *, latest: Instant = LATEST) -> tuple[PlainLines, Others]:
    """The plain lines of a run of whole lines, and the others, blank ones apart.

    first: the number of the first line. latest: lines stamped after it are not plain.
    """
    every = chunk.split(b"\n")
    found, others = _decode(every, first) if is_plain_text(chunk) else ([], list(enumerate(every, first)))
    numbers: Sequence[int] = range(first, first + len(every))
    if others:
        passed = {number for number, _ in others}
        numbers = [number for number in numbers if number not in passed]
        others = [(number, line) for number, line in others if line and not line.isspace()]
    names = [plain.event for plain in found]
    message_ids = [plain.message_id for plain in found]
    user_ids = [plain.user_id for plain in found]
    anonymous_ids = [plain.anonymous_id for plain in found]
    contents = list(map(bytes, [plain.properties for plain in found]))
    timestamps = _instants(plain.timestamp for plain in found)
    lines = PlainLines(numbers, names, message_ids, user_ids, anonymous_ids, timestamps, contents)
    if doubtful := _doubtful(lines, latest):
        others = sorted(others + [(numbers[index], every[numbers[index] - first]) for index in doubtful])
        lines = lines.only(index not in doubtful for index in range(len(found)))
    return lines, others


def read_or_refuse(line: bytes, *, ahead: int = AHEAD, latest: Instant = LATEST) -> Event | MessageError:
    """The event in one line, or why there is none."""
    try:
        event = read_line(line, ahead=ahead)
    except MessageError as error:
        return error
    if event.timestamp > latest:
        found = to_text(event.timestamp)
        return MessageError("future_timestamp", f"timestamp: expected one in the past, found {found}")
    return event


def _decode(lines: list[bytes], first: int) -> tuple[list[_Plain], Others]:
    """What may be plain, and the lines that cannot be, blank ones among them."""
    found: list[_Plain] = []
    others: Others = []
    decode = _DECODER.decode
    for number, line in enumerate(lines, first):
        # Files are of one make: where many lines are different, the rest is not tried.
        if len(line) <= LONGEST_MESSAGE and len(others) <= len(found) + 10:
            try:
                found.append(decode(line))
                continue
            except (msgspec.DecodeError, RecursionError):
                pass
        others.append((number, line))
    return found, others


def _doubtful(lines: PlainLines, latest: Instant) -> set[int]:
    """The indexes of those that take a closer look after all."""
    doubtful: set[int] = set()

    def doubt(column: Sequence[Any], bad: Callable[[Any], bool]) -> None:
        doubtful.update(index for index, value in enumerate(column) if bad(value))

    if bad_names := {name for name in set(lines.names) - _names if not _learn_name(name)}:
        doubt(lines.names, bad_names.__contains__)
    for column in (lines.user_ids, lines.anonymous_ids):
        if bad_ids := {id for id in set(column) - _ids if id is not None and not _learn_id(id)}:
            doubt(column, bad_ids.__contains__)
    if None in lines.user_ids:
        doubt(list(zip(lines.user_ids, lines.anonymous_ids, strict=True)), (None, None).__eq__)
    if any(map(str.isspace, lines.message_ids)):
        doubt(lines.message_ids, str.isspace)
    if lines.timestamps and (min(lines.timestamps) < 0 or max(lines.timestamps) > latest):
        doubt(lines.timestamps, lambda timestamp: not 0 <= timestamp <= latest)
    contents = lines.contents
    if set(map(itemgetter(0), contents)) - {_BRACE}:
        doubt(contents, lambda content: content[0] != _BRACE)
    if has_suspect_number(b"\n".join(contents)):
        doubt(contents, has_suspect_number)
    if max(map(len, contents), default=0) > 2 * DEEPEST:
        doubt(contents, lambda content: content.count(b"{") + content.count(b"[") > DEEPEST)
    return doubtful


def _learn_id(id: str) -> bool:
    if good_id(id) != id:
        return False
    if len(_ids) >= _HELD:
        _ids.clear()
    _ids.add(id)
    return True


def _learn_name(name: str) -> bool:
    if not good_name(name):
        return False
    if len(_names) >= _HELD:
        _names.clear()
    _names.add(name)
    return True


def _instants(texts: Iterable[str]) -> list[Instant]:
    """Negative where it takes a closer look: quick are instants of the form 2025-02-23T00:17:05.703Z, whose parts add
    up in any combination."""
    minutes, seconds, fractions = _minutes, _seconds, _fractions
    return [minutes[text[:16]] + seconds[text[16:19]] + fractions[text[19:]] for text in texts]
