"""penstock ledger: a real ledger, heads on a real Kafka, and what was done to either."""

import asyncio
import json
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from penstock.agents.runtime.cluster import Cluster
from penstock.connectors.registry import build_sink, configure_sink
from penstock.model.component import Batch, Resources
from penstock.model.record import Kept, Stub
from penstock.services.ledger import create_app

pytestmark = pytest.mark.integration


@pytest.fixture
def database(alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The database of a ledger that runs, and that the environment names."""
    file = tmp_path / "ledger.db"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        app = create_app(f"sqlite:///{file}", None)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started:
            assert thread.is_alive() and time.monotonic() < deadline, "the ledger did not start"
            time.sleep(0.005)
        monkeypatch.setenv("PROV_LEDGER_URL", f"http://127.0.0.1:{listener.getsockname()[1]}")
        yield file
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def written(database: Path, pipeline: Callable[..., Path], on_kafka: str, pipeline_name: str) -> Path:
    """A pipeline whose two chains have 2 batches of 20 entries each, their heads published."""
    file = pipeline("stages: [tag]\nsinks: [ledger]\nungoverned: true\n")
    raw = f"{pipeline_name}.raw"

    async def write() -> None:
        resources = Resources(pipeline=pipeline_name, environ=os.environ)
        sink = build_sink("ledger", configure_sink("ledger", {}), resources)
        producer = Cluster(on_kafka).producer()
        await producer.start()
        for partition in (0, 1):
            stream = f"{pipeline_name}/{raw}/{partition}"
            for first in (0, 20):
                entries = [
                    Stub(n, 0, "dropped", "dedup", "repeated") if n % 10 == 0 else Kept(n, 0, b'{"n":%d}' % n, {})
                    for n in range(first, first + 20)
                ]
                batch = Batch(stream, raw, partition, 0, first, first + 20, first == 0, list(entries))
                receipt = await sink.write(batch)
                await producer.send_and_wait(f"{pipeline_name}.heads", receipt.head, partition=partition)
        await producer.stop()
        await sink.close()

    asyncio.run(write())
    return file


def change(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        assert connection.execute(statement).rowcount > 0


def test_what_was_written_is_right(call: Callable[..., Any], written: Path, pipeline_name: str) -> None:
    result = call("ledger", "verify", written, "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["ok"] and found["findings"] == [] and found["verdicts"] == {"kept": 72, "dropped": 8}
    assert found["chains"] == [
        {"chain": f"{pipeline_name}/{pipeline_name}.raw/{p}", "entries": 40, "batches": 2, "heads": 2, "findings": 0}
        for p in (0, 1)
    ]
    table = call("ledger", "verify", "--pipeline", pipeline_name)
    assert table.exit_code == 0 and "80 entries are as they were written" in table.stdout


@pytest.mark.parametrize(
    ("statement", "kind", "seq"),
    [
        ("UPDATE ledger_entries SET verdict = 'dropped' WHERE chain_id = 1 AND seq = 7", "changed", 7),
        ("DELETE FROM ledger_entries WHERE chain_id = 1 AND seq = 25", "missing", 25),
        (
            "INSERT INTO ledger_entries SELECT chain_id, 40, epoch, 40, 40, 'added', verdict, stage, code,"
            " content_hash, license, pii, timestamp, hash FROM ledger_entries WHERE chain_id = 1 AND seq = 39",
            "inserted",
            40,
        ),
    ],
)
def test_what_was_done_to_an_entry_is_named(
    call: Callable[..., Any], written: Path, database: Path, statement: str, kind: str, seq: int
) -> None:
    change(database, statement)
    result = call("ledger", "verify", written, "--json")
    assert result.exit_code == 1
    (finding,) = json.loads(result.stdout)["findings"]
    assert (finding["kind"], finding["seq"]) == (kind, seq)
    assert kind in call("ledger", "verify", written).stdout


def test_a_chain_that_only_kafka_knows_is_missed(
    call: Callable[..., Any], written: Path, database: Path, pipeline_name: str
) -> None:
    for table in ("entries", "batches"):
        change(database, f"DELETE FROM ledger_{table} WHERE chain_id = 2")
    change(database, "DELETE FROM ledger_chains WHERE id = 2")
    result = call("ledger", "verify", written, "--json")
    assert result.exit_code == 1
    findings = json.loads(result.stdout)["findings"]
    assert {finding["chain"] for finding in findings} == {f"{pipeline_name}/{pipeline_name}.raw/1"}
    assert "cut_off" in {finding["kind"] for finding in findings}


def test_another_key_is_not_trusted_and_the_right_one_is(
    call: Callable[..., Any], written: Path, alone: Path, tmp_path: Path
) -> None:
    stranger = _public(tmp_path / "stranger.pem", Ed25519PrivateKey.generate())
    result = call("ledger", "verify", written, "--public-key", stranger, "--json")
    assert result.exit_code == 1
    assert {finding["kind"] for finding in json.loads(result.stdout)["findings"]} >= {"unknown_key"}

    from penstock.model.ledger import load_or_create_key

    ours = _public(tmp_path / "ours.pem", load_or_create_key(alone / "keys" / "ledger.pem"))
    assert call("ledger", "verify", written, "--public-key", ours).exit_code == 0
    (alone / "keys" / "ledger.pem").unlink()
    without = call("ledger", "verify", written)
    assert without.exit_code == 2 and "--public-key" in without.stderr
    assert not (alone / "keys" / "ledger.pem").exists()


def test_show_gives_the_entries_of_a_record(call: Callable[..., Any], written: Path, pipeline_name: str) -> None:
    found = json.loads(call("ledger", "show", f"{pipeline_name}.raw/1/20", "--json").stdout)
    assert [(each["chain"], each["entry"]["seq"], each["entry"]["verdict"]) for each in found] == [
        (f"{pipeline_name}/{pipeline_name}.raw/1", 20, "dropped")
    ]
    assert "dedup" in call("ledger", "show", f"{pipeline_name}.raw/1/20").stdout
    assert call("ledger", "show", "nobody/0/0").exit_code == 1


def _public(path: Path, key: Ed25519PrivateKey) -> Path:
    path.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return path


def test_a_run_ends_when_the_ledger_has_everything(
    call: Callable[..., Any],
    program: Callable[..., Any],
    database: Path,
    pipeline: Callable[..., Path],
    pipeline_name: str,
) -> None:
    file = pipeline("stages: [tag]\nsinks: [ledger]\nungoverned: true\n")
    call("produce", f"{pipeline_name}.raw", input='{"id":1}\n{"id":2}\n{broken\n')
    result = program("run", file, "--until-idle", "--json")
    assert result.returncode == 1, result.stderr
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT verdict FROM ledger_entries ORDER BY verdict").fetchall()
    assert [verdict for (verdict,) in rows] == ["dead", "kept", "kept"]
    assert call("ledger", "verify", file).exit_code == 0
