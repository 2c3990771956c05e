"""Faust's consumer in the worker's own event loop.

Faust gives it a thread with a loop of its own. Each call then waits for the interpreter's lock on its way there and on
its way back, behind whatever the stages are doing, and goes through two queues: a frame waited 150 ms for the next hop
at half load, of which the broker had 20. Here the same consumer is one more service of the loop that everything else
runs in, as those of ingest and delivery are.

What the thread was good for, heartbeats while a stage blocks the loop, the lease does without: who stood still for
longer must not act before it has joined anew, whether or not the group noticed (`penstock.agents.runtime.lease`).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from faust.transport.drivers import aiokafka as driver
from mode import Service
from mode.utils.futures import maybe_async


class InLoop(driver.AIOKafkaConsumerThread):
    """The driver's consumer; where mode would start a thread and hand it calls, it starts a service and calls it."""

    wait_for_shutdown = False

    def __init__(self, consumer: driver.Consumer, **options: Any) -> None:
        super().__init__(consumer, thread_loop=asyncio.get_running_loop(), **options)

    async def start(self) -> None:
        self._thread_started.set()
        await self._default_start()

    async def stop(self) -> None:
        if self._started.is_set():
            await Service.stop(self)

    async def on_stop(self) -> None:
        await self.on_thread_stop()

    async def crash(self, reason: BaseException) -> None:
        await Service.crash(self, reason)

    async def call_thread(self, fun: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        # who gives up waiting must not stop what it asked for half way
        return await asyncio.shield(asyncio.ensure_future(maybe_async(fun(*args, **kwargs))))

    async def cast_thread(self, fun: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> None:
        await self.call_thread(fun, *args, **kwargs)

    def _stopped_set(self) -> None:
        self._stopped.set()

    async def _stop_children(self) -> None:
        await self._default_stop_children()

    async def _stop_futures(self) -> None:
        await self._default_stop_futures()

    async def _stop_exit_stacks(self) -> None:
        await self._default_stop_exit_stacks()
