"""The provenance ledger: what became of every offset of a raw partition, in a chain that cannot be rewritten unseen.

A chain accounts for one partition of one pipeline's raw topic and is named ``<pipeline>/<raw topic>/<partition>``.
Its entries are numbered 0, 1, 2 … without gaps; each stands for one raw offset, or for one range that was lost.

The chain ``~erasures`` has an entry for each receipt of `penstock erase`: its id, and the hash of its bytes.

Canonical bytes, what is hashed and signed: JSON (RFC 8259), keys sorted, no white space, UTF-8, nothing escaped that
need not be.

::

    entry     {"code":"","content_hash":"9f86…","epoch":0,"last":41,"license":"CC-BY-4.0","offset":41,
               "pii":["email"],"record_id":"orders.raw/2/41","seq":41,"stage":"","timestamp":1700000000000,
               "verdict":"kept"}                                                           (one line)
    head      penstock.ledger.head.v1 LF
              {"chain":"orders/orders.raw/2","epoch":0,"first_seq":0,"head_hash":"…","key_id":"…",
               "merkle_root":"…","next_offset":42,"next_seq":42,"prev_hash":"…"}           (one line)

    genesis   = SHA-256("penstock.ledger.genesis.v1" LF chain)
    hash[i]   = SHA-256(hash[i-1] || entry[i])            hash[-1] = genesis
    leaf      = SHA-256(0x00 || hash[i])                  Merkle tree of RFC 6962, section 2.1
    node      = SHA-256(0x01 || left || right)
    signature = Ed25519(head)                             RFC 8032
    key_id    = the first 16 hex digits of SHA-256(raw public key)

A batch is a run of entries with one signed head. Heads are published to a Kafka topic once the ledger has taken their
batch, never before: a copy outside the ledger is what shows that the end of a chain was cut off. `penstock.model.audit`
checks a whole chain.
"""

import base64
import binascii
import contextlib
import os
import secrets
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from penstock.model.errors import ConfigurationError

VERDICTS = ("kept", "dropped", "denied", "quarantined", "dead", "lost", "erased", "revealed")
_OF_SEVERAL = ("lost", "revealed")
ERASURES = "~erasures"
"""The chain of what was erased because somebody asked for it; no pipeline can be called that."""
REVEALS = "~reveals"
"""The chain of what somebody made readable again; each value takes an offset."""

# What a database's big integer holds.
Integer = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]

_GENESIS = b"penstock.ledger.genesis.v1\n"
_HEAD = b"penstock.ledger.head.v1\n"
_canonical = msgspec.json.Encoder(order="sorted")


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What became of one raw offset, or of one lost range.

    Attributes
    ----------
    seq : int
        Place in the chain, from 0.
    epoch : int
        Counts how often the raw topic was made anew.
    offset, last : int
        The raw offset; `last` differs only for a lost range, and for several values that were revealed at once.
    record_id : str
        The record's first id.
    verdict : str
        One of `VERDICTS`; ``erased`` stands for no record, but for a receipt, ``revealed`` for sealed values.
    stage, code : str
        Who decided so, and why; empty for a record that was kept.
    content_hash : str
        SHA-256 of the delivered bytes, in hex; empty where nothing was delivered.
    license : str
    pii : tuple of str
        Categories that were found, sorted; never values.
    timestamp : int
        Of the raw record, in milliseconds.
    """

    seq: Integer
    epoch: Integer
    offset: Integer
    last: Integer
    record_id: str
    verdict: str
    stage: str
    code: str
    content_hash: str
    license: str
    pii: tuple[str, ...]
    timestamp: Integer


class StoredEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry and the hash (hex) that its ledger keeps beside it."""

    entry: Entry
    hash: str


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a chain stands after a batch; hashes in hex.

    Attributes
    ----------
    first_seq, next_seq : int
        The batch holds the entries from the one up to, and without, the other.
    next_offset : int
        The raw offset that the chain owes next.
    """

    chain: str
    epoch: Integer
    first_seq: Integer
    next_seq: Integer
    next_offset: Integer
    prev_hash: str
    head_hash: str
    merkle_root: str
    key_id: str


class SignedHead(Head, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A head with its Ed25519 signature (base64)."""

    signature: str


