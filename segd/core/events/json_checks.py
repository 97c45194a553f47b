"""JSON that Postgres can hold: its text, its numbers and how deep it goes.

One NUL, half a surrogate pair or a number beyond `numeric` would fail a whole COPY: refused per message before it.
"""

import re
from decimal import Decimal
from typing import Any, Final

import msgspec

from segd.core.errors import MessageError

LARGEST_EXPONENT: Final = 300
MOST_DIGITS: Final = 300
DEEPEST: Final = 60

ENCODER = msgspec.json.Encoder(decimal_format="number")
_OBJECT = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)  # as exact as Postgres numeric

# What must be passed over to find half a surrogate pair or a NUL: escaped backslashes and whole pairs.
_WHOLE = re.compile(rb"\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
_LONE_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


def is_plain_text(content: bytes) -> bool:
    """Whether the text is good beyond doubt: valid UTF-8, no NUL, and no escape that could be one."""
    if 0 in content or (92 in content and b"\\u0000" in content):  # 92: a backslash
        return False
    return content.isascii() or _is_utf8(content)


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def check_text(content: bytes) -> None:
    """Raises MessageError for what is not UTF-8, or holds a NUL."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        byte = f"0x{content[error.start]:02x}"
        raise MessageError("bad_text", f"expected UTF-8, found byte {byte} at position {error.start}") from None
    if 0 in content or b"\\u0000" in _WHOLE.sub(b" ", content):  # not where its backslash is escaped
        raise MessageError("bad_text", "expected text without NUL characters (\\u0000)")


def has_half_a_pair(content: bytes) -> bool:
    """Whether there is half of a surrogate pair in text that is no JSON."""
    return _LONE_SURROGATE.search(_WHOLE.sub(b" ", content)) is not None


def found(value: object) -> str:
    """The end of a sentence about a wrong value."""
    return "found none" if value is None else "found " + shortened(ENCODER.encode(value).decode())


def shortened(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"


# A number's exponent reads "0e000" after this. So do parts of hexadecimal ids: it is a hint to look closely, no more.
_DIGITS = bytes.maketrans(b"123456789E[", b"000000000e{")
_SIGNS = b"+-"
_LONG = b"0" * (MOST_DIGITS // 2)  # a number with more than MOST_DIGITS has a part as long before or after its point

_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"')
_NUMBER = re.compile(rb"([0-9]+)(?:\.([0-9]+))?(?:[eE][-+]?0*([0-9]+))?")
_BRACKET = re.compile(rb"[\[\]{}]")


def has_suspect_number(content: bytes) -> bool:
    """Whether any number in the text may be one that Postgres could not hold; false is certain, true a hint."""
    hints = content.translate(_DIGITS, _SIGNS)
    return b"0e000" in hints or _LONG in hints


def checked_object(field: str, raw: msgspec.Raw) -> bytes:
    """The JSON of an object; empty where it is null.

    Refuses what is no object, and in it too many levels and numbers that Postgres could not hold.
    """
    content = bytes(raw)
    if content[0] != 123:  # {
        if content == b"null":
            return b""
        raise MessageError("bad_field", f"{field}: expected a JSON object, {found(raw)}")
    hints = content.translate(_DIGITS, _SIGNS)
    size = len(content)
    if (
        hints.find(b"0e000") >= 0
        or (size > 2 * DEEPEST and hints.count(b"{") > DEEPEST)
        or (size > MOST_DIGITS and _LONG in hints)
    ):
        _look_closely(field, content)
    return content


def _look_closely(field: str, content: bytes) -> None:
    structure = _TEXT.sub(b'""', content)
    for number in _NUMBER.finditer(structure):
        whole, fraction, exponent = number.groups(b"")
        if len(whole) + len(fraction) > MOST_DIGITS:
            raise MessageError("bad_number", f"{field}: expected numbers of at most {MOST_DIGITS} digits")
        if len(exponent) > 3 or int(exponent or 0) > LARGEST_EXPONENT:
            raise MessageError("bad_number", f"{field}: expected exponents of at most ±{LARGEST_EXPONENT}")
    level = 0
    for bracket in _BRACKET.findall(structure):
        level += 1 if bracket in b"[{" else -1
        if level > DEEPEST:
            raise too_deep(field)


def too_deep(field: str = "message") -> MessageError:
    return MessageError("too_deep", f"{field}: expected at most {DEEPEST} levels of lists and objects")


def decode_object(content: bytes) -> dict[str, Any]:
    """content: an object that was found good, or nothing."""
    return _OBJECT.decode(content) if content else {}
