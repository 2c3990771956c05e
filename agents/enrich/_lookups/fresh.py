"""What is loaded in a thread when it is first asked for, and again now and then, while the old one is used."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from penstock.model.component import Event
from penstock.model.errors import ConfigurationError, PenstockError

T = TypeVar("T")


class Fresh(Generic[T]):
    """Something that is loaded whenever `seconds` have gone by.

    Until a new one is there the old one is used; so it is where loading fails, which is reported once.

    Parameters
    ----------
    name : str
        The stage: its event is ``<name>_stale``.
    load : callable
        Runs in a thread.
    stamp : callable
        Tells versions apart: what has the same is not loaded again. None is always another. Runs in a thread.
    clock : callable
        Monotonic seconds.
    """

    def __init__(
        self,
        name: str,
        load: Callable[[], T],
        stamp: Callable[[], Any],
        seconds: float,
        report: Callable[[Event], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._load = load
        self._stamp = stamp
        self._seconds = seconds
        self._report = report
        self._clock = clock
        self._value: T | None = None
        self._loaded: Any = None
        self._due = float("-inf")
        self._task: asyncio.Task[None] | None = None
        self._stale = False

    async def current(self) -> T:
        """The newest there is. Raises what loading raised where there is none yet."""
        if self._clock() >= self._due and (self._task is None or self._task.done() or _foreign(self._task)):
            self._task = asyncio.create_task(self._refresh())
        if self._value is None and self._task is not None:
            # others wait for the same: one who leaves must not end it
            await asyncio.shield(self._task)
        if self._value is None:
            raise ConfigurationError(f"what {self._name} needs is not there", hint=f"see the event {self._name}_stale")
        return self._value

    async def _refresh(self) -> None:
        try:
            stamp = await asyncio.to_thread(self._stamp)
            if self._value is None or stamp is None or stamp != self._loaded:
                self._value, self._loaded = await asyncio.to_thread(self._load), stamp
            self._stale = False
        except Exception as error:  # what is known must not go with what could not be read
            if not self._stale:
                self._stale = True
                known = "nothing is known of it" if self._value is None else "what was read before is used"
                why = str(error) if isinstance(error, PenstockError) else type(error).__name__
                self._report(
                    Event(f"{self._name}_stale", f"a reference of {self._name} cannot be read, {known}: {why}")
                )
            if self._value is None:
                raise
        finally:
            self._due = self._clock() + self._seconds


def _foreign(task: "asyncio.Task[None]") -> bool:
    """Whether the task is one of another event loop, which will not go on."""
    return task.get_loop() is not asyncio.get_running_loop()
