"""`map`: entities and relations as the file says, or as the names of fields suggest."""

import doctest
import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.agents import registry
from penstock.agents.tag import map as stage
from penstock.model.component import Resources
from penstock.model.record import Kept, Record
from penstock.model.verdict import KEEP

PERSON = {"type": "Person", "key": "user.email", "properties": {"email": "user.email", "age": "user.age"}}
ORDER = {"type": "Order", "key": "order.id"}
ITEM = {"type": "Item", "key": "order.items.*.sku", "properties": {"qty": "order.items.*.qty", "by": "user.email"}}

NAMES = st.sampled_from(
    ["email", "name", "user", "employer", "address", "city", "items", "sku", "price", "id", "a.b", "*"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=15,
)


def keys(notes: Any, kind: str | None = None) -> list[str]:
    return [entity["key"] for entity in notes.get("entities", ()) if kind in (None, entity["type"])]


def pairs(notes: Any) -> list[tuple[str, str, str]]:
    return [(relation["from"]["key"], relation["type"], relation["to"]["key"]) for relation in notes["relations"]]


def test_the_examples(run):
    results = doctest.testmod(stage, extraglobs={"run": run})
    assert results.failed == 0 and results.attempted >= 4


def test_values_keep_their_types_and_what_is_missing_is_left_out(run):
    rich = {"type": "Thing", "key": "id", "properties": {name: name for name in "abcdefg"}}
    data = {"id": 7, "a": 1, "b": 1.5, "c": False, "d": ["x", {"y": 1}], "e": {"z": None}, "f": None}
    (entity,) = run("map", data, entities=[rich])["entities"]
    assert entity == {
        "type": "Thing",
        "key": "7",
        "properties": {"a": 1, "b": 1.5, "c": False, "d": ["x", {"y": 1}], "e": {"z": None}},
    }


def test_keys(run):
    def key(data: Any, *fields: str) -> Any:
        return keys(run("map", data, entities=[{"type": "T", "key": list(fields)}]))

    assert key({"a": "x"}, "a") == ["x"] and key({"a": "ä|\\"}, "a") == ["ä|\\"]
    assert key({"a": 7}, "a") == ["7"] and key({"a": True}, "a") == ["true"] and key({"a": 0}, "a") == ["0"]
    assert key({"a": 1.5, "b": "x"}, "a", "b") == ["1.5|x"]
    assert key({"a": "x|y", "b": "z"}, "a", "b") != key({"a": "x", "b": "y|z"}, "a", "b")
    for nothing in (None, "", {}, [], {"b": 1}, ["x"]):
        assert key({"a": nothing}, "a") == key({"a": nothing, "b": "x"}, "a", "b") == []


def test_no_entity_no_note(run):
    assert run("map", {"user": {}}, entities=[PERSON]) == {}
    assert run("map", {"price": 1}) == {}
    function = registry.build("map", registry.configure("map", {}), Resources())[1]
    assert function(Record(Kept(7, 0, b'{"x":1}', {}), "t/0/7")) is KEEP


def test_when(run):
    person = {**PERSON, "when": "user.active"}
    assert keys(run("map", {"user": {"email": "x", "active": False}}, entities=[person])) == ["x"]
    assert run("map", {"user": {"email": "x", "active": None}}, entities=[person]) == {}
    assert run("map", {"user": {"email": "x"}}, entities=[person]) == {}


def test_an_entity_an_item(run):
    data = {
        "user": {"email": "ada"},
        "order": {
            "id": 1,
            "items": [{"sku": "x", "qty": 2}, {"qty": 9}, None, "s", {"sku": "y"}, {"sku": "x", "qty": 5}],
        },
    }
    relations = [{"type": "HAS", "from": "Order", "to": "Item", "properties": {"qty": "order.items.*.qty"}}]
    notes = run("map", data, entities=[ORDER, ITEM], relations=relations)
    assert notes["entities"][1:] == [
        {"type": "Item", "key": "x", "properties": {"qty": 2, "by": "ada"}},
        {"type": "Item", "key": "y", "properties": {"by": "ada"}},
    ]
    assert pairs(notes) == [("1", "HAS", "x"), ("1", "HAS", "y"), ("1", "HAS", "x")]
    assert [relation["properties"] for relation in notes["relations"]] == [{"qty": 2}, {}, {"qty": 5}]
    tags = run("map", {"tags": ["a", "b", "a", None]}, entities=[{"type": "Tag", "key": "tags.*"}])
    assert keys(tags) == ["a", "b"]
    for nothing in ({}, None, "x", []):
        assert run("map", {"tags": nothing}, entities=[{"type": "Tag", "key": "tags.*"}]) == {}


def test_two_entities_of_one_list_relate_within_an_item(run):
    data = {"calls": [{"a": 1, "b": 2}, {"a": 3, "b": 4}, {"a": 5}], "all": "x"}
    caller, callee = ({"type": "Phone", "as": name, "key": f"calls.*.{name}"} for name in "ab")
    relations = [{"type": "CALLED", "from": "a", "to": "b", "properties": {"when": "calls.*.a", "all": "all"}}]
    notes = run("map", data, entities=[caller, callee], relations=relations)
    assert pairs(notes) == [("1", "CALLED", "2"), ("3", "CALLED", "4")]
    assert notes["relations"][1]["properties"] == {"when": 3, "all": "x"}
    assert sorted(keys(notes, "Phone")) == ["1", "2", "3", "4", "5"]


def test_a_relation_needs_both_ends_and_stands_once(run):
    relations = [{"type": "OWNS", "from": "Person", "to": "Order"}] * 2
    data = {"user": {"email": "ada"}, "order": {"id": 1}}
    assert pairs(run("map", data, entities=[PERSON, ORDER], relations=relations)) == [("ada", "OWNS", "1")]
    assert run("map", {"user": {"email": "ada"}}, entities=[PERSON, ORDER], relations=relations)["relations"] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"entities": [PERSON, PERSON]}, "Person stands here twice"),
        ({"entities": [PERSON], "relations": [{"type": "X", "from": "Person", "to": "Ordr"}]}, "is called Ordr"),
        ({"relations": [{"type": "X", "from": "Person", "to": "Person"}]}, "no entity here is called Person"),
        ({"entities": [{"type": "A", "key": "x.*.y.*.z"}]}, r"at most one \*"),
        ({"entities": [{"type": "A", "key": "*.y"}]}, r"at most one \*"),
        ({"entities": [{"type": "A", "key": "x..y"}]}, "empty parts"),
        ({"entities": [{"type": "A", "key": "x.*.y", "properties": {"p": "z.*.y"}}]}, "same list"),
        ({"entities": [{"type": "A", "key": []}]}, "at least 1"),
        ({"entities": [{"type": "A b", "key": "x"}]}, "pattern"),
        ({"entities": [PERSON, ORDER], "relations": [
            {"type": "X", "from": "Person", "to": "Order", "properties": {"p": "x.*.y"}}]}, "list of its entities"),
        ({"entities": [{"type": "A", "key": "x", "keys": "y"}]}, "keys"),
    ],
)  # fmt: skip
def test_options_that_cannot_be(options, message):
    with pytest.raises(ValidationError, match=message):
        registry.configure("map", options)


