"""`tag`: the same shape has the same note whoever comes first, other shapes have others, and tenants are found."""

import doctest
import json
import random
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.agents import registry
from penstock.agents.tag import _path, _shape, tag
from penstock.agents.tag._infer import infer
from penstock.agents.tag._shape import ByShape, shape
from penstock.model.component import Resources
from penstock.model.entities import built_in
from penstock.model.errors import ConfigurationError
from penstock.model.record import Kept, Record

NAMES = st.sampled_from(["a", "b", "email", "", "a.b", "*", "0"])
SCALARS = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from([0.5, 1.5]) | st.sampled_from(["x", ""])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=12
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)


def build(resources: Resources | None = None, **options: Any) -> Any:
    return registry.build("tag", registry.configure("tag", options), resources or Resources())[1]


def record(data: Any, headers: Any = ()) -> Record:
    return Record(Kept(7, 0, orjson.dumps(data), {}, headers=list(headers)), "t/0/7")


def fingerprint(data: Any) -> str:
    return shape(data).fingerprint


def other_values(value: Any, dice: random.Random) -> Any:
    """Data of the same shape: other values, another order, nulls added, items of lists repeated."""
    if isinstance(value, dict):
        items = [(name, other_values(item, dice)) for name, item in value.items()]
        dice.shuffle(items)
        return dict([*items, ("new and null", None)] if dice.random() < 0.3 else items)
    if isinstance(value, list):
        items = [other_values(item, dice) for item in value for _ in range(dice.choice([1, 1, 2]))]
        dice.shuffle(items)
        return items
    if isinstance(value, bool) or value is None:
        return None if value is None else not value
    return dice.choice([7, 2.25]) if isinstance(value, (int, float)) else "other"


def test_the_examples(run):
    expected = fingerprint({"user": {"name": "", "email": ""}, "amount": 0})

    def shown(name: str, data: Any) -> Any:
        notes = run(name, data)
        assert notes["schema"]["fingerprint"] == expected
        return notes

    results = doctest.testmod(tag, extraglobs={"run": shown})
    assert results.failed == 0 and results.attempted >= 3
    assert doctest.testmod(_shape).failed == 0


@settings(derandomize=True, max_examples=400)
@given(data=OBJECTS, seed=st.integers(0, 1000))
def test_one_shape_has_one_fingerprint_and_one_note(data, seed):
    other = other_values(data, random.Random(seed))
    assert fingerprint(other) == fingerprint(data)
    assert build()(record(other)).notes == build()(record(data)).notes
    stage = build()
    assert stage(record(data)).notes == stage(record(other)).notes == stage(record(data)).notes


@settings(derandomize=True, max_examples=600)
@given(one=OBJECTS, two=OBJECTS)
def test_a_remembered_shape_is_the_shape(one, two):
    remember = ByShape(lambda found: found.fingerprint, 100)
    for data in (
        one,
        two,
        one,
        {"x": one, "y": two},
        {"x": two, "y": one},
        {"x": [one, two]},
        {"x": [one], "y": [two]},
    ):
        assert remember(record(data)) == fingerprint(data)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"a": 1}, {"b": 1}),
        ({"a": 1}, {"a": "1"}),
        ({"a": 1}, {"a": True}),
        ({"a": 1}, {"a": [1]}),
        ({"a": [1]}, {"a": ["1"]}),
        ({"a": [1]}, {"a": [1, "1"]}),
        ({"a": []}, {"a": {}}),
        ({"a": []}, {}),
        ({"a": {"b": 1}}, {"a.b": 1}),
        ({"a": {"b": {}}, "c": {}}, {"a": {}, "c": {"b": {}}}),
        ({"a": {}, "c": {"b": 1}}, {"a": {"b": 1}, "c": {}}),
        ({"a": [{"b": 1}]}, {"a": {"*": {"b": 1}}}),
        ({"a": [1]}, {"a": {"0": 1}}),
        ({"a": [[1]]}, {"a": [1]}),
        ({"a": [{"b": 1}, {"c": 1}]}, {"a": [{"b": 1}]}),
        ({"string": 1}, {"number": "x"}),
    ],
)
def test_other_shapes_have_other_fingerprints(one, two):
    assert fingerprint(one) != fingerprint(two)
    remember = ByShape(lambda found: found.fingerprint, 100)
    assert remember(record(one)) != remember(record(two))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"a": 1, "b": 2}, {"b": 1.5, "a": 3}),
        ({"a": 1, "b": None}, {"a": 1}),
        ({"a": [1, None]}, {"a": [2.5, 3, 4]}),
        ({"a": [{"b": 1}, {"c": 1}]}, {"a": [{"c": 2, "b": 5}]}),
    ],
)
def test_one_shape(one, two):
    assert fingerprint(one) == fingerprint(two)


def test_the_fingerprint_does_not_change_between_versions():
    data = {"id": 1, "user": {"email": "x", "tags": ["a", 1]}, "items": [{"sku": "x"}, {"qty": 2}], "ok": True}
    assert fingerprint(data) == "4497e283bd1bf7d232cc26f63b9f9dab"


