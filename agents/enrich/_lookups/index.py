"""Rows by key, and by the time in which they hold."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, TypeAlias

from penstock.agents.enrich._lookups.template import written

Key: TypeAlias = Any
"""The values of the key columns: one as it is, several as a tuple."""

FOREVER: Final = 2**63
_SECONDS: Final = 100_000_000_000
"""A number below this is seconds since the epoch (until the year 5138), one above it milliseconds."""


class Entry(NamedTuple):
    """A row's columns, from when and until when (excluded) they hold, in milliseconds, and whose they are."""

    start: int
    end: int
    owner: bytes
    values: tuple[Any, ...]


class Shape:
    """What is made of a row of a reference.

    Parameters
    ----------
    keys : sequence of str
        Columns, in the order of the record's fields.
    columns : mapping
        Column -> its name in the record; empty takes all but keys and times.
    start, end : str, optional
        Columns that say from when, and until when (excluded), a row holds; empty values are no limit.
    spelling : callable
        What is compared of a key's value; None where it is no key.
    """

    def __init__(
        self,
        keys: Sequence[str],
        columns: Mapping[str, str],
        start: str | None,
        end: str | None,
        spelling: Callable[[Any], Any],
    ) -> None:
        self.keys = keys
        self.start = start
        self.end = end
        self.spelling = spelling
        self._columns = dict(columns)
        self._apart = {*keys, start, end}
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}

    @property
    def needed(self) -> set[str]:
        """The columns that a reference must have."""
        return {*self.keys, *self._columns, *(name for name in (self.start, self.end) if name)}

    @property
    def texts(self) -> set[str]:
        """The columns that must stay as they are written where types are guessed: 007 is no 7."""
        return {*self.keys, *(name for name in (self.start, self.end) if name)}

    @property
    def chosen(self) -> set[str] | None:
        """All columns that count; None where all do."""
        return self.needed if self._columns else None

    def key(self, values: Sequence[Any]) -> Key | None:
        """The key that these values are; None where one of them is none."""
        spelled = [self.spelling(value) for value in values]
        if None in spelled:
            return None
        return spelled[0] if len(spelled) == 1 else tuple(spelled)

    def entry(self, row: Mapping[str, Any], owner: bytes = b"") -> tuple[Key, Entry] | None:
        """Key and entry of a row; None where its key or a time in it is none."""
        key = self.key([row.get(name) for name in self.keys])
        start = self._limit(row, self.start, 0)
        end = self._limit(row, self.end, FOREVER)
        if key is None or start is None or end is None:
            return None
        wanted = (
            {new: plain(row.get(old)) for old, new in self._columns.items()}
            if self._columns
            else {name: plain(value) for name, value in row.items() if name not in self._apart}
        )
        # rows of a table have the same names: one tuple of them for all
        names = self._names.setdefault(tuple(wanted), tuple(wanted)) if len(self._names) < 1000 else tuple(wanted)
        return key, Entry(start, end, owner, (names, *wanted.values()))

    def _limit(self, row: Mapping[str, Any], column: str | None, open_: int) -> int | None:
        value = None if column is None else row.get(column)
        return open_ if value is None or value == "" else milliseconds(value)


class Index:
    """Entries by key; of several that hold at a time the one that began last, else that came last."""

    def __init__(self) -> None:
        self._entries: dict[Key, Entry | list[Entry]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, key: Key, entry: Entry) -> None:
        there = self._entries.get(key)
        if there is None:
            self._entries[key] = entry
        elif isinstance(there, list):
            there.append(entry)
        else:
            same = (there.start, there.end, there.owner) == (entry.start, entry.end, entry.owner)
            self._entries[key] = entry if same else [there, entry]

    def remove(self, key: Key, owner: bytes) -> None:
        """Take out what `owner` had added under `key`."""
        there = self._entries.pop(key, None)
        if there is None:
            return
        left = [entry for entry in (there if isinstance(there, list) else [there]) if entry.owner != owner]
        if left:
            self._entries[key] = left if len(left) > 1 else left[0]

    def find(self, key: Key, at: int) -> dict[str, Any] | None:
        """The columns that hold for `key` at that time (milliseconds since the epoch)."""
        there = self._entries.get(key)
        if there is None:
            return None
        best: Entry | None = None
        for entry in there if isinstance(there, list) else (there,):
            if entry.start <= at < entry.end and (best is None or entry.start >= best.start):
                best = entry
        return None if best is None else dict(zip(best.values[0], best.values[1:], strict=True))


def as_text(value: Any) -> str | None:
    """A key's value as text, so that 7, 7.0 and "7" are one; None for what is empty, or no single value."""
    if isinstance(value, Decimal):
        value = int(value) if value.is_finite() and value == int(value) else str(value)
    elif isinstance(value, float) and value.is_integer() and -FOREVER < value < FOREVER:
        value = int(value)
    elif isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    elif isinstance(value, date):
        value = str(value)
    text = written(value)
    return text.strip() or None if text is not None else None


def as_text_in_any_case(value: Any) -> str | None:
    """Likewise, upper and lower case being one."""
    text = as_text(value)
    return None if text is None else text.casefold()


def as_it_is(value: Any) -> Any:
    """A key's value with its type; None for what is no single value. In Python ``True == 1``, here it is not."""
    if isinstance(value, bool):
        return ("bool", value)
    return value if isinstance(value, str | int | float | Decimal) else None


def plain(value: Any) -> Any:
    """A column's value as JSON can say it: numbers with all digits, times in ISO 8601, bytes as text or in hex."""
    if value is None or isinstance(value, str | bool | int | float):
        return str(value) if isinstance(value, int) and not -(2**63) <= value < 2**64 else value
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.hex()
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def milliseconds(value: Any) -> int | None:
    """A time as milliseconds since the epoch: ISO 8601 (UTC where it names no zone), or a number; None for no time."""
    if isinstance(value, str):
        value = _time(value.strip())
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        number = float(value)
        if not -FOREVER < number < FOREVER:  # NaN, too
            return None
        return round(number * 1000) if -_SECONDS < number < _SECONDS else round(number)
    if isinstance(value, datetime):
        return round((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1000)
    if isinstance(value, date):
        return round(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp() * 1000)
    return None


def _time(text: str) -> datetime | float | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None
