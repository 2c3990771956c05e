"""graph: entities and relations to the graph API, which keeps the position in the transaction of the data.

    sinks: [graph]                                     GRAPH_API_URL, http://localhost:4000 where it is not set

A batch is one ``POST /api/v1/batches``. It holds the records with entities or relations, those that were replayed
(they may have had some before) and tombstones, as deletions; the position moves over all others too. Notes are JSON
already and are joined as they are.
"""

from urllib.parse import quote

import msgspec
import orjson

from penstock.model.component import Batch, Position, Receipt, Resources, Sink, SinkConfig
from penstock.model.errors import FencedError, RejectedError
from penstock.model.http import ServiceClient
from penstock.model.record import Kept, record_id

VARIABLE = "GRAPH_API_URL"
DEFAULT_URL = "http://localhost:4000"
CONFLICT, NOT_FOUND = 409, 404


class Config(SinkConfig):
    """The graph sink has no options: its address is GRAPH_API_URL."""


def build(config: Config, resources: Resources) -> Sink:
    client = ServiceClient.from_environment("the graph API", resources.environ, VARIABLE, DEFAULT_URL)
    return _Graph(client, resources.tenant)


class _Position(msgspec.Struct):
    epoch: int
    next: int


class _Applied(msgspec.Struct):
    applied: int


class _Graph:
    def __init__(self, client: ServiceClient, tenant: str) -> None:
        self.client = client
        self._tenant = orjson.dumps(tenant)

    async def position(self, stream: str) -> Position | None:
        try:
            answer = await self.client.request("GET", f"/api/v1/positions/{quote(stream)}")
        except RejectedError as error:
            if error.status == NOT_FOUND:
                return None
            raise
        found = self.client.read(answer, _Position)
        return Position(found.epoch, found.next)

    async def write(self, batch: Batch) -> Receipt:
        head = {"stream": batch.stream, "epoch": batch.epoch, "first": batch.first, "next": batch.next}
        head["genesis"] = batch.genesis
        body = b'%b,"records":[%b]}' % (orjson.dumps(head)[:-1], b",".join(self._records(batch)))
        try:
            answer = await self.client.request(
                "POST", "/api/v1/batches", content=body, headers={"Content-Type": "application/json"}
            )
        except RejectedError as error:
            if error.status == CONFLICT:
                raise FencedError(f"the graph API misses records of {batch.stream} before {batch.first}") from None
            raise
        return Receipt(written=self.client.read(answer, _Applied).applied)

    async def close(self) -> None:
        await self.client.close()

    def _records(self, batch: Batch) -> list[bytes]:
        return [
            self._record(batch, entry) for entry in batch.entries if isinstance(entry, Kept) and _is_spoken_of(entry)
        ]

    def _record(self, batch: Batch, entry: Kept) -> bytes:
        tenant = entry.notes.get("tenant", b"null")
        return b'{"id":%b,"offset":%d,"tenant":%b,"deleted":%b,"entities":%b,"relations":%b}' % (
            orjson.dumps(record_id(batch.topic, batch.partition, entry)),
            entry.offset,
            self._tenant if tenant == b"null" else tenant,
            b"true" if entry.data is None else b"false",
            entry.notes.get("entities", b"[]"),
            entry.notes.get("relations", b"[]"),
        )


def _is_spoken_of(entry: Kept) -> bool:
    """Whether the graph has to hear of the record."""
    nothing = entry.notes.get("entities", b"[]") == b"[]" == entry.notes.get("relations", b"[]")
    return entry.data is None or entry.origin != "" or not nothing
