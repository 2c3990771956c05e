"""license-check: the answer's shape, and that the door decides as the stream does."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.agents import registry
from penstock.agents.license import CheckRequest, license_check
from penstock.agents.license._check import answer
from penstock.agents.license.license import rules
from penstock.model.component import Resources
from penstock.model.errors import ServiceUnreachableError
from penstock.model.http import Backoff, ServiceClient
from penstock.model.license import Appeal, Finding
from penstock.model.record import HEADER_TENANT, Kept, Record
from penstock.model.verdict import Deny, Keep, Quarantine

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
VENDOR = {"allow": ["ingest", "enrich"], "deny": ["train"], "regions": ["EU"], "purposes": ["fraud"],
          "valid_until": "2024-05-20", "duties": ["attribution"], "attribution": "Data by Vendor"}  # fmt: skip
OPTIONS: dict[str, Any] = {
    "allow": ["CC-BY-4.0", "CC-BY-SA-4.0", "ODbL-1.0"], "deny": ["MIT"], "quarantine": ["ISC"],
    "terms": {"LicenseRef-Vendor": VENDOR},
}  # fmt: skip


def request(license_id: str, **more: Any) -> CheckRequest:
    return CheckRequest.model_validate(
        {"source_name": "tickets", "source_type": "csv", "license_id": license_id, "tenant_id": "acme", **more}
    )


def config(**options: Any) -> Any:
    return registry.configure("license", {**OPTIONS, **options})


def check(license_id: str, options: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    resources = Resources(clock=NOW.timestamp)
    return asyncio.run(license_check(request(license_id, **more), resources, config(**(options or {}))))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    defaults = {**ServiceClient.__init__.__kwdefaults__, "backoff": Backoff(first=0.001), "retries": 0}
    monkeypatch.setattr(ServiceClient.__init__, "__kwdefaults__", defaults)


def test_the_whole_answer() -> None:
    assert check("cc-by-4.0", operation="export") == {
        "compliant": True,
        "decision": "allow",
        "license": {"id": "CC-BY-4.0", "decision": "allow", "duties": ["attribution"]},
        "violations": [],
        "warnings": [],
        "appeal": None,
        "checked_at": "2024-05-01T12:00:00.000Z",
    }
    denied = check("mit")
    assert (denied["compliant"], denied["decision"], denied["license"]["decision"]) == (False, "deny", "deny")
    (violation,) = denied["violations"]
    assert violation == {
        "code": "denied", "term": "deny: MIT", "message": "the pipeline file denies the license", "severity": "error",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("license_id", "more", "expected"),
    [
        ("isc", {}, ("quarantine", ["quarantined"], [])),
        ("", {}, ("quarantine", ["missing"], [])),
        ("see file", {}, ("quarantine", ["unknown"], [])),
        ("Unheard-Of", {}, ("quarantine", ["unknown_license"], ["not_spdx"])),
        ("CC-BY-4.0 WITH Classpath-exception-2.0", {}, ("allow", [], [])),
        ("CC-BY-4.0 WITH Unheard-Of OR MIT", {}, ("allow", [], ["not_spdx"])),
        ("CC-BY-4.0 AND ODbL-1.0 WITH MIT", {}, ("allow", [], ["not_spdx"])),
        ("MIT OR CC-BY-4.0", {}, ("allow", [], [])),
        ("MIT AND CC-BY-4.0", {}, ("deny", ["denied"], [])),
        ("LicenseRef-Vendor", {"region": "DE", "purpose": "fraud"}, ("allow", [], ["expires_soon"])),
        ("LicenseRef-Vendor", {"region": "US", "purpose": "fraud"}, ("deny", ["region_denied"], ["expires_soon"])),
        ("LicenseRef-Vendor", {"region": "DE", "purpose": "ads", "operation": "model-training"},
         ("deny", ["denied", "purpose_denied"], ["expires_soon"])),
        ("LicenseRef-Vendor", {"region": "DE"}, ("quarantine", ["purpose_unstated"], ["expires_soon"])),
        ("LicenseRef-Vendor", {"region": "DE", "purpose": "fraud", "operation": "share"},
         ("quarantine", ["not_covered"], ["expires_soon"])),
    ],
)  # fmt: skip
def test_decisions_and_why(license_id: str, more: dict[str, Any], expected: Any) -> None:
    found = check(license_id, **more)
    codes = [[each["code"] for each in found[kind]] for kind in ("violations", "warnings")]
    assert (found["decision"], *codes) == expected
    assert found["compliant"] == (found["decision"] == "allow") == (not found["violations"])


def test_what_is_carried_along() -> None:
    found = check("LicenseRef-Vendor AND cc-by-sa-4.0", region="DE", purpose="fraud")["license"]
    assert found == {
        "id": "LicenseRef-Vendor AND CC-BY-SA-4.0", "decision": "allow", "duties": ["attribution", "share-alike"],
        "attribution": ["Data by Vendor"], "share_alike": ["CC-BY-SA-4.0"], "regions": ["EU"], "purposes": ["fraud"],
        "valid_until": "2024-05-20",
    }  # fmt: skip


def test_licenses_without_a_use_in_common_are_denied() -> None:
    terms = {"A": {"allow": ["ingest"], "regions": ["EU"]}, "B": {"allow": ["ingest"], "regions": ["DE-BY"]}}
    assert check("A AND B", {"terms": terms}, region="DE-BY")["license"]["regions"] == ["DE-BY"]
    said = rules(config(registry="off"))
    limited = {"A": Finding("allow", regions=("EU",)), "B": Finding("allow", regions=("US",))}
    found = answer(request("A AND B"), said, limited, NOW)
    assert (found["decision"], found["violations"][-1]["code"]) == ("deny", "irreconcilable")


def test_an_unknown_license_that_the_file_lets_pass_is_warned_of() -> None:
    for license_id, code in (("LicenseRef-New", "unknown_license"), ("", "missing"), ("?", "unknown")):
        found = check(license_id, {"unknown": "allow"})
        assert found["compliant"] and found["violations"] == []
        assert [warning["code"] for warning in found["warnings"]] == [code]


async def test_the_registry_is_asked_for_the_tenant_and_names_the_appeal(licenses: Any) -> None:
    appeal = {"url": "/api/v1/appeals", "expires_at": "2024-06-01T00:00:00Z"}
    licenses.licenses["X-1.0"] = {"decision": "deny", "reason": "denied", "duties": [], "appeal": appeal}
    resources = Resources(environ={"LICENSE_REGISTRY_URL": licenses.url, "REDIS_URL": "redis://localhost:1"})
    asked = request("x-1.0 OR MIT", operation="export", region="de", purpose="fraud")
    for _ in range(2):
        licenses.licenses["x-1.0"] = licenses.licenses["X-1.0"]
        found = await license_check(asked, resources, config())
        assert found["decision"] == "deny"
        assert found["appeal"] == {**appeal, "url": f"{licenses.url}/api/v1/appeals"}
    assert licenses.questions == 2 * [
        {"licenses": ["x-1.0"], "operation": "export", "region": "DE", "purpose": "fraud", "tenant_id": "acme"}
    ]


async def test_a_registry_that_does_not_answer(licenses: Any, quick: None) -> None:
    licenses.broken = (503, b"")
    resources = Resources(environ={"LICENSE_REGISTRY_URL": licenses.url})
    with pytest.raises(ServiceUnreachableError):
        await license_check(request("X"), resources, config())
    for instead in ("deny", "quarantine", "allow"):
        found = await license_check(request("X"), resources, config(when_unreachable=instead))
        assert found["decision"] == instead
        assert [each["code"] for each in found["violations"] + found["warnings"]] == ["unverified"]


def test_what_is_no_request() -> None:
    for wrong in (
        {"tenant_id": ""},
        {"operation": "fly"},
        {"region": "nowhere"},
        {"more": 1},
        {"license_id": "M" * 300},
    ):
        with pytest.raises(ValidationError):
            request(**{"license_id": "MIT", **wrong})


@settings(derandomize=True, max_examples=200, deadline=None)
@given(
    st.sampled_from(["cc-by-4.0", "MIT", "ISC", "LicenseRef-Vendor", "What", "", "?", "MIT OR ISC", "ISC AND MIT",
                     "LicenseRef-Vendor AND ODbL-1.0", "CC-BY-4.0 OR What", "F", "F AND CC-BY-4.0"]),
    st.sampled_from(["ingest", "train", "share"]),
    st.sampled_from([None, "DE", "US"]),
    st.sampled_from([None, "fraud"]),
    st.sampled_from(["allow", "deny", "quarantine"]),
)  # fmt: skip
def test_the_door_decides_as_the_stream(
    license_id: str, operation: str, region: Any, purpose: Any, unknown: str
) -> None:
    said = config(field="license", operation=operation, region=region, purpose=purpose, unknown=unknown)
    resources = Resources(clock=NOW.timestamp)
    stage = registry.build("license", said, resources)[1]
    record = Record(Kept(0, 0, json.dumps({"license": license_id}).encode(), {}), "t/0/0")
    (verdict,) = asyncio.run(stage([record]))
    found = asyncio.run(license_check(request(license_id, operation=operation), resources, said))
    if isinstance(verdict, Keep):
        assert found["decision"] == "allow" and json.loads(verdict.notes["license"]) == found["license"]
    else:
        assert type(verdict) is {"deny": Deny, "quarantine": Quarantine}[found["decision"]]


async def test_each_tenant_is_asked_for_by_its_own_name(licenses: Any) -> None:
    licenses.licenses["X"] = {"decision": "allow", "duties": []}
    resources = Resources(environ={"LICENSE_REGISTRY_URL": licenses.url}, tenant="house")
    stage = registry.build("license", config(field="license"), resources)[1]
    data = b'{"license": "X"}'
    records = [
        Record(Kept(0, 0, data, {}), "t/0/0"),
        Record(Kept(1, 0, data, {}, headers=[(HEADER_TENANT, b"acme")]), "t/0/1"),
        Record(Kept(2, 0, data, {"tenant": b'"noted"'}, headers=[(HEADER_TENANT, b"acme")]), "t/0/2"),
    ]
    assert all(isinstance(verdict, Keep) for verdict in await stage(records))
    assert sorted(question["tenant_id"] for question in licenses.questions) == ["acme", "house", "noted"]


def test_a_license_ends_with_its_last_day() -> None:
    clock = datetime(2024, 5, 20, 23, 59, 59, tzinfo=UTC).timestamp()
    resources = Resources(clock=lambda: clock)
    stage = registry.build("license", config(field="license", region="DE", purpose="fraud"), resources)[1]
    record = Record(Kept(0, 0, b'{"license": "LicenseRef-Vendor"}', {}), "t/0/0")
    assert isinstance(asyncio.run(stage([record]))[0], Keep)
    clock += 2
    assert asyncio.run(stage([record])) == [Deny("license_revoked")]


def test_an_appeal_is_told_only_where_something_stands_against_the_use() -> None:
    appeal = Appeal("https://elsewhere.example/appeals/7", "2024-06-01T00:00:00Z")
    said = rules(config())
    assert answer(request("X"), said, {"X": Finding("allow", appeal=appeal)}, NOW)["appeal"] is None
    denied = answer(request("X"), said, {"X": Finding("deny", appeal=appeal)}, NOW, address="http://registry")
    assert denied["appeal"] == {"url": appeal.url, "expires_at": appeal.expires_at}
