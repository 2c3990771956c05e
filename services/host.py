"""host: run the reference services together in one process, each on its own port.

::

    name       variable               default port
    graph      GRAPH_API_URL          4000
    ledger     PROV_LEDGER_URL        4010
    licenses   LICENSE_REGISTRY_URL   4030
    schemas    SCHEMA_REGISTRY_URL    8081
    ai_engine  AI_ENGINE_URL          8000, with the extra `ai` only

On a laptop `start` leaves a process behind that listens on 127.0.0.1, and `stop` ends it. In a container
``python -m penstock.services.host --foreground --name graph --host 0.0.0.0 --port 4000`` serves until it is told to
end. Secrets travel by environment (``PENSTOCK_API_TOKEN``, ``DATABASE_URL``), never by command line. Without
``DATABASE_URL`` each service has one SQLite file under ``<home>/services``.

Who runs: the process holds an exclusive lock on ``<home>/services/host.lock`` as long as it lives, and so a lock that
is free proves that the state file is old, whoever has its pid by now.
"""

import argparse
import asyncio
import contextlib
import fcntl
import importlib
import json
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import uvicorn

from penstock.model.errors import ConfigurationError, PenstockError, ServiceUnreachableError
from penstock.model.serving import Server

VARIABLES = {
    "graph": "GRAPH_API_URL",
    "ledger": "PROV_LEDGER_URL",
    "licenses": "LICENSE_REGISTRY_URL",
    "schemas": "SCHEMA_REGISTRY_URL",
    "ai_engine": "AI_ENGINE_URL",
}
PORTS = {"graph": 4000, "ledger": 4010, "licenses": 4030, "schemas": 8081, "ai_engine": 8000}
ALL = tuple(PORTS)
OPTIONAL = ("ai_engine",)
"""Services of an extra: they have a function ``check_installed``, and are left out where it raises."""
TOKEN = "PENSTOCK_API_TOKEN"
DATABASE = "DATABASE_URL"
LOCAL = "127.0.0.1"
STOP_SECONDS = 10.0
PROC = Path("/proc/self/cmdline")  # only Linux has it
# How often files and processes are looked at while waiting.
POLL_SECONDS = 0.05

logger = logging.getLogger("penstock.services")


@dataclass(frozen=True)
class ServicesInfo:
    """Services that run.

    Attributes
    ----------
    pid : int
    token : str
        What callers send as ``Authorization: Bearer``.
    urls : dict of str to str
        By name of the service.
    """

    pid: int
    token: str
    urls: dict[str, str]

    def env(self) -> dict[str, str]:
        """The environment in which clients find the services."""
        return {VARIABLES[name]: url for name, url in self.urls.items()} | {TOKEN: self.token}


def missing() -> dict[str, str]:
    """The services that this installation cannot run, by name, and what they lack."""
    found = {}
    for name in OPTIONAL:
        try:
            importlib.import_module(f"penstock.services.{name}").check_installed()
        except ConfigurationError as error:
            found[name] = str(error)
    return found


def installed() -> tuple[str, ...]:
    """The services that this installation can run."""
    lacking = missing()
    return tuple(name for name in ALL if name not in lacking)


def start(
    names: Sequence[str] | None = None,
    *,
    home: Path,
    database_url: str | None = None,
    ports: Mapping[str, int] | None = None,
    wait_seconds: float = 20,
) -> ServicesInfo:
    """Start services in a process of their own, or find them running.

    Parameters
    ----------
    names : sequence of str, optional
        All that are `installed` where absent.
    home : Path
        Where ``services/`` with state, log and SQLite files lives.
    database_url : str, optional
        Else ``DATABASE_URL``, else SQLite files.
    ports : mapping of str to int, optional
        Ports that must be had; other services take their default port if it is free, else any.

    Raises
    ------
    ConfigurationError
        A name is unknown, or services run that lack one of the names.
    ServiceUnreachableError
        They did not come up; names the log file and quotes its last line.
    """
    names = installed() if names is None else names
    for name in names:
        if name not in PORTS:
            raise ConfigurationError(f"there is no service {name}", hint=f"there are {', '.join(ALL)}")
    files = _Files(home)
    files.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _exclusive(files.start_lock):
        running = status(home)
        if running is None:
            return _spawn(files, names, database_url, ports or {}, wait_seconds)
        if missing := [name for name in names if name not in running.urls]:
            raise ConfigurationError(f"services run without {', '.join(missing)}", hint="stop them first")
        return running


