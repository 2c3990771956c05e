"""The demo from beginning to end."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from penstock.agents.runtime import logs
from penstock.agents.runtime.compile import compile_plan
from penstock.agents.runtime.run import run_pipeline
from penstock.broker import embedded
from penstock.cli.demo.outcome import Outcome, look
from penstock.cli.demo.scene import Scene, forget_earlier, set_up
from penstock.cli.demo.view import live_view
from penstock.connectors.registry import SINKS, SOURCES
from penstock.model.home import home as user_home
from penstock.services import host

Say = Callable[[str], None]


async def play(
    pipeline: str, records: int, seed: int, chain: str | None, *, keep: bool, quiet: bool, say: Say
) -> tuple[Outcome, Scene]:
    """Set up, run until idle, read back; stop what was started, unless `keep`."""
    home = user_home()
    broker_ran, services_ran = embedded.status() is not None, host.status(home) is not None
    try:
        scene = await asyncio.to_thread(set_up, home, pipeline, records, seed, chain, say)
        await forget_earlier(scene)
        return await _run(scene, quiet), scene
    finally:
        if not keep:
            await asyncio.to_thread(_stop_what_we_started, home, broker_ran, services_ran)


async def _run(scene: Scene, quiet: bool) -> Outcome:
    logs.configure("WARNING", scene.environ)
    plan = compile_plan(scene.pipeline, None, sources=SOURCES, sinks=SINKS)
    stop = asyncio.Event()
    with contextlib.suppress(NotImplementedError):
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop.set)
    with contextlib.ExitStack() as stack:
        show = None
        if not quiet:
            show = stack.enter_context(live_view(scene.records, Console(stderr=True))).show
        result = await run_pipeline(
            scene.cluster, plan, scene.environ, scene.home, stop=stop, on_snapshot=show, until_idle=True
        )
    return await look(scene, plan, result.duration_seconds)


def _stop_what_we_started(home: Path, broker_ran: bool, services_ran: bool) -> None:
    if not services_ran:
        host.stop(home)
    if not broker_ran:
        embedded.stop()
