"""Reading the rows of a reference: files and SQL queries, all of them at once, in a thread."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
import sqlalchemy as sa
from sqlalchemy import exc

from penstock.agents.enrich._lookups.index import Index, Shape
from penstock.model import database
from penstock.model.errors import ConfigurationError

FORMATS: Final = (".csv", ".tsv", ".parquet", ".jsonl")
_AT_ONCE: Final = 10_000
_CODE: Final = r"^\s*(?:[+-]?0[0-9]|\+)"
"""No number: a leading zero says something."""
_TOO_LONG: Final = r"|^\s*[+-]?[0-9]{16,}\s*$"
"""More digits than a floating-point number holds."""

Rows = Iterable[Mapping[str, Any]]


def index_of(rows: Rows, shape: Shape, most: int, what: str) -> Index:
    """The rows by key. Raises ConfigurationError where there are more than `most`."""
    index = Index()
    for number, row in enumerate(rows):
        if number >= most:
            raise ConfigurationError(f"{what} has more than {most} rows", hint="raise most_rows where memory allows")
        found = shape.entry(row)
        if found is not None:
            index.add(*found)
    return index


def check_file(path: Path, shape: Shape) -> None:
    """Look whether the file can be read and has the columns. Raises ConfigurationError."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise ConfigurationError(f"{path.name} is none of {', '.join(FORMATS)}", hint="the name's end says what it is")
    with _readable(path):
        if suffix == ".parquet":
            found = set(pa.parquet.read_schema(path).names)
        elif suffix == ".jsonl":
            path.open("rb").close()
            return
        else:
            with pa.csv.open_csv(path, parse_options=_parsing(path)) as reader:
                _check_columns(path, reader.schema)
                found = set(reader.schema.names)
    if missing := sorted(shape.needed - found):
        raise ConfigurationError(f"{path.name} has no column {', '.join(missing)}")


def read_file(path: Path, shape: Shape) -> Iterator[Mapping[str, Any]]:
    """The rows of a file. Raises ConfigurationError."""
    columns = shape.chosen
    with _readable(path):
        if path.suffix.lower() == ".jsonl":
            yield from _lines(path)
            return
        if path.suffix.lower() == ".parquet":
            table = pa.parquet.read_table(path, columns=None if columns is None else sorted(columns))
        else:
            table = _read_text(path, shape, sorted(columns or ()))
        for batch in table.to_batches(max_chunksize=_AT_ONCE):
            yield from batch.to_pylist()


def _read_text(path: Path, shape: Shape, columns: list[str]) -> pa.Table:
    """A file of text: numbers where a column has nothing else, and none that would lose a digit."""

    def read(texts: Iterable[str], some: list[str]) -> pa.Table:
        convert = pa.csv.ConvertOptions(column_types=dict.fromkeys(texts, pa.string()), include_columns=some)
        return pa.csv.read_csv(path, parse_options=_parsing(path), convert_options=convert)

    # a column of digits may be one of codes, and no code is empty, NULL or NA because it says so
    table = read(shape.texts, columns)
    _check_columns(path, table.schema)
    numbers = [each for each in table.schema if pa.types.is_integer(each.type) or pa.types.is_floating(each.type)]
    names = [each.name for each in numbers]
    written = read(names, names) if names else table
    for each in numbers:
        code = _CODE + _TOO_LONG if pa.types.is_floating(each.type) else _CODE
        if pc.any(pc.match_substring_regex(written[each.name], code)).as_py():
            table = table.set_column(table.schema.get_field_index(each.name), each.name, written[each.name])
    return table


def _check_columns(path: Path, schema: pa.Schema) -> None:
    """Raises ConfigurationError where two columns have one name, or one holds what is no UTF-8."""
    names = schema.names
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigurationError(f"{path.name} has several columns called {', '.join(twice)}")
    if strange := sorted(each.name for each in schema if pa.types.is_binary(each.type)):
        raise ConfigurationError(f"{path.name} is not in UTF-8: see its column {', '.join(strange)}")


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = orjson.loads(line)
            except orjson.JSONDecodeError:
                row = None
            if not isinstance(row, dict):
                raise ConfigurationError(f"line {number} of {path.name} is no JSON object")
            yield row


def _parsing(path: Path) -> Any:
    return pa.csv.ParseOptions(delimiter="\t" if path.suffix.lower() == ".tsv" else ",", newlines_in_values=True)


class _readable:  # noqa: N801 - used like a function
    """What reading a file may raise, as one error that names it and quotes nothing of it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, OSError | pa.ArrowException | UnicodeDecodeError | ValueError):
            raise ConfigurationError(
                f"{self._path} cannot be read as {self._path.suffix[1:]}: {type(error).__name__}"
            ) from None


def stamp(path: Path) -> tuple[int, ...]:
    """What changes when a file does; the same as before where it cannot be seen just now."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def reader_of_query(query: str, address: str) -> Callable[[], Iterator[Mapping[str, Any]]]:
    """A function that reads the rows of a query.

    It raises UnreachableError where the database does not answer, ConfigurationError where it refuses the query.

    Raises
    ------
    ConfigurationError
        `address` is not the URL of a database, or of an SQLite file that is not there.
    """
    variable = "the option database of lookup"
    url = database.parse(address, variable)
    is_file = url.get_backend_name() == "sqlite"
    # a query has no parameters: '{"a":1}' is text
    statement = sa.text(query.replace(":", r"\:"))

    def read() -> Iterator[Mapping[str, Any]]:
        if is_file and not Path(str(url.database)).is_file():  # it would be made
            raise ConfigurationError(f"there is no SQLite file {Path(str(url.database)).name}")
        engine = database.connect(address, sa.MetaData(), variable, what="the database of lookup")
        try:
            with database.reading(engine) as connection:
                rows = connection.execution_options(stream_results=True).execute(statement)
                for some in rows.mappings().partitions(_AT_ONCE):
                    yield from some  # type: ignore[misc] # its keys are texts
        except exc.OperationalError as error:
            if is_file:
                raise _refused(error) from None
            raise database.unreachable(error, url, variable, "the database of lookup") from None
        except exc.SQLAlchemyError as error:
            raise _refused(error) from None
        finally:
            engine.dispose()

    return read


def _refused(error: Exception) -> ConfigurationError:
    return ConfigurationError(f"the query of lookup cannot be run: {type(error).__name__}")  # its text may quote values
