"""How an owner serves one partition."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from penstock.agents.runtime.cluster import Cluster
from penstock.agents.runtime.lease import Lease
from penstock.agents.runtime.owner import Owner, _Listener, _Owned
from penstock.model.errors import HoleError

TP = TopicPartition("orders.raw", 0)
SPACING = 0.15


class _Handler:
    def __init__(self) -> None:
        self.calls: list[tuple[float, list[int]]] = []
        self._called = asyncio.Condition()

    @property
    def taken(self) -> list[int]:
        return [number for _, messages in self.calls for number in messages]

    async def handle(self, messages: Any) -> int | None:
        self.calls.append((time.monotonic(), list(messages)))
        async with self._called:
            self._called.notify_all()
        return None

    async def has(self, count: int) -> None:
        async with self._called:
            await self._called.wait_for(lambda: len(self.taken) >= count)


class _Batch(list[int]):
    offset = 0


async def _served(spacing: float) -> list[tuple[float, list[int]]]:
    """What the handler was called with: one batch came, and when that was done two more."""
    owner = Owner(Cluster("127.0.0.1:1"), "orders", "deliver", TP.topic, lambda _: None, 1, Lease(), spacing=spacing)  # type: ignore[arg-type, return-value]
    await owner.consumer.stop()
    owner.consumer = SimpleNamespace(highwater=lambda tp: None, resume=lambda tp: None)
    handler = _Handler()
    owned = _Owned(handler, asyncio.Queue())  # type: ignore[arg-type]
    serving = asyncio.create_task(owner._serve(TP, owned))
    for numbers in ([0], [1, 2]):
        until = len(handler.taken) + len(numbers)
        for number in numbers:
            owned.queue.put_nowait([_Batch([number])])  # type: ignore[list-item]
            for _ in range(5):  # turns of the loop: enough to be taken at once
                await asyncio.sleep(0)
        await asyncio.wait_for(handler.has(until), 10)
    serving.cancel()
    return handler.calls


async def test_without_spacing_each_batch_is_handled_as_it_comes() -> None:
    assert [messages for _, messages in await _served(0.0)] == [[0], [1], [2]]


async def test_calls_are_spaced_and_what_comes_meanwhile_is_handled_together() -> None:
    (first, one), (second, two) = await _served(SPACING)
    assert (one, two) == ([0], [1, 2])
    assert second - first > 0.9 * SPACING


class _Opened(_Handler):
    """Opens, or cannot."""

    def __init__(self, error: Exception | None) -> None:
        super().__init__()
        self.error, self.closed = error, False

    async def open(self) -> int:
        if self.error is not None:
            raise self.error
        return 0

    async def close(self) -> None:
        self.closed = True


async def test_a_partition_that_cannot_be_opened_ends_the_owner_and_is_owned_by_nobody_silently() -> None:
    """aiokafka logs what its listeners raise, and goes on: partitions would stand still for ever."""
    handlers = {0: _Opened(None), 1: _Opened(HoleError("a hole"))}
    owner = Owner(Cluster("127.0.0.1:1"), "orders", "ingest", TP.topic, handlers.__getitem__, 2, Lease())  # type: ignore[arg-type]
    await owner.consumer.stop()
    await _Listener(owner).on_partitions_assigned({TopicPartition(TP.topic, number) for number in handlers})
    with pytest.raises(HoleError):
        await owner._failure
    assert all(handler.closed for handler in handlers.values())
    assert not owner.owned
