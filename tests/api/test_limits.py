"""What is too much is refused: bytes as they come, requests as they are counted."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from penstock.api.limits import Limits, LimitsMiddleware
from penstock.api.problems import MEDIA_TYPE, answer_problems
from penstock.api.tokens import digest_of

KNOWN = ("a", "b")


class Text(BaseModel):
    text: str


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def client(limits: Limits, clock: Clock | None = None) -> httpx.AsyncClient:
    app = FastAPI()
    answer_problems(app)

    @app.post("/length")
    def length(body: Text) -> int:
        return len(body.text)

    limited = LimitsMiddleware(app, limits, {digest_of(token) for token in KNOWN}, clock or Clock())
    return httpx.AsyncClient(transport=httpx.ASGITransport(limited), base_url="http://api")


async def chunks(count: int) -> AsyncIterator[bytes]:
    """A body that does not say how long it is."""
    yield b'{"text": "'
    for _ in range(count):
        yield b"x" * 100
    yield b'"}'


@pytest.mark.parametrize("body", [{"content": b'{"text": "' + b"x" * 1000 + b'"}'}, {"content": chunks(10)}])
async def test_a_body_that_is_too_long(body) -> None:
    async with client(Limits(body_bytes=500)) as http:
        answer = await http.post("/length", **body)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert answer.headers["content-type"] == MEDIA_TYPE


async def test_a_body_that_just_fits() -> None:
    content = b'{"text": "' + b"x" * 488 + b'"}'
    async with client(Limits(body_bytes=len(content))) as http:
        assert (await http.post("/length", content=content, headers={"Content-Type": "application/json"})).json() == 488


async def test_requests_are_counted_by_caller_and_the_bucket_fills_evenly() -> None:
    clock = Clock()
    async with client(Limits(requests_per_minute=3), clock) as http:

        async def call(token: str) -> httpx.Response:
            return await http.post("/length", json={"text": ""}, headers={"Authorization": f"Bearer {token}"})

        assert [(await call("a")).status_code for _ in range(4)] == [200, 200, 200, 429]
        refused = await call("a")
        assert (refused.json()["code"], refused.headers["Retry-After"]) == ("too_many", "20")
        assert (await call("b")).status_code == 200
        clock.now = 19.0
        assert (await call("a")).status_code == 429
        clock.now = 20.0
        assert [(await call("a")).status_code for _ in range(2)] == [200, 429]
        clock.now = 10_000.0  # no more than one minute's worth is saved up
        assert [(await call("a")).status_code for _ in range(4)] == [200, 200, 200, 429]


async def test_who_makes_tokens_up_gets_no_more_turns() -> None:
    async with client(Limits(requests_per_minute=3)) as http:

        async def call(authorization: str) -> int:
            answer = await http.post(
                "/length", json={"text": ""}, headers={"Authorization": authorization.encode("latin-1")}
            )
            return answer.status_code

        made_up = ["Bearer x", "Bearer y", "Basic a", "Bearer", "z", "Bearer \xff"]
        assert [await call(one) for one in made_up] == [200, 200, 200, 429, 429, 429]
        assert [await call(one) for one in ("Bearer a", "bearer  b")] == [200, 200]