def status(home: Path) -> ServicesInfo | None:
    """The services that run in this home; None if none do."""
    files = _Files(home)
    if not files.state.exists() or not _is_locked(files.lock):
        return None
    try:
        state = json.loads(files.state.read_text())
        info = ServicesInfo(pid=state["pid"], token=state["token"], urls=state["urls"])
    except (OSError, ValueError, KeyError):
        return None
    return info if _is_host(info.pid) else None


def stop(home: Path) -> bool:
    """End the services of this home; whether there were any. Signals only the process that the state file names."""
    info = status(home)
    if info is None:
        return False
    files = _Files(home)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if not _is_locked(files.lock):
            break
        with contextlib.suppress(ProcessLookupError):
            os.kill(info.pid, number)
        deadline = time.monotonic() + STOP_SECONDS
        # The lock goes first; a moment later, where the system tells, the process.
        while (_is_locked(files.lock) or (PROC.exists() and _is_host(info.pid))) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
    files.state.unlink(missing_ok=True)
    with contextlib.suppress(ChildProcessError):  # ours only if this process started it
        os.waitpid(info.pid, os.WNOHANG)
    return True


class _Files:
    def __init__(self, home: Path) -> None:
        self.folder = home / "services"
        self.state = self.folder / "host.json"
        self.lock = self.folder / "host.lock"
        self.start_lock = self.folder / "start.lock"
        self.log = self.folder / "host.log"


def _spawn(
    files: _Files, names: Sequence[str], database_url: str | None, ports: Mapping[str, int], wait_seconds: float
) -> ServicesInfo:
    command = [sys.executable, "-m", "penstock.services.host", "--home", str(files.folder.parent.absolute())]
    for name in names:
        command += ["--name", name, "--port", str(ports.get(name, -1))]
    environment = dict(os.environ) | {TOKEN: secrets.token_urlsafe(32)}
    if database_url is not None:
        environment[DATABASE] = database_url
    with files.log.open("ab") as log:
        before = log.tell()
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    deadline = time.monotonic() + wait_seconds
    while time.monotonic() < deadline and process.poll() is None:
        info = status(files.folder.parent)
        if info is not None:
            if info.pid == process.pid:
                _leave(process)
            else:  # one that an earlier, interrupted start left behind was faster
                process.kill()
                process.wait()
            return info
        time.sleep(POLL_SECONDS)
    if process.poll() is None:
        process.kill()
    process.wait()
    with files.log.open("rb") as log:
        log.seek(before)
        last = log.read().decode(errors="replace").strip().rpartition("\n")[2]
    raise ServiceUnreachableError(
        f"the services {', '.join(names)}", LOCAL, seconds=wait_seconds, cause=f"{last}; see {files.log}"
    )


def _leave(process: subprocess.Popen[bytes]) -> None:
    """The process outlives us on purpose: `Popen` must not warn that it still runs."""
    process.returncode = 0


