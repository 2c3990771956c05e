"""A plan as a Mermaid flowchart."""

from collections.abc import Iterator

from penstock.topology.plan import Plan


def flowchart(plan: Plan) -> Iterator[str]:
    """The lines of the chart: topics as cylinders (personal ones marked), agents with their stages as boxes."""
    pipeline = plan.pipeline
    personal = [topic.name for topic in plan.topics if topic.personal]
    shown = [pipeline.raw_topic, plan.first_frames, *(agent.target for agent in plan.agents), pipeline.enriched_topic]
    aside = [pipeline.dead_letter_topic, pipeline.quarantine_topic]
    nodes = {name: f"t{number}" for number, name in enumerate([*shown, *aside])}
    yield "flowchart LR"
    yield from (f'  {node}[("{name}")]' for name, node in nodes.items())
    for number, source in enumerate(pipeline.sources):
        yield f'  source{number}(["{source.name}<br/>{source.use}"]) --> {nodes[pipeline.raw_topic]}'
    yield f"  {nodes[pipeline.raw_topic]} --> ingest[ingest] ==> {nodes[plan.first_frames]}"
    for number, agent in enumerate(plan.agents):
        stages = "<br/>".join(stage.name for stage in agent.stages)
        yield f'  {nodes[agent.source]} ==> agent{number}["{stages}"] ==> {nodes[agent.target]}'
    yield f"  {nodes[plan.last_frames]} ==> deliver[deliver] --> {nodes[pipeline.enriched_topic]}"
    for number, sink in enumerate(plan.sinks):
        yield f'  {nodes[sink.source]} ==> sink{number}(["{sink.name}<br/>{sink.component.use}"])'
    setters_aside = ["ingest", *(f"agent{number}" for number in range(len(plan.agents))), "deliver"]
    yield f"  {' & '.join(setters_aside)} -.-> {nodes[aside[0]]} & {nodes[aside[1]]}"
    yield "  classDef personal stroke:#b00,stroke-dasharray:4"
    yield f"  class {','.join(node for name, node in nodes.items() if name in personal)} personal"
