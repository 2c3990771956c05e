"""Workers come and go every few seconds, and then are all started anew one by one."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest

from penstock.broker import embedded

pytestmark = pytest.mark.chaos

RATE = 150.0
MOST, LEAST = 3, 1


def test_storm_and_rolling_restart(
    make_scene: Callable[..., Any], embedded_broker: embedded.BrokerInfo, chance: random.Random, full: bool
) -> None:
    scene = make_scene(embedded_broker.bootstrap)
    fleet = scene.fleet
    fleet.worker("a", str(scene.pipeline))
    scene.begin()
    scene.load.start(RATE)
    until = time.monotonic() + (120 if full else 20)
    number = 0
    while time.monotonic() < until:
        here = sorted(fleet.processes)
        if len(here) < MOST and (len(here) <= LEAST or chance.random() < 0.5):
            number += 1
            scene.faults.note(f"w{number} joins")
            fleet.worker(f"w{number}", str(scene.pipeline))
        else:
            fleet.leave(chance.choice(here))
        fleet.pause(chance.uniform(2, 5))
    scene.moved()
    for name in sorted(fleet.processes):
        fleet.leave(name)
        fleet.start(name)
        scene.moved()
    scene.finish(stall=True, restarts=False)
