"""Signed heads of the ledger, written to Kafka by commands that note events in it.

Whoever changes the ledger afterwards would have to change Kafka as well (`penstock ledger verify`).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from penstock.cli._shared import say
from penstock.model.errors import PenstockError

if TYPE_CHECKING:
    from penstock.topology.plan import Plan


async def publish(head: Mapping[str, Any], plans: Sequence["Plan"], environ: Mapping[str, str]) -> list[str]:
    """The topics of heads that a signed head was written to: those of the pipelines.

    No broker is started for it; one that does not answer is told, and the ledger holds the head in any case.
    """
    from penstock.agents.runtime.cluster import Cluster
    from penstock.agents.runtime.messages import Outgoing, Writer, partitions_of
    from penstock.broker.embedded import VARIABLE, status

    running = status()
    address = environ.get(VARIABLE, "").strip() or (running.bootstrap if running else "")
    if not (plans and address):
        return []
    import orjson

    cluster, done = Cluster(address, environ), []
    message = Outgoing(orjson.dumps(head, option=orjson.OPT_SORT_KEYS), str(head["chain"]).encode())
    for topic in dict.fromkeys(plan.heads_topic for plan in plans):
        try:
            async with Writer(cluster, topic, len(await partitions_of(cluster, topic))) as writer:
                await writer.send([message])
        except PenstockError as error:
            say(f"the ledger's head is not on Kafka: {error}")
        else:
            done.append(topic)
    return done
