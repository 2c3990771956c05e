"""What came out of the demo, read from where it came out: topics, graph API and ledger, not from counters."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from penstock.agents.runtime.audit import audit
from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.messages import read_all
from penstock.cli.demo.scene import Scene
from penstock.cli.ledger import trusted_keys
from penstock.codecs.dead_letter import decode
from penstock.topology.plan import Plan

SAMPLES = 3


@dataclass(slots=True)
class Outcome:
    """The demo's result; `as_json` gives its public shape."""

    read: int = 0
    enriched: int = 0
    repeated: int = 0
    denied: int = 0
    quarantined: int = 0
    dropped: int = 0
    letters: Counter[str] = field(default_factory=Counter)  # "<stage>: <code>"
    pii: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)  # enrichments, "<stage>: <reason>"
    read_out: int = 0  # texts of pictures, documents and recordings
    graph_entities: int = 0
    graph_relations: int = 0
    ledger_entries: int = 0
    ledger_verified: bool = False
    findings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    samples: list[dict[str, Any]] = field(default_factory=list)

    @property
    def dead_lettered(self) -> int:
        return self.letters.total()

    @property
    def unaccounted(self) -> int:
        found = self.enriched + self.denied + self.dropped + self.quarantined + self.dead_lettered
        return abs(self.read - found) + self.repeated

    @property
    def good(self) -> bool:
        """Every record is accounted for, once, and the ledger says the same."""
        return self.unaccounted == 0 and self.ledger_verified

    def as_json(self) -> dict[str, Any]:
        return {
            "read": self.read,
            "enriched": self.enriched,
            "denied": self.denied,
            "dead_lettered": self.dead_lettered,
            "unaccounted": self.unaccounted,
            "texts_read_out": self.read_out,
            "enrichments_failed": dict(sorted(self.failed.items())),
            "pii": dict(sorted(self.pii.items())),
            "graph_entities": self.graph_entities,
            "ledger_entries": self.ledger_entries,
            "ledger_verified": self.ledger_verified,
            "seconds": round(self.seconds, 2),
            "records_per_second": round(self.read / self.seconds, 1) if self.seconds else 0.0,
        }


async def look(scene: Scene, plan: Plan, seconds: float) -> Outcome:
    """Read everything back.

    Parameters
    ----------
    seconds : float
        What the run took.
    """
    outcome = Outcome(read=scene.records, seconds=seconds)
    await _read_enriched(scene.cluster, plan, outcome)
    outcome.letters.update(
        [f"{letter.stage}: {letter.code}" for letter in await _letters(scene.cluster, plan, quarantine=False)]
    )
    outcome.quarantined = len(await _letters(scene.cluster, plan, quarantine=True))
    await _ask_graph(scene, outcome)
    await _audit(scene, plan, outcome)
    return outcome


async def _read_enriched(cluster: Cluster, plan: Plan, outcome: Outcome) -> None:
    seen: set[str] = set()
    topic = plan.pipeline.enriched_topic
    async for messages in read_all(cluster, topic, range(plan.pipeline.raw.partitions)):
        for record in (orjson.loads(message.value) for message in messages):
            outcome.repeated += record["id"] in seen
            seen.add(record["id"])
            for item in record["pii"]:
                outcome.pii[item["category"]] += item["count"]
            enrichments = record["enrichments"]
            outcome.failed.update(f"{stage}: {reason}" for stage, reason in enrichments.get("errors", {}).items())
            outcome.read_out += len(enrichments.get("ocr", ())) + len(enrichments.get("stt", ()))
            if len(outcome.samples) < SAMPLES and len(record["pii"]) > len(outcome.samples) and record["enrichments"]:
                outcome.samples.append(record)
    outcome.enriched = len(seen)


async def _letters(cluster: Cluster, plan: Plan, *, quarantine: bool) -> list[Any]:
    """The letters of a topic, each once, however often it was written."""
    topic = plan.pipeline.quarantine_topic if quarantine else plan.pipeline.dead_letter_topic
    found: dict[bytes, Any] = {}
    async for messages in read_all(cluster, topic, range(plan.pipeline.raw.partitions)):
        found.update((message.key, decode(message.value)) for message in messages)
    return list(found.values())


async def _ask_graph(scene: Scene, outcome: Outcome) -> None:
    headers = {"Authorization": f"Bearer {scene.environ['PENSTOCK_API_TOKEN']}"}
    async with httpx.AsyncClient(base_url=scene.environ["GRAPH_API_URL"], headers=headers, timeout=30) as http:
        answer = await http.get("/api/v1/stats", params={"tenant": scene.pipeline.tenant})
        stats = answer.raise_for_status().json()
    outcome.graph_entities = sum(stats["entities"].values())
    outcome.graph_relations = sum(stats["relations"].values())


async def _audit(scene: Scene, plan: Plan, outcome: Outcome) -> None:
    keys = trusted_keys(scene.environ, None, [])
    found = await audit(scene.cluster, scene.environ, keys, pipeline=plan.pipeline.name)
    outcome.findings = [f"{finding.chain} {finding.seq}: {finding.message}" for finding in found.findings]
    outcome.ledger_entries = found.entries
    outcome.denied = found.verdicts["denied"]
    outcome.dropped = found.verdicts["dropped"]
    raw = scene.records - sum(n for reason, n in outcome.letters.items() if reason.startswith("source-"))
    outcome.ledger_verified = not found.findings and found.entries == raw
