"""Sending frames: split to size, in order, several under way, each acknowledged by all replicas."""

import asyncio
import time
from collections import deque

from aiokafka import AIOKafkaProducer

from penstock.agents.runtime import metrics
from penstock.codecs.frame import Frame, encode, split

UNDER_WAY = 8
PROVEN_SECONDS = 3600.0


class FrameWriter:
    """Writes frames to one partition.

    The producer is idempotent and keeps order within a partition, also over retries, so frames may follow each other
    without waiting: the broker refuses whatever comes behind a frame that it refused, because a number is missing. But
    it takes any number from a producer that it does not know, at first and when nothing came for a day
    (``producer.id.expiration.ms``). So the first frame goes alone, and after an hour without one the next goes alone.
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
        self._proven = -PROVEN_SECONDS

    async def send(self, frame: Frame) -> list["asyncio.Future[object]"]:
        """Hand the frame to the producer; waits where too many are under way. Raises what an earlier one met.

        Returns
        -------
        list of Future
            Done when the broker has the frame, one for each part that it was split into.
        """
        whole = encode(frame)
        # weighing every record costs more than encoding them: only a frame that is too large is taken apart
        parts = [whole] if len(whole) <= self._frame_bytes else [encode(p) for p in split(frame, self._frame_bytes)]
        acks = []
        for data in parts:
            metrics.BYTES_OUT.labels(*self._labels).inc(len(data))
            await self._make_room()
            acks.append(await self._producer.send(self._topic, data, partition=self._partition))
            self._sent.append(acks[-1])
        return acks

    async def flush(self) -> None:
        """Wait until the broker has everything that was sent."""
        while self._sent:
            await self._acknowledged()

    async def _make_room(self) -> None:
        known = time.monotonic() - self._proven < PROVEN_SECONDS
        while len(self._sent) >= (UNDER_WAY if known else 1) or (self._sent and self._sent[0].done()):
            await self._acknowledged()

    async def _acknowledged(self) -> None:
        await self._sent.popleft()
        self._proven = time.monotonic()
