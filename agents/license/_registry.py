"""The license registry, asked over HTTP (``LICENSE_REGISTRY_URL``); its answers are kept for a while.

::

    POST /api/v1/check  {"licenses": ["CC-BY-4.0"], "operation": "ingest"}      X-Authority-ID: etl-assistant
    200                 {"results": {"CC-BY-4.0": {"decision": "allow", "reason": "…", "duties": ["attribution"]}}}
"""

from collections.abc import Callable, Collection
from typing import Final, Literal, NamedTuple

import msgspec

from penstock.model.component import Resources
from penstock.model.errors import RejectedError, ServiceUnreachableError
from penstock.model.http import ServiceClient

URL_VARIABLE: Final = "LICENSE_REGISTRY_URL"
AUTHORITY_VARIABLE: Final = "AUTHORITY_ID"
DEFAULT_URL: Final = "http://localhost:4030"
DEFAULT_AUTHORITY: Final = "etl-assistant"
NAME: Final = "the license registry"

_MOST_ASKED: Final = 1000  # in one request
_MOST_KEPT: Final = 10_000


class Finding(msgspec.Struct, frozen=True):
    """What the registry says of one license."""

    decision: Literal["allow", "deny", "unknown"]
    reason: str = ""
    duties: tuple[str, ...] = ()


class _Answer(msgspec.Struct):
    results: dict[str, Finding]


class _Kept(NamedTuple):
    finding: Finding | RejectedError
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
    """

    def __init__(
        self, resources: Resources, operation: str, seconds: float, client: ServiceClient | None = None
    ) -> None:
        # one request in some minutes: a connection kept for the next one would only be one to close
        self._client = client or ServiceClient.from_environment(
            NAME, resources.environ, URL_VARIABLE, DEFAULT_URL, keep_alive=False
        )
        self._headers = {"X-Authority-ID": resources.environ.get(AUTHORITY_VARIABLE) or DEFAULT_AUTHORITY}
        self._operation = operation
        self._seconds = seconds
        self._clock: Callable[[], float] = resources.clock
        self._kept: dict[str, _Kept] = {}

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
        found: dict[str, Finding] = {}
        until = now + self._seconds
        missing = []
        for id in dict.fromkeys(ids):
            kept = self._kept.get(id)
            if kept is None or kept.until <= now:
                missing.append(id)
            elif isinstance(kept.finding, RejectedError):
                raise kept.finding.with_traceback(None)  # or it would grow with every raise
            else:
                found[id] = kept.finding
                until = min(until, kept.until)
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
                self._keep(ids[0], _Kept(error, until))
            raise
        try:
            results = msgspec.json.decode(answer.content, type=_Answer).results
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise ServiceUnreachableError(
                NAME, self._client.address, variable=URL_VARIABLE, cause="the answer is not a license registry's"
            ) from None
        found = {id: results.get(id, UNKNOWN) for id in ids}
        for id, finding in found.items():
            self._keep(id, _Kept(finding, until))
        return found

    def _keep(self, id: str, kept: _Kept) -> None:
        self._kept.pop(id, None)
        if len(self._kept) >= _MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[id] = kept
