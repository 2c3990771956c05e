"""What tests share: a real Kafka, real HTTP servers, a home of their own, names that nobody else uses."""

import contextlib
import gc
import os
import socket
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

KAFKA_IMAGE = "apache/kafka:4.1.1"


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Kafka: the one that is named, else one in a container, else the embedded broker."""
    with contextlib.ExitStack() as stack:
        address = os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or _in_container(stack)
        yield address or _embedded(stack, tmp_path_factory.mktemp("broker"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of penstock for one test."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("PENSTOCK_HOME", str(folder))
    return folder


@pytest.fixture
def pipeline_name() -> str:
    """A name that no other test, and no other run of this one, uses."""
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Start a server for an app on a port (0: a free one); gives its address, stops it after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda app, port=0: stack.enter_context(_serving(app, port))


@contextlib.contextmanager
def _serving(app: FastAPI, port: int) -> Iterator[str]:
    # With the protocol named, asyncio turns Nagle's algorithm off; without it each answer waits 40 ms for an ACK.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on", timeout_graceful_shutdown=5))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive() and time.monotonic() < deadline, "the server did not start"
            time.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()


def _in_container(stack: contextlib.ExitStack) -> str | None:
    """A Kafka in a container, where a Docker engine answers."""
    if not _engine_answers():
        return None
    from testcontainers.kafka import KafkaContainer

    container = stack.enter_context(KafkaContainer(KAFKA_IMAGE).with_kraft())
    address: str = container.get_bootstrap_server()
    return address


def _engine_answers() -> bool:
    import docker

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the client forgets its socket where no engine answers
        try:
            with contextlib.closing(docker.from_env()) as engine:
                return bool(engine.ping())
        except docker.errors.DockerException:
            return False
        finally:
            gc.collect()


def _embedded(stack: contextlib.ExitStack, folder: Path) -> str:
    from penstock.broker import embedded

    broker = embedded.start(data=folder)
    stack.callback(embedded.stop, folder)
    return broker.bootstrap
