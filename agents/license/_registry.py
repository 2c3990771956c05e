"""The license registry, asked over HTTP (``LICENSE_REGISTRY_URL``); its answers are kept for a while.

::

    POST /api/v1/check    {"licenses": ["CC-BY-4.0"], "operation": "ingest", "tenant_id": "acme", "region": "DE"}
    200                   {"results": {"CC-BY-4.0": {"decision": "allow", "reason": "…", "duties": ["attribution"]}}}

    GET  /api/v1/check/CC-BY-4.0?operation=ingest&tenant_id=acme&region=DE      If-None-Match: "3-9f86…"
    304                                                                         X-Authority-ID: etl-assistant

What it does not know a client asks for in one POST; what it knew and must look at again, license by license with the
``etag`` of the old answer. An answer holds for the file's ``cache_seconds``, or for the ``max-age`` of its
``Cache-Control`` where that is shorter.

What it says is kept in a cache that the pipeline's workers share where ``REDIS_URL`` names a Redis. An answer holds as
long as ever after it was given, whichever worker it was given to: who finds it in the cache keeps it for the rest of
that time. That the registry does not answer, or refuses a question, is told to no other worker.

With ``LICENSE_REGISTRY_PUBLIC_KEY`` only answers count that this key signed (`penstock.model.signature`), that answer
this question, and that were given in the last minutes. A 304 can be signed by nobody, so then everything is asked anew.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode

import httpx
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from penstock.model.component import Resources
from penstock.model.errors import ConfigurationError, RejectedError
from penstock.model.http import ServiceClient
from penstock.model.license import Finding, Use
from penstock.model.signature import is_signed, read_public_key
from penstock.stores.cache import Cache, Cached, open_cache

URL_VARIABLE: Final = "LICENSE_REGISTRY_URL"
AUTHORITY_VARIABLE: Final = "AUTHORITY_ID"
KEY_VARIABLE: Final = "LICENSE_REGISTRY_PUBLIC_KEY"
DEFAULT_URL: Final = "http://localhost:4030"
DEFAULT_AUTHORITY: Final = "etl-assistant"
NAME: Final = "the license registry"

_MOST_ASKED: Final = 1000  # in one request
_MOST_CHECKED: Final = 16  # one by one; more than these are asked for anew, together
_MOST_KEPT: Final = 10_000
_MOST_REFUSED: Final = 10_000
_SLACK_SECONDS: Final = 1.0  # between two roundings
_SIGNED_SECONDS: Final = 300.0  # between two clocks
_ETAG: Final = re.compile(r"[!#-~]{1,128}")  # what RFC 9110, section 8.8.3, lets stand between quotes
_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,])", re.IGNORECASE)

_log = logging.getLogger(__name__)


class _Answer(msgspec.Struct):
    results: dict[str, Finding]


class _Refused(NamedTuple):
    error: RejectedError
    until: float


class _Id(NamedTuple):
    tenant: str
    id: str


UNKNOWN: Final = Finding("unknown", "unknown_license")


class Registry:
    """Asks for what it does not know, at most once in `seconds` for each license.

    Parameters
    ----------
    resources
        Address, token, authority and key from its environment, its clock.
    use : Use
        What shall be done with the data.
    seconds : float
        How long an answer holds.
    client : ServiceClient, optional
        Made from the environment where absent.
    cache : Cache, optional
        Likewise.
    shared : bool
        Whether that cache may be one that workers share.

    Raises
    ------
    ConfigurationError
        The environment names a registry or a Redis at what is no address, or a key that is none.
    """

    def __init__(
        self,
        resources: Resources,
        use: Use,
        seconds: float,
        client: ServiceClient | None = None,
        cache: Cache | None = None,
        *,
        shared: bool = True,
    ) -> None:
        # one request in some minutes: a connection kept for the next one would only be one to close
        self._client = client or ServiceClient.from_environment(
            NAME, resources.environ, URL_VARIABLE, DEFAULT_URL, keep_alive=False
        )
        self._authority = resources.environ.get(AUTHORITY_VARIABLE) or DEFAULT_AUTHORITY
        self._headers = {"X-Authority-ID": self._authority}
        self._key = _public_key(resources.environ)
        self._tenant = resources.tenant
        self._use = {name: value for name, value in msgspec.structs.asdict(use).items() if value}
        self._seconds = seconds
        self._clock: Callable[[], float] = resources.clock
        if cache is None:
            name = (resources.pipeline, resources.tenant, "license")
            environ = resources.environ if shared else {}
            cache = open_cache(environ, name, warn=_log.warning, clock=self._clock)
        self._cache = cache
        # what an answer depends on beside the license, and how long it holds: a file that changed asks anew
        self._question = "\n".join((self._client.address, self._authority, *map(repr, self._use.items()), str(seconds)))
        self._refused: dict[_Id, _Refused] = {}
        self._old: dict[_Id, Finding] = {}

    @property
    def address(self) -> str:
        return self._client.address

    async def findings(self, ids: Collection[str], tenant: str = "") -> tuple[dict[str, Finding], float]:
        """What the registry says of each of `ids`, and until when (seconds of the clock) all of it holds.

        Parameters
        ----------
        tenant : str
            Whose data it is; the pipeline's tenant if empty.

        Raises
        ------
        ServiceUnreachableError
            It does not answer, or not as a registry does.
        RejectedError
            It refuses the question.
        """
        now = self._clock()
        wanted = [_Id(tenant or self._tenant, id) for id in dict.fromkeys(ids)]
        for each in wanted:
            self._raise_refusal(each, now)
        cached = await self._cache.get_many([self._name(each) for each in wanted])
        found: dict[str, Finding] = {}
        until = now + self._seconds
        for each in wanted:
            finding, seconds = self._decode(cached.get(self._name(each)))
            if finding is not None:
                found[each.id] = finding
                until = min(until, now + seconds)
        missing = [each for each in wanted if each.id not in found]
        new, end = await self._missing(missing, now) if missing else ({}, until)
        return found | new, min(until, end)

    async def _missing(self, wanted: list[_Id], now: float) -> tuple[dict[str, Finding], float]:
        """What the cache does not know: looked at again where an old answer has a name, else asked for."""
        old = {each: self._old[each] for each in wanted if self._key is None and each in self._old}
        if len(old) > _MOST_CHECKED:
            old = {}
        found: dict[str, Finding] = {}
        until = now + self._seconds
        answers = await asyncio.gather(*(self._check(each, finding) for each, finding in old.items()))
        for each, answer in zip(old, answers, strict=True):
            if answer is not None:
                found[each.id], seconds = answer
                until = min(until, now + seconds)
                await self._keep({each: found[each.id]}, now + seconds)
        asked = [each for each in wanted if each.id not in found]
        for start in range(0, len(asked), _MOST_ASKED):
            new, seconds = await self._ask(asked[start : start + _MOST_ASKED], now)
            found |= new
            until = min(until, now + seconds)
        return found, until

    async def _check(self, asked: _Id, old: Finding) -> tuple[Finding, float] | None:
        """What an old answer has become and for how long; None where the registry cannot say it so."""
        query = urlencode({**self._use, "tenant_id": asked.tenant})
        headers = {**self._headers, "If-None-Match": f'"{old.etag}"'}
        try:
            path = f"/api/v1/check/{quote(asked.id, safe='')}?{query}"
            answer = await self._client.request("GET", path, headers=headers)
        except RejectedError:
            return None
        if answer.status_code == httpx.codes.NOT_MODIFIED:
            return old, self._holds(answer)
        return self._results(answer, [asked])[asked.id], self._holds(answer)

    async def _ask(self, asked: list[_Id], now: float) -> tuple[dict[str, Finding], float]:
        question = {"licenses": [each.id for each in asked], **self._use, "tenant_id": asked[0].tenant}
        try:
            answer = await self._client.request("POST", "/api/v1/check", json=question, headers=self._headers)
        except RejectedError as error:
            # alone it is this id's fault: the next records of this license need not ask again
            if len(asked) == 1:
                self._refuse(asked[0], _Refused(error, now + self._seconds))
            raise
        found = self._results(answer, asked)
        seconds = self._holds(answer)
        await self._keep({each: found[each.id] for each in asked}, now + seconds)
        return found, seconds

    def _results(self, answer: httpx.Response, asked: list[_Id]) -> dict[str, Finding]:
        """The findings in an answer. Raises ServiceUnreachableError where it is not a registry's, or not signed."""
        try:
            body = msgspec.json.decode(answer.content)
            if self._key is not None and (fault := self._fault(body, asked, self._key)):
                raise self._client.unusable(fault)
            results = msgspec.convert(body, _Answer).results
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._client.unusable("the answer is not a license registry's") from None
        return {each.id: results.get(each.id, UNKNOWN) for each in asked}

    def _fault(self, body: Any, asked: list[_Id], key: Ed25519PublicKey) -> str:
        """Why a signed answer does not count; empty where it does."""
        if not isinstance(body, dict) or not is_signed(body, key):
            return f"the answer is not signed with the key in {KEY_VARIABLE}"
        expected = {"region": None, "purpose": None, **self._use, "tenant_id": asked[0].tenant}
        expected["authority"] = self._authority
        results = body.get("results")
        if any(body.get(name) != value for name, value in expected.items()) or not isinstance(results, dict):
            return "the signed answer is one to another question"
        if any(each.id not in results for each in asked):
            return "the signed answer is one to another question"
        try:
            given = datetime.fromisoformat(body["checked_at"]).timestamp()
        except (KeyError, TypeError, ValueError):
            return "the signed answer does not say when it was given"
        if abs(self._clock() - given) > _SIGNED_SECONDS:
            return "the signed answer is an old one, or the clocks differ"
        return ""

    def _holds(self, answer: httpx.Response) -> float:
        """Seconds."""
        said = _MAX_AGE.search(answer.headers.get("Cache-Control", ""))
        return min(self._seconds, float(said[1])) if said else self._seconds

    async def _keep(self, found: Mapping[_Id, Finding], until: float) -> None:
        for each, finding in found.items():
            self._old.pop(each, None)
            if not _ETAG.fullmatch(finding.etag):
                continue
            if len(self._old) >= _MOST_KEPT:
                del self._old[next(iter(self._old))]
            self._old[each] = finding
        values = {self._name(each): msgspec.json.encode(finding) for each, finding in found.items()}
        await self._cache.set_many(values, until - self._clock())

    def _name(self, each: _Id) -> str:
        return f"{self._question}\n{each.tenant}\n{each.id}"

    def _decode(self, cached: Cached | None) -> tuple[Finding | None, float]:
        """The finding in a value of the cache and for how long; none where nobody like this one put it there."""
        if cached is None or cached.seconds > self._seconds + _SLACK_SECONDS:
            return None, 0.0
        try:
            return msgspec.json.decode(cached.value, type=Finding), cached.seconds
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None, 0.0

    def _raise_refusal(self, each: _Id, now: float) -> None:
        refused = self._refused.get(each)
        if refused is not None and refused.until > now:
            raise refused.error.with_traceback(None)  # or it would grow with every raise

    def _refuse(self, each: _Id, refused: _Refused) -> None:
        self._refused.pop(each, None)
        if len(self._refused) >= _MOST_REFUSED:
            del self._refused[next(iter(self._refused))]
        self._refused[each] = refused


def _public_key(environ: Mapping[str, str]) -> Ed25519PublicKey | None:
    """The key that answers must be signed with; None where the environment names none."""
    text = environ.get(KEY_VARIABLE, "").strip()
    path = environ.get(f"{KEY_VARIABLE}_FILE", "").strip()
    if not text and not path:
        return None
    try:
        return read_public_key(text or Path(path).read_text())
    except OSError as error:
        raise ConfigurationError(f"{KEY_VARIABLE}_FILE cannot be read: {type(error).__name__}") from None
    except ValueError:
        raise ConfigurationError(
            f"{KEY_VARIABLE} is no Ed25519 public key", hint="PEM, or its 32 bytes in base64, as GET /api/v1/key gives"
        ) from None
