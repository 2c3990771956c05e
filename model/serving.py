"""The HTTP server of whatever serves HTTP here: uvicorn, in a loop that somebody else runs."""

import contextlib
from collections.abc import Iterator

import uvicorn


class Server(uvicorn.Server):
    """A server that leaves signals to whoever runs it; `should_exit` ends it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
