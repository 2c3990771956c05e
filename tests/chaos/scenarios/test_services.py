"""The graph API, the ledger and the license registry fail in every way; all is delivered when they are back.

While they fail nothing is lost, no worker ends, and what does not need them goes on. A record that the graph API
refuses for good stands in the dead letters before the graph's position moves over it.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from penstock.broker import embedded
from penstock.services import host

from .load import key_of
from .pipelines import STAGES
from .proxies import Front, fronts
from .workers import drawn

pytestmark = pytest.mark.chaos

RATE = 100.0
MODES = ("down", "500", "429", "401", "garbage", "slow")
BREAKER_SECONDS = 30.0
"""The circuit lets one request through that long after it opened."""
REFUSED = frozenset({77, 412, 413})


@pytest.fixture
def guarded(services: host.ServicesInfo) -> Iterator[dict[str, Front]]:
    with fronts(services.urls) as made:
        yield made


def test_services_that_fail(
    make_scene: Callable[..., Any],
    embedded_broker: embedded.BrokerInfo,
    guarded: dict[str, Front],
    chance: random.Random,
    full: bool,
) -> None:
    license_stage = {"license": {**STAGES[-1]["license"], "registry": "required", "cache_seconds": 0.5}}
    scene = make_scene(
        embedded_broker.bootstrap,
        environ={
            "GRAPH_API_URL": guarded["graph"].address,
            "PROV_LEDGER_URL": guarded["ledger"].address,
            "LICENSE_REGISTRY_URL": guarded["licenses"].address,
        },
        load={"refused": REFUSED},
        stages=[*STAGES[:-1], license_stage],
    )
    Precedence(scene, guarded["graph"])
    scene.fleet.worker("a", str(scene.pipeline))
    scene.fleet.worker("b", str(scene.pipeline))
    scene.begin()
    scene.load.start(RATE)
    scene.fleet.pause(4)
    for mode in drawn(chance, dict.fromkeys(MODES, 1)):
        scene.faults.note(f"all services: {mode}")
        for front in guarded.values():
            front.mode = mode
        scene.fleet.pause(60 if full else 3)
        if full:
            _mend(scene, guarded)
    _mend(scene, guarded)
    assert all(front.asked.get(mode) for front in guarded.values() for mode in ("500", "garbage")) or not full
    scene.finish(restarts=False, seconds=120)


def _mend(scene: Any, guarded: dict[str, Front]) -> None:
    scene.faults.note("all services: back")
    for front in guarded.values():
        front.mode = "pass"
    scene.moved(BREAKER_SECONDS + 15, "every partition moved when the services were back")


class Precedence:
    """Refuses some records at the graph, and sees that their letters come before the position moves over them."""

    def __init__(self, scene: Any, front: Front) -> None:
        self._scene = scene
        self._known: set[int] = set()
        self._reading = threading.Lock()
        self._marks = {number: f'"{key_of(number)}"'.encode() for number in REFUSED}
        front.refuse = lambda body: any(mark in body for mark in self._marks.values())
        front.seen = self._look

    def _look(self, body: bytes) -> None:
        if not body:
            return
        batch = json.loads(body)
        for place, number in list(self._scene.load.sent.items()):
            if number not in REFUSED or number in self._known:
                continue
            if batch["stream"].endswith(f"/{place[1]}") and batch["next"] > place[2]:
                with self._reading:
                    letters = [json.loads(message.value()) for message in self._scene.oracle.read("dlq")]
                self._known.add(number)
                if not any(each["stage"] == "sink-graph" and each["offset"] == place[2] for each in letters):
                    self._scene.oracle.problems.append(f"graph: moved over {place} before its dead letter was there")
