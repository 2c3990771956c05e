"""http_api against a real server: what is asked, what comes back, servers that are slow, broken, huge or elsewhere."""

import asyncio
import doctest
import gzip
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.agents import registry
from penstock.agents.chain import Chain
from penstock.agents.enrich import http_api
from penstock.agents.enrich._lookups import asking as _asking
from penstock.agents.enrich._lookups import template as _template
from penstock.agents.enrich._lookups.asking import Bucket
from penstock.agents.enrich._lookups.template import Body, Text, in_path, in_query
from penstock.model.component import Resources
from penstock.model.errors import ConfigurationError, EnrichmentError, UnreachableError
from penstock.model.record import Kept, Record


class Api:
    """A server that answers by the function `says`; keeps what it was asked, and how many were asking at once."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, dict[str, str], Any]] = []
        self.at_once = self.most_at_once = 0
        self.seconds = 0.0
        self.says: Callable[[str, Any], bytes] = lambda path, body: reply({"path": path, "body": body})
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, path, _ = head[0].split(" ")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                parsed = orjson.loads(body) if body else None
                self.asked.append((method, path, headers, parsed))
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                await asyncio.sleep(self.seconds)
                self.at_once -= 1
                writer.write(self.says(path, parsed))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @property
    def paths(self) -> list[str]:
        return [path for _, path, _, _ in self.asked]


def reply(body: Any, status: int = 200, *headers: str) -> bytes:
    content = body if isinstance(body, bytes) else orjson.dumps(body)
    head = [f"HTTP/1.1 {status} Told", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + content


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    made = Api()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield made


def record(data: dict[str, Any]) -> Record:
    return Record(Kept(0, 0, orjson.dumps(data), {}), "t/0/0")


Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
def stage(api: Api) -> Callable[..., Ask]:
    """Make the stage; the path stands for the URL. What it gives takes records and gives what is added to each."""

    def stage(path: str, environ: dict[str, str] | None = None, clock: Any = None, **options: Any) -> Ask:
        resources = Resources(environ=environ or {}, clock=clock or (lambda: 1_000_000.0))
        config = registry.configure("http_api", {"url": api.url + path, "retries": 0, **options})
        function: Any = registry.build("http_api", config, resources)[1]

        async def ask(*data: dict[str, Any]) -> Any:
            found = await function([record(each) for each in data])
            return [each["http_api"]["answer"] if isinstance(each, dict) else each for each in found]

        return ask

    return stage


def reason(answer: Any) -> str:
    assert isinstance(answer, EnrichmentError), answer
    return answer.reason


def test_docstring() -> None:
    def run(name: str, data: dict[str, Any], **options: Any) -> Any:
        function: Any = registry.build(name, registry.configure(name, options), Resources())[1]
        return asyncio.run(function([record(data)]))[0]

    parsed = doctest.DocTestParser().get_doctest(http_api.__doc__ or "", {"run": run}, "http_api", None, None)
    assert doctest.DocTestRunner().run(parsed) == (0, 1)


def test_docstring_of_templates() -> None:
    assert doctest.testmod(_template).failed == 0


# What is asked


async def test_values_are_escaped_where_they_stand(stage: Any, api: Api) -> None:
    ask = stage("/v1/{{user.ip}}", query={"q": "is {{note}}", "n": "{{n}}"}, headers={"X-Id": "{{n}}"})
    await ask({"user": {"ip": "../a?b#c"}, "note": "ü&x=1", "n": 1.5})
    ((method, path, headers, body),) = api.asked
    assert (method, path) == ("GET", "/v1/..%2Fa%3Fb%23c?q=is %C3%BC%26x%3D1&n=1.5".replace(" ", "%20"))
    assert (headers["x-id"], body) == ("1.5", None)


async def test_a_body_is_json_whatever_the_value(stage: Any, api: Api) -> None:
    body = {"who": "{{name}}", "all": ["{{tags}}", "is {{name}}"], "fixed": 7, "{{name}}": True}
    await stage("/x", method="POST", body=body)({"name": '"}, {{tags}} ${HOME}', "tags": [1, {"a": None}]})
    assert api.asked[0][3] == {
        "who": '"}, {{tags}} ${HOME}',
        "all": [[1, {"a": None}], 'is "}, {{tags}} ${HOME}'],
        "fixed": 7,
        "{{name}}": True,
    }


@pytest.mark.parametrize("data", [{}, {"a": {"b": None}}, {"a": [1]}, {"a": {"b": {}}}, {"a": {"b": [1]}}])
async def test_a_record_without_the_field_is_not_asked_about(stage: Any, api: Api, data: dict[str, Any]) -> None:
    assert await stage("/{{a.b}}")(data) == [None]
    assert api.asked == []


@pytest.mark.parametrize("value", ["..", ".", "", "x" * 9000])
async def test_a_value_that_is_no_segment_is_refused(stage: Any, api: Api, value: str) -> None:
    assert reason((await stage("/{{a}}/b")({"a": value}))[0]) == "unsendable"
    assert api.asked == []


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "ü", "x" * 9000])
async def test_a_value_that_is_no_header_is_refused(stage: Any, api: Api, value: str) -> None:
    assert reason((await stage("/", headers={"X-A": "{{a}}"})({"a": value}))[0]) == "unsendable"
    assert api.asked == []


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.text(max_size=30))
def test_no_value_leaves_its_segment(value: str) -> None:
    try:
        filled = Text("/a/{{x}}/b", {}).fill({"x": value}, in_path)
    except EnrichmentError:
        assert value in ("", ".", "..")
        return
    assert filled is not None
    assert filled.count("/") == 3
    assert not set(filled) & set("?#\\@: \r\n\0{}")
    assert filled.isascii()
    assert in_query(value).isascii()


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), st.lists, max_leaves=5))
def test_a_body_without_placeholders_is_itself(body: Any) -> None:
    if "{{" not in repr(body) and "${" not in repr(body):
        assert Body(body, {}).fill({}) == body


@pytest.mark.parametrize(
    "url",
    [
        "http://{{host}}/",
        "http://a.example:{{port}}/",
        "http://{{user}}@a.example/",
        "{{url}}",
        "ftp://a.example/",
        "/only/a/path",
        "http://a.example/x?y={{z}}",
        "http://a.example/#{{z}}",
        "http://a.example/{{}}",
        "http://a.example/{{a",
        "http://${NOT_SET}/",
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(ConfigurationError):
        http_api.build(http_api.Config(url=url), Resources())


async def test_a_secret_is_sent_and_never_told(stage: Any, api: Api, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    api.says = lambda path, body: reply({}, 400)
    ask = stage("/p/{{a}}", {"KEY": "s3cret"}, query={"k": "${KEY}"}, headers={"Authorization": "Bearer ${KEY}"})
    (answer,) = await ask({"a": "ann@example.com"})
    assert api.asked[0][2]["authorization"] == "Bearer s3cret"
    assert api.paths == ["/p/ann%40example.com?k=s3cret"]
    for told in (str(answer), repr(answer), caplog.text):
        assert "s3cret" not in told
        assert "ann" not in told


def test_a_secret_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigurationError, match="API_KEY is not set"):
        http_api.build(http_api.Config(url="http://a.example/", headers={"K": "${API_KEY}"}), Resources())


# What comes back


async def test_what_is_wanted_of_an_answer(stage: Any, api: Api) -> None:
    api.says = lambda path, body: reply({"risk": {"score": 7}, "tags": ["a", "b"], "secret": "x"})
    result = {"score": "risk.score", "tag": "tags.1", "none": "risk.none.at.all"}
    assert await stage("/{{a}}", result=result)({"a": 1}) == [{"score": 7, "tag": "b", "none": None}]
    assert (await stage("/{{a}}")({"a": 1}))[0]["secret"] == "x"
    api.says = lambda path, body: reply([1])
    assert await stage("/{{a}}")({"a": 2}) == [{"value": [1]}]
    api.says = lambda path, body: b"HTTP/1.1 204 No Content\r\n\r\n"
    assert await stage("/{{a}}")({"a": 3}) == [None]


@pytest.mark.parametrize(
    ("says", "why"),
    [
        (reply({}, 400), "http_400"),
        (reply({}, 422), "http_422"),
        (reply({}, 401), "http_401"),
        (reply({}, 429), "http_429"),
        (reply({}, 500), "http_500"),
        (reply({}, 503), "http_503"),
        (reply(b"", 302, "Location: http://169.254.169.254/latest"), "http_302"),
        (reply(b"", 301, "Location: /elsewhere"), "http_301"),
        (reply(b"<html>"), "invalid_json"),
        (reply(b"\xff\xfe"), "invalid_json"),
        (reply(b""), "invalid_json"),
        (reply(b"[" * 900 + b"]" * 900), "invalid_json"),
        (reply(b"[" * 5000), "invalid_json"),
        (reply(b'"' + b"x" * 3000 + b'"'), "oversized"),
        (reply(gzip.compress(b" " * 5_000_000 + b"1"), 200, "Content-Encoding: gzip"), "oversized"),
        (reply(b"not gzip", 200, "Content-Encoding: gzip"), "unreachable"),
        (reply(b"\x1b\x0f", 200, "Content-Encoding: br"), "unreachable"),
        (b"HTTP/1.1 200 Told\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 3000, "oversized"),
        (b"nonsense\r\n\r\n", "unreachable"),
    ],
)
async def test_answers_that_are_none(stage: Any, api: Api, says: bytes, why: str) -> None:
    api.says = lambda path, body: says
    (answer,) = await stage("/{{a}}", largest_bytes=2000 if why == "oversized" else 20_000)({"a": "value-of-ann"})
    assert reason(answer) == why
    assert "value-of-ann" not in str(answer)
    assert api.paths == ["/value-of-ann"], "no redirection is followed"


async def test_gzip_is_unpacked(stage: Any, api: Api) -> None:
    api.says = lambda path, body: reply(gzip.compress(b'{"a": 1}'), 200, "Content-Encoding: gzip")
    assert await stage("/{{a}}")({"a": 1}) == [{"a": 1}]


async def test_an_endless_answer_is_not_read_to_its_end(stage: Any, api: Api) -> None:
    chunk = b"fff\r\n" + b"x" * 0xFFF + b"\r\n"
    api.says = lambda path, body: b"HTTP/1.1 200 Told\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk * 200
    assert reason((await stage("/{{a}}", largest_bytes=10_000)({"a": 1}))[0]) == "oversized"


async def test_a_slow_server_is_left_alone(stage: Any, api: Api) -> None:
    api.seconds = 5
    assert reason((await stage("/{{a}}", timeout=0.05)({"a": 1}))[0]) == "timeout"


async def test_nobody_there(stage: Any) -> None:
    config = registry.configure("http_api", {"url": "http://127.0.0.1:9/{{a}}", "retries": 0})
    function: Any = registry.build("http_api", config, Resources())[1]
    (answer,) = await function([record({"a": 1})])
    assert reason(answer) == "unreachable"
    entry = Kept(0, 1, b'{"a":1}', {})
    (entry,) = (await Chain([("http_api", config)], Resources()).run("t", 0, [entry])).entries
    assert orjson.loads(entry.notes["enrichments.errors"]) == {"http_api": "unreachable"}


async def test_waiting_until_it_answers(stage: Any, api: Api) -> None:
    api.says = lambda path, body: reply({}, 503)
    ask = stage("/{{a}}", on_unreachable="wait")
    with pytest.raises(UnreachableError):
        await ask({"a": 1}, {"a": 2})
    api.says = lambda path, body: reply({"b": 1})
    assert await ask({"a": 1}, {"a": 2}) == [{"b": 1}] * 2


async def test_the_circuit_opens(stage: Any, api: Api) -> None:
    api.says = lambda path, body: reply({}, 500)
    ask = stage("/{{a}}", concurrency=1)
    answers = await ask(*({"a": n} for n in range(20)))
    assert [reason(answer) for answer in answers] == ["http_500"] * 5 + ["unreachable"] * 15
    assert len(api.asked) == 5


async def test_it_is_tried_again(stage: Any, api: Api) -> None:
    answers = iter([reply({}, 503), reply({"b": 1})])
    api.says = lambda path, body: next(answers)
    assert await stage("/{{a}}", retries=1)({"a": 1}) == [{"b": 1}]


# What is not asked


async def test_answers_are_kept(stage: Any, api: Api) -> None:
    ask = stage("/{{a}}", result={"path": "path"})
    assert await ask({"a": 1}, {"a": 1}, {"a": 2}) == [{"path": "/1"}, {"path": "/1"}, {"path": "/2"}]
    assert await ask({"a": 2}) == [{"path": "/2"}]
    assert sorted(api.paths) == ["/1", "/2"]


async def test_that_nothing_is_known_is_kept(stage: Any, api: Api) -> None:
    api.says = lambda path, body: reply({}, 404)
    ask = stage("/{{a}}")
    assert await ask({"a": 1}) == await ask({"a": 1}) == [None]
    assert len(api.asked) == 1
    assert reason((await stage("/{{a}}", absent_statuses=[])({"a": 1}))[0]) == "http_404"
    once = stage("/{{a}}", negative_seconds=0)
    await once({"a": 1})
    await once({"a": 1})
    assert len(api.asked) == 4


async def test_failures_are_not_kept(stage: Any, api: Api) -> None:
    api.says = lambda path, body: reply({}, 400)
    ask = stage("/{{a}}")
    await ask({"a": 1})
    api.says = lambda path, body: reply({"b": 1})
    assert await ask({"a": 1}) == [{"b": 1}]


async def test_large_answers_are_not_kept(stage: Any, api: Api) -> None:
    api.says = lambda path, body: reply({"b": "x" * _asking.LARGEST_KEPT})
    ask = stage("/{{a}}")
    await ask({"a": 1})
    await ask({"a": 1})
    assert len(api.asked) == 2


async def test_workers_share_answers_and_budget_in_redis(stage: Any, api: Api, redis_server: Any) -> None:
    environ = {"REDIS_URL": redis_server.url}
    one, two = (stage("/{{a}}", environ, budget_per_day=2) for _ in range(2))
    assert await one({"a": "ann@example.com"}) == await two({"a": "ann@example.com"})
    assert len(api.asked) == 1
    await one({"a": 2})
    assert reason((await two({"a": 3}))[0]) == "budget"
    with redis_server.client() as client:
        keys = client.keys("*")
        assert len(keys) == 3
        assert all(b"ann" not in key and client.pttl(key) > 0 for key in keys)
    redis_server.kill()
    assert (await one({"a": "ann@example.com"}))[0]["path"] == "/ann%40example.com"


async def test_a_key_in_the_cache_cannot_be_tried_out(stage: Any) -> None:
    keys = set()
    for environ in ({}, {"PENSTOCK_HASH_KEY": "a" * 32}, {"PENSTOCK_HASH_KEY": "b" * 32}):
        config = http_api.Config(url="http://a.example/{{a}}")
        prepare = http_api._Prepare(config, "http://a.example", "/{{a}}", Resources(environ=environ))
        request = prepare(record({"a": "8.8.8.8"}))
        assert isinstance(request, http_api.Request)
        keys.add(request.key)
    assert len(keys) == 3


async def test_the_budget_is_that_of_a_day(stage: Any, api: Api) -> None:
    now = [86_400.0 * 100]
    ask = stage("/{{a}}", clock=lambda: now[0], budget_per_day=2, concurrency=1)
    answers = await ask(*({"a": n} for n in range(4)))
    assert [isinstance(answer, dict) for answer in answers] == [True, True, False, False]
    assert {reason(answer) for answer in answers[2:]} == {"budget"}
    assert isinstance((await ask({"a": 0}))[0], dict), "what is known costs nothing"
    now[0] += 86_400
    assert isinstance((await ask({"a": 5}))[0], dict)
    assert len(api.asked) == 3


def test_tokens_come_back() -> None:
    now = [0.0]
    bucket = Bucket(2, 3, lambda: now[0])
    assert [bucket.take(9) for _ in range(5)] == [0, 0, 0, 0.5, 1.0]
    assert bucket.take(1.2) is None
    assert bucket.take(9) == 1.5
    now[0] = 100
    assert [bucket.take(0) for _ in range(4)] == [0, 0, 0, None]


async def test_the_rate_is_kept(stage: Any, api: Api) -> None:
    ask = stage("/{{a}}", rate=50, burst=1, longest_wait=0.11)
    loop = asyncio.get_running_loop()
    began = loop.time()
    answers = await ask(*({"a": n} for n in range(40)))
    answered = [answer for answer in answers if isinstance(answer, dict)]
    assert len(answered) <= 1 + (loop.time() - began + 0.11) * 50
    assert len(answered) >= 6
    assert {reason(answer) for answer in answers if not isinstance(answer, dict)} == {"rate_limited"}


async def test_so_many_at_once_and_in_order(stage: Any, api: Api) -> None:
    api.seconds = 0.01
    answers = await stage("/{{a}}", concurrency=4)(*({"a": n} for n in range(30)))
    assert [answer["path"] for answer in answers] == [f"/{n}" for n in range(30)]
    assert 2 <= api.most_at_once <= 4


async def test_two_frames_at_once_share_connections(stage: Any, api: Api) -> None:
    api.seconds = 0.02
    ask = stage("/{{a}}")
    found = await asyncio.gather(ask({"a": 1}), ask(*({"a": n} for n in range(2, 30))))
    assert len([answer for answers in found for answer in answers if isinstance(answer, dict)]) == 29


# Batches

BATCH: dict[str, Any] = {"method": "POST", "batch_size": 3, "body": {"ip": "{{ip}}"}}


async def test_a_batch_in_order(stage: Any, api: Api) -> None:
    api.says = lambda path, body: reply({"of": [{"n": each["ip"] * 10} for each in body["ask"]]})
    ask = stage("/b", **BATCH, batch_body={"ask": "{{items}}"}, batch_results="of", result={"n": "n"})
    found = await ask(*({"ip": n} for n in range(5)), {"no": 1})
    assert found == [*({"n": n * 10} for n in range(5)), None]
    assert sorted(len(body["ask"]) for *_, body in api.asked) == [2, 3]
    assert await ask({"ip": 4}) == [{"n": 40}]
    assert len(api.asked) == 2


async def test_a_batch_by_key(stage: Any, api: Api) -> None:
    api.says = lambda path, body: reply({str(each["ip"]): {"n": each["ip"]} for each in body if each["ip"] != 1})
    assert await stage("/b", **BATCH, batch_key="{{ip}}")({"ip": 0}, {"ip": 1}) == [{"n": 0}, None]
    api.says = lambda path, body: reply([{"id": each["ip"]} for each in reversed(body) if each["ip"] != 1])
    ask = stage("/c", **BATCH, batch_key="{{ip}}", batch_match="id")
    assert await ask({"ip": 0}, {"ip": 1}, {"ip": 2}) == [{"id": 0}, None, {"id": 2}]


@pytest.mark.parametrize("says", [[], [1], {"a": 1}, 7, None])
async def test_a_batch_answered_otherwise(stage: Any, api: Api, says: Any) -> None:
    api.says = lambda path, body: reply(says)
    assert {reason(answer) for answer in await stage("/b", **BATCH)({"ip": 0}, {"ip": 1})} == {"mismatch"}


@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 2},
        {"batch_size": 2, "method": "POST"},
        {"batch_size": 2, "body": "{{a}}"},
        {**BATCH, "query": {"a": "{{a}}"}},
        {"batch_match": "id"},
        {"method": "DELETE"},
        {"largest_bytes": 0},
    ],
)
def test_options_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        http_api.Config(url="http://a.example/", **options)
