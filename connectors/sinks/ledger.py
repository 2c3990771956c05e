"""ledger: what became of every offset, as signed batches in the provenance ledger (see `penstock.model.ledger`).

    sinks: [ledger]                                    PROV_LEDGER_URL, http://localhost:4010 where it is not set

Each stream is a chain of its own. The entries of a chain follow from the entries of the frames alone, however they
were batched. Batches are signed with the Ed25519 key in `key_file`, else in the file that PENSTOCK_SIGNING_KEY_FILE
names, else in ``keys/ledger.pem`` of penstock's data folder, which is made if need be. The receipt's head is the
signed head as canonical JSON.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import msgspec
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import Field

from penstock.connectors.sinks._ranges import remaining
from penstock.model import ledger
from penstock.model.component import Batch, Position, Receipt, Resources, Sink, SinkConfig
from penstock.model.errors import ConfigurationError, FencedError, RejectedError
from penstock.model.http import ServiceClient
from penstock.model.record import Entry, Kept, Lost, record_id

VARIABLE = "PROV_LEDGER_URL"
DEFAULT_URL = "http://localhost:4010"
KEY_VARIABLE = "PENSTOCK_SIGNING_KEY_FILE"
CONFLICT, NOT_FOUND = 409, 404

_canonical = msgspec.json.Encoder(order="sorted")


class Config(SinkConfig):
    """Options of the ledger sink."""

    key_file: str | None = Field(None, description="PEM file of the Ed25519 key that signs; else see the environment.")


def build(config: Config, resources: Resources) -> Sink:
    client = ServiceClient.from_environment("the provenance ledger", resources.environ, VARIABLE, DEFAULT_URL)
    return _Ledger(client, _key(config, resources.environ))


class _Head(msgspec.Struct):
    """Where a chain stands; what a ledger says of it."""

    epoch: int
    next_seq: int
    next_offset: int
    head_hash: str

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.next_offset)


class _Ledger:
    def __init__(self, client: ServiceClient, key: Ed25519PrivateKey) -> None:
        self.client = client
        self._key = key
        self._heads: dict[str, _Head] = {}

    async def position(self, stream: str) -> Position | None:
        head = await self._read_head(stream)
        return head and head.position

    async def write(self, batch: Batch) -> Receipt:
        head = self._heads.get(batch.stream) or await self._read_head(batch.stream)
        rest = remaining(batch, head and head.position)
        if rest is None:
            return Receipt(written=0)
        head = head or _Head(rest.epoch, 0, rest.first, ledger.genesis_hash(rest.stream).hex())
        if not rest.entries:
            # A chain has no batches without entries: this is remembered here, and after a restart found out again.
            self._heads[rest.stream] = _Head(rest.epoch, head.next_seq, rest.next, head.head_hash)
            return Receipt(written=0)
        entries = [_entry(rest, entry, seq) for seq, entry in enumerate(rest.entries, head.next_seq)]
        sealed = ledger.seal(
            self._key, rest.stream, entries, previous=bytes.fromhex(head.head_hash), next_offset=rest.next
        )
        await self._post(ledger.batch(sealed, self._key.public_key(), entries))
        self._heads[rest.stream] = _Head(rest.epoch, sealed.next_seq, sealed.next_offset, sealed.head_hash)
        return Receipt(written=len(entries), head=_canonical.encode(sealed))

    async def close(self) -> None:
        await self.client.close()

    async def _read_head(self, stream: str) -> _Head | None:
        """Ask the ledger, and remember: it is asked again only after somebody else wrote."""
        self._heads.pop(stream, None)
        try:
            answer = await self.client.request("GET", f"/api/v1/heads/{quote(stream)}")
        except RejectedError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        head = self._heads[stream] = msgspec.json.decode(answer.content, type=_Head)
        return head

    async def _post(self, batch: ledger.Batch) -> None:
        body = msgspec.json.encode(batch)
        try:
            await self.client.request(
                "POST", "/api/v1/batches", content=body, headers={"Content-Type": "application/json"}
            )
        except RejectedError as error:
            self._heads.pop(batch.chain, None)
            if error.status == CONFLICT:
                raise FencedError(f"the chain {batch.chain} was continued by another writer") from None
            raise


def _entry(batch: Batch, entry: Entry, seq: int) -> ledger.Entry:
    if isinstance(entry, Lost):
        id, verdict, stage, code, timestamp, last = "", "lost", "", "", 0, entry.last
        id = f"{batch.topic}/{batch.partition}/{entry.offset}"
    else:
        id, timestamp, last = record_id(batch.topic, batch.partition, entry), entry.timestamp, entry.offset
        kept = isinstance(entry, Kept)
        verdict, stage, code = ("kept", "", "") if isinstance(entry, Kept) else (entry.outcome, entry.stage, entry.code)
    return ledger.Entry(
        seq=seq,
        epoch=batch.epoch,
        offset=entry.offset,
        last=last,
        record_id=_storable(id),
        verdict=verdict,
        stage=_storable(stage),
        code=_storable(code),
        content_hash=_content_hash(entry) if kept else "",
        license=_license(entry) if kept else "",
        pii=_categories(entry) if kept else (),
        timestamp=timestamp,
    )
