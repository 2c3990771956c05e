"""How much a caller may send: bytes a request, and requests a minute.

Bytes are counted as they come, so that a request without a length, or with a wrong one, is stopped as well. Requests
are counted by token (by address where there is none that is known: who makes tokens up gets no more turns by it) in a
bucket that fills evenly: a burst of a whole minute's worth is let through, then one at a time.
"""

import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Container
from dataclasses import dataclass
from math import ceil

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from penstock.api.problems import ProblemError, answer
from penstock.api.tokens import digest_of

_CALLERS = 10_000  # remembered at most; the one that was quiet longest is forgotten first


@dataclass(frozen=True, slots=True)
class Limits:
    """What is let through.

    Attributes
    ----------
    body_bytes : int
    requests_per_minute : int
        By caller.
    """

    body_bytes: int = 10 * 1024 * 1024
    requests_per_minute: int = 600


class LimitsMiddleware:
    """Refuses what is too much: 413 and 429 with ``Retry-After`` (RFC 9110, RFC 6585).

    Parameters
    ----------
    tokens
        The digests of those that are good.
    """

    def __init__(
        self, app: ASGIApp, limits: Limits, tokens: Container[str], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._limits = limits
        self._tokens = tokens
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if (wait := self._turn(_caller(scope, self._tokens))) > 0:
            seconds = {"Retry-After": str(ceil(wait))}
            await answer(ProblemError(429, "too_many", "too many requests", headers=seconds))(scope, receive, send)
            return
        await self._limited(scope, receive, send)

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        most, came, answered = self._limits.body_bytes, 0, False
        headers = {"Connection": "close"}
        too_large = ProblemError(413, "too_large", f"a request may have {most} bytes", headers=headers)

        async def counted() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > most:
                raise too_large
            return message

        async def passed(message: Message) -> None:
            nonlocal answered
            if came > most and not answered:  # what the framework makes of the error is not what happened
                return
            answered = True
            await send(message)

        with contextlib.suppress(ProblemError):
            await self._app(scope, counted, passed)
        if came > most and not answered:
            await answer(too_large)(scope, receive, send)

    def _turn(self, caller: str) -> float:
        """Seconds that the caller has to wait; 0 takes a turn."""
        now, most = self._clock(), self._limits.requests_per_minute
        left, seen = self._buckets.pop(caller, (float(most), now))
        left = min(float(most), left + (now - seen) * most / 60)
        wait = 0.0 if left >= 1 else (1 - left) * 60 / most
        self._buckets[caller] = (left if wait else left - 1, now)
        if len(self._buckets) > _CALLERS:
            self._buckets.popitem(last=False)
        return wait


def _caller(scope: Scope, tokens: Container[str]) -> str:
    """Who calls, without keeping the token."""
    for name, value in scope["headers"]:
        if name == b"authorization":
            scheme, _, token = value.decode("latin-1").partition(" ")
            digest = digest_of(token.strip())
            if scheme.lower() == "bearer" and digest in tokens:
                return digest
    client = scope.get("client")
    return client[0] if client else ""
