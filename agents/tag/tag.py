"""tag: what a record looks like, what it tells of, and whose it is.

Notes ``schema`` (a fingerprint of its fields and their types, the entity that they look most like, the types that
their names suggest) and ``tenant``. All of ``schema`` follows from names and JSON types alone, so that records of one
shape have one note, whoever comes first; see `penstock.agents.tag._shape` for what a shape is.

>>> note = run("tag", {"user": {"name": "Ada", "email": "ada@example.com"}, "amount": 12})["schema"]
>>> note["fingerprint"], note["version"], note["entity"]
('2b64fe857fee9b4a54f2424167e6fc15', 1, 'Person')
>>> note["fields"]
{'amount': 'number', 'user.email': 'email', 'user.name': 'string'}

With ``registry: true`` each new shape is registered in the schema registry that ``SCHEMA_REGISTRY_URL`` names, under
the subject ``<tenant>:<source>`` (the header `penstock-source-id`, else the pipeline's name), and ``version`` is the
registry's. A version drifts where it breaks who read those before it: a field is gone that all of them have, or
has a type that none of them gives it. A field that is null is not gone, and new fields break nobody. The note then
has ``drift``, the worker reports the event `schema_drift`, and `drift` says what becomes of such records:

================  ============================================================================
``schema_drift``  ``quarantine`` sets them aside; with ``fail`` they are dead letters
================  ============================================================================

Where the registry refuses a schema, ``version`` is null, which counts as drift; where it does not answer, records wait.
Without a registry the version is 1, or what `versions` says. Leave it off for records whose names of fields are values
(a map by id): each makes a shape of its own.
"""

from collections.abc import Callable, Sequence
from typing import Final, Literal, Self

import orjson
from pydantic import Field, field_validator, model_validator

from penstock.agents.tag._infer import infer, leaf_kinds
from penstock.agents.tag._path import getter
from penstock.agents.tag._registered import Registered
from penstock.agents.tag._shape import ByShape, Shape
from penstock.agents.tag._versions import Versions
from penstock.model.component import Apply, ApplyBatch, Resources, StageConfig
from penstock.model.entities import Catalogue, built_in
from penstock.model.record import HEADER_TENANT, Data, Record
from penstock.model.verdict import Keep, Verdict

_MOST_TENANTS: Final = 1024  # whose JSON is remembered
_MOST_KEPT: Final = 64  # verdicts for each shape, one for each tenant


class Config(StageConfig):
    """Options of `tag`."""

    tenant_field: str | None = Field(None, description="Dotted path of the field that names a record's tenant.")
    entity: str | None = Field(
        None, description="The entity that all records are; guessed from their fields where absent."
    )
    include_fields: bool = Field(True, description="Note the type of each field, beside the fingerprint.")
    most_fields: int = Field(200, ge=0, description="Records with more fields are noted without their fields.")
    versions: dict[str, int] = Field(
        {},
        description="Version of the schema by fingerprint; 1 where absent. Such are not registered, nor do they drift.",
    )
    registry: bool = Field(False, description="Register new shapes, and take their versions from the schema registry.")
    drift: Literal["allow", "quarantine", "fail"] = Field(
        "allow", description="What becomes of records whose schema breaks those before it; needs `registry`."
    )
    catalogue: str | None = Field(None, description="A YAML file that is merged over the catalogue of entities.")
    max_shapes: int = Field(2048, ge=1, description="Shapes that are remembered; others are computed anew.")

    @field_validator("versions")
    @classmethod
    def _positive(cls, versions: dict[str, int]) -> dict[str, int]:
        if any(version < 1 for version in versions.values()):
            raise ValueError("a version is 1 or greater")
        return versions

    @model_validator(mode="after")
    def _drift_is_seen(self) -> Self:
        if self.drift != "allow" and not self.registry:
            raise ValueError(f"drift: {self.drift} needs registry: true, which tells what drifts")
        return self


def build(config: Config, resources: Resources) -> Apply | ApplyBatch:
    """Raises ConfigurationError: the catalogue's file, an entity that is not in it, or the registry's address."""
    catalogue = Catalogue.load(config.catalogue) if config.catalogue else built_in()
    if config.entity is not None:
        catalogue.require(config.entity)

    def schema(shape: Shape) -> dict[str, object]:
        note = {
            "fingerprint": shape.fingerprint,
            "version": config.versions.get(shape.fingerprint, 1),
            "entity": config.entity or catalogue.guess(leaf_kinds(shape)),
        }
        if config.include_fields and len(shape.leaves) <= config.most_fields:
            note["fields"] = infer(shape, catalogue)
        return note

    tenant = _tenant(config.tenant_field, resources.tenant)
    if not config.registry:
        return _by_itself(schema, tenant, config.max_shapes)
    registered = Registered(
        schema,
        tenant,
        Versions(resources),
        resources,
        pinned=frozenset(config.versions),
        policy=config.drift,
        most=config.max_shapes,
    )

    async def tag(records: Sequence[Record]) -> Sequence[Verdict]:
        return await registered(records)

    return tag


def _by_itself(schema: Callable[[Shape], object], tenant: Callable[[Record], bytes], most: int) -> Apply:
    """Everything follows from the shape."""
    shapes = ByShape(lambda shape: _Kept(orjson.dumps(schema(shape))), most)
    return lambda record: shapes(record).verdict(tenant(record))


class _Kept:
    """The verdict on records of one shape, for each tenant."""

    __slots__ = ("_note", "_verdicts")

    def __init__(self, note: bytes) -> None:
        self._note = note
        self._verdicts: dict[bytes, Keep] = {}

    def verdict(self, tenant: bytes) -> Keep:
        found = self._verdicts.get(tenant)
        if found is None:
            found = Keep(notes={"schema": self._note, "tenant": tenant})
            if len(self._verdicts) < _MOST_KEPT:
                self._verdicts[tenant] = found
        return found


def _tenant(field: str | None, default: str) -> Callable[[Record], bytes]:
    """Finds a record's tenant: the field, else the header that its source wrote, else the pipeline's; as JSON."""
    written: dict[str, bytes] = {default: orjson.dumps(default)}
    usual = written[default]
    named: Callable[[Data], object] = getter(field) if field else lambda data: None

    def tenant(record: Record) -> bytes:
        found = named(record.data) if field else None
        if type(found) is int:
            found = str(found)
        if not isinstance(found, str) or not found:
            found = record.header(HEADER_TENANT) if record.headers else None
        if not found:
            return usual
        encoded = written.get(found)
        if encoded is None:
            encoded = orjson.dumps(found)
            if len(written) < _MOST_TENANTS:
                written[found] = encoded
        return encoded

    return tenant
