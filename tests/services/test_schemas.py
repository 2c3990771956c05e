"""The schema registry over real HTTP: paths, bodies and codes that clients of Confluent's registry rely on."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from penstock.services import schemas

ORDER = {"type": "record", "name": "Order", "namespace": "shop", "fields": [{"name": "id", "type": "long"}]}


def extended(*fields, base=ORDER):
    return {**base, "fields": [*base["fields"], *fields]}


OPTIONAL = extended({"name": "note", "type": "string", "default": ""})
REQUIRED = extended({"name": "note", "type": "string"})
OTHER_NOTE = extended({"name": "note", "type": "int"})


class Client:
    """What a client sends, and only that."""

    def __init__(self, url, token=None):
        headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self.http = httpx.Client(base_url=url, headers=headers)

    def __call__(self, method, path, body=None, status=200):
        answer = self.http.request(method, path, json=body)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"].startswith("application/vnd.schemaregistry.v1+json")
        return answer.json()

    def register(self, subject, schema, status=200, **more):
        return self("POST", f"/subjects/{subject}/versions", {"schema": json.dumps(schema), **more}, status)

    def refused(self, code, method, path, body=None):
        found = self(method, path, body, status=code if code < 1000 else code // 100)
        assert found["error_code"] == code
        assert found["message"]
        return found["message"]


@pytest.fixture
def client(serve, tmp_path):
    client = Client(serve(schemas.create_app(f"sqlite:///{tmp_path}/schemas.db", None)))
    with client.http:
        yield client


def test_registering_gives_ids_by_content_and_versions_by_subject(client):
    first = client.register("orders-value", ORDER)
    assert set(first) == {"id"}
    assert client.register("orders-value", ORDER) == first
    spaced = {
        "namespace": "shop",
        "name": "Order",
        "fields": [{"type": {"type": "long"}, "name": "id"}],
        "type": "record",
    }
    assert client.register("orders-value", spaced) == first
    assert client.register("copies-value", ORDER) == first
    second = client.register("orders-value", OPTIONAL)
    assert second["id"] > first["id"]
    assert client("GET", "/subjects") == ["copies-value", "orders-value"]
    assert client("GET", "/subjects/orders-value/versions") == [1, 2]
    assert client("GET", "/subjects/orders-value/versions/1") == {
        "subject": "orders-value",
        "version": 1,
        "id": first["id"],
        "schema": json.dumps(ORDER, separators=(",", ":")),
    }
    latest = client("GET", "/subjects/orders-value/versions/latest")
    assert latest == client("GET", "/subjects/orders-value/versions/-1")
    assert (latest["version"], latest["id"]) == (2, second["id"])
    assert client("GET", "/subjects/orders-value/versions/2/schema") == OPTIONAL
    assert json.loads(client("GET", f"/schemas/ids/{first['id']}")["schema"]) == ORDER
    assert client("GET", f"/schemas/ids/{first['id']}/schema") == ORDER
    assert client("GET", f"/schemas/ids/{first['id']}/versions") == [
        {"subject": "copies-value", "version": 1},
        {"subject": "orders-value", "version": 1},
    ]


def test_looking_up(client):
    id = client.register("s", ORDER)["id"]
    found = client("POST", "/subjects/s", {"schema": json.dumps(ORDER, indent=2), "schemaType": "AVRO"})
    assert (found["id"], found["version"], found["subject"]) == (id, 1, "s")
    client.refused(40401, "POST", "/subjects/none", {"schema": json.dumps(ORDER)})
    client.refused(40403, "POST", "/subjects/s", {"schema": json.dumps(OPTIONAL)})


def test_what_is_not_there(client):
    client.register("s", ORDER)
    client.refused(40401, "GET", "/subjects/none/versions")
    client.refused(40401, "GET", "/subjects/none/versions/latest")
    client.refused(40402, "GET", "/subjects/s/versions/2")
    client.refused(40403, "GET", "/schemas/ids/999")
    for version in ("zero", "0", "-2", "1.5", "99999999999"):
        client.refused(42202, "GET", f"/subjects/s/versions/{version}")


def test_what_is_no_schema(client):
    for text in ("{", '{"type":"recor"}', "5", '{"type":"record","name":"R"}'):
        client.refused(42201, "POST", "/subjects/s/versions", {"schema": text})
    client.refused(42201, "POST", "/subjects/s/versions", {"schema": "{}", "schemaType": "PROTOBUF"})
    assert "body.schema" in client.refused(422, "POST", "/subjects/s/versions", {"text": "secret"})
    assert client("GET", "/subjects") == []


@pytest.mark.parametrize(
    ("level", "taken", "refused"),
    [
        ("BACKWARD", OPTIONAL, REQUIRED),
        ("FORWARD", REQUIRED, extended(base={**ORDER, "fields": []})),
        ("FULL", OPTIONAL, REQUIRED),
        ("NONE", REQUIRED, None),
    ],
)
def test_levels(client, level, taken, refused):
    assert client("PUT", "/config/s", {"compatibility": level}) == {"compatibility": level}
    client.register("s", ORDER)
    if refused:
        message = client.register("s", refused, status=409)["message"]
        assert level in message
    client.register("s", taken)
    assert client("GET", "/subjects/s/versions") == [1, 2]


@pytest.mark.parametrize("level", ["BACKWARD", "FORWARD", "FULL"])
def test_transitive_levels_look_at_every_version(client, level):
    # note: string -> gone -> int. The last two fit one another, the first and the last do not.
    first = OPTIONAL
    last = extended({"name": "note", "type": "int", "default": 0})
    for subject, wanted, status in (("near", level, 200), ("far", f"{level}_TRANSITIVE", 409)):
        client("PUT", f"/config/{subject}", {"compatibility": wanted})
        client.register(subject, first)
        client.register(subject, ORDER)
        client.register(subject, last, status=status)


def test_config(client):
    assert client("GET", "/config") == {"compatibilityLevel": "BACKWARD"}
    client.refused(40408, "GET", "/config/s")
    assert client("GET", "/config/s?defaultToGlobal=true") == {"compatibilityLevel": "BACKWARD"}
    client("PUT", "/config", {"compatibility": "none"})
    assert client("GET", "/config") == {"compatibilityLevel": "NONE"}
    client("PUT", "/config/s", {"compatibility": "FULL"})
    assert client("GET", "/config/s") == {"compatibilityLevel": "FULL"}
    assert client("DELETE", "/config/s") == {"compatibilityLevel": "FULL"}
    client.register("s", ORDER)
    client.register("s", REQUIRED)
    client.refused(42203, "PUT", "/config", {"compatibility": "SOMEHOW"})


def test_compatibility_without_registering(client):
    client.register("s", ORDER)
    path = "/compatibility/subjects/s/versions"
    body = {"schema": json.dumps(REQUIRED)}
    assert client("POST", f"{path}/latest", {"schema": json.dumps(OPTIONAL)}) == {"is_compatible": True}
    assert client("POST", f"{path}/1", body) == {"is_compatible": False}
    verbose = client("POST", f"{path}?verbose=true", body)
    assert not verbose["is_compatible"]
    assert "note" in verbose["messages"][0]
    client.refused(40402, "POST", f"{path}/7", body)
    client.refused(40401, "POST", "/compatibility/subjects/none/versions/latest", body)
    assert client("POST", "/compatibility/subjects/none/versions", body) == {"is_compatible": True}
    assert client("GET", "/subjects/s/versions") == [1]


def test_deleting_is_in_two_steps(client):
    id = client.register("s", ORDER)["id"]
    client.register("s", OPTIONAL)
    client.refused(40407, "DELETE", "/subjects/s/versions/2?permanent=true")
    assert client("DELETE", "/subjects/s/versions/latest") == 2
    client.refused(40406, "DELETE", "/subjects/s/versions/2")
    assert client("GET", "/subjects/s/versions") == [1]
    assert client("GET", "/subjects/s/versions?deleted=true") == [1, 2]
    # What is deleted is not compared with, and its number is not used again.
    assert client.register("s", extended({"name": "note", "type": "int", "default": 0}))
    assert client("GET", "/subjects/s/versions") == [1, 3]
    client.refused(40405, "DELETE", "/subjects/s?permanent=true")
    assert client("DELETE", "/subjects/s") == [1, 3]
    client.refused(40404, "DELETE", "/subjects/s")
    client.refused(40401, "GET", "/subjects/s/versions")
    assert client("GET", "/subjects") == []
    assert client("GET", "/subjects?deleted=true") == ["s"]
    assert client("DELETE", "/subjects/s?permanent=true") == [1, 2, 3]
    client.refused(40401, "DELETE", "/subjects/s")
    assert json.loads(client("GET", f"/schemas/ids/{id}")["schema"]) == ORDER
    assert client.register("s", ORDER) == {"id": id}


def test_references(client):
    client.register("orders", ORDER)
    basket = {
        "type": "record",
        "name": "Basket",
        "fields": [{"name": "orders", "type": {"type": "array", "items": "shop.Order"}}],
    }
    references = [{"name": "shop.Order", "subject": "orders", "version": 1}]
    assert "unknown type" in client.register("baskets", basket, status=422)["message"]
    id = client.register("baskets", basket, references=references)["id"]
    assert client("GET", f"/schemas/ids/{id}")["references"] == references
    client.refused(42206, "DELETE", "/subjects/orders/versions/1")
    missing = [{**references[0], "version": 9}]
    assert client.register("baskets", basket, references=missing, status=422)["error_code"] == 42201
    # Version 2 of what is named is not compatible, and so neither is what names it.
    client("PUT", "/config/orders", {"compatibility": "NONE"})
    client.register("orders", REQUIRED)
    client.register("baskets", basket, references=[{**references[0], "version": 2}], status=409)


def test_json_schemas_are_kept_and_not_compared(client):
    first = {"type": "object", "required": ["a"]}
    id = client.register("j", first, schemaType="JSON")["id"]
    assert client("GET", f"/schemas/ids/{id}")["schemaType"] == "JSON"
    assert client.register("j", {"required": ["a"], "type": "object"}, schemaType="JSON") == {"id": id}
    client.register("j", {"type": "object"}, status=409, schemaType="JSON")
    client.register("j", ORDER, status=409)
    client("PUT", "/config/j", {"compatibility": "NONE"})
    client.register("j", {"type": "object"}, schemaType="JSON")
    assert client("GET", "/schemas/types") == ["AVRO", "JSON"]


def test_subjects_with_slashes(client):
    id = client.register("shop%2Forders", ORDER)["id"]
    assert client("GET", "/subjects") == ["shop/orders"]
    assert client("GET", "/subjects/shop%2Forders/versions/latest")["id"] == id
    assert client("DELETE", "/subjects/shop%2Forders") == [1]


def test_many_at_once_get_different_ids_and_versions(client):
    client("PUT", "/config", {"compatibility": "NONE"})
    made = [extended({"name": f"f{number}", "type": "int"}) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        ids = [found["id"] for found in pool.map(lambda schema: client.register("s", schema), made)]
    assert len(set(ids)) == 24
    assert client("GET", "/subjects/s/versions") == list(range(1, 25))


def test_the_token_is_asked_for_everywhere_but_health(serve, tmp_path):
    url = serve(schemas.create_app(f"sqlite:///{tmp_path}/schemas.db", "sesame"))
    stranger, friend = Client(url), Client(url, "sesame")
    with stranger.http, friend.http:
        assert stranger("GET", "/health") == {"status": "ok"}
        for method, path in (("GET", "/subjects"), ("GET", "/schemas/ids/1"), ("PUT", "/config")):
            assert stranger.refused(401, method, path)
        assert friend("GET", "/subjects") == []


def test_what_was_registered_outlives_a_restart(serve, tmp_path):
    database = f"sqlite:///{tmp_path}/schemas.db"
    with httpx.Client() as http:
        body = {"schema": json.dumps(ORDER)}
        first = http.post(f"{serve(schemas.create_app(database, None))}/subjects/s/versions", json=body).json()
        assert http.post(f"{serve(schemas.create_app(database, None))}/subjects/s/versions", json=body).json() == first


def test_every_route_is_described(tmp_path):
    paths = schemas.create_app(f"sqlite:///{tmp_path}/schemas.db", None).openapi()["paths"]
    assert all(operation["summary"] for path in paths.values() for operation in path.values())
