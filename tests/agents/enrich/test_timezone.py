"""timezone: zones, offsets and abbreviations at the time of a record, and what is none."""

import doctest
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from penstock.agents.enrich import timezone
from penstock.agents.enrich._values.values import Invalid
from penstock.model.record import Kept, Record

WINTER, SUMMER = (int(datetime(2025, month, 8, 10, tzinfo=UTC).timestamp() * 1000) for month in (1, 7))


def at(timestamp: int, value: Any) -> dict[str, Any] | None:
    record = Record(Kept(0, timestamp, b"{}", {}), "t/0/0")
    record._data = {"tz": value}
    found = timezone.build(timezone.Config())(record)
    return None if found is None else found["timezone"]["tz_timezone"]


def test_docstring(run: Any) -> None:
    parsed = doctest.DocTestParser().get_doctest(timezone.__doc__ or "", {"run": run}, "timezone", None, None)
    assert doctest.DocTestRunner().run(parsed) == (0, 3)


def test_the_whole_shape_at_two_times() -> None:
    assert at(WINTER, "Europe/Berlin") == {
        "valid": True,
        "zone": "Europe/Berlin",
        "utc_offset": "+01:00",
        "utc_offset_seconds": 3600,
        "abbreviation": "CET",
        "dst": False,
        "local_time": "2025-01-08T11:00:00+01:00",
    }
    assert at(SUMMER, "Europe/Berlin") == {
        "valid": True,
        "zone": "Europe/Berlin",
        "utc_offset": "+02:00",
        "utc_offset_seconds": 7200,
        "abbreviation": "CEST",
        "dst": True,
        "local_time": "2025-07-08T12:00:00+02:00",
    }


@pytest.mark.parametrize(
    ("value", "zone", "offset"),
    [
        ("europe/BERLIN", "Europe/Berlin", "+01:00"),
        (" America/New York ", "America/New_York", "-05:00"),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires", "-03:00"),
        ("Asia/Kathmandu", "Asia/Kathmandu", "+05:45"),
        ("America/St_Johns", "America/St_Johns", "-03:30"),
        ("Pacific/Kiritimati", "Pacific/Kiritimati", "+14:00"),
        ("W. Europe Standard Time", "Europe/Berlin", "+01:00"),
        ("Z", "UTC", "+00:00"),
        ("utc", "UTC", "+00:00"),
        ("Etc/GMT+5", "Etc/GMT+5", "-05:00"),
        ("+02:00", None, "+02:00"),
        ("-0330", None, "-03:30"),
        ("UTC+5:30", None, "+05:30"),
        ("GMT-3", "", "-03:00"),
        ("\u22125", None, "-05:00"),
        ("CEST", None, "+02:00"),
        ("JST", None, "+09:00"),
    ],
)
def test_what_is_a_zone(value: str, zone: str | None, offset: str) -> None:
    found = at(WINTER, value)
    assert found is not None
    assert (found["valid"], found["utc_offset"]) == (True, offset)
    assert zone == "" or found["zone"] == zone


@pytest.mark.parametrize("value", ["CST", "IST", "PST"])
def test_ambiguous_abbreviations_are_named(value: str) -> None:
    found = at(WINTER, value)
    assert found is not None
    assert (found["valid"], found["reason"]) == (False, "ambiguous_abbreviation")
    assert len(found["candidates"]) > 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "empty"),
        ("Mars/Olympus", "unknown_zone"),
        ("../etc/passwd", "unknown_zone"),
        ("/UTC", "unknown_zone"),
        ("+25", "offset_out_of_range"),
        ("+14:30", "offset_out_of_range"),
        ("x" * 100, "too_long"),
    ],
)
def test_what_is_none_is_named(value: str, reason: str) -> None:
    assert at(WINTER, value) == {"valid": False, "reason": reason}


@pytest.mark.parametrize("value", [None, 5, True])
def test_what_is_no_text_gets_nothing(value: Any) -> None:
    assert at(WINTER, value) is None


@pytest.mark.parametrize("timestamp", [-(2**63), -1, 0, 2**40, 2**63 - 1])
def test_any_time_of_a_record(timestamp: int) -> None:
    found = at(timestamp, "America/Los_Angeles")
    assert found is not None
    assert found["valid"]


@pytest.fixture
def no_files_of_this_machine() -> Iterator[None]:
    """The standard library reads the package tzdata alone."""
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()
    zoneinfo.ZoneInfo.clear_cache()


@pytest.mark.usefixtures("no_files_of_this_machine")
def test_every_zone_is_as_the_standard_library_has_it() -> None:
    read = timezone._reader(SUMMER)
    for key in timezone._keys().values():
        ours = read(key)
        local = datetime.fromtimestamp(SUMMER / 1000, UTC).astimezone(zoneinfo.ZoneInfo(key))
        assert ours["zone"] == key
        assert ours["abbreviation"] == local.tzname()
        assert ours["utc_offset_seconds"] == (local.utcoffset() or local - local).total_seconds()


def test_every_windows_name_is_known() -> None:
    unknown = []
    for name in timezone._windows():
        try:
            timezone._zone(name)
        except Invalid:
            unknown.append(name)
    assert unknown == []
