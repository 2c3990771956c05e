"""Hours in small: at half of what it can do, memory, files, threads and lag stay flat."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest

from penstock.broker import embedded

from .oracle import DELIVERED

pytestmark = pytest.mark.chaos

BACKLOG = 20_000
WARM_SHARE = 0.25
"""Of the samples: the first ones, while caches fill."""


@dataclass
class Samples:
    """What was measured, twenty times in the short size and a few hundred times in the full one."""

    memory: list[float] = field(default_factory=list)
    files: list[float] = field(default_factory=list)
    threads: list[float] = field(default_factory=list)
    lag: list[float] = field(default_factory=list)

    def take(self, process: psutil.Process, lag: int) -> None:
        with process.oneshot():
            self.memory.append(process.memory_info().rss / 2**20)
            self.files.append(process.num_fds())
            self.threads.append(process.num_threads())
        self.lag.append(lag)

    def told(self) -> str:
        return "\n".join(
            f"{name:<8} first {before:>8.1f}   last {after:>8.1f}"
            for name, (before, after) in ((name, self.ends(name)) for name in vars(self))
        )

    def ends(self, name: str) -> tuple[float, float]:
        """Medians of the first and the last third behind the warm-up."""
        values = getattr(self, name)[int(len(self.memory) * WARM_SHARE) :]
        third = max(1, len(values) // 3)
        return statistics.median(values[:third]), statistics.median(values[-third:])


def test_half_load(make_scene: Callable[..., Any], embedded_broker: embedded.BrokerInfo, full: bool) -> None:
    scene = make_scene(embedded_broker.bootstrap)
    scene.fleet.worker("a", str(scene.pipeline))
    scene.begin()
    rate = _half_of_most(scene, BACKLOG if full else BACKLOG // 5)
    scene.load.start(rate)
    samples, process = Samples(), psutil.Process(scene.fleet.processes["a"].pid)
    until = time.monotonic() + (20 * 60 if full else 15)
    while time.monotonic() < until:
        scene.fleet.pause(3 if full else 0.7)
        samples.take(process, len(scene.load.expected(*DELIVERED)) - scene.oracle.count())
    print(f"{rate:.0f} records a second\n{samples.told()}")
    problems = []
    grown = {name: after - before for name, (before, after) in ((n, samples.ends(n)) for n in vars(samples))}
    # seconds say little of memory: only a leak of megabytes a second is seen in the short size
    most_memory = 0.05 if full else 0.15
    if grown["memory"] > most_memory * samples.ends("memory")[0]:
        problems.append(f"memory grew by {grown['memory']:.1f} MB")
    problems += [f"{name} grew by {grown[name]:.0f}" for name in ("files", "threads") if grown[name] > 3]
    if grown["lag"] > 2 * rate:
        problems.append(f"lag grew by {grown['lag']:.0f} records")
    scene.oracle.problems += problems
    scene.finish(restarts=False)


def _half_of_most(scene: Any, backlog: int) -> float:
    """Half of the records a second that come out while there are always more."""
    before = scene.oracle.count()
    began = time.monotonic()
    scene.load.burst(backlog)
    assert scene.oracle.settle(300, [scene.fleet.tend]), scene.oracle.problems
    return (scene.oracle.count() - before) / (time.monotonic() - began) / 2
