"""What is wrong, or looks wrong, with a plan that can be drawn.

Errors; such a plan is refused:

====================  ================================================================================================
``unredacted``        records reach the enriched topic and the sinks without `redact` behind the last stage that adds
                      text (a warning where the file says ``ungoverned: true``)
``unlicensed``        records reach them without `license` (a warning where the file says ``ungoverned: true``)
``topic_name``        Kafka does not take a name as a topic's
``topic_twice``       two topics of the plan have one name, or names that Kafka cannot tell apart
``state_shared``      a stage with state shares its agent with others
``state_spans``       a stage with state needs records together that may stand in several partitions
====================  ================================================================================================

Warnings:

====================  ================================================================================================
``redact_weakened``   `redact` keeps some categories, or looks for some of them only
``digest_in_front``   `hash` stands in front of `redact`: a digest of a telephone number gives the number away
``needs_original``    a stage that needs exact values stands behind `redact`
``no_license_named``  nothing names the license of records: `license` sets all of them aside
``disabled_stage``    a stage is switched off
``raw_retention``     topics with personal data are kept for more than 30 days
``enriched_retention``  enriched records are kept shorter than raw ones: one that waited longer than that, or is from a
                      backfill, is deleted as soon as it is written
``large_claims``      values that do not fit in a frame travel in frames all the same (``claim_bytes``)
``no_sinks``          records go to the enriched topic only
====================  ================================================================================================
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from penstock.topology.plan import Plan, Topic
from penstock.topology.spec import Component

LONGEST_RAW_RETENTION_HOURS: Final = 30 * 24
_TOPIC: Final = re.compile(r"[a-zA-Z0-9._-]{1,249}")

Level = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a plan.

    Attributes
    ----------
    level : str
        ``error`` (the plan is refused) or ``warning``.
    code : str
        Stable; see the head of this module.
    message : str
    key : str
        Dotted path in the pipeline file.
    """

    level: Level
    code: str
    message: str
    key: str


@dataclass(frozen=True, slots=True)
class StageFacts:
    """What lint must know of a stage, beside its place.

    Attributes
    ----------
    adds_text : bool
        It writes text that `redact` must see.
    needs_original : bool
        It needs values as they came.
    enabled : bool
    has_state : bool
        It remembers something from record to record.
    spans : bool
        Records that it needs together may stand in several partitions.
    """

    adds_text: bool = False
    needs_original: bool = False
    enabled: bool = True
    has_state: bool = False
    spans: bool = False


Stages = list[tuple[int, Component, StageFacts]]
"""Place in the file, component and facts of the stages that run."""


def lint(plan: Plan, facts: Mapping[str, StageFacts]) -> list[Finding]:
    """What is to be said of a plan, errors first.

    Parameters
    ----------
    plan
        Compiled: its components under their own names.
    facts
        By stage name; see `penstock.agents.runtime.compile.facts`.
    """
    known = [(index, stage, facts.get(stage.name, StageFacts())) for index, stage in enumerate(plan.pipeline.stages)]
    running = [item for item in known if item[2].enabled]
    found = [finding for rule in _STAGE_RULES for finding in rule(plan, running)]
    found += [finding for rule in _PLAN_RULES for finding in rule(plan)]
    found += [
        Finding("warning", "disabled_stage", f"{stage.name} is switched off", f"stages.{index}")
        for index, stage, about in known
        if not about.enabled
    ]
    return sorted(found, key=lambda finding: finding.level)


def _unredacted(plan: Plan, stages: Stages) -> Iterator[Finding]:
    places = [place for place, (_, stage, _) in enumerate(stages) if stage.use == "redact"]
    level: Level = "warning" if plan.pipeline.ungoverned else "error"
    if not places:
        yield Finding(level, "unredacted", "no redact stands before the enriched topic and the sinks", "stages")
        return
    for index, stage, about in stages[places[-1] + 1 :]:
        if about.adds_text:
            message = f"{stage.name} adds text, and no redact stands behind it"
            yield Finding(level, "unredacted", message, f"stages.{index}")


def _unlicensed(plan: Plan, stages: Stages) -> Iterator[Finding]:
    if not any(stage.use == "license" for _, stage, _ in stages):
        level: Level = "warning" if plan.pipeline.ungoverned else "error"
        yield Finding(level, "unlicensed", "no license stands before the enriched topic and the sinks", "stages")


def _redact_weakened(plan: Plan, stages: Stages) -> Iterator[Finding]:
    for index, stage, _ in stages:
        if stage.use != "redact":
            continue
        policy = stage.options.get("policy") or {}
        kept = sorted(category for category, strategy in policy.items() if isinstance(strategy, dict))
        if kept:
            yield Finding(
                "warning", "redact_weakened", f"{stage.name} keeps {', '.join(kept)}", f"stages.{index}.policy"
            )
        if (only := stage.options.get("categories")) is not None:
            message = f"{stage.name} looks for {', '.join(only) or 'nothing'} only"
            yield Finding("warning", "redact_weakened", message, f"stages.{index}.categories")


