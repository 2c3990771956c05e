"""The protocol walked through at random, with three workers, longer streams and more that goes wrong."""

import random
from collections.abc import Iterator

import pytest
from hop_protocol.bounds import Bug
from hop_protocol.machine import Machine
from hop_protocol.scopes import ROOMY
from hop_protocol.search import Search
from hop_protocol.state import Broken, State, Step
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

SETTINGS = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=200,
    stateful_step_count=40,
    phases=[Phase.generate],  # a long walk is not shrunk: the search finds the short ones
    suppress_health_check=list(HealthCheck),
)
SEEDS = st.integers(0, 2**32)
LONGEST = 40
SHOWING = (Bug.PURGE_NOT_DURABLE, Bug.SENDS_NOT_LOOKED_AT, Bug.TOPIC_ID_UNCHECKED, Bug.REPEAT_TAKEN_FOR_HOLE)


def walk_of(bug: Bug | None) -> type[RuleBasedStateMachine]:
    """A walk through the machine with that bug."""
    machine = Machine(ROOMY, bug)
    search = Search(machine)

    class Walk(RuleBasedStateMachine):
        """Whatever happens, nothing is broken, and whenever it ends everything is delivered after all."""

        def __init__(self) -> None:
            super().__init__()
            self.state: State = machine.start()
            self.taken = 0

        def take(self, steps: Iterator[Step], choose: random.Random) -> None:
            """One of the steps; first which kind, so that a kind with many of them is not taken more often."""
            kinds: dict[object, list[Step]] = {}
            for label, after in steps:
                kinds.setdefault(label[:2], []).append((label, after))
            if kinds:
                label, after = choose.choice(choose.choice(list(kinds.values())))
                assert not isinstance(after, Broken), (label, after)
                self.state = after

        def choices(self, seed: int) -> random.Random:
            self.taken += 1
            return random.Random(seed + self.taken)  # equal seeds are drawn often, and shall not lead the same way

        @rule(seed=SEEDS, count=st.integers(5, LONGEST))
        def goes_on(self, seed: int, count: int) -> None:
            choose = self.choices(seed)
            for _ in range(count):
                self.take(machine.ordinary(self.state), choose)

        @rule(seed=SEEDS)
        def happens_by_chance(self, seed: int) -> None:
            self.take(machine.chances(self.state), self.choices(seed))

        @precondition(lambda self: self.state.faults)
        @rule(seed=SEEDS)
        def goes_wrong(self, seed: int) -> None:
            self.take(machine.faults(self.state), self.choices(seed))

        def teardown(self) -> None:
            wrong, way = search.stuck(self.state)
            assert wrong is None, way

    return Walk


def test_nothing_is_lost_or_repeated_on_long_walks() -> None:
    run_state_machine_as_test(walk_of(None), settings=SETTINGS)


def test_long_walks_find_what_is_planted(capsys: pytest.CaptureFixture[str]) -> None:
    """Those that show on most ways, and most of them; those that need a certain order of steps are for the search."""
    found = set()
    for bug in SHOWING:
        try:
            run_state_machine_as_test(walk_of(bug), settings=SETTINGS)
        except AssertionError:
            found.add(bug)
    assert len(found) > len(SHOWING) // 2, found
    capsys.readouterr()  # the steps that Hypothesis prints
