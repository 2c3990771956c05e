"""JSON-able forms of what readers of other formats give: dates, decimals, bytes and numbers that JSON does not know.

======================  ==========================================================
null, boolean, number   the same; ``"NaN"``, ``"Infinity"`` and ``"-Infinity"`` as strings
bytes                   string, base64 (RFC 4648, section 4)
decimal                 string, plain notation: ``"12.50"``
UUID                    string
date, time              string, ISO 8601
moment                  string, ISO 8601, ``Z`` for UTC
duration                number of seconds
======================  ==========================================================
"""

import base64
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from penstock.codecs.json import MAX_DEPTH


def plain(value: Any, depth: int = 0) -> Any:
    """The JSON-able form of a value; objects and lists are new.

    Raises
    ------
    RecursionError
        It is nested deeper than `MAX_DEPTH`.
    KeyError
        It holds something of another type.
    """
    kind = type(value)
    if kind is str or kind is int or value is None or kind is bool:
        return value
    if kind is dict or kind is list:
        if depth == MAX_DEPTH:
            raise RecursionError
        if kind is dict:
            return {key: plain(item, depth + 1) for key, item in value.items()}
        return [plain(item, depth + 1) for item in value]
    if kind is float:
        return value if math.isfinite(value) else _NOT_FINITE[str(value)]
    return _TEXT[kind](value)


_NOT_FINITE: Final = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_TEXT: Final[dict[type, Callable[[Any], Any]]] = {
    bytes: lambda value: base64.b64encode(value).decode(),
    Decimal: lambda value: format(value, "f"),
    UUID: str,
    date: date.isoformat,
    time: time.isoformat,
    datetime: lambda value: datetime.isoformat(value).replace("+00:00", "Z"),
    timedelta: timedelta.total_seconds,
}
