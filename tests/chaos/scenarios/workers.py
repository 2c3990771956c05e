"""Worker processes: started, killed, frozen, and started again when they die, as whatever runs workers would."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

WRONG_CONFIGURATION = 2
_TELLING = re.compile(r"Traceback \(most recent call last\)|\"gave up\"|^error: ", re.MULTILINE)


@dataclass
class Faults:
    """What was done to the system, and when."""

    log: list[tuple[float, str]] = field(default_factory=list)

    def note(self, what: str) -> None:
        self.log.append((time.monotonic(), what))
        print(f"{time.strftime('%X')} {what}", flush=True)


@dataclass
class Fleet:
    """Worker processes by name.

    Attributes
    ----------
    commands : dict of str to list of str
        The arguments of each worker (of the interpreter).
    exits : list
        (name, status) of those that ended by themselves.
    """

    environ: dict[str, str]
    logs: Path
    faults: Faults
    commands: dict[str, list[str]] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    frozen: dict[str, float] = field(default_factory=dict)
    exits: list[tuple[str, int]] = field(default_factory=list)
    deadly: set[int] = field(default_factory=set)
    """Statuses of deaths that the scenario brings about itself."""

    def worker(self, name: str, *arguments: str) -> None:
        """Start `penstock worker` with these arguments."""
        self.commands[name] = ["-m", "penstock.cli.main", "worker", *arguments]
        self.start(name)

    def script(self, name: str, script: Path, *arguments: str) -> None:
        """Start a runner of the tests."""
        self.commands[name] = [str(script), *arguments]
        self.start(name)

    def start(self, name: str, **environ: str) -> None:
        with self.log(name).open("ab") as log:
            command = [sys.executable, *self.commands[name]]
            self.processes[name] = subprocess.Popen(command, env=self.environ | environ, stdout=log, stderr=log)

    def log(self, name: str) -> Path:
        return self.logs / f"worker-{name}.log"

    def text(self, name: str) -> str:
        return self.log(name).read_text("utf-8", "replace") if self.log(name).exists() else ""

    def alive(self, name: str) -> bool:
        return name in self.processes and self.processes[name].poll() is None

    # what is done to them -------------------------------------------------------------------------------------------

    def kill(self, name: str, *, again: bool = True) -> None:
        """SIGKILL; started again at once unless told otherwise."""
        self.faults.note(f"SIGKILL {name}")
        self.processes[name].kill()
        self.processes[name].wait()
        self.frozen.pop(name, None)
        if again:
            self.start(name)
        else:
            del self.processes[name]

    def freeze(self, name: str, seconds: float) -> None:
        """SIGSTOP; `tend` sends SIGCONT when the time has come."""
        self.faults.note(f"SIGSTOP {name} for {seconds:.0f} s")
        os.kill(self.processes[name].pid, signal.SIGSTOP)
        self.frozen[name] = time.monotonic() + seconds

    def leave(self, name: str, seconds: float = 40) -> int:
        """SIGTERM, and wait for an orderly end; its status."""
        self.faults.note(f"SIGTERM {name}")
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(seconds)

    def tend(self) -> None:
        """Wake who has been frozen long enough, start anew who is gone."""
        for name, until in list(self.frozen.items()):
            if time.monotonic() > until:
                self.faults.note(f"SIGCONT {name}")
                os.kill(self.processes[name].pid, signal.SIGCONT)
                del self.frozen[name]
        for name, process in list(self.processes.items()):
            if name not in self.frozen and (status := process.poll()) is not None:
                assert status != WRONG_CONFIGURATION, f"{name} refuses its configuration: {self.text(name)[-2000:]}"
                self.faults.note(f"{name} ended with {status}")
                self.exits.append((name, status))
                self.start(name)

    def pause(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let time pass, tending."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not until():
            self.tend()
            time.sleep(0.05)

    def stop(self) -> None:
        for name in list(self.frozen):
            os.kill(self.processes[name].pid, signal.SIGCONT)
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()

    # what they say --------------------------------------------------------------------------------------------------

    def complaints(self) -> list[str]:
        """What no scenario expects: ends that it did not cause, tracebacks, agents that gave up."""
        found = [f"worker {name} ended by itself with {s}" for name, s in self.exits if s not in self.deadly]
        told = {name: sorted(set(_TELLING.findall(self.text(name)))) for name in self.commands}
        return found + [f"the log of {name} says {words}" for name, words in told.items() if words]


def spread(pipeline: Path, agents: Sequence[str], sinks: Sequence[str], workers: int) -> list[list[str]]:
    """Arguments of workers, such that every agent and sink runs on all of them but one."""
    found = []
    for number in range(workers):
        mine = [agent for place, agent in enumerate(agents) if workers < 3 or place % workers != number]
        kept = [sink for place, sink in enumerate(sinks) if workers < 3 or (place + 1) % workers != number]
        found.append([str(pipeline), "--agents", ",".join(mine), "--sinks", ",".join(kept)])
    return found


def drawn(chance: random.Random, counts: dict[str, int]) -> list[str]:
    """So many faults of each kind, in an order drawn from the seed."""
    faults = [kind for kind, count in counts.items() for _ in range(count)]
    chance.shuffle(faults)
    return faults
