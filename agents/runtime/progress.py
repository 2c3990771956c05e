"""How far delivery is, in a compacted topic of its own: it outlives consumer groups, which Kafka forgets when idle.

Keyed ``<raw topic>/<partition>``, written inside the transaction that delivers, so a read_committed reader sees exactly
what was delivered.
"""

from collections.abc import Iterable

import msgspec

from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.tail import last_values
from penstock.topology.plan import Plan


class Progress(msgspec.Struct, frozen=True):
    """How far one raw partition is delivered.

    Attributes
    ----------
    topic_id : str
        Of the raw topic.
    epoch, next : int
        Everything below `next` of this epoch stands in the enriched topic, or was left out on purpose.
    frames : str
        The frames topic it was read from; `input` means nothing in another.
    input : int
        Offset there to go on from, inclusive.
    """

    topic_id: str
    epoch: int
    next: int
    frames: str
    input: int


def encode(progress: Progress) -> bytes:
    return msgspec.json.encode(progress)


async def read_progress(cluster: Cluster, plan: Plan, partition: int) -> Progress | None:
    """What was delivered of one raw partition; None where nothing ever was."""
    return (await read_progresses(cluster, plan, [partition])).get(partition)


async def read_progresses(cluster: Cluster, plan: Plan, partitions: Iterable[int]) -> dict[int, Progress]:
    """The same of several, at once; absent where nothing ever was."""
    found = await last_values(cluster, plan.progress_topic, partitions)
    return {partition: msgspec.json.decode(value, type=Progress) for partition, value in found.items()}
