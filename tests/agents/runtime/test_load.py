"""How much longer records linger when the process is busy."""

from penstock.agents.runtime.load import BUSY, IDLE, MOST, Load


class _Machine:
    def __init__(self) -> None:
        self.seconds = self.cpu = 0.0
        self.load = Load(lambda: self.seconds, lambda: self.cpu)

    def works(self, share: float, times: int = 1) -> float:
        for _ in range(times):
            self.seconds += 0.5
            self.cpu += 0.5 * share
            self.load.look()
        return self.load.stretch


def test_a_busy_process_lets_records_linger_longer_and_an_idle_one_as_asked():
    machine = _Machine()
    assert machine.works(0.1, 10) == 1
    busy = [machine.works(BUSY + 0.1) for _ in range(5)]
    assert busy == sorted(busy) and busy[0] > 1
    assert machine.works(1.0, 100) == MOST
    assert machine.works(0.1, 100) == 1


def test_it_stays_where_the_load_is_right():
    machine = _Machine()
    machine.works(1.0, 3)
    there = machine.load.stretch
    assert machine.works((BUSY + IDLE) / 2, 50) == there > 1


def test_a_clock_that_stands_still_says_nothing():
    machine = _Machine()
    machine.cpu = 100
    machine.load.look()
    assert machine.load.stretch == 1
