"""What a hop does with the records of a frame: its stages, and everything that must be safe before the next frame is.

Nothing here knows of places or order; that is `agents/runtime/lane.py`.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from penstock.agents.chain import Aside, Chain, Result, StageCount
from penstock.agents.runtime import metrics
from penstock.agents.runtime.attempts import DEATHS_BEFORE_HALVING
from penstock.agents.runtime.deadletter import DeadLetters
from penstock.agents.runtime.patience import patiently
from penstock.agents.runtime.payloads import Payloads
from penstock.agents.runtime.retrying import run_with_retries
from penstock.agents.state import Draft
from penstock.codecs.frame import Frame
from penstock.model.record import Entry, Kept, Stub, record_id
from penstock.topology.plan import Agent, Plan

_CATEGORY = re.compile(rb'"category":"([^"\\]*)"')


@dataclass(slots=True)
class Processed:
    """What became of the records of a frame, and how often those that died were tried."""

    result: Result
    attempts: int


@dataclass
class Processor:
    """The stages of one agent."""

    plan: Plan
    agent: Agent
    chain: Chain
    letters: DeadLetters
    payloads: Payloads
    log: Any

    @property
    def labels(self) -> tuple[str, str]:
        """Of metrics: pipeline and agent."""
        return self.plan.pipeline.name, self.agent.name

    async def process(self, partition: int, frame: Frame, poisonous: bool, state: Draft | None = None) -> Processed:
        """Run the chain over the frame, for as long as it takes; `poisonous` quarantines its one record unseen.

        `state` has the frame's changes afterwards; those of a run that was given up are not among them.
        """
        gone: list[Aside] = []
        entries = await self.payloads.fetch(frame.entries, partition, self.agent.name, gone)
        if poisonous:
            result, attempts = self._condemn(partition, frame), DEATHS_BEFORE_HALVING
        else:
            handling = self.plan.pipeline.error_handling
            result, attempts = await run_with_retries(
                lambda some: patiently(lambda: self._run_chain(partition, some, state), handling, self.labels),
                entries,
                handling,
            )
        result.aside += gone
        return Processed(result, attempts)

    async def stow(self, processed: Processed) -> None:
        """Put what is too large for a frame into the claim store."""
        await self.payloads.stow(processed.result.entries)

    async def set_aside(self, partition: int, frame: Frame, processed: Processed) -> None:
        """Write the letters of what died or is quarantined, and wait until the broker has them."""
        await self.letters.set_aside(partition, processed.result.aside, frame.topic_id, processed.attempts)

    async def _run_chain(self, partition: int, entries: Sequence[Entry], state: Draft | None) -> Result:
        if state is None:
            return await self.chain.run(self.plan.pipeline.raw_topic, partition, entries)
        draft = Draft(state)
        result = await self.chain.run(self.plan.pipeline.raw_topic, partition, entries, draft)
        draft.keep()
        return result

    def _condemn(self, partition: int, frame: Frame) -> Result:
        """Quarantine the one record of the frame unseen: it killed its worker again and again."""
        topic = self.plan.pipeline.raw_topic
        result = Result([], [], {})
        for entry in frame.entries:
            if isinstance(entry, Kept):
                known = record_id(topic, partition, entry)
                result.aside.append(Aside(entry.offset, known, self.agent.name, "poison", "quarantined"))
                stub = Stub(entry.offset, entry.timestamp, "quarantined", self.agent.name, "poison", entry.origin)
                result.entries.append(stub)
            else:
                result.entries.append(entry)
        self.log.error("a record that kills its worker was quarantined", partition=partition, offset=frame.first)
        return result


@dataclass(slots=True)
class Counts:
    """What is counted of a frame when it is acknowledged: numbers only, its entries are let go before."""

    records_in: int
    records_out: int
    stages: dict[str, StageCount]
    categories: Counter[str]

    @classmethod
    def of(cls, result: Result) -> "Counts":
        kept = sum(isinstance(entry, Kept) for entry in result.entries)
        return cls(len(result.entries), kept, result.counts, _categories(result))

    def add(self, labels: tuple[str, str]) -> None:
        """Add them to the metrics of pipeline and agent."""
        metrics.RECORDS_IN.labels(*labels).inc(self.records_in)
        metrics.RECORDS_OUT.labels(*labels).inc(self.records_out)
        metrics.FRAME_RECORDS.labels(*labels).observe(self.records_in)
        for stage, count in self.stages.items():
            metrics.STAGE_SECONDS.labels(*labels, stage).inc(count.seconds)
            for outcome, number in count.outcomes.items():
                verdict, _, reason = outcome.partition(":")
                metrics.VERDICTS.labels(*labels, stage, verdict, reason).inc(number)
        for category, number in self.categories.items():
            metrics.PII.labels(labels[0], category).inc(number)


def _categories(result: Result) -> Counter[str]:
    """In how many fields each category of PII was found, if `redact` was at work here."""
    if not any(stage.startswith("redact") for stage in result.counts):
        return Counter()
    notes = b"".join(entry.notes.get("pii", b"") for entry in result.entries if isinstance(entry, Kept))
    return Counter(category.decode() for category in _CATEGORY.findall(notes))
