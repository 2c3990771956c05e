import httpx
import pytest
import sqlalchemy as sa
from fastapi import Depends, FastAPI

from penstock.services.auth import Refusal, answer_refusals, bearer


def app(token: str | None) -> FastAPI:
    made = FastAPI()
    answer_refusals(made)

    @made.get("/guarded", dependencies=[Depends(bearer(token))])
    def guarded(number: int = 0) -> dict[str, int]:
        return {"number": number}

    @made.get("/refused")
    def refused() -> None:
        raise Refusal(409, "conflict", "a sentence", more={"next": 4})

    @made.get("/broken")
    def broken() -> None:
        raise sa.exc.OperationalError("SELECT 'secret-value'", None, RuntimeError("secret-value"))

    return made


async def get(token: str | None, path: str = "/guarded", **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(app(token))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        return await client.get(path, headers=headers)


@pytest.mark.parametrize("value", ["Bearer right", "bearer right"])
async def test_the_token_lets_pass(value: str) -> None:
    assert (await get("right", Authorization=value)).json() == {"number": 0}


@pytest.mark.parametrize(
    "value", ["", "right", "Bearer", "Bearer wrong", "Bearer rightandmore", "Basic right", "Bearer ü"]
)
async def test_anything_else_is_refused(value: str) -> None:
    transport = httpx.ASGITransport(app("right"))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        answer = await client.get("/guarded", headers={"Authorization": value.encode("latin-1")})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert set(answer.json()) == {"code", "message"}
    assert answer.json()["code"] == "unauthorized"


async def test_a_missing_header_is_refused() -> None:
    assert (await get("right")).status_code == 401


async def test_without_a_token_everybody_passes() -> None:
    assert (await get(None)).status_code == 200


def test_an_empty_token_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="empty token"):
        bearer("")


async def test_refusals_have_one_shape() -> None:
    answer = await get(None, "/refused")
    assert (answer.status_code, answer.json()) == (409, {"code": "conflict", "message": "a sentence", "next": 4})


async def test_an_invalid_request_is_named_without_its_value() -> None:
    answer = await get(None, "/guarded?number=secret-value")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert answer.json()["message"] == "query.number: int_parsing"


async def test_a_failing_database_is_retriable_and_quotes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    answer = await get(None, "/broken")
    assert (answer.status_code, answer.json()["code"]) == (503, "database")
    assert "secret-value" not in answer.text + caplog.text


def test_openapi_documents_the_token() -> None:
    document = app("right").openapi()
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    assert document["paths"]["/guarded"]["get"]["security"] == [{"bearer": []}]
