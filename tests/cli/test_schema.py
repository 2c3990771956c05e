"""penstock schema: previews for people and scripts, and the history that a registry keeps."""

import asyncio
import json

import fastavro
import httpx
import pytest

from penstock.agents import registry
from penstock.codecs.schema_registry import SchemaRegistry
from penstock.model.component import Resources
from penstock.model.record import Kept, Record
from penstock.services import schemas

CSV = (
    "KundenNr;Vorname;E-Mail;erstellt_am;Betrag\n"
    "1;Canary;canary@example.com;01.02.2024;1,50\n"
    "2;Bob;bob@example.com;24.12.2024;12,75\n"
    "broken\n"
)


@pytest.fixture
def sample(tmp_path):
    path = tmp_path / "My Kunden.csv"
    path.write_text(CSV, encoding="utf-8")
    return path


def test_for_people(call, sample):
    result = call("schema", "preview", sample)
    assert result.exit_code == 0
    assert "2 records, Person, primary key KundenNr" in result.stdout
    assert "1 more were unreadable" in result.stderr
    line = next(line for line in result.stdout.splitlines() if "E-Mail" in line)
    assert "email" in line and "c***@e***.com" in line and "Person.email" in line
    assert "date (%d.%m.%Y)" in result.stdout and "2024-02-01 … 2024-12-24" in result.stdout
    assert "anary" not in result.output


def test_for_scripts(call, sample):
    answer = json.loads(call("schema", "preview", sample, "--json").stdout)
    assert [field["name"] for field in answer["fields"]] == ["KundenNr", "Vorname", "E-Mail", "erstellt_am", "Betrag"]
    assert answer["primary_entity"] == "Person" and answer["record_count"] == 2
    assert json.loads(call("schema", "preview", sample, "--json", "--rows", 1).stdout)["record_count"] == 1


def test_for_targets(call, sample):
    def made(target, *more):
        return call("schema", "preview", sample, "--to", target, *more).stdout

    assert made("postgres").startswith('CREATE TABLE "my_kunden" (\n  "KundenNr" INTEGER NOT NULL,')
    assert "CREATE TABLE `people` (" in made("mysql", "--name", "people")
    assert '"Betrag" REAL NOT NULL' in made("sqlite")
    fastavro.parse_schema(json.loads(made("avro")))
    assert made("arrow").splitlines()[0] == "KundenNr: int64 not null"
    assert json.loads(made("json-schema"))["properties"]["E-Mail"]["format"] == "email"
    assert json.loads(made("generic"))["fields"][0]["type"] == "integer"
    assert call("schema", "preview", sample, "--to", "oracle").exit_code == 2


def test_nested_json_and_a_catalogue_of_ones_own(call, tmp_path):
    path, own = tmp_path / "a.json", tmp_path / "own.yml"
    path.write_text('[{"hull": "x", "crew": [{"email": "a@b.example"}]}]')
    own.write_text("entities: {Ship: {properties: {hull: {}}}}")
    answer = json.loads(call("schema", "preview", path, "--json", "--catalogue", own).stdout)
    assert answer["primary_entity"] == "Ship"
    assert [field["name"] for field in answer["fields"]] == ["hull", "crew", "crew.*.email"]


@pytest.mark.parametrize(
    ("content", "said"), [(None, "cannot be read"), (b"", "holds no record"), (b"PAR1xx", "looks like parquet")]
)
def test_samples_that_are_none(call, tmp_path, content, said):
    path = tmp_path / "a.csv"
    if content is not None:
        path.write_bytes(content)
    result = call("schema", "preview", path)
    assert (result.exit_code, result.stdout) == (2, "") and said in result.stderr


@pytest.fixture
def registered(serve, tmp_path, monkeypatch, alone):
    """A registry in which `tag` has registered some shapes."""
    url = serve(schemas.create_app(f"sqlite:///{tmp_path}/schemas.db", None))
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", url)
    resources = Resources(pipeline="orders", tenant="acme", environ={"SCHEMA_REGISTRY_URL": url})

    async def run():
        tag = registry.build("tag", registry.configure("tag", {"registry": True}), resources)[1]
        for data in ({"id": 1, "a": 1}, {"id": 1, "a": 1, "b": {"c": 1}}, {"id": "x", "b": {"c": 1}}):
            await tag([Record(Kept(0, 0, json.dumps(data).encode(), {}), "t/0/0")])
        await tag([Record(Kept(0, 0, b"{}", {}, headers=[("penstock-source-id", b"in/x.csv")]), "t/0/0")])

    asyncio.run(run())
    return url


def test_history_of_a_subject(call, registered):
    found = json.loads(call("schema", "history", "acme:orders", "--json").stdout)["acme:orders"]
    assert [(one["version"], one["breaks"]) for one in found] == [(1, False), (2, False), (3, True)]
    assert found[1]["added"] == ["b", "b.c"]
    assert found[2]["removed"] == ["a"] and found[2]["changed"] == {"id": "number -> string"}
    shown = call("schema", "history", "acme:orders").stdout
    assert "acme:orders" in shown and "- a, id: number -> string" in shown


def test_history_of_a_pipeline(call, registered, tmp_path):
    file = tmp_path / "orders.yml"
    file.write_text("name: orders\nsources: [{csv: {path: in/x.csv}}]\nungoverned: true\nstages: [tag]\n")
    result = call("schema", "history", file, "--json")
    assert set(json.loads(result.stdout)) == {"acme:orders", "acme:in/x.csv"}
    file.write_text("name: other\nungoverned: true\nstages: [tag]\n")
    result = call("schema", "history", file)
    assert result.exit_code == 2 and "no subject of the pipeline other" in result.stderr


def test_history_of_nothing(call, registered, monkeypatch):
    result = call("schema", "history", "acme:nothing")
    assert result.exit_code == 2 and "no subject acme:nothing" in result.stderr
    monkeypatch.setenv("SCHEMA_REGISTRY_URL", "http://127.0.0.1:9")
    assert call("schema", "history", "acme:orders").exit_code == 3


async def test_a_foreign_schema_in_a_subject_is_compared_too(registered):
    from penstock.agents.tag._versions import history

    schema = {"type": "record", "name": "R", "fields": [{"name": "id", "type": "long"}, {"name": "a", "type": "int"}]}
    async with httpx.AsyncClient() as http:
        client = SchemaRegistry(registered, http=http)
        await client.register("mine", schema)
        await client.register("mine", {**schema, "fields": schema["fields"][:1]})
        found = await history(client, "mine")
    assert [(one["version"], one["removed"], one["breaks"]) for one in found] == [(1, [], False), (2, ["a"], True)]
