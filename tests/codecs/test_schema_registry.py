"""The registry client against the real reference service, and against a server that answers what it is told."""

import asyncio
import base64
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from penstock.codecs.schema_registry import Schema, SchemaRegistry
from penstock.model.errors import ConfigurationError, DecodeError, RejectedError, ServiceUnreachableError
from penstock.services import schemas

ORDER = {"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}]}
WIDER = {**ORDER, "fields": [*ORDER["fields"], {"name": "note", "type": "string", "default": ""}]}
OTHER = {**ORDER, "fields": [{"name": "id", "type": "string"}]}


class Scripted:
    """A server that counts, remembers headers, and answers with the status and the headers it is given."""

    def __init__(self):
        self.app = FastAPI()
        self.calls = []
        self.status = 200
        self.headers = {}
        self.body = b'{"schema": "\\"string\\""}'
        self.app.add_api_route("/{path:path}", self.answer, methods=["GET", "POST"])

    async def answer(self, request: Request) -> Response:
        self.calls.append((request.url.path, request.headers.get("authorization")))
        await asyncio.sleep(0.02)  # long enough that calls made together overlap
        return Response(self.body, self.status, self.headers)


@pytest.fixture
def url(serve, tmp_path):
    return serve(schemas.create_app(f"sqlite:///{tmp_path}/schemas.db", "sesame"))


@pytest.fixture
async def http():
    async with httpx.AsyncClient(timeout=10) as client:
        yield client


async def test_register_and_read_back(url, http):
    registry = SchemaRegistry(url, "sesame", http=http)
    id = await registry.register("orders-value", ORDER)
    assert await registry.register("orders-value", ORDER) == id
    assert await registry.schema(id) == Schema(id, "AVRO", ORDER)
    assert await registry.check("orders-value", WIDER)
    assert not await registry.check("orders-value", OTHER)
    assert await registry.check("never-seen", OTHER)
    wider = await registry.register("orders-value", WIDER)
    assert await registry.latest("orders-value") == Schema(wider, "AVRO", WIDER)
    with pytest.raises(RejectedError, match="409") as caught:
        await registry.register("orders-value", OTHER)
    assert caught.value.status == 409
    with pytest.raises(RejectedError, match="40401"):
        await registry.latest("never-seen")
    assert await registry.register("a/b c?", ORDER) == id


async def test_what_a_schema_refers_to_comes_with_it_in_order(url, http):
    body = {"Authorization": "Bearer sesame"}
    registry = SchemaRegistry(url, "sesame", http=http)
    await registry.register("order", ORDER)
    line = '{"type":"record","name":"Line","fields":[{"name":"o","type":"Order"}]}'
    basket = '{"type":"record","name":"Basket","fields":[{"name":"l","type":"Line"},{"name":"o","type":"Order"}]}'
    order, lines = (
        {"name": name, "subject": subject, "version": 1} for name, subject in (("Order", "order"), ("Line", "line"))
    )
    for subject, schema, references in (("line", line, [order]), ("basket", basket, [lines, order])):
        answer = await http.post(
            f"{url}/subjects/{subject}/versions", json={"schema": schema, "references": references}, headers=body
        )
        assert answer.status_code == 200, answer.text
    found = await registry.schema(answer.json()["id"])
    assert found.definition["name"] == "Basket"
    assert [definition["name"] for definition in found.references] == ["Order", "Line"]


async def test_an_id_is_asked_for_once(serve, http):
    server = Scripted()
    registry = SchemaRegistry(serve(server.app), http=http)
    found = await asyncio.gather(*(registry.schema(7) for _ in range(20)))
    assert found == [Schema(7, "AVRO", "string")] * 20
    assert await registry.schema(7) == found[0]
    assert [path for path, _ in server.calls] == ["/schemas/ids/7"]


async def test_one_that_gives_up_does_not_take_the_answer_from_the_others(serve, http):
    server = Scripted()
    registry = SchemaRegistry(serve(server.app), http=http)
    first, second = (asyncio.create_task(registry.schema(7)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).definition == "string"
    with pytest.raises(asyncio.CancelledError):
        await first
    assert len(server.calls) == 1


async def test_a_failure_is_not_remembered(serve, http):
    server = Scripted()
    registry = SchemaRegistry(serve(server.app), http=http)
    server.status = 503
    found = await asyncio.gather(*(registry.schema(7) for _ in range(3)), return_exceptions=True)
    assert [type(error) for error in found] == [ServiceUnreachableError] * 3
    server.status = 404
    with pytest.raises(DecodeError, match="schema id 7"):
        await registry.schema(7)
    server.status = 200
    assert (await registry.schema(7)).definition == "string"
    assert len(server.calls) == 3


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 502, 503])
async def test_what_can_be_waited_for(serve, http, status):
    server = Scripted()
    server.status, server.headers = status, {"Retry-After": "7"}
    registry = SchemaRegistry(serve(server.app), http=http)
    with pytest.raises(ServiceUnreachableError) as caught:
        await registry.register("s", ORDER)
    error = caught.value
    assert error.retriable and error.retry_after == 7.0
    assert error.variable == "SCHEMA_REGISTRY_URL" in str(error)
    assert str(status) in str(error)


