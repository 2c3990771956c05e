"""Dates and times in text: which format a column has, by its values together.

Formats are named as `datetime.strptime` writes them; ``%b`` stands for the name of a month in English, German, French
or Spanish, short or whole. Beside these there are ``iso8601`` (with a ``T``; RFC 3339 as well) and ``rfc2822``. A value
may fit two formats (``03/04/2024``); a column has the one that all its values fit, the day before the month where both
do.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from penstock.model.vocabulary import words

_MONTHS: Final = (
    "jan january januar janvier enero ene janv",
    "feb february februar fevrier febrero fevr",
    "mar march marz mars marzo maerz mrz",
    "apr april avril abril avr abr",
    "may mai mayo",
    "jun june juni juin junio",
    "jul july juli juillet julio juil",
    "aug august aout agosto ago",
    "sep sept september septembre septiembre",
    "oct october oktober octobre octubre okt",
    "nov november novembre noviembre",
    "dec december dezember decembre diciembre dez dic",
)
_MONTH: Final = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}

_PARTS: Final = {
    "%Y": r"(?P<year>[12]\d{3})",
    "%y": r"(?P<short>\d\d)",
    "%m": r"(?P<month>0?[1-9]|1[0-2])",
    "%d": r"(?P<day>0?[1-9]|[12]\d|3[01])",
    "%b": r"(?P<name>[^\W\d_]{3,10})\.?",
    "%H": r"(?P<hour>[01]?\d|2[0-4])",
    "%I": r"(?P<hour>0?[1-9]|1[0-2])",
    "%M": r"(?P<minute>[0-5]\d)",
    "%S": r"(?P<second>[0-5]\d|60)",
    "%f": r"\d{1,9}",
    "%p": r"(?i:[ap]\.?m\.?)",
    "%z": r"(?:Z|UTC|GMT|[+-]\d\d:?\d\d)",
    "%a": r"[^\W\d_]{2,10}",
}
_DAYS: Final = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y",
    "%d %b %Y", "%d. %b %Y", "%d-%b-%Y", "%b %d, %Y", "%b %d %Y", "%d de %b de %Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y",
)  # fmt: skip
_TIMES: Final = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%H:%M:%S.%f", "%H:%M:%S %z", "%H:%M:%S%z",
                 "%H:%M:%S.%f%z", "%H:%M:%S.%f %z")  # fmt: skip
_AMBIGUOUS: Final = frozenset(("%d/%m/%Y", "%d-%m-%Y", "%d/%m/%y"))
_OTHER_ORDER: Final = {"%d/%m/%Y": "%m/%d/%Y", "%d-%m-%Y": "%m-%d-%Y", "%d/%m/%y": "%m/%d/%y"}
_COMPACT: Final = "%Y%m%d"
_LONGEST: Final = 40  # characters: such a text is no date
_DIGIT: Final = re.compile("[0-9]")


class Found(NamedTuple):
    """A format and how many of the values have it; `certain` unless they fit another order of day and month too."""

    type: str
    format: str
    share: float
    certain: bool = True


class Format(NamedTuple):
    """A way to write a date or a time."""

    type: str
    name: str
    pattern: re.Pattern[str]

    def read(self, text: str) -> datetime | None:
        """The moment, without its zone, to the second; None where the text is not of this format."""
        match = self.pattern.fullmatch(text)
        return _moment(match.groupdict()) if match else None


def recognise(values: Sequence[str], least: float, *, compact: bool) -> Found | None:
    """The format that at least the share `least` of the values has; None where none does.

    Parameters
    ----------
    values
        Texts, without blanks around them.
    least : float
    compact : bool
        Whether eight digits may be a date: the name of the field must say so.
    """
    may_be = sum(len(value) <= _LONGEST and _DIGIT.search(value) is not None for value in values)
    if not values or may_be < len(values) * least:
        return None
    for form in _candidates(values[: max(3, len(values) // 4)], compact):
        share = sum(form.read(value) is not None for value in values) / len(values)
        if share >= least:
            other = _OTHER_ORDER.get(form.name)
            certain = other is None or any(_BY_NAME[other].read(value) is None for value in values)
            return Found(form.type, form.name, share, certain)
    return None


def reader(name: str) -> Callable[[str], datetime | None]:
    """Reads text of the format called `name`."""
    return _BY_NAME[name].read


def _candidates(values: Iterable[str], compact: bool) -> list[Format]:
    """The formats that any of the values has, in order of preference."""
    some = list(values)
    return [form for form in _FORMATS if (compact or form.name != _COMPACT) and any(map(form.read, some))]


def _moment(parts: dict[str, str | None]) -> datetime | None:
    year = int(parts.get("year") or 2000 + int(parts.get("short") or 0))
    month = parts.get("month") or _month(parts.get("name") or "")
    hour, minute, second = (int(parts.get(part) or 0) for part in ("hour", "minute", "second"))
    try:
        return datetime(year, int(month or 0), int(parts.get("day") or 1), hour % 24, minute, min(second, 59))
    except ValueError:
        return None


def _month(name: str) -> int:
    return _MONTH.get("".join(words(name)), 0)


def _format(type: str, name: str, written: str | None = None) -> Format:
    pattern = "".join(_PARTS.get(part, re.escape(part)) for part in re.findall(r"%[a-zA-Z]|.", written or name))
    return Format(type, name, re.compile(pattern))


_ISO: Final = Format(
    "datetime",
    "iso8601",
    re.compile(
        r"(?P<year>[12]\d{3})-?(?P<month>0[1-9]|1[0-2])-?(?P<day>0[1-9]|[12]\d|3[01])[Tt](?P<hour>[01]\d|2[0-4])"
        r"(?::?(?P<minute>[0-5]\d)(?::?(?P<second>[0-5]\d|60)(?:[.,]\d{1,9})?)?)?(?:[Zz]|[+-]\d\d(?::?\d\d)?)?"
    ),
)
_FORMATS: Final = (
    *(_format("date", name) for name in _DAYS),
    _format("date", _COMPACT, "%Y%m%d"),
    _ISO,
    *(_format("datetime", f"{day} {time}") for day in _DAYS for time in _TIMES),
    _format("datetime", "rfc2822", "%a, %d %b %Y %H:%M:%S %z"),
    _format("datetime", "%d/%b/%Y:%H:%M:%S %z"),
    _format("datetime", "%a %b %d %H:%M:%S %Y"),
)
_BY_NAME: Final = {form.name: form for form in _FORMATS}
_OTHER_ORDER.update({f"{day} {time}": f"{_OTHER_ORDER[day]} {time}" for day in _AMBIGUOUS for time in _TIMES})
