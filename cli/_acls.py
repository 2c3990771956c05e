"""What each component of a plan must be allowed on the cluster, as lines for Kafka's own ``kafka-acls.sh``.

======================  ==========================================================================================
``source-<name>``       writes raw records, dead letters and its cursor in one transaction; reads its cursor
``ingest``              reads raw records, and the tail of the frames that it writes
each agent              reads and purges its input, reads the tail of its output, keeps its table
``deliver``             reads and purges the last frames, writes enriched records and its progress in one transaction
``sink-<name>``         reads the last frames; writes the heads that its destination signs
``replay``              who replays and releases: reads what was set aside, writes it to the raw topic with a marker
``setup``               makes the topics and compares them with the plan: whoever starts workers
======================  ==========================================================================================

Agents and sinks also read the raw topic, for the original bytes of a record that is set aside, and write dead letters
and quarantined records. Producers of raw records need Write on the raw topic, readers of enriched ones Read on the
enriched topic and on their own groups: who they are is not in the plan. Kafka 3 or newer: before, idempotent producers
need IdempotentWrite on the cluster as well.
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from penstock.model.errors import ConfigurationError
from penstock.topology.plan import INGEST, Plan

COMMAND = 'kafka-acls.sh --bootstrap-server "$KAFKA_BOOTSTRAP_SERVERS" --command-config "$KAFKA_COMMAND_CONFIG"'


@dataclass
class _Rights:
    """What one component may do.

    Attributes
    ----------
    topics : dict
        Operations by topic. Read, Write and Delete include Describe.
    groups : dict
        Operation by group.
    transactional_ids : list of (id, whether it is a prefix)
    """

    component: str
    topics: dict[str, list[str]] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    transactional_ids: list[tuple[str, bool]] = field(default_factory=list)
    cluster: bool = False

    def topic(self, name: str, *operations: str) -> None:
        known = self.topics.setdefault(name, [])
        known += [operation for operation in operations if operation not in known]


def lines(plan: Plan, principal: str) -> Iterator[str]:
    """The commands, by component; each names all topics with the same operations, for it starts a Java runtime.

    Parameters
    ----------
    plan
    principal
        Whom to allow; ``{pipeline}`` and ``{component}`` are filled in.

    Raises
    ------
    ConfigurationError
        The principal has other braces, or no type such as ``User:``.
    """
    personal = {topic.name for topic in plan.topics if topic.personal}
    for rights in _all(plan):
        try:
            who = principal.format(pipeline=plan.pipeline.name, component=rights.component)
        except (KeyError, IndexError, ValueError):
            raise ConfigurationError("--principal may hold {pipeline} and {component}, and no other braces") from None
        if ":" not in who:
            raise ConfigurationError("--principal needs a type", hint="such as User:{component}")
        yield f"# {rights.component}"
        yield from _commands(rights, f"{COMMAND} --add --allow-principal {shlex.quote(who)}", personal)


def _commands(rights: _Rights, add: str, personal: set[str]) -> Iterator[str]:
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, operations in rights.topics.items():
        alike.setdefault(tuple(sorted(operations)), []).append(name)
    for together, names in alike.items():
        exposed = [name for name in names if name in personal and {"Read", "Write"} & set(together)]
        mark = f"  # personal data: {', '.join(exposed)}" if exposed else ""
        topics = " ".join(f"--topic {shlex.quote(name)}" for name in names)
        yield f"{add} {_operations(together)} {topics}{mark}"
    for name, operation in rights.groups.items():
        yield f"{add} {_operations([operation])} --group {shlex.quote(name)}"
    for name, is_prefix in rights.transactional_ids:
        pattern = " --resource-pattern-type prefixed" if is_prefix else ""
        yield f"{add} {_operations(['Write', 'Describe'])} --transactional-id {shlex.quote(name)}{pattern}"
    if rights.cluster:
        yield f"{add} {_operations(['Describe'])} --cluster"


def _operations(names: Sequence[str]) -> str:
    return " ".join(f"--operation {name}" for name in names)


def _all(plan: Plan) -> Iterator[_Rights]:
    pipeline = plan.pipeline
    yield _setup(plan)
    for source in pipeline.sources:
        rights = _Rights(f"source-{source.name}")
        rights.topic(pipeline.raw_topic, "Write")
        rights.topic(pipeline.dead_letter_topic, "Write")
        rights.topic(plan.cursors_topic, "Read", "Write")
        rights.transactional_ids.append((f"{pipeline.name}.source.{source.name}", False))
        yield rights
    rights = _agent(plan, INGEST, pipeline.raw_topic, plan.first_frames, plan.ingest_group)
    rights.topic(plan.progress_topic, "Read")
    yield rights
    for agent in plan.agents:
        rights = _agent(plan, agent.name, agent.source, agent.target, agent.group)
        rights.topic(agent.source, "Delete")
        rights.topic(agent.table_topic, "Read", "Write")
        rights.topic(plan.progress_topic, "Read")
        if agent.has_state:
            rights.topic(agent.state_topic, "Read", "Write")
            rights.transactional_ids.append((f"{agent.state_topic}-", True))  # one a partition
        yield rights
    yield _deliver(plan)
    for sink in plan.sinks:
        rights = _agent(plan, f"sink-{sink.name}", sink.source, None, sink.group)
        rights.topic(plan.heads_topic, "Write")
        yield rights
    yield _replay(plan)


def _agent(plan: Plan, name: str, reads: str, writes: str | None, group: str) -> _Rights:
    """What every agent needs: its input, its output with its tail, its group, and to set records aside."""
    rights = _Rights(name, groups={group: "Read"})
    rights.topic(reads, "Read")
    if writes is not None:
        rights.topic(writes, "Read", "Write")
    rights.topic(plan.pipeline.raw_topic, "Read")
    rights.topic(plan.pipeline.dead_letter_topic, "Write")
    rights.topic(plan.pipeline.quarantine_topic, "Write")
    return rights


def _deliver(plan: Plan) -> _Rights:
    rights = _agent(plan, "deliver", plan.last_frames, None, plan.deliver_group)
    rights.topic(plan.last_frames, "Delete")
    rights.topic(plan.pipeline.enriched_topic, "Write")
    rights.topic(plan.progress_topic, "Read", "Write")
    rights.groups |= dict.fromkeys((sink.group for sink in plan.sinks), "Describe")  # how far they are, to purge
    rights.transactional_ids.append((f"{plan.deliver_group}-", True))  # one a partition
    return rights


def _replay(plan: Plan) -> _Rights:
    rights = _Rights("replay")
    rights.topic(plan.pipeline.dead_letter_topic, "Read", "Write")
    rights.topic(plan.pipeline.quarantine_topic, "Read", "Write")
    rights.topic(plan.pipeline.raw_topic, "Write")
    rights.transactional_ids.append((f"{plan.pipeline.name}.replay", False))
    return rights


def _setup(plan: Plan) -> _Rights:
    rights = _Rights("setup", cluster=True)
    for topic in plan.topics:
        rights.topic(topic.name, "Create", "Describe", "DescribeConfigs")
    return rights
