"""The versions of shapes, as a schema registry counts them: one subject for a tenant and a source.

The registry is the referee. A shape's schema follows from the shape alone (`_evolution`), the registry gives the same
schema of a subject the same version, and what a version broke is told by comparing it with those before it. So a
replay, and every other worker, finds the same version and the same drift.

1. Look the schema up in the subject: it is there, or
2. the subject is new: its level of compatibility is set to NONE, as what is compatible is judged here and by policy;
   a level that somebody set is left alone, and may refuse the schema, which then has no version;
3. register it, and look it up.
4. Compare with up to `MOST_COMPARED` versions before it.
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, NamedTuple

import httpx

from penstock.agents.tag._evolution import Drift, Kinds, avro_schema, compare, kinds
from penstock.agents.tag._infer import text
from penstock.agents.tag._shape import Shape
from penstock.agents.tag.inference import masking
from penstock.codecs.schema_registry import SchemaRegistry
from penstock.model.component import Resources
from penstock.model.errors import RejectedError
from penstock.model.http import TOKEN_VARIABLE

MOST_COMPARED: Final = 8
_TIMEOUT: Final = 10.0
_REFUSED: Final = frozenset((409, 422))


class Version(NamedTuple):
    """What the registry knows of a shape.

    Attributes
    ----------
    number : int or None
        None where the registry refuses the schema.
    before : int or None
        The version that it is compared with; None for the first.
    drift : Drift
    """

    number: int | None
    before: int | None
    drift: Drift


class Versions:
    """Asks the registry that ``SCHEMA_REGISTRY_URL`` names.

    Raises
    ------
    ConfigurationError
        That is no address.
    """

    def __init__(self, resources: Resources) -> None:
        # a question a shape: a connection kept for the next one would only be one to close
        http = httpx.AsyncClient(timeout=_TIMEOUT, limits=httpx.Limits(max_keepalive_connections=0))
        self._registry = SchemaRegistry.from_environ(
            resources.environ, http=http, token=resources.environ.get(TOKEN_VARIABLE)
        )
        self._asking: dict[tuple[str, str], asyncio.Future[Version]] = {}
        self._kinds: dict[tuple[str, int], Kinds] = {}

    async def find(self, subject: str, shape: Shape) -> Version:
        """The version of a shape in a subject, registered if it was not; those who ask together share one answer.

        Raises
        ------
        ServiceUnreachableError
            The registry does not answer.
        RejectedError
            It is no schema registry.
        """
        key = (subject, shape.fingerprint)
        asked = self._asking.get(key)
        if asked is None:
            asked = self._asking[key] = asyncio.ensure_future(self._find(subject, shape))
            asked.add_done_callback(lambda done: self._settle(key, done))
        return await asyncio.shield(asked)

    def _settle(self, key: tuple[str, str], done: "asyncio.Future[Version]") -> None:
        del self._asking[key]
        if not done.cancelled():
            done.exception()  # whoever asked has it

    async def _find(self, subject: str, shape: Shape) -> Version:
        schema = avro_schema(shape, _masked)
        number = await self._registry.look_up(subject, schema)
        if number is None:
            if not await self._registry.versions(subject):
                await self._registry.set_level(subject, "NONE")
            number = await self._register(subject, schema)
        earlier = [one for one in await self._registry.versions(subject) if number is None or one < number]
        earlier = earlier[-MOST_COMPARED:][::-1]
        if not earlier:
            return Version(number, None, Drift())
        before = [await self._known(subject, one) for one in earlier]
        return Version(number, earlier[0], compare(kinds(schema), before))

    async def _register(self, subject: str, schema: Any) -> int | None:
        try:
            await self._registry.register(subject, schema)
        except RejectedError as error:
            if error.status in _REFUSED:
                return None
            raise
        return await self._registry.look_up(subject, schema)

    async def _known(self, subject: str, number: int) -> Kinds:
        key = (subject, number)
        if key not in self._kinds:
            found = await self._registry.version(subject, number)
            self._kinds[key] = kinds(found.definition) if found.kind == "AVRO" else {}
        return self._kinds[key]


async def history(registry: SchemaRegistry, subject: str) -> list[dict[str, Any]]:
    """The versions of a subject, oldest first: ``version``, ``id``, ``added``, ``removed``, ``changed``, ``breaks``.

    Raises
    ------
    ServiceUnreachableError, RejectedError
    """
    found: list[dict[str, Any]] = []
    before: list[Kinds] = []
    for number in await registry.versions(subject):
        schema = await registry.version(subject, number)
        now = kinds(schema.definition) if schema.kind == "AVRO" else {}
        drift = compare(now, before[::-1][:MOST_COMPARED]) if before else Drift()
        added = [text(path) for path in drift.added]
        found.append({"version": number, "id": schema.id, "added": added, **drift.body(), "breaks": drift.breaks})
        before.append(now)
    return found


def subject(tenant: str, source: str) -> str:
    """The subject of a tenant's records from a source; what is personal in either is masked.

    >>> subject("acme", "in/people.csv"), subject("a:b", "c")
    ('acme:in/people.csv', 'a%3Ab:c')
    """
    return f"{part(tenant)}:{part(source)}"


def part(name: str) -> str:
    """A tenant or a source, as it stands in a subject."""
    return str(masking.mask(("subject",), name)[0]).replace("%", "%25").replace(":", "%3A")


_masked: Final[Callable[[str], str]] = lru_cache(maxsize=4096)(masking.mask_name)
