"""What the graph API keeps: positions, records, entities, relations, and which record speaks of which.

Entities and relations are known by 16-byte digests of their identity, which makes looking up a batch one ``IN`` and a
link short. Records are known by their id: ids that follow each other keep what is written together in few pages. A
batch costs a handful of statements whatever its size: which of its records are known, what they were linked to, which
entities and relations exist, then one bulk write a table.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from operator import itemgetter
from typing import Any, Final, NamedTuple

import msgspec
import orjson
import sqlalchemy as sa
from sqlalchemy.sql.compiler import SQLCompiler

from penstock.services.database import upsert

METADATA: Final = sa.MetaData()
# SQLite 3.32 and PostgreSQL's protocol take 32,766 and 65,535 parameters a statement
_MOST_PARAMETERS: Final = 10_000


def _table(name: str, *columns: sa.Column[Any] | sa.Index) -> sa.Table:
    return sa.Table(f"graph_{name}", METADATA, *columns, sqlite_with_rowid=False)


def _digest(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(16), primary_key=True)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


POSITION: Final = _table(
    "position",
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("next", sa.BigInteger, nullable=False),
)
RECORD: Final = _table(
    "record",
    sa.Column("id", sa.Text, primary_key=True),
    _text("tenant"),
    _text("stream"),
    sa.Column("offset", sa.BigInteger, nullable=False),
)
LINK: Final = _table(
    "link",
    sa.Column("record", sa.Text, primary_key=True),
    _digest("target"),
    sa.Index("graph_link_by_target", "target"),
)
ENTITY: Final = _table(
    "entity",
    _digest("digest"),
    _text("tenant"),
    _text("type"),
    _text("key"),
    _text("properties"),
    sa.Index("graph_entity_by_key", "type", "key", "tenant"),
)
RELATION: Final = _table(
    "relation",
    _digest("digest"),
    _text("tenant"),
    _text("type"),
    _text("from_type"),
    _text("from_key"),
    _text("to_type"),
    _text("to_key"),
    _text("properties"),
    sa.Index("graph_relation_by_from", "from_type", "from_key", "tenant"),
    sa.Index("graph_relation_by_to", "to_type", "to_key", "tenant"),
)


class Node(msgspec.Struct, frozen=True):
    """The end of a relation."""

    type: str
    key: str


class Entity(msgspec.Struct):
    type: str
    key: str
    properties: dict[str, Any] = {}


class Relation(msgspec.Struct):
    type: str
    source: Node = msgspec.field(name="from")
    target: Node = msgspec.field(name="to")
    properties: dict[str, Any] = {}


class Record(msgspec.Struct):
    id: str
    offset: int
    tenant: str
    deleted: bool = False
    entities: list[Entity] = []
    relations: list[Relation] = []


class Batch(msgspec.Struct):
    """A contiguous range of one raw partition: offsets `first` to `next` - 1."""

    stream: str
    epoch: int
    first: int
    next: int
    records: list[Record]
    genesis: bool = False

    def check(self) -> None:
        """Raises ValueError where the range and the records do not go together."""
        if not self.stream or min(self.epoch, self.first) < 0 or self.next < self.first:
            raise ValueError("stream, epoch, first and next do not describe a range")
        offsets = [record.offset for record in self.records]
        if offsets and (offsets[0] < self.first or offsets[-1] >= self.next or sorted(set(offsets)) != offsets):
            raise ValueError("offsets of records are not in ascending order between first and next")


class Applied(msgspec.Struct):
    """Where the stream is now, and what became of a batch's records."""

    next: int
    applied: int
    skipped: int


class HoleFoundError(Exception):
    """Records before a batch are missing; the stored position, or None twice."""

    def __init__(self, epoch: int | None, next: int | None) -> None:
        super().__init__("hole")
        self.epoch = epoch
        self.next = next


class _Rows(NamedTuple):
    """Rows of one kind that a batch speaks of, by digest, properties still a dict."""

    table: sa.Table
    found: dict[bytes, dict[str, Any]]


