"""The lease: a worker that stood still too long must not act before it has joined its groups anew.

A stopped process (SIGSTOP, a paused machine, a blocked loop) keeps frames in its buffers while the others take its
partitions over. What it would do when it wakes is harmless (readers trim, delivery is fenced, sinks compare and set)
but wasteful; so it checks the time since its last sign of life before each effect, and past the lease every agent in
the process is started anew: it leaves its group and joins again, which is also what unfences it where the stop was too
short for the others to notice.
"""

import asyncio
import time
from collections.abc import Callable

from penstock.agents.runtime.cluster import SESSION_SECONDS

LEASE_SECONDS = 0.6 * SESSION_SECONDS
_TICK_SECONDS = 0.25


class Lease:
    """A sign of life from the loop that runs the agents.

    Parameters
    ----------
    seconds : float
        Longest stop after which the process may still act; below the groups' session timeout.
    clock : callable
        Monotonic seconds.
    """

    def __init__(self, seconds: float = LEASE_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._clock = clock
        self._seen = clock()
        self.generation = 0
        """Raised by one each time the lease was lost; who acts compares it with the one it started under."""

    def check(self) -> int:
        """The generation now, after looking at the clock."""
        now = self._clock()
        if now - self._seen > self._seconds:
            self.generation += 1
        self._seen = now
        return self.generation

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            self.check()
            await asyncio.sleep(_TICK_SECONDS)
