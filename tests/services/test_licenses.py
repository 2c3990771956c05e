"""The license registry over real HTTP: what is bundled, what is changed, and what a check answers."""

from datetime import date
from typing import get_args

import httpx
import pytest

from penstock.services import licenses

OPERATIONS = get_args(licenses.Operation)
WELL_KNOWN = (
    "CC0-1.0 CC-BY-4.0 CC-BY-SA-4.0 CC-BY-NC-4.0 CC-BY-ND-4.0 CC-BY-NC-ND-4.0 ODbL-1.0 ODC-By-1.0 PDDL-1.0 MIT "
    "Apache-2.0 BSD-3-Clause GPL-3.0-only AGPL-3.0-only LGPL-3.0-only MPL-2.0 OGL-UK-3.0 etalab-2.0 DL-DE-BY-2.0 "
    "LicenseRef-Proprietary LicenseRef-Internal"
)
OPEN = {"name": "Mine", "category": "permissive", "allow": ["ingest"], "deny": ["export"], "duties": ["attribution"]}


@pytest.fixture
def database(tmp_path):
    return f"sqlite:///{tmp_path}/licenses.db"


@pytest.fixture
def http(serve, database):
    url = serve(licenses.create_app(database, None, today=lambda: date(2024, 5, 1)))
    with httpx.Client(base_url=f"{url}/api/v1", headers={"X-Authority-ID": "etl-assistant"}) as client:
        yield client


def check(http, operation, *ids):
    answer = http.post("/check", json={"licenses": ids, "operation": operation})
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def verdict(http, id, operation="ingest"):
    found = check(http, operation, id)[id]
    return found["decision"], found["reason"]


def test_one_license_in_any_case(http):
    expected = {
        "id": "CC-BY-4.0",
        "name": "Creative Commons Attribution 4.0 International",
        "url": "https://creativecommons.org/licenses/by/4.0/",
        "category": "permissive",
        "status": "active",
        "allow": list(OPERATIONS),
        "deny": [],
        "duties": ["attribution", "state-changes"],
        "valid_until": None,
    }
    assert http.get("/licenses/CC-BY-4.0").json() == expected
    assert http.get("/licenses/cc-by-4.0").json() == expected


def test_what_is_not_registered(http):
    answer = http.get("/licenses/No-Such-1.0")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_license")
    assert http.delete("/licenses/No-Such-1.0").status_code == 404


def test_the_bundled_licenses_are_consistent(http):
    found = {license["id"]: license for license in http.get("/licenses").json()}
    assert len(found) >= 30
    for id in WELL_KNOWN.split():
        assert id in found
    for license in found.values():
        assert not set(license["allow"]) & set(license["deny"])
        duties, category = license["duties"], license["category"]
        assert ("share-alike" in duties) or category not in ("share-alike", "copyleft")
        assert ("non-commercial" in duties) == ("commercial-use" in license["deny"] and category != "proprietary")
        assert ("no-derivatives" in duties) == (category == "no-derivatives")
        assert category != "public-domain" or not duties


@pytest.mark.parametrize(
    ("id", "operation", "expected"),
    [
        ("CC0-1.0", "export", ("allow", "allowed")),
        ("mit", "commercial-use", ("allow", "allowed")),
        ("CC-BY-NC-4.0", "commercial-use", ("deny", "denied")),
        ("CC-BY-NC-4.0", "redistribute", ("allow", "allowed")),
        ("CC-BY-NC-4.0", "model-training", ("unknown", "not_covered")),
        ("CC-BY-ND-4.0", "redistribute", ("deny", "denied")),
        ("CC-BY-ND-4.0", "enrich", ("allow", "allowed")),
        ("LicenseRef-Proprietary", "ingest", ("deny", "denied")),
        ("LicenseRef-Internal", "export", ("deny", "denied")),
        ("GPL-3.0", "ingest", ("allow", "allowed")),
        ("No-Such-1.0", "ingest", ("unknown", "unknown_license")),
        ("", "ingest", ("unknown", "unknown_license")),
    ],
)
def test_checks(http, id, operation, expected):
    assert verdict(http, id, operation) == expected


