"""A record that kills the process that looks at it is quarantined with its bytes, and all others come out once."""

import asyncio
import json
import os
import signal
import sys
import time
from types import ModuleType
from typing import Any

import pytest

from penstock.agents.registry import STAGES
from penstock.agents.runtime.framing import FrameWriter
from penstock.agents.runtime.lease import Lease
from penstock.codecs.frame import Frame
from penstock.model.component import Apply, StageConfig
from penstock.model.record import Record
from penstock.model.verdict import KEEP, Verdict

pytestmark = pytest.mark.integration

WORKER = '''
"""A worker with a stage that does not survive some records."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from types import ModuleType

from penstock.agents.registry import STAGES
from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.worker import Worker
from penstock.model.component import Apply, StageConfig
from penstock.model.record import Record
from penstock.model.verdict import KEEP, Verdict
from penstock.topology.load import loads
from penstock.topology.plan import plan


def build(config: StageConfig) -> Apply:
    def apply(record: Record) -> Verdict:
        if record.data.get("poison"):
            os.abort()
        return KEEP

    return apply


module = ModuleType("fragile")
module.Config, module.build = StageConfig, build
sys.modules["fragile"] = module
STAGES.modules["fragile"] = "fragile"


async def main() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    planned = plan(loads(sys.argv[1], {}))
    worker = Worker(Cluster(sys.argv[2]), planned, os.environ, Path(sys.argv[3]), planned.agent_names(), [])
    await worker.run(stop)


asyncio.run(main())
'''


@pytest.mark.timeout(240)
async def test_records_that_kill_their_worker_are_quarantined_and_the_others_come_once(rig, make_raw, tmp_path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    keys = {"name": rig.name, "raw": {"partitions": 1}, "stages": ["tag", "fragile"], "ungoverned": True}
    keys |= {"batching": {"frame_records": 2}, "chain": "fused"}
    plan = await rig.ensure(rig.plan(**keys))
    poisonous = {3}
    values = [json.dumps({"id": n, "poison": n in poisonous}).encode() for n in range(6)]
    rig.produce(plan.pipeline.raw_topic, [make_raw(value, b"k%d" % n) for n, value in enumerate(values)])

    deaths = await _restart_until_done(rig, plan, [str(script), json.dumps(keys), rig.bootstrap, str(rig.home)])

    assert deaths == 3  # twice in the frame, once alone
    enriched = [message.json["data"]["id"] for message in rig.read(plan.pipeline.enriched_topic)]
    assert enriched == [n for n in range(6) if n not in poisonous]
    letters = [message.json for message in rig.read(plan.pipeline.quarantine_topic)]
    assert [letter["offset"] for letter in letters] == sorted(poisonous)
    for letter in letters:
        assert (letter["code"], letter["outcome"], letter["stage"]) == ("poison", "quarantined", "tag-fragile")
        assert letter["value"]["text"].encode() == values[letter["offset"]]
        assert letter["key"]["text"] == f"k{letter['offset']}"
    assert rig.read(plan.pipeline.dead_letter_topic) == []


async def _restart_until_done(rig: Any, plan: Any, arguments: list[str]) -> int:
    """Start the worker again each time that it dies; how often it did."""
    deaths = 0
    delivered = asyncio.create_task(rig.delivered(plan, seconds=100))
    while not delivered.done():
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env={**os.environ, **rig.environ}, stderr=asyncio.subprocess.DEVNULL
        )
        ended = asyncio.create_task(process.wait())
        try:
            await asyncio.wait({ended, delivered}, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                assert process.returncode == -signal.SIGABRT
                deaths += 1
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGTERM)
                await asyncio.wait_for(ended, 30)
    await delivered
    return deaths


async def test_a_record_is_not_blamed_when_its_agent_starts_anew_for_another_reason(rig, make_raw, monkeypatch) -> None:
    plan = await rig.ensure(rig.plan())
    send, failures = FrameWriter.send, []

    async def failing(self: FrameWriter, frame: Frame) -> None:
        if self._topic == plan.last_frames and len(failures) < 3:
            failures.append(1)
            raise OSError("injected")
        await send(self, frame)

    monkeypatch.setattr(FrameWriter, "send", failing)
    rig.produce(plan.pipeline.raw_topic, [make_raw(b'{"id":0}')])  # a frame of one record: nothing to bisect
    await rig.run(plan)
    assert len(failures) == 3
    assert rig.read(plan.pipeline.quarantine_topic) == []
    assert [message.json["data"]["id"] for message in rig.read(plan.pipeline.enriched_topic)] == [0]


async def test_a_record_that_blocks_its_worker_for_longer_than_the_lease_is_quarantined(
    rig, make_raw, monkeypatch
) -> None:
    monkeypatch.setattr(Lease.__init__, "__defaults__", (2.0, time.monotonic))

    def build(config: StageConfig) -> Apply:
        def apply(record: Record) -> Verdict:
            time.sleep(2.5 if "slow" in record.data else 0)
            return KEEP

        return apply

    module = ModuleType("dawdle")
    vars(module).update(Config=StageConfig, build=build)
    monkeypatch.setitem(sys.modules, "dawdle", module)
    monkeypatch.setitem(STAGES.modules, "dawdle", "dawdle")
    plan = await rig.ensure(rig.plan(stages=["dawdle"], batching={"frame_records": 1}))
    rig.produce(plan.pipeline.raw_topic, [make_raw(b'{"id":0}'), make_raw(b'{"id":1,"slow":1}'), make_raw(b'{"id":2}')])
    await rig.run(plan)
    assert [message.json["data"]["id"] for message in rig.read(plan.pipeline.enriched_topic)] == [0, 2]
    (message,) = rig.read(plan.pipeline.quarantine_topic)
    assert (message.json["offset"], message.json["code"]) == (1, "poison")
    assert message.json["value"]["text"] == '{"id":1,"slow":1}'
