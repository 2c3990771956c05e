"""The first rows of a file, whatever it is: what schema previews and `penstock init` look at.

==========  =========================================  ==================================================
kind        known by                                   read by
==========  =========================================  ==================================================
csv         anything else                              the source `csv`; delimiter and encoding are guessed
jsonl       ``.jsonl``, ``.ndjson``, ``.json``, ``{``  the source `jsonl`
json        ``[``, or ``{`` over several lines         piece by piece, so that a large array is not read whole
parquet     ``PAR1``                                   pyarrow, one batch at a time
arrow       ``ARROW1``, or the mark of a stream        pyarrow (IPC file or stream; Feather 2)
avro        ``Obj`` and 1                              fastavro (object container file)
==========  =========================================  ==================================================

Nested data stays nested; what JSON does not know becomes what `penstock.codecs.plain` says.
"""

import asyncio
import glob
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, Final

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq

from penstock.codecs.json import decode
from penstock.codecs.plain import plain
from penstock.connectors.registry import SOURCES, build_source, configure_source
from penstock.model.component import Resources, SourceRecord
from penstock.model.errors import ConfigurationError, DecodeError
from penstock.model.record import Data

MOST_ROWS: Final = 1000
_HEAD_BYTES: Final = 64 * 1024
_JSON_BYTES: Final = 32 << 20  # of one JSON file are looked at
_BOM: Final = b"\xef\xbb\xbf"
_JSONL_SUFFIXES: Final = (".jsonl", ".ndjson", ".json")
_DELIMITERS: Final = ",;\t|"
_STREAM: Final = b"\xff\xff\xff\xff"


@dataclass
class Sample:
    """Rows of a file.

    Attributes
    ----------
    kind : str
    options : dict
        Of the source of that name, where there is one.
    rows : list
    unreadable : int
        Places that hold no record.
    """

    kind: str
    options: dict[str, Any]
    rows: list[Data] = field(default_factory=list)
    unreadable: int = 0


