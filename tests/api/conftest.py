"""The API over a real ledger: both in this process, the ledger on a port of its own."""

import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from penstock.api.app import create_app
from penstock.api.tokens import digest_of
from penstock.services import ledger as ledger_service

TOKENS = {"token-of-acme": "acme", "token-of-other": "other", "token-of-all": "*"}


@pytest.fixture
def ledger_url(tmp_path: Path) -> Iterator[str]:
    listener = socket.create_server(("127.0.0.1", 0))
    app = ledger_service.create_app(f"sqlite:///{tmp_path}/ledger.db", None)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started:
        assert thread.is_alive() and time.monotonic() < deadline, "the ledger did not start"
        time.sleep(0.005)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(20)
    listener.close()


@pytest.fixture
def environ(tmp_path: Path, ledger_url: str) -> dict[str, str]:
    tokens = tmp_path / "tokens.yml"
    tokens.write_text("".join(f"{digest_of(token)}: {{tenant: '{of}'}}\n" for token, of in TOKENS.items()))
    return {
        "PENSTOCK_HOME": str(tmp_path / "home"),
        "PENSTOCK_API_TOKENS_FILE": str(tokens),
        "PROV_LEDGER_URL": ledger_url,
    }


@pytest.fixture
async def client(environ: dict[str, str]) -> AsyncIterator[Callable[[str], httpx.AsyncClient]]:
    """A client with the token of that tenant."""
    app = create_app(environ)
    made: list[httpx.AsyncClient] = []

    def build(tenant: str = "acme") -> httpx.AsyncClient:
        token = next(token for token, of in TOKENS.items() if of == tenant)
        headers = {"Authorization": f"Bearer {token}"}
        made.append(httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api", headers=headers))
        return made[-1]

    async with app.router.lifespan_context(app):
        yield build
        for each in made:
            await each.aclose()
