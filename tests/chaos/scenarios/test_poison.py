"""Records that kill whoever looks at them: found by halving, quarantined with their bytes, the rest delivered."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penstock.broker import embedded

from .load import wait_for
from .pipelines import CHAIN, STAGES
from .plugin import install

pytestmark = pytest.mark.chaos

RUNNER = Path(__file__).parent / "runner.py"
SESSION = 3.0


def test_poisonous_records(
    make_scene: Callable[..., Any], embedded_broker: embedded.BrokerInfo, full: bool, tmp_path: Path
) -> None:
    """Two workers in the full size: each dies of the same records, and keeps books of its own about it."""
    poison = frozenset({101, 150, 151}) if full else frozenset({101})
    path = os.pathsep.join(filter(None, (str(install(tmp_path / "site")), os.environ.get("PYTHONPATH"))))
    scene = make_scene(
        embedded_broker.bootstrap,
        environ={"CHAOS_SESSION": str(SESSION), "PYTHONPATH": path},
        load={"poison": poison},
        stages=[*STAGES, "fragile"],
        chain=[*CHAIN[:-1], ["license", "fragile"]],
        batching={"frame_records": 16 if full else 8},
    )
    scene.fleet.deadly.add(-signal.SIGABRT)
    for name in ("a", "b") if full else ("a",):
        scene.fleet.script(name, RUNNER, "worker", str(scene.pipeline))
    scene.begin()
    scene.load.burst(400)
    wait_for(lambda: _quarantined(scene) >= len(poison), 500, "the poison was quarantined", [scene.fleet.tend])
    deaths = len(scene.fleet.exits)
    print(f"{len(poison)} poisonous records, {deaths} deaths")
    scene.load.start(50)
    scene.fleet.pause(5)
    scene.finish(restarts=False)
    assert deaths >= 3, "a record is condemned only after it was alone when its worker died"


def _quarantined(scene: Any) -> int:
    """Letters of poison on the quarantine topic."""
    return sum(b'"code":"poison"' in (message.value() or b"") for message in scene.oracle.read("quarantine"))