def _behind_or_in_front(plan: Plan, stages: Stages) -> Iterator[Finding]:
    places = [place for place, (_, stage, _) in enumerate(stages) if stage.use == "redact"]
    for place, (index, stage, about) in enumerate(stages):
        if places and about.needs_original and place > places[0]:
            message = f"{stage.name} needs values as they came, and redact stands in front of it"
            yield Finding("warning", "needs_original", message, f"stages.{index}")
        if places and stage.use == "hash" and place < places[-1]:
            message = f"{stage.name} stands in front of redact: digests of short values give the values away"
            yield Finding("warning", "digest_in_front", message, f"stages.{index}")


def _no_license_named(plan: Plan, stages: Stages) -> Iterator[Finding]:
    pipeline = plan.pipeline
    named = pipeline.license or (pipeline.sources and all(source.options.get("license") for source in pipeline.sources))
    for index, stage, _ in stages:
        if stage.use == "license" and not named:
            options = stage.options
            if options.get("field") or options.get("default") or options.get("unknown") == "allow":
                continue
            message = (
                f"nothing names the license of records, so {stage.name} lets only those through that a producer "
                "named one for: say `license:` for the file, or `field:` for the records' own"
            )
            yield Finding("warning", "no_license_named", message, f"stages.{index}")


def _state(plan: Plan, stages: Stages) -> Iterator[Finding]:
    shared = {stage.name for agent in plan.agents if len(agent.stages) > 1 for stage in agent.stages}
    for index, stage, about in stages:
        if about.has_state and stage.name in shared:
            message = (
                f"{stage.name} has state and shares its agent: after a crash the others would work on records again "
                "that were sent long ago; say `chain: auto`, or give it a group of its own"
            )
            yield Finding("error", "state_shared", message, "chain")
        if about.spans and plan.pipeline.raw.partitions > 1:
            message = (
                f"{stage.name} compares records that may stand in different partitions: the raw topic has "
                f"{plan.pipeline.raw.partitions}, and records are not moved between them; put the message key (@key) "
                "among its keys, give the topic one partition, or say `scope: partition`"
            )
            yield Finding("error", "state_spans", message, f"stages.{index}")


def _retention(plan: Plan) -> Iterator[Finding]:
    raw, enriched = plan.pipeline.raw.retention_hours, plan.pipeline.enriched.retention_hours
    if raw > LONGEST_RAW_RETENTION_HOURS:
        message = f"personal data is kept for {raw / 24:g} days in the raw, dead-letter and quarantine topics"
        yield Finding("warning", "raw_retention", message, "raw.retention_hours")
    if 0 <= enriched < raw:
        message = f"enriched records are kept for {enriched:g} h, raw ones for {raw:g} h: late ones are deleted at once"
        yield Finding("warning", "enriched_retention", message, "enriched.retention_hours")


def _large_claims(plan: Plan) -> Iterator[Finding]:
    batching = plan.pipeline.batching
    if batching.claim_bytes > batching.frame_bytes:
        message = f"values up to {batching.claim_bytes} bytes travel in frames of {batching.frame_bytes} at most"
        yield Finding("warning", "large_claims", message, "batching.claim_bytes")


def _no_sinks(plan: Plan) -> Iterator[Finding]:
    if not plan.sinks:
        topic = plan.pipeline.enriched_topic
        yield Finding("warning", "no_sinks", f"records go to the topic {topic} and nowhere else", "sinks")


def _topics(plan: Plan) -> Iterator[Finding]:
    seen: dict[str, Topic] = {}
    for topic in plan.topics:
        if not _TOPIC.fullmatch(topic.name) or topic.name in (".", ".."):
            message = f"Kafka does not take the name of the {topic.kind} topic: 1 to 249 letters, digits, '.', '_', '-'"
            yield Finding("error", "topic_name", message, _topic_key(topic))
        alike = topic.name.replace(".", "_")  # Kafka's metrics, and so its brokers, take these for the same
        if alike in seen:
            message = f"the {seen[alike].kind} topic {seen[alike].name} and the {topic.kind} topic have one name"
            yield Finding("error", "topic_twice", message, _topic_key(topic))
        seen[alike] = topic


def _topic_key(topic: Topic) -> str:
    keys = {"raw": "raw.topic", "enriched": "enriched.topic", "dead letters": "error_handling.dead_letter_topic"}
    return keys.get(topic.kind, "name")


_STAGE_RULES: Final[tuple[Callable[[Plan, Stages], Iterator[Finding]], ...]] = (
    _unredacted,
    _unlicensed,
    _redact_weakened,
    _behind_or_in_front,
    _no_license_named,
    _state,
)
_PLAN_RULES: Final[tuple[Callable[[Plan], Iterator[Finding]], ...]] = (
    _topics,
    _retention,
    _large_claims,
    _no_sinks,
)