@pytest.mark.parametrize("status", [400, 404, 409, 410, 422])
async def test_an_id_that_is_refused_is_the_fault_of_the_message(serve, http, status):
    server = Scripted()
    server.status = status
    with pytest.raises(DecodeError, match="schema id 9, which the schema registry") as caught:
        await SchemaRegistry(serve(server.app), http=http).schema(9)
    assert caught.value.__context__ is None


async def test_a_schema_whose_reference_is_gone_is_the_fault_of_the_message(serve, http):
    app = FastAPI()
    references = [{"name": "r", "subject": "gone", "version": 1}]
    app.get("/schemas/ids/9")(lambda: {"schema": '"string"', "references": references})
    with pytest.raises(DecodeError, match="schema id 9"):
        await SchemaRegistry(serve(app), http=http).schema(9)


async def test_a_wrong_address_is_not_the_fault_of_the_message(serve, http):
    server = Scripted()
    server.status, server.headers = 301, {"Location": "https://elsewhere.example/"}
    with pytest.raises(RejectedError, match="301"):
        await SchemaRegistry(serve(server.app), http=http).schema(9)


async def test_an_id_that_no_schema_can_have_is_not_asked_for(serve, http):
    server = Scripted()
    server.status = 500
    registry = SchemaRegistry(serve(server.app), http=http)
    for id in (2**31, 2**32 - 1):
        with pytest.raises(DecodeError, match=f"schema id {id}, which no schema has"):
            await registry.schema(id)
    assert not server.calls
    with pytest.raises(ServiceUnreachableError):
        await registry.schema(2**31 - 1)
    assert len(server.calls) == 1


async def test_a_date_to_wait_for(serve, http):
    server = Scripted()
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    server.status, server.headers = 429, {"Retry-After": until}
    with pytest.raises(ServiceUnreachableError) as caught:
        await SchemaRegistry(serve(server.app), http=http).schema(1)
    assert 50 < caught.value.retry_after <= 60


async def test_nobody_there(http):
    registry = SchemaRegistry("http://127.0.0.1:9", http=http)
    with pytest.raises(ServiceUnreachableError, match=r"127\.0\.0\.1:9 does not answer.*SCHEMA_REGISTRY_URL"):
        await registry.schema(1)


async def test_something_else_answers(serve, http):
    server = Scripted()
    registry = SchemaRegistry(serve(server.app), http=http)
    server.body = b"<html>sign in</html>"
    with pytest.raises(ServiceUnreachableError, match="not a JSON object"):
        await registry.schema(1)
    server.body = b'{"schema": "{"}'
    with pytest.raises(DecodeError, match="schema id 1 is not JSON"):
        await registry.schema(1)
    server.body = b"{}"
    with pytest.raises(DecodeError, match="schema id 1 is not JSON"):
        await registry.schema(1)


async def test_who_asks(serve, http):
    server = Scripted()
    url = serve(server.app)
    basic = f"Basic {base64.b64encode(b'me:s:ecret').decode()}"
    environ = {"SCHEMA_REGISTRY_URL": url + "/", "SCHEMA_REGISTRY_USER_INFO": "me:s:ecret"}
    inside = url.replace("//", "//me:s%3Aecret@")
    for registry, expected in (
        (SchemaRegistry(url, http=http), None),
        (SchemaRegistry(url, "sesame", http=http), "Bearer sesame"),
        (SchemaRegistry.from_environ(environ, http=http), basic),
        (SchemaRegistry.from_environ(environ, http=http, token="not for strangers"), basic),
        (SchemaRegistry(inside, http=http), basic),
    ):
        await registry.schema(1)
        assert server.calls[-1] == ("/schemas/ids/1", expected)
        assert "ecret" not in registry.address
    assert SchemaRegistry.from_environ({}, http=http).address == "http://localhost:8081"


@pytest.mark.parametrize("url", ["registry:8081", "ftp://registry", "http://", "http://reg istry:port"])
def test_an_address_that_is_none(url):
    with pytest.raises(ConfigurationError, match="SCHEMA_REGISTRY_URL"):
        SchemaRegistry(url, http=httpx.AsyncClient())
