"""csv: rows as JSON objects, by the names in the header (RFC 4180; any delimiter; LF or CR LF).

    sources: [{csv: {path: "people/*.csv", types: {age: integer}}}]

Cells stay strings unless `types` says otherwise. The id of a record is ``<path>:<line>``, the line where it begins.
What is no record goes to the dead letters with its bytes, and reading goes on behind it:

===================  ==================================================================================
``ragged_row``       more or fewer cells than the header has
``wrong_encoding``   bytes that the encoding does not know
``wrong_type``       a cell that is not of the type that `types` gives its column
``bad_quotes``       quotes that RFC 4180 does not know, or that never close: the first line of the
                     record; the next line begins a record again
``record_too_long``  more than ``max_record_bytes``: a prefix
``repeated_header``  the header again, as in files that were put together
===================  ==================================================================================

A header that cannot be used, or that is another than before, is a SourceError; its message gives the numbers of
columns and no names, because what stands in a file without a header would be values.
"""

import csv
import re
from collections.abc import Callable, Iterator
from typing import Any, Literal

import orjson
from pydantic import Field

from penstock.connectors.sources._files import Cursor, FilesConfig, FileSource
from penstock.connectors.sources._lines import BOM, PREFIX_BYTES, Lines, TooLong, without_newline
from penstock.model.component import Manifest, Resources, Source, SourceRecord, Unreadable
from penstock.model.errors import SourceError

MANIFEST = Manifest(title="CSV and other delimited files", version="1.0.0", license=None, pii="possible")


class Config(FilesConfig):
    """Options of a csv source."""

    delimiter: str = Field(",", pattern=r'^[^"\r\n]$', description="One character.")
    has_header: bool = Field(
        True, description="The first row names the columns; else they are column_1, column_2 and so on."
    )
    types: dict[str, Literal["integer", "float", "boolean", "json"]] = Field(
        default_factory=dict, description="Type by column; an empty cell of a typed column is null."
    )
    empty_as_null: bool = Field(False, description="Empty cells are null in every column.")


def build(config: Config, resources: Resources) -> Source:
    # The limit is one for the process, so it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), config.max_record_bytes))
    return _Csv(config)


class _Csv(FileSource):
    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._config = config

    def _read(self, lines: Lines, cursor: Cursor, page: list[SourceRecord | Unreadable], stop: int) -> None:
        header = self._header(lines, cursor)
        if header is None:
            return
        cursor.header = header
        rows = _Rows(lines, self._config)
        encode = _encoder(header, self._config)
        width, repeats_header = len(header), self._config.has_header and len(header) > 1
        while len(page) < self._config.page_size and lines.offset < stop:
            row = rows.read()
            if row is None:
                return
            id = f"{lines.path}:{rows.line}"
            if isinstance(row, Unreadable):
                page.append(Unreadable(row.value, row.code, id))
            elif len(row) != width:
                page.append(Unreadable(rows.original(), "ragged_row", id))
            elif repeats_header and row == header:
                page.append(Unreadable(rows.original(), "repeated_header", id))
            else:
                value, fault = encode(row)
                page.append(Unreadable(rows.original(), fault, id) if fault else SourceRecord(value, id=id))

    def _difference(self, lines: Lines, cursor: Cursor) -> str:
        row = _Rows(lines, self._config).read()
        if cursor.header is None or not self._config.has_header or not isinstance(row, list) or row == cursor.header:
            return ""
        if len(row) != len(cursor.header):
            return f"; its header has {len(row)} columns and had {len(cursor.header)}"
        others = [
            str(number) for number, (new, old) in enumerate(zip(row, cursor.header, strict=True), 1) if new != old
        ]
        return f"; its header has other names for columns {', '.join(others)}"

    def _header(self, lines: Lines, cursor: Cursor) -> list[str] | None:
        """The names of the columns, with `lines` behind them; None where the file has no row yet."""
        if cursor.header is not None and lines.offset:
            return cursor.header
        offset, line = lines.offset, lines.line
        lines.seek(0, 0)
        rows = _Rows(lines, self._config)
        row = rows.read()
        if row is None:
            lines.seek(0, 0)
            lines.ended = True
            return None
        if isinstance(row, Unreadable):
            raise SourceError(f"the header of {lines.path} cannot be read: {row.code}")
        if offset or not self._config.has_header:
            lines.seek(offset, line)
        if not self._config.has_header:
            row = [f"column_{number}" for number in range(1, len(row) + 1)]
        self._check_header(lines.path, row)
        return row

    def _check_header(self, path: str, header: list[str]) -> None:
        seen: dict[str, int] = {}
        for number, name in enumerate(header, 1):
            if not name.strip():
                raise SourceError(f"column {number} of {path} has no name")
            if not name.isascii() and _undecodable(name):
                raise SourceError(f"the name of column {number} of {path} is not {self._config.encoding}")
            if name in seen:
                raise SourceError(f"columns {seen[name]} and {number} of {path} have the same name")
            seen[name] = number
        if missing := sorted(set(self._config.types) - set(header)):
            raise SourceError(f"types names columns that {path} does not have: {', '.join(missing)}")


