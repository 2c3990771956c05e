"""tag: what a record looks like, what it tells of, and whose it is.

Notes ``schema`` (a fingerprint of its fields and their types, the entity that they look most like, the types that
their names suggest) and ``tenant``. All of ``schema`` follows from names and JSON types alone, so that records of one
shape have one note, whoever comes first; see `penstock.agents.tag._shape` for what a shape is.

>>> note = run("tag", {"user": {"name": "Ada", "email": "ada@example.com"}, "amount": 12})["schema"]
>>> note["fingerprint"], note["version"], note["entity"]
('2b64fe857fee9b4a54f2424167e6fc15', 1, 'Person')
>>> note["fields"]
{'amount': 'number', 'user.email': 'email', 'user.name': 'string'}
"""

from collections.abc import Callable
from typing import Final

import orjson
from pydantic import Field, field_validator

from penstock.agents.tag._infer import infer, leaf_kinds
from penstock.agents.tag._path import getter
from penstock.agents.tag._shape import ByShape, Shape
from penstock.model.component import Apply, Resources, StageConfig
from penstock.model.entities import Catalogue, built_in
from penstock.model.record import HEADER_TENANT, Data, Record
from penstock.model.verdict import Keep, Verdict

_MOST_TENANTS: Final = 1024  # whose JSON is remembered


class Config(StageConfig):
    """Options of `tag`."""

    tenant_field: str | None = Field(None, description="Dotted path of the field that names a record's tenant.")
    entity: str | None = Field(
        None, description="The entity that all records are; guessed from their fields where absent."
    )
    include_fields: bool = Field(True, description="Note the type of each field, beside the fingerprint.")
    most_fields: int = Field(200, ge=0, description="Records with more fields are noted without their fields.")
    versions: dict[str, int] = Field({}, description="Version of the schema by fingerprint; 1 where absent.")
    catalogue: str | None = Field(None, description="A YAML file that is merged over the catalogue of entities.")
    max_shapes: int = Field(2048, ge=1, description="Shapes that are remembered; others are computed anew.")

    @field_validator("versions")
    @classmethod
    def _positive(cls, versions: dict[str, int]) -> dict[str, int]:
        if any(version < 1 for version in versions.values()):
            raise ValueError("a version is 1 or greater")
        return versions


def build(config: Config, resources: Resources) -> Apply:
    """Raises ConfigurationError: the catalogue's file, or an entity that is not in it."""
    catalogue = Catalogue.load(config.catalogue) if config.catalogue else built_in()
    if config.entity is not None:
        catalogue.require(config.entity)

    def schema(shape: Shape) -> bytes:
        note = {
            "fingerprint": shape.fingerprint,
            "version": config.versions.get(shape.fingerprint, 1),
            "entity": config.entity or catalogue.guess(leaf_kinds(shape)),
        }
        if config.include_fields and len(shape.leaves) <= config.most_fields:
            note["fields"] = infer(shape, catalogue)
        return orjson.dumps(note)

    schemas = ByShape(schema, config.max_shapes)
    tenant = _tenant(config.tenant_field, resources.tenant)

    def tag(record: Record) -> Verdict:
        return Keep(notes={"schema": schemas(record), "tenant": tenant(record)})

    return tag


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
