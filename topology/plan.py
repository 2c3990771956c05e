"""What a pipeline file means on Kafka: agents, topics, groups.

::

    <p>.raw ─▶ ingest ═▶ <p>.ingest ═▶ agent 1 ═▶ <p>.<agent 1> ═▶ … ═▶ <p>.<agent n> ═▶ deliver ─▶ <p>.enriched
                                                                              └═▶ a sink each, its own group

A plan is pure: the same file gives the same plan on every worker.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from penstock.model.errors import ConfigurationError
from penstock.topology.spec import Component, Pipeline

INGEST = "ingest"
DELIVER = "deliver"
RESERVED = frozenset({INGEST, DELIVER, "raw", "enriched", "dlq", "quarantine", "progress", "cursors", "heads"})
LARGEST_MESSAGE = 25 * 1024 * 1024
LARGEST_DEAD_LETTER = 60 * 1024 * 1024

TopicKind = Literal[
    "raw", "frames", "enriched", "dead letters", "quarantine", "progress", "cursors", "heads", "table", "state"
]


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic the plan needs, with the settings that it must have."""

    name: str
    kind: TopicKind
    partitions: int
    config: dict[str, str] = field(default_factory=dict, hash=False)
    personal: bool = False
    """Whether it holds records that nobody redacted yet."""


@dataclass(frozen=True, slots=True)
class Agent:
    """One Faust app: some stages, from one frames topic to the next."""

    name: str
    stages: tuple[Component, ...]
    source: str
    target: str
    group: str
    has_state: bool = False
    """Whether a stage of it remembers something from record to record."""

    @property
    def state_topic(self) -> str:
        """What its stages remember, where they do: compacted, keyed by the stages' own keys."""
        return f"{self.group}-state"

    @property
    def table_topic(self) -> str:
        """The changelog of its checkpoint table, as Faust names it."""
        return f"{self.group}-checkpoint-changelog"


