"""Avro schemas: what is one, and that the same schema written differently has one normal form."""

import pytest

from penstock.services.avro_schema import SchemaError, parse


def test_names_are_resolved_in_their_namespace_and_defined_once():
    found = parse(
        {
            "type": "record", "name": "A", "namespace": "x.y", "aliases": ["Old", "z.Older"],
            "fields": [
                {"name": "self", "type": ["null", "A"]},
                {"name": "b", "type": {"type": "enum", "name": "o.B", "symbols": ["s"]}},
                {"name": "b2", "type": {"type": "o.B"}},
                {"name": "s", "type": {"type": "string"}},
                {"name": "d", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            ],
        }
    )  # fmt: skip
    assert found.schema["name"] == "x.y.A"
    assert "namespace" not in found.schema
    assert found.schema["aliases"] == ["x.y.Old", "z.Older"]
    assert [field["type"] for field in found.schema["fields"]] == [
        ["null", "x.y.A"],
        {"type": "enum", "name": "o.B", "symbols": ["s"]},
        "o.B",
        "string",
        {"type": "long", "logicalType": "timestamp-millis"},
    ]
    assert set(found.named) == {"x.y.A", "o.B"}


def test_types_defined_elsewhere_may_be_named():
    named = parse({"type": "fixed", "name": "n.F", "size": 2}).named
    assert parse({"type": "array", "items": "n.F"}, named).schema["items"] == "n.F"


def record(*fields):
    return {"type": "record", "name": "R", "fields": list(fields)}


def defaulted(kind, default):
    return record({"name": "f", "type": kind, "default": default})


ENUM = {"type": "enum", "name": "E", "symbols": ["a"]}
INNER = {
    "type": "record",
    "name": "I",
    "fields": [{"name": "x", "type": "int"}, {"name": "y", "type": "int", "default": 1}],
}


@pytest.mark.parametrize(
    ("kind", "default"),
    [
        ("int", 1), ("long", 2**40), ("double", 1), ("float", 1.5), ("string", ""), ("bytes", "\u00ff"),
        ("boolean", False),
        ("null", None), (["null", "int"], None), (["int", "null"], 1), (ENUM, "a"), (INNER, {"x": 1}),
        ({"type": "fixed", "name": "F", "size": 2}, "ab"), ({"type": "array", "items": "int"}, [1]),
        ({"type": "map", "values": "string"}, {"a": "b"}), ({"type": "int", "logicalType": "date"}, 0),
    ],
)  # fmt: skip
def test_defaults_that_fit(kind, default):
    assert parse(defaulted(kind, default))


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (5, "a schema is"),
        (None, "a schema is"),
        ({}, "no type"),
        ("nothing", "unknown type nothing"),
        ({"type": "nothing"}, "unknown type nothing"),
        ({"type": "array"}, "array without items"),
        ({"type": "map"}, "map without values"),
        ({"type": "record", "name": "R"}, "fields is not a list"),
        ({"type": "record", "fields": []}, "not a name"),
        ({"type": "record", "name": "1R", "fields": []}, "not a name"),
        ({"type": "record", "name": "R", "namespace": "a..b", "fields": []}, "not a namespace"),
        ({"type": "record", "name": "int", "fields": []}, "defined twice"),
        (record({"name": "a", "type": "int"}, {"name": "a", "type": "int"}), "R: field a twice"),
        (record({"name": "a-b", "type": "int"}), "a field without a name"),
        (record({"name": "a"}), "a field without a name or a type"),
        (record(3), "a field without a name"),
        (record({"name": "a", "type": "int", "aliases": "b"}), "R.a: aliases is not a list"),
        (record({"name": "a", "type": {"type": "record", "name": "R", "fields": []}}), "R.a: R is defined twice"),
        (["int", "int"], "two branches of one type"),
        ([{"type": "array", "items": "int"}, {"type": "array", "items": "long"}], "two branches of one type"),
        (["int", ["null"]], "a union directly in a union"),
        ({"type": "enum", "name": "E", "symbols": ["a", "a"]}, "a symbol twice"),
        ({"type": "enum", "name": "E", "symbols": ["a b"]}, "not a name"),
        ({"type": "enum", "name": "E", "symbols": ["a"], "default": "b"}, "not a symbol"),
        ({"type": "fixed", "name": "F"}, "fixed without a size"),
        ({"type": "fixed", "name": "F", "size": True}, "fixed without a size"),
        (defaulted("int", "1"), "R.f: the default does not fit"),
        (defaulted("int", True), "the default does not fit"),
        (defaulted("int", 2**31), "the default does not fit"),
        (defaulted(["null", "int"], 1), "the default does not fit"),
        (defaulted(ENUM, "b"), "the default does not fit"),
        (defaulted(INNER, {"y": 1}), "the default does not fit"),
        (defaulted({"type": "array", "items": "int"}, ["a"]), "the default does not fit"),
    ],
)
def test_what_is_no_schema(schema, why):
    with pytest.raises(SchemaError, match=why):
        parse(schema)


def test_a_schema_nested_without_end_is_refused_and_does_not_end_the_process():
    schema = "int"
    for _ in range(5000):
        schema = {"type": "array", "items": schema}
    with pytest.raises(SchemaError, match="nested too deeply"):
        parse(schema)
