"""Asking a server about many records: each question once, from the cache where it is there, no faster than allowed."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Literal, NamedTuple, Protocol, TypeAlias

import httpx
import orjson
from pydantic import Field

from penstock.agents.enrich._lookups.template import Body
from penstock.model.component import ComponentConfig
from penstock.model.errors import EnrichmentError, RejectedError, ServiceUnreachableError, UnreachableError
from penstock.model.http import ServiceClient
from penstock.stores.cache import Cache

LARGEST_KEPT: Final = 16 * 1024
_DAY_SECONDS: Final = 24 * 3600
_JSON: Final = {"Accept": "application/json", "Content-Type": "application/json"}

Answer: TypeAlias = dict[str, Any] | Exception | None
"""What is known; None where the server knows nothing; why it could not be found out."""


class Request(NamedTuple):
    """What is asked about one record.

    Attributes
    ----------
    key : str
        Hash of the whole: two requests with one key have one answer.
    path : str
        With its query.
    headers : dict
    body : JSON or None
    match : str
        What the record is called among a batch's results.
    """

    key: str
    path: str
    headers: dict[str, str]
    body: Any
    match: str


class Results(Protocol):
    """Takes what is wanted out of answers."""

    def one(self, answer: Any) -> dict[str, Any]: ...

    def many(self, answer: Any, requests: Sequence[Request]) -> list[dict[str, Any] | None]: ...


class Asking(ComponentConfig):
    """Options of asking."""

    method: Literal["GET", "POST", "PUT", "PATCH"] = Field("GET", description="Of the request.")
    batch_size: int = Field(1, ge=1, le=1000, description="Records that share a request.")
    batch_body: Any = Field("{{items}}", description="What is sent for a batch; `{{items}}` in it is the list.")
    cache_seconds: float = Field(3600, ge=0, description="How long an answer holds.")
    negative_seconds: float = Field(300, ge=0, description="How long it holds that nothing is known.")
    absent_statuses: tuple[int, ...] = Field((404,), description="Statuses that mean that nothing is known.")
    rate: float | None = Field(None, gt=0, description="Requests a second, of each worker.")
    burst: int = Field(10, ge=1, description="Requests that may go at once before `rate` counts.")
    longest_wait: float = Field(30, ge=0, description="Seconds that a record waits for `rate`, then it fails.")
    budget_per_day: int | None = Field(None, ge=0, description="Requests a day; records beyond it fail.")
    concurrency: int = Field(8, ge=1, le=256, description="Requests under way at a time, of each worker.")


class Bucket:
    """Tokens that come back at `rate` a second, up to `burst` of them (RFC 2697 speaks of one colour of this).

    Parameters
    ----------
    clock : callable
        Monotonic seconds.
    """

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock()

    def take(self, longest: float) -> float | None:
        """Seconds to wait before going on; None, and nothing is taken, where that were longer than `longest`."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        wait = max(0.0, (1 - self._tokens) / self._rate)
        if wait > longest:
            return None
        self._tokens -= 1
        return wait