class _Rows:
    """Rows of cells, by the reader of the standard library.

    It takes from its lines exactly those of one row before it gives the row, so that behind each row `Lines` stands
    at the end of a record.

    Attributes
    ----------
    line : int
        Number of the line where the row given last begins.
    """

    def __init__(self, lines: Lines, config: Config) -> None:
        self._lines = lines
        self._config = config
        self._start, self._above = lines.offset, lines.line
        self._reader = self._restart()

    @property
    def line(self) -> int:
        return self._above + 1

    def read(self) -> list[str] | Unreadable | None:
        """The next row that is not empty, or what stands in its place; None at the end."""
        lines = self._lines
        while True:
            self._start, self._above = lines.offset, lines.line
            try:
                row = next(self._reader, None)
            except csv.Error:
                return self._first_line("bad_quotes")
            except TooLong as error:
                return self._too_long(error)
            if row or row is None:
                return row

    def original(self) -> bytes:
        """The bytes of the row given last."""
        return without_newline(self._lines.again(self._start))

    def _restart(self) -> Iterator[list[str]]:
        return csv.reader(self._texts(), delimiter=self._config.delimiter, strict=True)

    def _texts(self) -> Iterator[str]:
        lines, encoding, limit = self._lines, self._config.encoding, self._config.max_record_bytes
        while line := lines.read():
            if lines.line == 1:
                line = line.removeprefix(BOM)
            if lines.offset - self._start > limit:
                raise TooLong(b"")
            # Bytes that do not decode come as lone surrogates, which JSON refuses: the row is told by that.
            yield str(line, encoding, "surrogateescape")

    def _first_line(self, code: str) -> Unreadable | None:
        """Give up the record, but only its first line: the ones behind it may be records."""
        lines = self._lines
        unfinished = lines.ended and self._config.follow
        lines.seek(self._start, self._above)
        if unfinished:
            lines.ended = True
            return None
        line = lines.read()
        self._reader = self._restart()
        return Unreadable(without_newline(line)[:PREFIX_BYTES], code)

    def _too_long(self, error: TooLong) -> Unreadable | None:
        if self._lines.line > self._above + 1:  # many lines, which an open quote holds together
            return self._first_line("record_too_long")
        self._reader = self._restart()
        return Unreadable(error.prefix, "record_too_long")


def _encoder(header: list[str], config: Config) -> Callable[[list[str]], tuple[bytes, str]]:
    """A function that makes JSON of a row, or says why not: (JSON, "") or (b"", code)."""
    convert = {place: _CONVERT[config.types[name]] for place, name in enumerate(header) if name in config.types}
    empty_as_null = config.empty_as_null

    def encode(row: list[str]) -> tuple[bytes, str]:
        cells: list[Any] = row
        if empty_as_null:
            cells = [cell or None for cell in row]
        elif convert:
            cells = list(row)
        try:
            for place, typed in convert.items():
                cells[place] = typed(row[place]) if row[place] else None
            return orjson.dumps(dict(zip(header, cells, strict=True))), ""
        except (ValueError, TypeError):
            return b"", "wrong_encoding" if any(map(_undecodable, row)) else "wrong_type"

    return encode


def _undecodable(text: str) -> bool:
    return _SURROGATE.search(text) is not None


def _integer(cell: str) -> int:
    return int(_matching(_INTEGER, cell))


def _float(cell: str) -> float:
    number = float(_matching(_NUMBER, cell))
    if number in (float("inf"), float("-inf")):
        raise ValueError
    return number


def _boolean(cell: str) -> bool:
    found = _BOOLEANS.get(cell.strip().lower())
    if found is None:
        raise ValueError
    return found


def _json(cell: str) -> orjson.Fragment:
    orjson.loads(cell)
    return orjson.Fragment(cell)  # as it stands: numbers keep all their digits


def _matching(pattern: re.Pattern[str], cell: str) -> str:
    # int and float take more than data should hold: 1_000, other digits, nan.
    if not pattern.fullmatch(cell.strip()):
        raise ValueError
    return cell


_SURROGATE = re.compile("[\ud800-\udfff]")
_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_BOOLEANS = {"true": True, "t": True, "yes": True, "1": True, "false": False, "f": False, "no": False, "0": False}
_CONVERT: dict[str, Callable[[str], Any]] = {"integer": _integer, "float": _float, "boolean": _boolean, "json": _json}