def sniff(path: Path) -> Sample:
    """The kind of a file and how to read it; no row yet.

    Raises
    ------
    ConfigurationError
        The file cannot be read, or is of no kind that is known.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    options: dict[str, Any] = {"path": glob.escape(str(path))}
    for kind, magic in (("parquet", b"PAR1"), ("arrow", b"ARROW1"), ("arrow", _STREAM), ("avro", b"Obj\x01")):
        if head.startswith(magic):
            return Sample(kind, options)
    if b"\0" in head:
        raise ConfigurationError(f"{path} is no text, or not UTF-8", hint="iconv -f UTF-16 -t UTF-8")
    text = head.removeprefix(_BOM).lstrip()
    if text[:1] == b"[" or (text[:1] == b"{" and _is_spread(text)):
        return Sample("json", options)
    if path.suffix.lower() in _JSONL_SUFFIXES or text[:1] == b"{":
        return Sample("jsonl", options)
    return Sample("csv", options | _csv_options(head))


async def read(sample: Sample, most: int = MOST_ROWS) -> Sample:
    """The sample with its first rows, `most` of them and of what is unreadable together.

    Raises
    ------
    ConfigurationError
        The file is damaged.
    SourceError
        The header of a CSV cannot be used.
    """
    if sample.kind in SOURCES.modules and sample.kind not in _READERS:
        return await _by_source(sample, most)
    path = Path(_unescaped(sample.options["path"]))
    return await asyncio.to_thread(_by_library, sample, path, most)


def every(sample: Sample) -> Iterator[Data]:
    """All rows of a file that no source reads, one after the other.

    Raises
    ------
    ConfigurationError
        It is damaged, holds something that is no row, or is a JSON file that is too large to be read so.
    """
    path = Path(_unescaped(sample.options["path"]))
    if sample.kind == "json" and path.stat().st_size > _JSON_BYTES:
        hint = "make it one object a line (jq -c '.[]')"
        raise ConfigurationError(f"{path} has more than {_JSON_BYTES >> 20} MB of JSON in one piece", hint=hint)
    with path.open("rb") as file:
        rows = _READERS[sample.kind](file)
        number = 0
        while True:
            number += 1
            try:
                row = next(rows, None)
            except Exception:  # as in `_by_library`
                raise _damaged(path, sample.kind) from None
            if row is None:
                return
            if not isinstance(row, dict):
                raise ConfigurationError(f"{path}: item {number} is no object")
            yield plain(row)


async def count(sample: Sample) -> int:
    """How many rows a file has; what is unreadable aside. Raises as `read` and `every`."""
    if sample.kind not in SOURCES.modules or sample.kind in _READERS:
        return await asyncio.to_thread(lambda: sum(1 for _ in every(sample)))
    source = build_source(sample.kind, configure_source(sample.kind, sample.options), Resources())
    cursor, done, number = None, False, 0
    try:
        while not done:
            page = await source.fetch(cursor)
            cursor, done = page.cursor, page.done
            number += sum(isinstance(record, SourceRecord) for record in page.records)
    finally:
        await source.close()
    return number


async def _by_source(sample: Sample, most: int) -> Sample:
    found = Sample(sample.kind, sample.options)
    source = build_source(sample.kind, configure_source(sample.kind, sample.options), Resources())
    cursor, done = None, False
    try:
        while not done and len(found.rows) + found.unreadable < most:
            page = await source.fetch(cursor)
            cursor, done = page.cursor, page.done
            for record in page.records[: most - len(found.rows) - found.unreadable]:
                row = _row(record)
                if row is None:
                    found.unreadable += 1
                else:
                    found.rows.append(row)
    finally:
        await source.close()
    return found


def _row(record: Any) -> Data | None:
    if not isinstance(record, SourceRecord) or record.value is None:
        return None
    try:
        return decode(record.value)
    except DecodeError:
        return None


def _by_library(sample: Sample, path: Path, most: int) -> Sample:
    found = Sample(sample.kind, sample.options)
    try:
        with path.open("rb") as file:
            for row in islice(_READERS[sample.kind](file), most):
                if isinstance(row, dict):
                    found.rows.append(plain(row))
                else:
                    found.unreadable += 1
    except OSError as error:
        if error.strerror is None:  # pyarrow says so of what it cannot read
            raise _damaged(path, sample.kind) from None
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except Exception:  # what libraries raise at damaged files is of many kinds, and may quote them
        raise _damaged(path, sample.kind) from None
    return found


def _damaged(path: Path, kind: str) -> ConfigurationError:
    return ConfigurationError(f"{path} looks like {kind} and cannot be read as such", hint="it may be cut or damaged")


def _json_rows(file: BinaryIO) -> Iterator[Any]:
    """The items of an array one by one, or one object; what stands behind `_JSON_BYTES` is not looked at."""
    raw = file.read(_JSON_BYTES)
    cut = bool(file.read(1))
    text = raw.removeprefix(_BOM).decode(errors="ignore" if cut else "strict").strip()
    reader = json.JSONDecoder()
    if text.startswith("{"):
        yield reader.decode(text)
        return
    place = _behind(text, 1, " \t\r\n")
    while text[place : place + 1] != "]":
        try:
            value, place = reader.raw_decode(text, place)
        except json.JSONDecodeError:
            if cut:
                return
            raise
        yield value
        place = _behind(text, place, " \t\r\n")
        if text[place : place + 1] == ",":
            place = _behind(text, place + 1, " \t\r\n")
        elif text[place : place + 1] != "]" and not cut:
            raise ValueError


def _behind(text: str, place: int, blanks: str) -> int:
    while text[place : place + 1] and text[place] in blanks:
        place += 1
    return place


def _parquet_rows(file: BinaryIO) -> Iterator[Any]:
    for batch in pq.ParquetFile(file).iter_batches(batch_size=MOST_ROWS):
        yield from batch.to_pylist(maps_as_pydicts="lossy")


def _arrow_rows(file: BinaryIO) -> Iterator[Any]:
    is_stream = file.read(4) == _STREAM
    file.seek(0)
    if is_stream:
        for batch in pa.ipc.open_stream(file):
            yield from batch.to_pylist(maps_as_pydicts="lossy")
        return
    reader = pa.ipc.open_file(file)
    for number in range(reader.num_record_batches):
        yield from reader.get_batch(number).to_pylist(maps_as_pydicts="lossy")


def _avro_rows(file: BinaryIO) -> Iterator[Any]:
    yield from fastavro.reader(file)


_READERS: Final[dict[str, Callable[[BinaryIO], Iterator[Any]]]] = {
    "json": _json_rows,
    "parquet": _parquet_rows,
    "arrow": _arrow_rows,
    "avro": _avro_rows,
}


def _is_spread(head: bytes) -> bool:
    """Whether an object that begins the file goes on over several lines."""
    first = head.partition(b"\n")[0]
    try:
        json.loads(first)
    except ValueError:
        # a line longer than the head is one record; one that is no JSON for another reason is a broken line
        return b"\n" in head and first.rstrip().endswith((b"{", b"[", b","))
    return False


def _csv_options(head: bytes) -> dict[str, Any]:
    options: dict[str, Any] = {}
    header = head.partition(b"\n")[0]
    delimiter = max(_DELIMITERS, key=lambda sign: header.count(sign.encode()))
    if delimiter != ",":
        options["delimiter"] = delimiter
    try:
        head.decode()
    except UnicodeDecodeError as error:
        cut = len(head) == _HEAD_BYTES and error.start > len(head) - 4  # in the middle of a character
        if not cut:
            options["encoding"] = "cp1252"
    return options


def _unescaped(pattern: str) -> str:
    """The path that `glob.escape` made the pattern of."""
    for sign in "*?[":
        pattern = pattern.replace(f"[{sign}]", sign)
    return pattern
