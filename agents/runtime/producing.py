"""One producer of frames for all services of a worker.

Frames that are sent at about the same time share requests, also those of different agents: a request costs as much as
a frame does, and a worker with seven agents made seven of each.

A producer that failed stays broken, and who failed cannot tell whether its producer did. So whoever fails gives it up:
it is not handed out again, the others finish with it, and the last of them stops it. What it still sends then is a
repeat to its readers, as anything that arrives late is.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer

STOP_SECONDS = 10.0


@dataclass(slots=True)
class _Held:
    producer: AIOKafkaProducer
    users: int = 0


class Producing:
    """Hands out the producer that `make` makes, started."""

    def __init__(self, make: Callable[[], AIOKafkaProducer]) -> None:
        self._make = make
        self._current: _Held | None = None
        self._starting = asyncio.Lock()

    @asynccontextmanager
    async def producer(self) -> AsyncIterator[AIOKafkaProducer]:
        """A producer for as long as the context lasts; one that is left by an exception is given to nobody else."""
        held = await self._take()
        try:
            yield held.producer
        except BaseException:
            self._give_up(held)
            raise
        finally:
            held.users -= 1
            if not held.users:
                self._give_up(held)
                await _stop(held.producer)

    async def _take(self) -> _Held:
        async with self._starting:
            if self._current is None:
                held = _Held(self._make())
                try:
                    await held.producer.start()
                except BaseException:
                    await _stop(held.producer)
                    raise
                self._current = held
            self._current.users += 1
            return self._current

    def _give_up(self, held: _Held) -> None:
        if self._current is held:
            self._current = None


async def _stop(producer: AIOKafkaProducer) -> None:
    with contextlib.suppress(Exception):
        await asyncio.wait_for(producer.stop(), STOP_SECONDS)