def test_a_second_map_adds_to_the_first(run):
    first = {"entities": b'[{"type":"A","key":"1","properties":{}}]', "relations": b'[{"type":"R"}]'}
    function = registry.build("map", registry.configure("map", {"entities": [ORDER]}), Resources())[1]
    notes = function(Record(Kept(7, 0, b'{"order":{"id":2}}', dict(first)), "t/0/7")).notes
    assert [entity["key"] for entity in json.loads(notes["entities"])] == ["1", "2"]
    assert json.loads(notes["relations"]) == [{"type": "R"}]


def test_guessed_from_the_record_and_the_objects_in_it(run):
    data = {
        "id": "e-1029",
        "ts": "2026-01-02T03:04:05Z",
        "user": {
            "name": "Ada",
            "e-mail": "ada@example.com",
            "employer": {"name": "ACME", "ust_id": "DE1"},
            "address": {"ort": "Bonn", "plz": 53111},
        },
        "amount": 12.5,
    }
    notes = run("map", data)
    assert notes["entities"] == [
        {"type": "Person", "key": "ada@example.com", "properties": {"name": "Ada", "email": "ada@example.com"}},
        {"type": "Location", "key": "t/0/7#user.address", "properties": {"city": "Bonn", "postal_code": 53111}},
        {"type": "Organization", "key": "DE1", "properties": {"name": "ACME", "vat_id": "DE1"}},
    ]
    assert sorted(pairs(notes)) == [
        ("ada@example.com", "lives_at", "t/0/7#user.address"),
        ("ada@example.com", "works_for", "DE1"),
    ]


