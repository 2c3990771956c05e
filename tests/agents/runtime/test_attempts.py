"""Finding the record that kills its worker, with deaths that are played."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil, log2
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents.runtime.attempts import Attempts

LAST = 499


class DeathError(Exception):
    """The process dies: nothing is closed, nothing is tidied up."""


class Machine:
    """A worker that is started again whenever it dies, as an agent does its frames."""

    def __init__(self, file: Path, poison: set[int]) -> None:
        self.file = file
        self.poison = poison
        self.done: list[int] = []
        self.quarantined: dict[int, int] = {}
        self.deaths = 0
        self._opened: list[Attempts] = []

    def run(self, frames: list[tuple[int, int]]) -> None:
        while True:
            attempts = Attempts(self.file)
            self._opened.append(attempts)
            try:
                for first, last in frames:
                    if last >= len(self.done):
                        self._work(attempts, max(first, len(self.done)), last)
                return
            except DeathError:
                self.deaths += 1
                assert self.deaths < 1000

    def _work(self, attempts: Attempts, first: int, last: int) -> None:
        while first <= last:
            until, poisonous = attempts.limit(0, 0, first, last)
            attempts.begin(0, 0, first, until)
            if poisonous:
                assert first == until
                self.quarantined[first] = self.deaths
            elif any(first <= offset <= until for offset in self.poison):
                raise DeathError
            self.done += range(first, until + 1)
            attempts.end(0, until)
            first = until + 1

    def close(self) -> None:
        for attempts in self._opened:
            attempts.close()


@contextmanager
def machine(poison: set[int]) -> Iterator[Machine]:
    with TemporaryDirectory() as folder:
        made = Machine(Path(folder) / "attempts", poison)
        yield made
        made.close()


@given(st.integers(0, LAST), st.integers(0, LAST))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_the_poisonous_record_is_found_in_a_logarithm_of_restarts(poisonous: int, cut: int) -> None:
    with machine({poisonous}) as made:
        made.run([(0, cut), (cut + 1, LAST)] if cut < LAST else [(0, LAST)])
        assert set(made.quarantined) == {poisonous}
        assert made.done == list(range(LAST + 1))
        assert 3 <= made.deaths <= 3 + ceil(log2(LAST + 1))


@given(st.sets(st.integers(0, LAST), min_size=1, max_size=4))
@settings(derandomize=True, deadline=None, max_examples=100)
def test_several_in_one_frame_are_all_found_and_only_they(poison: set[int]) -> None:
    with machine(poison) as made:
        made.run([(0, LAST)])
        assert set(made.quarantined) == poison
        assert made.done == list(range(LAST + 1))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_no_record_is_condemned_by_fewer_than_three_deaths(tmp_path: Path, size: int) -> None:
    with machine({0}) as made:
        made.run([(0, size - 1)])
        assert made.quarantined[0] >= 3


def test_an_orderly_end_is_no_death(tmp_path: Path) -> None:
    for _ in range(10):
        attempts = Attempts(tmp_path / "attempts")
        assert attempts.limit(0, 0, 7, 7) == (7, False)
        attempts.begin(0, 0, 7, 7)
        attempts.close()


def test_an_orderly_end_keeps_what_deaths_told(tmp_path: Path) -> None:
    for _ in range(2):
        Attempts(tmp_path / "attempts").begin(0, 0, 0, 99)
    attempts = Attempts(tmp_path / "attempts")
    assert attempts.limit(0, 0, 0, 99) == (49, False)
    attempts.close()
    attempts = Attempts(tmp_path / "attempts")
    assert attempts.limit(0, 0, 0, 99) == (49, False)
    attempts.close()


def test_another_partition_and_another_epoch_are_not_suspected(tmp_path: Path) -> None:
    for _ in range(3):
        Attempts(tmp_path / "attempts").begin(1, 4, 0, 99)
    attempts = Attempts(tmp_path / "attempts")
    assert attempts.limit(1, 4, 0, 99) == (49, False)
    assert attempts.limit(0, 4, 0, 99) == (99, False)
    assert attempts.limit(1, 5, 0, 99) == (99, False)
    attempts.close()