def test_types_of_fields_follow_from_names_and_json_types():
    data = {"user": {"e_mail": "no address", "age": 7}, "ips": ["x"], "price": "7", "tags": ["a", 1], "empty": {},
            "list": [], "a.b": 1, "rows": [{"ts": 5}], "none": None}  # fmt: skip
    assert infer(shape(data), built_in()) == {
        '"a.b"': "number",
        "empty": "object",
        "ips.*": "ip",
        "list": "array",
        "price": "string",
        "rows.*.ts": "datetime",
        "tags.*": "number|string",
        "user.age": "number",
        "user.e_mail": "email",
    }


def test_options(run):
    data = {"email": "x", "name": "y"}
    note = run("tag", data)["schema"]
    assert list(note) == ["fingerprint", "version", "entity", "fields"]
    assert note["fingerprint"] == fingerprint(data) and note["version"] == 1 and note["entity"] == "Person"
    assert run("tag", data, entity="Account")["schema"]["entity"] == "Account"
    assert run("tag", data, versions={note["fingerprint"]: 3})["schema"]["version"] == 3
    assert "fields" not in run("tag", data, include_fields=False)["schema"]
    assert "fields" not in run("tag", data, most_fields=1)["schema"]
    assert "fields" in run("tag", data, most_fields=2)["schema"]
    assert run("tag", {})["schema"]["entity"] is None


def test_options_that_cannot_be(tmp_path):
    with pytest.raises(ValidationError, match="1 or greater"):
        registry.configure("tag", {"versions": {"x": 0}})
    with pytest.raises(ConfigurationError, match=r"Persn.*did you mean Person"):
        build(entity="Persn")
    with pytest.raises(ConfigurationError, match=r"own\.yml"):
        build(catalogue=str(tmp_path / "own.yml"))


def test_a_catalogue_of_ones_own(tmp_path, run):
    file = tmp_path / "own.yml"
    file.write_text("entities: {Ship: {properties: {hull_number: {}}}}")
    assert run("tag", {"hullNumber": 1}, catalogue=str(file))["schema"]["entity"] is None, "numbers are no strings"
    assert run("tag", {"hullNumber": "1"}, catalogue=str(file), entity="Ship")["schema"]["entity"] == "Ship"
    assert run("tag", {"hullNumber": "1"}, catalogue=str(file))["schema"]["entity"] == "Ship"


def test_where_a_tenant_is_found():
    def tenant(data: Any, headers: Any = (), **options: Any) -> Any:
        stage = build(Resources(tenant="ours"), **options)
        found = {json.loads(stage(record(data, headers)).notes["tenant"]) for _ in range(2)}
        return found.pop() if len(found) == 1 else found

    source = [("penstock-tenant", b"source's")]
    assert tenant({}) == "ours"
    assert tenant({"org": "theirs"}, source) == "source's"
    assert tenant({"org": "theirs"}, source, tenant_field="org") == "theirs"
    assert tenant({"meta": {"org": 42}}, source, tenant_field="meta.org") == "42"
    assert tenant({"orgs": ["a", "b"]}, source, tenant_field="orgs.1") == "b"
    for nothing in ("", None, True, {}, [], 1.5):
        assert tenant({"org": nothing}, source, tenant_field="org") == "source's"
        assert tenant({"org": nothing}, tenant_field="org") == "ours"
    assert tenant({"x": 1}, [("penstock-tenant", b"\xff")], tenant_field="org") == "ours"
    assert tenant({"org": 'quo"te'}, tenant_field="org") == 'quo"te'


def test_memory_is_bounded_whatever_comes(monkeypatch):
    monkeypatch.setattr(tag, "_MOST_TENANTS", 10)
    made: list[str] = []
    remember = ByShape(lambda found: made.append(found.fingerprint) or found.fingerprint, 10)
    for number in range(100):
        remember(record({f"field{number}": 1}))
        assert len(remember) <= 10
    remember(record({"field99": 2}))
    assert len(made) == 100
    remember(record({f"field{number}": 1 for number in range(ByShape.LARGEST + 1)}))
    remember(record({f"field{number}": 1 for number in range(ByShape.LARGEST + 1)}))
    assert len(made) == 102, "a shape of very many fields is not kept"
    stage = build(tenant_field="t")
    tenants = [json.loads(stage(record({"t": f"tenant {number}"})).notes["tenant"]) for number in range(50)]
    assert tenants == [f"tenant {number}" for number in range(50)]


def test_one_shape_with_many_keys_is_made_once():
    made: list[str] = []
    remember = ByShape(lambda found: made.append(found.fingerprint), 100)
    for number in range(64):
        remember(record({f"price{bit}": 1.5 if number >> bit & 1 else 1 for bit in range(6)}))
    assert len(made) == 1


def test_notes_of_known_shapes_are_not_encoded_again():
    stage = build()
    first, second = stage(record({"a": 1})).notes, stage(record({"a": 2})).notes
    assert first["schema"] is second["schema"] and first["tenant"] is second["tenant"]


def test_the_deepest_data_that_the_codec_takes():
    data: Any = 1
    for _ in range(126):
        data = {"a": [data]}
    assert build()(record({"a": [data]})).notes["schema"]


def test_paths():
    data = {"a": {"b": [1, {"c": None}]}, "0": "zero"}
    read = {
        path: _path.getter(path)(data) for path in ("a.b.0", "a.b.1.c", "a.b.2", "a.b.-1", "a.x.y", "0", "x", "a.b.c")
    }
    assert read == {"a.b.0": 1, "a.b.1.c": None, "a.b.2": None, "a.b.-1": None, "a.x.y": None, "0": "zero", "x": None,
                    "a.b.c": None}  # fmt: skip
