"""Sending frames: split to size, in order, several under way, each acknowledged by all replicas."""

import asyncio
from collections import deque

from aiokafka import AIOKafkaProducer

from penstock.agents.runtime import metrics
from penstock.codecs.frame import Frame, encode, split

UNDER_WAY = 8


class FrameWriter:
    """Writes frames to one partition.

    The producer is idempotent and keeps order within a partition, also over retries, so frames may follow each other
    without waiting; a failure leaves a gap that the next owner finds in the tail, because whoever gets it starts anew.
    """

    def __init__(
        self, producer: AIOKafkaProducer, topic: str, partition: int, labels: tuple[str, str], frame_bytes: int
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._partition = partition
        self._labels = labels
        self._frame_bytes = frame_bytes
        self._sent: deque[asyncio.Future[object]] = deque()

    async def send(self, frame: Frame) -> None:
        """Hand the frame to the producer; waits where too many are under way. Raises what an earlier one met."""
        whole = encode(frame)
        # weighing every record costs more than encoding them: only a frame that is too large is taken apart
        parts = [whole] if len(whole) <= self._frame_bytes else [encode(p) for p in split(frame, self._frame_bytes)]
        for data in parts:
            metrics.BYTES_OUT.labels(*self._labels).inc(len(data))
            while len(self._sent) >= UNDER_WAY or (self._sent and self._sent[0].done()):
                await self._sent.popleft()
            self._sent.append(await self._producer.send(self._topic, data, partition=self._partition))

    async def flush(self) -> None:
        """Wait until the broker has everything that was sent."""
        while self._sent:
            await self._sent.popleft()
