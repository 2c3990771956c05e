"""Real servers that can go away and come back, and batches."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import orjson
import pytest
import uvicorn
from fastapi import FastAPI

from penstock.model.component import Batch
from penstock.model.record import Kept


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


def kept(offset: int, **notes: object) -> Kept:
    data = orjson.dumps({"n": offset})
    return Kept(offset, 1_700_000_000_000 + offset, data, {name: orjson.dumps(note) for name, note in notes.items()})


@pytest.fixture
def batch() -> Callable[..., Batch]:
    """A batch of offsets first … next - 1, of entries made by `make` where none are given."""

    def build(first, next, entries=None, *, epoch=0, genesis=None, make=kept, partition=2):
        if entries is None:
            entries = [make(offset) for offset in range(first, next)]
        genesis = first == 0 if genesis is None else genesis
        stream = f"orders/orders.raw/{partition}"
        return Batch(stream, "orders.raw", partition, epoch, first, next, genesis, entries)

    build.kept = kept
    return build
