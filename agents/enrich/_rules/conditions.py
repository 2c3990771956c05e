"""Conditions over a record: a field, an operator, a value; what `quality` and `risk` are told their rules in.

A field is a dotted path of the data, ``*`` any item of a list or any value of an object: ``user.email``,
``items.*.price``. ``enrichments.geo.ip_geo.country_code`` is what an earlier stage added, ``notes.license.decision``
any other note of one (``pii``, ``license``, ``schema``, ``entities``, ``quality_score``); ``data.`` in front says that
a field of the data is meant even so.

No expression is evaluated: there is nothing in a condition but what stands here.
"""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from penstock.model.component import ComponentConfig
from penstock.model.record import Record

Operator: TypeAlias = Literal[
    "exists",
    "missing",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "in",
    "not_in",
    "contains",
    "starts_with",
    "ends_with",
    "matches",
]
Values: TypeAlias = Callable[[Record], list[Any]]
Check: TypeAlias = Callable[[Any, Any], bool]

LONGEST = 4096
"""Characters of a text that ``matches`` looks at: what a slow pattern may cost has a bound."""

_MOST = 10_000
"""Values that one path may reach."""


class Condition(ComponentConfig):
    """One field compared with a value, or with another field."""

    field: str = Field(min_length=1, description="Path of the field; `*` is any item.")
    operator: Operator = Field(
        "exists", description="With several values it is enough that one of them fits; `ne` and `not_in` want all to."
    )
    value: Any = Field(None, description="What to compare with; a list for `in` and `not_in`, a pattern for `matches`.")
    other: str | None = Field(None, description="Path of a field to compare with, in place of `value`.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.operator in ("exists", "missing"):
            if self.value is not None or self.other is not None:
                raise ValueError(f"{self.operator} compares with nothing: leave out value and other")
        elif (self.value is None) == (self.other is None):
            raise ValueError(f"{self.operator} needs either value or other")
        if self.operator in ("in", "not_in") and self.other is None and not isinstance(self.value, list | tuple):
            raise ValueError(f"{self.operator} needs a list as its value")
        if self.operator == "matches":
            if not isinstance(self.value, str):
                raise ValueError("matches needs a pattern as its value")
            try:
                re.compile(self.value)
            except re.error as error:
                raise ValueError(f"its pattern is none: {error.msg} at {error.pos}") from None
        return self


def compiled(condition: Condition) -> Callable[[Record], bool | None]:
    """Whether the condition holds of a record; None where a field that it compares is absent or null."""
    values = path(condition.field)
    operator = condition.operator
    if operator in ("exists", "missing"):
        return lambda record: (operator == "exists") is any(value is not None for value in values(record))
    others = path(condition.other) if condition.other is not None else None
    check = _checks(condition)
    every = operator in ("ne", "not_in")

    def holds(record: Record) -> bool | None:
        found = [value for value in values(record) if value is not None]
        against = [condition.value] if others is None else [value for value in others(record) if value is not None]
        if operator in ("in", "not_in") and others is not None:
            against = [against] if against else []
        if not found or not against:
            return None
        outcomes = (check(value, other) for value in found for other in against)
        return all(outcomes) if every else any(outcomes)

    return holds


def path(written: str) -> Values:
    """The values that stand under a path, in the order of the record; empty where it leads nowhere."""
    first, *rest = written.split(".")
    if first == "enrichments" and rest:
        note, rest = f"enrichments.{rest[0]}", rest[1:]
        return lambda record: _under(record.note(note), rest)
    if first == "notes" and rest:
        note, rest = rest[0], rest[1:]
        return lambda record: _under(record.note(note), rest)
    parts = rest if first == "data" and rest else [first, *rest]
    return lambda record: _under(record.data, parts)


def _under(value: Any, parts: list[str]) -> list[Any]:
    values = [value]
    for part in parts:
        values = [item for value in values for item in _step(value, part)][:_MOST]
        if not values:
            break
    return values


def _step(value: Any, part: str) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values() if part == "*" else [value[part]] if part in value else []
    if isinstance(value, list):
        if part == "*":
            return value
        if part.isdecimal() and part.isascii() and len(part) < 7 and int(part) < len(value):
            return [value[int(part)]]
    return []


def _checks(condition: Condition) -> Check:
    match condition.operator:
        case "eq":
            return same
        case "ne":
            return lambda value, other: not same(value, other)
        case "lt":
            return lambda value, other: order(value, other) in (-1,)
        case "le":
            return lambda value, other: order(value, other) in (-1, 0)
        case "gt":
            return lambda value, other: order(value, other) in (1,)
        case "ge":
            return lambda value, other: order(value, other) in (0, 1)
        case "in":
            return lambda value, others: any(same(value, other) for other in others)
        case "not_in":
            return lambda value, others: not any(same(value, other) for other in others)
        case "contains":
            return _contains
        case "starts_with":
            return lambda value, other: isinstance(value, str) and isinstance(other, str) and value.startswith(other)
        case "ends_with":
            return lambda value, other: isinstance(value, str) and isinstance(other, str) and value.endswith(other)
        case _:
            search = re.compile(condition.value).search
            return lambda value, other: isinstance(value, str) and search(value[:LONGEST]) is not None


def _contains(value: Any, other: Any) -> bool:
    if isinstance(value, str):
        return isinstance(other, str) and other in value
    return isinstance(value, list | dict) and any(same(item, other) for item in value)


def same(value: Any, other: Any) -> bool:
    """Equal as JSON is: true is not 1, 1 is 1.0."""
    return (isinstance(value, bool) is isinstance(other, bool)) and bool(value == other)


def order(value: Any, other: Any) -> int | None:
    """-1, 0 or 1 as `value` is below, like or above `other`; None where the two cannot be compared.

    Numbers compare with numbers, texts that are both ISO 8601 dates as the times that they say, other texts by their
    characters.
    """
    if isinstance(value, bool) or isinstance(other, bool):
        return None
    if isinstance(value, str) and isinstance(other, str):
        times = moment(value), moment(other)
        if times[0] is not None and times[1] is not None:
            return (times[0] > times[1]) - (times[0] < times[1])
        return (value > other) - (value < other)
    if isinstance(value, int | float) and isinstance(other, int | float):
        return (value > other) - (value < other)
    return None


def moment(value: Any) -> float | None:
    """Seconds since the epoch that a value says: ISO 8601 text (UTC where it names no zone), or a number of seconds.

    A number from 1e11 on is milliseconds. None for everything else.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value / 1000 if abs(value) >= 1e11 else float(value)
    if not isinstance(value, str) or not 8 <= len(value) <= 40 or not value[:4].isdecimal():
        return None
    try:
        read = datetime.fromisoformat(value)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def is_date(value: str) -> bool:
    """Whether a text is a day of the calendar as ISO 8601 writes it (``2025-01-31``)."""
    try:
        return len(value) == 10 and date.fromisoformat(value) is not None
    except ValueError:
        return False
