"""The one place where HTTP services are called: retries, waiting, and a circuit breaker.

==========================================  ============================================================
answer                                      what `ServiceClient.request` does
==========================================  ============================================================
2xx, 304 where a condition was sent         returns it; `ServiceClient.read` makes sure of what it says
401, 403, 408, 429, 3xx, 5xx, none at all   tries again, then raises `ServiceUnreachableError`
any other 4xx                               raises `RejectedError` at once
longer than `largest`                       raises `OversizedAnswerError` at once, unread
==========================================  ============================================================

401 and 403 wait like an outage, because a wrong token is the operator's fault, not the record's; a redirection likewise
is a wrong address. Between two attempts it waits as long as the server asked (``Retry-After``), else exponentially
longer with jitter. After `Breaker.limit` failures in a row the circuit opens: requests fail at once, until after
`Breaker.seconds` one of them is let through to try.

Neither bodies nor tokens are logged, and errors hold address, status and the name of the variable, nothing else.
"""

import asyncio
import logging
import random
import time
import weakref
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal, NamedTuple, Self, TypeVar

import httpx
import msgspec

from penstock.model.errors import ConfigurationError, OversizedAnswerError, RejectedError, ServiceUnreachableError

TOKEN_VARIABLE: Final = "PENSTOCK_API_TOKEN"
LONGEST_RETRY_AFTER: Final = 300.0
"""Seconds; a server that asks for more is taken to ask for this."""

State = Literal["closed", "open", "half-open"]
_T = TypeVar("_T")

_WAIT: Final = frozenset((401, 403, 408, 429))
_OF_THE_BODY: Final = frozenset((b"content-encoding", b"content-length", b"transfer-encoding"))
"""Headers that tell how a body travelled: they are not true of one that was read."""

