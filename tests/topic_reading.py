"""Reading a topic to its end with librdkafka: what the oracles of integration tests and of chaos share."""

import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

PATIENCE = 60.0
SETTLES = 10.0
"""Seconds after which a transaction at a topic's end is one that was left open, not one whose marker is on its way."""


def read_to(
    consumer: Consumer, topic: str, ends: Mapping[int, int], settles: float = 0, *, forgiving: bool = False
) -> list[Any]:
    """Every message of these partitions, in the order of their arrival.

    A broker answers a commit before its markers stand in the partitions, and until they do a read_committed consumer is
    not shown the records: what lies below the ends is waited for.

    Parameters
    ----------
    consumer
        With ``enable.partition.eof``.
    ends
        By partition, with what no transaction has committed yet; 0 for wherever it ends now.
    settles : float
        Seconds to wait for what is not shown.
    forgiving : bool
        Whether errors pass, as those of a broker that is away; else each fails the test.
    """
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in ends])
    found: list[Any] = []
    left, unsettled, begin = set(ends), set[int](), time.monotonic()
    while left and not (left <= unsettled and time.monotonic() > begin + settles):
        assert time.monotonic() < begin + PATIENCE, f"{topic} cannot be read to its end"
        for message in consumer.consume(500, 0.1):
            error = message.error()
            if error is None:
                found.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                unsettled.add(message.partition())
                if message.offset() >= ends[message.partition()]:
                    left.discard(message.partition())
            else:
                assert forgiving, error
    return found
