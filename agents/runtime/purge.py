"""Deleting frames that everybody is done with.

Frames topics keep everything until those who read them are durably done with it; each hop purges its own input. The
last frames topic has several readers (delivery and the sinks): what lies below all their committed offsets goes, but
for the tail, which the agent before reads to learn where it stands. A reader that never committed keeps everything.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Mapping

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import LeaderNotAvailableError, for_code
from aiokafka.protocol.admin import DeleteRecordsRequest

from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.owner import Owner
from penstock.agents.runtime.tail import TAIL_FRAMES
from penstock.topology.plan import DELIVER, Plan

PURGE_EVERY_SECONDS = 30.0
_PATIENCE_MS = 30_000


async def purge_last_frames(
    cluster: Cluster, plan: Plan, owners: Mapping[str, Owner], producer: AIOKafkaProducer
) -> None:
    """Purge the partitions that this process delivers, every half minute, until cancelled."""
    while True:
        await asyncio.sleep(PURGE_EVERY_SECONDS)
        owner = owners.get(DELIVER)
        if owner is not None and owner.owned:
            with contextlib.suppress(Exception):  # a purge that fails is done by the next one
                await _purge(cluster, plan, list(owner.owned), producer)


async def _purge(cluster: Cluster, plan: Plan, tps: list[TopicPartition], producer: AIOKafkaProducer) -> None:
    groups = [plan.deliver_group, *(sink.group for sink in plan.sinks)]
    floors = dict.fromkeys(tps, 2**62)
    async with cluster.admin() as admin:
        for group in groups:
            committed = await admin.list_consumer_group_offsets(group, partitions=tps)
            for tp in tps:
                known = committed.get(tp)
                floors[tp] = min(floors[tp], known.offset if known else 0)
    # twice the tail: a sink starts reading a tail below what it committed
    await delete_below(producer, {tp: floor - 2 * TAIL_FRAMES for tp, floor in floors.items()})


async def delete_below(producer: AIOKafkaProducer, floors: Mapping[TopicPartition, int]) -> None:
    """Delete what lies below an offset of each partition; where that is not above 0, nothing.

    Over a producer that is there anyway: aiokafka's admin client opens a connection and asks for all topics of the
    cluster first, which six agents of a worker did at the same moment.
    """
    topics: dict[int, dict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    client = producer.client
    for tp, offset in floors.items():
        if offset > 0:
            await client.add_topic(tp.topic)
            leader = client.cluster.leader_for_partition(tp)
            if leader in (None, -1):
                raise LeaderNotAvailableError(tp)
            topics[leader][tp.topic].append((tp.partition, offset))
    for leader, wanted in topics.items():
        answer = await client.send(leader, DeleteRecordsRequest(list(wanted.items()), _PATIENCE_MS))
        for _, partitions, *_ in answer.topics:
            for _, _, code, *_ in partitions:
                if code:
                    client.force_metadata_update()
                    raise for_code(code)
