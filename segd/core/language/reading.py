"""Definitions in and out: a document becomes a Definition, or an error that says all that is wrong with it.

A document passes three times: it is made plain (numbers exact, every text fit for Postgres), then held against the
shapes of `definitions` and the `rules` of each, and only where nothing was found do the structs get built. msgspec
alone would stop at the first problem, and name it in its own terms.
"""

import json
import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, cast

import msgspec
import msgspec.inspect as mi

from segd.core.errors import DefinitionError, Problem
from segd.core.language import rules
from segd.core.language.definitions import Definition, Shape
from segd.core.language.rules import BROKEN, Steps, found, is_list, is_object

DEEPEST = 60  # levels of nesting; keeps every walk over a definition far from Python's own limit
LARGEST = 10**300
MOST_DIGITS = 300

_DEFINITION = cast("mi.UnionType", mi.type_info(Definition))
_NUL_OR_SURROGATE = re.compile("[\0\ud800-\udfff]")
_SIMPLE_NAME = re.compile(r"[A-Za-z_$][\w$-]{0,39}", re.ASCII)


def read_definition(document: bytes | str | object, *, name: str | None = None) -> Definition:
    """A definition from JSON text, or from what such text decodes to.

    name: what it is called where the document does not say. Raises DefinitionError with every problem of the document,
    in its order.
    """
    if isinstance(document, (bytes, str)):
        document = _decode(document)
    reader = _Reader()
    plain = reader.plain(document, ())
    if name is not None and is_object(plain) and "name" not in plain:
        plain["name"] = reader.plain(name, ("name",))
    reader.shape(_DEFINITION, plain, ())
    if reader.problems:
        in_order = sorted(reader.problems, key=reader.position)
        raise DefinitionError([Problem(_path_text(steps), message) for steps, message in in_order])
    return msgspec.convert(plain, Definition)


def write_definition(definition: Definition) -> dict[str, Any]:
    """The document of a definition, defaults left out: what `read_definition` makes an equal one of.

    A number with a fraction is a float where that says exactly the same, so that any JSON writer writes a number, and
    stays a Decimal only where no float does; `definition_json` writes those as well.
    """
    return _writable(msgspec.to_builtins(definition, builtin_types=(Decimal,)))


_ENCODER = msgspec.json.Encoder(decimal_format="number")


def definition_json(definition: Definition) -> bytes:
    """The document of a definition as JSON text."""
    return _ENCODER.encode(write_definition(definition))


