"""What a field is: its type, how sure that is, and within which bounds its values are."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final

from penstock.agents.tag._shape import FieldPath
from penstock.agents.tag.inference import dates, texts
from penstock.agents.tag.inference.columns import Column
from penstock.agents.tag.inference.texts import NOTHING, Verdict

PLAIN: Final = frozenset(("string", "integer", "float", "boolean", "json", "array", "object"))
"""Types that say nothing of what a value means."""

_PATTERNED: Final = frozenset(("string", "phone", "postal_code", "hash", "credit_card"))
_MOST_ENUM: Final = 20
_LEAST_FOR_ENUM: Final = 8  # values
_LONGEST_ENUM: Final = 40
_LEAST_FOR_PATTERN: Final = 3
_MOST_SEGMENTS: Final = 9
_LONGEST_PATTERN_VALUE: Final = 64
_EPOCHS: Final = (("unix_seconds", 1), ("unix_milliseconds", 10**3), ("unix_microseconds", 10**6),
                  ("unix_nanoseconds", 10**9))  # fmt: skip
_FIRST_MOMENT, _LAST_MOMENT = 5e8, 4.2e9  # 1985 to 2103
_SURE: Final = 0.99


@dataclass(frozen=True, slots=True)
class Constraints:
    """Bounds of a field's values, None where there are none to tell.

    Attributes
    ----------
    min, max
        Of numbers; of dates and times as ISO 8601.
    pattern : str
        A regular expression of classes of characters; holds no value.
    enum : list
    max_length : int
        Of texts, in characters.
    """

    min: Any = None
    max: Any = None
    pattern: str | None = None
    enum: list[Any] | None = None
    max_length: int | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A field as it was found.

    Attributes
    ----------
    path : tuple
        Names from the outside in, 0 for the items of a list.
    type : str
        One of `penstock.agents.tag.inference.types.TYPES`.
    format : str or None
        How the values are written, where a type has several ways.
    confidence : float
        0 to 1.
    nulls : int
        Values that are null, absent or empty.
    distinct : int
        Different values among those that are there.
    values : list
        Some different ones, in the order of the rows.
    """

    path: FieldPath
    type: str
    format: str | None
    nullable: bool
    confidence: float
    nulls: int
    count: int
    distinct: int
    values: list[Any] = field(repr=False)
    constraints: Constraints = Constraints()

    @property
    def name(self) -> str:
        """The path as the data has it: dotted, ``*`` for the items of a list."""
        return path_name(self.path)

    def without_values(self) -> "Field":
        """The same field, with nothing in its bounds that is a value."""
        return replace(self, constraints=replace(self.constraints, min=None, max=None, enum=None))


def path_name(path: FieldPath) -> str:
    """Names as they are, not in quotes: a client looks the field of a flat row up by this."""
    return ".".join(part if isinstance(part, str) else "*" for part in path)


def decide(column: Column, hints: Collection[str], most_values: int) -> Field:
    """The field that a column of values is.

    Parameters
    ----------
    hints
        Types that its name speaks for.
    most_values : int
        How many different values are kept.
    """
    values = [value.strip() if isinstance(value, str) else value for value in column.values]
    values = [value for value in values if value != ""]
    nulls = column.nulls + len(column.values) - len(values)
    told = _without_nothing(values)
    distinct = list(dict.fromkeys(told))
    verdict = _verdict(column, distinct, told, hints)
    if verdict.type == "string" or len(told) == len(values):
        told, distinct = values, list(dict.fromkeys(values))
    else:
        nulls += len(values) - len(told)
    count = max(len(told), column.objects + column.lists)
    return Field(
        path=column.path,
        type=verdict.type,
        format=verdict.format,
        nullable=nulls > 0,
        confidence=round(min(verdict.confidence, _SURE) * (1 - 0.1 / max(count, 1)), 2) if count else 0.0,
        nulls=nulls,
        count=count,
        distinct=len(distinct),
        values=distinct[:most_values],
        constraints=_constraints(verdict, told, distinct),
    )


def _without_nothing(values: list[Any]) -> list[Any]:
    """The values but for texts that stand for none; all of them where nothing else is there."""
    left = [value for value in values if not (type(value) is str and value.lower() in NOTHING)]
    return left or values


def _verdict(column: Column, distinct: list[Any], values: list[Any], hints: Collection[str]) -> Verdict:
    kinds = Counter(map(type, values))
    kinds[dict], kinds[list] = column.objects, column.lists
    kinds += Counter()  # without those that are not there
    if not kinds:
        return Verdict("string", None, 0.0)
    most, number = kinds.most_common(1)[0]
    if len(kinds) == 1:
        return _of_one_kind(most, distinct, hints)
    if set(kinds) <= {int, float}:
        return _number([float(value) for value in distinct], hints)
    if set(kinds) <= {int, float, str} and bool not in kinds:
        # a source that writes some numbers as text
        found = texts.recognise([_as_text(value) for value in distinct], hints)
        return found._replace(confidence=found.confidence * 0.9)
    if dict in kinds or list in kinds:
        return Verdict("json", "mixed", 0.5)
    return Verdict("string", "mixed", 0.5 * number / sum(kinds.values()))


def _of_one_kind(kind: type, distinct: list[Any], hints: Collection[str]) -> Verdict:
    if kind is dict or kind is list:
        return Verdict("object" if kind is dict else "array", None, _SURE)
    if kind is bool:
        return Verdict("boolean", None, _SURE)
    if kind is str:
        found = texts.recognise(distinct, hints)
        return _timestamp(found, [int(value) for value in distinct], hints) if found.type == "integer" else found
    return _number(distinct, hints)


