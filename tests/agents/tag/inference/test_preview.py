"""Sample rows become fields, keys, entities and mappings: golden rows of every entity, and what holds for any rows."""

import doctest
import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents.tag.inference import preview as module
from penstock.agents.tag.inference.preview import preview
from penstock.agents.tag.inference.types import TYPES
from penstock.model.entities import Catalogue, built_in

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))
NAMES = st.sampled_from(["id", "email", "a.b", "Tel Nr", "", "tags", "created_at", "x" * 300, "ann@example.com"])
TEXTS = st.text(max_size=12) | st.sampled_from(
    [
        "2024-01-02",
        "1.234,50",
        "DE75512108001245126199",
        "n/a",
        "true",
        "+44 20 7946 0958",
        "{}",
        "[1]",
        "€ 1",
        "\u0660",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


def test_the_examples():
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_golden(path):
    golden = json.loads(path.read_text(encoding="utf-8"))
    answer = preview(golden["rows"]).answer()
    mapped = {
        each["source_field"]: f" {each['canonical_entity']}.{each['canonical_property']}"
        for each in answer["suggested_mappings"]
    }
    found = {field["name"]: field["inferred_type"] + mapped.get(field["name"], "") for field in answer["fields"]}
    assert found == golden["fields"]
    assert answer["primary_entity"] == golden["primary_entity"]
    assert answer["primary_key"] == golden["primary_key"]


def test_the_shape_is_the_documents():
    answer = preview([{"email": "user@example.com"}] * 100).answer()
    assert list(answer)[:4] == ["fields", "suggested_mappings", "primary_entity", "record_count"]
    (field,) = answer["fields"]
    assert list(field)[:5] == ["name", "inferred_type", "nullable", "sample_values", "confidence"]
    assert (field["inferred_type"], field["nullable"], field["sample_values"]) == ("email", False, ["u***@e***.com"])
    assert field["confidence"] >= 0.95
    (mapping,) = answer["suggested_mappings"]
    assert list(mapping) == ["source_field", "canonical_entity", "canonical_property", "confidence", "reasoning"]
    assert mapping["canonical_entity"] == answer["primary_entity"] == "Person"
    assert mapping["reasoning"].startswith("Direct field name match") and mapping["confidence"] >= 0.95
    assert answer["record_count"] == 100
    schema = preview([{"n": 1}, {"n": None}]).schema("orders")
    assert set(schema) == {
        "name", "fields", "primary_key", "version", "inferred", "created_at", "sample_size", "null_counts",
    }  # fmt: skip
    assert schema["fields"][0] == {
        "name": "n", "type": "integer", "nullable": True, "description": None, "min_value": 1, "max_value": 1,
        "pattern": None, "enum_values": None, "inferred": True, "confidence": 0.89,
    }  # fmt: skip
    assert (schema["sample_size"], schema["null_counts"]) == (2, {"n": 1})


def test_nothing_personal_is_shown():
    rows = [
        {
            "email": f"canary{n}@example.com", "note": f"call canary{n}@example.com now", "card": "4539578763621486",
            "vorname": f"Canary{n}", "iban": "DE75512108001245126199", "ip": f"203.0.113.{n}",
            f"canary{n}@example.com": 1, "deep": {"list": [{"x": f"canary{n}@example.com"}]}, "ssn": "536-22-8145",
            "tel": f"+1 415 555 267{n}", "geb": f"19{70 + n}-01-01",
        }
        for n in range(9)
    ]  # fmt: skip
    shown = json.dumps([preview(rows).answer(), preview(rows).schema("x")])
    for canary in ("anary", "4539578763621486", "45395787", "1245126199", "203.0.113", "536-22", "555 267", "1970-01"):
        assert canary not in shown, canary


def test_bounds():
    rows = [{"n": n, "s": ["a", "b"][n % 2], "o": f"ORD-{n:04d}", "d": f"0{n % 9 + 1}.03.2024", "t": "x" * n,
             "p": "1.5"} for n in range(12)]  # fmt: skip
    found = {field["name"]: field for field in preview(rows).answer()["fields"]}
    assert found["n"]["constraints"] == {"min": 0, "max": 11, "pattern": None, "enum": None}
    assert found["s"]["constraints"]["enum"] == ["a", "b"]
    assert found["o"]["constraints"]["pattern"] == r"^[A-Z]{3}\-[0-9]{4}$"
    assert (found["d"]["constraints"]["min"], found["d"]["constraints"]["max"]) == ("2024-03-01", "2024-03-09")
    assert found["d"]["format"] == "%d.%m.%Y"
    assert found["t"]["null_count"] == 1 and found["t"]["nullable"]
    assert found["p"]["inferred_type"] == "float" and found["p"]["constraints"]["min"] == 1.5


def test_absent_fields_and_words_for_nothing_count_as_null():
    rows = [{"a": 1, "n": "5"}, {"n": "N/A"}, {"a": None, "n": "-"}, {"a": 2, "n": "7"}]
    answer = preview(rows).answer()
    assert answer["null_counts"] == {"a": 2, "n": 2}
    assert [field["inferred_type"] for field in answer["fields"]] == ["integer", "integer"]
    assert preview([{"n": "-"}, {"n": "-"}]).answer()["fields"][0]["inferred_type"] == "string"
    nested = preview([{"u": {"a": 1}}, {"u": {}}, {}]).answer()
    assert nested["null_counts"] == {"u": 1, "u.a": 1}, "absent counts where the object is there"
    assert preview([]).answer()["fields"] == [] and preview([{}]).primary_entity is None


@pytest.mark.parametrize(
    ("rows", "key"),
    [
        ([{"x": 1, "id": 2}, {"x": 2, "id": 3}], ["id"]),
        ([{"order_id": 1, "line_no": 1}, {"order_id": 1, "line_no": 2}, {"order_id": 2, "line_no": 1}],
         ["order_id", "line_no"]),
        ([{"id": 1}, {"id": 1}], None),
        ([{"id": 1}, {"id": None}], None),
        ([{"price": 1.5}, {"price": 2.5}], None),
        ([{"city": "a"}, {"city": "b"}], None),
        ([{"id": 1}], ["id"]),
    ],
)  # fmt: skip
def test_primary_keys(rows, key):
    assert preview(rows).primary_key == key


def test_what_the_other_fields_are_decides_what_a_name_is():
    def name_of(**fields):
        found = preview([fields]).mappings
        return next(each for each in found if each.source_field == "name").canonical_entity

    assert name_of(name="x", vat_id="GB123", website="https://x.example") == "Organization"
    assert name_of(name="x", vorname="y", email="a@b.example") == "Person"


def test_values_that_contradict_a_name_weaken_it():
    told = preview([{"email": "a@b.example"}]).mappings[0]
    assert preview([{"email": 17}]).mappings == []
    assert told.confidence > preview([{"email": "see below"}]).mappings[0].confidence > 0.4


def test_a_catalogue_of_ones_own(tmp_path):
    file = tmp_path / "own.yml"
    file.write_text("entities: {Ship: {properties: {hull_number: {}, draught: {type: number}}}}")
    found = preview([{"hull_no": "H-7", "draught": 7.5}], Catalogue.load(file))
    assert found.primary_entity == "Ship"
    assert [each.canonical_property for each in found.mappings] == ["hull_number", "draught"]


@settings(derandomize=True, max_examples=250, deadline=None)
@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=5), max_size=6))
def test_any_rows(rows):
    answer = preview(rows).answer()
    json.dumps(answer, allow_nan=False)
    assert answer["record_count"] == len(rows)
    for field in answer["fields"]:
        assert field["inferred_type"] in TYPES
        assert 0 <= field["confidence"] < 1 and field["nullable"] == (field["null_count"] > 0)
        assert len(field["sample_values"]) <= 3
    for each in answer["suggested_mappings"]:
        assert each["canonical_property"] in built_in().entities[each["canonical_entity"]].properties
        assert 0.4 <= each["confidence"] <= 0.99
    assert preview(rows).answer() == answer


def test_a_hundred_rows_of_twenty_fields_take_a_tenth_of_a_second_at_most():
    row = json.loads((Path(__file__).parent / "golden" / "personen.json").read_text(encoding="utf-8"))["rows"][0]
    texts = {f"field_{n}": value for n, value in enumerate([*row.values()][: 20 - len(row)])}
    rows = [{**row, **texts, "KundenNr": f"{n:06d}", "EMailAdresse": f"u{n}@example.com"} for n in range(100)]
    assert len(rows[0]) == 20
    preview(rows)  # patterns are compiled
    took = []
    for _ in range(10):
        began = time.perf_counter()
        preview(rows)
        took.append(time.perf_counter() - began)
    assert min(took) < 0.1