class GraphStore:
    """Applies batches."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def apply(self, batch: Batch) -> Applied:
        """Apply what of a batch is not applied yet, in one transaction.

        Raises
        ------
        HoleFoundError
        """
        with self.engine.begin() as connection:
            stored = self._lock_position(connection, batch.stream)
            start = _start(stored, batch)
            if start is None:
                assert stored is not None
                return Applied(stored[1], 0, len(batch.records))
            fresh = [record for record in batch.records if record.offset >= start]
            self._write(connection, batch.stream, fresh)
            where = POSITION.c.stream == batch.stream
            connection.execute(sa.update(POSITION).where(where).values(epoch=batch.epoch, next=batch.next))
        return Applied(batch.next, len(fresh), len(batch.records) - len(fresh))

    def _lock_position(self, connection: sa.Connection, stream: str) -> tuple[int, int] | None:
        """The stored position, which nobody else moves until this transaction ends."""
        chosen = sa.select(POSITION.c.epoch, POSITION.c.next).where(POSITION.c.stream == stream).with_for_update()
        row = connection.execute(chosen).one_or_none()
        if row is None:
            # PostgreSQL locks only what exists: the row is made here, and disappears should the batch be refused.
            empty = upsert(connection, POSITION).values(stream=stream, epoch=-1, next=-1)
            connection.execute(empty.on_conflict_do_nothing())
            row = connection.execute(chosen).one()
        return None if row.epoch < 0 else (row.epoch, row.next)

    def _write(self, connection: sa.Connection, stream: str, records: Sequence[Record]) -> None:
        # Of a record that comes twice in a batch the last one counts.
        last = {record.id: record for record in records}
        entities, relations = _Rows(ENTITY, {}), _Rows(RELATION, {})
        links: set[tuple[str, bytes]] = set()
        for id, record in last.items():
            if not record.deleted:
                links.update((id, target) for target in _spoken_of(record, entities.found, relations.found))
        freed = self._unlink(connection, last, links)
        self._write_records(connection, stream, last)
        for rows in (entities, relations):
            self._merge(connection, rows)
        if links:
            pairs = [{"record": record, "target": target} for record, target in sorted(links)]
            _bulk(connection, upsert(connection, LINK).on_conflict_do_nothing(), pairs)
        self._forget(connection, freed)

    def _unlink(self, connection: sa.Connection, ids: Iterable[str], links: set[tuple[str, bytes]]) -> set[bytes]:
        """Remove links that records had and no longer have; returns what they pointed to."""
        chosen = sa.select(LINK.c.record, LINK.c.target)
        known = {(row.record, row.target) for row in _where_in(connection, chosen, LINK.c.record, ids)}
        gone = sorted(known - links)
        if gone:
            one = (LINK.c.record == sa.bindparam("r")) & (LINK.c.target == sa.bindparam("t"))
            connection.execute(sa.delete(LINK).where(one), [{"r": record, "t": target} for record, target in gone])
        return {target for _, target in gone}

    def _write_records(self, connection: sa.Connection, stream: str, records: dict[str, Record]) -> None:
        written, deleted = [], []
        for id, record in sorted(records.items()):
            if record.deleted:
                deleted.append({"i": id})
            else:
                written.append({"id": id, "tenant": record.tenant, "stream": stream, "offset": record.offset})
        if deleted:
            connection.execute(sa.delete(RECORD).where(RECORD.c.id == sa.bindparam("i")), deleted)
        if written:
            put = upsert(connection, RECORD)
            changed = {name: put.excluded[name] for name in ("tenant", "stream", "offset")}
            _bulk(connection, put.on_conflict_do_update(index_elements=["id"], set_=changed), written)

    def _merge(self, connection: sa.Connection, rows: _Rows) -> None:
        """Write entities or relations; properties that are stored and not spoken of now stay."""
        table, found = rows
        # In order of digest: transactions that lock the same rows must not wait for each other in a circle.
        chosen = sa.select(table.c.digest, table.c.properties).order_by(table.c.digest).with_for_update()
        stored = {row.digest: row.properties for row in _where_in(connection, chosen, table.c.digest, found)}
        changed = []
        for digest, row in sorted(found.items()):
            old = stored.get(digest)
            new = orjson.dumps(orjson.loads(old) | row["properties"] if old else row["properties"]).decode()
            if new != old:
                changed.append({**row, "digest": digest, "properties": new})
        if changed:
            put = upsert(connection, table)
            merged = {"properties": put.excluded.properties}
            _bulk(connection, put.on_conflict_do_update(index_elements=["digest"], set_=merged), changed)

    def _forget(self, connection: sa.Connection, freed: set[bytes]) -> None:
        """Delete those entities and relations that no record speaks of any more."""
        if not freed:
            return
        # Locked before the links are looked at: who is about to link to one of them is waited for, and then seen.
        for table in (ENTITY, RELATION):
            chosen = sa.select(table.c.digest).order_by(table.c.digest).with_for_update()
            list(_where_in(connection, chosen, table.c.digest, freed))
        living = {row.target for row in _where_in(connection, sa.select(LINK.c.target), LINK.c.target, freed)}
        gone = [{"d": digest} for digest in sorted(freed - living)]
        for table in (ENTITY, RELATION) if gone else ():
            connection.execute(sa.delete(table).where(table.c.digest == sa.bindparam("d")), gone)


def _start(stored: tuple[int, int] | None, batch: Batch) -> int | None:
    """The offset from which on a batch is applied; None if nothing of it is: the table in `penstock.services.graph`.

    Raises
    ------
    HoleFoundError
    """
    if stored is None or stored[0] < batch.epoch:
        if not batch.genesis:
            raise HoleFoundError(*(stored or (None, None)))
        return batch.first
    epoch, next = stored
    if epoch > batch.epoch or next >= batch.next:
        return None
    if batch.first > next:
        raise HoleFoundError(epoch, next)
    return next


def _spoken_of(
    record: Record, entities: dict[bytes, dict[str, Any]], relations: dict[bytes, dict[str, Any]]
) -> Iterable[bytes]:
    """Add what a record speaks of to the batch's rows; yields the digests."""
    tenant = record.tenant
    for entity in record.entities:
        digest = _hash("entity", tenant, entity.type, entity.key)
        known = entities.get(digest)
        if known is None:
            entities[digest] = {
                "tenant": tenant,
                "type": entity.type,
                "key": entity.key,
                "properties": dict(entity.properties),
            }
        else:
            known["properties"].update(entity.properties)
        yield digest
    for relation in record.relations:
        source, target = relation.source, relation.target
        digest = _hash("relation", tenant, relation.type, source.type, source.key, target.type, target.key)
        known = relations.get(digest)
        if known is None:
            relations[digest] = {
                "tenant": tenant,
                "type": relation.type,
                "from_type": source.type,
                "from_key": source.key,
                "to_type": target.type,
                "to_key": target.key,
                "properties": dict(relation.properties),
            }
        else:
            known["properties"].update(relation.properties)
        yield digest


