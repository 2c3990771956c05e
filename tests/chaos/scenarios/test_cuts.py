"""The network between workers and broker, and between workers and sinks, is cut, slow, or swallows what is sent."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from penstock.broker import embedded
from penstock.services import host

from .proxies import Cut

pytestmark = pytest.mark.chaos

RATE = 100.0
FULL_SECONDS = {"drop": 20.0, "delay": 20.0, "half-open": 25.0, "drip": 20.0}
SHORT_SECONDS = {"drop": 2.0, "delay": 2.0, "half-open": 6.0, "drip": 2.0}


@pytest.fixture
def behind_a_cut(tmp_path: Path) -> Iterator[tuple[embedded.BrokerInfo, Cut]]:
    """A broker with a listener that it advertises at the address of a proxy; the oracle uses the other one."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        inner = taken.getsockname()[1]
    cut = Cut(("127.0.0.1", inner))
    extra = {
        "listeners": f"CUT://127.0.0.1:{inner}",
        "advertised.listeners": f"CUT://127.0.0.1:{cut.port}",
        "listener.security.protocol.map": "CUT:PLAINTEXT",
    }
    yield embedded.start(data=tmp_path / "broker", extra=extra), cut
    embedded.stop(tmp_path / "broker")
    cut.close()


@pytest.fixture
def sink_cuts(services: host.ServicesInfo) -> Iterator[dict[str, Cut]]:
    cuts = {}
    for name in ("graph", "ledger"):
        url = urlsplit(services.urls[name])
        cuts[name] = Cut((str(url.hostname), int(url.port or 0)))
    yield cuts
    for cut in cuts.values():
        cut.close()


def test_a_network_that_fails(
    make_scene: Callable[..., Any],
    behind_a_cut: tuple[embedded.BrokerInfo, Cut],
    sink_cuts: dict[str, Cut],
    chance: random.Random,
    full: bool,
) -> None:
    broker, broker_cut = behind_a_cut
    scene = make_scene(
        broker.bootstrap,
        workers_at=f"127.0.0.1:{broker_cut.port}",
        environ={
            "GRAPH_API_URL": f"http://127.0.0.1:{sink_cuts['graph'].port}",
            "PROV_LEDGER_URL": f"http://127.0.0.1:{sink_cuts['ledger'].port}",
        },
    )
    scene.fleet.worker("a", str(scene.pipeline))
    scene.fleet.worker("b", str(scene.pipeline))
    scene.begin()
    scene.load.start(RATE)
    places = {"broker": [broker_cut], "sinks": list(sink_cuts.values())}
    seconds = FULL_SECONDS if full else SHORT_SECONDS
    faults = [(place, mode) for place in places for mode in seconds] * (2 if full else 1)
    chance.shuffle(faults)
    for place, mode in faults:
        scene.faults.note(f"{place}: {mode} for {seconds[mode]:.0f} s")
        for cut in places[place]:
            cut.set(mode)
        scene.fleet.pause(seconds[mode])
        scene.faults.note(f"{place}: well again")
        for cut in places[place]:
            cut.set("pass")
        scene.fleet.pause(chance.uniform(0.5, 2))
        if full:
            scene.moved()
    scene.moved()
    scene.finish(restarts=False)
