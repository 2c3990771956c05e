"""What other formats give becomes what JSON knows."""

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from penstock.codecs.json import MAX_DEPTH
from penstock.codecs.plain import plain


def test_every_type():
    moment = datetime(2024, 5, 1, 12, 34, 56, tzinfo=UTC)
    value = {
        "a": [None, True, 1, 1.5, "x"], "n": [float("nan"), float("inf"), float("-inf")], "b": b"\x00\xff",
        "d": Decimal("12.50"), "u": UUID(int=1), "day": date(2024, 5, 1), "t": time(1, 2), "m": moment,
        "local": moment.replace(tzinfo=None), "delta": timedelta(seconds=1.5),
    }  # fmt: skip
    assert json.loads(json.dumps(plain(value))) == {
        "a": [None, True, 1, 1.5, "x"], "n": ["NaN", "Infinity", "-Infinity"], "b": "AP8=", "d": "12.50",
        "u": str(UUID(int=1)), "day": "2024-05-01", "t": "01:02:00", "m": "2024-05-01T12:34:56Z",
        "local": "2024-05-01T12:34:56", "delta": 1.5,
    }  # fmt: skip


def test_what_has_no_form():
    with pytest.raises(KeyError):
        plain(object())
    deep = []
    for _ in range(MAX_DEPTH):
        deep = [deep]
    with pytest.raises(RecursionError):
        plain(deep)
