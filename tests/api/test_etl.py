"""Personal data and licenses over HTTP: the shapes of the documents, the answers of the stream."""

import pytest

ROWS = [{"ssn": "123-45-6789", "mail": f"ann{n}@example.com", "n": n} for n in range(100)]


async def test_preview_schema(client) -> None:
    rows = [{"e_mail": f"ann{n}@example.com", "vorname": "Ann", "born": "1980-02-29", "n": n} for n in range(100)]
    answer = await client().post("/etl/preview-schema", json={"sample_rows": rows, "tenant_id": "acme"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert {"fields", "suggested_mappings", "primary_entity", "record_count"} <= set(found)
    assert (found["primary_entity"], found["record_count"]) == ("Person", 100)
    types = {field["name"]: field["inferred_type"] for field in found["fields"]}
    assert types == {"e_mail": "email", "vorname": "string", "born": "date", "n": "integer"}
    mapped = {each["source_field"]: each["canonical_property"] for each in found["suggested_mappings"]}
    assert mapped["e_mail"] == "email"
    assert "ann0@" not in answer.text


async def test_pii_scan(client) -> None:
    answer = await client().post("/etl/pii-scan", json={"sample_rows": ROWS, "tenant_id": "acme"})
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert {"pii_matches", "overall_risk", "summary", "requires_dpia"} <= set(report)
    first = report["pii_matches"][0]
    assert (first["category"], first["field_name"], first["match_count"]) == ("ssn", "ssn", 100)
    assert (first["severity"], first["recommended_strategy"], report["overall_risk"]) == (
        "critical",
        "hash",
        "critical",
    )
    assert "123-45" not in answer.text and "ann0@" not in answer.text


async def test_license_check(client) -> None:
    request = {
        "source_name": "tickets", "source_type": "csv", "license_id": "no such license", "operation": "export",
        "tenant_id": "acme",
    }  # fmt: skip
    answer = await client().post("/etl/license-check", json=request)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert set(said) == {"compliant", "decision", "license", "violations", "warnings", "appeal", "checked_at"}
    assert said["compliant"] is False and said["violations"]


@pytest.mark.parametrize("path", ["/etl/preview-schema", "/etl/pii-scan", "/etl/license-check"])
async def test_for_the_own_tenant_only(client, path) -> None:
    sample = {"sample_rows": [], "tenant_id": "acme"}
    question = {"source_name": "a", "source_type": "csv", "license_id": "MIT", "tenant_id": "acme"}
    body = question if path.endswith("check") else sample
    answer = await client("other").post(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_tenant")


async def test_every_path_asks_for_a_token(client) -> None:
    http = client()
    paths = (await http.get("/openapi.json")).json()["paths"]
    http.headers.pop("Authorization")
    assert len(paths) >= 9
    for path, methods in paths.items():
        for method in methods:
            answer = await http.request(method.upper(), path.replace("{", "").replace("}", ""))
            assert answer.status_code == (200 if path == "/health" else 401), (method, path)


@pytest.mark.parametrize("route", ["preview-schema", "pii-scan", "license-check", "configurations"])
@pytest.mark.parametrize(
    "body",
    [
        b'{"tenant_id": "acme", "sample_rows": [{"a": "\\ud800"}]}',
        b'{"tenant_id": "acme", "name": "\\udfff", "source_name": "\\udfff"}',
        b'{"sample_rows": ' + b"[" * 100_000,
        b'{"sample_rows": [{"a": ' + b"9" * 5000 + b"}]}",
        b"\xff\xfe",
        b"null",
        b"",
    ],
)
async def test_bodies_that_nothing_can_be_made_of_are_refused(client, route, body) -> None:
    answer = await client().post(f"/etl/{route}", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_numbers_and_names_that_are_odd_are_looked_at(client) -> None:
    rows = '[{"a": NaN, "": 1e308, "phone": %s}, {"a": {"b": [[]]}, "x\\u0000y": null}]' % ("9" * 4000)
    for route in ("preview-schema", "pii-scan"):
        answer = await client().post(
            f"/etl/{route}",
            content=f'{{"tenant_id": "acme", "sample_rows": {rows}}}',
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code == 200, answer.text
