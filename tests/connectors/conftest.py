"""Reading sources to their end, and real servers that can go away and come back."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from fastapi import FastAPI

from penstock.connectors.registry import build_source, configure_source
from penstock.model.component import Page, Resources, SourceRecord, Unreadable


class Reading:
    """A source, its cursor and everything it gave so far."""

    def __init__(self, runner: asyncio.Runner, kind: str, options: dict[str, object]) -> None:
        self.runner, self.kind, self.options = runner, kind, options
        self.cursor = None
        self.found: list[SourceRecord | Unreadable] = []

    def page(self) -> Page:
        """One page, read by a new source each time, as after a restart."""
        source = build_source(self.kind, configure_source(self.kind, self.options), Resources())
        page = self.runner.run(source.fetch(self.cursor))
        self.cursor = page.cursor
        self.found += page.records
        return page

    def all(self) -> list[SourceRecord | Unreadable]:
        """What is there now and was not given before."""
        before = len(self.found)
        while not self.page().done:
            pass
        return self.found[before:]

    def values(self) -> list[bytes]:
        return [record.value for record in self.all()]


@pytest.fixture(scope="session")
def reading() -> Iterator[Callable[..., Reading]]:
    # With a factory the runner leaves the loop that pytest-asyncio has set alone.
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        yield lambda kind, path, **options: Reading(runner, kind, {"path": str(path), **options})


class Server:
    """An app on a port of its own."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listener.getsockname()[1]
        config = uvicorn.Config(self.app, log_level="warning", timeout_graceful_shutdown=5)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]})
        self.thread.start()
        deadline = time.monotonic() + 20
        while not self.server.started:
            assert self.thread.is_alive() and time.monotonic() < deadline, "the server did not start"
            time.sleep(0.005)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive()
        self.listener.close()


@pytest.fixture
def serve() -> Iterator[Callable[[FastAPI], Server]]:
    servers: list[Server] = []

    def start(app: FastAPI) -> Server:
        servers.append(Server(app))
        return servers[-1]

    yield start
    for server in servers:
        if server.thread.is_alive():
            server.stop()
