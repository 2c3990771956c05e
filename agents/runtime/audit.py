"""Auditing the provenance ledger: chains from the service, published heads from Kafka, keys from whoever trusts them.

In this order, so that a ledger that is being written to shows nothing that is not wrong:

1. the heads on Kafka, which are published only after the ledger has them;
2. the heads in the ledger;
3. the entries below the last of these;
4. the entries beyond, and then the ledger's heads again: an entry that still has no head was added by hand.

A chain that only Kafka knows was deleted from the ledger, and is audited like the others.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.messages import partitions_of, read_all
from penstock.connectors.ledger_client import DEFAULT_URL, NOT_FOUND, VARIABLE
from penstock.model.audit import Finding, verify_chain
from penstock.model.errors import RejectedError
from penstock.model.http import ServiceClient
from penstock.model.ledger import SignedHead, StoredEntry

PAGE = 5000
HEADS_SUFFIX = ".heads"

OnProgress = Callable[[str, int, int], None]
"""Told the chain, how many of its entries are read, and about how many there are."""

_T = TypeVar("_T")


@dataclass(slots=True)
class Audit:
    """What was checked, and what is wrong.

    Attributes
    ----------
    chains : dict
        By chain how many ``entries``, ``batches`` (heads in the ledger), ``heads`` (published) and ``findings``.
    verdicts : Counter
        Entries by verdict.
    """

    chains: dict[str, Counter[str]] = field(default_factory=dict)
    verdicts: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)

    @property
    def entries(self) -> int:
        return sum(counts["entries"] for counts in self.chains.values())


class _Chain(msgspec.Struct):
    chain: str
    next_seq: int


class _Chains(msgspec.Struct):
    chains: list[_Chain]


class _Entries(msgspec.Struct):
    entries: list[StoredEntry]
    next_seq: int | None


class _Heads(msgspec.Struct):
    batches: list[SignedHead]
    next_seq: int | None


class RecordEntry(StoredEntry, frozen=True, kw_only=True):
    """An entry with the name of its chain."""

    chain: str


class _RecordEntries(msgspec.Struct):
    entries: list[RecordEntry]


async def audit(
    cluster: Cluster,
    environ: Mapping[str, str],
    keys: Mapping[str, Ed25519PublicKey],
    *,
    pipeline: str | None = None,
    on_progress: OnProgress = lambda chain, read, of: None,
) -> Audit:
    """Check the chains of a pipeline, or all.

    Parameters
    ----------
    keys : mapping of str to Ed25519PublicKey
        Those to trust, by `penstock.model.ledger.key_id`.

    Raises
    ------
    UnreachableError
        The ledger or Kafka does not answer.
    ConfigurationError
        The pipeline has no topic of heads.
    """
    published = await _published(cluster, pipeline)  # 1
    client = ServiceClient.from_environment("the provenance ledger", environ, VARIABLE, DEFAULT_URL)
    result = Audit()
    try:
        there = {
            each.chain: each.next_seq
            for each in (await _get(client, "/api/v1/chains", _Chains)).chains
            if pipeline is None or each.chain.startswith(f"{pipeline}/")
        }
        for chain in sorted({*there, *published}):
            chain_audit = _ChainAudit(client, chain, there.get(chain, 0), on_progress)
            await chain_audit.run(published.get(chain, []), keys, result)
    finally:
        await client.close()
    return result


async def record_entries(environ: Mapping[str, str], record_id: str) -> list[RecordEntry]:
    """All that the ledger has of one record, by its first id. Raises UnreachableError."""
    client = ServiceClient.from_environment("the provenance ledger", environ, VARIABLE, DEFAULT_URL)
    try:
        path = f"/api/v1/records?record_id={quote(record_id, safe='')}"
        return (await _get(client, path, _RecordEntries)).entries
    finally:
        await client.close()


class _ChainAudit:
    """One chain. The audit runs in a thread and asks for pages as it needs them, so memory holds one."""

    def __init__(self, client: ServiceClient, chain: str, about: int, on_progress: OnProgress) -> None:
        self._client = client
        self._chain = chain
        self._about = about
        self._on_progress = on_progress
        self._loop = asyncio.get_running_loop()
        self._counts: Counter[str] = Counter(entries=0)
        self._verdicts: Counter[str] = Counter()

    async def run(self, published: list[SignedHead], keys: Mapping[str, Ed25519PublicKey], result: Audit) -> None:
        heads = await self._heads(0)  # 2
        end = max([self._about, *(head.next_seq for head in heads)])
        findings = await asyncio.to_thread(verify_chain, self._chain, self._entries(end), heads, published, keys)
        self._counts.update(batches=len(heads), heads=len(published), findings=len(findings))
        result.chains[self._chain] = self._counts
        result.verdicts += self._verdicts
        result.findings += findings

    def _entries(self, end: int) -> Iterator[StoredEntry]:
        seq: int | None = 0
        late: list[StoredEntry] = []
        while seq is not None and not late:
            page = self._wait(seq)
            seq = page.next_seq
            late = [stored for stored in page.entries if stored.entry.seq >= end]
            yield from self._count(stored for stored in page.entries if stored.entry.seq < end)  # 3
        if late:  # 4
            heads = asyncio.run_coroutine_threadsafe(self._heads(end), self._loop).result()
            covered = max([end, *(head.next_seq for head in heads)])
            yield from self._count(stored for stored in late if stored.entry.seq >= covered)

    def _count(self, entries: Iterator[StoredEntry]) -> Iterator[StoredEntry]:
        for stored in entries:
            self._counts["entries"] += 1
            self._verdicts[stored.entry.verdict] += 1
            yield stored

    def _wait(self, seq: int) -> _Entries:
        path = f"/api/v1/entries/{quote(self._chain)}?from_seq={seq}&limit={PAGE}"
        asked = _get(self._client, path, _Entries, absent=_Entries([], None))
        page = asyncio.run_coroutine_threadsafe(asked, self._loop).result()
        self._loop.call_soon_threadsafe(self._on_progress, self._chain, self._counts["entries"], self._about)
        return page

    async def _heads(self, from_seq: int) -> list[SignedHead]:
        found: list[SignedHead] = []
        seq: int | None = from_seq
        while seq is not None:
            path = f"/api/v1/batches/{quote(self._chain)}?from_seq={seq}&limit={PAGE}"
            page = await _get(self._client, path, _Heads, absent=_Heads([], None))
            found += page.batches
            seq = page.next_seq
        return found


async def _get(client: ServiceClient, path: str, shape: type[_T], absent: Any = None) -> _T:
    """What the ledger answers; `absent` where it knows no such chain."""
    try:
        answer = await client.request("GET", path)
    except RejectedError as error:
        if error.status == NOT_FOUND and absent is not None:
            return absent  # type: ignore[no-any-return] # of the shape
        raise
    return client.read(answer, shape)


async def _published(cluster: Cluster, pipeline: str | None) -> dict[str, list[SignedHead]]:
    """The heads on Kafka, by chain."""
    if pipeline is not None:
        topics = [f"{pipeline}{HEADS_SUFFIX}"]
    else:
        async with cluster.admin() as admin:
            topics = [topic for topic in await admin.list_topics() if topic.endswith(HEADS_SUFFIX)]
    found: dict[str, list[SignedHead]] = {}
    for topic in topics:
        async for messages in read_all(cluster, topic, await partitions_of(cluster, topic)):
            for message in messages:
                head = msgspec.json.decode(message.value, type=SignedHead)
                found.setdefault(head.chain, []).append(head)
    return found
