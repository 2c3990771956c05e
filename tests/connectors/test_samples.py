"""Rows of files of every kind, told by what is in them."""

import gc
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import fastavro
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from penstock.connectors.samples import read, sniff
from penstock.model.errors import ConfigurationError

ROWS = [
    {"id": 1, "name": "Zoë", "born": date(1990, 1, 2), "at": datetime(2024, 5, 1, 12, tzinfo=UTC), "tags": ["a", "b"],
     "address": {"city": "Bern", "geo": {"lat": 46.9}}, "price": Decimal("12.50"), "raw": b"\x00\x01"},
    {"id": 2, "name": None, "born": None, "at": None, "tags": [], "address": {"city": None, "geo": None}, "price": None,
     "raw": None},
]  # fmt: skip
EXPECTED = [
    {"id": 1, "name": "Zoë", "born": "1990-01-02", "at": "2024-05-01T12:00:00Z", "tags": ["a", "b"],
     "address": {"city": "Bern", "geo": {"lat": 46.9}}, "price": "12.50", "raw": "AAE="},
    {"id": 2, "name": None, "born": None, "at": None, "tags": [], "address": {"city": None, "geo": None}, "price": None,
     "raw": None},
]  # fmt: skip


async def rows(path: Path, most: int = 1000) -> tuple[str, list, int]:
    found = await read(sniff(path), most)
    return found.kind, found.rows, found.unreadable


def write_parquet(path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), path)


def write_arrow(path: Path) -> None:
    pyarrow.feather.write_feather(pa.Table.from_pylist(ROWS), path)


def write_stream(path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)


def write_avro(path: Path) -> None:
    def nullable(kind: object) -> list:
        return ["null", kind]

    geo = {"type": "record", "name": "Geo", "fields": [{"name": "lat", "type": "double"}]}
    address = {"type": "record", "name": "Address", "fields": [
        {"name": "city", "type": nullable("string")}, {"name": "geo", "type": nullable(geo)}]}  # fmt: skip
    kinds = {
        "id": "long", "name": nullable("string"), "born": nullable({"type": "int", "logicalType": "date"}),
        "at": nullable({"type": "long", "logicalType": "timestamp-micros"}),
        "tags": {"type": "array", "items": "string"},
        "address": address, "raw": nullable("bytes"),
        "price": nullable({"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}),
    }  # fmt: skip
    schema = {"type": "record", "name": "Row", "fields": [{"name": n, "type": kind} for n, kind in kinds.items()]}
    with path.open("wb") as file:
        fastavro.writer(file, fastavro.parse_schema(schema), ROWS)


@pytest.mark.parametrize(
    ("write", "kind"),
    [(write_parquet, "parquet"), (write_arrow, "arrow"), (write_stream, "arrow"), (write_avro, "avro")],
)
async def test_binary_formats_keep_nesting_and_types(write, kind, tmp_path):
    path = tmp_path / "rows.bin"
    write(path)
    assert await rows(path) == (kind, EXPECTED, 0)
    assert (await rows(path, 1))[1] == EXPECTED[:1]
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ConfigurationError, match=f"looks like {kind} and cannot be read"):
        await rows(path)
    gc.collect()  # a reader that was left open would warn here


@pytest.mark.parametrize(
    ("name", "content", "kind", "expected", "unreadable"),
    [
        ("a.json", b'[{"a": 1}, {"a": {"b": [1]}}, 3]', "json", [{"a": 1}, {"a": {"b": [1]}}], 1),
        ("a.json", b"[]", "json", [], 0),
        ("a.json", b'\xef\xbb\xbf [\n{"a": "]"}\n,\n{"a": 2}\n]\n', "json", [{"a": "]"}, {"a": 2}], 0),
        ("a.json", b'{\n "a": 1,\n "b": {"c": 2}\n}\n', "json", [{"a": 1, "b": {"c": 2}}], 0),
        ("a.json", b'{"a": 1}\n{"a": 2}\n', "jsonl", [{"a": 1}, {"a": 2}], 0),
        ("a.ndjson", b'{"a": 1}\nbroken\n', "jsonl", [{"a": 1}], 1),
        ("dump", b'{"a": 1}', "jsonl", [{"a": 1}], 0),
        ("a.csv", b"id,name\n1,Ada\n", "csv", [{"id": "1", "name": "Ada"}], 0),
        ("a.tsv", b"id\tname\n1\tAda\n", "csv", [{"id": "1", "name": "Ada"}], 0),
        ("a.csv", b'id;name\n1;"A;B"\n2\n', "csv", [{"id": "1", "name": "A;B"}], 1),
        ("a.csv", "id|name\n1|Zoë\n".encode("cp1252"), "csv", [{"id": "1", "name": "Zoë"}], 0),
        ("a[1].csv", b"id,name\n1,Ada\n", "csv", [{"id": "1", "name": "Ada"}], 0),
    ],
)
async def test_text_formats(name, content, kind, expected, unreadable, tmp_path):
    (tmp_path / name).write_bytes(content)
    assert await rows(tmp_path / name) == (kind, expected, unreadable)


async def test_a_path_with_signs_of_patterns_is_a_path(tmp_path):
    path = tmp_path / "a[*]?.json"
    path.write_text('[{"a": 1}]')
    assert await rows(path) == ("json", [{"a": 1}], 0)


async def test_a_large_array_is_not_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("penstock.connectors.samples._JSON_BYTES", 1000)
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"n": n, "text": "ü" * 20} for n in range(200)], ensure_ascii=False))
    kind, found, unreadable = await rows(path)
    assert (kind, unreadable) == ("json", 0)
    assert 5 < len(found) < 30 and [row["n"] for row in found] == list(range(len(found)))


@pytest.mark.parametrize("content", [b'[{"a": 1} {"a": 2}]', b'[{"a": 1}', b"[{]", b'[{"a": "\xff"}]'])
async def test_a_damaged_array_is_refused_without_its_values(content, tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"a\.json looks like json and cannot be read") as caught:
        await rows(path)
    assert caught.value.__cause__ is None


def test_what_cannot_be_sniffed(tmp_path):
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        sniff(tmp_path / "nowhere.csv")
    (tmp_path / "a.csv").write_bytes("id,name\n".encode("utf-16"))
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        sniff(tmp_path / "a.csv")
