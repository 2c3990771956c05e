"""References: a compacted topic joined to records, from its beginning, while it changes and when it is made anew."""

import asyncio
import json
from typing import Any

import pytest

from penstock.agents.runtime.reference import References
from penstock.model.table import Table

pytestmark = pytest.mark.integration


def known(table: Table) -> dict[bytes, bytes]:
    return {key: value for key, value in table.changed(0)[1] if value is not None}


async def test_records_wait_for_the_topic_and_are_joined(rig: Any, make_raw: Any) -> None:
    cities = f"{rig.name}-cities"
    stage = {"lookup": {"topic": cities, "by": {"city": "_key"}, "label": "city", "missing": "mark"}}
    plan = await rig.ensure(rig.plan(stages=["tag", stage]))

    def produce(*names: str) -> None:
        values = [json.dumps({"city": name}).encode() for name in names]
        rig.produce(plan.pipeline.raw_topic, [make_raw(value) for value in values])

    def joined() -> list[Any]:
        return [message.json["enrichments"]["lookup"]["city"] for message in rig.read(plan.pipeline.enriched_topic)]

    produce("bern", "rom")
    async with rig.working(plan) as worker:
        await rig.until(worker.ready, "joining")
        assert joined() == [], "there is no such topic yet"
        await asyncio.to_thread(rig.create, cities, 2, cleanup_policy="compact")
        await rig.until(lambda: len(joined()) == 2, "records that waited")
        assert joined() == [{"matched": False}] * 2
        changes = [(b"bern", b'{"people": 1}', 0), (b"bern", b'{"people": 2}', 0), (b"rom", b'{"people": 3}', 1)]
        rig.produce(cities, [make_raw(value, key, partition) for key, value, partition in changes])
        table = worker.resources.table(cities)
        await rig.until(lambda: len(known(table)) == 2, "reading on")
        produce("bern", "rom")
        await rig.delivered(plan)
    assert joined()[2:] == [{"matched": True, "people": 2}, {"matched": True, "people": 3}]
    produce("bern", "rom", "oslo")
    await rig.run(plan)
    assert [each["matched"] for each in joined()[4:]] == [True, True, False], "a new worker reads all of it first"


async def test_a_topic_that_is_made_anew_is_read_anew(rig: Any, make_raw: Any) -> None:
    topic = f"{rig.name}-t"
    rig.create(topic, 1, cleanup_policy="compact")
    rig.produce(topic, [make_raw(b"1", key) for key in (b"a", b"b", b"c", b"c")])
    references = References(rig.cluster, rig.name)
    table = references.table(topic)
    assert references.table(topic) is table
    try:
        await rig.until(lambda: table.ready, "reading")
        assert known(table) == {b"a": b"1", b"b": b"1", b"c": b"1"}
        rig.produce(topic, [make_raw(None, b"b")])
        await rig.until(lambda: len(known(table)) == 2, "a deletion")
        await asyncio.to_thread(rig.recreate, topic)
        rig.produce(topic, [make_raw(b"2", b"a")])
        await rig.until(lambda: known(table) == {b"a": b"2"}, "what the new topic says")
    finally:
        await references.close()
