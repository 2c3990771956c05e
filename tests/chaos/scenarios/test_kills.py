"""Workers are killed and frozen under load; each record comes out once, everywhere, in order.

Three workers, every agent and sink on two of them. A killed worker is started again at once; a frozen one is woken: it
is a zombie by then, must do no harm, and must come back by itself.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from penstock.broker import embedded

from .pipelines import AGENTS, SINKS
from .workers import drawn, spread

pytestmark = pytest.mark.chaos

RATE = 160.0
KILL_STATUS = -9


def test_kills_and_stops(
    make_scene: Callable[..., Any], embedded_broker: embedded.BrokerInfo, chance: random.Random, full: bool
) -> None:
    scene = make_scene(embedded_broker.bootstrap)
    names = ["a", "b", "c"]
    for name, arguments in zip(names, spread(scene.pipeline, AGENTS, SINKS, 3), strict=True):
        scene.fleet.worker(name, *arguments)
    scene.begin()
    counts = {"kill": 60, "stop 8": 3, "stop 12": 3, "stop 30": 3} if full else {"kill": 5, "stop 8": 1, "stop 12": 1}
    scene.load.start(RATE)
    for fault in drawn(chance, counts):
        name = chance.choice(names)
        if fault == "kill":
            scene.fleet.kill(name)
        else:
            scene.fleet.freeze(name, float(fault.split()[1]))
        # some come when all is well again, some into the middle of what the one before set off
        if chance.random() < 0.4:
            scene.fleet.pause(chance.uniform(1, 4))
        else:
            scene.fleet.pause(30, lambda: not scene.fleet.frozen)
            scene.moved()
            scene.fleet.pause(chance.uniform(0.5, 2))
    scene.fleet.pause(60, lambda: not scene.fleet.frozen)
    scene.finish(stall=True, restarts=False)
