"""Consumers that close: aiokafka's fetcher may miss the one cancellation that it is sent, and `stop` never returns.

Where the assignment has just changed, the fetcher's routine cancels the fetches of the old one and awaits each with
every cancellation suppressed. `close` that comes in that moment has its own suppressed with theirs, and awaits a
routine that goes on. A reader that assigned its next partition, found nothing to read there and is stopped, is stopped
in that moment. So the routine is cancelled until it has ended. The seam is `Fetcher.close`; Faust's consumers have it
as well.
"""

import asyncio
from typing import Any

from aiokafka.consumer.fetcher import Fetcher

_AGAIN_SECONDS = 0.1


async def _close(self: Any) -> None:
    self._closed = True
    routine: asyncio.Task[None] = self._fetch_task
    while not routine.done():
        routine.cancel()
        await asyncio.wait({routine}, timeout=_AGAIN_SECONDS)
    for waiter in list(self._fetch_waiters):
        self._notify(waiter)
    for task in self._pending_tasks:
        task.cancel()
    # whoever closes wants no more of what they read, nor of what became of it
    await asyncio.gather(routine, *self._pending_tasks, return_exceptions=True)


def install() -> None:
    """Have every consumer of the process close by this."""
    Fetcher.close = _close
