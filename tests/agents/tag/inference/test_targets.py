"""A schema elsewhere: databases, Avro and JSON Schema take what is made for them."""

import contextlib
import sqlite3

import fastavro
import jsonschema
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents.tag.inference.preview import preview
from penstock.agents.tag.inference.targets import TARGETS
from penstock.agents.tag.inference.types import TYPES

ROWS = [
    {"id": 1, "e-mail": "a@b.example", "big": 2**40, "score": 1.5, "ok": True, "born": "1990-01-02", "note": "x" * 300,
     "at": "2024-01-02T03:04:05Z", "user": {"name": "Ada", "tags": ["a"]}, "rows": [{"sku": "x", "qty": None}]},
    {"id": 2, "e-mail": None, "big": 1, "score": 2.5, "ok": False, "born": "1991-01-02", "note": "y",
     "at": "2024-01-02T03:04:06Z", "user": {"name": "Bob", "tags": []}, "rows": []},
]  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text(max_size=6)
NAMES = st.text(max_size=6)
ANY = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2), max_leaves=6
)


def test_every_type_has_a_place_everywhere():
    assert len(TYPES) == 25
    assert {"string", "integer", "float", "boolean", "date", "datetime", "timestamp", "json", "array"} <= set(TYPES)
    for name, mapped in TYPES.items():
        assert all(mapped) and len(mapped) == 6, name
    documented = {name: (TYPES[name].postgres, TYPES[name].sqlite) for name in list(TYPES)[:6]}
    assert documented == {
        "string": ("VARCHAR", "TEXT"), "integer": ("INTEGER", "INTEGER"), "float": ("DOUBLE PRECISION", "REAL"),
        "boolean": ("BOOLEAN", "INTEGER"), "date": ("DATE", "TEXT"), "datetime": ("TIMESTAMP", "TEXT"),
    }  # fmt: skip


def test_postgres_and_mysql():
    found = preview(ROWS)
    postgres, mysql = TARGETS["postgres"](found, "orders"), TARGETS["mysql"](found, "orders")
    assert postgres.splitlines()[:4] == [
        'CREATE TABLE "orders" (', '  "id" INTEGER NOT NULL,', '  "e-mail" VARCHAR,', '  "big" BIGINT NOT NULL,',
    ]  # fmt: skip
    assert '"at" TIMESTAMP NOT NULL' in postgres and '"user" JSONB' in postgres and 'PRIMARY KEY ("id")' in postgres
    assert "`note` TEXT NOT NULL" in mysql and "`e-mail` VARCHAR(255)," in mysql and "`rows` JSON" in mysql


def test_avro_writes_the_rows_back():
    schema = TARGETS["avro"](preview([{**row, "born": None, "at": None} for row in ROWS]), "my orders")
    assert schema["name"] == "my_orders"
    names = {field["name"]: field.get("doc") for field in schema["fields"]}
    assert names["e_mail"] == "e-mail" and names["id"] is None
    fastavro.parse_schema(schema)
    types = {field["name"]: field["type"] for field in TARGETS["avro"](preview(ROWS), "o")["fields"]}
    assert types["born"] == {"type": "int", "logicalType": "date"}
    assert types["at"] == {"type": "long", "logicalType": "timestamp-micros"}
    assert types["user"]["fields"][1] == {"name": "tags", "type": {"type": "array", "items": "string"}}


def test_arrow_names_types_that_arrow_has():
    lines = TARGETS["arrow"](preview(ROWS), "orders").splitlines()
    assert lines[0] == "id: int64 not null" and lines[1] == "e-mail: string"
    assert "user: struct<name: string not null, tags: list<item: string> not null> not null" in lines
    assert "rows: list<item: struct<sku: string not null, qty: string>> not null" in lines
    for mapped in TYPES.values():
        if mapped.arrow not in ("list", "struct"):
            assert pa.type_for_alias(mapped.arrow.replace("date32[day]", "date32")), mapped.arrow


def test_json_schema_takes_the_rows():
    schema = TARGETS["json-schema"](preview(ROWS), "orders")
    for row in ROWS:
        jsonschema.validate(row, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**ROWS[0], "id": "x"}, schema)
    assert schema["properties"]["e-mail"] == {"type": ["string", "null"], "format": "email"}


@settings(derandomize=True, max_examples=150, deadline=None)
@given(st.lists(st.dictionaries(NAMES, ANY, max_size=4), min_size=1, max_size=4))
def test_any_rows_make_schemas_that_are_taken(rows):
    found = preview(rows)
    fastavro.parse_schema(TARGETS["avro"](found, "x y"))
    jsonschema.Draft202012Validator.check_schema(TARGETS["json-schema"](found, "x"))
    names = [str(field.path[0]) for field in found.fields if len(field.path) == 1]
    # SQLite takes no NUL, and names that differ in ASCII case only are one
    if names and "\0" not in "".join(names) and len({name.lower() for name in names}) == len(names):
        with contextlib.closing(sqlite3.connect(":memory:")) as database:
            database.execute(TARGETS["sqlite"](found, 'a "b"'))
