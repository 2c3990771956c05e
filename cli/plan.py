"""plan: show the agents, topics and groups that a pipeline file means on Kafka."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from penstock.cli._shared import JsonFlag, PipelineFile, load_plan, print_json, print_table

if TYPE_CHECKING:
    from penstock.topology.plan import Plan, Topic


def command(
    file: PipelineFile,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print a Mermaid flowchart.")] = False,
    acls: Annotated[
        bool, typer.Option("--acls", help="Print kafka-acls.sh lines: what each component may do, and no more.")
    ] = False,
    principal: Annotated[
        str,
        typer.Option(help="Whom --acls allows; {pipeline} and {component} are filled in."),
    ] = "User:{pipeline}-{component}",
    as_json: JsonFlag = False,
) -> None:
    """Show what a pipeline file means on Kafka. Nothing is started, and no broker is asked.

    Personal marks the topics that hold records nobody redacted yet.

    \b
    penstock plan orders.yml
    penstock plan orders.yml --mermaid
    penstock plan orders.yml --acls --principal 'User:CN={component}.orders.example.com'
    """
    plan = load_plan(file, refuse=False)
    if as_json:
        print_json(_as_json(plan))
    elif mermaid:
        from penstock.cli._mermaid import flowchart

        print("\n".join(flowchart(plan)))
    elif acls:
        from penstock.cli._acls import lines

        print("\n".join(lines(plan, principal)))
    else:
        _print(plan)


def _print(plan: "Plan") -> None:
    pipeline = plan.pipeline
    print(f"pipeline {pipeline.name}: {pipeline.raw.partitions} partitions, chain {_chain(plan)}\n")
    rows = [
        ("source", source.name, source.use, "", pipeline.raw_topic, f"{pipeline.name}.source.{source.name}")
        for source in pipeline.sources
    ]
    rows.append(("agent", "ingest", "", pipeline.raw_topic, plan.first_frames, plan.ingest_group))
    for agent in plan.agents:
        stages = " + ".join(stage.name for stage in agent.stages)
        rows.append(("agent", agent.name, stages, agent.source, agent.target, agent.group))
    rows.append(("agent", "deliver", "", plan.last_frames, pipeline.enriched_topic, plan.deliver_group))
    rows += [("sink", sink.name, sink.component.use, sink.source, "", sink.group) for sink in plan.sinks]
    print_table(("", "name", "runs", "reads", "writes", "group or transactional id"), rows)
    topics = [
        (topic.name, topic.kind, topic.partitions, _kept(topic), "personal" if topic.personal else "")
        for topic in plan.topics
    ]
    print_table(("topic", "kind", "partitions", "kept", ""), topics)


def _chain(plan: "Plan") -> str:
    chain = plan.pipeline.chain
    return chain if isinstance(chain, str) else "in groups"


def _kept(topic: "Topic") -> str:
    if topic.config.get("cleanup.policy") == "compact":
        return "newest of each key"
    if topic.kind == "frames":
        return "until all have read them"
    milliseconds = int(topic.config["retention.ms"])
    return "for ever" if milliseconds < 0 else f"{milliseconds / 3_600_000:g} h"


def _as_json(plan: "Plan") -> dict[str, Any]:
    pipeline = plan.pipeline
    agents = [{**asdict(agent), "stages": [stage.name for stage in agent.stages]} for agent in plan.agents]
    return {
        "pipeline": pipeline.name,
        "partitions": pipeline.raw.partitions,
        "chain": pipeline.chain,
        "sources": [
            {
                "name": source.name,
                "use": source.use,
                "target": pipeline.raw_topic,
                "transactional_id": f"{pipeline.name}.source.{source.name}",
            }
            for source in pipeline.sources
        ],
        "ingest": {"source": pipeline.raw_topic, "target": plan.first_frames, "group": plan.ingest_group},
        "agents": agents,
        "deliver": {"source": plan.last_frames, "target": pipeline.enriched_topic, "group": plan.deliver_group},
        "sinks": [
            {"name": sink.name, "use": sink.component.use, "source": sink.source, "group": sink.group}
            for sink in plan.sinks
        ],
        "topics": [asdict(topic) for topic in plan.topics],
    }
