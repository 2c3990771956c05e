"""Healing a hole: the input is read again, from further and further back, until continuity returns or patience ends."""

import math
import time
from typing import Any

from faust.types import TP

from penstock.agents.continuity import Place
from penstock.agents.runtime import metrics
from penstock.agents.runtime.app import Consumer
from penstock.model.errors import HoleError

HEAL_EVERY_SECONDS = 3.0
HEAL_FOR_SECONDS = 60.0


class Healing:
    """The holes of one partition, one at a time.

    Parameters
    ----------
    labels
        Of metrics: pipeline and agent.
    """

    def __init__(self, consumer: Consumer, tp: TP, labels: tuple[str, str], log: Any) -> None:
        self._consumer = consumer
        self._tp = tp
        self._labels = labels
        self._log = log
        self._since: float | None = None
        self._last_try = 0.0
        self._reach = 0

    @property
    def going_on(self) -> bool:
        """Whether something is missing."""
        return self._since is not None

    def over(self) -> None:
        """Continuity is back."""
        self._since = None

    def skipped_no_more(self) -> None:
        """What was skipped came; it may have been all that was missing, or a repeat on the way to it."""
        if self._reach == 0:
            self._since = None

    async def heal(self, place: Place | None) -> int | None:
        """Read again from the place's input, or further back where that was tried. Raises HoleError after a minute.

        Returns where the input goes on; None while the last try may yet help.
        """
        if not self._due(place):
            return None
        back_to = max(0, (place.input if place else 0) - self._reach)
        self._reach = max(1, self._reach * 2)
        await self._seek(place, back_to)
        return back_to

    async def back(self, place: Place | None, to: int) -> None:
        """Read again from `to`, which was skipped. Raises HoleError after a minute."""
        if self._due(place):
            await self._seek(place, to)

    def _due(self, place: Place | None) -> bool:
        """Whether it is time for another try."""
        now = time.monotonic()
        if self._since is None:
            self._since, self._last_try, self._reach = now, -math.inf, 0
        if now - self._since > HEAL_FOR_SECONDS:
            raise HoleError(
                f"{self._tp.topic} partition {self._tp.partition}: frames are missing after {place} and do not come",
                hint="the input topic lost frames; the upstream agent must write them again",
            )
        if now - self._last_try < HEAL_EVERY_SECONDS:
            return False
        self._last_try = now
        return True

    async def _seek(self, place: Place | None, back_to: int) -> None:
        metrics.HOLES.labels(*self._labels).inc()
        self._log.warning("hole", partition=self._tp.partition, place=place and place.next, back_to=back_to)
        await self._consumer.seek(self._tp, back_to)
        self._consumer.stand_at(self._tp, back_to)
