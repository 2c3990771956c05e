"""quality: each dimension, the score, what cost points, and what becomes of a bad record."""

import asyncio
import time
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.agents import registry
from penstock.agents.chain import Chain
from penstock.agents.enrich import quality
from penstock.codecs.enriched import encode
from penstock.model.component import Resources
from penstock.model.record import Kept, Record
from penstock.model.verdict import Drop, Keep, Quarantine

NOW = 1_700_000_000_000


def verdict(data: Any, notes: dict[str, Any] | None = None, **options: Any) -> Any:
    function = quality.build(quality.Config.model_validate(options))
    encoded = {name: orjson.dumps(note) for name, note in (notes or {}).items()}
    return function(Record(Kept(0, NOW, orjson.dumps(data), encoded), "t/0/0"))


def scored(data: Any, notes: dict[str, Any] | None = None, **options: Any) -> Any:
    found = verdict(data, notes, **options)
    assert isinstance(found, Keep)
    body = found.notes["enrichments.quality"]
    assert found.notes.get("quality_score") == body["score"]
    return body


def dimension(name: str, data: Any, notes: dict[str, Any] | None = None, **options: Any) -> Any:
    return scored(data, notes, **options)["dimensions"][name]


def issues(body: Any) -> list[tuple[str, str, str]]:
    return [(issue["dimension"], issue["field"], issue["rule"]) for issue in body["issues"]]


def test_a_record_with_nothing_wrong() -> None:
    body = scored({"id": 1, "email": "ann@example.com", "created_at": "2025-01-01", "updated_at": "2025-01-02"})
    assert body == {
        "score": 1.0,
        "dimensions": {
            "completeness": 1.0,
            "validity": 1.0,
            "consistency": 1.0,
            "timeliness": None,
            "uniqueness": None,
            "accuracy": None,
        },
        "issues": [],
    }


@pytest.mark.parametrize(
    ("data", "share"),
    [
        ({"a": 1, "b": None}, 0.5),
        ({"a": 1, "b": " "}, 0.5),
        ({"a": 0, "b": False}, 1.0),
        ({"a": {"b": [1, None]}, "c": []}, 0.3333),
        ({}, None),
    ],
)
def test_completeness_of_all_fields(data: Any, share: float | None) -> None:
    assert dimension("completeness", data) == share


def test_completeness_of_required_fields() -> None:
    required = ["id", "user.mail", "name", "tags"]
    body = scored({"id": 0, "user": {"mail": ""}, "deep": {"name": "x"}, "tags": ["a"], "x": None}, required=required)
    assert body["dimensions"]["completeness"] == 0.75
    assert issues(body) == [("completeness", "user.mail", "missing")]


def test_validity_by_form_and_by_condition() -> None:
    rule = {"check": {"field": "age", "operator": "le", "value": 150}, "name": "age in years", "weight": 2}
    body = scored({"email": "x", "age": 200, "ip": "8.8.8.8"}, validity=[rule])
    assert body["dimensions"]["validity"] == 0.25
    assert issues(body) == [("validity", "age", "age in years"), ("validity", "email", "email")]
    assert dimension("validity", {"age": 20}, validity=[rule]) == 1
    assert dimension("validity", {"other": 20}, validity=[rule]) is None
    assert dimension("validity", {"emails": ["x"], "email": ["ann@example.com", "x"]}) == 0.5


def test_consistency() -> None:
    assert dimension("consistency", {"start_date": "2025-02-01", "end_date": "2025-01-01"}) == 0
    assert dimension("consistency", {"start_date": "2025-02-01"}) is None
    rule = {"check": {"field": "country", "operator": "eq", "other": "enrichments.geo.ip_geo.country_code"}}
    notes = {"enrichments.geo": {"ip_geo": {"country_code": "DE"}}}
    body = scored({"country": "FR"}, notes, consistency=[rule])
    assert (body["dimensions"]["consistency"], issues(body)) == (0, [("consistency", "country", "country eq")])


@pytest.mark.parametrize(
    ("age", "share"), [(0, 1), (3600, 1), (5400, 0.5), (7200, 0), (90_000, 0), (-200, 1), (-1000, 0)]
)
def test_timeliness_fades_behind_its_limit(age: int, share: float) -> None:
    fresh = [{"field": "at", "max_age_seconds": 3600}]
    assert dimension("timeliness", {"at": NOW / 1000 - age}, timeliness=fresh) == share
    assert dimension("timeliness", {"at": "soon"}, timeliness=fresh) is None


