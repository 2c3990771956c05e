"""JSON objects and their canonical form: what a record's data is, from ingest on.

The canonical form is what orjson writes of what it read: compact, UTF-8, the order of keys kept, of duplicate keys the
last value at the first one's place, numbers in their shortest form. Equal data written by one producer in one order
has equal bytes, so that hashes, signatures and caches may rest on them.

Why a message is refused, each a `DecodeError` whose text is one of these and holds nothing of the message::

    the message is empty
    the message is not UTF-8
    the message holds a NUL byte
    the message is not JSON
    the message is not a JSON object
    the message holds NaN or Infinity
    the message holds a number too large for 64 bits
    the message holds a lone surrogate
    the message is nested deeper than 254 levels

RFC 8259 leaves duplicate keys, depth and the size of numbers to the implementation and forbids NaN and Infinity. A
byte order mark is accepted and dropped (section 8.1 allows that). Integers are those of -2^63 … 2^64-1: beyond, orjson
makes floats of them without a word, and a key or an amount would change on the way.
"""

import re
from typing import Final

import orjson

from penstock.model.errors import DecodeError
from penstock.model.record import Data

MAX_DEPTH: Final = 254
"""Levels of objects and lists; orjson reads 1,024 and writes 254."""

_BOM: Final = b"\xef\xbb\xbf"
_ZERO_DIGITS: Final = bytes(0x30 if 0x30 <= byte <= 0x39 else byte for byte in range(256))
_LONG_RUN: Final = b"0" * 19  # the shortest integer outside 64 bits has 19 digits
# Strings are consumed whole, so that digits in them are not taken for numbers; possessive, so in linear time.
_TOKENS: Final = re.compile(
    rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|(-?[0-9]++)((?:\.[0-9]++)?+(?:[eE][+-]?[0-9]++)?+)', re.DOTALL
)
_NOT_FINITE: Final = re.compile(r"-?(?:NaN|Infinity)")


def decode(data: bytes) -> Data:
    """Read one JSON object.

    Raises
    ------
    DecodeError
        See the head of this module.
    """
    value = _read(data)
    _refuse_huge_integers(data)
    return value


def canonical(data: bytes) -> bytes:
    """The canonical form of one JSON object; see the head of this module.

    Raises
    ------
    DecodeError
    """
    value = _read(data)
    try:
        written = orjson.dumps(value)
    except orjson.JSONEncodeError:
        written = b""  # what was just parsed has nothing but its depth that cannot be written
    if written != data:  # an integer that became a float is not written as it was read
        _refuse_huge_integers(data)
    if not written:
        raise DecodeError(f"the message is nested deeper than {MAX_DEPTH} levels")
    return written


def _read(data: bytes) -> Data:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        found, position = error.msg, error.pos
    else:
        if type(value) is not dict:
            raise DecodeError("the message is not a JSON object")
        return value
    # Outside of the handler: orjson's error carries the message itself, and must not be chained to ours.
    if data.startswith(_BOM):
        return _read(data[len(_BOM) :])
    raise DecodeError(_reason(data, found, position))


def _refuse_huge_integers(data: bytes) -> None:
    # Translating and searching takes a tenth of what a regular expression takes.
    if _LONG_RUN in data.translate(_ZERO_DIGITS) and _holds_huge_integer(data):
        raise DecodeError("the message holds a number too large for 64 bits")


def _holds_huge_integer(data: bytes) -> bool:
    for number in _TOKENS.finditer(data):
        digits, rest = number.groups()
        if digits and not rest and len(digits) > 18 and not -(2**63) <= int(digits[:21]) < 2**64:
            return True
    return False


def _reason(data: bytes, found: str, position: int) -> str:
    """Why orjson refused `data`: `found` is what it says, `position` the character where it stopped."""
    if not data.strip():
        return "the message is empty"
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "the message is not UTF-8"
    if "\0" in text:
        return "the message holds a NUL byte"
    if _NOT_FINITE.match(text, position) or _NOT_FINITE.match(text, max(position - 1, 0)):
        return "the message holds NaN or Infinity"
    for sign, reason in _SIGNS.items():
        if sign in found:
            return reason
    return "the message is not JSON"


_SIGNS: Final = {
    "surrogate": "the message holds a lone surrogate",
    "depth limit": f"the message is nested deeper than {MAX_DEPTH} levels",
    "infinity": "the message holds a number too large for 64 bits",
}
