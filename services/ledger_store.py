"""The tables of the ledger, and what is read from and written to them.

Entries stand as plain rows that a person can query. Reading them never fails on a row that somebody tampered with: a
value of the wrong type is given back as another wrong value, which the audit names.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec
import sqlalchemy as sa

from penstock.model.ledger import Batch, Entry, SignedHead, StoredEntry, extend, genesis_hash, inclusion_proof
from penstock.services.auth import Refusal
from penstock.services.database import upsert

# A row of any columns.
Row: TypeAlias = "sa.Row[*tuple[Any, ...]]"

metadata = sa.MetaData()
KEYS = sa.Table(
    "ledger_keys",
    metadata,
    sa.Column("key_id", sa.Text, primary_key=True),
    sa.Column("public_key", sa.Text, nullable=False),
)
CHAINS = sa.Table(
    "ledger_chains",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("chain", sa.Text, nullable=False, unique=True),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("next_seq", sa.BigInteger, nullable=False),
    sa.Column("next_offset", sa.BigInteger, nullable=False),
    sa.Column("head_hash", sa.Text, nullable=False),
)
BATCHES = sa.Table(
    "ledger_batches",
    metadata,
    sa.Column("chain_id", sa.ForeignKey(CHAINS.c.id), primary_key=True),
    sa.Column("first_seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("next_seq", sa.BigInteger, nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("next_offset", sa.BigInteger, nullable=False),
    sa.Column("prev_hash", sa.Text, nullable=False),
    sa.Column("head_hash", sa.Text, nullable=False),
    sa.Column("merkle_root", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
)
ENTRIES = sa.Table(
    "ledger_entries",
    metadata,
    sa.Column("chain_id", sa.ForeignKey(CHAINS.c.id), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("offset", sa.BigInteger, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False),
    sa.Column("record_id", sa.Text, nullable=False, index=True),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("code", sa.Text, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("license", sa.Text, nullable=False),
    sa.Column("pii", sa.Text, nullable=False),  # names, joined by commas
    sa.Column("timestamp", sa.BigInteger, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
)
ENTRY_COLUMNS = [ENTRIES.c[name] for name in (*Entry.__struct_fields__, "hash")]
HEAD_COLUMNS = [BATCHES.c[name] for name in SignedHead.__struct_fields__ if name != "chain"]


class ChainHead(msgspec.Struct, kw_only=True):
    """Where a chain stands: what the next batch must continue."""

    chain: str
    epoch: int
    next_seq: int
    next_offset: int
    head_hash: str


class Chains(msgspec.Struct, kw_only=True):
    """All chains, by name."""

    chains: list[ChainHead]


class Entries(msgspec.Struct, kw_only=True):
    """A page of a chain's entries; `next_seq` is where the next page starts, null after the last."""

    chain: str
    entries: list[StoredEntry]
    next_seq: int | None


class Heads(msgspec.Struct, kw_only=True):
    """A page of a chain's signed heads; `next_seq` is where the next page starts, null after the last."""

    chain: str
    batches: list[SignedHead]
    next_seq: int | None


class RecordEntry(StoredEntry, kw_only=True, frozen=True):
    """An entry with the name of its chain."""

    chain: str


class RecordEntries(msgspec.Struct, kw_only=True):
    """All that is known of one record."""

    record_id: str
    entries: list[RecordEntry]


class Key(msgspec.Struct, kw_only=True):
    """A raw Ed25519 public key in base64."""

    key_id: str
    public_key: str


class Keys(msgspec.Struct, kw_only=True):
    """The keys that batches were signed with; whom to trust is for the reader to say."""

    keys: list[Key]


class Proof(msgspec.Struct, kw_only=True):
    """That an entry stands under a signed head: entry `index` of `size`, with the audit path from the leaf up (hex)."""

    chain: str
    entry: Entry
    hash: str
    index: int
    size: int
    proof: list[str]
    head: SignedHead


def append(connection: sa.Connection, batch: Batch) -> tuple[int, ChainHead]:
    """Compare and set: the row of the chain stays locked from the comparison until the transaction ends."""
    start = {"epoch": 0, "next_seq": 0, "next_offset": 0, "head_hash": genesis_hash(batch.chain).hex()}
    connection.execute(upsert(connection, CHAINS).values(chain=batch.chain, **start).on_conflict_do_nothing())
    row = connection.execute(sa.select(CHAINS).where(CHAINS.c.chain == batch.chain).with_for_update()).one()
    if (row.next_seq, row.head_hash) != (batch.first_seq, batch.prev_hash):
        if _is_stored(connection, row.id, batch):
            return 200, chain_head(row)
        raise _conflict(row, "the batch does not continue the chain")
    if batch.epoch < row.epoch or (batch.epoch == row.epoch and batch.entries[0].offset < row.next_offset):
        raise _conflict(row, "the chain has accounted for these offsets")
    head = {name: getattr(batch, name) for name in ("epoch", "next_seq", "next_offset", "head_hash")}
    connection.execute(sa.update(CHAINS).where(CHAINS.c.id == row.id).values(**head))
    known = {"key_id": batch.key_id, "public_key": batch.public_key}
    connection.execute(upsert(connection, KEYS).values(**known).on_conflict_do_nothing())
    signed = {column.name: getattr(batch, column.name) for column in HEAD_COLUMNS}
    connection.execute(sa.insert(BATCHES), signed | {"chain_id": row.id})
    connection.execute(sa.insert(ENTRIES), _rows(row.id, batch))
    return 201, ChainHead(chain=batch.chain, **head)