def test_uniqueness_within_the_record() -> None:
    items = {"items": [{"sku": 1, "n": 1}, {"sku": 1, "n": 2}, {"n": 2, "sku": 1}]}
    assert dimension("uniqueness", items, uniqueness=[{"field": "items"}]) == 0.6667
    assert dimension("uniqueness", items, uniqueness=[{"field": "items", "by": "sku"}]) == 0.3333
    assert dimension("uniqueness", {"items": []}, uniqueness=[{"field": "items"}]) is None
    assert dimension("uniqueness", {"items": 5}, uniqueness=[{"field": "items"}]) is None


def test_it_remembers_no_record() -> None:
    function = quality.build(quality.Config(uniqueness=(quality.Unique(field="tags"),)))
    record = Record(Kept(0, NOW, b'{"tags":["a","b"]}', {}), "t/0/0")
    assert function(record) == function(record)


def test_accuracy() -> None:
    rules = [
        {"check": {"field": "currency", "operator": "in", "value": ["EUR", "USD"]}},
        {"check": {"field": "total", "operator": "ge", "value": 0}, "weight": 3},
    ]
    assert dimension("accuracy", {"currency": "EURO", "total": 5}, accuracy=rules) == 0.75


def test_weights_and_dimensions_left_out() -> None:
    data = {"email": "x", "empty": None}
    assert scored(data)["score"] == 0.25
    assert scored(data, weights={"completeness": 3, "validity": 1})["score"] == 0.375
    body = scored(data, weights={"completeness": 1})
    assert (body["score"], [issue[0] for issue in issues(body)]) == (0.5, ["completeness"])


def test_a_record_below_the_least_score() -> None:
    bad = {"email": "x", "empty": None}
    assert verdict(bad, min_score=0.5) == Quarantine("low_quality")
    assert verdict(bad, min_score=0.5, below_min="drop") == Drop("low_quality")
    assert isinstance(verdict(bad, min_score=0.5, below_min="keep"), Keep)
    assert isinstance(verdict({"a": 1}, min_score=1), Keep)
    assert isinstance(verdict({}, min_score=1), Keep)


def test_many_issues_are_counted_not_listed() -> None:
    body = scored({f"f{n}": None for n in range(120)})
    assert (len(body["issues"]), body["more_issues"]) == (50, 70)


def test_many_checks_cost_time_in_proportion() -> None:
    record = Record(Kept(0, NOW, orjson.dumps({"tags": ["great"] * 40_000}), {}), "t/0/0")
    judge = quality.build(quality.Config())
    start = time.process_time()
    judge(record)
    assert time.process_time() - start < 5  # by the square of their number it would be a minute


def test_the_score_stands_in_the_metadata_of_the_enriched_record() -> None:
    chain = Chain([("quality", registry.configure("quality", {}))], Resources())
    result = asyncio.run(chain.run("t", 0, [Kept(0, 0, b'{"email":"x","b":1}', {})]))
    (entry,) = result.entries
    assert isinstance(entry, Kept)
    assert entry.notes["quality_score"] == b"0.5"
    metadata = b'{"quality_score":' + entry.notes["quality_score"] + b"}"
    enriched = orjson.loads(encode(entry, id="t/0/0", metadata=metadata))
    assert enriched["metadata"]["quality_score"] == enriched["enrichments"]["quality"]["score"] == 0.5


LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.sampled_from(["", "x", "a@b.org", "2025-01-01"])
NAMES = st.sampled_from(["email", "ip", "created_at", "updated_at", "date", "tags", "x"])


@settings(derandomize=True, max_examples=200)
@given(st.dictionaries(NAMES, LEAVES | st.lists(LEAVES, max_size=4), max_size=7))
def test_the_costs_make_up_what_is_missing(data: dict[str, Any]) -> None:
    body = scored(data, uniqueness=[{"field": "tags"}], timeliness=[{"field": "date"}])
    shares = [share for share in body["dimensions"].values() if share is not None]
    if not shares:
        assert body["score"] is None
        return
    assert all(0 <= share <= 1 for share in shares)
    assert sum(issue["cost"] for issue in body["issues"]) == pytest.approx(1 - body["score"], abs=0.003)
    assert b"a@b.org" not in orjson.dumps(body["issues"])


def test_options_are_checked() -> None:
    for wrong in (
        {"min_score": 1.5},
        {"formats": {"a": "colour"}},
        {"weights": {"beauty": 1}},
        {"below_min": "burn"},
        {"timeliness": [{"field": "a", "max_age_seconds": 0}]},
    ):
        with pytest.raises(ValidationError):
            quality.Config.model_validate(wrong)


def test_it_goes_by_the_name_of_the_document() -> None:
    assert registry.STAGES.name("quality_scorer") == "quality"
