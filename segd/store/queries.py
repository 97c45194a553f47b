"""The named pieces of the SQL files, and how they become a statement: pieces into pieces, values into parameters."""

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any

_NAME = re.compile(r"^-- (\w+) --$", re.MULTILINE)
_COMMENT = re.compile(r"^--.*\n?", re.MULTILINE)
_BLANK = re.compile(r"\{(\w+)\}|(?<!:):([a-z]\w*)")


class Sql(str):
    """Text that came from such a file, and so may become part of a statement. Nothing a user wrote ever is one."""

    __slots__ = ()


@cache
def _queries() -> dict[str, str]:
    found: dict[str, str] = {}
    for file in files("segd.store").iterdir():
        if file.name.endswith(".sql"):
            _, *parts = _NAME.split(file.read_text("utf-8"))
            for name, text in zip(parts[::2], parts[1::2], strict=True):
                assert name not in found, f"{file.name}: there is a {name} already"
                found[name] = _COMMENT.sub("", text).strip()
    return found


class Statement:
    """A statement in the making. values: of its parameters, `$1` first."""

    def __init__(self) -> None:
        self.values: list[Any] = []

    def piece(self, name: str, /, **blanks: Any) -> Sql:
        """The piece of this name with its blanks filled: `{blank}` by a piece, `:blank` by a parameter of this value.

        A piece that was put in is parameters and all, so it belongs into this statement alone.
        """
        numbers: dict[str, int] = {}

        def fill(blank: re.Match[str]) -> str:
            if blank[1] is not None:
                given = blanks[blank[1]]
                if not isinstance(given, Sql):
                    raise TypeError(f"{name} takes a piece as {blank[1]}, never a value")
                return given
            number = numbers.get(blank[2])
            if number is None:
                self.values.append(blanks[blank[2]])
                number = numbers[blank[2]] = len(self.values)
            return f"${number}"

        return Sql(_BLANK.sub(fill, _queries()[name]))


def columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows turned about, for `unnest`. rows: at least one."""
    return [list(column) for column in zip(*rows, strict=True)]


def query(name: str) -> str:
    """A whole statement that Postgres gets as it stands, its parameters written `$1`, `$2` and so on."""
    return _queries()[name]
