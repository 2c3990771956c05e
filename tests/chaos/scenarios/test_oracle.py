"""The oracle sees what it is there to see: each wrong is planted once, in what came out or in a ledger."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from . import chain
from .load import Load
from .oracle import Oracle
from .workers import Faults

NOWHERE = "127.0.0.1:1"


@pytest.fixture
def oracle(tmp_path: Path) -> Oracle:
    """One that has seen forty records come out of four partitions as they must."""
    load = Load(NOWHERE, "p.raw")
    made = Oracle(NOWHERE, "p", load, Faults(), tmp_path, tmp_path)
    for number in range(60):
        partition, offset = number % 4, number // 4
        load.sent[0, partition, offset] = number
        if load.fate(number) == "enriched":
            arrived = made.arrivals[partition]
            arrived.numbers.append(number)
            arrived.times.append(100.0 + number / 10)
            arrived.contents.append(b"")
            arrived.ids.append(f"p.raw/{partition}/{offset}")
    return made


def test_nothing_is_said_of_what_is_right(oracle: Oracle) -> None:
    assert oracle._enriched() == []


def _lose(oracle: Oracle) -> None:
    del oracle.arrivals[1].numbers[3], oracle.arrivals[1].ids[3]


def _repeat(oracle: Oracle) -> None:
    oracle.arrivals[2].numbers.append(oracle.arrivals[2].numbers[-1])
    oracle.arrivals[2].ids.append(oracle.arrivals[2].ids[-1])


def _swap(oracle: Oracle) -> None:
    for values in (oracle.arrivals[0].numbers, oracle.arrivals[0].ids):
        values[2], values[3] = values[3], values[2]


def _rename(oracle: Oracle) -> None:
    oracle.arrivals[3].ids[0] = "p.raw/3/999"


def _let_out(oracle: Oracle) -> None:
    denied = next(n for n in oracle.load.sent.values() if oracle.load.fate(n) == "denied")
    oracle.arrivals[denied % 4].numbers.append(denied)
    oracle.arrivals[denied % 4].ids.append(f"p.raw/{denied % 4}/{denied // 4}")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [(_lose, "lost"), (_repeat, "twice"), (_swap, "order"), (_rename, "came as"), (_let_out, "must not stand there")],
)
def test_what_is_wrong_is_named(oracle: Oracle, wrong: Callable[[Oracle], None], said: str) -> None:
    wrong(oracle)
    assert any(said in problem for problem in oracle._enriched())


def test_a_wait_counts_from_the_last_fault(oracle: Oracle) -> None:
    oracle.load.running = [(99.0, range(60))]
    for arrived in oracle.arrivals.values():
        for place in range(len(arrived.times) // 2, len(arrived.times)):
            arrived.times[place] += 20
    oracle.faults.log = [(101.0, "one"), (110.0, "two")]
    for wait, silence, what in oracle.stalls().values():
        assert (12 < wait < 15, silence > 20, what) == (True, True, "two")
    assert oracle.too_long() == []


def test_a_wait_may_be_longer_where_the_machine_is_shared(oracle: Oracle) -> None:
    oracle.load.running = [(99.0, range(60))]
    for arrived in oracle.arrivals.values():
        for place in range(len(arrived.times) // 2, len(arrived.times)):
            arrived.times[place] += 20
    oracle.faults.log = [(104.0, "one")]
    assert len(oracle.too_long()) == 4
    assert oracle.too_long(crowded=10.0) == []


@pytest.fixture
def ledger() -> sqlite3.Connection:
    """A ledger with one chain of two batches, made by the format alone."""
    database = sqlite3.connect(":memory:")
    entry_columns = ", ".join(f'"{name}"' for name in (*chain._ENTRY, "hash"))
    head_columns = ", ".join((*chain._HEAD, "signature"))
    database.execute("CREATE TABLE ledger_chains (id, chain)")
    database.execute("CREATE TABLE ledger_keys (key_id, public_key)")
    database.execute(f"CREATE TABLE ledger_entries (chain_id, {entry_columns})")
    database.execute(f"CREATE TABLE ledger_batches (chain_id, {head_columns})")
    database.execute("INSERT INTO ledger_chains VALUES (1, 'c')")
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    key_id = sha256(public).hexdigest()[:16]
    database.execute("INSERT INTO ledger_keys VALUES (?, ?)", (key_id, base64.b64encode(public).decode()))
    names = dict.fromkeys(chain._ENTRY, "")
    stored = [names | {"seq": n, "epoch": 0, "offset": n, "last": n, "timestamp": 0} for n in range(6)]
    hashes = chain._hashes("c", stored)
    for entry, value in zip(stored, hashes, strict=True):
        database.execute(
            f"INSERT INTO ledger_entries VALUES (1, {', '.join('?' * 13)})", (*entry.values(), value.hex())
        )
    for first, following in ((0, 4), (4, 6)):
        head = {
            "chain": "c", "epoch": 0, "first_seq": first, "next_seq": following, "next_offset": following,
            "prev_hash": (hashes[first - 1] if first else chain._genesis("c")).hex(),
            "head_hash": hashes[following - 1].hex(), "merkle_root": chain._root(hashes[first:following]).hex(),
            "key_id": key_id,
        }  # fmt: skip
        signature = base64.b64encode(key.sign(b"penstock.ledger.head.v1\n" + chain._canonical(head))).decode()
        row = (1, *(head[name] for name in chain._HEAD), signature)
        database.execute(f"INSERT INTO ledger_batches VALUES ({', '.join('?' * len(row))})", row)
    return database


def test_a_right_ledger_passes(ledger: sqlite3.Connection) -> None:
    assert chain.faults(ledger, "c", chain._heads(ledger, "c")) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET verdict = 'kept' WHERE seq = 2",
        "DELETE FROM ledger_entries WHERE seq = 5",
        "DELETE FROM ledger_batches WHERE first_seq = 4",
        "UPDATE ledger_batches SET signature = (SELECT signature FROM ledger_batches WHERE first_seq = 0)",
        "UPDATE ledger_batches SET merkle_root = prev_hash",
    ],
)
def test_a_wrong_ledger_does_not(ledger: sqlite3.Connection, statement: str) -> None:
    published = json.loads(json.dumps(chain._heads(ledger, "c")))
    ledger.execute(statement)
    assert chain.faults(ledger, "c", published) != []


def test_a_head_that_was_never_published_is_missed(ledger: sqlite3.Connection) -> None:
    assert chain.faults(ledger, "c", chain._heads(ledger, "c")[:1]) != []
