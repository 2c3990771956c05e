"""A process dies before and after each step of the protocol, at calls drawn from the seed.

Three workers share a pipeline, each with other components; each dies at its own list of steps, is started again with
the next one, and at last without any. All of them at once: what one leaves half done the others find.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from penstock.broker import embedded

from .load import is_tombstone, value_of, wait_for
from .seams import KILLED, STEPS, find, points
from .workers import Fleet

pytestmark = pytest.mark.chaos

RUNNER = Path(__file__).parent / "runner.py"
SESSION = 5.0
RATE = 120.0
REACHED_SECONDS = 90.0
WORKERS = {
    "front": (("source", "ingest", "graph"), ["--agents", "ingest", "--sinks", "graph", "--sources"]),
    "middle": (("hop", "file"), ["--agents", "tag,redact,license", "--sinks", "file"]),
    "back": (("deliver", "ledger"), ["--agents", "deliver", "--sinks", "ledger"]),
}
IN_SHORT = 2
"""Crashes of each worker in the short size."""
FROM_SOURCE = 1_000_000
"""Records of the source have numbers from here on."""


@dataclass
class Victim:
    """A worker that dies at one step after the other."""

    name: str
    fleet: Fleet
    todo: list[str]
    missed: list[str] = field(default_factory=list)
    since: float = 0.0

    def live(self) -> None:
        """Start it, to die at the next step of its list."""
        self.since = time.monotonic()
        self.fleet.start(self.name, CHAOS_CRASH=self.todo[0] if self.todo else "")

    def tend(self) -> None:
        status = self.fleet.processes[self.name].poll()
        if status is not None:
            if status == KILLED and self.todo:
                self.fleet.faults.note(f"{self.name} died at {self.todo.pop(0)}")
            else:
                self.fleet.exits.append((self.name, status))
            self.live()
        elif self.todo and time.monotonic() - self.since > REACHED_SECONDS:
            self.missed.append(f"{self.name} never came to {self.todo.pop(0)}")
            self.fleet.kill(self.name, again=False)
            self.live()


@dataclass
class Lines:
    """A file that is written while a source reads it."""

    path: Path
    fate: Callable[[int], str]
    numbers: list[int] = field(default_factory=list)
    following: int = FROM_SOURCE

    def grow(self) -> None:
        """Append a few records."""
        with self.path.open("ab") as file:
            for number in range(self.following, self.following + 4):
                if not is_tombstone(number):
                    file.write((value_of(number, self.fate(number)) or b"") + b"\n")
                    self.numbers.append(number)
        self.following += 4


def crashes(chance: random.Random, worker: str, full: bool) -> list[str]:
    """All steps of the worker's components in an order drawn from the seed; of the short size a few."""
    mine = [point for point in points() if point[0] in WORKERS[worker][0]]
    chance.shuffle(mine)
    return [
        f"{component}/{step}/{side}/{1 if STEPS[component][step].rare else chance.randint(2, 9)}"
        for component, step, side in (mine if full else mine[:IN_SHORT])
    ]


def test_every_step_is_found() -> None:
    for component, steps in STEPS.items():
        for step in steps:
            find(component, step)


def test_a_crash_before_and_after_each_step(
    make_scene: Callable[..., Any],
    embedded_broker: embedded.BrokerInfo,
    chance: random.Random,
    full: bool,
    tmp_path: Path,
) -> None:
    path = tmp_path / "lines.jsonl"
    path.touch()
    scene = make_scene(
        embedded_broker.bootstrap,
        environ={"CHAOS_SESSION": str(SESSION)},
        sources=[{"jsonl": {"path": str(path), "page_size": 20, "follow": True}}],
        sinks=["graph", "ledger", {"file": {"path": str(tmp_path / "files"), "rows_per_file": 100}}],
        batching={"frame_records": 40},
    )
    lines = Lines(path, scene.load.fate)
    scene.fleet.deadly.add(KILLED)
    for worker, (_, arguments) in WORKERS.items():
        scene.fleet.script(worker, RUNNER, "worker", str(scene.pipeline), *arguments)
    scene.begin()
    scene.load.start(RATE)
    victims = [Victim(worker, scene.fleet, crashes(chance, worker, full)) for worker in WORKERS]
    for victim in victims:
        scene.fleet.kill(victim.name, again=False)
        victim.live()
    while any(victim.todo for victim in victims):
        lines.grow()
        for victim in victims:
            victim.tend()
        time.sleep(0.1)
    scene.load.stop()
    wait_for(lambda: scene.oracle.adopt(lines.numbers), 60, "the source has read all lines", [scene.fleet.tend])
    scene.oracle.problems += [missed for victim in victims for missed in victim.missed]
    scene.finish(restarts=False)
