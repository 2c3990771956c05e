"""What a worker tells over HTTP: ``/metrics`` for Prometheus, ``/health`` and ``/ready`` for whatever runs it.

uvicorn serves in the worker's own event loop, so an answer is a sign of life of the loop that runs the agents. Signals
are the worker's, not the server's.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from penstock.agents.runtime.metrics import BREAKER, REGISTRY
from penstock.agents.runtime.worker import Worker
from penstock.model.errors import ConfigurationError
from penstock.model.http import LIVE
from penstock.model.serving import Server

_BREAKER_STATES = {"closed": 0, "half-open": 1, "open": 2}


def create_app(worker: Worker) -> FastAPI:
    """The three endpoints of a worker."""
    app = FastAPI(title="Penstock worker", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/metrics")
    async def metrics() -> Response:
        for client in LIVE:
            BREAKER.labels(client.name).set(_BREAKER_STATES[client.state])
        return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)

    @app.get("/health")
    async def health() -> JSONResponse:
        """200 for as long as the loop turns; `lost_leases` counts how often it stood still for too long."""
        pipeline = worker.plan.pipeline.name
        return JSONResponse({"status": "ok", "pipeline": pipeline, "lost_leases": worker.lease.generation})

    @app.get("/ready")
    async def ready() -> JSONResponse:
        """200 when every agent and sink has joined its group, 503 until then."""
        is_ready = worker.ready()
        body = {"ready": is_ready, "agents": worker.agents, "sinks": worker.sinks}
        return JSONResponse(body, 200 if is_ready else 503)

    return app


@asynccontextmanager
async def serving(worker: Worker, host: str, port: int) -> AsyncIterator[int]:
    """Serve while in the context; gives the port.

    Parameters
    ----------
    port : int
        0 takes a free one.

    Raises
    ------
    ConfigurationError
        The port cannot be had.
    """
    with _listen(host, port) as listener:
        config = uvicorn.Config(
            create_app(worker), log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2
        )
        server = Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield int(listener.getsockname()[1])
        finally:
            server.should_exit = True
            await task


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise ConfigurationError(
            f"{host}:{port} cannot be listened on: {type(error).__name__}",
            hint="choose another port with --metrics-port or METRICS_PORT; 0 takes a free one",
        ) from None
