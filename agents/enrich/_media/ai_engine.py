"""Asking the AI engine about what records hold or refer to: for `ocr` and `stt`.

A content is asked about once: contents that are equal, in one batch or later, share the answer, which this process
keeps for a while (and shares with nobody: it may hold anything). At most ``concurrency`` contents of a batch are
fetched and asked about at a time; records stay in order.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from typing import Any, Final, Literal, TypeAlias

import orjson
from pydantic import Field

from penstock.agents.fields import Finder
from penstock.model.component import Annotations, EnrichBatch, Resources, StageConfig
from penstock.model.content import Content
from penstock.model.errors import EnrichmentError, RejectedError, ServiceUnreachableError
from penstock.model.fetch import Fetcher, FetchOptions, content_of
from penstock.model.http import TOKEN_VARIABLE, Breaker, ServiceClient
from penstock.model.record import Record
from penstock.stores.cache import LocalCache

VARIABLE: Final = "AI_ENGINE_URL"
DEFAULT_URL: Final = "http://localhost:8000"

REASONS: Final = {413: "too_large", 415: "unsupported_type", 422: "unreadable"}
"""Why the engine refused a content: status -> reason."""

LOW: Final = "low_confidence"
"""What marks a body that is less sure than the threshold: stages behind do not read its text."""

_MOST_KEPT: Final = 1000

Body: TypeAlias = dict[str, Any]


class EngineConfig(FetchOptions, StageConfig):
    """Options of every stage that asks the AI engine."""

    ai_engine_url: str | None = Field(
        None, description=f"Address of the AI engine; else {VARIABLE}, else {DEFAULT_URL}."
    )
    confidence_threshold: float = Field(
        0.7, ge=0, le=1, description="What is less sure is marked, and read no further."
    )
    concurrency: int = Field(4, ge=1, le=64, description="Contents of a partition that are asked about at a time.")
    engine_timeout_seconds: float = Field(100.0, gt=0, description="How long one answer may take.")
    retries: int = Field(3, ge=0, description="Attempts beside the first where the engine does not answer.")
    on_unreachable: Literal["fail", "wait"] = Field(
        "fail",
        description="Where the engine does not answer after that: the enrichment fails and the record goes on, or its"
        " partition waits.",
    )
    cache_seconds: float = Field(3600.0, ge=0, description="How long a worker keeps an answer.")


class Engine:
    """The AI engine, about contents of one kind.

    Parameters
    ----------
    path : str
        What is asked, such as ``/ocr/extract``.
    question : dict
        What goes with each content.
    """

    def __init__(self, config: EngineConfig, resources: Resources, path: str, question: Body) -> None:
        environ = resources.environ
        self._client = ServiceClient(
            "the AI engine",
            config.ai_engine_url or environ.get(VARIABLE) or DEFAULT_URL,
            token=environ.get(TOKEN_VARIABLE) or None,
            variable=VARIABLE,
            timeout=config.engine_timeout_seconds,
            retries=config.retries,
            breaker=Breaker(limit=5),
            # seconds of work a request: a connection of its own costs nothing beside it, and leaves nothing to close
            keep_alive=False,
        )
        self._path = path
        self._question = question
        self._seconds = config.cache_seconds
        self._answers = LocalCache(resources.clock, _MOST_KEPT)
        self._asking: dict[str, asyncio.Future[Body]] = {}

    async def ask(self, content: Content) -> Body:
        """What the engine says of a content. Raises EnrichmentError, ServiceUnreachableError."""
        key = sha256(content.mime_type.encode() + b"\n" + content.data).hexdigest()
        known = (await self._answers.get_many([key])).get(key)
        if known is not None:
            answer: Body = orjson.loads(known.value)
            return answer
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = asyncio.ensure_future(self._request(content))
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
            answer = await asking
            await self._answers.set_many({key: orjson.dumps(answer)}, self._seconds)
            return answer
        return await asyncio.shield(asking)

    async def _request(self, content: Content) -> Body:
        encoded = base64.b64encode(content.data).decode()
        body = {"content_base64": encoded, "mime_type": content.mime_type, **self._question}
        try:
            answer = await self._client.request("POST", self._path, json=body)
        except RejectedError as error:
            reason = REASONS.get(error.status, error.code)
            raise EnrichmentError(reason, f"the AI engine refused a content with {error.status}") from None
        try:
            found: Body = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            raise EnrichmentError("bad_answer", "the AI engine answered what is no JSON") from None
        return found


def marked(body: Body, threshold: float) -> Body:
    """The body of an annotation, marked where it is less sure than the threshold."""
    return {**body, LOW: True} if body["confidence"] < threshold else body


def asking(
    name: str,
    config: EngineConfig,
    fields: Sequence[str],
    ask: Callable[[Content], Awaitable[Body]],
    note: Callable[[str, Body], tuple[str, Body] | None],
) -> EnrichBatch:
    """An enricher that asks about the content of each of the fields.

    Parameters
    ----------
    name : str
        Of the stage, and of the group of enrichments.
    ask : callable
        `Engine.ask`.
    note : callable
        Label of a field and answer in; name and body of the annotation out, or None.
    """
    find = Finder(tuple(fields))
    fetcher = Fetcher(FetchOptions(**{key: getattr(config, key) for key in FetchOptions.model_fields}))

    async def one(label: str, value: str, places: asyncio.Semaphore) -> tuple[str, Body] | Exception | None:
        try:
            async with places:
                content = content_of(value, config.max_bytes) or await fetcher.fetch(value)
                answer = await ask(content)
            return note(label, answer)
        except (KeyError, TypeError, AttributeError):
            return EnrichmentError("bad_answer", "the AI engine answered in a shape that it should not have")
        except (EnrichmentError, ServiceUnreachableError) as error:
            return error

    async def enrich(records: Sequence[Record]) -> Sequence[Annotations | Exception | None]:
        places = asyncio.Semaphore(config.concurrency)
        wanted = [
            (index, label, value)
            for index, record in enumerate(records)
            for label, value in find.labelled(record)
            if isinstance(value, str) and value.strip()
        ]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(label, value, places)) for _, label, value in wanted]
        found: list[list[Any]] = [[] for _ in records]
        for (index, _, _), task in zip(wanted, tasks, strict=True):
            answer = task.result()
            if isinstance(answer, ServiceUnreachableError) and config.on_unreachable == "wait":
                raise answer
            found[index].append(answer)
        return [_together(name, each) for each in found]

    return enrich


def _together(name: str, found: Sequence[tuple[str, Body] | Exception | None]) -> Annotations | Exception | None:
    """What to note of a record: what was found in its fields, and why some of them gave nothing."""
    notes = dict(each for each in found if isinstance(each, tuple))
    errors = [each for each in found if isinstance(each, Exception)]
    if not notes:
        return errors[0] if errors else None
    if not errors:
        return {name: notes}
    first = errors[0]
    return {name: notes, "errors": {name: first.reason if isinstance(first, EnrichmentError) else "unreachable"}}
