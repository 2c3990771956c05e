"""Client of a Confluent-compatible schema registry: schemas by id, kept for ever, and registration.

What an id stands for never changes, so each is asked for once in a process; callers that ask for the same id at the
same time share one request. Nothing is retried here: who waits, and for how long, is the caller's to decide.

=======================================  ============================================================
answer                                   raised
=======================================  ============================================================
401, 403, 408, 429, 5xx, none at all     `ServiceUnreachableError`, retriable, with ``Retry-After``
any other 4xx for a schema id, or for    `DecodeError`: the message that names it cannot be read
what that schema refers to
anything else below 500                  `RejectedError`
=======================================  ============================================================

Ids are positive and of 32 bits with a sign. One beyond is no schema's, and is not asked for: a registry may fail at it
as at an outage, which would be waited for without end.
"""

import asyncio
import base64
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote, unquote

import httpx

from penstock.model.errors import ConfigurationError, DecodeError, RejectedError, ServiceUnreachableError
from penstock.model.http import retry_after

VARIABLE: Final = "SCHEMA_REGISTRY_URL"
VARIABLE_USER_INFO: Final = "SCHEMA_REGISTRY_USER_INFO"
DEFAULT_URL: Final = "http://localhost:8081"
CONTENT_TYPE: Final = "application/vnd.schemaregistry.v1+json"

_WAIT: Final = frozenset((401, 403, 408, 429))
_NOT_FOUND: Final = 404
_GREATEST_ID: Final = 2**31 - 1


class Schema(NamedTuple):
    """A schema as its registry keeps it.

    Attributes
    ----------
    id : int
    kind : str
        ``AVRO``, ``JSON`` or ``PROTOBUF``.
    definition
        The parsed JSON of the schema; its text where `kind` is ``PROTOBUF``.
    references : tuple
        Definitions of the subjects that it refers to, each behind those that it needs itself.
    """

    id: int
    kind: str
    definition: Any
    references: tuple[Any, ...] = ()