def test_one_call_answers_for_a_whole_frame(http):
    answer = http.post(
        "/check", json={"licenses": ["MIT", "mit", "CC-BY-SA-4.0", "Nope"], "operation": "ingest"}
    ).json()
    assert answer["authority"] == "etl-assistant"
    assert set(answer["results"]) == {"MIT", "mit", "CC-BY-SA-4.0", "Nope"}
    assert "share-alike" in answer["results"]["CC-BY-SA-4.0"]["duties"]
    assert check(http, "ingest") == {}


def test_put_replaces_and_delete_forgets(http):
    assert http.put("/licenses/LicenseRef-Mine", json=OPEN).json()["id"] == "LicenseRef-Mine"
    assert verdict(http, "licenseref-mine") == ("allow", "allowed")
    assert verdict(http, "LicenseRef-Mine", "export") == ("deny", "denied")
    assert verdict(http, "LicenseRef-Mine", "enrich") == ("unknown", "not_covered")
    http.put("/licenses/licenseref-mine", json={**OPEN, "allow": []})
    assert verdict(http, "LicenseRef-Mine") == ("unknown", "not_covered")
    assert http.delete("/licenses/LicenseRef-Mine").status_code == 204
    assert verdict(http, "LicenseRef-Mine") == ("unknown", "unknown_license")
    assert http.get("/licenses/LicenseRef-Mine").status_code == 404


def test_a_revoked_or_expired_license_denies_what_it_allowed(http):
    for id, changed, expected in (
        ("LicenseRef-A", {"status": "revoked"}, ("deny", "revoked")),
        ("LicenseRef-B", {"status": "deprecated"}, ("allow", "allowed")),
        ("LicenseRef-C", {"valid_until": "2024-04-30"}, ("deny", "expired")),
        ("LicenseRef-D", {"valid_until": "2024-05-01"}, ("allow", "allowed")),
    ):
        assert http.put(f"/licenses/{id}", json=OPEN | changed).status_code == 200
        assert verdict(http, id) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"category": "nice"},
        {"allow": ["fly"]},
        {"allow": ["export"]},
        {"status": "lost"},
        {"valid_until": "soon"},
        {"surprise": 1},
        {"name": None},
    ],
)
def test_what_is_no_license(http, wrong):
    assert http.put("/licenses/LicenseRef-Mine", json=OPEN | wrong).status_code == 422
    assert http.get("/licenses/LicenseRef-Mine").status_code == 404


def test_an_operation_that_is_none_is_refused(http):
    assert http.post("/check", json={"licenses": ["MIT"], "operation": "fly"}).status_code == 422


def test_changes_outlive_a_restart(http, serve, database):
    http.put("/licenses/MIT", json=OPEN)
    http.delete("/licenses/ISC")
    with httpx.Client(base_url=f"{serve(licenses.create_app(database, None))}/api/v1") as again:
        assert again.get("/licenses/MIT").json()["name"] == "Mine"
        assert again.get("/licenses/ISC").status_code == 404
        assert again.get("/licenses/CC0-1.0").status_code == 200


def test_the_token_is_asked_for_everywhere_but_health(serve, database):
    url = serve(licenses.create_app(database, "sesame"))
    with httpx.Client(base_url=url) as http:
        assert http.get("/health").json() == {"status": "ok"}
        for method, path in (
            ("GET", "/api/v1/licenses"),
            ("GET", "/api/v1/licenses/MIT"),
            ("PUT", "/api/v1/licenses/MIT"),
            ("DELETE", "/api/v1/licenses/MIT"),
            ("POST", "/api/v1/check"),
        ):
            assert http.request(method, path).status_code == 401
        http.headers["Authorization"] = "Bearer sesame"
        assert http.get("/api/v1/licenses/MIT").status_code == 200
