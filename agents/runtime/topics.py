"""Making the topics of a plan, or refusing what stands in their place.

Settings that matter for correctness (partitions; of our own topics also cleanup and message size) must be as planned; a
topic that differs is refused, never changed: it may hold somebody's data. Raw and enriched topics are their users': how
long they keep what, and how large a message may be, is for them to say.
"""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from penstock.agents.runtime.cluster import Cluster
from penstock.model.errors import TopicMismatchError, UnreachableError
from penstock.topology.plan import Plan, Topic

_UNKNOWN_TOPIC: Final = 3
_GONE_SECONDS: Final = 2.0
_TOPIC_EXISTS: Final = 36
_CHECKED: Final = ("cleanup.policy", "max.message.bytes")
HOW_TO_FIT: Final = "delete the topic, rename it in the pipeline file, or change the file"
HOW_TO_GROW: Final = (
    "to have more: stop the workers, give all topics of the pipeline as many partitions, set raw.partitions in its "
    "file, start the workers (docs/OPERATIONS.md); or use another name"
)
_USERS_OWN: Final = frozenset({"raw", "enriched"})


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting of a topic that is not as planned."""

    topic: str
    setting: str
    found: str
    wanted: str


async def ensure(cluster: Cluster, plan: Plan, *, replication: int = 3) -> list[str]:
    """Make the plan's topics that are missing; the names of those that were made.

    Parameters
    ----------
    replication : int
        Replicas of each, or as many as there are brokers if that is less. Three are written by two at least, and no
        replica that fell behind may become leader: an acknowledged frame is never lost to an election.

    Raises
    ------
    TopicMismatchError
        A topic exists with other partitions, cleanup policy or a smaller message size.
    BrokerUnreachableError
    """
    async with cluster.admin() as admin:
        there = set(await admin.list_topics())
        missing = [topic for topic in plan.topics if topic.name not in there]
        if missing:
            there |= await _create(admin, missing, replication)
        await _wait_for_leaders(admin, plan.topics, replication)
        differences = await compare(admin, [topic for topic in plan.topics if topic.name in there])
    if differences:
        told = "; ".join(f"{d.topic}: {d.setting} is {d.found}, the plan needs {d.wanted}" for d in differences)
        grown = any(d.setting == "partitions" for d in differences)
        raise TopicMismatchError(told, hint=HOW_TO_GROW if grown else HOW_TO_FIT)
    return [topic.name for topic in missing if topic.name not in there]


async def forget(cluster: Cluster, prefix: str) -> None:
    """Delete all topics whose names begin with `prefix`, as far as the cluster lets us."""
    async with cluster.admin() as admin:
        old = [topic for topic in await admin.list_topics() if topic.startswith(prefix)]
        with contextlib.suppress(KafkaError):  # what cannot be deleted is only in the way of a tidy listing
            await admin.delete_topics(old)


async def compare(admin: AIOKafkaAdminClient, topics: list[Topic]) -> list[Difference]:
    """What differs between topics that exist and what the plan needs of them."""
    if not topics:
        return []
    described = {t["topic"]: t for t in await admin.describe_topics([topic.name for topic in topics])}
    configs = await _configs(admin, [topic.name for topic in topics])
    found = []
    for topic in topics:
        partitions = len(described[topic.name]["partitions"])
        if partitions != topic.partitions:
            found.append(Difference(topic.name, "partitions", str(partitions), str(topic.partitions)))
        for setting in () if topic.kind in _USERS_OWN else _CHECKED:
            wanted, actual = topic.config.get(setting), configs[topic.name].get(setting, "")
            enough = setting == "max.message.bytes" and wanted and actual.isdigit() and int(actual) >= int(wanted)
            if wanted and wanted != actual and not enough:
                found.append(Difference(topic.name, setting, actual, wanted))
    return found


async def _create(admin: AIOKafkaAdminClient, topics: list[Topic], replication: int) -> set[str]:
    """Make the topics; the names of those that somebody else made meanwhile."""
    brokers = len((await admin.describe_cluster())["brokers"])
    factor = min(replication, brokers)
    safety = {"unclean.leader.election.enable": "false", "min.insync.replicas": "2" if factor > 2 else "1"}
    made = [NewTopic(t.name, t.partitions, factor, topic_configs={**safety, **t.config}) for t in topics]
    response = await admin.create_topics(made)
    for name, code, message in response.topic_errors:
        if code not in (0, _TOPIC_EXISTS):
            raise TopicMismatchError(f"the topic {name} cannot be made: {message or f'error {code}'}")
    return {name for name, code, _ in response.topic_errors if code == _TOPIC_EXISTS}


async def _wait_for_leaders(
    admin: AIOKafkaAdminClient, topics: tuple[Topic, ...], replication: int, seconds: float = 30.0
) -> None:
    """Wait until the topics can be used; one that was listed because its deletion was going on is made again."""
    loop = asyncio.get_running_loop()
    began = looked = loop.time()
    while True:
        described = {t["topic"]: t for t in await admin.describe_topics([topic.name for topic in topics])}
        waiting = [topic for topic in topics if not _led(described.get(topic.name))]
        if not waiting:
            return
        if loop.time() - began > seconds:
            names = ", ".join(topic.name for topic in waiting)
            raise UnreachableError("the leaders of the topics", names, seconds=seconds)
        gone = [topic for topic in waiting if described.get(topic.name, {}).get("error_code") == _UNKNOWN_TOPIC]
        if gone and loop.time() - looked > _GONE_SECONDS:
            looked = loop.time()
            await _create(admin, gone, replication)
        await asyncio.sleep(0.1)


def _led(described: dict[str, Any] | None) -> bool:
    return (
        described is not None
        and described["error_code"] == 0
        and all(partition["leader"] >= 0 for partition in described["partitions"])
    )


async def _configs(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    responses = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    return {
        resource[3]: {entry[0]: entry[1] or "" for entry in resource[4]}
        for response in responses
        for resource in response.resources
    }
