"""`tag` with a schema registry on a live stream: versions are noted, drift waits in the quarantine."""

import json
from typing import Any

import pytest

from penstock.services import schemas

pytestmark = pytest.mark.integration

BEFORE = {"id": 1, "email": "ann@example.com"}
WIDER = {**BEFORE, "note": "x"}
DRIFTED = {"id": "one", "email": "bob@example.com"}


async def test_drift_is_set_aside_and_everything_else_goes_on(
    rig: Any, make_raw: Any, serve: Any, metric: Any, tmp_path: Any
) -> None:
    rig.environ["SCHEMA_REGISTRY_URL"] = serve(schemas.create_app(f"sqlite:///{tmp_path}/schemas.db", None))
    stages = [{"tag": {"registry": True, "drift": "quarantine"}}, "redact", {"license": {"allow": ["MIT"]}}]
    plan = await rig.ensure(rig.plan(stages=stages, license="MIT", raw={"partitions": 1}))
    messages = [make_raw(json.dumps(data).encode()) for data in (BEFORE, WIDER, DRIFTED, BEFORE, WIDER)]
    rig.produce(plan.pipeline.raw_topic, messages)
    await rig.run(plan)
    notes = [message.json["schema"] for message in rig.read(plan.pipeline.enriched_topic)]
    assert [note["version"] for note in notes] == [1, 2, 1, 2]
    (aside,) = rig.read(plan.pipeline.quarantine_topic)
    assert b"schema_drift" in aside.value
    assert rig.read(plan.pipeline.dead_letter_topic) == []
    assert metric("penstock_events_total", pipeline=plan.pipeline.name, event="schema_drift") == 1
