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
from penstock.model.home import home
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
    return _Ledger(client, signing_key(resources.environ, config.key_file))


class _Head(msgspec.Struct):
    """Where a chain stands; what a ledger says of it."""

    epoch: int
    next_seq: int
    next_offset: int
    head_hash: str


class _Batches(msgspec.Struct):
    """A page of signed heads."""

    batches: list[ledger.SignedHead]


def _position(head: _Head | None) -> Position | None:
    return None if head is None else Position(head.epoch, head.next_offset)


class _Ledger:
    def __init__(self, client: ServiceClient, key: Ed25519PrivateKey) -> None:
        self.client = client
        self._key = key
        self._heads: dict[str, _Head] = {}

    async def position(self, stream: str) -> Position | None:
        return _position(await self._read_head(stream))

    async def write(self, batch: Batch) -> Receipt:
        head = self._heads.get(batch.stream) or await self._read_head(batch.stream)
        rest = remaining(batch, _position(head))
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

    async def last_head(self, stream: str) -> bytes:
        head = await self._read_head(stream)
        if head is None or head.next_seq == 0:
            return b""
        path = f"/api/v1/batches/{quote(stream)}?from_seq={head.next_seq - 1}&limit=1"
        answer = await self.client.request("GET", path)
        (newest,) = msgspec.json.decode(answer.content, type=_Batches).batches
        return _canonical.encode(newest)

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


def signing_key(environ: Mapping[str, str], key_file: str | None = None) -> Ed25519PrivateKey:
    """The key that signs; see the head of this module. Raises ConfigurationError."""
    if named := key_file or environ.get(KEY_VARIABLE):
        path = Path(named).expanduser()
        if not path.is_file():  # a slip in its name must not make a new key without a word
            raise ConfigurationError(f"there is no signing key {path}", hint=f"set key_file or {KEY_VARIABLE}")
        return ledger.load_or_create_key(path)
    path = home(environ) / "keys" / "ledger.pem"
    try:
        return ledger.load_or_create_key(path)
    except OSError as error:
        raise ConfigurationError(
            f"the signing key {path} cannot be made: {error.strerror}", hint=f"set {KEY_VARIABLE} or PENSTOCK_HOME"
        ) from None
