"""How busy this process is, and how much longer records may linger for it.

What a frame costs hardly depends on how much is in it. So a process that is busy is better off with fewer and larger
frames, also for how long a record takes: behind a busy loop everything waits. One that has time to spare does not let
anybody wait. Under a backlog nothing lingers, because frames are full before.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

LOOK_SECONDS: Final = 0.5
BUSY, IDLE = 0.87, 0.8
"""Shares of a core above which records linger longer, and below which they linger less."""
STEP, MOST = 1.15, 5.0


class Load:
    """The CPU time of this process, watched.

    Parameters
    ----------
    clock, cpu : callable
        Seconds that passed, and seconds of CPU time that this process took.

    Attributes
    ----------
    stretch : float
        By how much to multiply what was asked for: 1 to `MOST`.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, cpu: Callable[[], float] = time.process_time
    ) -> None:
        self._clock = clock
        self._cpu = cpu
        self._then = clock(), cpu()
        self.stretch = 1.0

    def look(self) -> None:
        """Adapt `stretch` to what happened since the last look."""
        now = self._clock(), self._cpu()
        passed, taken = now[0] - self._then[0], now[1] - self._then[1]
        if passed <= 0:
            return
        self._then = now
        share = taken / passed
        if share > BUSY:
            self.stretch = min(MOST, self.stretch * STEP)
        elif share < IDLE:
            self.stretch = max(1.0, self.stretch / STEP)

    async def run(self) -> None:
        """Look regularly, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()
