"""http_api: what an HTTP API says of a record: templated requests, cached, rate limited, and never in the way.

>>> run("http_api", {"who": "nobody has an id"}, url="https://api.example.com/users/{{user.id}}") is None
True

``url: https://api.example.com/ip/{{ip}}`` asks about the field ``ip`` of each record; a record that lacks a field that
the request names is not asked about. ``{{field.path}}`` stands in the path, the values of `query`, `headers` and
`body`, and is escaped for its place; in `body` a text that is one placeholder alone becomes the field's value as it is.
Scheme, host and port are the file's: no record can choose whom to ask, and redirections are not followed.
``${API_KEY}`` is a variable of the environment; neither its value nor a record's stands in any message.

What is added is ``{"http_api": {<label>: {…}}}``: by `result` a path in the answer for each name, null where it is not
there; without `result` the whole answer. With `batch_size` above 1 several records share a request: `body` is then what
one record asks, and ``{{items}}`` in `batch_body` the list of them.

An answer is kept for `cache_seconds`, in the Redis of ``REDIS_URL`` where there is one, under a hash of the request;
`absent_statuses` say that nothing is known, which is kept for `negative_seconds`. Requests that are the same are sent
once a frame, and results of more than 16 KiB are not kept. `rate` is that of one worker, `concurrency` of a partition;
`budget_per_day` is that of all workers where they share a Redis, else of each, and its day is one of UTC. A request
that is tried again counts once.

Reasons in ``enrichments.errors``: ``timeout``, ``unreachable`` (the circuit breaker's pause included),
``http_<status>``, ``oversized``, ``invalid_json``, ``mismatch`` (a batch answered otherwise than asked), ``unsendable``
(a value that cannot stand in its place), ``rate_limited``, ``budget``.
"""

import logging
from collections.abc import Sequence
from hashlib import blake2b, sha256
from typing import Any, Final, Literal, Self
from urllib.parse import quote, urlsplit

import orjson
from pydantic import Field, model_validator

from penstock.agents.enrich._lookups.asking import Asker, Asking, Request, refused
from penstock.agents.enrich._lookups.template import (
    MISSING,
    Body,
    Text,
    expand,
    field_value,
    in_header,
    in_path,
    in_query,
    written,
)
from penstock.model.component import Annotations, EnrichBatch, Resources, StageConfig
from penstock.model.errors import ConfigurationError, EnrichmentError, UnreachableError
from penstock.model.http import ServiceClient
from penstock.model.record import Data, Record
from penstock.stores.cache import open_cache

ALONE = True
ADDS_TEXT = True
GROUP: Final = "http_api"
KEY_VARIABLE: Final = "PENSTOCK_HASH_KEY"

_log = logging.getLogger(__name__)


