"""Run `penstock` as its users do, but with a crash built in, or with a shorter session: the product knows of neither.

    CHAOS_CRASH     component/step/side/number: the number-th call of that step ends the process (see `seams.py`)
    CHAOS_SESSION   seconds of the session timeout, so that a dead member is missed sooner

The arguments are those of `penstock`.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

from seams import KILLED, find  # beside this script


def shorten(seconds: float) -> None:
    """Set the session timeout, before anything has read it."""
    from penstock.agents.runtime import cluster

    cluster.SESSION_SECONDS = seconds  # type: ignore[misc]
    cluster.HEARTBEAT_SECONDS = seconds / 5  # type: ignore[misc]


def plant(component: str, step: str, side: str, number: int) -> None:
    """End the process before or after the number-th call of a step. Raises LookupError where the step is not found."""
    owner, name, ending = find(component, step)
    setattr(owner, name, _deadly(getattr(owner, name), side, number, ending))


def _deadly(original: Callable[..., Any], side: str, number: int, ending: str) -> Callable[..., Any]:
    left = [number]

    def meant(arguments: tuple[Any, ...]) -> bool:
        if ending and not any(isinstance(each, str) and each.endswith(ending) for each in arguments):
            return False
        if _is_idle(original, arguments):
            return False
        left[0] -= 1
        return left[0] == 0

    @functools.wraps(original)
    def plain(*arguments: Any, **named: Any) -> Any:
        now = meant(arguments)
        if now and side == "before":
            os._exit(KILLED)
        result = original(*arguments, **named)
        if now:
            os._exit(KILLED)
        return result

    @functools.wraps(original)
    async def waiting(*arguments: Any, **named: Any) -> Any:
        now = meant(arguments)
        if now and side == "before":
            os._exit(KILLED)
        result = await original(*arguments, **named)
        if now:
            os._exit(KILLED)
        return result

    return waiting if inspect.iscoroutinefunction(original) else plain


def _is_idle(original: Callable[..., Any], arguments: tuple[Any, ...]) -> bool:
    """A call that has nothing to do: no letters to write, no head to publish."""
    return original.__name__ in ("write", "_publish") and len(arguments) == 2 and arguments[1] in ([], b"")


def main() -> int:
    if session := os.environ.get("CHAOS_SESSION"):
        shorten(float(session))
    if crash := os.environ.get("CHAOS_CRASH"):
        component, step, side, number = crash.split("/")
        plant(component, step, side, int(number))
    from penstock.cli.main import main as penstock

    return penstock()


if __name__ == "__main__":
    sys.exit(main())