def _writable(value: Any) -> Any:
    if is_object(value):
        return {key: _writable(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_writable(entry) for entry in cast("list[Any]", value)]
    if isinstance(value, Decimal) and Decimal(repr(float(value))) == value:
        return float(value)
    return value


# Decoding


def _decode(document: bytes | str) -> Any:
    try:
        text = document if isinstance(document, str) else document.decode("utf-8-sig")
        # Not msgspec's decoder: the standard one takes lone surrogates, NaN and numbers of any size, each of which is
        # then refused where it stands.
        return json.loads(text, parse_int=_number, parse_float=_number, object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        message = f"expected UTF-8 text: byte {error.start} is none"
    except json.JSONDecodeError as error:
        message = f"expected JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    except RecursionError:
        message = _TOO_DEEP
    raise DefinitionError([Problem("", message)])


def _object(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        names = [name for name, _ in members]
        twice = next(name for name in names if names.count(name) > 1)
        raise DefinitionError([Problem("", f"expected each field once, found {twice!r} twice in one object")])
    return found


def _number(text: str) -> int | Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent beyond all bounds
        return Decimal("NaN")
    return int(text) if number.adjusted() <= MOST_DIGITS and text.lstrip("-").isdecimal() else number


_TOO_DEEP = f"expected at most {DEEPEST} levels of nesting"
_BAD_NUMBER = f"expected a number of at most {MOST_DIGITS} digits, from -1e300 to 1e300"
_BAD_TEXT = "expected text without NUL characters and lone surrogates"


class _Reader:
    """Walks one document and gathers its problems, each with the steps to its place."""

    def __init__(self) -> None:
        self.problems: list[rules.Finding] = []
        self._begins: dict[Steps, int] = {}  # the places in the order of the document
        self._ends: dict[Steps, int] = {}  # how many places had begun when a list or an object ended

    def report(self, steps: Steps, message: str) -> Any:
        self.problems.append((steps, message))
        return BROKEN

    def report_all(self, findings: Iterable[rules.Finding], start: Steps) -> None:
        self.problems.extend(((*start, *steps), message) for steps, message in findings)

    def position(self, problem: rules.Finding) -> float:
        """Where a problem stands in the document; what is missing stands after all that its object holds."""
        steps, _ = problem
        begin = self._begins.get(steps)
        return self._ends[steps[:-1]] - 0.5 if begin is None else begin

    # First: plain JSON

    def plain(self, value: Any, steps: Steps) -> Any:
        """The value with exact numbers, in lists and dicts of its own; what cannot be JSON is BROKEN."""
        self._begins[steps] = len(self._begins)
        match value:
            case None | bool():
                return value
            case str():
                return self.report(steps, _BAD_TEXT) if _NUL_OR_SURROGATE.search(value) else str(value)
            case int():
                return int(value) if -LARGEST <= value <= LARGEST else self.report(steps, _BAD_NUMBER)
            case float() | Decimal():
                number = value if isinstance(value, Decimal) else Decimal(repr(float(value)))
                return number if _is_storable(number) else self.report(steps, _BAD_NUMBER)
            case dict() | list() | tuple():
                if len(steps) >= DEEPEST:
                    raise DefinitionError([Problem("", _TOO_DEEP)])
                result = self.plain_parts(cast("dict[Any, Any] | list[Any]", value), steps)
                self._ends[steps] = len(self._begins)
                return result
            case _:
                return self.report(steps, f"expected JSON, found a Python {type(value).__name__}")

    def plain_parts(self, value: dict[Any, Any] | list[Any], steps: Steps) -> Any:
        if not isinstance(value, dict):
            return [self.plain(entry, (*steps, index)) for index, entry in enumerate(value)]
        result: dict[str, Any] = {}
        for key, entry in value.items():
            if not isinstance(key, str):
                self.report(steps, f"expected text as the names of fields, found a Python {type(key).__name__}")
            elif _NUL_OR_SURROGATE.search(key):
                self.report((*steps, key), _BAD_TEXT)
                self._begins[*steps, key] = len(self._begins)
            else:
                result[str(key)] = self.plain(entry, (*steps, key))
        return result

    # Second: the shapes and their rules

    def shape(self, kind: mi.Type, value: Any, steps: Steps) -> Any:
        """The value where it is right in all its parts, a shape as the dict of its fields; otherwise BROKEN."""
        if value is BROKEN:
            return BROKEN
        match kind:
            case mi.AnyType():
                return BROKEN if _holds_broken(value) else value
            case mi.UnionType():
                chosen = self.choose(kind, value, steps)
                return BROKEN if chosen is None else self.shape(chosen, value, steps)
            case mi.StructType() if is_object(value):
                return self.struct(kind, value, steps)
            case mi.VarTupleType(item_type=item) if is_list(value):
                return self.entries([item] * len(value), value, steps)
            case mi.TupleType(item_types=items) if is_list(value) and len(value) == len(items):
                return self.entries(items, value, steps)
            case mi.LiteralType(values=words) if isinstance(value, str) and value in words:
                return value
            case mi.LiteralType(values=words) if isinstance(value, str):
                hint = rules.did_you_mean(value, cast("tuple[str, ...]", words))
                return self.report(steps, f"expected {rules.one_of(words)}{found(value)}{hint}")
            case mi.StrType() if isinstance(value, str):
                return value
            case mi.BoolType() if isinstance(value, bool):
                return value
            case mi.IntType() if type(value) is int:
                return value
            case _:
                return self.report(steps, f"expected {_noun(kind)}{found(value)}")

    def entries(self, kinds: Iterable[mi.Type], value: list[Any], steps: Steps) -> Any:
        checked = [
            self.shape(kind, entry, (*steps, index))
            for index, (kind, entry) in enumerate(zip(kinds, value, strict=True))
        ]
        return BROKEN if BROKEN in checked else checked

    def choose(self, union: mi.UnionType, value: Any, steps: Steps) -> mi.Type | None:
        """The member of the union that the value claims to be; None where it claims none, which is then reported."""
        tagged = {member.tag: member for member in union.types if isinstance(member, mi.StructType) and member.tag}
        if not tagged and is_list(value):
            return next(member for member in union.types if isinstance(member, mi.VarTupleType))
        if not is_object(value):
            self.report(steps, f"expected {_noun(union)}{found(value)}")
            return None
        if not tagged:
            return next(member for member in union.types if isinstance(member, mi.StructType))
        field = cast("str", next(iter(tagged.values())).tag_field)
        tag = value.get(field, BROKEN)
        if isinstance(tag, str) and tag in tagged:
            return tagged[tag]
        words = cast("list[str]", list(tagged))
        if field not in value:
            self.report((*steps, field), f"missing: expected {rules.one_of(words)}")
        elif tag is not BROKEN:
            hint = rules.did_you_mean(tag, words) if isinstance(tag, str) else ""
            self.report((*steps, field), f"expected {rules.one_of(words)}{found(tag)}{hint}")
        return None

    def struct(self, kind: mi.StructType, value: dict[str, Any], steps: Steps) -> Any:
        before = len(self.problems)
        shape = cast("type[Shape]", kind.cls)
        fields = {field.encode_name: field for field in kind.fields}
        given: dict[str, Any] = {}
        for name, entry in value.items():
            if name in fields:
                given[name] = self.field(shape, fields[name], entry, (*steps, name))
            elif name != kind.tag_field:
                self.report((*steps, name), rules.unknown_field(shape, name, fields))
        for name, field in fields.items():
            if field.required and name not in value:
                given[name] = self.report((*steps, name), f"missing: expected {_noun(field.type)}")
        self.report_all(rules.shape_findings(shape, given), steps)
        return given if len(self.problems) == before and BROKEN not in given.values() else BROKEN

    def field(self, shape: type[Shape], field: mi.Field, value: Any, steps: Steps) -> Any:
        checked = self.shape(field.type, value, steps)
        if checked is BROKEN:
            return BROKEN
        findings = list(rules.field_findings(shape, field.encode_name, checked))
        self.report_all(findings, steps)
        return BROKEN if findings else checked


def _is_storable(number: Decimal) -> bool:
    """Whether written out it has no more than MOST_DIGITS on either side of the point."""
    if not number.is_finite():
        return False
    _, digits, exponent = number.as_tuple()
    return len(digits) <= MOST_DIGITS and abs(number) <= LARGEST and cast("int", exponent) >= -MOST_DIGITS


def _holds_broken(value: Any) -> bool:
    if is_object(value):
        return any(map(_holds_broken, value.values()))
    if is_list(value):
        return any(map(_holds_broken, value))
    return value is BROKEN


def _noun(kind: mi.Type) -> str:
    match kind:
        case mi.StrType():
            return "text"
        case mi.IntType():
            return "a whole number"
        case mi.BoolType():
            return "true or false"
        case mi.LiteralType(values=words):
            return rules.one_of(words)
        case mi.VarTupleType():
            return "a list"
        case mi.TupleType(item_types=items):
            return f"a list of {len(items)}, each {_noun(items[0])}"
        case mi.UnionType(types=members) if any(isinstance(member, mi.VarTupleType) for member in members):
            return "an object or a list of them"
        case mi.AnyType():
            return "a value"
        case _:
            return "an object"


def _path_text(steps: Steps) -> str:
    """`where.of[1].when`; a name that would not read well stands in brackets, as JSON."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _SIMPLE_NAME.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step[:40])}]"
    return text
