"""Finding the record that kills its worker, with deaths that are played."""

import asyncio
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


async def _entered(attempts: Attempts, partition: int) -> bool:
    """Whether the partition gets its turn at once."""
    try:
        async with asyncio.timeout(0.05), attempts.turn(partition):
            return True
    except TimeoutError:
        return False


async def test_of_the_ranges_that_are_being_halved_one_is_worked_on_at_a_time(tmp_path: Path) -> None:
    for deaths in range(2):
        life = Attempts(tmp_path / "attempts")
        for partition in (0, 1, 2) if deaths else (0, 1):
            life.begin(partition, 0, 0, 99)
    attempts = Attempts(tmp_path / "attempts")
    assert [attempts.suspects(partition) for partition in range(4)] == [True, True, True, False]
    async with attempts.turn(0):
        assert [await _entered(attempts, partition) for partition in (1, 2, 3)] == [False, True, True]
    assert await _entered(attempts, 1)
    attempts.close()


def test_innocent_ranges_that_are_at_work_at_each_death_are_not_condemned(tmp_path: Path) -> None:
    """Three partitions; one record of partition 0 kills, each time with the others in the midst of what they may do."""
    done: dict[int, list[int]] = {0: [], 1: [], 2: []}
    condemned: list[tuple[int, int]] = []
    for _ in range(60):
        attempts = Attempts(tmp_path / "attempts")
        if not _live(attempts, done, condemned):
            break
    assert condemned == [(0, 0)]
    assert done == {partition: list(range(100)) for partition in range(3)}


def _live(attempts: Attempts, done: dict[int, list[int]], condemned: list[tuple[int, int]]) -> bool:
    """One life of a worker that begins with partition 2; False when all is done, True when it died."""
    died = asyncio.Event()

    async def partition(number: int) -> None:
        while len(done[number]) < 100:
            async with attempts.turn(number):
                first = len(done[number])
                until, poisonous = attempts.limit(number, 0, first, 99)
                attempts.begin(number, 0, first, until)
                if poisonous:
                    condemned.append((number, first))
                elif number == 0:
                    for _ in range(3):  # the others get to begin
                        await asyncio.sleep(0)
                    if first == 0:
                        died.set()
                        await asyncio.Event().wait()
                else:
                    for _ in range(9):
                        await asyncio.sleep(0)
                done[number] += range(first, until + 1)
                attempts.end(number, until)

    async def life() -> bool:
        lanes = [asyncio.ensure_future(partition(number)) for number in (2, 1, 0)]
        death = asyncio.ensure_future(died.wait())
        everything = asyncio.gather(*lanes)
        await asyncio.wait([death, everything], return_when=asyncio.FIRST_COMPLETED)
        for task in (death, *lanes):
            task.cancel()
        await asyncio.gather(death, everything, return_exceptions=True)
        return died.is_set()

    if asyncio.run(life()):
        return True
    attempts.close()
    return False
