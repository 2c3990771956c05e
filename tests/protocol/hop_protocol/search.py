"""Searching all of a machine's states, nearest first, and saying how the first bad one is reached."""

import gc
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hop_protocol.machine import Machine
from hop_protocol.state import Broken, Content, State

from penstock.agents.continuity import Place


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes
    ----------
    states, steps
        How many were seen, and how many steps between them.
    depth
        Steps from the start to the state that is furthest.
    wrong
        What is wrong with the first bad state, None if there is none.
    length
        Steps to the first bad state.
    trace
        The shortest way there, a line a step. Where what is bad is that nothing good comes of it, that follows.
    """

    states: int
    steps: int
    depth: int
    seconds: float
    wrong: str | None
    length: int
    trace: tuple[str, ...]

    def __str__(self) -> str:
        told = f"{self.states:,} states, {self.steps:,} steps, at most {self.depth} deep, {self.seconds:.1f} s"
        if self.wrong is None:
            return f"{told}: nothing wrong"
        lines = (f"  {number:2}. {line}" for number, line in enumerate(self.trace, 1))
        return "\n".join((f"{self.wrong} (after {self.length} steps; {told})", *lines))


class Search:
    """A breadth-first search; `run` ends at the first bad state."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._before: dict[State, tuple[State, tuple[object, ...]] | None] = {}
        self._well: set[State] = set()

    def run(self) -> Found:
        """Search everything. A state is bad that breaks a promise, or whose fair way on does not deliver everything."""
        began = time.process_time()
        with _without_collector():
            wrong, trace, after, steps, depth = self._search(self._machine.start())
        spent = time.process_time() - began
        return Found(len(self._before), steps, depth, spent, wrong, len(trace), trace + after)

    def _search(self, start: State) -> tuple[str | None, tuple[str, ...], tuple[str, ...], int, int]:
        self._before[start] = None
        todo, steps, depth = deque([(start, 0)]), 0, 0
        while todo:
            state, depth = todo.popleft()
            wrong, way = self.stuck(state)
            if wrong is not None:
                return wrong, self._way(state), way, steps, depth
            for label, after in self._machine.steps(state):
                steps += 1
                if isinstance(after, Broken):
                    return str(after), (*self._way(state), say(label)), (), steps, depth
                if after not in self._before:
                    self._before[after] = state, label
                    todo.append((after, depth + 1))
        return None, (), (), steps, depth

    def stuck(self, state: State) -> tuple[str | None, tuple[str, ...]]:
        """Why not everything is delivered from here though nothing goes wrong any more, and the way there.

        A promise that is broken on this way is broken by steps like any others: `run` comes to them by itself.
        """
        now = self._machine.calm(state)
        way: dict[State, str] = {}
        while now not in self._well:
            step = self._machine.onward(now)
            way[now] = say(step[0]) if step else "everything rests"
            if step is None:
                wrong = self._machine.complaint(now)
                if wrong is not None:
                    return wrong, _calmly(way)
                break
            if isinstance(step[1], Broken):
                return None, ()
            now = step[1]
            if now in way:
                return f"it goes in circles for ever, readers have {now.visible}", _calmly(way)
        self._well.update(way)
        return None, ()

    def _way(self, state: State) -> tuple[str, ...]:
        told: list[str] = []
        step = self._before[state]
        while step is not None:
            told.append(say(step[1]))
            step = self._before[step[0]]
        return tuple(reversed(told))


def _calmly(way: dict[State, str]) -> tuple[str, ...]:
    return (f"{'-' * 8} nothing goes wrong any more", *way.values())


@contextmanager
def _without_collector() -> Iterator[None]:
    """States form no cycles; looking for some among so many would take most of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def say(label: tuple[object, ...]) -> str:
    """A step in words."""
    who, what, *rest = label
    return f"{who}: {what} {' '.join(map(_shown, rest))}".rstrip()


def _shown(what: object) -> str:
    if isinstance(what, Place):
        return f"<epoch {what.epoch}, next {what.next}, input {what.input}>"
    if isinstance(what, Content):
        return f"{what.first}{'' if what.first == what.last else f'-{what.last}'}{' (gone)' if what.gone else ''}"
    return str(what)
