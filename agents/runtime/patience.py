"""Waiting for servers that do not answer: what needs them waits, nothing is lost and nothing is skipped."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from penstock.agents.runtime import metrics
from penstock.agents.runtime.logs import logger
from penstock.model.errors import UnreachableError
from penstock.topology.spec import ErrorHandling

_T = TypeVar("_T")


async def patiently(call: Callable[[], Awaitable[_T]], handling: ErrorHandling, labels: tuple[str, str]) -> _T:
    """The result of `call`, tried again for as long as it raises UnreachableError.

    Waits grow by the file's ``backoff_multiplier`` up to ``max_backoff_seconds``, or are what the server asked for.
    """
    attempt = 0
    while True:
        try:
            return await call()
        except UnreachableError as error:
            wait = min(0.2 * handling.backoff_multiplier**attempt, handling.max_backoff_seconds)
            wait = getattr(error, "retry_after", None) or wait * random.uniform(0.5, 1.0)
            metrics.RETRIES.labels(*labels).inc()
            if attempt in (0, 5) or attempt % 20 == 0:
                logger().warning("waiting", pipeline=labels[0], agent=labels[1], error=str(error), attempt=attempt)
            attempt = min(attempt + 1, 1000)
            await asyncio.sleep(wait)