class SchemaRegistry:
    """One registry.

    Parameters
    ----------
    url : str
    token : str, optional
        Sent as ``Authorization: Bearer``.
    http : httpx.AsyncClient
        The caller's, who also closes it; its timeouts hold.
    user_info : str, optional
        ``user:password``, sent as basic authorization instead of the token; as is one that stands in `url`.

    Raises
    ------
    ConfigurationError
        `url` is no http or https URL.
    """

    def __init__(
        self, url: str, token: str | None = None, *, http: httpx.AsyncClient, user_info: str | None = None
    ) -> None:
        try:
            parsed = httpx.URL(url.rstrip("/"))
        except httpx.InvalidURL:
            raise ConfigurationError(f"{VARIABLE} is not a URL", hint=f"such as {DEFAULT_URL}") from None
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise ConfigurationError(f"{VARIABLE} is not an http URL", hint=f"such as {DEFAULT_URL}")
        user_info = user_info or unquote(parsed.userinfo.decode())
        # Errors quote the address, so it must not carry the password.
        self.address = str(parsed.copy_with(userinfo=b""))
        self._http = http
        self._headers = {"Accept": f"{CONTENT_TYPE}, application/json", "Content-Type": CONTENT_TYPE}
        if user_info:
            self._headers["Authorization"] = f"Basic {base64.b64encode(user_info.encode()).decode()}"
        elif token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._schemas: dict[int, Schema] = {}
        self._asked: dict[int, asyncio.Task[Schema]] = {}

    @classmethod
    def from_environ(
        cls, environ: Mapping[str, str], *, http: httpx.AsyncClient, token: str | None = None
    ) -> "SchemaRegistry":
        """The registry that ``SCHEMA_REGISTRY_URL`` and ``SCHEMA_REGISTRY_USER_INFO`` name."""
        url = environ.get(VARIABLE) or DEFAULT_URL
        return cls(url, token, http=http, user_info=environ.get(VARIABLE_USER_INFO))

    async def schema(self, id: int) -> Schema:
        """The schema of an id.

        Raises
        ------
        DecodeError
            The registry does not know the id or refuses it, or what it has for it cannot be read.
        ServiceUnreachableError, RejectedError
        """
        if id in self._schemas:
            return self._schemas[id]
        if id > _GREATEST_ID:
            raise DecodeError(f"the message names schema id {id}, which no schema has: they end at {_GREATEST_ID}")
        task = self._asked.get(id)
        if task is None:
            task = self._asked[id] = asyncio.create_task(self._fetch(id))
            task.add_done_callback(lambda done: self._settle(id, done))
        # Shielded: one caller that gives up must not take the answer from the others.
        return await asyncio.shield(task)

    async def register(self, subject: str, schema: Any) -> int:
        """The id of an Avro schema in a subject, registered there if it was not.

        Raises
        ------
        RejectedError
            409: not compatible with what the subject holds; 422: not a schema.
        ServiceUnreachableError
        """
        answer = await self._call("POST", f"/subjects/{_part(subject)}/versions", _body(schema))
        return int(answer["id"])

    async def latest(self, subject: str) -> Schema:
        """The newest schema of a subject.

        Raises
        ------
        RejectedError
            404: there is no such subject.
        ServiceUnreachableError
        """
        answer = await self._call("GET", f"/subjects/{_part(subject)}/versions/latest")
        return await self._read(int(answer["id"]), answer)

    async def look_up(self, subject: str, schema: Any) -> int | None:
        """The version of a subject that an Avro schema is; None where it is none, or there is no such subject.

        Raises
        ------
        ServiceUnreachableError, RejectedError
        """
        try:
            answer = await self._call("POST", f"/subjects/{_part(subject)}", _body(schema))
        except RejectedError as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        return int(answer["version"])

    async def versions(self, subject: str) -> list[int]:
        """The numbers of a subject's versions, oldest first; none where there is no such subject.

        Raises
        ------
        ServiceUnreachableError, RejectedError
        """
        try:
            return sorted(map(int, await self._ask("GET", f"/subjects/{_part(subject)}/versions", kind=list)))
        except RejectedError as error:
            if error.status == _NOT_FOUND:
                return []
            raise

    async def version(self, subject: str, number: int) -> Schema:
        """A version of a subject.

        Raises
        ------
        RejectedError
            404: there is no such version.
        ServiceUnreachableError
        """
        answer = await self._call("GET", f"/subjects/{_part(subject)}/versions/{number}")
        return await self._read(int(answer["id"]), answer)

    async def subjects(self) -> list[str]:
        """All subjects, sorted.

        Raises
        ------
        ServiceUnreachableError, RejectedError
        """
        return sorted(map(str, await self._ask("GET", "/subjects", kind=list)))

    async def set_level(self, subject: str, level: str) -> None:
        """Set a subject's level of compatibility: NONE, BACKWARD, FORWARD, FULL, or one with ``_TRANSITIVE``.

        Raises
        ------
        ServiceUnreachableError, RejectedError
        """
        await self._call("PUT", f"/config/{_part(subject)}", {"compatibility": level})

    async def check(self, subject: str, schema: Any) -> bool:
        """Whether `register` would take an Avro schema as far as the latest version goes; a new subject takes any.

        Raises
        ------
        RejectedError
            422: not a schema.
        ServiceUnreachableError
        """
        try:
            answer = await self._call(
                "POST", f"/compatibility/subjects/{_part(subject)}/versions/latest", _body(schema)
            )
        except RejectedError as error:
            if error.status == 404:
                return True
            raise
        return bool(answer["is_compatible"])

    async def _fetch(self, id: int) -> Schema:
        try:
            return await self._read(id, await self._call("GET", f"/schemas/ids/{id}"))
        except RejectedError as error:
            if error.status < 400:  # a redirect: its address is wrong, the message is not
                raise
            why = "does not know" if error.status == 404 else f"refuses with status {error.status}"
        raise DecodeError(f"the message names schema id {id}, which the schema registry {why}")

    def _settle(self, id: int, task: "asyncio.Task[Schema]") -> None:
        del self._asked[id]
        if not task.cancelled() and task.exception() is None:
            self._schemas[id] = task.result()

    async def _read(self, id: int, answer: dict[str, Any]) -> Schema:
        kind = answer.get("schemaType") or "AVRO"
        references: dict[tuple[str, int], Any] = {}
        try:
            await self._follow(answer, references)
            definition = answer["schema"] if kind == "PROTOBUF" else json.loads(answer["schema"])
        except (KeyError, TypeError, ValueError):
            raise DecodeError(f"what the schema registry has for schema id {id} is not JSON") from None
        return Schema(id, kind, definition, tuple(references.values()))

    async def _follow(self, answer: dict[str, Any], found: dict[tuple[str, int], Any]) -> None:
        """Collect what a schema refers to, depth first: a definition stands behind those that it needs."""
        for reference in answer.get("references") or ():
            subject, version = reference["subject"], int(reference["version"])
            if (subject, version) not in found:
                inner = await self._call("GET", f"/subjects/{_part(subject)}/versions/{version}")
                await self._follow(inner, found)
                found[subject, version] = json.loads(inner["schema"])

    async def _call(self, method: str, path: str, body: dict[str, str] | None = None) -> dict[str, Any]:
        answer: dict[str, Any] = await self._ask(method, path, body)
        return answer

    async def _ask(self, method: str, path: str, body: dict[str, str] | None = None, *, kind: type = dict) -> Any:
        try:
            answer = await self._http.request(method, self.address + path, json=body, headers=self._headers)
        except httpx.RequestError as error:
            raise self._unreachable(type(error).__name__) from None
        if answer.status_code in _WAIT or answer.status_code >= 500:
            raise self._unreachable(f"status {answer.status_code}", retry_after(answer.headers.get("Retry-After", "")))
        try:
            content = answer.json()
        except ValueError:
            content = None
        if not answer.is_success:
            code = content.get("error_code") if isinstance(content, dict) else None
            raise RejectedError("the schema registry", answer.status_code, f"error code {code}" if code else "")
        if not isinstance(content, kind):
            raise self._unreachable(f"the answer is not a JSON {'list' if kind is list else 'object'}")
        return content

    def _unreachable(self, cause: str, retry_after: float | None = None) -> ServiceUnreachableError:
        return ServiceUnreachableError(
            "the schema registry", self.address, variable=VARIABLE, cause=cause, retry_after=retry_after
        )


def _part(subject: str) -> str:
    return quote(subject, safe="")


def _body(schema: Any) -> dict[str, str]:
    return {"schema": json.dumps(schema), "schemaType": "AVRO"}
