"""The HTTP client for services, against a real server that answers as told: errors, garbage, slowly, not at all."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.model.errors import ConfigurationError, RejectedError, ServiceUnreachableError
from penstock.model.http import LONGEST_RETRY_AFTER, Backoff, Breaker, ServiceClient, retry_after

QUICK = Backoff(first=0.005, longest=0.02)
CLOSE = b""


def answer(status: int, body: bytes = b"{}", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status} Told", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


class Server:
    """Gives its answers one after another, the last one for ever; keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[bytes | float] = []
        self.asked: list[bytes] = []
        self.connections = 0
        self.url = ""

    def says(self, *answers: bytes | float) -> "Server":
        self.answers = list(answers)
        return self

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next((int(h[15:]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:")), 0)
                self.asked.append(head + await reader.readexactly(length))
                told = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
                if isinstance(told, float):
                    await asyncio.sleep(told)
                elif told == CLOSE:
                    break
                else:
                    writer.write(told)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


@pytest.fixture
def serving(listening: Callable[..., Any]) -> Callable[[], Any]:
    @contextlib.asynccontextmanager
    async def make() -> AsyncIterator[Server]:
        told = Server()
        async with listening(told.serve) as port:
            told.url = f"http://127.0.0.1:{port}"
            yield told

    return make


@pytest.fixture
async def server(serving: Callable[[], Any]) -> AsyncIterator[Server]:
    async with serving() as told:
        yield told


@pytest.fixture
async def connect(server: Server) -> AsyncIterator[Callable[..., ServiceClient]]:
    made: list[ServiceClient] = []

    def client(**options: object) -> ServiceClient:
        options = {"variable": "SOME_URL", "backoff": QUICK, **options}
        made.append(ServiceClient("the service", server.url, **options))
        return made[-1]

    yield client
    for one in made:
        await one.close()


async def test_a_request_carries_token_body_and_headers_over_one_kept_connection(server, connect):
    server.says(answer(200, b'{"a":1}'))
    client = connect(token="s3cret")
    first = await client.request("POST", "/api/v1/check", json={"x": "é"}, headers={"X-Authority-ID": "etl-assistant"})
    second = await client.request("PUT", "/raw", content=b"\x00\x01")
    assert first.json() == {"a": 1} and second.status_code == 200
    assert server.asked[0].startswith(b"POST /api/v1/check HTTP/1.1\r\n")
    assert b"authorization: Bearer s3cret" in server.asked[0] or b"Authorization: Bearer s3cret" in server.asked[0]
    assert b"X-Authority-ID: etl-assistant" in server.asked[0]
    assert server.asked[0].endswith('{"x":"é"}'.encode()) and server.asked[1].endswith(b"\x00\x01")
    assert server.connections == 1


async def test_without_keep_alive_nothing_is_left_to_close(server, connect):
    server.says(answer(200))
    client = connect(keep_alive=False)
    await client.request("GET", "/")
    await client.request("GET", "/")
    assert server.connections == 2


async def test_what_did_not_change_is_an_answer_to_a_condition_alone(server, connect):
    client = connect(retries=0)
    server.says(answer(304, b"", 'ETag: "7"'))
    found = await client.request("GET", "/x", headers={"If-None-Match": '"7"'})
    assert (found.status_code, client.state) == (304, "closed")
    with pytest.raises(ServiceUnreachableError, match="status 304"):
        await client.request("GET", "/x")


@pytest.mark.parametrize(
    ("bad", "cause"),
    [
        *((answer(status), f"status {status}") for status in (302, 401, 403, 408, 429, 500, 502, 503, 504)),
        (CLOSE, "RemoteProtocolError"),
        (b"\x15\x03\x01 garbage\r\n\r\n", "RemoteProtocolError"),
        (answer(200, b"not gzip", "Content-Encoding: gzip"), "DecodingError"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf", "TimeoutError|ReadTimeout"),
        (30.0, "TimeoutError|ReadTimeout"),
    ],
)
async def test_what_may_pass_is_tried_again_and_then_reported_with_address_and_variable(server, connect, bad, cause):
    client = connect(retries=2, timeout=1.0 if "Timeout" in cause else 20.0)
    server.says(bad, bad, answer(200, b'{"good":true}'))
    assert (await client.request("GET", "/")).json() == {"good": True}
    assert client.breaker.failures == 0
    server.says(bad)
    server.asked.clear()
    with pytest.raises(ServiceUnreachableError) as caught:
        await client.request("GET", "/")
    assert len(server.asked) == 3
    assert server.url in str(caught.value) and "SOME_URL" in str(caught.value) and "the service" in str(caught.value)
    assert any(part in str(caught.value) for part in cause.split("|"))
    assert caught.value.retriable


async def test_nobody_listens():
    listener = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    listener.close()
    await listener.wait_closed()
    client = ServiceClient("the service", f"http://127.0.0.1:{port}", variable="SOME_URL", backoff=QUICK)
    with pytest.raises(ServiceUnreachableError, match="ConnectError"):
        await client.request("GET", "/")
    assert client.breaker.failures == 4
    await client.close()


@pytest.mark.parametrize("status", [400, 404, 405, 409, 410, 413, 415, 422, 451])
async def test_any_other_4xx_is_refused_at_once_and_nothing_of_the_answer_is_quoted(server, connect, status):
    server.says(answer(status, b'{"code":"jane@example.com","message":"jane@example.com"}'))
    client = connect()
    client.breaker.failures = 4
    with pytest.raises(RejectedError) as caught:
        await client.request("POST", "/", json={"email": "jane@example.com"})
    assert caught.value.status == status and len(server.asked) == 1
    assert "jane" not in str(caught.value) and "Told" not in str(caught.value)
    assert client.breaker.failures == 0, "a server that refuses is a server that answers"


async def test_the_wait_that_the_server_asks_for_is_kept(server, connect):
    server.says(answer(429, b"", "Retry-After: 1"), answer(200))
    began = asyncio.get_running_loop().time()
    await connect(backoff=Backoff(first=0.005, longest=5)).request("GET", "/")
    assert 0.95 < asyncio.get_running_loop().time() - began < 4


async def test_a_long_wait_is_handed_to_the_caller_at_once(server, connect):
    server.says(answer(503, b"", "Retry-After: 120"))
    with pytest.raises(ServiceUnreachableError) as caught:
        await connect().request("GET", "/")
    assert caught.value.retry_after == 120 and len(server.asked) == 1
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    server.says(answer(503, b"", f"Retry-After: {until}"))
    with pytest.raises(ServiceUnreachableError) as caught:
        await connect().request("GET", "/")
    assert 85 < caught.value.retry_after <= 90


def test_retry_after_is_seconds_or_a_date_and_capped():
    assert retry_after("7") == 7
    assert retry_after("0") == 0
    assert retry_after("9" * 500) == LONGEST_RETRY_AFTER
    assert retry_after("Sun, 06 Nov 1994 08:49:37 GMT") == 0
    assert retry_after("Fri, 06 Nov 2950 08:49:37 -0000") == LONGEST_RETRY_AFTER
    assert retry_after("") is None and retry_after("soon") is None and retry_after("-3") is None
    assert retry_after("Fri, 99999999999999999999 Nov 2950 08:49:37 GMT") is None


@settings(derandomize=True, max_examples=300)
@given(st.text(max_size=40) | st.from_regex(r"\w{3}, \d{1,25} (Nov|Jan) \d{1,25} \d+:\d+:\d+ [+-]\d{1,30}"))
def test_whatever_retry_after_holds_it_is_a_wait_or_nothing(value):
    wait = retry_after(value)
    assert wait is None or 0 <= wait <= LONGEST_RETRY_AFTER


def test_waits_grow_are_jittered_and_bounded():
    backoff = Backoff(first=1, multiplier=2, longest=5)
    waits = [[backoff.seconds(attempt) for _ in range(50)] for attempt in (1, 2, 3, 4, 9)]
    for most, found in zip((1, 2, 4, 5, 5), waits, strict=True):
        assert most / 2 <= min(found) < max(found) <= most


def test_the_breaker_opens_tries_once_and_closes():
    now = [100.0]
    breaker = Breaker(limit=3, seconds=30, clock=lambda: now[0])
    for _ in range(2):
        assert breaker.admit()
        breaker.fail()
    breaker.succeed()
    for _ in range(3):
        assert breaker.state == "closed" and breaker.admit()
        breaker.fail()
    assert breaker.state == "open" and not breaker.admit() and breaker.remaining == 30
    now[0] += 29
    assert not breaker.admit() and breaker.remaining == 1
    now[0] += 1
    assert breaker.state == "half-open"
    assert breaker.admit() and not breaker.admit(), "one request tries, no more"
    breaker.fail()
    assert breaker.state == "open" and breaker.remaining == 30
    now[0] += 30
    assert breaker.admit()
    breaker.forget()
    assert breaker.admit(), "a cancelled try lets the next one try"
    breaker.succeed()
    assert breaker.state == "closed" and breaker.admit() and breaker.admit()


async def test_an_open_circuit_fails_at_once_and_heals_with_the_server(server, connect):
    now = [0.0]
    client = connect(retries=10, breaker=Breaker(limit=3, seconds=30, clock=lambda: now[0]))
    server.says(answer(500))
    with pytest.raises(ServiceUnreachableError) as caught:
        await client.request("GET", "/")
    assert len(server.asked) == 3 and client.state == "open" and caught.value.retry_after == 30
    now[0] = 10
    with pytest.raises(ServiceUnreachableError, match="circuit") as caught:
        await client.request("GET", "/")
    assert len(server.asked) == 3 and caught.value.retry_after == 20
    now[0] = 30
    with pytest.raises(ServiceUnreachableError, match="status 500"):
        await client.request("GET", "/")
    assert len(server.asked) == 4 and client.state == "open", "a try that failed is not repeated"
    now[0] = 60
    server.says(answer(200))
    assert client.state == "half-open"
    await client.request("GET", "/")
    assert client.state == "closed" and client.breaker.failures == 0


async def test_a_cancelled_try_does_not_leave_the_circuit_half_open_for_ever(server, connect):
    now = [0.0]
    client = connect(retries=0, breaker=Breaker(limit=1, seconds=1, clock=lambda: now[0]))
    server.says(answer(500))
    with pytest.raises(ServiceUnreachableError):
        await client.request("GET", "/")
    now[0] = 2
    server.says(30.0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.request("GET", "/"), 0.1)
    server.says(answer(200))
    assert (await client.request("GET", "/")).status_code == 200


async def test_nothing_sent_or_received_is_logged_or_quoted(server, connect, caplog):
    caplog.set_level(logging.DEBUG)
    logging.getLogger("httpx").debug("nothing")
    client = connect(token="t0ken-canary", retries=1)
    for bad in (answer(500, b"canary-answer"), answer(422, b"canary-answer"), CLOSE, answer(200, b"canary-answer")):
        server.says(bad)
        try:
            await client.request("POST", "/canary-path", content=b"canary-body")
        except (ServiceUnreachableError, RejectedError) as error:
            assert "canary" not in f"{error!r} {error} {error.__cause__!r}"
            assert error.__context__ is None or error.__suppress_context__ or "canary" not in repr(error.__context__)
    ours = "".join(record.getMessage() for record in caplog.records if record.name.startswith(("httpx", "penstock")))
    assert "canary" not in ours
    assert "t0ken-canary" not in caplog.text


async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a byte now and then: never silent for long, never done."""
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not writer.transport.is_closing():
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.02)
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_a_server_that_drips_is_given_up_as_well():
    tasks: list[asyncio.Task[None]] = []
    running = await asyncio.start_server(lambda *pair: tasks.append(asyncio.ensure_future(drip(*pair))), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}"
    client = ServiceClient("the service", url, variable="X", backoff=QUICK, retries=0, timeout=0.2)
    with pytest.raises(ServiceUnreachableError, match="TimeoutError"):
        await asyncio.wait_for(client.request("GET", "/"), 5)
    await client.close()
    await asyncio.gather(*tasks)
    running.close()
    await running.wait_closed()


def test_another_event_loop_gets_its_own_connections(serving: Callable[[], Any]):
    async def scenario(client: ServiceClient) -> object:
        async with serving() as told:
            client.address = told.says(answer(200)).url
            for _ in range(2):
                assert (await client.request("GET", "/")).status_code == 200
        assert client._client() is client._client()
        return client._client()

    client = ServiceClient("the service", "http://localhost:1", variable="X", retries=0, keep_alive=False)
    first, second = asyncio.run(scenario(client)), asyncio.run(scenario(client))
    assert first is not second
    asyncio.run(client.close())


@pytest.mark.parametrize(
    "url", ["", "localhost:4030", "ftp://host", "http://", "http://h/?q=1", "http://h:port", "\x00"]
)
def test_an_address_that_is_none_names_the_variable(url):
    with pytest.raises(ConfigurationError, match="SOME_URL"):
        ServiceClient("the service", url, variable="SOME_URL")


def test_a_password_in_the_address_is_sent_but_never_shown():
    client = ServiceClient("the service", "http://me:pa55word@localhost:1/base/", variable="SOME_URL")
    assert client.address == "http://localhost:1/base"
    assert client._auth == ("me", "pa55word")


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "naïve"])
def test_a_token_that_cannot_be_sent_is_refused_without_being_shown(token):
    with pytest.raises(ConfigurationError, match="PENSTOCK_API_TOKEN") as caught:
        ServiceClient("the service", "http://localhost:1", variable="SOME_URL", token=token)
    assert token not in str(caught.value)


def test_from_the_environment():
    client = ServiceClient.from_environment("the registry", {}, "SOME_URL", "http://localhost:4030", timeout=3.0)
    assert (client.address, client.timeout, client._headers) == ("http://localhost:4030", 3.0, {})
    environ = {"SOME_URL": "https://registry.example/", "PENSTOCK_API_TOKEN": "abc"}
    client = ServiceClient.from_environment("the registry", environ, "SOME_URL", "http://localhost:4030")
    assert (client.address, client._headers) == ("https://registry.example", {"Authorization": "Bearer abc"})