class Batch(SignedHead, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is sent to a ledger: the signed head, the raw public key (base64) and the entries."""

    public_key: str
    entries: tuple[Entry, ...]


def chain_name(pipeline: str, topic: str, partition: int) -> str:
    """The name of a chain."""
    return f"{pipeline}/{topic}/{partition}"


def genesis_hash(chain: str) -> bytes:
    """What the first entry of a chain is hashed with."""
    return sha256(_GENESIS + chain.encode()).digest()


def canonical(entry: Entry) -> bytes:
    """The bytes of an entry that are hashed."""
    return _canonical.encode(entry)


def link(previous: bytes, entry: Entry) -> bytes:
    """The hash of an entry that follows the one with the hash `previous`."""
    return sha256(previous + _canonical.encode(entry)).digest()


def extend(previous: bytes, entries: Iterable[Entry]) -> list[bytes]:
    """The hashes of entries that follow the one with the hash `previous`."""
    hashes = []
    for entry in entries:
        previous = link(previous, entry)
        hashes.append(previous)
    return hashes


def merkle_root(hashes: Iterable[bytes]) -> bytes:
    """The Merkle tree hash of RFC 6962, section 2.1, in one pass and with a logarithm of memory."""
    stack: list[bytes] = []
    for index, value in enumerate(hashes):
        node = sha256(b"\x00" + value).digest()
        while index & 1:  # two trees of the same height stand complete: join them
            node = sha256(b"\x01" + stack.pop() + node).digest()
            index >>= 1
        stack.append(node)
    if not stack:
        return sha256().digest()
    root = stack.pop()
    while stack:
        root = sha256(b"\x01" + stack.pop() + root).digest()
    return root


def inclusion_proof(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of RFC 6962, section 2.1.1, from the leaf up.

    Raises
    ------
    IndexError
        The batch has no such entry.
    """
    if not 0 <= index < len(hashes):
        raise IndexError(f"a batch of {len(hashes)} has no entry {index}")
    path: list[bytes] = []
    low, high = 0, len(hashes)
    while high - low > 1:
        middle = low + (1 << ((high - low - 1).bit_length() - 1))
        if index < middle:
            path.append(merkle_root(hashes[middle:high]))
            high = middle
        else:
            path.append(merkle_root(hashes[low:middle]))
            low = middle
    return path[::-1]


def verify_inclusion(root: bytes, size: int, index: int, value: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the entry with the hash `value` is number `index` of the `size` under `root` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    left, last = index, size - 1
    node = sha256(b"\x00" + value).digest()
    for sibling in proof:
        if last == 0:
            return False
        if left & 1 or left == last:
            node = sha256(b"\x01" + sibling + node).digest()
            while not left & 1 and left:
                left, last = left >> 1, last >> 1
        else:
            node = sha256(b"\x01" + node + sibling).digest()
        left, last = left >> 1, last >> 1
    return last == 0 and node == root


def head_bytes(head: Head) -> bytes:
    """The bytes of a head that are signed; those of a `SignedHead` or `Batch` too."""
    bare = Head(**{name: getattr(head, name) for name in Head.__struct_fields__})
    return _HEAD + _canonical.encode(bare)


def seal(
    key: Ed25519PrivateKey, chain: str, entries: Sequence[Entry], *, previous: bytes, next_offset: int | None = None
) -> SignedHead:
    """Sign a batch.

    Parameters
    ----------
    previous : bytes
        The hash of the entry before the first one; `genesis_hash` at the start of a chain.
    next_offset : int, optional
        The raw offset that the chain owes next; more than the offset after the last entry where Kafka skipped some.

    Raises
    ------
    ValueError
        The entries are none that can follow each other in one batch.
    """
    if fault := sequence_fault(entries):
        raise ValueError(fault)
    hashes = extend(previous, entries)
    head = Head(
        chain=chain,
        epoch=entries[0].epoch,
        first_seq=entries[0].seq,
        next_seq=entries[-1].seq + 1,
        next_offset=entries[-1].last + 1 if next_offset is None else next_offset,
        prev_hash=previous.hex(),
        head_hash=hashes[-1].hex(),
        merkle_root=merkle_root(hashes).hex(),
        key_id=key_id(key.public_key()),
    )
    signature = base64.b64encode(key.sign(head_bytes(head))).decode()
    return SignedHead(**msgspec.structs.asdict(head), signature=signature)


def batch(head: SignedHead, public_key: Ed25519PublicKey, entries: Sequence[Entry]) -> Batch:
    """What is posted to a ledger for a sealed batch (`msgspec.json.encode` makes the body)."""
    encoded = base64.b64encode(public_key.public_bytes_raw()).decode()
    return Batch(**msgspec.structs.asdict(head), public_key=encoded, entries=tuple(entries))


def verify_head(head: SignedHead, public_key: Ed25519PublicKey) -> bool:
    """Whether `public_key` signed this head and is the one that it names."""
    try:
        signature = base64.b64decode(head.signature, validate=True)
        # Several texts decode to one signature; only the one that is written back counts as unchanged.
        if base64.b64encode(signature).decode() != head.signature or head.key_id != key_id(public_key):
            return False
        public_key.verify(signature, head_bytes(head))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def batch_fault(batch: Batch) -> str | None:
    """Why a ledger must not take this batch, whatever the chain holds; None where it may.

    Looks at the entries, their hashes and root, and the signature by the key that the batch brings.
    """
    if fault := sequence_fault(batch.entries):
        return fault
    first, last = batch.entries[0], batch.entries[-1]
    if (batch.epoch, batch.first_seq, batch.next_seq) != (first.epoch, first.seq, last.seq + 1):
        return "epoch, first_seq or next_seq are not those of the entries"
    if batch.next_offset <= last.last:
        return "next_offset is not behind the last entry"
    if batch.first_seq == 0 and batch.prev_hash != genesis_hash(batch.chain).hex():
        return "prev_hash is not the genesis hash of the chain"
    try:
        hashes = extend(bytes.fromhex(batch.prev_hash), batch.entries)
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(batch.public_key, validate=True))
    except (binascii.Error, ValueError):
        return "prev_hash is not hex or public_key is not an Ed25519 key in base64"
    if hashes[-1].hex() != batch.head_hash:
        return "head_hash is not the hash of the last entry"
    if merkle_root(hashes).hex() != batch.merkle_root:
        return "merkle_root is not the root over the entries"
    return None if verify_head(batch, key) else "the signature is not the key's"


def sequence_fault(entries: Sequence[Entry]) -> str | None:
    """Why these entries cannot stand in one batch; None where they can."""
    if not entries:
        return "a batch has at least one entry"
    first = entries[0]
    seq, offset = first.seq, first.offset
    for entry in entries:
        if entry.seq != seq or entry.epoch != first.epoch:
            return f"entry {entry.seq}: seq must go up by one and epoch stay the same"
        if (
            entry.offset < offset
            or entry.last < entry.offset
            or (entry.last > entry.offset and entry.verdict not in _OF_SEVERAL)
        ):
            return f"entry {entry.seq}: offsets must go up, and only what was lost or revealed has more than one"
        if entry.verdict not in VERDICTS:
            return f"entry {entry.seq}: verdict is none of {', '.join(VERDICTS)}"
        if list(entry.pii) != sorted(set(entry.pii)) or any("," in name or not name for name in entry.pii):
            return f"entry {entry.seq}: pii must be sorted names of categories, each once"
        if "\0" in "".join((entry.record_id, entry.stage, entry.code, entry.content_hash, entry.license, *entry.pii)):
            return f"entry {entry.seq}: text must not hold NUL, which PostgreSQL cannot store"
        seq, offset = entry.seq + 1, entry.last + 1
    return "seq, epoch and offset must not be negative" if min(first.seq, first.epoch, first.offset) < 0 else None


def key_id(public_key: Ed25519PublicKey) -> str:
    """The name of a key: the first 16 hex digits of the SHA-256 of its 32 bytes."""
    return sha256(public_key.public_bytes_raw()).hexdigest()[:16]


def load_or_create_key(path: Path) -> Ed25519PrivateKey:
    """The signing key in a PEM file, made if there is none yet.

    Any number of processes may ask for the same file at once: all get the same key, and none sees half a file.

    Raises
    ------
    ConfigurationError
        The file holds no Ed25519 key, or others than its owner may read it.
    """
    if not path.exists():
        _create_key(path)
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise ConfigurationError(f"others may read the signing key {path}", hint=f"chmod 600 {path}")
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError):
        raise ConfigurationError(f"{path} holds no private key in PEM without a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(f"{path} holds a key that is not Ed25519")
    return key


def _create_key(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        # A link appears whole or not at all, and never replaces: who comes second takes the first one's key.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