# httpx logs each request with its whole address, and what stands in a path or a query may come from a record
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait between two attempts, in seconds.

    Attributes
    ----------
    first, multiplier, longest : float
        The wait before attempt n + 1 is ``min(longest, first * multiplier ** (n - 1))``, less up to half of it
        at random, so that clients that failed together do not come back together.
    """

    first: float = 0.5
    multiplier: float = 2.0
    longest: float = 10.0

    def seconds(self, attempt: int) -> float:
        """The wait after attempt number `attempt` (from 1) failed."""
        return min(self.longest, self.first * self.multiplier ** (attempt - 1)) * random.uniform(0.5, 1.0)


class Breaker:
    """Closed: requests pass. Open: they do not. Half-open: one passes, to see.

    Parameters
    ----------
    limit : int
        Failures in a row that open it.
    seconds : float
        How long it stays open before one request may try.
    clock : callable
        Monotonic seconds.
    """

    def __init__(self, limit: int = 5, seconds: float = 30.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self.seconds = seconds
        self.failures = 0
        self._clock = clock
        self._opened: float | None = None
        self._trying = False

    @property
    def state(self) -> State:
        if self._opened is None:
            return "closed"
        return "half-open" if self._trying or self.remaining == 0.0 else "open"

    @property
    def remaining(self) -> float:
        """Seconds until a request may pass; 0 where one may now."""
        if self._opened is None:
            return 0.0
        return max(0.0, self._opened + self.seconds - self._clock())

    def admit(self) -> bool:
        """Whether a request may pass; who asks must tell then how it went: `succeed`, `fail` or `forget`."""
        if self._opened is None:
            return True
        if self._trying or self.remaining > 0.0:
            return False
        self._trying = True
        return True

    def succeed(self) -> None:
        self.failures, self._opened, self._trying = 0, None, False

    def fail(self) -> None:
        self.failures += 1
        if self._trying or (self._opened is None and self.failures >= self.limit):
            self._opened, self._trying = self._clock(), False

    def forget(self) -> None:
        """The request was cancelled: it tells nothing."""
        self._trying = False


class _Failure(NamedTuple):
    cause: str
    retry_after: float | None = None
    status: int | None = None


LIVE: "weakref.WeakSet[ServiceClient]" = weakref.WeakSet()
"""The clients of this process, for whoever tells of their breakers."""


class ServiceClient:
    """A client of one HTTP service.

    Parameters
    ----------
    name : str
        What messages call the service, such as ``the license registry``.
    url : str
        Its address; a path in it is kept before the path of each request.
    token : str, optional
        Sent as ``Authorization: Bearer``.
    variable : str
        The environment variable that sets the address.
    timeout : float
        Seconds for one attempt, from connecting to the last byte.
    retries : int
        Attempts beside the first.
    keep_alive : bool
        False closes each connection after its answer: nothing is left to `close`.
    largest : int, optional
        Bytes of an answer's body, once decompressed; no more than that are ever read.

    Raises
    ------
    ConfigurationError
        `url` is no http or https URL, or `token` cannot be sent in a header.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        token: str | None = None,
        variable: str,
        timeout: float = 10.0,
        retries: int = 3,
        backoff: Backoff | None = None,
        breaker: Breaker | None = None,
        keep_alive: bool = True,
        largest: int | None = None,
    ) -> None:
        parsed = _parse(url, variable)
        # messages quote the address, so it must not carry a password
        self.address = str(parsed.copy_with(userinfo=b"")).rstrip("/")
        LIVE.add(self)
        self.name = name
        self.variable = variable
        self.timeout = timeout
        self.retries = retries
        self.backoff = backoff or Backoff()
        self.breaker = breaker or Breaker()
        self._largest = largest
        self._auth = (parsed.username, parsed.password) if parsed.userinfo and not token else None
        self._headers = {"Authorization": f"Bearer {_sendable(token)}"} if token else {}
        self._limits = httpx.Limits() if keep_alive else httpx.Limits(max_keepalive_connections=0)
        self._http: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @classmethod
    def from_environment(
        cls, name: str, environ: Mapping[str, str], variable: str, default_url: str, **options: Any
    ) -> Self:
        """The service at the address that `variable` names, with the token of ``PENSTOCK_API_TOKEN``."""
        url = environ.get(variable) or default_url
        return cls(name, url, token=environ.get(TOKEN_VARIABLE) or None, variable=variable, **options)

    @property
    def state(self) -> State:
        """Of the circuit breaker."""
        return self.breaker.state

    async def request(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send a request until it is answered with 2xx, or with 304 where `headers` hold ``If-None-Match``.

        Raises
        ------
        ServiceUnreachableError
            The last attempt failed, the circuit is open, or the server asked for a longer wait than is kept here;
            ``retry_after`` says when to come again, where that is known.
        RejectedError
            The server refused this request and always will.
        OversizedAnswerError
            The answer is longer than `largest`.
        """
        began = time.monotonic()
        if not self.breaker.admit():
            raise self._unreachable(_Failure("the circuit is open after failures in a row"), began)
        attempt = 1
        while True:
            answer = await self._attempt(method, path, content=content, json=json, headers=headers)
            if isinstance(answer, httpx.Response):
                return answer
            asked = answer.retry_after
            if attempt > self.retries or (asked is not None and asked > self.backoff.longest):
                raise self._unreachable(answer, began)
            if self.breaker.state == "closed":
                await asyncio.sleep(max(asked or 0.0, self.backoff.seconds(attempt)))
            # other requests may have opened the circuit while this one slept
            if not self.breaker.admit():
                raise self._unreachable(answer, began)
            attempt += 1

    def read(self, answer: httpx.Response, kind: type[_T]) -> _T:
        """The JSON of an answer, as `kind`.

        Raises
        ------
        ServiceUnreachableError
            It is not that: something else answers at this address (a proxy, a page of a maintenance), so whether the
            request had its effect is not known.
        """
        try:
            return msgspec.json.decode(answer.content, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise self.unusable(f"the answer is not that of {self.name}") from None

    def unusable(self, cause: str) -> ServiceUnreachableError:
        """The error for an answer that came and cannot be used: it is waited for as one that did not come."""
        return self._unreachable(_Failure(cause), time.monotonic())

    async def close(self) -> None:
        """Close the connections that are kept alive; the next request opens its own."""
        http, self._http = self._http, None
        if http is not None and self._loop is asyncio.get_running_loop():
            await http.aclose()

    async def _attempt(self, method: str, path: str, **body: Any) -> httpx.Response | _Failure:
        try:
            async with asyncio.timeout(self.timeout):
                answer = await self._send(method, path, **body)
        except (httpx.RequestError, TimeoutError) as error:
            # the type alone: texts of such errors may quote what was sent
            failure = _Failure(type(error).__name__)
        except OversizedAnswerError:
            self.breaker.succeed()
            raise
        except BaseException:
            self.breaker.forget()
            raise
        else:
            status = answer.status_code
            if answer.is_success or (status == 304 and "If-None-Match" in (body.get("headers") or {})):
                self.breaker.succeed()
                return answer
            if answer.is_client_error and status not in _WAIT:
                self.breaker.succeed()
                raise RejectedError(self.name, status, httpx.codes.get_reason_phrase(status))
            asked = retry_after(answer.headers.get("Retry-After", ""))
            failure = _Failure(f"status {status}", asked, status)
        self.breaker.fail()
        return failure

    async def _send(self, method: str, path: str, **body: Any) -> httpx.Response:
        client = self._client()
        if self._largest is None:
            return await client.request(method, self.address + path, **body)
        body["headers"] = {**(body.get("headers") or {}), "Accept-Encoding": "gzip"}
        async with client.stream(method, self.address + path, **body) as answer:
            read = bytearray()
            async for piece in answer.aiter_raw():
                read += piece
                if len(read) > self._largest:
                    raise OversizedAnswerError(self.name, answer.status_code, self._largest)
        content = _unpacked(bytes(read), answer, self._largest)
        if len(content) > self._largest:
            raise OversizedAnswerError(self.name, answer.status_code, self._largest)
        headers = [(name, value) for name, value in answer.headers.raw if name.lower() not in _OF_THE_BODY]
        return httpx.Response(answer.status_code, headers=headers, content=content, request=answer.request)

    def _client(self) -> httpx.AsyncClient:
        """The connections of the running event loop: those of another loop cannot be used in this one."""
        loop = asyncio.get_running_loop()
        if self._http is None or self._loop is not loop:
            self._http = httpx.AsyncClient(
                headers=self._headers, auth=self._auth, limits=self._limits, timeout=self.timeout
            )
            self._loop = loop
        return self._http

    def _unreachable(self, failure: _Failure, began: float) -> ServiceUnreachableError:
        wait = max(failure.retry_after or 0.0, self.breaker.remaining)
        return ServiceUnreachableError(
            self.name,
            self.address,
            variable=self.variable,
            seconds=time.monotonic() - began,
            cause=failure.cause,
            retry_after=wait or failure.retry_after,
            status=failure.status,
        )


def _unpacked(body: bytes, answer: httpx.Response, largest: int) -> bytes:
    """A body without its compression, or one byte more than `largest` of it: a few bytes can be gigabytes, packed."""
    match answer.headers.get("Content-Encoding", "identity").strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            try:
                return zlib.decompressobj(wbits=31).decompress(body, largest + 1)
            except zlib.error:
                raise httpx.DecodingError("not gzip", request=answer.request) from None
        case _:
            raise httpx.DecodingError("a compression that nobody asked for", request=answer.request)


def retry_after(value: str) -> float | None:
    """Seconds that a ``Retry-After`` header asks for, at most `LONGEST_RETRY_AFTER`; None where it says nothing.

    Its value is a number of seconds or a date (RFC 9110, section 10.2.3).
    """
    if value.isascii() and value.isdigit():
        return min(float(value), LONGEST_RETRY_AFTER)
    try:
        until = parsedate_to_datetime(value)
        if until.tzinfo is None:  # "-0000" is a zone that says nothing; HTTP dates are GMT
            until = until.replace(tzinfo=UTC)
        seconds = (until - datetime.now(UTC)).total_seconds()
    except (ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), LONGEST_RETRY_AFTER)


def _parse(url: str, variable: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        raise ConfigurationError(f"{variable} is not a URL", hint="such as http://localhost:4030") from None
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.query or parsed.fragment:
        raise ConfigurationError(
            f"{variable} is not the address of an HTTP service", hint="such as http://localhost:4030"
        )
    return parsed


def _sendable(token: str) -> str:
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigurationError(f"{TOKEN_VARIABLE} holds characters that no header can carry")
    return token