class Asker:
    """Asks, within all bounds.

    Parameters
    ----------
    client : ServiceClient
        Its connections are closed whenever nothing is asked.
    cache : Cache
    options : Asking
    results : Results
    clock : callable
        Seconds since the epoch: it says which day it is.
    """

    def __init__(
        self, client: ServiceClient, cache: Cache, options: Asking, results: Results, clock: Callable[[], float]
    ) -> None:
        self._client = client
        self._cache = cache
        self._options = options
        self._results = results
        self._clock = clock
        self._bucket = Bucket(options.rate, options.burst) if options.rate else None
        self._batch = Body(options.batch_body, {})
        self._spent = -1  # the day whose budget is used up
        self._active = 0

    async def ask(self, requests: Sequence[Request]) -> dict[str, Answer]:
        """The answer to each request, by its key."""
        wanted = {request.key: request for request in requests}
        cached = await self._cache.get_many(list(wanted)) if wanted else {}
        found: dict[str, Answer] = {key: orjson.loads(value.value) for key, value in cached.items()}
        missing = [request for key, request in wanted.items() if key not in found]
        size = self._options.batch_size
        chunks = [missing[start : start + size] for start in range(0, len(missing), size)]
        waiting = iter(chunks)

        async def work() -> None:
            for chunk in waiting:
                answers = await self._asked(chunk)
                found.update(zip((request.key for request in chunk), answers, strict=True))

        async with self._connected(), asyncio.TaskGroup() as group:
            for _ in range(min(self._options.concurrency, len(chunks))):
                group.create_task(work())
        return found

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[None]:
        """Keep connections while something is asked, and none after: nobody would close them."""
        self._active += 1
        try:
            yield
        finally:
            self._active -= 1
            if not self._active:
                await self._client.close()

    async def _asked(self, chunk: Sequence[Request]) -> Sequence[Answer]:
        try:
            await self._admit()
            answers = self._answers(await self._sent(chunk), chunk)
        except RejectedError as error:
            if error.status not in self._options.absent_statuses or error.code == "oversized_answer":
                return [refused(error)] * len(chunk)
            answers = [None] * len(chunk)
        except ServiceUnreachableError as error:
            if error.status not in self._options.absent_statuses:
                return [error] * len(chunk)
            answers = [None] * len(chunk)
        except EnrichmentError as error:
            return [error] * len(chunk)
        return await self._kept(chunk, answers)

    async def _admit(self) -> None:
        """Wait for the rate's turn, and count against the day's budget. Raises EnrichmentError."""
        options = self._options
        day = int(self._clock() // _DAY_SECONDS)
        if options.budget_per_day is not None and day == self._spent:
            raise EnrichmentError("budget", "the day's budget of requests is used up")
        if self._bucket is not None:
            wait = self._bucket.take(options.longest_wait)
            if wait is None:
                raise EnrichmentError("rate_limited", "the record would wait too long for its turn")
            await asyncio.sleep(wait)
        if options.budget_per_day is not None:
            count = await self._cache.count(f"{self._client.address} {day}", 1, 2 * _DAY_SECONDS)
            if count > options.budget_per_day:
                self._spent = day
                raise EnrichmentError("budget", "the day's budget of requests is used up")

    async def _sent(self, chunk: Sequence[Request]) -> httpx.Response:
        first = chunk[0]
        body = first.body
        if self._options.batch_size > 1:
            body = self._batch.fill({"items": [request.body for request in chunk]})
        content = None if body is None else orjson.dumps(body)
        return await self._client.request(
            self._options.method, first.path, content=content, headers={**_JSON, **first.headers}
        )

    def _answers(self, answer: httpx.Response, chunk: Sequence[Request]) -> Sequence[dict[str, Any] | None]:
        """What of the answer is wanted, for each request. Raises EnrichmentError."""
        if answer.status_code == httpx.codes.NO_CONTENT:
            return [None] * len(chunk)
        try:
            said = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            raise EnrichmentError("invalid_json", f"{self._client.name} answered with what is no JSON") from None
        if self._options.batch_size > 1:
            return self._results.many(said, chunk)
        return [self._results.one(said)]

    async def _kept(self, chunk: Sequence[Request], answers: Sequence[dict[str, Any] | None]) -> Sequence[Answer]:
        """The answers, as the cache would give them."""
        out: list[Answer] = []
        known: dict[str, bytes] = {}
        unknown: dict[str, bytes] = {}
        for request, answer in zip(chunk, answers, strict=True):
            try:
                encoded = orjson.dumps(answer)
            except TypeError:  # nested deeper than can be written
                out.append(EnrichmentError("invalid_json", f"{self._client.name} answered with what nests too deep"))
                continue
            out.append(answer)
            if len(encoded) <= LARGEST_KEPT:
                (unknown if answer is None else known)[request.key] = encoded
        await self._cache.set_many(known, self._options.cache_seconds)
        await self._cache.set_many(unknown, self._options.negative_seconds)
        return out


def refused(error: RejectedError | UnreachableError) -> EnrichmentError:
    """What a server's refusal, or its silence, means for a record: its address and why, never what was asked."""
    status = getattr(error, "status", None)
    if error.code == "oversized_answer":
        reason = "oversized"
    elif status is not None:
        reason = f"http_{status}"
    else:
        reason = "timeout" if "Timeout" in getattr(error, "cause", "") else "unreachable"
    return EnrichmentError(reason, error.message, hint=error.hint)