def _rows(chain_id: int, batch: Batch) -> list[dict[str, Any]]:
    rows = []
    for entry, value in zip(batch.entries, extend(bytes.fromhex(batch.prev_hash), batch.entries), strict=True):
        row = msgspec.structs.asdict(entry)
        row["pii"] = ",".join(entry.pii)
        row["chain_id"] = chain_id
        row["hash"] = value.hex()
        rows.append(row)
    return rows


def _is_stored(connection: sa.Connection, chain_id: int, batch: Batch) -> bool:
    query = sa.select(*HEAD_COLUMNS).where(BATCHES.c.chain_id == chain_id, BATCHES.c.first_seq == batch.first_seq)
    row = connection.execute(query).one_or_none()
    # The signature covers the root and so every entry; Ed25519 signs the same bytes the same way.
    return row is not None and all(getattr(batch, name) == value for name, value in row._mapping.items())


def _conflict(row: Row, message: str) -> Refusal:
    head = msgspec.structs.asdict(chain_head(row))
    return Refusal(409, "conflict", f"{message}, which stands at entry {row.next_seq}", more=head)


def find_chain(connection: sa.Connection, chain: str) -> Row:
    """The row of a chain; Refusal 404 if there is none."""
    row = connection.execute(sa.select(CHAINS).where(CHAINS.c.chain == chain)).one_or_none()
    if row is None:
        raise Refusal(404, "unknown_chain", "the ledger has no such chain")
    return row


def select_entries(connection: sa.Connection, chain_id: int, from_seq: int, limit: int) -> Sequence[Row]:
    """Rows of entries, in order, from one on."""
    query = sa.select(*ENTRY_COLUMNS).where(ENTRIES.c.chain_id == chain_id, ENTRIES.c.seq >= from_seq)
    return connection.execute(query.order_by(ENTRIES.c.seq).limit(limit)).all()


def prove(connection: sa.Connection, chain: str, seq: int) -> Proof:
    """The inclusion proof of an entry; Refusal 404 if it is not there."""
    chain_id = find_chain(connection, chain).id
    covers = (BATCHES.c.chain_id == chain_id, BATCHES.c.first_seq <= seq, BATCHES.c.next_seq > seq)
    row = connection.execute(sa.select(*HEAD_COLUMNS).where(*covers)).first()
    if row is None:
        raise Refusal(404, "unknown_entry", f"no batch of the chain holds the entry {seq}")
    head = signed_head(chain, row)
    size = head.next_seq - head.first_seq
    stored = [stored_entry(found) for found in select_entries(connection, chain_id, head.first_seq, size)]
    try:
        numbers = [one.entry.seq for one in stored]
        index = numbers.index(seq)
        path = inclusion_proof([bytes.fromhex(one.hash) for one in stored], index)
    except ValueError:
        raise Refusal(
            404, "unknown_entry", f"the entry {seq} is gone or its batch is damaged: audit the chain"
        ) from None
    return Proof(
        chain=chain,
        entry=stored[index].entry,
        hash=stored[index].hash,
        index=index,
        size=size,
        proof=[value.hex() for value in path],
        head=head,
    )


def chain_head(row: Row) -> ChainHead:
    """Where the chain of this row stands."""
    return ChainHead(
        chain=row.chain,
        epoch=row.epoch,
        next_seq=row.next_seq,
        next_offset=row.next_offset,
        head_hash=row.head_hash,
    )


def signed_head(chain: str, row: Row) -> SignedHead:
    """The signed head in a row of `BATCHES`."""
    return SignedHead(
        chain=chain,
        epoch=_integer(row.epoch),
        first_seq=_integer(row.first_seq),
        next_seq=_integer(row.next_seq),
        next_offset=_integer(row.next_offset),
        prev_hash=str(row.prev_hash),
        head_hash=str(row.head_hash),
        merkle_root=str(row.merkle_root),
        key_id=str(row.key_id),
        signature=str(row.signature),
    )


def stored_entry(row: Row) -> StoredEntry:
    """The entry in a row, with its hash."""
    return StoredEntry(entry=entry_of(row), hash=str(row.hash))


def entry_of(row: Row) -> Entry:
    """The entry in a row."""
    pii = str(row.pii)
    return Entry(
        seq=_integer(row.seq),
        epoch=_integer(row.epoch),
        offset=_integer(row.offset),
        last=_integer(row.last),
        record_id=str(row.record_id),
        verdict=str(row.verdict),
        stage=str(row.stage),
        code=str(row.code),
        content_hash=str(row.content_hash),
        license=str(row.license),
        pii=tuple(pii.split(",")) if pii else (),
        timestamp=_integer(row.timestamp),
    )


def _integer(value: object) -> int:
    """What stands in a column of integers; SQLite lets a tamperer put anything there, and -1 is never right."""
    return value if isinstance(value, int) else -1
