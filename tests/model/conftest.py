"""What tests of the model share: a real server whose every connection a test answers by itself."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest

Serve: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Listening: TypeAlias = Callable[..., contextlib.AbstractAsyncContextManager[int]]


@pytest.fixture
def listening() -> Listening:
    """Makes a server of what serves a connection; the context is its port."""
    return _listening


@contextlib.asynccontextmanager
async def _listening(serve: Serve, **options: Any) -> AsyncIterator[int]:
    tasks: set[asyncio.Future[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.ensure_future(serve(reader, writer)))

    running = await asyncio.start_server(connected, "127.0.0.1", 0, **options)
    yield running.sockets[0].getsockname()[1]
    running.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await running.wait_closed()
