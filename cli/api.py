"""api: serve the REST API until stopped.

Callers need a token: PENSTOCK_API_TOKENS_FILE names a file of them by tenant, PENSTOCK_API_TOKEN is one for all tenants
(reference services that run here have one). What is saved is recorded in the ledger at PROV_LEDGER_URL. OpenAPI pages
are at /docs.
"""

import asyncio
from typing import Annotated

import typer

from penstock.cli._shared import environment, run_async, say
from penstock.model.errors import ServiceUnreachableError


def command(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    body_megabytes: Annotated[int, typer.Option(min=1, help="What a request may have.")] = 10,
    requests_per_minute: Annotated[int, typer.Option(min=1, help="What a token may ask.")] = 600,
) -> None:
    """Serve the REST API until stopped.

    \b
    penstock api
    penstock api --host 0.0.0.0 --port 8080
    """
    run_async(_serve(host, port, body_megabytes, requests_per_minute))


async def _serve(host: str, port: int, body_megabytes: int, requests_per_minute: int) -> None:
    import socket

    import uvicorn

    from penstock.api.app import create_app
    from penstock.api.limits import Limits
    from penstock.cli._signals import stopping
    from penstock.model.serving import Server

    limits = Limits(body_megabytes * 1024 * 1024, requests_per_minute)
    app = create_app(environment(), limits)
    try:
        listener = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        cause = f"cannot listen: {error.strerror}"
        raise ServiceUnreachableError("the API", f"{host}:{port}", cause=cause) from None
    with listener:
        config = uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5)
        server = Server(config)
        async with stopping() as stop:
            task = asyncio.create_task(server.serve(sockets=[listener]))
            say(f"serving http://{host}:{listener.getsockname()[1]}; OpenAPI pages are at /docs")
            asked = asyncio.create_task(stop.wait())
            await asyncio.wait([task, asked], return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            server.should_exit = True
            await task
