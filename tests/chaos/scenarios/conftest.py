"""Scenes of chaos: a broker, services, a pipeline, a load and an oracle, each of its own."""

from __future__ import annotations

import contextlib
import os
import random
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from penstock.services import host

from . import budgets, pipelines
from .load import Load, wait_for
from .oracle import Oracle
from .workers import Faults, Fleet

READY_SECONDS = 90.0


def _scenario(item: pytest.Item) -> str:
    return item.path.stem.removeprefix("test_")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A scenario that takes three times its budget hangs."""
    for item in items:
        if item.path.parent == Path(__file__).parent and (budget := budgets.BUDGETS.get(_scenario(item))):
            item.add_marker(pytest.mark.timeout(3 * getattr(budget, budgets.size())))


@pytest.fixture(autouse=True)
def _timed(request: pytest.FixtureRequest) -> Iterator[None]:
    """Print the seed before and the seconds behind each scenario."""
    print(f"\nCHAOS_SIZE={budgets.size()} CHAOS_SEED={budgets.seed()} {request.node.name}")
    began = time.monotonic()
    yield
    budget = budgets.BUDGETS.get(_scenario(request.node))
    allowed = f" of {getattr(budget, budgets.size())}" if budget else ""
    print(f"{_scenario(request.node)}: {time.monotonic() - began:.0f}{allowed} s", flush=True)


@dataclass
class Scene:
    """One pipeline, what feeds it, what runs it, and who judges."""

    folder: Path
    pipeline: Path
    load: Load
    oracle: Oracle
    fleet: Fleet
    faults: Faults
    bootstrap: str
    environ: dict[str, str] = field(default_factory=dict)

    def begin(self, seconds: float = READY_SECONDS) -> None:
        """Wait for the workers' topics and for the first records to come out of every partition."""
        wait_for(lambda: self.oracle.has_topic("heads"), 60, "the workers made the topics", [self.fleet.tend])
        self.oracle.watch()
        self.load.burst(40)
        wait_for(
            lambda: len(self.oracle.arrivals) == self.load.partitions,
            seconds,
            lambda: f"the first records came out of every partition; {self.oracle.where()}",
            [self.fleet.tend],
        )
        self.faults.note("all partitions move")

    def moved(self, seconds: float = 60, what: str = "every partition moved again") -> None:
        """Wait until something new has come out of every partition."""
        before = {p: len(found.numbers) for p, found in self.oracle.arrivals.items()}
        wait_for(
            lambda: all(len(self.oracle.arrivals[p].numbers) > n for p, n in before.items()),
            seconds,
            lambda: f"{what}; {self.oracle.where()}",
            [self.fleet.tend],
        )

    def finish(self, *, stall: bool = False, seconds: float = 90, restarts: bool = True) -> None:
        """Stop the load, let everything come out, and judge.

        Parameters
        ----------
        stall
            Whether the longest wait behind a fault is part of the promise.
        restarts
            Whether workers may have ended by themselves.
        """
        self.load.stop()
        self.oracle.settle(seconds, [self.fleet.tend])
        self.oracle.unstuck([self.fleet.tend])
        self.oracle.settle(30, [self.fleet.tend])
        self.fleet.stop()
        found = [] if restarts else self.fleet.complaints()
        found += self.oracle.too_long(budgets.CROWDED_SECONDS[budgets.size()]) if stall else []
        if "ledger" in self.oracle.sinks:
            found += self.oracle.ledger_verifies(self.pipeline, self.environ)
        self.oracle.judge(found)


@pytest.fixture
def services(tmp_path: Path) -> Iterator[host.ServicesInfo]:
    yield host.start(["graph", "ledger", "licenses"], home=tmp_path / "home")
    host.stop(tmp_path / "home")


@pytest.fixture
def make_scene(tmp_path: Path, services: host.ServicesInfo) -> Iterator[Callable[..., Scene]]:
    """Make a scene on a broker; its workers and its oracle are stopped behind the test."""
    with contextlib.ExitStack() as stack:

        def make(
            bootstrap: str,
            *,
            workers_at: str = "",
            environ: dict[str, str] | None = None,
            load: dict[str, Any] | None = None,
            checked: tuple[str, ...] = pipelines.SINKS,
            **keys: Any,
        ) -> Scene:
            name = f"c{uuid.uuid4().hex[:8]}"
            faults = Faults()
            told = {
                **os.environ,
                **services.env(),
                "KAFKA_BOOTSTRAP_SERVERS": workers_at or bootstrap,
                "PENSTOCK_HOME": str(tmp_path / "home"),
                "PENSTOCK_HASH_KEY": "only-for-this-test-0123456789abcdef",
                "LICENSE_REGISTRY_URL": "",
                **(environ or {}),
            }
            made = Load(bootstrap, f"{name}.raw", **(load or {}))
            oracle = Oracle(bootstrap, name, made, faults, tmp_path / "home", tmp_path / "files", checked)
            fleet = Fleet(told, tmp_path, faults)
            stack.callback(oracle.close)
            stack.callback(fleet.stop)
            pipeline = pipelines.write(tmp_path, name, **keys)
            return Scene(tmp_path, pipeline, made, oracle, fleet, faults, bootstrap, told)

        yield make


@pytest.fixture
def full() -> bool:
    return budgets.size() == "full"


@pytest.fixture
def chance() -> random.Random:
    """Faults are drawn from CHAOS_SEED, so that a failure can be run again."""
    return random.Random(budgets.seed())
