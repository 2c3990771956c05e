"""timezone: what each time zone is at the time of the record: its offset, its abbreviation, the local time.

>>> found = run("timezone", {"tz": "europe/berlin"})["timezone"]["tz_timezone"]
>>> found["zone"], found["utc_offset"]
('Europe/Berlin', '+01:00')
>>> run("timezone", {"tz": "Mars/Olympus"})["timezone"]
{'tz_timezone': {'valid': False, 'reason': 'unknown_zone'}}

The time is that of the record, its Kafka timestamp. Names are those of the IANA Time Zone Database, as the package
tzdata brings it on every machine alike; offsets (``+02:00``, ``UTC-3``) and the names that Windows has are read as
well. An abbreviation (``CEST``) is read where all zones that use it today have one offset; ``CST`` is
``ambiguous_abbreviation``, with the offsets it may mean.

What is none is named: ``empty``, ``too_long``, ``unknown_zone``, ``offset_out_of_range``.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from datetime import timezone as fixed
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel.core import get_global
from pydantic import Field

from penstock.agents.enrich._values.values import Invalid, annotated
from penstock.agents.fields import Finder
from penstock.model.component import Annotations, EnrichRecord, FieldNames, StageConfig
from penstock.model.record import Record

GROUP = "timezone"


class Config(StageConfig):
    """Options of timezone."""

    fields: FieldNames = Field(
        ("timezone", "time_zone", "tz", "tzid", "timezone_name"), description="Fields that hold time zones."
    )


def build(config: Config) -> EnrichRecord:
    """Compile the stage."""
    find = Finder(config.fields)

    def enrich(record: Record) -> Annotations | None:
        found = find.labelled(record)
        return annotated(GROUP, found, _reader(record.timestamp)) if found else None

    return enrich


_LONGEST: Final = 64
_FIRST, _LAST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1000) for year in (1900, 9000))


def _reader(timestamp: int) -> Callable[[str], dict[str, Any]]:
    """What a zone is at a time, in milliseconds since the epoch."""
    at = datetime.fromtimestamp(min(max(timestamp, _FIRST), _LAST) / 1000, UTC)

    def read(value: str) -> dict[str, Any]:
        text = value.strip()
        if not text:
            raise Invalid("empty")
        if len(text) > _LONGEST:
            raise Invalid("too_long")
        name, zone = _zone(text)
        local = at.astimezone(zone)
        offset = local.utcoffset() or timedelta()
        return {
            "valid": True,
            "zone": name,
            "utc_offset": _shown(offset),
            "utc_offset_seconds": int(offset.total_seconds()),
            "abbreviation": local.tzname() if name else None,
            "dst": bool(local.dst()),
            "local_time": local.isoformat(timespec="seconds"),
        }

    return read


@lru_cache(4096)
def _zone(text: str) -> tuple[str | None, ZoneInfo | fixed]:
    """The name, where it has one, and the zone. Raises Invalid."""
    key = _keys().get(text.casefold().replace(" ", "_"))
    key = key or _keys().get(_windows().get(text.casefold(), "").casefold())
    if key is not None:
        return key, _load(key)
    offset = _offset(text)
    if offset is not None:
        return None, fixed(offset)
    offsets = _abbreviations().get(text.upper(), ())
    if not offsets:
        raise Invalid("unknown_zone")
    if len(offsets) > 1:
        raise Invalid("ambiguous_abbreviation", candidates=[_shown(each) for each in offsets])
    return None, fixed(offsets[0])


_OFFSET = re.compile(r"(?:UTC|GMT)?\s*(?P<sign>[-+\u2212])(?P<hours>\d{1,2})(?::?(?P<minutes>[0-5]\d))?", re.IGNORECASE)


def _offset(text: str) -> timedelta | None:
    match = _OFFSET.fullmatch(text)
    if match is None:
        return None
    offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"] or 0))
    if offset > timedelta(hours=14):
        raise Invalid("offset_out_of_range")
    return offset if match["sign"] == "+" else -offset


def _shown(offset: timedelta) -> str:
    sign, rest = ("-", -offset) if offset < timedelta() else ("+", offset)
    minutes = int(rest.total_seconds()) // 60
    return f"{sign}{minutes // 60:02}:{minutes % 60:02}"


@cache
def _keys() -> dict[str, str]:
    """Each name of a zone in small letters -> as it is written."""
    names = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return {name.casefold(): name for name in names} | {"z": "UTC"}


@cache
def _windows() -> dict[str, str]:
    """Each name that Windows has, in small letters -> the zone of its first territory (Unicode CLDR)."""
    return {name.casefold(): zone for name, zone in get_global("windows_zone_mapping").items()}


@cache
def _load(key: str) -> ZoneInfo:
    # not by the key: then the machine's own files would count first, and differ from one to the next
    with files("tzdata").joinpath("zoneinfo", *key.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=key)


@cache
def _abbreviations() -> dict[str, tuple[timedelta, ...]]:
    """Each abbreviation in use -> the offsets that it means in some zone."""
    found: dict[str, set[timedelta]] = {}
    for key in set(_keys().values()):
        for month in (1, 7):
            at = datetime(2025, month, 1, tzinfo=UTC).astimezone(_load(key))
            name, offset = at.tzname(), at.utcoffset()
            if name and offset is not None and name.isalpha():
                found.setdefault(name, set()).add(offset)
    return {name: tuple(sorted(offsets)) for name, offsets in found.items()}
