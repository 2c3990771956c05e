"""Configurations over HTTP: saved with lineage, in versions, for their tenant alone."""

import doctest
import json

import httpx
import pytest

from penstock.api import configurations
from penstock.api.problems import MEDIA_TYPE

PIPELINE = {
    "name": "orders",
    "license": "MIT",
    "stages": ["tag", "redact", "license"],
    "sinks": [{"file": {"path": "x"}}],
}
BODY = {
    "tenant_id": "acme",
    "name": "orders",
    "connector": {"csv": {"path": "orders.csv"}},
    "mappings": [{"source_field": "mail", "canonical_entity": "Person", "canonical_property": "email"}],
    "pii_decisions": [{"field_name": "mail", "category": "email", "strategy": "hash"}],
    "license_acknowledged": True,
    "pipeline": PIPELINE,
}
PATH = "/etl/configurations"


def test_doctest() -> None:
    assert doctest.testmod(configurations) == (0, 1)


async def test_saved_read_and_compared(client, ledger_url) -> None:
    http = client()
    first = await http.post(PATH, json=BODY)
    assert first.status_code == 201
    said = first.json()
    assert set(said) == {"configuration_id", "version", "created_at", "lineage_event_id"}
    assert (said["version"], said["lineage_event_id"]) == (1, "~configurations/acme#0")
    assert (await http.post(PATH, json=BODY)).json() == said  # the same again is the same version
    changed = {**BODY, "pii_decisions": [{**BODY["pii_decisions"][0], "strategy": "remove"}], "mappings": []}
    second = (await http.post(PATH, json=changed)).json()
    assert (second["configuration_id"], second["version"]) == (said["configuration_id"], 2)
    at = f"{PATH}/{said['configuration_id']}"
    newest = (await http.get(at)).json()
    assert (newest["version"], newest["name"], newest["configuration"]["mappings"]) == (2, "orders", [])
    assert (await http.get(f"{at}/versions/1")).json()["configuration"]["pipeline"] == PIPELINE
    assert (await http.get(f"{at}/versions")).json() == [said, second]
    assert (await http.get(PATH)).json() == [second]
    differs = (await http.get(f"{at}/diff", params={"from": 1, "to": 2})).json()
    assert [(one["path"], one["change"]) for one in differs] == [
        ("mappings.0", "removed"),
        ("pii_decisions.0.strategy", "changed"),
    ]
    async with httpx.AsyncClient(base_url=ledger_url) as ledger:
        entries = (await ledger.get("/api/v1/entries/~configurations/acme")).json()["entries"]
    entry = entries[1]["entry"]
    assert (entry["record_id"], entry["code"]) == (f"{said['configuration_id']}@2", "saved")
    assert entry["content_hash"] == newest["content_hash"]


async def test_a_tenant_sees_its_own_alone(client) -> None:
    saved = (await client("acme").post(PATH, json=BODY)).json()
    at = f"{PATH}/{saved['configuration_id']}"
    other = client("other")
    for path in (at, f"{at}/versions", f"{at}/versions/1", f"{at}/diff?from=1&to=1"):
        answer = await other.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "no_configuration")
    assert (await other.get(PATH)).json() == []
    refused = await other.post(PATH, json=BODY)
    assert (refused.status_code, refused.json()["code"]) == (403, "wrong_tenant")
    assert (await other.get(PATH, params={"tenant_id": "acme"})).status_code == 403
    everybody = client("*")
    assert (await everybody.get(at)).status_code == 200
    assert (await everybody.get(PATH, params={"tenant_id": "acme"})).json() == [saved]
    assert (await everybody.get(PATH)).json()["code"] == "no_tenant"


@pytest.mark.parametrize(
    ("pipeline", "key"),
    [
        ({**PIPELINE, "stages": ["tag", "redakt"]}, "stages.1"),
        ({**PIPELINE, "surname": 1}, "surname"),
        ("name: orders\nstages: [tag, redact, license]\nsinks:\n  - fil: {}\n", "sinks.0.fil"),
    ],
)
async def test_a_pipeline_that_is_none_is_refused_where_it_is_wrong(client, pipeline, key) -> None:
    answer = await client().post(PATH, json={**BODY, "pipeline": pipeline})
    assert (answer.status_code, answer.headers["content-type"]) == (422, MEDIA_TYPE)
    assert (answer.json()["code"], answer.json()["key"]) == ("pipeline_file", key)
    assert (await client().get(PATH)).json() == []


async def test_what_the_environment_will_say_is_not_known(client) -> None:
    pipeline = {**PIPELINE, "raw": {"partitions": "${PARTITIONS}", "codec": "${CODEC}"}}
    assert (await client().post(PATH, json={**BODY, "pipeline": pipeline})).status_code == 201


async def test_faults_do_not_quote_what_was_sent(client) -> None:
    answer = await client().post(PATH, json={**BODY, "pii_decisions": [{"secret-field": "ann@example.com"}]})
    assert answer.status_code == 422
    assert "ann@example.com" not in answer.text


async def test_without_a_ledger_nothing_is_saved_and_trying_again_goes_on(environ, client, monkeypatch) -> None:
    from penstock.connectors.ledger_client import LedgerClient
    from penstock.model.errors import ServiceUnreachableError

    async def down(*_: object, **__: object) -> str:
        raise ServiceUnreachableError("the provenance ledger", "127.0.0.1:1", seconds=0.0)

    with monkeypatch.context() as patch:
        patch.setattr(LedgerClient, "event", down)
        answer = await client().post(PATH, json=BODY)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert (await client().get(PATH)).json() == []
    assert (await client().post(PATH, json=BODY)).json()["version"] == 1


async def test_a_pipeline_is_called_as_its_configuration_unless_it_says_otherwise(client, ledger_url) -> None:
    http = client()
    nameless = {key: value for key, value in PIPELINE.items() if key != "name"}
    saved = (await http.post(PATH, json={**BODY, "pipeline": nameless})).json()
    assert (await http.post(PATH, json=BODY)).json() == saved
    found = (await http.get(f"{PATH}/{saved['configuration_id']}")).json()
    assert found["configuration"]["pipeline"]["name"] == "orders"
    refused = await http.post(PATH, json={**BODY, "name": "Öl & Gas", "pipeline": nameless})
    assert (refused.status_code, refused.json()["key"]) == (422, "name")


@pytest.mark.parametrize(
    "pipeline",
    [
        "a\x0eb",
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefghi", "bcdefghij", strict=True)),
        "? [a]\n: b\n",
        "!!python/object/apply:os.system [true]",
        "a: " + "[" * 2000,
    ],
)
async def test_hostile_yaml_is_refused(client, pipeline) -> None:
    body = {"tenant_id": "acme", "name": "x", "connector": {}, "pipeline": pipeline}
    answer = await client().post("/etl/configurations", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "pipeline_file")


@pytest.mark.parametrize("value", ["8" * 25, f"-{'8' * 25}", "[" * 300 + "]" * 300, "[" * 5000 + "]" * 5000], ids=len)
@pytest.mark.parametrize("where", ["connector", "pipeline"])
async def test_what_cannot_be_kept_is_refused(client, where, value) -> None:
    text = json.dumps({**BODY, where: {"csv": {"path": "@"}}}).replace('"@"', value)
    answer = await client().post(PATH, content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    assert value not in answer.text
