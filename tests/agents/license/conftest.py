"""What the tests of `license` share: a registry that answers over HTTP as told, and the stage run on one record."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from penstock.agents import registry
from penstock.model.component import Resources
from penstock.model.record import Kept, Record
from penstock.model.verdict import Keep


def record(data: Any, offset: int = 0, headers: Any = ()) -> Record:
    return Record(Kept(offset, 0, json.dumps(data).encode(), {}, headers=list(headers)), f"t/0/{offset}")


@pytest.fixture
def run() -> Callable[..., Any]:
    """Run the stage called `name` with these options on data; its notes, or the verdict that stops the record."""

    def run(name: str, data: dict[str, Any], **options: Any) -> Any:
        function = registry.build(name, registry.configure(name, options), Resources())[1]
        (verdict,) = asyncio.run(function([record(data)]))
        if not isinstance(verdict, Keep):
            return verdict
        return {note: json.loads(value) for note, value in verdict.notes.items()}

    return run


class FakeRegistry:
    """Knows what `licenses` says; counts what it was asked. `broken` is sent instead of an answer."""

    def __init__(self) -> None:
        self.licenses: dict[str, dict[str, Any]] = {}
        self.broken: tuple[int, bytes] | None = None
        self.refuses: set[str] = set()
        self.questions: list[dict[str, Any]] = []
        self.heads: list[bytes] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(int(h[15:]) for h in head.lower().split(b"\r\n") if h.startswith(b"content-length:"))
            question = json.loads(await reader.readexactly(length))
            self.heads.append(head)
            self.questions.append(question)
            status, body = self.broken or self.answer(question["licenses"])
            writer.write(
                f"HTTP/1.1 {status} -\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
            )
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def answer(self, ids: list[str]) -> tuple[int, bytes]:
        if self.refuses & set(ids):
            return 422, b"{}"
        unknown = {"decision": "unknown", "reason": "unknown_license", "duties": []}
        return 200, json.dumps({"results": {id: self.licenses.get(id, unknown) for id in ids}}).encode()


@pytest.fixture
async def licenses() -> AsyncIterator[FakeRegistry]:
    fake = FakeRegistry()
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(fake.serve(reader, writer)))

    running = await asyncio.start_server(connected, "127.0.0.1", 0)
    fake.url = f"http://127.0.0.1:{running.sockets[0].getsockname()[1]}"
    yield fake
    running.close()
    await asyncio.gather(*tasks)
    await running.wait_closed()
