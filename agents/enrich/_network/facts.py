"""What a record of a MaxMind DB file says, by one name for each fact, whatever the kind of file.

>>> facts({"country": {"iso_code": "DE"}, "connection_type": "Cellular"}).extra
{'connection_type': 'Cellular'}
>>> facts({"country_code": "DE", "asn": "AS3320", "as_name": "Example"}).operator
{'asn': 'AS3320', 'asn_org': 'Example'}

Layouts: GeoIP2 and GeoLite2 (which DB-IP and IP2Location follow), and flat ones, where a fact is text beside others.
"""

import math
import re
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

PLACE: Final = ("country_code", "city", "latitude", "longitude", "timezone")
OPERATOR: Final = ("asn", "asn_org")
TAKEN: Final = frozenset({"ip", *PLACE, *OPERATOR, "scope"})

_NESTED: Final = frozenset(
    {"continent", "country", "city", "location", "postal", "subdivisions", "registered_country",
     "represented_country", "traits"}
)  # fmt: skip
"""Names under which GeoIP2 has objects; what is of use in them has names of its own here."""

_MOST_LEAVES: Final = 64
_LONGEST_TEXT: Final = 512


class Facts(NamedTuple):
    """What a record says; what it does not say is absent."""

    place: dict[str, Any]
    operator: dict[str, Any]
    extra: dict[str, Any]


def facts(record: Any, details: bool = False) -> Facts:
    """The facts of a record; `details` adds what City, Country and Enterprise files have in their objects."""
    if not isinstance(record, dict):
        whole = _jsonable(record)
        return Facts({}, {}, {} if whole is None else {"value": whole})
    used: set[str] = set()
    place = {name: value for name in PLACE if (value := _place(name, record, used)) is not None}
    operator = _operator(record, used)
    extra = _details(record) if details else {}
    extra |= _others(record, used)
    return Facts(place, operator, extra)


def merged(places: Iterable[Facts], operators: Iterable[Facts]) -> dict[str, Any]:
    """One body of several records: of each fact the first that says it, null where none does."""
    body: dict[str, Any] = dict.fromkeys((*PLACE, *OPERATOR))
    extra: dict[str, Any] = {}
    for each in places:
        for name, value in each.place.items():
            if body[name] is None:
                body[name] = value
        for name, value in each.extra.items():
            extra.setdefault(name, value)
    for each in operators:
        for name, value in each.operator.items():
            if body[name] is None:
                body[name] = value
    return body | extra


# The eight facts


_COUNTRY_CODE = re.compile(r"[A-Z]{2}")
_FLAT: Final[dict[str, tuple[str, ...]]] = {
    "country_code": ("country_code", "country"),
    "city": ("city", "city_name"),
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lng", "lon"),
    "timezone": ("timezone", "time_zone"),
}
_AT: Final[dict[str, tuple[str, ...]]] = {
    "country_code": ("country", "iso_code"),
    "city": ("city", "names", "en"),
    "latitude": ("location", "latitude"),
    "longitude": ("location", "longitude"),
    "timezone": ("location", "time_zone"),
}


def _place(name: str, record: dict[str, Any], used: set[str]) -> Any:
    found = _scalar(at(record, *_AT[name]))
    if found is not None:
        return found
    for key in _FLAT[name]:
        value = _scalar(record.get(key))
        if name in ("latitude", "longitude"):
            value = _degrees(value)
        elif not _is_text(value) or (name == "country_code" and not _COUNTRY_CODE.fullmatch(value)):
            value = None
        if value is not None:
            used.add(key)
            return value
    return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _operator(record: dict[str, Any], used: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in (record, record.get("traits")):
        if not isinstance(part, dict):
            continue
        number, name = part.get("autonomous_system_number"), part.get("autonomous_system_organization")
        if isinstance(number, int | str) and not isinstance(number, bool):
            found.setdefault("asn", f"AS{number}")
            used.add("autonomous_system_number")
        if isinstance(name, str):
            found.setdefault("asn_org", name)
            used.add("autonomous_system_organization")
    flat = re.fullmatch(r"(?:AS)?([0-9]{1,10})", str(record.get("asn", "")))
    if flat and "asn" not in found:
        used.add("asn")
        found["asn"] = f"AS{flat[1]}"
        for key in ("as_name", "as_org", "org", "name"):
            if isinstance(record.get(key), str):
                used.add(key)
                found["asn_org"] = record[key]
                break
    return found


def _degrees(value: Any) -> float | None:
    try:
        degrees = float(value)
    except (TypeError, ValueError):
        return None
    return degrees if math.isfinite(degrees) else None


# What else there is


_DETAILS: Final[dict[str, tuple[Any, ...]]] = {
    "continent_code": ("continent", "code"),
    "continent": ("continent", "names", "en"),
    "country": ("country", "names", "en"),
    "is_in_european_union": ("country", "is_in_european_union"),
    "registered_country_code": ("registered_country", "iso_code"),
    "represented_country_code": ("represented_country", "iso_code"),
    "region_code": ("subdivisions", 0, "iso_code"),
    "region": ("subdivisions", 0, "names", "en"),
    "postal_code": ("postal", "code"),
    "accuracy_radius_km": ("location", "accuracy_radius"),
    "metro_code": ("location", "metro_code"),
    "city_geoname_id": ("city", "geoname_id"),
}


def _details(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, path in _DETAILS.items() if (value := _scalar(at(record, *path))) is not None}


def _others(record: dict[str, Any], used: set[str]) -> dict[str, Any]:
    """What stands beside the known facts, and in ``traits``, under the names it has there."""
    traits = record.get("traits")
    found: dict[str, Any] = {}
    for part in (record, traits if isinstance(traits, dict) else {}):
        for key, value in part.items():
            if key in used or (key in _NESTED and isinstance(value, dict | list)) or len(key) > _LONGEST_TEXT:
                continue
            kept = _jsonable(value)
            if kept is not None and len(found) < _MOST_LEAVES:
                found.setdefault(f"record_{key}" if key in TAKEN else key, kept)
    return found


def at(record: Any, *path: str | int) -> Any:
    """What stands at a path of keys and indexes, None where nothing does."""
    for key in path:
        if isinstance(key, int):
            if not isinstance(record, list) or len(record) <= key:
                return None
            record = record[key]
        elif isinstance(record, dict):
            record = record.get(key)
        else:
            return None
    return record


def _scalar(value: Any) -> Any:
    return None if isinstance(value, dict | list) else _jsonable(value)


def _jsonable(value: Any) -> Any:
    """The value as JSON can hold it; None where it cannot, or where it is too much."""
    match value:
        case bool() | None:
            return value
        case int():
            return value if -(1 << 63) <= value < 1 << 64 else str(value)  # the format has integers of 128 bits
        case float():
            return value if math.isfinite(value) else None
        case str():
            return value if len(value) <= _LONGEST_TEXT else None
        case bytes() | bytearray():
            return bytes(value).hex() if len(value) <= _LONGEST_TEXT else None
        case dict() | list():
            return _nested(value) if _leaves(value) <= _MOST_LEAVES else None
    return None


def _nested(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _nested(item) for key, item in value.items()}
    return [_nested(item) for item in value] if isinstance(value, list) else _jsonable(value)


def _leaves(value: Any) -> int:
    """How many values stand in it, itself included; stops counting where it is too much."""
    waiting, count = [value], 0
    while waiting and count <= _MOST_LEAVES:
        part = waiting.pop()
        count += 1
        if isinstance(part, dict):
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return count
