"""What properties look like: their paths, types and frequent values, from a sample of the objects that hold them.

A value is told only where several users have it: a frequent one is a category, a rare one may be somebody's name.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any, Literal, NamedTuple, cast

from segd.core.language.definitions import Op

MOST_PATHS = 300
MOST_VALUES = 1_000  # of a path, told apart; more than that are no categories
SHOWN_VALUES = 12
LEAST_USERS = 5
LONGEST_VALUE = 100  # characters
MOST_ELEMENTS = 20  # of a list
DEEPEST = 5

_DATE = re.compile(r"\d{4}-\d\d-\d\d(T.*)?", re.ASCII | re.DOTALL)
_UNNAMEABLE = re.compile(r"[.\[\]]")  # what a path cannot name

_EQUAL: tuple[Op, ...] = ("eq", "ne", "in", "not_in")
_THERE: tuple[Op, ...] = ("exists", "not_exists")
_TEXT: tuple[Op, ...] = (
    *_EQUAL, "contains", "not_contains", "starts_with", "ends_with", "matches", "not_matches",
)  # fmt: skip
Type = Literal["text", "number", "boolean", "date", "list", "object"]
_OPERATORS: dict[Type, tuple[Op, ...]] = {
    "text": _TEXT,
    "number": (*_EQUAL, "gt", "gte", "lt", "lte", "between"),
    "boolean": ("eq", "ne"),
    "date": ("before", "after", *_TEXT),
    "list": ("contains", "not_contains"),
    "object": (),
}


class Observed(NamedTuple):
    """What was seen at the path of a property, and how often. types: the most frequent first. values: the frequent
    ones, and how often each."""

    path: str
    types: Sequence[Type]
    number: int
    values: Sequence[tuple[Any, int]]


def operators_for(types: Iterable[Type]) -> list[Op]:
    """Those that make sense for values of these types, the likeliest first."""
    return list(dict.fromkeys(op for operators in (*(_OPERATORS[one] for one in types), _THERE) for op in operators))


def observe(objects: Iterable[tuple[int, Mapping[str, Any]]]) -> list[Observed]:
    """objects: decoded JSON, each with the number of its user. Paths by how often they were seen."""
    seen: dict[str, _Path] = {}
    for user, held in objects:
        _walk(seen, "", held, user, 1)
    found = [path.observed(name) for name, path in seen.items()]
    return sorted(found, key=lambda one: (-one.number, one.path))


class _Path:
    def __init__(self) -> None:
        self.types: Counter[Type] = Counter()
        self.values: Counter[tuple[Type, Any]] = Counter()  # with the type: 1 is not true
        self.users: dict[tuple[Type, Any], set[int]] = {}

    def add(self, type: Type, value: Any, user: int) -> None:
        self.types[type] += 1
        if type in ("list", "object") or (isinstance(value, str) and len(value) > LONGEST_VALUE):
            return
        key = (type, value)
        if key in self.users or len(self.users) < MOST_VALUES:
            self.values[key] += 1
            users = self.users.setdefault(key, set())
            if len(users) < LEAST_USERS:
                users.add(user)

    def observed(self, name: str) -> Observed:
        frequent = ((key, number) for key, number in self.values.most_common() if len(self.users[key]) >= LEAST_USERS)
        values = [(value, number) for (_, value), number in islice(frequent, SHOWN_VALUES)]
        return Observed(name, [type for type, _ in self.types.most_common()], self.types.total(), values)


def _walk(seen: dict[str, _Path], path: str, held: Mapping[str, Any], user: int, depth: int) -> None:
    for name, value in held.items():
        if name and value is not None and not _UNNAMEABLE.search(name):
            _note(seen, f"{path}.{name}" if path else name, value, user, depth)


def _note(seen: dict[str, _Path], path: str, value: Any, user: int, depth: int) -> None:
    one = seen.get(path)
    if one is None:
        if len(seen) == MOST_PATHS:
            return
        one = seen[path] = _Path()
    type = _type_of(value)
    one.add(type, value, user)
    if depth == DEEPEST:
        return
    if type == "object":
        _walk(seen, path, value, user, depth + 1)
    elif type == "list" and not path.endswith("[]"):  # a path cannot name the elements of elements
        for element in cast("list[Any]", value)[:MOST_ELEMENTS]:
            if element is not None:
                _note(seen, f"{path}[]", element, user, depth + 1)


def _type_of(value: Any) -> Type:
    match value:
        case bool():
            return "boolean"
        case int() | float() | Decimal():
            return "number"
        case str():
            return "date" if _DATE.fullmatch(value) else "text"
        case list():
            return "list"
        case _:
            return "object"