class Config(StageConfig, Asking):
    """Options of http_api."""

    url: str = Field(
        description="Address, with placeholders in its path only, such as `https://api.example.com/users/{{user.id}}`."
    )
    label: str = Field("answer", min_length=1, description="What the answer is called in the record.")
    query: dict[str, str] = Field({}, description="Parameters behind the path: name, and template of the value.")
    headers: dict[str, str] = Field({}, description="Headers: name, and template, as in `Bearer ${API_KEY}`.")
    body: Any = Field(
        None, description="What is sent as JSON; texts in it are templates. With `batch_size`, by record."
    )
    result: dict[str, str] = Field({}, description="Name in the record -> dotted path in the answer; empty takes all.")
    batch_results: str = Field("", description="Path in a batch's answer of the list, or object by key, of results.")
    batch_key: str | None = Field(
        None, description="Template of a record's key among the results; without it they are in the order asked."
    )
    batch_match: str | None = Field(None, description="Path in each result of a list, of what `batch_key` is there.")
    timeout: float = Field(5, gt=0, description="Seconds for one attempt.")
    retries: int = Field(1, ge=0, le=10, description="Attempts beside the first.")
    largest_bytes: int = Field(1_048_576, ge=1, description="Of an answer; a longer one is not read.")
    on_unreachable: Literal["fail", "wait"] = Field(
        "fail", description="fail: the record goes on without; wait: nothing goes on until the API answers."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.batch_size > 1:
            if self.body is None or self.method == "GET":
                raise ValueError("batch_size needs a method that sends a body, and the body of a record")
            if "{{" in self.url + "".join(self.query.values()) + "".join(self.headers.values()):
                raise ValueError("with batch_size, only body and batch_key may name fields")
        if self.batch_match is not None and self.batch_key is None:
            raise ValueError("batch_match needs batch_key")
        return self


def build(config: Config, resources: Resources) -> EnrichBatch:
    """Compile the stage.

    Raises
    ------
    ConfigurationError
        The address is none, or names a field outside its path; a variable is not set; a template has loose braces.
    """
    origin, path = _address(config.url, resources)
    prepare = _Prepare(config, origin, path, resources)
    asker = Asker(
        ServiceClient(
            f"the API of http_api {config.label}",
            origin,
            variable="the option url of http_api",
            timeout=config.timeout,
            retries=config.retries,
            largest=config.largest_bytes,
        ),
        open_cache(resources.environ, (resources.pipeline, resources.tenant, GROUP), warn=_log.warning),
        Asking.model_validate(config.model_dump(include=set(Asking.model_fields))),
        _Results(config),
        resources.clock,
    )

    async def enrich(records: Sequence[Record]) -> Sequence[Annotations | Exception | None]:
        requests = [prepare(record) for record in records]
        answers = await asker.ask([request for request in requests if isinstance(request, Request)])
        found = [answers[request.key] if isinstance(request, Request) else request for request in requests]
        if config.on_unreachable == "wait":
            for answer in found:
                if isinstance(answer, UnreachableError):
                    raise answer
        return [_added(config.label, answer) for answer in found]

    return enrich


def _added(label: str, answer: dict[str, Any] | Exception | None) -> Annotations | Exception | None:
    match answer:
        case None:
            return None
        case UnreachableError():
            return refused(answer)
        case Exception():
            return answer
    return {GROUP: {label: answer}}


_DECIDES: Final = {"method", "batch_body", "batch_results", "batch_match", "result"}
"""Options that an answer depends on, beside what is asked."""


class _Prepare:
    """What is asked about a record."""

    def __init__(self, config: Config, origin: str, path: str, resources: Resources) -> None:
        environ = resources.environ
        self._path = Text(path, environ)
        self._query = {name: Text(value, environ) for name, value in config.query.items()}
        self._headers = {name: Text(value, environ) for name, value in config.headers.items()}
        self._body = None if config.body is None else Body(config.body, environ)
        self._match = None if config.batch_key is None else Text(config.batch_key, environ)
        # what the answer depends on beside the request, and a secret where there is one: who reads the cache must not
        # be able to try values out
        settings = config.model_dump_json(
            include={"url", "method", "batch_body", "batch_results", "batch_match", "result"}
        )
        self._salt = settings.encode()
        self._secret = sha256(environ.get(KEY_VARIABLE, "").encode()).digest()

    def __call__(self, record: Record) -> Request | Exception | None:
        """The request; None where the record lacks what it names, an error where it cannot be put in."""
        try:
            return self._request(record.data)
        except EnrichmentError as error:
            return error

    def _request(self, data: Data) -> Request | None:
        path = self._path.fill(data, in_path)
        query = {name: text.fill(data, in_query) for name, text in self._query.items()}
        headers = {name: text.fill(data, in_header) for name, text in self._headers.items()}
        match = "" if self._match is None else self._match.fill(data, str)
        body = None if self._body is None else self._body.fill(data)
        if path is None or match is None or body is MISSING or None in query.values() or None in headers.values():
            return None
        if query:
            path += "?" + "&".join(f"{quote(name, safe='')}={value}" for name, value in query.items())
        sent = {name: value for name, value in headers.items() if value is not None}
        told = orjson.dumps([path, sent, body, match])
        key = blake2b(told + self._salt, key=self._secret, digest_size=20).hexdigest()
        return Request(key, path, sent, body, match)


class _Results:
    """What of an answer goes into a record."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def one(self, answer: Any) -> dict[str, Any]:
        """By the option `result`."""
        if self._config.result:
            return {name: field_value(answer, path) for name, path in self._config.result.items()}
        return answer if isinstance(answer, dict) else {"value": answer}

    def many(self, answer: Any, requests: Sequence[Request]) -> list[dict[str, Any] | None]:
        """The result for each request of a batch, None where nothing is known. Raises EnrichmentError."""
        config = self._config
        results = field_value(answer, config.batch_results) if config.batch_results else answer
        if isinstance(results, list) and config.batch_match is not None:
            results = {written(field_value(result, config.batch_match)): result for result in results}
        if isinstance(results, dict) and config.batch_key is not None:
            found = [results.get(request.match) for request in requests]
        elif isinstance(results, list) and len(results) == len(requests):
            found = results
        else:
            raise EnrichmentError("mismatch", "the answer to a batch has not one result for each record asked about")
        return [None if result is None else self.one(result) for result in found]


def _address(url: str, resources: Resources) -> tuple[str, str]:
    """Origin and template of the path. Raises ConfigurationError."""
    scheme, separator, rest = url.partition("://")
    if not separator:  # the whole origin may be a variable's
        head, slash, path = url.partition("/")
        origin = expand(head, resources.environ).rstrip("/")
    else:
        host, slash, path = rest.partition("/")
        origin = expand(f"{scheme}://{host}", resources.environ)
    if "{{" in origin or "?" in path or "#" in path:
        raise ConfigurationError(
            "the url of http_api may name fields in its path only, and parameters stand in query",
            hint="https://api.example.com/users/{{user.id}}",
        )
    base = urlsplit(origin)
    return f"{base.scheme}://{base.netloc}", f"{base.path.rstrip('/')}{slash}{path}"
