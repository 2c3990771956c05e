"""Deleting frames that everybody is done with.

Frames topics keep everything until those who read them are durably done with it; each hop purges its own input. The
last frames topic has several readers (delivery and the sinks): what lies below all their committed offsets goes, but
for the tail, which the agent before reads to learn where it stands. A reader that never committed keeps everything.
"""

import asyncio
import contextlib
from collections.abc import Mapping

from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.hop import PURGE_EVERY_SECONDS
from penstock.agents.runtime.owner import Owner
from penstock.agents.runtime.tail import TAIL_FRAMES
from penstock.topology.plan import DELIVER, Plan


async def purge_last_frames(cluster: Cluster, plan: Plan, owners: Mapping[str, Owner]) -> None:
    """Purge the partitions that this process delivers, every half minute, until cancelled."""
    while True:
        await asyncio.sleep(PURGE_EVERY_SECONDS)
        owner = owners.get(DELIVER)
        if owner is not None and owner.owned:
            with contextlib.suppress(Exception):  # a purge that fails is done by the next one
                await _purge(cluster, plan, list(owner.owned))


async def _purge(cluster: Cluster, plan: Plan, tps: list[TopicPartition]) -> None:
    groups = [plan.deliver_group, *(sink.group for sink in plan.sinks)]
    async with cluster.admin() as admin:
        floors = dict.fromkeys(tps, 2**62)
        for group in groups:
            committed = await admin.list_consumer_group_offsets(group, partitions=tps)
            for tp in tps:
                known = committed.get(tp)
                floors[tp] = min(floors[tp], known.offset if known else 0)
        # twice the tail: a sink starts reading a tail below what it committed
        done = {tp: RecordsToDelete(floor - 2 * TAIL_FRAMES) for tp, floor in floors.items() if floor > 2 * TAIL_FRAMES}
        if done:
            await admin.delete_records(done)
