"""Kafka for the benchmark: topics made and filled before a job, counted while it runs, read back after it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined]

from penstock.model.errors import BrokerUnreachableError

ANSWER_WITHIN = 10.0  # seconds for the first answer of the broker
AGAIN_AFTER = 0.05  # seconds between two attempts
TIMEOUT = 30.0  # seconds for any later one


class Broker:
    """The broker that all jobs of a run use."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        # log_level: the C client would write about each attempt to connect; what matters is raised
        self._client: dict[str, str | int | float | bool] = {"bootstrap.servers": bootstrap, "log_level": 0}
        self._admin = AdminClient(self._client)
        self._producer = Producer({**self._client, "linger.ms": 20})

    def check(self) -> None:
        """Raise BrokerUnreachableError unless the broker answers."""
        try:
            self._admin.list_topics(timeout=ANSWER_WITHIN)
        except KafkaException as error:
            raise BrokerUnreachableError(
                "Kafka", self.bootstrap, variable="KAFKA_BOOTSTRAP_SERVERS", seconds=ANSWER_WITHIN
            ) from error

    def create(self, names: Sequence[str], partitions: int) -> None:
        """Make topics; the broker's own defaults say how they are kept."""
        _wait(self._admin.create_topics([NewTopic(name, num_partitions=partitions) for name in names]))
        for name in names:
            self._wait_for_leaders(name)

    def _wait_for_leaders(self, topic: str) -> None:
        """Wait until the client knows a leader of every partition; asked for an offset before, it stays at none."""
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            known = self._admin.list_topics(topic, timeout=TIMEOUT).topics[topic]
            if known.partitions and all(partition.leader >= 0 for partition in known.partitions.values()):
                return
            time.sleep(AGAIN_AFTER)
        raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))

    def delete_all(self, prefix: str) -> None:
        """Delete every topic whose name begins with `prefix`, the ones that a job made for itself too."""
        names = [name for name in self._admin.list_topics(timeout=TIMEOUT).topics if name.startswith(prefix)]
        if names:
            _wait(self._admin.delete_topics(names))

    def fill(self, topic: str, values: Sequence[bytes], partitions: int) -> None:
        """Produce `values` without keys, number i to partition i modulo `partitions`, and wait until all are kept."""
        self.fill_keyed(topic, [(None, value) for value in values], partitions)

    def fill_keyed(self, topic: str, pairs: Sequence[tuple[bytes | None, bytes]], partitions: int) -> None:
        """Produce pairs of key and value, number i to partition i modulo `partitions`, and wait until all are kept."""
        failed: list[KafkaError] = []

        def delivered(error: KafkaError | None, message: Any) -> None:
            if error:
                failed.append(error)

        for index, (key, value) in enumerate(pairs):
            self._produce(topic, key, value, index % partitions, delivered)
        if self._producer.flush(TIMEOUT * 4) or failed:
            raise KafkaException(failed[0] if failed else KafkaError(KafkaError._MSG_TIMED_OUT))

    def _produce(
        self, topic: str, key: bytes | None, value: bytes, partition: int, delivered: Callable[[Any, Any], None]
    ) -> None:
        try:
            self._producer.produce(topic, value, key, partition=partition, on_delivery=delivered)
        except BufferError:  # its queue is full: what stands in it goes first
            self._producer.poll(TIMEOUT)
            self._producer.produce(topic, value, key, partition=partition, on_delivery=delivered)

    def end(self, topic: str, partitions: int) -> int:
        """Return the sum of the end offsets that a read_committed reader sees.

        In topics written by transactions their markers count too: it is never less than the number of records.
        """
        wanted = {TopicPartition(topic, number): OffsetSpec.latest() for number in range(partitions)}  # type: ignore[no-untyped-call]
        deadline = time.monotonic() + ANSWER_WITHIN
        while True:
            answers = self._admin.list_offsets(wanted, isolation_level=IsolationLevel.READ_COMMITTED)
            try:
                return sum(answer.result(TIMEOUT).offset for answer in answers.values())
            except KafkaException:  # the leader that the client knows does not know it yet
                if time.monotonic() > deadline:
                    raise
                time.sleep(AGAIN_AFTER)

    def read(self, topic: str, partitions: int, positions: dict[int, int] | None = None) -> Iterator[bytes]:
        """Yield the value of every committed record that stands in `topic` now.

        Parameters
        ----------
        positions
            Offsets to begin at, by partition, and where to go on the next time: it is changed.
        """
        at = {} if positions is None else positions
        consumer = Consumer(
            {
                **self._client,
                "group.id": f"{topic}-reader",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
            }
        )
        consumer.assign([TopicPartition(topic, number, at.get(number, 0)) for number in range(partitions)])
        open_partitions = set(range(partitions))
        try:
            while open_partitions:
                for message in consumer.consume(10_000, timeout=0.2):
                    error = message.error()
                    if error is None:
                        at[message.partition()] = message.offset() + 1
                        yield message.value() or b""
                    elif error.code() == KafkaError._PARTITION_EOF:
                        open_partitions.discard(message.partition())
                    else:
                        raise KafkaException(error)
        finally:
            consumer.close()


def _wait(futures: dict[str, Any]) -> None:
    for future in futures.values():
        future.result(TIMEOUT)
