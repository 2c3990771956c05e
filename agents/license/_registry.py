"""The license registry, asked over HTTP (``LICENSE_REGISTRY_URL``); its answers are kept for a while.

::

    POST /api/v1/check  {"licenses": ["CC-BY-4.0"], "operation": "ingest"}      X-Authority-ID: etl-assistant
    200                 {"results": {"CC-BY-4.0": {"decision": "allow", "reason": "…", "duties": ["attribution"]}}}

What it says is kept in a cache that the pipeline's workers share where ``REDIS_URL`` names a Redis. An answer holds as
long as ever after it was given, whichever worker it was given to: who finds it in the cache keeps it for the rest of
that time. That the registry does not answer, or refuses a question, is told to no other worker.
"""

import logging
from collections.abc import Callable, Collection
from typing import Final, Literal, NamedTuple

import msgspec

from penstock.model.component import Resources
from penstock.model.errors import RejectedError, ServiceUnreachableError
from penstock.model.http import ServiceClient
from penstock.stores.cache import Cache, Cached, open_cache

URL_VARIABLE: Final = "LICENSE_REGISTRY_URL"
AUTHORITY_VARIABLE: Final = "AUTHORITY_ID"
DEFAULT_URL: Final = "http://localhost:4030"
DEFAULT_AUTHORITY: Final = "etl-assistant"
NAME: Final = "the license registry"

_MOST_ASKED: Final = 1000  # in one request
_MOST_REFUSED: Final = 10_000
_SLACK_SECONDS: Final = 1.0  # between two roundings

_log = logging.getLogger(__name__)


class Finding(msgspec.Struct, frozen=True):
    """What the registry says of one license."""

    decision: Literal["allow", "deny", "unknown"]
    reason: str = ""
    duties: tuple[str, ...] = ()


class _Answer(msgspec.Struct):
    results: dict[str, Finding]


class _Refused(NamedTuple):
    error: RejectedError
    until: float


UNKNOWN: Final = Finding("unknown")


class Registry:
    """Asks for what it does not know, at most once in `seconds` for each license.

    Parameters
    ----------
    resources
        Address, token and authority from its environment, its clock.
    operation : str
        What shall be done with the data.
    seconds : float
        How long an answer holds.
    client : ServiceClient, optional
        Made from the environment where absent.
    cache : Cache, optional
        Likewise.

    Raises
    ------
    ConfigurationError
        The environment names a registry or a Redis at what is no address.
    """

    def __init__(
        self,
        resources: Resources,
        operation: str,
        seconds: float,
        client: ServiceClient | None = None,
        cache: Cache | None = None,
    ) -> None:
        # one request in some minutes: a connection kept for the next one would only be one to close
        self._client = client or ServiceClient.from_environment(
            NAME, resources.environ, URL_VARIABLE, DEFAULT_URL, keep_alive=False
        )
        authority = resources.environ.get(AUTHORITY_VARIABLE) or DEFAULT_AUTHORITY
        self._headers = {"X-Authority-ID": authority}
        self._operation = operation
        self._seconds = seconds
        self._clock: Callable[[], float] = resources.clock
        if cache is None:
            name = (resources.pipeline, resources.tenant, "license")
            cache = open_cache(resources.environ, name, warn=_log.warning, clock=self._clock)
        self._cache = cache
        # what an answer depends on beside the license, and how long it holds: a file that changed asks anew
        self._question = "\n".join((self._client.address, authority, operation, str(seconds)))
        self._refused: dict[str, _Refused] = {}

    async def findings(self, ids: Collection[str]) -> tuple[dict[str, Finding], float]:
        """What the registry says of each of `ids`, and until when (seconds of the clock) all of it holds.

        Raises
        ------
        ServiceUnreachableError
            It does not answer, or not as a registry does.
        RejectedError
            It refuses the question.
        """
        now = self._clock()
        wanted = list(dict.fromkeys(ids))
        for id in wanted:
            self._raise_refusal(id, now)
        cached = await self._cache.get_many([self._key(id) for id in wanted])
        found: dict[str, Finding] = {}
        until = now + self._seconds
        for id in wanted:
            finding, seconds = self._decode(cached.get(self._key(id)))
            if finding is not None:
                found[id] = finding
                until = min(until, now + seconds)
        missing = [id for id in wanted if id not in found]
        for start in range(0, len(missing), _MOST_ASKED):
            found |= await self._ask(missing[start : start + _MOST_ASKED], now + self._seconds)
        return found, until

    async def _ask(self, ids: list[str], until: float) -> dict[str, Finding]:
        question = {"licenses": ids, "operation": self._operation}
        try:
            answer = await self._client.request("POST", "/api/v1/check", json=question, headers=self._headers)
        except RejectedError as error:
            # alone it is this id's fault: the next records of this license need not ask again
            if len(ids) == 1:
                self._refuse(ids[0], _Refused(error, until))
            raise
        try:
            results = msgspec.json.decode(answer.content, type=_Answer).results
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ServiceUnreachableError(
                NAME, self._client.address, variable=URL_VARIABLE, cause="the answer is not a license registry's"
            ) from None
        found = {id: results.get(id, UNKNOWN) for id in ids}
        values = {self._key(id): msgspec.json.encode(finding) for id, finding in found.items()}
        await self._cache.set_many(values, until - self._clock())
        return found

    def _key(self, id: str) -> str:
        return f"{self._question}\n{id}"

    def _decode(self, cached: Cached | None) -> tuple[Finding | None, float]:
        """The finding in a value of the cache and for how long; none where nobody like this one put it there."""
        if cached is None or cached.seconds > self._seconds + _SLACK_SECONDS:
            return None, 0.0
        try:
            return msgspec.json.decode(cached.value, type=Finding), cached.seconds
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None, 0.0

    def _raise_refusal(self, id: str, now: float) -> None:
        refused = self._refused.get(id)
        if refused is not None and refused.until > now:
            raise refused.error.with_traceback(None)  # or it would grow with every raise

    def _refuse(self, id: str, refused: _Refused) -> None:
        self._refused.pop(id, None)
        if len(self._refused) >= _MOST_REFUSED:
            del self._refused[next(iter(self._refused))]
        self._refused[id] = refused