@dataclass(frozen=True, slots=True)
class SinkAgent:
    """A sink: reads the last frames topic in a group of its own."""

    name: str
    component: Component
    source: str
    group: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that runs and every topic it needs."""

    pipeline: Pipeline
    agents: tuple[Agent, ...]
    sinks: tuple[SinkAgent, ...]
    topics: tuple[Topic, ...]

    @property
    def first_frames(self) -> str:
        return f"{self.pipeline.name}.{INGEST}"

    @property
    def last_frames(self) -> str:
        return self.agents[-1].target if self.agents else self.first_frames

    @property
    def ingest_group(self) -> str:
        return f"{self.pipeline.name}.{INGEST}"

    @property
    def deliver_group(self) -> str:
        return f"{self.pipeline.name}.{DELIVER}"

    @property
    def groups(self) -> tuple[str, ...]:
        """Every consumer group of the pipeline, in the order of the stream."""
        agents, sinks = (agent.group for agent in self.agents), (sink.group for sink in self.sinks)
        return self.ingest_group, *agents, self.deliver_group, *sinks

    @property
    def progress_topic(self) -> str:
        return f"{self.pipeline.name}.progress"

    @property
    def cursors_topic(self) -> str:
        return f"{self.pipeline.name}.cursors"

    @property
    def heads_topic(self) -> str:
        return f"{self.pipeline.name}.heads"

    def agent_names(self) -> list[str]:
        """Names that ``--agents`` takes: ingest, the agents, deliver."""
        return [INGEST, *(agent.name for agent in self.agents), DELIVER]

    def select(self, wanted: list[str] | None) -> list[str]:
        """The agents that `wanted` names, each by its own name or by a stage in it; all where it is None.

        Raises ConfigurationError for a name that is neither.
        """
        if wanted is None:
            return self.agent_names()
        chosen = []
        for name in wanted:
            hits = [a.name for a in self.agents if name == a.name or name in {stage.name for stage in a.stages}]
            hits += [name] if name in (INGEST, DELIVER) else []
            if not hits:
                raise ConfigurationError(
                    f"no agent or stage is called {name}", hint=f"there are: {', '.join(self.agent_names())}"
                )
            chosen += [hit for hit in hits if hit not in chosen]
        return chosen


def plan(
    pipeline: Pipeline,
    alone: Callable[[Component], bool] = lambda stage: False,
    has_state: Callable[[str], bool] = lambda use: False,
) -> Plan:
    """The plan of a pipeline.

    Parameters
    ----------
    pipeline
        As loaded.
    alone
        Whether a stage shall have an agent of its own under ``chain: auto`` (it waits for a network, say); by default
        none does.
    has_state
        Whether the stage of that name remembers something from record to record; by default none does.

    Raises
    ------
    ConfigurationError
        The groups of ``chain`` are not the stages in order, or a name is taken.
    """
    agents: list[Agent] = []
    source = f"{pipeline.name}.{INGEST}"
    for group in _groups(pipeline, alone):
        name = _agent_name(group)
        if name in RESERVED or name in {agent.name for agent in agents}:
            raise ConfigurationError(f"an agent cannot be called {name}", hint="rename its stage with `as:`")
        remembers = any(has_state(stage.use) for stage in group)
        agents.append(Agent(name, group, source, f"{pipeline.name}.{name}", f"{pipeline.name}.{name}", remembers))
        source = agents[-1].target
    taken = {agent.name for agent in agents} | RESERVED
    for sink in pipeline.sinks:
        if f"sink-{sink.name}" in taken:
            raise ConfigurationError(f"a sink cannot be called {sink.name}", hint="rename it with `as:`")
    sinks = tuple(SinkAgent(s.name, s, source, f"{pipeline.name}.sink-{s.name}") for s in pipeline.sinks)
    return Plan(pipeline, tuple(agents), sinks, tuple(_topics(pipeline, agents)))


def _groups(pipeline: Pipeline, alone: Callable[[Component], bool]) -> list[tuple[Component, ...]]:
    stages = pipeline.stages
    if pipeline.chain == "topics":
        return [(stage,) for stage in stages]
    if pipeline.chain == "fused":
        return [tuple(stages)] if stages else []
    if pipeline.chain == "auto":
        groups: list[tuple[Component, ...]] = []
        for stage in stages:
            joins = bool(groups) and not alone(stage) and not alone(groups[-1][-1])
            if joins:
                groups[-1] = (*groups[-1], stage)
            else:
                groups.append((stage,))
        return groups
    by_name = {stage.name: stage for stage in stages}
    named = [name for group in pipeline.chain for name in group]
    if named != list(by_name):
        raise ConfigurationError(
            f"chain lists {', '.join(named) or 'nothing'}, the stages are {', '.join(by_name) or 'none'}",
            hint="chain groups must hold every stage once, in the order of stages",
        )
    return [tuple(by_name[name] for name in group) for group in pipeline.chain if group]


def _agent_name(stages: tuple[Component, ...]) -> str:
    name = "-".join(stage.name for stage in stages)
    if len(name) <= 80:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{stages[0].name}-to-{stages[-1].name}-{digest}"


def _topics(pipeline: Pipeline, agents: list[Agent]) -> list[Topic]:
    count = pipeline.raw.partitions
    hours = str(int(pipeline.raw.retention_hours * 3_600_000))
    kept = "-1" if pipeline.enriched.retention_hours < 0 else str(int(pipeline.enriched.retention_hours * 3_600_000))
    large = {"max.message.bytes": str(LARGEST_MESSAGE)}
    personal = {"retention.ms": hours, "cleanup.policy": "delete"}
    # frames are deleted by those who read them, when they are done with them, never by time or size
    frames = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete", **large}
    compacted = {"cleanup.policy": "compact"}
    redacted = False
    topics = [
        Topic(pipeline.raw_topic, "raw", count, {**personal, **large}, personal=True),
        Topic(f"{pipeline.name}.{INGEST}", "frames", count, frames, personal=True),
    ]
    for agent in agents:
        redacted = redacted or any(
            stage.use == "redact" and stage.options.get("enabled", True) for stage in agent.stages
        )
        topics.append(Topic(agent.target, "frames", count, frames, personal=not redacted))
        topics.append(Topic(agent.table_topic, "table", count, compacted))
        if agent.has_state:
            topics.append(Topic(agent.state_topic, "state", count, {**compacted, **large}))
    aside = {**personal, "max.message.bytes": str(LARGEST_DEAD_LETTER)}
    return [
        *topics,
        Topic(
            pipeline.enriched_topic,
            "enriched",
            count,
            {"retention.ms": kept, "cleanup.policy": "delete", **large},
            personal=not redacted,
        ),
        Topic(pipeline.dead_letter_topic, "dead letters", count, aside, personal=True),
        Topic(pipeline.quarantine_topic, "quarantine", count, aside, personal=True),
        Topic(f"{pipeline.name}.progress", "progress", count, compacted),
        Topic(f"{pipeline.name}.cursors", "cursors", 1, compacted),
        Topic(f"{pipeline.name}.heads", "heads", count, {"retention.ms": "-1", "cleanup.policy": "delete"}),
    ]
