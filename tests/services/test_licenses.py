"""The license registry over real HTTP: what is bundled, what is changed, and what a check answers."""

import base64
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.model.license import OPERATIONS
from penstock.model.signature import is_signed, read_public_key
from penstock.services import licenses

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)
WELL_KNOWN = (
    "CC0-1.0 CC-BY-4.0 CC-BY-SA-4.0 CC-BY-NC-4.0 CC-BY-ND-4.0 CC-BY-NC-ND-4.0 ODbL-1.0 ODC-By-1.0 PDDL-1.0 MIT "
    "Apache-2.0 BSD-3-Clause GPL-3.0-only AGPL-3.0-only LGPL-3.0-only MPL-2.0 OGL-UK-3.0 etalab-2.0 DL-DE-BY-2.0 "
    "LicenseRef-Proprietary LicenseRef-Internal"
)
OPEN = {"name": "Mine", "category": "permissive", "allow": ["ingest"], "deny": ["export"], "duties": ["attribution"]}


@pytest.fixture
def database(tmp_path):
    return f"sqlite:///{tmp_path}/licenses.db"


class Time:
    """The registry's clock."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def http(serve, database, time):
    url = serve(licenses.create_app(database, None, now=time))
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
        "valid_from": None,
        "valid_until": None,
        "regions": [],
        "purposes": [],
        "attribution": "",
        "version": 1,
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
        ("GPL-2.0-or-later", "ingest", ("allow", "allowed")),
        ("lgpl-2.1-or-later", "ingest", ("allow", "allowed")),
        ("CC-BY-NC-4.0", "commercial-use", ("deny", "denied")),
        ("CC-BY-NC-4.0", "share", ("allow", "allowed")),
        ("CC-BY-NC-4.0", "train", ("unknown", "not_covered")),
        ("CC-BY-ND-4.0", "share", ("deny", "denied")),
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
            ("GET", "/api/v1/licenses/MIT/versions"),
            ("POST", "/api/v1/check"),
            ("GET", "/api/v1/check/MIT?operation=ingest"),
            ("GET", "/api/v1/appeals"),
            ("POST", "/api/v1/appeals"),
            ("GET", f"/api/v1/appeals/{'0' * 32}"),
            ("POST", f"/api/v1/appeals/{'0' * 32}/decision"),
            ("POST", f"/api/v1/appeals/{'0' * 32}/withdrawal"),
            ("GET", "/api/v1/audit"),
            ("GET", "/api/v1/key"),
        ):
            assert http.request(method, path).status_code == 401
        http.headers["Authorization"] = "Bearer sesame"
        assert http.get("/api/v1/licenses/MIT").status_code == 200


# Versions


def test_every_change_is_a_further_version(http):
    first = http.get("/licenses/MIT").json()
    http.put("/licenses/mit", json=OPEN)
    http.delete("/licenses/MIT")
    assert http.get("/licenses/MIT").status_code == 404
    found = http.get("/licenses/MIT/versions").json()
    assert [each["version"] for each in found] == [1, 2, 3]
    assert [each["changed_by"] for each in found] == ["bundled", "etl-assistant", "etl-assistant"]
    assert {**found[0]["license"], "version": 1} == first
    assert (found[1]["license"]["name"], found[2]["license"]) == ("Mine", None)
    assert http.put("/licenses/MIT", json=OPEN).json()["version"] == 4
    assert http.get("/licenses/No-Such-1.0/versions").status_code == 404


def test_a_change_on_top_of_another_is_refused_where_asked_for(http):
    tag = http.get("/licenses/MIT").headers["ETag"]
    assert http.put("/licenses/MIT", json=OPEN, headers={"If-Match": tag}).status_code == 200
    late = http.put("/licenses/MIT", json=OPEN, headers={"If-Match": tag})
    assert (late.status_code, late.json()["version"]) == (412, 2)
    assert http.get("/licenses/MIT", headers={"If-None-Match": tag}).status_code == 200
    unchanged = http.get("/licenses/MIT", headers={"If-None-Match": '"1", W/"2"'})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


# Checks


def again(http, id, condition="", **query):
    headers = {"If-None-Match": condition} if condition else {}
    return http.get(f"/check/{id}", params={"operation": "export", "tenant_id": "acme", **query}, headers=headers)


def test_a_check_under_a_condition(http):
    first = again(http, "MIT")
    assert first.json()["results"] == {"MIT": check(http, "export", "MIT")["MIT"]}
    tag = first.headers["ETag"]
    assert tag == f'"{first.json()["results"]["MIT"]["etag"]}"'
    assert again(http, "MIT", tag).status_code == 304
    assert again(http, "MIT", tag, region="DE").status_code == 304, "it says nothing of regions"
    http.put("/licenses/MIT", json=OPEN)
    changed = again(http, "MIT", tag)
    assert changed.status_code == 200 and changed.json()["results"]["MIT"]["version"] == 2


def test_where_and_what_for(http):
    http.put("/licenses/LicenseRef-Mine", json={**OPEN, "regions": ["EU"], "purposes": ["fraud"]})
    asked = {"licenses": ["LicenseRef-Mine"], "operation": "ingest", "region": "DE", "purpose": "fraud"}
    answer = http.post("/check", json=asked).json()
    assert answer["results"]["LicenseRef-Mine"]["decision"] == "allow"
    assert {name: answer[name] for name in ("operation", "region", "purpose", "tenant_id", "checked_at")} == {
        "operation": "ingest", "region": "DE", "purpose": "fraud", "tenant_id": "",
        "checked_at": "2024-05-01T12:00:00.000Z",
    }  # fmt: skip
    found = http.post("/check", json={**asked, "region": "US"}).json()["results"]["LicenseRef-Mine"]
    assert (found["decision"], found["reason"], found["regions"]) == ("deny", "region_denied", ["EU"])
    assert [violation["term"] for violation in found["violations"]] == ["regions: EU"]
    assert http.post("/check", json={**asked, "region": "Mars"}).status_code == 422


def test_an_answer_holds_no_longer_than_what_it_rests_on(http, time):
    def seconds() -> str:
        return again(http, "MIT").headers["Cache-Control"]

    assert seconds() == "private, max-age=300"
    time.now = datetime(2024, 5, 1, 23, 59, 30, tzinfo=UTC)
    assert seconds() == "private, max-age=30"
    time.now = NOW
    appeal = filed(http, license_id="MIT", operation="export")
    ends = (NOW + timedelta(seconds=20)).isoformat()
    http.post(f"/appeals/{appeal['id']}/decision", json={"decision": "granted", "expires_at": ends})
    assert seconds() == "private, max-age=20"


# Appeals


def filed(http, **more):
    body = {"license_id": "LicenseRef-Internal", "operation": "export", "tenant_id": "acme", "reason": "the contract"}
    answer = http.post("/appeals", json={**body, **more})
    assert answer.status_code == 201, answer.text
    return answer.json()


def internal(http, **more):
    asked = {"licenses": ["licenseref-internal"], "operation": "export", "tenant_id": "acme", **more}
    return http.post("/check", json=asked).json()["results"]["licenseref-internal"]


def test_an_appeal_is_filed_and_granted_for_this_tenant_and_use_alone(http, time):
    before = internal(http)
    assert before["decision"] == "deny"
    assert before["appeal"] == {"url": "/api/v1/appeals", "expires_at": "2024-05-31T12:00:00.000Z"}
    appeal = filed(http, source_name="tickets")
    assert (appeal["status"], appeal["filed_by"], appeal["expires_at"]) == (
        "open", "etl-assistant", "2024-05-31T12:00:00.000Z",
    )  # fmt: skip
    waiting = internal(http)
    assert (waiting["decision"], waiting["appeal"]["url"]) == ("deny", appeal["url"])
    assert waiting["etag"] != before["etag"]
    decided = http.post(f"/appeals/{appeal['id']}/decision", json={"decision": "granted", "note": "paid"}).json()
    assert (decided["status"], decided["decided_by"], decided["expires_at"]) == ("granted", "etl-assistant", None)
    allowed = internal(http)
    assert (allowed["decision"], allowed["reason"], allowed["violations"]) == ("allow", "appeal_granted", [])
    assert appeal["id"] in allowed["warnings"][0]["message"] and allowed["duties"] == ["internal-use-only"]
    assert internal(http, tenant_id="other")["decision"] == "deny"
    assert internal(http, operation="share")["decision"] == "deny"
    twice = http.post(f"/appeals/{appeal['id']}/decision", json={"decision": "refused"})
    assert (twice.status_code, twice.json()["status"]) == (409, "granted")


def test_a_grant_ends_by_its_time_or_when_it_is_withdrawn(http, time):
    appeal = filed(http)
    ends = (NOW + timedelta(days=2)).isoformat()
    http.post(f"/appeals/{appeal['id']}/decision", json={"decision": "granted", "expires_at": ends})
    assert (internal(http)["decision"], internal(http)["valid_until"]) == ("allow", "2024-05-03")
    time.now = NOW + timedelta(days=2)
    assert internal(http)["decision"] == "deny"
    assert http.get(f"/appeals/{appeal['id']}").json()["status"] == "expired"
    assert http.post(f"/appeals/{appeal['id']}/withdrawal").status_code == 409
    other = filed(http)
    http.post(f"/appeals/{other['id']}/decision", json={"decision": "granted"})
    assert internal(http)["decision"] == "allow"
    assert http.post(f"/appeals/{other['id']}/withdrawal").json()["status"] == "withdrawn"
    assert internal(http)["decision"] == "deny"


def test_an_appeal_that_nobody_decides_expires(http, time):
    appeal = filed(http)
    time.now = NOW + timedelta(days=30)
    assert internal(http)["appeal"]["url"] == "/api/v1/appeals"
    late = http.post(f"/appeals/{appeal['id']}/decision", json={"decision": "granted"})
    assert (late.status_code, late.json()["status"]) == (409, "expired")


def test_a_grant_for_one_region_and_purpose_widens_nothing_else(http):
    http.put("/licenses/LicenseRef-Mine", json={**OPEN, "regions": ["EU"], "purposes": ["fraud"]})
    use = {"license_id": "LicenseRef-Mine", "operation": "export", "region": "BR", "purpose": "ads"}
    appeal = filed(http, **use)
    http.post(f"/appeals/{appeal['id']}/decision", json={"decision": "granted"})

    def found(**more):
        asked = {"licenses": ["LicenseRef-Mine"], "operation": "export", "tenant_id": "acme", **more}
        return http.post("/check", json=asked).json()["results"]["LicenseRef-Mine"]

    allowed = found(region="BR", purpose="ads")
    assert (allowed["decision"], allowed["regions"], allowed["purposes"]) == ("allow", ["BR", "EU"], ["ads", "fraud"])
    assert found(region="US", purpose="ads")["decision"] == "deny"
    assert found(purpose="ads")["decision"] == "deny"


def test_appeals_are_listed(http, time):
    first = filed(http)
    time.now += timedelta(hours=1)
    second = filed(http, tenant_id="other")
    http.post(f"/appeals/{first['id']}/decision", json={"decision": "refused"})

    def listed(**query):
        return [each["id"] for each in http.get("/appeals", params=query).json()]

    assert listed() == [second["id"], first["id"]]
    assert listed(status="refused") == [first["id"]] == listed(tenant_id="acme")
    assert listed(status="open") == [second["id"]] and listed(limit=1) == [second["id"]]
    time.now += timedelta(days=31)
    assert listed(status="expired") == [second["id"]] and listed(status="open") == []
    assert http.get(f"/appeals/{'0' * 32}").status_code == 404


def test_the_audit_tells_who_did_what_in_order(http):
    http.put("/licenses/LicenseRef-Mine", json=OPEN, headers={"X-Authority-ID": "ada"})
    appeal = filed(http)
    http.post(f"/appeals/{appeal['id']}/decision", json={"decision": "granted"}, headers={"X-Authority-ID": "bob"})
    http.post(f"/appeals/{appeal['id']}/withdrawal")
    http.delete("/licenses/LicenseRef-Mine")
    http.put("/licenses/LicenseRef-Mine", json={**OPEN, "name": None})
    events = http.get("/audit").json()
    assert [(each["actor"], each["action"]) for each in events] == [
        ("ada", "license_put"), ("etl-assistant", "appeal_filed"), ("bob", "appeal_granted"),
        ("etl-assistant", "appeal_withdrawn"), ("etl-assistant", "license_deleted"),
    ]  # fmt: skip
    assert events[0]["details"] == {"version": 1} and events[1]["subject"] == appeal["id"]
    later = http.get("/audit", params={"after": events[2]["seq"], "limit": 1}).json()
    assert later == [events[3]]
    for method in ("PUT", "POST", "DELETE", "PATCH"):
        assert http.request(method, "/audit").status_code == 405


# Signatures


def test_answers_are_signed_where_there_is_a_key(http, serve, database, tmp_path, monkeypatch):
    assert http.get("/key").status_code == 404
    monkeypatch.setenv("LICENSE_REGISTRY_SIGNING_KEY_FILE", str(tmp_path / "keys" / "registry.pem"))
    with httpx.Client(base_url=f"{serve(licenses.create_app(database, None))}/api/v1") as signed:
        key = read_public_key(signed.get("/key").json()["public_key"])
        answer = signed.post("/check", json={"licenses": ["MIT", "What"], "operation": "ingest"}).json()
        assert is_signed(answer, key) and set(answer["results"]) == {"MIT", "What"}
        assert is_signed(signed.get("/check/MIT", params={"operation": "ingest"}).json(), key)
        answer["results"]["What"]["decision"] = "allow"
        assert not is_signed(answer, key)
    with httpx.Client(base_url=f"{serve(licenses.create_app(database, None))}/api/v1") as restarted:
        assert read_public_key(restarted.get("/key").json()["public_key"]) == key
    given = Ed25519PrivateKey.generate()
    with httpx.Client(base_url=f"{serve(licenses.create_app(database, None, key=given))}/api/v1") as other:
        expected = base64.b64encode(given.public_key().public_bytes_raw()).decode()
        assert other.get("/key").json()["public_key"] == expected


# Whatever is sent

TEXTS = st.text(max_size=20) | st.sampled_from(["MIT", "ingest", "DE", "granted", "0" * 32, "\0", "2024-05-01", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
GOOD = {
    ("PUT", "/licenses/{}"): OPEN,
    ("POST", "/check"): {"licenses": ["MIT"], "operation": "ingest", "region": "DE", "tenant_id": "a"},
    ("POST", "/appeals"): {"license_id": "MIT", "operation": "ingest", "tenant_id": "a", "reason": "b"},
    ("POST", "/appeals/{}/decision"): {"decision": "granted", "expires_at": "2024-05-01T00:00:00Z"},
    ("POST", "/appeals/{}/withdrawal"): {},
    ("GET", "/licenses/{}"): {},
    ("GET", "/licenses/{}/versions"): {},
    ("GET", "/check/{}"): {},
    ("GET", "/appeals/{}"): {},
    ("GET", "/appeals"): {},
    ("GET", "/audit"): {},
    ("DELETE", "/licenses/{}"): {},
}


@settings(
    derandomize=True, max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_whatever_is_sent_is_answered_or_refused_in_one_shape(http, data):
    method, path = data.draw(st.sampled_from(sorted(GOOD)))
    body = dict(GOOD[method, path])
    for name in data.draw(st.lists(st.sampled_from(sorted(body)), max_size=2)) if body else []:
        body[name] = data.draw(VALUES)
    sent = data.draw(st.just(body) | VALUES)
    query = data.draw(st.dictionaries(st.sampled_from(["operation", "region", "limit", "after", "status"]), TEXTS))
    place = quoted(data.draw(TEXTS))
    answer = http.request(method, path.format(place), content=json.dumps(sent), params=query)
    assert answer.status_code < 500, (method, path, sent, query)
    if answer.status_code >= 400 and answer.status_code not in (404, 405):
        assert set(answer.json()) >= {"code", "message"}


def quoted(text):
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))
