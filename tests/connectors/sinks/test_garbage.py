"""What a sink makes of an answer that is none of its service's: 200, and a page, or somebody else's JSON.

It must not be believed, and it must not end the stream: nobody knows whether the request had its effect, so it is
waited and asked again, as where nobody answers.
"""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from penstock.connectors import registry
from penstock.connectors.registry import build_sink, configure_sink
from penstock.model.component import Resources
from penstock.model.errors import ServiceUnreachableError
from penstock.model.http import Backoff
from penstock.services import graph, ledger

SERVICES: dict[str, tuple[str, Callable[..., Any]]] = {
    "graph": ("GRAPH_API_URL", graph.create_app),
    "ledger": ("PROV_LEDGER_URL", ledger.create_app),
}
"""By the sinks that ask one; a sink without is tested to need none."""
GARBAGE = [
    b"<html>It works!</html>",
    b"",
    b"{}",
    b"[]",
    b"null",
    b'{"epoch":"x","next":[],"applied":null}',
    b"\xff",
    b'{"epoch":0,"next_seq":0,"next_offset":0,"head_hash":"ab"}',
]
STREAM = "orders/orders.raw/2"


class Front:
    """Stands before a service, and answers in its place while it has something to say."""

    def __init__(self, app: Any) -> None:
        self.app, self.says = app, None  # type: Any, bytes | None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and self.says is not None:
            await Response(self.says, 200)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


@pytest.fixture(params=sorted(SERVICES))
async def there(request: pytest.FixtureRequest, serve: Any, tmp_path: Path) -> AsyncIterator[tuple[Any, Front]]:
    variable, make = SERVICES[request.param]
    front = Front(make(f"sqlite:///{tmp_path}/kept.db", None))
    environ = {variable: serve(front).url, "PENSTOCK_HOME": str(tmp_path / "home")}
    sink: Any = build_sink(request.param, configure_sink(request.param, {}), Resources(environ=environ))
    sink.client.backoff = Backoff(first=0.01, longest=0.01)
    yield sink, front
    await sink.close()


def test_every_sink_that_asks_a_service_is_here(tmp_path: Path) -> None:
    for name in registry.SINKS.modules:
        sink = build_sink(name, configure_sink(name, {"path": str(tmp_path)} if name == "file" else {}), Resources())
        assert hasattr(sink, "client") == (name in SERVICES), name


@pytest.mark.parametrize("says", GARBAGE, ids=repr)
async def test_what_is_no_answer_is_no_success(there: tuple[Any, Front], batch: Any, says: bytes) -> None:
    sink, front = there
    notes = {"entities": [{"type": "Person", "key": "Ann"}]}
    first = batch(0, 2, make=lambda offset: batch.kept(offset, **notes))
    assert (await sink.write(first)).written == 2
    stands = await sink.position(STREAM)
    front.says = says
    behind = batch(2, 4, make=lambda offset: batch.kept(offset, **notes))
    with pytest.raises(ServiceUnreachableError, match="answer"):
        await sink.write(behind)
    if b"head_hash" not in says:  # a ledger may well stand elsewhere than it did
        with pytest.raises(ServiceUnreachableError, match="the answer is not that of"):
            await sink.position(STREAM)
    front.says = None
    assert await sink.position(STREAM) == stands, "what was not taken is not there"
    assert (await sink.write(behind)).written == 2
    assert (await sink.position(STREAM)).next == 4
