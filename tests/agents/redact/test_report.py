from typing import Any

from penstock.agents.redact import _report as report
from penstock.agents.redact.redact import Config

ROWS: list[dict[str, Any]] = [
    {"id": 1, "ssn": "123-45-6789", "contact": {"mail": ["ann@example.com"]}, "note": "met on Monday"},
    {"id": 2, "ssn": "219-09-9999", "contact": {"mail": ["bob@example.com"]}, "note": "ring +1 415 555 2671"},
]


def test_the_shape_of_a_report() -> None:
    found = report.scan(ROWS)
    assert found["pii_matches"][0] == {
        "category": "ssn",
        "severity": "critical",
        "field_name": "ssn",
        "sample_value": "***-**-6789",
        "match_count": 2,
        "confidence": 0.95,
        "recommended_strategy": "hash",
        "reasoning": "Field name 'ssn' indicates ssn; found in 2 row(s)",
    }
    assert [(item["field_name"], item["category"], item["match_count"]) for item in found["pii_matches"]] == [
        ("ssn", "ssn", 2),
        ("contact.mail", "email", 2),
        ("note", "phone", 1),
    ]
    assert found["overall_risk"] == "critical"
    assert found["summary"] == "Detected 3 PII field(s) with critical risk"
    assert found["requires_dpia"] is True
    assert [reason["rule"] for reason in found["dpia_reasons"]] == ["combination"]


def test_no_value_stands_in_it() -> None:
    said = str(report.scan([*ROWS, {"ann@example.com": 1, "notes": {"bob@example.com": "x 219-09-9999"}}]))
    assert not any(value in said for value in ("ann@", "bob@", "415 555", "123-45", "219-09"))


def test_nothing_found() -> None:
    assert report.scan([{"n": 1}]) == {
        "pii_matches": [],
        "overall_risk": "none",
        "summary": "Detected no PII",
        "requires_dpia": False,
        "dpia_reasons": [],
    }


def test_special_categories_need_an_assessment() -> None:
    found = report.scan([{"religion": "none given"}])
    assert [reason["rule"] for reason in found["dpia_reasons"]] == ["special_categories"]
    assert "religion" in found["dpia_reasons"][0]["reason"]


def test_a_large_scale_needs_an_assessment() -> None:
    rows = [{"mail": "ann@example.com"}]
    assert not report.scan(rows)["requires_dpia"]
    (reason,) = report.scan(rows, total_rows=report.LARGE_SCALE)["dpia_reasons"]
    assert reason["rule"] == "large_scale"
    assert not report.scan([{"api_key": "AKIAIOSFODNN7EXAMPLE"}], total_rows=report.LARGE_SCALE)["requires_dpia"]


def test_what_to_look_for_is_a_choice() -> None:
    found = report.scan(ROWS, config=Config(categories=("email",)))
    assert {item["category"] for item in found["pii_matches"]} == {"email"}
    assert found["overall_risk"] == "high"


def test_names_with_dots_and_lists() -> None:
    (match,) = report.scan([{"a.b": [{"c": "ann@example.com"}]}], config=Config(categories=("email",)))["pii_matches"]
    assert (match["field_name"], match["sample_value"]) == ("a.b.c", "a***@e***.com")
    (match,) = report.scan([{"a.b": "x", "a": {"b.c": "to ann@example.com"}}])["pii_matches"]
    assert (match["field_name"], match["sample_value"]) == ("a.b.c", "a***@e***.com")
