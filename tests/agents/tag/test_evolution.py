"""Shapes as Avro schemas, and what drift is."""

import json
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents.tag._evolution import avro_schema, compare, is_null, kinds
from penstock.agents.tag._infer import text
from penstock.agents.tag._shape import shape
from penstock.services import avro_schema as reference

NAMES = st.sampled_from(["a", "b", "a b", "a-b", "", "0", "é", "Record", "x" * 300])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.just("x"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)


def made(data: Any) -> Any:
    return avro_schema(shape(data), str)


def drift(*versions: Any) -> dict[str, Any]:
    """Of the last, compared with those before it."""
    *before, now = [kinds(made(data)) for data in versions]
    return compare(now, before[::-1]).body()


@settings(derandomize=True, max_examples=300, deadline=None)
@given(OBJECTS, OBJECTS)
def test_one_shape_has_one_schema_that_registries_take(one, two):
    schema = made(one)
    fastavro.parse_schema(json.loads(json.dumps(schema)))
    reference.parse(schema)
    assert kinds(schema) == {path: frozenset(some) for path, some in shape(one).fields.items()}
    assert (made(two) == schema) == (shape(one).fingerprint == shape(two).fingerprint)
    assert not compare(kinds(schema), [kinds(schema)]).breaks


@settings(derandomize=True, max_examples=200, deadline=None)
@given(OBJECTS, st.dictionaries(st.sampled_from(["new", "newer"]), VALUES, max_size=2))
def test_new_fields_break_nobody(old, more):
    assert not compare(kinds(made(old | more)), [kinds(made(old))]).breaks


@pytest.mark.parametrize(
    ("versions", "removed", "changed"),
    [
        ([{"a": 1}, {"a": 2.5}], [], {}),
        ([{"a": 1}, {"a": "x"}], [], {"a": "number -> string"}),
        ([{"a": 1}, {"a": [1]}], [], {"a": "number -> array"}),
        ([{"a": [1]}, {"a": [1, "x"]}], [], {"a.*": "number -> number|string"}),
        ([{"a": [1, "x"]}, {"a": [1]}], [], {}),
        ([{"a": 1}, {"a": "x"}, {"a": 1}], [], {}),
        ([{"a": 1, "b": 1}, {"b": 1}], ["a"], {}),
        ([{"a": 1, "b": 1}, {"b": 1}, {"b": 1, "c": 1}], [], {}),
        ([{"b": 1}, {"a": 1, "b": 1}, {"b": 1, "c": 1}], [], {}),
        ([{"u": {"a": {"x": 1}, "b": 1}}, {"u": {"b": 1}}], ["u.a"], {}),
        ([{"r": [{"a": 1, "b": 1}]}, {"r": [{"a": 1}]}], ["r.*.b"], {}),
        ([{"r": [{"a": 1}]}, {"r": []}], [], {}),
        ([{"r": []}, {"r": [1]}], [], {}),
        ([{"o": {}}, {"o": {"a": 1}}], [], {}),
        ([{"a.b": 1}, {}], ['"a.b"'], {}),
    ],
)
def test_drift(versions, removed, changed):
    assert drift(*versions) == {"removed": removed, "changed": changed}


def test_masked_names_are_one_field():
    def masked(name: str) -> str:
        return "***" if "@" in name else name

    one, two = ({"by": {address: 1}} for address in ("a@b.example", "c@d.example"))
    assert avro_schema(shape(one), masked) == avro_schema(shape(two), masked)
    assert "b.example" not in json.dumps(avro_schema(shape(one), masked))


def test_null_that_is_there():
    data = {"a": None, "u": {"b": None}, "rows": [{"x": 1}, {"y": None}], "n": 1}
    there = [("a",), ("u", "b"), ("rows", 0, "y")]
    assert all(is_null(data, path) for path in there)
    assert not any(is_null(data, path) for path in [("z",), ("u", "z"), ("rows", 0, "z"), ("n", "b"), ("z", "b")])


def test_a_schema_that_contains_itself_is_followed_once():
    schema = {"type": "record", "name": "Node", "fields": [
        {"name": "v", "type": "int"}, {"name": "next", "type": ["null", "Node"], "default": None}]}  # fmt: skip
    assert {text(path): set(some) for path, some in kinds(schema).items()}["v"] == {"number"}