def test_guessed_lists(run):
    data = {
        "event_type": "meeting",
        "event_id": 9,
        "attendees": [{"email": "a@x"}, {"email": None}, {"email": "b@x"}, {"email": "", "gender": "f"}],
    }
    notes = run("map", data)
    assert keys(notes, "Event") == ["9"]
    assert keys(notes, "Person") == ["a@x", "b@x", "t/0/7#attendees.3"]
    assert pairs(notes) == [("9", "involves", person) for person in keys(notes, "Person")]


def test_what_is_not_guessed(run):
    assert run("map", {"order_id": 1, "customer_id": 2, "amount": 3}) == {}
    assert run("map", {"id": 1, "name": "x"}) == {}
    notes = run("map", {"email": "ada", "first_name": "Ada", "company_name": "ACME", "order_id": 8})
    assert notes["entities"] == [
        {"type": "Person", "key": "ada", "properties": {"first_name": "Ada", "email": "ada"}}
    ], "neither the company's name nor the order's id is the person's"
    flat = run("map", {"sender": {"email": "a"}, "recipient": {"email": "b"}})
    assert sorted(keys(flat)) == ["a", "b"] and flat["relations"] == [], "standing side by side is no relation"


def test_a_guess_without_a_key_takes_the_record_id(run):
    (entity,) = run("map", {"vorname": "Ada", "nachname": "Lovelace"})["entities"]
    assert entity["key"] == "t/0/7"


def test_a_guess_is_made_from_names_not_from_the_first_value(run):
    function = registry.build("map", registry.configure("map", {}), Resources())[1]

    def entities(data: Any, stage: Any) -> Any:
        return stage(Record(Kept(7, 0, orjson.dumps(data), {}), "t/0/7")).notes.get("entities")

    records = [{"email": "", "phone": "1"}, {"email": "x", "phone": "2"}, {"phone": "3", "email": "y"}]
    alone = [entities(data, registry.build("map", registry.configure("map", {}), Resources())[1]) for data in records]
    assert [entities(data, function) for data in records] == alone
    assert [json.loads(found)[0]["key"] for found in alone] == ["1", "x", "y"]


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_whatever_comes_the_notes_are_as_promised(data):
    function = registry.build("map", registry.configure("map", {}), Resources())[1]
    verdict = function(Record(Kept(7, 0, orjson.dumps(data), {}), "t/0/7"))
    entities = json.loads(verdict.notes.get("entities", b"[]"))
    known = {(entity["type"], entity["key"]) for entity in entities}
    assert len(known) == len(entities)
    for entity in entities:
        assert list(entity) == ["type", "key", "properties"] and entity["key"] and isinstance(entity["key"], str)
    for relation in json.loads(verdict.notes.get("relations", b"[]")):
        assert list(relation) == ["type", "from", "to", "properties"]
        assert {tuple(relation[end].values()) for end in ("from", "to")} <= known


def test_data_too_deep_to_be_noted_fails_its_record_only():
    data: Any = 1
    for _ in range(252):
        data = {"a": data}
    function = registry.build("map", registry.configure("map", {
        "entities": [{"type": "T", "key": "id", "properties": {"deep": "deep"}}]}), Resources())[1]  # fmt: skip
    with pytest.raises(TypeError):
        function(Record(Kept(7, 0, orjson.dumps({"id": 1, "deep": data}), {}), "t/0/7"))
