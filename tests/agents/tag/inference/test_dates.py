"""Formats of dates and times are told by all values of a column together."""

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents.tag.inference.dates import reader, recognise

FORMATS = ["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%b-%Y", "%b %d, %Y", "%d %b %Y",
           "%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M", "%m/%d/%Y %I:%M %p", "%Y-%m-%dT%H:%M:%S"]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "type", "format"),
    [
        (["2024-01-02"], "date", "%Y-%m-%d"),
        (["24.12.2024", "1.2.2023"], "date", "%d.%m.%Y"),
        (["13/04/2024", "03/04/2024"], "date", "%d/%m/%Y"),
        (["04/13/2024", "03/04/2024"], "date", "%m/%d/%Y"),
        (["12. März 2024", "1. Mai 2023"], "date", "%d. %b %Y"),
        (["2 janvier 2024", "3 août 2024"], "date", "%d %b %Y"),
        (["5 de enero de 2024"], "date", "%d de %b de %Y"),
        (["Mar 5, 2024", "December 31, 2023"], "date", "%b %d, %Y"),
        (["05-Mar-2024"], "date", "%d-%b-%Y"),
        (["24.12.99"], "date", "%d.%m.%y"),
        (["2024-01-02T03:04:05Z", "2024-01-02T03:04:05.123+02:00"], "datetime", "iso8601"),
        (["20240102T030405Z"], "datetime", "iso8601"),
        (["2024-01-02 03:04:05"], "datetime", "%Y-%m-%d %H:%M:%S"),
        (["2024-01-02 03:04:05+00:00"], "datetime", "%Y-%m-%d %H:%M:%S%z"),
        (["24.12.2024 18:30"], "datetime", "%d.%m.%Y %H:%M"),
        (["12/24/2024 6:30 PM"], "datetime", "%m/%d/%Y %I:%M %p"),
        (["Wed, 21 Oct 2015 07:28:00 GMT"], "datetime", "rfc2822"),
        (["21/Oct/2015:07:28:00 +0000"], "datetime", "%d/%b/%Y:%H:%M:%S %z"),
    ],
)
def test_formats(values, type, format):
    found = recognise(values, 1.0, compact=False)
    assert found is not None and (found.type, found.format, found.certain) == (type, format, True)


@pytest.mark.parametrize(
    "text",
    ["2024-13-01", "31.02.2024", "2024", "1.2.3", "10.0.0.1", "12:30", "99/99/2024", "5 foo 2024", "x", "3024-01-01"],
)
def test_what_is_no_date(text):
    assert recognise([text], 1.0, compact=True) is None


def test_day_and_month_that_could_be_either():
    found = recognise(["03/04/2024", "05/06/2024"], 1.0, compact=False)
    assert found is not None and found.format == "%d/%m/%Y" and not found.certain


def test_eight_digits_are_a_date_where_the_name_says_so():
    assert recognise(["20240115"], 1.0, compact=False) is None
    found = recognise(["20240115", "19991231"], 1.0, compact=True)
    assert found is not None and found.format == "%Y%m%d"


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.datetimes(datetime(1900, 1, 1), datetime(2099, 12, 31)), st.sampled_from(FORMATS))
def test_what_is_written_is_read(moment, format):
    moment = moment.replace(second=0, microsecond=0)
    if "%I" not in format and "%H" not in format:
        moment = moment.replace(hour=0, minute=0)
    text = moment.strftime(format)
    found = recognise([text], 1.0, compact=False)
    assert found is not None and found.type == ("datetime" if "%M" in format else "date")
    name = "iso8601" if "T" in format else format
    read = reader(name)(text)
    assert read is not None and read.date() == moment.date()
    if "%H" in format:
        assert read == moment