def _number(values: Sequence[int | float], hints: Collection[str]) -> Verdict:
    if all(type(value) is int for value in values):
        whole = Verdict("integer", None, _SURE)
        found = _timestamp(whole, values, hints)
        if found is not whole:
            return found
        if "date" in hints or {"credit_card", "phone", "postal_code"} & set(hints):
            read = texts.recognise([str(value) for value in values], hints)
            return read if read.type in ("date", "credit_card", "phone", "postal_code") else whole
        read = texts.recognise([str(value) for value in values], ())
        return read if read.type == "credit_card" else whole
    for name, limit in (("latitude", 90), ("longitude", 180)):
        if name in hints and all(abs(value) <= limit for value in values):
            return Verdict(name, None, 0.95)
    return _timestamp(Verdict("float", None, _SURE), values, hints)


def _timestamp(otherwise: Verdict, values: Sequence[int | float], hints: Collection[str]) -> Verdict:
    """Numbers since the epoch, where the name speaks for a time and the numbers are of these decades."""
    if "datetime" in hints or "date" in hints:
        for name, factor in _EPOCHS:
            if all(_FIRST_MOMENT * factor <= value <= _LAST_MOMENT * factor for value in values):
                return Verdict("timestamp", name, 0.95)
    return otherwise


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _constraints(verdict: Verdict, values: list[Any], distinct: list[Any]) -> Constraints:
    if verdict.type in ("array", "object", "boolean") or not values:
        return Constraints()
    strings = [value for value in distinct if isinstance(value, str)]
    length = max(map(len, strings), default=0) or None
    low, high = _bounds(verdict, distinct)
    if verdict.type in ("integer", "float", "latitude", "longitude", "timestamp", "date", "datetime"):
        return Constraints(low, high, max_length=length if verdict.type in ("date", "datetime") else None)
    enum = _enum(verdict, values, distinct)
    told = verdict.type in _PATTERNED and not enum and len(strings) == len(distinct)
    pattern = _pattern(strings) if told else None
    return Constraints(pattern=pattern, enum=enum, max_length=length)


def _bounds(verdict: Verdict, distinct: list[Any]) -> tuple[Any, Any]:
    if verdict.type in ("date", "datetime"):
        read = dates.reader(verdict.format or "iso8601")
        moments = [moment for value in distinct if (moment := read(str(value)))]
        shown = [_iso(moment, verdict.type) for moment in (min(moments), max(moments))] if moments else [None, None]
        return shown[0], shown[1]
    if verdict.type in ("integer", "float", "latitude", "longitude", "timestamp"):
        numbers = [number for value in distinct if (number := _as_number(value, verdict.format)) is not None]
        whole = verdict.type == "integer" or all(type(number) is int for number in numbers)
        numbers = [int(number) for number in numbers] if whole else [float(number) for number in numbers]
        return (min(numbers), max(numbers)) if numbers else (None, None)
    return None, None


def _iso(moment: datetime, type: str) -> str:
    return moment.date().isoformat() if type == "date" else moment.replace(tzinfo=UTC).isoformat()[:19]


def _as_number(value: Any, format: str | None) -> int | float | None:
    if isinstance(value, str):
        if format == "1,234.56":
            value = value.replace(",", "")
        elif format == "1.234,56":
            value = value.replace(".", "").replace(" ", "").replace(",", ".")
        try:
            return int(value) if value.lstrip("+-").isdigit() else float(value)
        except ValueError:
            return None
    return value if isinstance(value, (int, float)) else None


def _enum(verdict: Verdict, values: list[Any], distinct: list[Any]) -> list[Any] | None:
    """The few values that a field takes again and again."""
    few = 2 <= len(distinct) <= min(_MOST_ENUM, len(values) // 3) and len(values) >= _LEAST_FOR_ENUM
    if verdict.type not in ("string", "country", "language", "currency") or not few:
        return None
    if any(len(str(value)) > _LONGEST_ENUM for value in distinct):
        return None
    return sorted(distinct, key=str)


def _pattern(values: list[str]) -> str | None:
    """The regular expression that all values have in common, by runs of digits, capitals and small letters."""
    if len(values) < _LEAST_FOR_PATTERN or any(len(value) > _LONGEST_PATTERN_VALUE for value in values):
        return None
    runs = [[(kind, len(list(some))) for kind, some in groupby(map(_class, value))] for value in values]
    kinds = [kind for kind, _ in runs[0]]
    if len(kinds) > _MOST_SEGMENTS or any([kind for kind, _ in one] != kinds for one in runs[1:]):
        return None
    if all(kind in ("[a-z]", "[A-Z]", " ") or len(kind) > 5 for kind in kinds):
        return None  # words: nothing that a pattern could tell
    parts = [_repeated(kind, {one[place][1] for one in runs}) for place, kind in enumerate(kinds)]
    return f"^{''.join(parts)}$"


def _class(char: str) -> str:
    if char.isdigit() and char.isascii():
        return "[0-9]"
    if char.isalpha():
        return "[A-Z]" if "A" <= char <= "Z" else "[a-z]" if "a" <= char <= "z" else r"[^\W\d_]"
    return re.escape(char)


def _repeated(kind: str, lengths: set[int]) -> str:
    least, most = min(lengths), max(lengths)
    if least == most:
        return kind if most == 1 else f"{kind}{{{most}}}"
    return f"{kind}{{{least},{most}}}"