# The process that serves


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until told to end. Exit status 2: wrong use; 3: database not reachable or port taken."""
    options = _options(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        return _serve_as(options)
    except PenstockError as error:
        logger.error("%s", error)
        return error.exit_status


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m penstock.services.host", description="Run the reference services.")
    parser.add_argument(
        "--name", action="append", choices=ALL, help="a service; repeat for more; all that are installed if not given"
    )
    parser.add_argument("--port", action="append", type=int, help="its port, in the order of the names; -1 any")
    parser.add_argument("--host", default=LOCAL, help="address to listen on (default %(default)s)")
    parser.add_argument("--home", type=Path, help="folder for SQLite files, where DATABASE_URL is not set")
    parser.add_argument("--foreground", action="store_true", help="write no state file")
    options = parser.parse_args(arguments)
    options.name = options.name or list(installed())
    options.port = options.port or [PORTS[name] for name in options.name]
    if len(options.port) != len(options.name):
        parser.error("give as many --port as --name")
    if options.home is None and not (options.foreground and os.environ.get(DATABASE)):
        parser.error("give --home, or set DATABASE_URL and --foreground")
    return options


def _serve_as(options: argparse.Namespace) -> int:
    token = os.environ.get(TOKEN) or None
    apps = {name: _app(name, options.home, token) for name in options.name}
    sockets = {name: _listen(name, options.host, port) for name, port in zip(options.name, options.port, strict=True)}
    if options.foreground:
        if token is None:
            logger.warning("%s is not set: everybody may call these services", TOKEN)
        asyncio.run(_serve(apps, sockets, lambda: None))
        return 0
    files = _Files(options.home)
    with _exclusive(files.lock):
        files.state.unlink(missing_ok=True)
        urls = {name: f"http://{LOCAL}:{listener.getsockname()[1]}" for name, listener in sockets.items()}
        info = ServicesInfo(pid=os.getpid(), token=token or "", urls=urls)
        try:
            asyncio.run(_serve(apps, sockets, lambda: _write_state(files.state, info)))
        finally:
            files.state.unlink(missing_ok=True)
    return 0


def _app(name: str, home: Path | None, token: str | None) -> Any:
    """The application of a service: ``create_app`` of the module with its name."""
    module = f"penstock.services.{name}"
    try:
        create = importlib.import_module(module).create_app
    except ModuleNotFoundError as error:
        if error.name != module:
            raise ConfigurationError(f"the service {name} needs the package {error.name}") from None
        raise ConfigurationError(f"the service {name} is not part of this installation ({module})") from None
    url = os.environ.get(DATABASE)
    if not url:
        assert home is not None
        url = f"sqlite:///{(home / 'services' / f'{name}.db').absolute()}"
    return create(url, token)


def _listen(name: str, host: str, port: int) -> socket.socket:
    """A listening socket. Port -1 asks for the default port of the service, or else for any."""
    wanted = [PORTS[name], 0] if port == -1 else [port]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in wanted:
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        # Not SO_REUSEPORT: a port that somebody else serves must be refused.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, number))
            listener.listen(2048)
        except OSError as error:
            listener.close()
            cause = error
        else:
            return listener
    raise ServiceUnreachableError(f"the service {name}", f"{host}:{port}", cause=f"cannot listen: {cause.strerror}")


class _Server(Server):
    """A server among several in one loop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.tried = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.tried.set()


async def _serve(apps: Mapping[str, Any], sockets: Mapping[str, socket.socket], ready: Callable[[], None]) -> None:
    servers = {
        name: _Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5))
        for name, app in apps.items()
    }

    def end() -> None:
        for server in servers.values():
            server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    tasks = [asyncio.create_task(server.serve(sockets=[sockets[name]])) for name, server in servers.items()]
    started = asyncio.create_task(_all_tried(servers.values()))
    await asyncio.wait([started, *tasks], return_when=asyncio.FIRST_COMPLETED)
    if all(server.started for server in servers.values()):
        logger.info("serving %s", ", ".join(f"{name} on {sockets[name].getsockname()[1]}" for name in servers))
        ready()
    # One server that ends ends them all: half of the services is worse than none.
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    end()
    await asyncio.gather(*tasks)
    started.cancel()


async def _all_tried(servers: Iterable[_Server]) -> None:
    for server in servers:
        await server.tried.wait()


def _write_state(path: Path, info: ServicesInfo) -> None:
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(info), file)
    draft.replace(path)


# Locks


@contextlib.contextmanager
def _exclusive(path: Path) -> Iterator[IO[bytes]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file


def _is_locked(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            # Shared, so that those who look do not see each other.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _is_host(pid: int) -> bool:
    """Where the system tells, whether the process is one of ours."""
    try:
        return b"penstock.services.host" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return not PROC.exists()


if __name__ == "__main__":
    sys.exit(main())