def _hash(*parts: str) -> bytes:
    """A digest of strings; lengths keep ("a", "bc") and ("ab", "c") apart."""
    joined = "".join([f"{len(part)}:{part}" for part in parts])
    return blake2b(joined.encode(), digest_size=16).digest()


def _bulk(connection: sa.Connection, statement: sa.Insert, rows: list[dict[str, Any]]) -> None:
    """Insert many rows by the driver itself: SQLAlchemy's own look at each row takes longer than SQLite's work."""
    compiled = statement.compile(dialect=connection.dialect, column_keys=list(rows[0]))
    if compiled.positional:
        assert isinstance(compiled, SQLCompiler) and compiled.positiontup is not None
        take = itemgetter(*compiled.positiontup)
        connection.exec_driver_sql(str(compiled), [take(row) for row in rows])
    else:
        connection.exec_driver_sql(str(compiled), rows)


def _where_in(
    connection: sa.Connection, chosen: sa.Select[Any], column: sa.ColumnElement[Any], values: Iterable[Any]
) -> Iterable[sa.Row[Any]]:
    wanted = sorted(values)
    for begin in range(0, len(wanted), _MOST_PARAMETERS):
        yield from connection.execute(chosen.where(column.in_(wanted[begin : begin + _MOST_PARAMETERS])))
