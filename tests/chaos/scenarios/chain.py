"""The ledger, checked by its published format alone: hashes, Merkle roots and signatures are computed anew here.

The format is drawn at the head of `model/ledger.py`; nothing of that module is used.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_ENTRY = (
    "seq", "epoch", "offset", "last", "record_id", "verdict", "stage", "code", "content_hash", "license", "pii",
    "timestamp",
)  # fmt: skip
_HEAD = ("epoch", "first_seq", "next_seq", "next_offset", "prev_hash", "head_hash", "merkle_root", "key_id")


def entries(database: sqlite3.Connection, chain: str) -> list[dict[str, Any]]:
    """The entries of a chain, in order."""
    columns = ", ".join(f'e."{name}"' for name in (*_ENTRY, "hash"))
    rows = database.execute(
        f"SELECT {columns} FROM ledger_entries e JOIN ledger_chains c ON c.id = e.chain_id "
        "WHERE c.chain = ? ORDER BY e.seq",
        (chain,),
    ).fetchall()
    return [dict(zip((*_ENTRY, "hash"), row, strict=True)) for row in rows]


def faults(database: sqlite3.Connection, chain: str, published: list[dict[str, Any]]) -> list[str]:
    """What is wrong with a chain; `published` are the signed heads that stand on Kafka, in order."""
    stored = entries(database, chain)
    if [entry["seq"] for entry in stored] != list(range(len(stored))):
        return [f"ledger {chain}: entries are not numbered from 0 without gaps"]
    hashes = _hashes(chain, stored)
    found = [
        f"ledger {chain}: entry {number} does not have the hash of what it says"
        for number, entry in enumerate(stored)
        if hashes[number].hex() != entry["hash"]
    ]
    keys = dict(database.execute("SELECT key_id, public_key FROM ledger_keys").fetchall())
    heads = _heads(database, chain)
    expected = 0
    for head in heads:
        fault = _head_fault(head, chain, hashes, keys, expected)
        if fault:
            found.append(f"ledger {chain}: batch at {head['first_seq']}: {fault}")
        expected = head["next_seq"]
    if expected != len(stored):
        found.append(f"ledger {chain}: batches cover {expected} of {len(stored)} entries")
    return found + _published_faults(chain, heads, published)


def _published_faults(chain: str, heads: list[dict[str, Any]], published: list[dict[str, Any]]) -> list[str]:
    by_number = {head["first_seq"]: head for head in heads}
    found = []
    for head in published:
        stored = by_number.get(head["first_seq"])
        if stored is None or any(stored[name] != head[name] for name in (*_HEAD, "signature")):
            found.append(f"ledger {chain}: the head published for {head['first_seq']} is not the stored one")
    if heads and heads[-1]["first_seq"] not in {head["first_seq"] for head in published}:
        found.append(f"ledger {chain}: the newest head was not published")
    return found


def _heads(database: sqlite3.Connection, chain: str) -> list[dict[str, Any]]:
    names = (*_HEAD, "signature")
    columns = ", ".join(f"b.{name}" for name in names)
    rows = database.execute(
        f"SELECT {columns} FROM ledger_batches b JOIN ledger_chains c ON c.id = b.chain_id "
        "WHERE c.chain = ? ORDER BY b.first_seq",
        (chain,),
    ).fetchall()
    return [{"chain": chain, **dict(zip(names, row, strict=True))} for row in rows]


def _head_fault(
    head: dict[str, Any], chain: str, hashes: list[bytes], keys: dict[str, str], expected: int
) -> str | None:
    first, following = head["first_seq"], head["next_seq"]
    if first != expected or following > len(hashes) or following <= first:
        return f"it covers {first} to {following}, owed was {expected}"
    if head["prev_hash"] != (_genesis(chain) if first == 0 else hashes[first - 1]).hex():
        return "it does not continue the hash before it"
    if head["head_hash"] != hashes[following - 1].hex():
        return "its head is not the hash of its last entry"
    if head["merkle_root"] != _root(hashes[first:following]).hex():
        return "its root is not the root over its entries"
    public = base64.b64decode(keys.get(head["key_id"], ""))
    if sha256(public).hexdigest()[:16] != head["key_id"]:
        return "its key is not known under that name"
    signed = b"penstock.ledger.head.v1\n" + _canonical({name: head[name] for name in ("chain", *_HEAD)})
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(head["signature"]), signed)
    except InvalidSignature:
        return "its signature is not the key's"
    return None


def _hashes(chain: str, stored: list[dict[str, Any]]) -> list[bytes]:
    previous, found = _genesis(chain), []
    for entry in stored:
        body = {name: entry[name] for name in _ENTRY}
        body["pii"] = entry["pii"].split(",") if entry["pii"] else []
        previous = sha256(previous + _canonical(body)).digest()
        found.append(previous)
    return found


def _genesis(chain: str) -> bytes:
    return sha256(b"penstock.ledger.genesis.v1\n" + chain.encode()).digest()


def _canonical(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _root(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, written as it stands there."""
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + _root(leaves[:split]) + _root(leaves[split:])).digest()
