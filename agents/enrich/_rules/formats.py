"""Forms that values have, by name; what `quality` checks fields for.

>>> FORMATS["email"]("ann@example.com"), FORMATS["date"]("2025-02-30")
(True, False)
"""

import math
import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

import phonenumbers

from penstock.agents.enrich._rules.conditions import is_date, moment

Format: TypeAlias = Literal[
    "email", "url", "ip", "uuid", "date", "datetime", "phone", "number", "integer", "boolean", "latitude", "longitude"
]

_LONGEST: Final = 2048
_LABEL: Final = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_ADDRESS: Final = re.compile(
    rf"[\w.%+'~!#$&*/=?^`{{|}}-]{{1,64}}(?<!\.)@(?:{_LABEL}\.)+(?:[^\W\d_]{{2,63}}|xn--[a-z0-9-]+)"
)
"""As RFC 5321 has addresses, and RFC 6531 in other scripts; without quoted local parts and hosts that have no dot."""
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,400}")
_REDACTED: Final = re.compile(r"[*•]")
"""What `redact` masks is not judged: it was a value."""


def _text(check: Callable[[str], bool]) -> Callable[[Any], bool]:
    def checked(value: Any) -> bool:
        if not isinstance(value, str) or len(value) > _LONGEST:
            return False
        return _REDACTED.search(value) is not None or check(value.strip())

    return checked


def _email(text: str) -> bool:
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None


def _url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.scheme and parts.hostname) and not any(char.isspace() for char in text)


def _ip(text: str) -> bool:
    address, slash, bits = text.partition("/")  # `redact` leaves networks
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return not slash or (bits.isascii() and bits.isdecimal() and len(bits) < 4 and int(bits) <= parsed.max_prefixlen)


def _uuid(text: str) -> bool:
    try:
        return UUID(text) is not None and len(text) in (32, 36)
    except ValueError:
        return False


def _phone(text: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(text, None if text.startswith("+") else "US"))
    except phonenumbers.NumberParseException:
        return False


def _datetime(value: Any) -> bool:
    return isinstance(value, str | int | float) and moment(value) is not None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        read = float(value)
    except (ValueError, OverflowError):
        return None
    return read if math.isfinite(read) else None


def _within(least: float, most: float) -> Callable[[Any], bool]:
    return lambda value: (number := _number(value)) is not None and least <= number <= most


def _integer(value: Any) -> bool:
    if isinstance(value, str):
        return _INTEGER.fullmatch(value.strip()) is not None
    return not isinstance(value, bool) and isinstance(value, int | float) and float(value).is_integer()


FORMATS: Final[dict[Format, Callable[[Any], bool]]] = {
    "email": _text(_email),
    "url": _text(_url),
    "ip": _text(_ip),
    "uuid": _text(_uuid),
    "date": _text(is_date),
    "datetime": _datetime,
    "phone": _text(_phone),
    "number": lambda value: _number(value) is not None,
    "integer": _integer,
    "boolean": lambda value: isinstance(value, bool) or value in ("true", "false"),
    "latitude": _within(-90, 90),
    "longitude": _within(-180, 180),
}
"""By name: whether a value has the form. Text forms want text; numbers may stand in text."""
