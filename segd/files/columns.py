"""CSV files as messages: which column holds what is said by a mapping, such as `user=visitorid,timestamp=ts:ms`.

A row becomes the message that a line of JSON would be, so that all rules are the same: what is no message is refused by
the number of its line, and rows that are alike in every column are one event, unless a column gives them ids.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import NamedTuple

from msgspec import Raw
from msgspec.json import encode

from segd.core.errors import MessageError, Problem, SegdError
from segd.core.events.messages import Event
from segd.core.events.plain import read_or_refuse
from segd.core.language.rules import did_you_mean
from segd.core.time.instants import SECOND, Instant, to_datetime, to_text
from segd.files.lines import FileError, Progress, read_chunks

FIELDS = {"user": "userId", "anonymous": "anonymousId", "event": "event", "timestamp": "timestamp", "id": "messageId"}
UNITS = {"s": SECOND, "ms": 1000, "us": 1}
DELIMITERS = ",;\t|"

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", re.ASCII)  # as JSON has them
_PAIR = re.compile(r"""\s*([^=,]*?)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^,]*?))\s*(?:,|$)""")

Read = tuple[int, Event | MessageError, bytes]


class MappingError(SegdError):
    """A mapping that cannot be; `problems` holds all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("bad_mapping", "; ".join(map(str, problems)))
        self.problems = problems


class Source(NamedTuple):
    """Where a field of a message comes from: a column, or the same text for every row. unit: microseconds of one in a
    timestamp that is a number; None where it is an ISO date-time."""

    column: str | None
    constant: str = ""
    unit: int | None = None


class Columns:
    """Reads CSV files. Every column that no field takes is a property, numbers as numbers, none where it is empty."""

    def __init__(self, sources: dict[str, Source]) -> None:
        self._sources = sources

    def read(self, path: Path, ahead: int, latest: Instant, progress: Progress) -> Iterator[Read]:
        """Each row with the number of its first line, and the message that it is. Raises FileError.

        ahead, latest: as of `read_messages`. The first line names the columns; it says, too, what parts them.
        """
        lines = _text_lines(path, progress)
        head = next(lines, "")
        delimiter = max(DELIMITERS, key=head.count)
        names = [name.strip() for row in csv.reader([head], delimiter=delimiter) for name in row]
        make = self._maker(path, names)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            number = reader.line_num + 2
            try:
                row = next(reader)
                if not row:
                    continue
                message = make(row)
            except StopIteration:
                return
            except csv.Error as error:
                yield number, MessageError("bad_row", f"expected columns as CSV has them: {error}"), b""
            except MessageError as error:
                yield number, error, b""
            else:
                yield number, read_or_refuse(message, ahead=ahead, latest=latest), message

    def _maker(self, path: Path, names: Sequence[str]) -> Callable[[Sequence[str]], bytes]:
        """What makes a message of a row. Raises FileError where there are no such columns."""
        sought = {source.column for source in self._sources.values() if source.column is not None}
        if missing := sorted(sought - set(names)):
            told = ", ".join(f"{name!r}{did_you_mean(name, list(names))}" for name in missing)
            raise FileError(f"{path}: there is no column {told}; there are {', '.join(names) or 'none'}")
        if twice := sorted(name for name, times in Counter(names).items() if name and times > 1):
            raise FileError(f"{path}: more than one column is called {', '.join(twice)}")
        fields = [
            (FIELDS[field], names.index(source.column), source.unit)
            for field, source in self._sources.items()
            if source.column is not None
        ]
        same = {FIELDS[field]: source.constant for field, source in self._sources.items() if source.column is None}
        properties = [(name, index) for index, name in enumerate(names) if name not in sought and name]

        def make(row: Sequence[str]) -> bytes:
            if len(row) != len(names):
                raise MessageError("bad_row", f"expected {len(names)} columns, found {len(row)}")
            message: dict[str, object] = {"type": "track", **same}
            for field, index, unit in fields:
                if text := row[index].strip():
                    message[field] = _moment(text, unit) if field == "timestamp" else text
            message["properties"] = {name: _value(row[index]) for name, index in properties if row[index]}
            try:
                return encode(message)
            except UnicodeEncodeError:
                raise MessageError("bad_text", "expected UTF-8") from None

        return make


def read_columns(text: str) -> Columns:
    """text: FIELD=COLUMN,… with a unit after the timestamp's, or FIELD='text' for every row. Raises MappingError."""
    sources: dict[str, Source] = {}
    problems: list[Problem] = []
    end = 0
    for pair in _PAIR.finditer(text):
        if pair.start() != end:
            break
        end = pair.end()
        field, constant, column = pair[1], pair[2] if pair[2] is not None else pair[3], pair[4]
        if field not in FIELDS:
            problems.append(Problem(field, f"unknown field, expected one of {', '.join(FIELDS)}"))
        elif field in sources:
            problems.append(Problem(field, "given twice"))
        elif constant is not None:
            sources[field] = Source(None, constant)
        elif not column:
            problems.append(Problem(field, "expected the name of a column, or a text in quotes"))
        else:
            name, colon, unit = column.rpartition(":")
            if field == "timestamp" and colon and unit in (*UNITS, "iso"):
                sources[field] = Source(name, unit=UNITS.get(unit))
            else:
                sources[field] = Source(column)
    if end != len(text):
        problems.append(Problem("", f"expected FIELD=COLUMN, found {text[end:]!r}"))
    elif not problems:
        if not sources.keys() & {"user", "anonymous"}:
            problems.append(Problem("user", "missing: expected the column of a user id, or `anonymous`"))
        problems += [Problem(field, "missing") for field in ("event", "timestamp") if field not in sources]
    if problems:
        raise MappingError(problems)
    return Columns(sources)


def _text_lines(path: Path, progress: Progress) -> Iterator[str]:
    """With their ends: a quoted cell may have several. What is not UTF-8 is refused with its row."""
    for _, chunk in read_chunks(path, progress):
        for line in chunk.split(b"\n"):
            yield line.decode(errors="surrogateescape") + "\n"


def _moment(text: str, unit: int | None) -> str:
    """As ISO text. Raises MessageError."""
    if unit is None:
        return text.removesuffix(" UTC")
    try:
        instant = int(text) * unit if text.isdecimal() else int(Decimal(text) * unit)
        return to_text(instant) if instant % 1000 == 0 else to_datetime(instant).isoformat()
    except (InvalidOperation, ValueError, OverflowError):
        name = next(name for name, size in UNITS.items() if size == unit)
        raise MessageError("bad_timestamp", f"timestamp: expected {name} since 1970, found {text[:80]!r}") from None


def _value(text: str) -> object:
    return Raw(text.encode()) if _NUMBER.fullmatch(text) else text
