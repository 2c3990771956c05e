"""risk: rules over fields and earlier notes, the score and what explains it."""

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.agents import registry
from penstock.agents.enrich import risk
from penstock.agents.redact._recognizer import RECOGNIZERS
from penstock.model.component import Resources
from penstock.model.record import Kept, Record

AMOUNT = {"name": "amount", "when": [{"field": "amount", "operator": "gt", "value": 100}], "points": 40}
FOREIGN = {
    "name": "foreign",
    "any": [
        {"field": "enrichments.geo.*.country_code", "operator": "not_in", "value": ["DE", "FR"]},
        {"field": "country", "operator": "ne", "value": "DE"},
    ],
    "points": 30,
    "reason": "from abroad",
}
KNOWN = {"name": "known", "when": [{"field": "customer.since", "operator": "lt", "value": "2020-01-01"}], "points": -25}


def score(data: dict[str, Any], notes: dict[str, Any] | None = None, **options: Any) -> Any:
    function = risk.build(risk.Config.model_validate(options))
    encoded = {name: orjson.dumps(note) for name, note in (notes or {}).items()}
    found = function(Record(Kept(0, 0, orjson.dumps(data), encoded), "t/0/0"))
    assert found is not None
    return found["risk"]


def test_factors_add_up_and_are_explained() -> None:
    notes = {"enrichments.geo": {"ip_geo": {"country_code": "US"}}}
    found = score({"amount": 500, "customer": {"since": "2019-05-05"}}, notes, rules=[AMOUNT, FOREIGN, KNOWN])
    assert found == {
        "score": 45,
        "level": "medium",
        "factors": [
            {"rule": "amount", "points": 40, "reason": "amount", "fields": ["amount"]},
            {
                "rule": "foreign",
                "points": 30,
                "reason": "from abroad",
                "fields": ["enrichments.geo.*.country_code", "country"],
            },
            {"rule": "known", "points": -25, "reason": "known", "fields": ["customer.since"]},
        ],
    }


def test_nothing_held_is_no_risk() -> None:
    assert score({"amount": 5}, rules=[AMOUNT, FOREIGN]) == {"score": 0, "level": "low", "factors": []}


def test_all_of_when_and_one_of_any() -> None:
    both = {**FOREIGN, "when": AMOUNT["when"]}
    assert score({"amount": 500, "country": "US"}, rules=[both])["score"] == 30
    assert score({"amount": 5, "country": "US"}, rules=[both])["score"] == 0
    assert score({"amount": 500, "country": "DE"}, rules=[both])["score"] == 0


def test_an_absent_field_holds_of_no_comparison() -> None:
    rule = {"name": "r", "when": [{"field": "x", "operator": "ne", "value": 1}], "points": 10}
    assert score({}, rules=[rule])["score"] == 0
    assert score({"x": 2}, rules=[rule])["score"] == 10


def test_the_scale_of_one() -> None:
    found = score({"amount": 500}, rules=[AMOUNT], scale=1)
    assert (found["score"], found["factors"][0]["points"], found["level"]) == (0.4, 0.4, "medium")


@settings(derandomize=True, max_examples=100)
@given(st.lists(st.floats(-300, 300), min_size=1, max_size=5))
def test_the_score_stays_on_its_scale(points: list[float]) -> None:
    rules = [{"name": str(n), "when": [{"field": "a"}], "points": each} for n, each in enumerate(points)]
    found = score({"a": 1}, rules=rules, scale=1)
    assert 0 <= found["score"] <= 1
    assert found["score"] == pytest.approx(min(1, max(0, sum(points) / 100)), abs=1e-4)
    assert len(found["factors"]) == len(points)


@pytest.mark.parametrize(
    ("notes", "score_", "rules"),
    [
        ({"enrichments.threat_intel": {"matches": [{"indicator": "x"}]}}, 60, ["threat_intel"]),
        ({"enrichments.threat_intel": {"matches": []}}, 0, []),
        ({"license": {"id": "X", "decision": "warn"}}, 25, ["license"]),
        ({"license": {"id": "MIT", "decision": "allow"}}, 0, []),
        ({"pii": [{"category": "email"}]}, 10, ["pii"]),
        ({"pii": [{"category": "ssn"}]}, 35, ["grave_pii", "pii"]),
        ({"enrichments.geo": {"ip_geo": {"scope": "reserved"}}}, 10, ["odd_network"]),
        ({"enrichments.geo": {"ip_geo": {"scope": "private"}}}, 0, []),
    ],
)
def test_rules_by_default(notes: dict[str, Any], score_: float, rules: list[str]) -> None:
    found = score({}, notes)
    assert found["score"] == score_
    assert [factor["rule"] for factor in found["factors"]] == rules


async def test_it_reads_what_threat_intel_writes() -> None:
    bad = {"type": "indicator", "id": "indicator--1", "pattern": "[ipv4-addr:value = '198.51.100.7']"}
    options = registry.configure("threat_intel", {"indicators": [{**bad, "valid_from": "1970-01-01T00:00:00Z"}]})
    _, match = registry.build("threat_intel", options, Resources())
    record = Record(Kept(0, 0, b'{"ip": "198.51.100.7"}', {}), "t/0/0")
    (found,) = await match([record])  # type: ignore[operator, misc]
    assert [factor["rule"] for factor in score({}, {"enrichments.threat_intel": found["threat_intel"]})["factors"]] == [
        "threat_intel"
    ]


def test_what_is_critical_when_it_leaks_counts_as_grave() -> None:
    modules = {name: RECOGNIZERS.load(name) for name in RECOGNIZERS.modules}
    critical = {name for name, module in modules.items() if module.SEVERITY == "critical"}
    assert critical <= set(risk._GRAVE) <= set(modules)
    assert len(risk._GRAVE) == len({*risk._GRAVE})
    assert {name for name, module in modules.items() if getattr(module, "SPECIAL", False)} <= set(risk._GRAVE)


def test_no_value_of_the_record_is_in_it() -> None:
    rule = {"name": "r", "when": [{"field": "mail", "operator": "contains", "value": "@"}], "points": 10}
    assert b"ann" not in orjson.dumps(score({"mail": "ann@example.com"}, rules=[rule]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"rules": [{"name": "r", "points": 5}]},
        {"rules": [AMOUNT, AMOUNT]},
        {"rules": [{**AMOUNT, "points": "many"}]},
        {"levels": {"low": 1}},
        {"scale": 0},
        {"rules": [{**AMOUNT, "when": [{"field": "a", "operator": "eval", "value": "1"}]}]},
    ],
)
def test_options_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        risk.Config.model_validate(wrong)


def test_it_goes_by_the_names_of_the_documents() -> None:
    assert registry.STAGES.name("risk_scoring") == "risk"
