"""Checking the provenance ledger: chains from the service, heads from Kafka, keys from here."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from penstock.model.audit import Finding, verify_chain
from penstock.model.ledger import SignedHead, StoredEntry

if TYPE_CHECKING:
    from penstock.agents.runtime.cluster import Cluster
    from penstock.model.http import ServiceClient

PAGE = 10_000


@dataclass(slots=True)
class Audit:
    """What was checked, and what was found."""

    chains: dict[str, Counter[str]] = field(default_factory=dict)
    """By chain: how many entries, batches and published heads."""
    verdicts: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    @property
    def entries(self) -> int:
        return sum(counts["entries"] for counts in self.chains.values())


class _Entries(msgspec.Struct):
    entries: list[StoredEntry]
    next_seq: int | None


class _Batches(msgspec.Struct):
    batches: list[SignedHead]
    next_seq: int | None


async def verify(cluster: "Cluster", environ: Mapping[str, str], pipeline: str) -> Audit:
    """Check every chain of a pipeline, against the heads on its Kafka topic and the key that signs here.

    Heads are read first: an entry written while we look is then in the ledger and not yet in the heads, never the
    other way round.

    Raises
    ------
    UnreachableError
        The ledger or Kafka does not answer.
    """
    from penstock.connectors.sinks.ledger import DEFAULT_URL, VARIABLE, trusted_key
    from penstock.model.http import ServiceClient
    from penstock.model.ledger import key_id

    heads = await _published(cluster, f"{pipeline}.heads")
    key = trusted_key(environ)
    client = ServiceClient.from_environment("the provenance ledger", environ, VARIABLE, DEFAULT_URL)
    audit = Audit()
    try:
        for chain in sorted({*await _chains(client, pipeline), *heads}):
            entries = [entry async for entry in _entries(client, chain)]
            batches = [batch async for batch in _batches(client, chain)]
            published = heads.get(chain, [])
            audit.chains[chain] = Counter(entries=len(entries), batches=len(batches), heads=len(published))
            audit.verdicts.update(stored.entry.verdict for stored in entries)
            audit.findings += verify_chain(chain, entries, batches, published, {key_id(key): key})
    finally:
        await client.close()
    return audit


async def _chains(client: "ServiceClient", pipeline: str) -> list[str]:
    answer = await client.request("GET", "/api/v1/chains")
    return [chain["chain"] for chain in answer.json()["chains"] if chain["chain"].startswith(f"{pipeline}/")]


async def _entries(client: "ServiceClient", chain: str) -> AsyncIterator[StoredEntry]:
    async for page in _pages(client, "entries", chain, _Entries):
        for entry in page.entries:
            yield entry


async def _batches(client: "ServiceClient", chain: str) -> AsyncIterator[SignedHead]:
    async for page in _pages(client, "batches", chain, _Batches):
        for batch in page.batches:
            yield batch


async def _pages(client: "ServiceClient", what: str, chain: str, shape: type[Any]) -> AsyncIterator[Any]:
    seq: int | None = 0
    while seq is not None:
        answer = await client.request("GET", f"/api/v1/{what}/{quote(chain)}?from_seq={seq}&limit={PAGE}")
        page = msgspec.json.decode(answer.content, type=shape)
        yield page
        seq = page.next_seq


async def _published(cluster: "Cluster", topic: str) -> dict[str, list[SignedHead]]:
    """The heads on the topic, by chain."""
    from aiokafka import TopicPartition

    from penstock.agents.runtime.tail import read_range

    found: dict[str, list[SignedHead]] = {}
    consumer = cluster.reader()
    await consumer.start()
    try:
        await consumer.topics()  # asks for the metadata of all
        for partition in consumer.partitions_for_topic(topic) or ():
            tp = TopicPartition(topic, partition)
            consumer.assign([tp])
            begin, end = (await consumer.beginning_offsets([tp]))[tp], (await consumer.end_offsets([tp]))[tp]
            async for messages in read_range(consumer, tp, begin, end):
                for message in messages:
                    head = msgspec.json.decode(message.value, type=SignedHead)
                    found.setdefault(head.chain, []).append(head)
    finally:
        await consumer.stop()
    return found
