"""`tag` with a schema registry: versions are the registry's, drift is told and governed, outages wait."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from penstock.agents import registry
from penstock.agents.chain import Chain
from penstock.agents.tag._shape import shape
from penstock.codecs.schema_registry import SchemaRegistry
from penstock.model.component import ApplyBatch, Event, Resources
from penstock.model.errors import ConfigurationError, SchemaDriftError, ServiceUnreachableError
from penstock.model.record import Kept, Record, Stub
from penstock.model.verdict import Keep, Quarantine
from penstock.services import schemas

FIRST = {"id": 1, "email": "a@b.example", "user": {"age": 3}, "rows": [{"sku": "x"}]}


@pytest.fixture
def url(serve: Any, tmp_path: Any) -> str:
    return str(serve(schemas.create_app(f"sqlite:///{tmp_path}/schemas.db", None)))


@pytest.fixture
def stage(url: str) -> Callable[..., Any]:
    """Build `tag`; a function that runs it over data, giving notes or verdicts."""

    def build(told: list[Event] | None = None, environ: dict[str, str] | None = None, **options: Any) -> Any:
        resources = Resources(
            pipeline="orders", tenant="acme", environ=environ or {"SCHEMA_REGISTRY_URL": url},
            report=(told if told is not None else []).append,
        )  # fmt: skip
        kind, function = registry.build("tag", registry.configure("tag", {"registry": True, **options}), resources)
        assert kind is ApplyBatch

        async def run(*data: Any, headers: Any = ()) -> list[Any]:
            records = [
                Record(Kept(n, 0, json.dumps(each).encode(), {}, headers=list(headers)), f"t/0/{n}")
                for n, each in enumerate(data)
            ]
            verdicts = await function(records)
            return [json.loads(v.notes["schema"]) if isinstance(v, Keep) else v for v in verdicts]

        return run

    return build


async def subjects(url: str) -> list[str]:
    async with httpx.AsyncClient() as http:
        return await SchemaRegistry(url, http=http).subjects()


async def test_versions_count_shapes_and_a_replay_finds_the_same(stage, url):
    data = [FIRST, {**FIRST, "note": "x"}, FIRST, {**FIRST, "id": 2}, {**FIRST, "n": 1}]
    found = await stage()(*data)
    assert [note["version"] for note in found] == [1, 2, 1, 1, 3]
    assert "drift" not in found[1] and found[0]["fingerprint"] == shape(FIRST).fingerprint
    assert [note["version"] for note in await stage()(*reversed(data))] == [3, 1, 1, 2, 1], "another worker"
    assert await subjects(url) == ["acme:orders"]


async def test_a_subject_for_each_tenant_and_source(stage, url):
    run = stage(tenant_field="org")
    source = [("penstock-source-id", b"in/people.csv")]
    assert (await run({"a": 1, "org": "b:c"}, headers=source))[0]["version"] == 1
    assert (await run({"a": 1, "org": "ann@example.com"}))[0]["version"] == 1
    assert await subjects(url) == ["a***@e***.com:orders", "b%3Ac:in/people.csv"]


async def test_drift_is_noted_and_reported_once(stage):
    told: list[Event] = []
    run = stage(told)
    changed = {**FIRST, "user": {"age": "three"}}
    gone = {"id": 1, "user": {"age": 3}, "rows": []}
    _, note, again, less = await run(FIRST, changed, changed, gone)
    assert note["version"] == 2
    assert note["drift"] == {"since": 1, "removed": [], "changed": {"user.age": "number -> string"}} == again["drift"]
    assert less["drift"] == {"since": 2, "removed": ["email"], "changed": {}}
    assert [event.code for event in told] == ["schema_drift"] * 2
    assert told[0].message == "the schema of acme:orders drifted: version 2; of another type: user.age"
    assert told[1].message == "the schema of acme:orders drifted: version 3; gone since: email"
    assert (await stage()(gone))[0] == less, "whoever comes later finds the same"


async def test_null_is_not_gone_and_what_was_gone_before_may_be_again(stage):
    run = stage()
    await run(FIRST)
    null = {**FIRST, "email": None}
    assert "drift" not in (await run(null))[0]
    without = {name: value for name, value in FIRST.items() if name != "email"}
    (note,) = await run(without)
    assert note["drift"]["removed"] == ["email"], "of the same shape as null, but not there"
    (later,) = await run({**without, "extra": 1})
    assert later["version"] == 3 and "drift" not in later, "email came and went: it is optional"
    assert "drift" not in (await run({**FIRST, "rows": []}))[0], "an empty list has not lost the fields of its items"


async def test_policies(stage):
    changed = {**FIRST, "id": "one"}
    await stage()(FIRST)
    kept, aside = await stage(drift="quarantine")(FIRST, changed)
    assert kept["version"] == 1 and aside == Quarantine("schema_drift")
    with pytest.raises(SchemaDriftError):
        await stage(drift="fail")(changed)
    pinned = {shape(changed).fingerprint: 7}
    assert (await stage(drift="fail", versions=pinned)(changed))[0]["version"] == 7


async def test_one_that_fails_does_not_stop_the_others(stage, url):
    await stage()(FIRST)
    options = registry.configure("tag", {"registry": True, "drift": "fail"})
    chain = Chain([("tag", options)], Resources(pipeline="orders", tenant="acme", environ={"SCHEMA_REGISTRY_URL": url}))
    data = [FIRST, {**FIRST, "id": "one"}, FIRST]
    entries = [Kept(n, 0, json.dumps(each).encode(), {}) for n, each in enumerate(data)]
    result = await chain.run("t", 0, entries)
    assert [type(entry) for entry in result.entries] == [Kept, Stub, Kept]
    assert [(aside.code, aside.outcome) for aside in result.aside] == [("schema_drift", "dead")]


async def test_a_schema_that_the_registry_refuses_has_no_version(stage, url):
    await stage()(FIRST)
    async with httpx.AsyncClient() as http:
        await SchemaRegistry(url, http=http).set_level("acme:orders", "FULL")
    told: list[Event] = []
    (note,) = await stage(told)({**FIRST, "id": "one"})
    assert note["version"] is None
    assert note["drift"]["changed"] == {"id": "number -> string"}
    assert "the registry refuses it" in told[0].message
    assert await stage(drift="quarantine")({**FIRST, "id": "one"}) == [Quarantine("schema_drift")]


async def test_a_registry_that_is_down_is_waited_for(stage):
    run = stage(environ={"SCHEMA_REGISTRY_URL": "http://127.0.0.1:9"})
    with pytest.raises(ServiceUnreachableError, match="SCHEMA_REGISTRY_URL"):
        await run(FIRST)
    with pytest.raises(ServiceUnreachableError):
        await run(FIRST)


async def test_a_known_shape_is_not_asked_for_again(stage, url, monkeypatch):
    run = stage()
    await run(FIRST, {"a": 1})

    async def unexpected(*arguments: Any, **options: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(SchemaRegistry, "_ask", unexpected)
    assert [note["version"] for note in await run(FIRST, {"a": 2}, FIRST)] == [1, 2, 1]


async def test_no_name_that_is_personal_gets_into_the_registry(stage, url, tmp_path):
    told: list[Event] = []
    run = stage(told)
    await run({"by": {"canary@plant.example": 1}}, {"by": {"other@plant.example": "x"}}, {"by": {}})
    assert "canary" not in str(told) and "plant" not in str(told)
    assert b"canary" not in (tmp_path / "schemas.db").read_bytes()


def test_options_that_do_not_fit():
    with pytest.raises(ValueError, match="needs registry: true"):
        registry.configure("tag", {"drift": "fail"})
    with pytest.raises(ConfigurationError, match="SCHEMA_REGISTRY_URL"):
        registry.build("tag", registry.configure("tag", {"registry": True}),
                       Resources(environ={"SCHEMA_REGISTRY_URL": "x"}))  # fmt: skip
