"""Requests read into their shapes, or refused with what is wrong, by field."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import Struct
from quart import Request
from werkzeug.datastructures import MultiDict

from segd.core.errors import DefinitionError, Problem, SegdError
from segd.core.language.definitions import Definition
from segd.core.language.phrases import either
from segd.core.language.reading import read_definition
from segd.core.time.instants import Instant, parse_timestamp
from segd.web.asgi import RequestError

S = TypeVar("S", bound=Struct)

LARGEST_BODY = 1_000_000  # bytes; definitions are some hundred
LONGEST_FOUND = 100  # characters of what was found in place of what is right

# How msgspec says what is wrong, in our words.
_AT = re.compile(r"^(.*?)(?: - at `\$?\.?(.*)`)?$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(.*)`$")
_UNKNOWN = re.compile(r"^Object contains unknown field `(.*)`$")
_NOT_OF_FEW = re.compile(r"^Invalid enum value '(.*)'$", re.DOTALL)
_NOUNS = {
    "int": "a whole number", "float": "a number", "str": "text", "bool": "true or false", "object": "an object",
    "array": "a list", "null": "null",
}  # fmt: skip


async def read_body(request: Request, shape: type[S]) -> S:
    """The JSON body of a request. Raises RequestError `bad_json`, `bad_field`."""
    body = await request.get_data(cache=False)
    try:
        read = msgspec.json.decode(body, type=shape)
    except msgspec.ValidationError as error:
        raise _bad_field(str(error), shape) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error).removeprefix("JSON is malformed: ")
        if isinstance(error, RecursionError):
            reason = "too many levels of lists and objects"
        raise RequestError("bad_json", f"expected a JSON object: {reason}") from None
    _check_texts(read)
    return read


def read_query(given: MultiDict[str, str], shape: type[S]) -> S:
    """What stands behind the question mark. Raises RequestError `bad_field`."""
    for name, values in given.lists():
        if len(values) > 1:
            raise bad_field(name[:LONGEST_FOUND], f"expected one value, found {len(values)}")
    try:
        read = msgspec.convert(given.to_dict(), shape, strict=False)
    except msgspec.ValidationError as error:
        raise _bad_field(str(error), shape) from None
    _check_texts(read)
    return read


def read_if_match(request: Request) -> frozenset[str] | None:
    """The tags that `If-Match` names; None where any will do. A weak one matches nothing, as HTTP has it."""
    given = request.if_match
    return frozenset(given.as_set()) if given and not given.star_tag else None


def check_text(path: str, value: str) -> None:
    """Raises RequestError for what Postgres cannot hold."""
    if "\0" in value:
        raise bad_field(path, "expected text without NUL characters")


def read_posted_definition(document: msgspec.Raw, path: str = "definition") -> Definition:
    """Raises DefinitionError, its paths from the body's top."""
    with within(path):
        return read_definition(bytes(document))


@contextmanager
def within(path: str) -> Generator[None]:
    """A DefinitionError of the block becomes one of a larger document, in which the definition stands there."""
    try:
        yield
    except DefinitionError as error:
        raise DefinitionError([Problem(joined(path, one.path), one.message) for one in error.problems]) from None


@contextmanager
def at_field(path: str, code: str) -> Generator[None]:
    """A SegdError of the block that has this code is about that field."""
    try:
        yield
    except SegdError as error:
        if error.code != code:
            raise
        problem = Problem(path, error.message)
        raise RequestError(code, str(problem), details=(problem,)) from None


def read_instant(path: str, text: str) -> Instant:
    """Raises RequestError `bad_field`."""
    try:
        return parse_timestamp(text)
    except ValueError as error:
        raise bad_field(path, f"{error}, found {text[:LONGEST_FOUND]!r}") from None


def bad_field(path: str, message: str) -> RequestError:
    problem = Problem(path, message)
    return RequestError("bad_field", str(problem), details=(problem,))


def joined(path: str, more: str) -> str:
    """Two parts of the way to a field."""
    return f"{path}.{more}" if path and more and not more.startswith("[") else path + more


def _bad_field(message: str, shape: type[Struct]) -> RequestError:
    found = _AT.match(message)
    assert found
    text, path = found[1], found[2] or ""
    if path.startswith("key"):  # `key` in `…`: of an object
        path = ""
    if missing := _MISSING.match(text):
        return bad_field(joined(path, missing[1]), "missing")
    if unknown := _UNKNOWN.match(text):
        return bad_field(joined(path, unknown[1]), "unknown field")
    if found := _NOT_OF_FEW.match(text):
        return bad_field(path, f"expected {_few(shape, path)}, found {found[1][:LONGEST_FOUND]!r}")
    text = re.sub(r"`([^`]*)`", lambda quoted: " or ".join(map(_noun, quoted[1].split(" | "))), text)
    return bad_field(path, text[:1].lower() + text[1:].replace(", got ", ", found "))


def _few(shape: type[Struct], path: str) -> str:
    """What a field takes that takes one of a few texts."""
    [kind] = (one.type for one in msgspec.structs.fields(shape) if one.encode_name == path)
    while get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return either(get_args(kind))


def _noun(name: str) -> str:
    return _NOUNS.get(name, name)


def _check_texts(read: Struct) -> None:
    fields: Any = msgspec.structs.fields(read)
    for one in fields:
        value = getattr(read, one.name)
        if isinstance(value, str):
            check_text(one.encode_name, value)
