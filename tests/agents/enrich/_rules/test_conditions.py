"""Conditions: paths, operators, what is compared with what, and what is refused."""

import doctest
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.agents.enrich._rules import conditions as _conditions
from penstock.agents.enrich._rules import formats as _formats
from penstock.agents.enrich._rules.conditions import Condition, compiled, moment, order, path
from penstock.agents.enrich._rules.formats import FORMATS
from penstock.model.record import Kept, Record

DATA = {
    "a": {"b": [{"c": 1}, {"c": 5}, 7]},
    "t": "Hello World",
    "flag": True,
    "nothing": None,
    "enrichments": {"x": 1},
    "day": "2025-03-01",
    "later": "2025-03-01T12:00:00+02:00",
    "tags": ["x", "y"],
}
NOTES = {"enrichments.geo": {"ip_geo": {"country_code": "DE"}}, "pii": [{"category": "email"}, {"category": "ssn"}]}


def record(data: Any = None, notes: Any = None) -> Record:
    encoded = {name: orjson.dumps(note) for name, note in (NOTES if notes is None else notes).items()}
    return Record(Kept(0, 0, orjson.dumps(DATA if data is None else data), encoded), "t/0/0")


def holds(field: str, operator: Any, value: Any = None, other: str | None = None) -> bool | None:
    return compiled(Condition(field=field, operator=operator, value=value, other=other))(record())


@pytest.mark.parametrize(
    ("written", "values"),
    [
        ("a.b.0.c", [1]),
        ("a.b.*.c", [1, 5]),
        ("a.*.1.c", [5]),
        ("a.b.3", []),
        ("a.b.-1", []),
        ("t.0", []),
        ("no.such", []),
        ("enrichments.geo.*.country_code", ["DE"]),
        ("enrichments.geo.ip_geo.country_code", ["DE"]),
        ("data.enrichments.x", [1]),
        ("notes.pii.*.category", ["email", "ssn"]),
        ("notes.none.x", []),
        ("nothing", [None]),
    ],
)
def test_paths(written: str, values: list[Any]) -> None:
    assert path(written)(record()) == values


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("t", "exists"), True),
        (("nothing", "exists"), False),
        (("nothing", "missing"), True),
        (("x.y", "missing"), True),
        (("a.b.*.c", "eq", 5), True),
        (("a.b.*.c", "eq", 5.0), True),
        (("flag", "eq", 1), False),
        (("a.b.*.c", "ne", 5), False),
        (("a.b.*.c", "ne", 6), True),
        (("a.b.0.c", "lt", 2), True),
        (("a.b.0.c", "lt", 1), False),
        (("a.b.0.c", "le", 1), True),
        (("a.b.0.c", "gt", "0"), False),
        (("a.b.0.c", "ge", 1), True),
        (("flag", "ge", 0), False),
        (("day", "lt", None, "later"), True),
        (("later", "le", "2025-03-01T10:00:00Z"), True),
        (("later", "lt", "2025-03-01T10:00:00Z"), False),
        (("t", "in", ["x", "Hello World"]), True),
        (("t", "not_in", ["x"]), True),
        (("tags.0", "in", None, "tags.*"), True),
        (("t", "in", None, "tags.*"), False),
        (("t", "contains", "lo W"), True),
        (("tags", "contains", "y"), True),
        (("a.b.0.c", "contains", "1"), False),
        (("t", "starts_with", "Hello"), True),
        (("t", "ends_with", "World"), True),
        (("t", "matches", "^h"), False),
        (("t", "matches", "(?i)^h"), True),
        (("flag", "matches", "."), False),
        (("nothing", "eq", 1), None),
        (("t", "eq", None, "nothing"), None),
    ],
)
def test_operators(arguments: tuple[Any, ...], expected: bool | None) -> None:
    assert holds(*arguments) is expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"field": "a", "operator": "eq"},
        {"field": "a", "operator": "eq", "value": 1, "other": "b"},
        {"field": "a", "operator": "exists", "value": 1},
        {"field": "a", "operator": "in", "value": "text"},
        {"field": "a", "operator": "matches", "value": "("},
        {"field": "a", "operator": "matches", "other": "b"},
        {"field": "a", "operator": "__class__", "value": 1},
        {"field": "", "operator": "exists"},
        {"field": "a", "expression": "__import__('os')"},
    ],
)
def test_what_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Condition.model_validate(wrong)


def test_a_slow_pattern_sees_the_beginning_only() -> None:
    condition = compiled(Condition(field="t", operator="matches", value="z$"))
    assert condition(record({"t": "a" * 5000 + "z"})) is False


VALUES = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=12)
)


@settings(derandomize=True, max_examples=300)
@given(VALUES, VALUES)
def test_order_is_one_of_a_total_order_or_none(left: Any, right: Any) -> None:
    found = order(left, right)
    assert found in (-1, 0, 1, None)
    back = order(right, left)
    assert back == (None if found is None else -found)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("1970-01-02", 86_400),
        ("1970-01-01T00:00:01Z", 1),
        ("1970-01-01T01:00:00+01:00", 0),
        (1_700_000_000, 1_700_000_000),
        (1_700_000_000_000, 1_700_000_000),
        (True, None),
        ("yesterday", None),
        ("2025-02-30", None),
        (None, None),
        ([], None),
    ],
)
def test_moments(value: Any, seconds: float | None) -> None:
    assert moment(value) == seconds


FORMS = {
    "email": (["ann@example.com", "a***@e***.com"], ["ann(at)example.com", "@b.org", "a@b", 5, ""]),
    "url": (["https://example.com/a?b=1", "ftp://h/x"], ["example.com", "http://", "http://a b/", "http://h:99999/"]),
    "ip": (["8.8.8.8", "::1", "203.0.113.0/24"], ["8.8.8", "8.8.8.8/33", "8.8.8.8/x", "999.1.1.1"]),
    "uuid": (["123e4567-e89b-12d3-a456-426614174000"], ["123e4567", "{123e4567-e89b-12d3-a456-426614174000}"]),
    "date": (["2025-02-28"], ["2025-02-30", "2025-2-3", "28.02.2025", 20250228]),
    "datetime": (["2025-02-28T10:00:00Z", 1_700_000_000], ["10:00", True, None]),
    "phone": (["+49 30 901820", "(415) 555-2671"], ["12", "call me"]),
    "number": ([1, 2.5, "3.5e2"], ["x", True, "nan", None]),
    "integer": ([1, 2.0, "-3"], [2.5, "3.0", True]),
    "boolean": ([True, "false"], ["yes", 1.5]),
    "latitude": ([90, "-45.5"], [90.1, "x"]),
    "longitude": ([-180], [181]),
}


@pytest.mark.parametrize("form", FORMATS)
def test_formats(form: Any) -> None:
    good, bad = FORMS[form]
    assert [value for value in good if not FORMATS[form](value)] == []
    assert [value for value in bad if FORMATS[form](value)] == []


@settings(derandomize=True, max_examples=200)
@given(st.sampled_from(sorted(FORMATS)), VALUES | st.text("0123456789.:+-/@TZ eE", max_size=30))
def test_a_format_takes_any_value(form: Any, value: Any) -> None:
    assert FORMATS[form](value) in (True, False)


def test_docstrings() -> None:
    assert doctest.testmod(_conditions).failed == 0
    assert doctest.testmod(_formats).attempted and not doctest.testmod(_formats).failed
