"""What lint says of plans: each code once, and silence for a plan that is well."""

import re

import pytest

from penstock.topology import lint as module
from penstock.topology.lint import StageFacts, lint
from penstock.topology.plan import plan
from penstock.topology.spec import Pipeline

FACTS = {
    "map": StageFacts(adds_text=True),
    "geocode": StageFacts(needs_original=True),
    "off": StageFacts(enabled=False),
    "dedup": StageFacts(has_state=True, spans=True),
    "keyed": StageFacts(has_state=True),
}
SOUND = {"name": "orders", "license": "CC0-1.0", "stages": ["tag", "redact", "license"], "sinks": ["graph"]}


def found(**keys) -> list[tuple[str, str, str]]:
    checked = plan(Pipeline.model_validate({**SOUND, **keys}))
    return [(finding.level, finding.code, finding.key) for finding in lint(checked, FACTS)]


CASES = [
    ({"stages": ["tag", "license"]}, [("error", "unredacted", "stages")]),
    ({"stages": ["redact", "map", "license"]}, [("error", "unredacted", "stages.1")]),
    ({"stages": ["redact", "map", "license"], "ungoverned": True}, [("warning", "unredacted", "stages.1")]),
    ({"stages": ["tag", "redact"]}, [("error", "unlicensed", "stages")]),
    ({"stages": ["tag", "redact"], "ungoverned": True}, [("warning", "unlicensed", "stages")]),
    ({"stages": []}, [("error", "unredacted", "stages"), ("error", "unlicensed", "stages")]),
    (
        {"stages": [{"redact": {"as": "off"}}, "license"]},
        [("error", "unredacted", "stages"), ("warning", "disabled_stage", "stages.0")],
    ),
    ({"raw": {"topic": "a b"}}, [("error", "topic_name", "raw.topic")]),
    ({"raw": {"topic": ".."}}, [("error", "topic_name", "raw.topic")]),
    ({"enriched": {"topic": "orders.raw"}}, [("error", "topic_twice", "enriched.topic")]),
    ({"enriched": {"topic": "orders_raw"}}, [("error", "topic_twice", "enriched.topic")]),
    (
        {"stages": [{"redact": {"policy": {"ip": {"keep": "asked for"}, "email": "mask"}}}, "license"]},
        [("warning", "redact_weakened", "stages.0.policy")],
    ),
    (
        {"stages": [{"redact": {"categories": ["email"]}}, "license"]},
        [("warning", "redact_weakened", "stages.0.categories")],
    ),
    ({"stages": ["hash", "redact", "license"]}, [("warning", "digest_in_front", "stages.0")]),
    ({"stages": ["redact", "geocode", "license"]}, [("warning", "needs_original", "stages.1")]),
    ({"license": None}, [("warning", "no_license_named", "stages.2")]),
    (
        {"raw": {"retention_hours": 721}, "enriched": {"retention_hours": -1}},
        [("warning", "raw_retention", "raw.retention_hours")],
    ),
    ({"enriched": {"retention_hours": 1}}, [("warning", "enriched_retention", "enriched.retention_hours")]),
    ({"batching": {"frame_bytes": 2048}}, [("warning", "large_claims", "batching.claim_bytes")]),
    ({"sinks": []}, [("warning", "no_sinks", "sinks")]),
    ({"stages": ["redact", "license", "keyed"], "chain": "fused"}, [("error", "state_shared", "chain")]),
    ({"stages": ["redact", "license", "dedup"], "chain": "topics"}, [("error", "state_spans", "stages.2")]),
]


@pytest.mark.parametrize(("keys", "expected"), CASES)
def test_findings(keys, expected):
    assert found(**keys) == expected


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"stages": ["map", "redact", "license", "hash"]},
        {"stages": ["redact", "map", {"redact": {"as": "again"}}, "license"]},
        {"stages": ["geocode", "redact", "license"]},
        {"raw": {"retention_hours": 720}, "enriched": {"retention_hours": 720}},
        {"enriched": {"retention_hours": -1}},
        {"license": None, "stages": ["redact", {"license": {"field": "license"}}]},
        {"license": None, "stages": ["redact", {"license": {"default": "MIT"}}]},
        {"license": None, "sources": [{"csv": {"path": "a", "license": "MIT"}}]},
    ],
)
def test_sound_plans_are_passed_in_silence(keys):
    assert found(**keys) == []


def test_one_source_without_a_license_is_enough_to_ask():
    sources = [{"csv": {"path": "a", "license": "MIT"}}, {"jsonl": {"path": "b"}}]
    assert found(license=None, sources=sources) == [("warning", "no_license_named", "stages.2")]


def test_every_code_is_documented_and_tried():
    documented = set(re.findall(r"^``(\w+)``", module.__doc__ or "", re.MULTILINE))
    tried = {code for _, expected in CASES for _, code, _ in expected}
    assert documented == tried


def test_a_stage_with_state_that_needs_nothing_of_other_partitions_is_well():
    stages = {"stages": ["redact", "license", "keyed"], "chain": [["redact", "license"], ["keyed"]]}
    assert found(**stages) == []
    assert (
        found(**{**stages, "stages": ["redact", "license", "dedup"], "chain": "topics", "raw": {"partitions": 1}}) == []
    )
