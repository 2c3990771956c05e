"""Tokens: who has one is its tenant, and nobody else's."""

from pathlib import Path

import httpx
import pytest
from fastapi import Depends, FastAPI

from penstock.api.problems import answer_problems
from penstock.api.tokens import Caller, authenticated, digest_of, read_tokens
from penstock.model.errors import ConfigurationError


def written(path: Path, text: str) -> dict[str, str]:
    path.write_text(text)
    return {"PENSTOCK_API_TOKENS_FILE": str(path)}


async def call(tokens: dict[str, str], tenant: str, **headers: str) -> httpx.Response:
    app = FastAPI()
    answer_problems(app)
    check = authenticated(tokens)

    @app.get("/{tenant}")
    def of(tenant: str, caller: Caller = Depends(check)) -> str:  # noqa: B008 # FastAPI's way
        return caller.of(tenant)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as http:
        return await http.get(f"/{tenant}", headers=headers)


async def test_a_token_is_good_for_its_tenant_only(tmp_path: Path) -> None:
    lines = f"{digest_of('a-token')}: {{tenant: acme}}\n{digest_of('b-token')}: {{tenant: '*'}}\n"
    tokens = read_tokens(written(tmp_path / "tokens.yml", lines))
    assert (await call(tokens, "acme", Authorization="Bearer a-token")).json() == "acme"
    refused = await call(tokens, "other", Authorization="Bearer a-token")
    assert (refused.status_code, refused.json()["code"]) == (403, "wrong_tenant")
    assert (await call(tokens, "other", Authorization="Bearer b-token")).json() == "other"


@pytest.mark.parametrize("header", [None, "Bearer", "Bearer no-token", "Basic a-token", "a-token"])
async def test_without_a_token_nobody_passes(header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    answer = await call({digest_of("a-token"): "*"}, "acme", **headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_one_token_for_all() -> None:
    assert read_tokens({"PENSTOCK_API_TOKEN": "only"}) == {digest_of("only"): "*"}


def test_no_token_is_no_api() -> None:
    with pytest.raises(ConfigurationError, match="PENSTOCK_API_TOKENS_FILE"):
        read_tokens({})


@pytest.mark.parametrize("text", ["my-secret-token: {tenant: a}", "- a", "[", f"{'0' * 64}: {{tenant: a, role: b}}"])
def test_a_file_that_is_none_is_refused_and_not_quoted(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_tokens(written(tmp_path / "tokens.yml", text))
    assert "secret" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        read_tokens({"PENSTOCK_API_TOKENS_FILE": str(tmp_path / "none.yml")})
