"""The whole machine: who may do what next, and the fair way on in which nothing goes wrong any more."""

from collections.abc import Iterator
from dataclasses import dataclass

from hop_protocol import deliver, hop, ingest
from hop_protocol.bounds import Bounds, Bug
from hop_protocol.state import Deliver, Hop, Ingest, Log, State, Step


@dataclass(frozen=True)
class Machine:
    """The protocol within bounds, with a bug or as it is."""

    bounds: Bounds
    bug: Bug | None = None

    def start(self) -> State:
        """Nothing was done yet."""
        hops = self.bounds.hops
        return State(
            topic=0,
            begin=0,
            story=(),
            logs=(Log(0, ()),) * (hops + 1),
            ingest=Ingest(None, ()),
            hops=(Hop(None, (), (), 0),) * hops,
            deliver=Deliver((), None),
            visible=None,
            faults=self.bounds.faults,
        )

    def ordinary(self, state: State) -> Iterator[Step]:
        """What may happen where nothing goes wrong; what is nearest to the source comes first."""
        yield from ingest.steps(state, self.bounds, self.bug)
        for index in range(self.bounds.hops):
            yield from hop.steps(state, index, self.bounds, self.bug)
        yield from deliver.steps(state, self.bounds, self.bug)

    def chances(self, state: State) -> Iterator[Step]:
        """What may happen or not: late arrivals, purges."""
        yield from ingest.chances(state, self.bounds, self.bug)
        for index in range(self.bounds.hops):
            yield from hop.chances(state, index, self.bounds, self.bug)
        yield from deliver.chances(state, self.bounds)

    def faults(self, state: State) -> Iterator[Step]:
        """What may go wrong, as long as anything may."""
        if not state.faults:
            return
        left = state._replace(faults=state.faults - 1)
        yield from ingest.faults(left, self.bounds)
        for index in range(self.bounds.hops):
            yield from hop.faults(left, index, self.bounds, self.bug)
        yield from deliver.faults(left, self.bounds)

    def steps(self, state: State) -> Iterator[Step]:
        """Everything that may happen next.

        Where nothing can go wrong with delivery, and it is not to be late, it goes first: it is a function of its input
        then.
        """
        bounds, bug = self.bounds, self.bug
        if "deliver" not in bounds.kinds and not bounds.late:
            step = next(deliver.steps(state, bounds, bug), None)
            if step is not None:
                yield step
                return
        if bounds.staged and not ingest.through(state, bounds):
            yield from ingest.steps(state, bounds, bug)
            yield from ingest.chances(state, bounds, bug)
            if state.ingest.ghosts:
                yield ingest.vanished(state)
            if state.faults:
                yield from ingest.faults(state._replace(faults=state.faults - 1), bounds)
            return
        yield from self.ordinary(state)
        yield from self.chances(state)
        yield from self.faults(state)

    def calm(self, state: State) -> State:
        """The state from which nothing goes wrong any more: what has not arrived by now never does."""
        lanes = tuple(lane for lane in state.deliver.lanes if not lane.fenced)
        newest = [lane for lane in lanes if lane.phase in ("new", "looked", "fencing")]
        return state._replace(
            ingest=state.ingest._replace(ghosts=()),
            hops=tuple(each._replace(ghosts=()) for each in state.hops),
            deliver=state.deliver._replace(lanes=tuple(newest or lanes)),
            faults=0,
        )

    def onward(self, state: State) -> Step | None:
        """The one next step of the fair way on; None at rest."""
        return next(self.ordinary(state), None)

    def complaint(self, state: State) -> str | None:
        """What is wrong with a state at rest."""
        end = ingest.raw_end(self.bounds, state.topic)
        if not state.story or state.story[-1].next < end:
            return "ingest rests, but has not read everything"
        if state.visible != (len(state.story) - 1, end):
            return f"everything rests, but readers have {state.visible} only"
        return None
