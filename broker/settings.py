"""What the embedded broker is told: its properties, where its log goes, and the options of its Java.

Measured on two busy cores (Kafka 4.1.1, Java 25): a start takes 2 to 4 s and 3.0 s of processor time with the serial
collector, 3.2 s with the parallel one and with G1, and ends at about 325 MB resident with each; the serial one has the
fewest threads, so it is used. A class archive made in a training run (``-XX:AOTCache``) saves 1.4 s of each start, and
costs 15 s and 70 MB once: left out, because a broker is started rarely and the first start is the one that people
wait for.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from penstock.model.errors import ConfigurationError

HEAP_VARIABLE: Final = "PENSTOCK_BROKER_HEAP"
DEFAULT_HEAP: Final = "768m"
LARGEST_MESSAGE: Final = 26 * 1024 * 1024
"""Bytes: a value of 25 MiB with its key, its headers and the batch around it."""
STORAGE: Final = "storage"
LOG: Final = "broker.log"
NODE: Final = 1

_ADDED_TO: Final = frozenset({"listeners", "advertised.listeners", "listener.security.protocol.map"})
_UNITS: Final = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_FIRST_HEAP: Final = "128m"


def properties(port: int, controller_port: int, extra: Mapping[str, str] | None = None) -> str:
    """Write ``server.properties``: one node that is broker and controller and listens on this machine only.

    Paths are relative to the data folder, in which the broker runs: it may be moved, and may hold characters that
    mean something in a properties file. All else is Kafka's default, topics keep a week.

    Parameters
    ----------
    extra : mapping, optional
        Further settings, or other values; listeners are added to those that the broker has anyway.
    """
    found = _properties(port, controller_port)
    for name, value in (extra or {}).items():
        found[name] = f"{found[name]},{value}" if name in _ADDED_TO else value
    return "\n".join(f"{name}={value}" for name, value in found.items()) + "\n"


def _properties(port: int, controller_port: int) -> dict[str, str | int]:
    return {
        "process.roles": "broker,controller",
        "node.id": NODE,
        "controller.quorum.voters": f"{NODE}@127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": STORAGE,
        "auto.create.topics.enable": "false",
        "delete.topic.enable": "true",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.num.partitions": 8,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "message.max.bytes": LARGEST_MESSAGE,
        "replica.fetch.max.bytes": LARGEST_MESSAGE,
        "socket.request.max.bytes": 4 * LARGEST_MESSAGE,
        # after a crash a new broker is let in when the session of the dead one ends: the default is 9 s
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 1000,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 2,
        "group.coordinator.threads": 1,
        "num.recovery.threads.per.data.dir": 2,
        # of the heap, taken at the start: the default is 128 MB
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    }


def logging_configuration() -> str:
    """Write ``log4j2.xml``: the broker's log, at most three files of 5 MB, beside its data."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Configuration status="ERROR" shutdownHook="disable">
  <Appenders>
    <RollingFile name="file" fileName="{LOG}" filePattern="{LOG}.%i">
      <PatternLayout pattern="%d{{ISO8601}} %p %m (%c{{1}})%n"/>
      <SizeBasedTriggeringPolicy size="5 MB"/>
      <DefaultRolloverStrategy max="2"/>
    </RollingFile>
  </Appenders>
  <Loggers>
    <Root level="INFO">
      <AppenderRef ref="file"/>
    </Root>
  </Loggers>
</Configuration>
"""


def java_options(jars: Sequence[Path], environ: Mapping[str, str]) -> str:
    """Write ``java.args``, which Java reads as ``@java.args``: a class path of 46 jars makes no readable command.

    Raises
    ------
    ConfigurationError
        ``PENSTOCK_BROKER_HEAP`` is not a size.
    """
    heap = environ.get(HEAP_VARIABLE) or DEFAULT_HEAP
    first = min(_FIRST_HEAP, heap, key=_bytes)
    options = [
        f"-Xms{first}",
        f"-Xmx{heap}",
        "-XX:+UseSerialGC",
        # a broker without memory ends, and can be started anew, rather than live on without some of its threads
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:-UsePerfData",
        "-XX:-CreateCoredumpOnCrash",
        "-XX:ErrorFile=java-crash.log",
        "-Djava.io.tmpdir=tmp",
        "-Dlog4j2.configurationFile=log4j2.xml",
        # Kafka uses both; Java 25 would write a page of warnings about it
        "--sun-misc-unsafe-memory-access=allow",
        "--enable-native-access=ALL-UNNAMED",
        "-cp",
        _quoted(":".join(map(str, jars))),
    ]
    return "\n".join(options) + "\n"


def _bytes(size: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]*[kKmMgG]", size):
        raise ConfigurationError(f"{HEAP_VARIABLE} is {size!r}, which is not a size", hint="such as 768m or 2g")
    return int(size[:-1]) * _UNITS[size[-1].lower()]


def _quoted(text: str) -> str:
    """Quote for an argument file ("java Command-Line Argument Files" in the Java tools reference)."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
