"""ledger: what became of every offset, as signed batches in the provenance ledger (see `penstock.model.ledger`).

    sinks: [ledger]                                    PROV_LEDGER_URL, http://localhost:4010 where it is not set

Each stream is a chain of its own. The entries of a chain follow from the entries of the frames alone, however they
were batched. Batches are signed with the Ed25519 key in `key_file`, else in the file that PENSTOCK_SIGNING_KEY_FILE
names, else in ``keys/ledger.pem`` of penstock's data folder, which is made if need be. The receipt's head is the
signed head as canonical JSON.
"""

from hashlib import sha256

import msgspec
import orjson
from pydantic import Field

from penstock.connectors.ledger_client import ChainHead, LedgerClient, first_head
from penstock.connectors.sinks._ranges import remaining
from penstock.model import ledger
from penstock.model.component import Batch, Position, Receipt, Resources, Sink, SinkConfig
from penstock.model.record import Entry, Kept, Lost, record_id

_canonical = msgspec.json.Encoder(order="sorted")


class Config(SinkConfig):
    """Options of the ledger sink."""

    key_file: str | None = Field(None, description="PEM file of the Ed25519 key that signs; else see the environment.")


def build(config: Config, resources: Resources) -> Sink:
    return _Ledger(LedgerClient.from_environment(resources.environ, config.key_file))


def _position(head: ChainHead | None) -> Position | None:
    return None if head is None else Position(head.epoch, head.next_offset)


class _Ledger:
    def __init__(self, client: LedgerClient) -> None:
        self._client = client
        self.client = client.client
        self._heads: dict[str, ChainHead] = {}

    async def position(self, stream: str) -> Position | None:
        return _position(await self._read_head(stream))

    async def write(self, batch: Batch) -> Receipt:
        stream = batch.stream
        head = self._heads.get(stream) or await self._read_head(stream)
        rest = remaining(batch, _position(head))
        if rest is None:
            return Receipt(written=0)
        head = head or first_head(stream, rest.epoch, rest.first)
        if not rest.entries:
            # A chain has no batches without entries: this is remembered here, and after a restart found out again.
            self._heads[stream] = ChainHead(rest.epoch, head.next_seq, rest.next, head.head_hash)
            return Receipt(written=0)
        entries = [_entry(rest, entry, seq) for seq, entry in enumerate(rest.entries, head.next_seq)]
        self._heads.pop(stream, None)  # what is not taken is asked for anew
        sealed = await self._client.append(stream, head, entries, rest.next)
        self._heads[stream] = ChainHead(rest.epoch, sealed.next_seq, sealed.next_offset, sealed.head_hash)
        return Receipt(written=len(entries), head=_canonical.encode(sealed))

    async def last_head(self, stream: str) -> bytes:
        head = await self._read_head(stream)
        if head is None or head.next_seq == 0:
            return b""
        return _canonical.encode(await self._client.newest(stream, head))

    async def close(self) -> None:
        await self._client.close()

    async def _read_head(self, stream: str) -> ChainHead | None:
        """Ask the ledger, and remember: it is asked again only after somebody else wrote."""
        self._heads.pop(stream, None)
        head = await self._client.head(stream)
        if head is not None:
            self._heads[stream] = head
        return head


def _entry(batch: Batch, entry: Entry, seq: int) -> ledger.Entry:
    if isinstance(entry, Lost):
        topic = f"{batch.topic}~{batch.epoch}" if batch.epoch else batch.topic
        id = f"{topic}/{batch.partition}/{entry.offset}"
        return _ledger_entry(batch.epoch, seq, entry.offset, entry.last, id, "lost", 0)
    id = record_id(batch.topic, batch.partition, entry)
    verdict = "kept" if isinstance(entry, Kept) else entry.outcome
    found = _ledger_entry(batch.epoch, seq, entry.offset, entry.offset, id, verdict, entry.timestamp)
    if isinstance(entry, Kept):
        return msgspec.structs.replace(
            found, content_hash=_content_hash(entry), license=_license(entry), pii=_categories(entry)
        )
    return msgspec.structs.replace(found, stage=_storable(entry.stage), code=_storable(entry.code))


def _ledger_entry(epoch: int, seq: int, offset: int, last: int, id: str, verdict: str, timestamp: int) -> ledger.Entry:
    return ledger.Entry(
        seq=seq,
        epoch=epoch,
        offset=offset,
        last=last,
        record_id=_storable(id),
        verdict=verdict,
        stage="",
        code="",
        content_hash="",
        license="",
        pii=(),
        timestamp=timestamp,
    )


def _content_hash(entry: Kept) -> str:
    if entry.claim:
        return entry.claim.split(":")[1]  # a claim's address is the hash of what it stands for
    return "" if entry.data is None else sha256(entry.data).hexdigest()


def _license(entry: Kept) -> str:
    found = orjson.loads(entry.notes.get("license", b"null"))
    id = found.get("id") if isinstance(found, dict) else None
    return _storable(id) if isinstance(id, str) else ""


def _categories(entry: Kept) -> tuple[str, ...]:
    found = orjson.loads(entry.notes.get("pii", b"[]"))
    return tuple(sorted({_storable(each["category"]).replace(",", "_") for each in found if each.get("category")}))


def _storable(text: str) -> str:
    """Text without NUL, which a ledger refuses: ids and licenses come from records, and must not stop a chain."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
