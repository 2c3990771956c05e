"""Schema resolution: pairs from the specification's rules, and fastavro's reader as an outside judge."""

import io
import json

import fastavro
import pytest
from fastavro.schema import SchemaParseException
from fastavro.utils import generate_many
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.services.avro_resolution import problems
from penstock.services.avro_schema import SchemaError, parse


def record(name="R", *fields, **more):
    return {"type": "record", "name": name, "fields": list(fields), **more}


def field(name, kind, **more):
    return {"name": name, "type": kind, **more}


def enum(*symbols, name="E", **more):
    return {"type": "enum", "name": name, "symbols": list(symbols), **more}


def fixed(size, name="F", **more):
    return {"type": "fixed", "name": name, "size": size, **more}


def decimal(precision, scale):
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


def reads(reader, writer):
    return not problems(parse(reader), parse(writer))


PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
PROMOTED = {
    ("int", "long"), ("int", "float"), ("int", "double"), ("long", "float"), ("long", "double"), ("float", "double"),
    ("string", "bytes"), ("bytes", "string"),
}  # fmt: skip


@pytest.mark.parametrize("reader", PRIMITIVES)
@pytest.mark.parametrize("writer", PRIMITIVES)
def test_primitives_are_read_as_themselves_and_as_what_they_are_promoted_to(reader, writer):
    assert reads(reader, writer) is (reader == writer or (writer, reader) in PROMOTED)


LIST = record("L", field("value", "int"), field("next", ["null", "L"]))
LONG_LIST = record("L", field("value", "long"), field("next", ["null", "L"]))
TEXT_LIST = record("L", field("value", "string"), field("next", ["null", "L"]))


@pytest.mark.parametrize(
    ("reader", "writer", "expected"),
    [
        ({"type": "array", "items": "long"}, {"type": "array", "items": "int"}, True),
        ({"type": "array", "items": "int"}, {"type": "array", "items": "long"}, False),
        ({"type": "map", "values": "string"}, {"type": "map", "values": "bytes"}, True),
        ({"type": "map", "values": "int"}, {"type": "array", "items": "int"}, False),
        (["null", "int"], "int", True),
        (["null", "long"], "int", True),
        ("int", ["null", "int"], False),
        ("long", ["int", "long"], True),
        (["null", "string"], ["string", "null"], True),
        (["null"], ["null", "string"], False),
        (record(), record(), True),
        (record("a.R"), record("b.R"), True),
        (record("S"), record("R"), False),
        (record("S", aliases=["R"]), record("R"), True),
        (record("n.S", aliases=["m.R"]), record("m.R"), True),
        (record("R", field("a", "int")), record("R"), False),
        (record("R", field("a", "int", default=1)), record("R"), True),
        (record("R", field("a", ["null", "int"], default=None)), record("R"), True),
        (record("R"), record("R", field("a", "int")), True),
        (record("R", field("b", "int", aliases=["a"])), record("R", field("a", "int")), True),
        (record("R", field("a", "int")), record("R", field("b", "int", aliases=["a"])), False),
        (record("R", field("a", "string", default="")), record("R", field("a", "int")), False),
        (enum("a", "b"), enum("a"), True),
        (enum("a"), enum("a", "b"), False),
        (enum("a", default="a"), enum("a", "b"), True),
        (enum("a", name="F"), enum("a"), False),
        (fixed(4), fixed(4), True),
        (fixed(4), fixed(8), False),
        (fixed(4, name="G"), fixed(4), False),
        (fixed(4, name="G", aliases=["F"]), fixed(4), True),
        ("bytes", fixed(4), False),
        (decimal(8, 2), decimal(8, 2), True),
        (decimal(8, 3), decimal(8, 2), False),
        (decimal(9, 2), decimal(8, 2), False),
        ({"type": "long", "logicalType": "timestamp-millis"}, "long", True),
        (LIST, LIST, True),
        (LONG_LIST, LIST, True),
        (LIST, LONG_LIST, False),
        (TEXT_LIST, LIST, False),
        (["null", TEXT_LIST], LIST, False),
    ],
)
def test_pairs(reader, writer, expected):
    assert reads(reader, writer) is expected


def test_what_rested_on_a_pair_that_failed_later_is_taken_back():
    def node(name, tail):
        # B is compared while A is still taken to match, and A fails by its last field.
        b = record("B", field("a", ["null", "A"]))
        return record("A", field("b", ["null", b]), field("tail", tail)), name

    reader, _ = node("reader", "int")
    writer, _ = node("writer", "string")
    both = [field("first", ["null", reader]), field("second", ["null", "B"])]
    found = problems(parse(record("R", *both)), parse(record("R", *[field("first", ["null", writer]), both[1]])))
    assert any(problem.startswith("/first") for problem in found)
    assert any(problem.startswith("/second") for problem in found)


def test_nested_types_do_not_take_exponential_time():
    reader = record("R0", field("x", "int"))
    for level in range(1, 60):
        reader = record(f"R{level}", field("a", reader), field("b", f"R{level - 1}"))
    assert reads(reader, json.loads(json.dumps(reader)))


NAMES = st.sampled_from(["a", "b", "c"])


def _records(inner):
    fields = st.lists(st.tuples(NAMES, inner, st.booleans()), max_size=3, unique_by=lambda found: found[0])
    return fields.map(lambda found: record("R", *[_with_default(*part) for part in found]))


def _with_default(name, kind, wanted):
    defaults = {"int": 1, "long": 2, "string": "x", "null": None}
    if wanted and isinstance(kind, str):
        return field(name, kind, default=defaults[kind])
    return field(name, kind)


LEAVES = st.sampled_from(["null", "int", "long", "string"])
INNER = st.one_of(
    LEAVES,
    LEAVES.map(lambda kind: {"type": "array", "items": kind}),
    st.lists(LEAVES, min_size=1, max_size=3, unique=True),
    st.lists(st.sampled_from(["x", "y", "z"]), min_size=1, unique=True).map(lambda symbols: enum(*symbols, name="E1")),
)


@settings(derandomize=True, max_examples=400, deadline=None)
@given(reader=_records(INNER), writer=_records(INNER))
def test_what_is_called_compatible_fastavro_reads(reader, writer):
    try:
        good = reads(reader, writer)
        read_as, written_as = fastavro.parse_schema(reader), fastavro.parse_schema(writer)
    except (SchemaError, SchemaParseException):
        return  # an enum twice in one record
    if not good:
        return
    for value in generate_many(written_as, 3):
        stream = io.BytesIO()
        fastavro.schemaless_writer(stream, written_as, value)
        stream.seek(0)
        assert set(fastavro.schemaless_reader(stream, written_as, read_as)) == {f["name"] for f in reader["fields"]}
