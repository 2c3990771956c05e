"""What sample rows are made of: fields, primary key, and the entity and properties they stand for.

The answer has the shape of the ETL Assistant document's ``POST /etl/preview-schema``; `Preview.schema` gives the Schema
of the AI-ETL document. Both doors, the interactive ones and the agent ``tag``, read the same catalogue.

>>> found = preview([{"id": 1, "e_mail": "ann@example.com"}, {"id": 2, "e_mail": None}])
>>> [(field["name"], field["inferred_type"], field["nullable"]) for field in found.answer()["fields"]]
[('id', 'integer', False), ('e_mail', 'email', True)]
>>> found.answer()["fields"][1]["sample_values"], found.primary_key, found.primary_entity
(['a***@e***.com'], ['id'], 'Person')
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from penstock.agents.tag._shape import ITEM
from penstock.agents.tag.inference import masking
from penstock.agents.tag.inference.columns import Column, columns
from penstock.agents.tag.inference.fields import Field, decide, path_name
from penstock.agents.tag.inference.keys import primary_key
from penstock.agents.tag.inference.mappings import Suggestion, read_name, suggest
from penstock.model.entities import Catalogue, built_in
from penstock.model.record import Data

SAMPLES: Final = 3
_KEPT: Final = 5  # values that are looked at for something personal
_LONGEST_SAMPLE: Final = 80
_LIKELY: Final = 0.7


@dataclass(frozen=True, slots=True)
class Preview:
    """What was found.

    Attributes
    ----------
    fields : list of Field
        Outer ones first.
    samples : list of list
        For each field up to `SAMPLES` values, with what is personal masked.
    mappings : list of Suggestion
    primary_entity : str or None
    primary_key : list of str or None
    record_count : int
    """

    fields: list[Field]
    samples: list[list[Any]]
    mappings: list[Suggestion]
    primary_entity: str | None
    primary_key: list[str] | None
    record_count: int

    def answer(self) -> dict[str, Any]:
        """The response of ``POST /etl/preview-schema``; beside the document's keys: ``format``, ``null_count`` and
        ``constraints`` of fields, ``primary_key`` and ``null_counts``."""
        return {
            "fields": [
                {
                    "name": field.name,
                    "inferred_type": field.type,
                    "nullable": field.nullable,
                    "sample_values": shown,
                    "confidence": field.confidence,
                    "format": field.format,
                    "null_count": field.nulls,
                    "constraints": {
                        "min": field.constraints.min,
                        "max": field.constraints.max,
                        "pattern": field.constraints.pattern,
                        "enum": field.constraints.enum,
                    },
                }
                for field, shown in zip(self.fields, self.samples, strict=True)
            ],
            "suggested_mappings": [each._asdict() for each in self.mappings],
            "primary_entity": self.primary_entity,
            "record_count": self.record_count,
            "primary_key": self.primary_key,
            "null_counts": {field.name: field.nulls for field in self.fields},
        }

    def schema(self, name: str) -> dict[str, Any]:
        """The Schema of the AI-ETL document."""
        return {
            "name": name,
            "fields": [
                {
                    "name": field.name,
                    "type": field.type,
                    "nullable": field.nullable,
                    "description": None,
                    "min_value": field.constraints.min,
                    "max_value": field.constraints.max,
                    "pattern": field.constraints.pattern,
                    "enum_values": field.constraints.enum,
                    "inferred": True,
                    "confidence": field.confidence,
                }
                for field in self.fields
            ],
            "primary_key": self.primary_key,
            "version": "1.0",
            "inferred": True,
            "created_at": None,
            "sample_size": self.record_count,
            "null_counts": {field.name: field.nulls for field in self.fields},
        }


def preview(rows: Sequence[Data], catalogue: Catalogue | None = None, mask: masking.Masker = masking.mask) -> Preview:
    """Look at sample rows.

    Parameters
    ----------
    rows
        JSON objects, nested or flat; values from CSV may all be text.
    catalogue
        The built-in one where absent.
    mask
        Hides what is personal in sample values.
    """
    catalogue = catalogue or built_in()
    found = [_field(column, catalogue) for column in columns(rows) if _is_field(column)]
    mappings, primary = suggest(found, catalogue)
    wanted = catalogue.entities[primary].key if primary else []
    key = primary_key(
        rows,
        found,
        {each.source_field: wanted.index(each.canonical_property) for each in mappings
         if each.canonical_entity == primary and each.canonical_property in wanted},
    )  # fmt: skip
    personal = {
        each.source_field
        for each in mappings
        if each.confidence >= _LIKELY
        and catalogue.entities[each.canonical_entity].properties[each.canonical_property].personal
    }
    shown = [_shown(field, mask, field.name in personal) for field in found]
    named = {field.name: _name(field) for field in found}
    return Preview(
        fields=[field for field, _ in shown],
        samples=[samples for _, samples in shown],
        mappings=[each._replace(source_field=named[each.source_field]) for each in mappings],
        primary_entity=primary,
        primary_key=[named[name] for name in key] if key else None,
        record_count=len(rows),
    )


def _is_field(column: Column) -> bool:
    """All but the objects in a list, whose own fields are there."""
    return column.path[-1] != ITEM or bool(column.values)


def _field(column: Column, catalogue: Catalogue) -> Field:
    name = read_name(column.path)
    hints = set(catalogue.hints(name))
    likely = [match for match in catalogue.match(name) if match.score >= _LIKELY]
    hints |= {catalogue.entities[match.entity].properties[match.property].type for match in likely}
    return decide(column, hints, _KEPT)


def _shown(field: Field, mask: masking.Masker, personal: bool) -> tuple[Field, list[Any]]:
    """The field and some of its values, as they may be shown."""
    bounds = field.constraints
    looked_at = [*field.values, *(bounds.enum or ()), *(one for one in (bounds.min, bounds.max) if one is not None)]
    masked = [mask(field.path, value) for value in looked_at]
    personal = personal or field.type in masking.PERSONAL_TYPES
    samples = []
    for value, (clean, found) in list(zip(field.values, masked, strict=False))[:SAMPLES]:
        shown = clean if found or not personal else masking.starred(value)
        samples.append(_short(shown))
    if personal or any(found for _, found in masked):
        field = field.without_values()
    return replace(field, path=_path(field)), samples


def _path(field: Field) -> tuple[str | int, ...]:
    return tuple(masking.mask_name(part) if isinstance(part, str) else part for part in field.path)


def _name(field: Field) -> str:
    return path_name(_path(field))


def _short(value: Any) -> Any:
    return f"{value[:_LONGEST_SAMPLE]}…" if isinstance(value, str) and len(value) > _LONGEST_SAMPLE else value
