"""A previewed schema as a table of a database, or as a schema of Avro, Arrow or JSON Schema.

SQL has a column for each outer field; what is nested stays one column of JSON. The others keep the nesting. Names that
Avro does not take (specification 1.11, "Names") are written with underscores and keep what they were in ``doc``.
"""

import dataclasses
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from penstock.agents.tag._shape import ITEM
from penstock.agents.tag.inference.fields import Field
from penstock.agents.tag.inference.preview import Preview
from penstock.agents.tag.inference.types import TYPES

_SMALL: Final = 2**31
_LONGEST_VARCHAR: Final = 255


def postgres(found: Preview, name: str) -> str:
    """CREATE TABLE for PostgreSQL."""
    return _table(found, name, '"', lambda one: _wide(one, TYPES[_plain(one)].postgres, "INTEGER"))


def mysql(found: Preview, name: str) -> str:
    """CREATE TABLE for MySQL; text longer than 255 characters is TEXT."""

    def column(one: Field) -> str:
        if (one.constraints.max_length or 0) > _LONGEST_VARCHAR and TYPES[_plain(one)].mysql.startswith("VARCHAR"):
            return "TEXT"
        return _wide(one, TYPES[_plain(one)].mysql, "INT")

    return _table(found, name, "`", column)


def sqlite(found: Preview, name: str) -> str:
    """CREATE TABLE for SQLite."""
    return _table(found, name, '"', lambda one: TYPES[_plain(one)].sqlite)


def avro(found: Preview, name: str) -> dict[str, Any]:
    """An Avro record."""
    return _Avro().record(_tree(found.fields), name)


def arrow(found: Preview, name: str) -> str:
    """The fields of an Arrow schema, a line each; `name` is not part of one."""
    return "\n".join(f"{title}: {_arrow(node)}{_not_null(node)}" for title, node in _tree(found.fields).items())


def json_schema(found: Preview, name: str) -> dict[str, Any]:
    """A JSON Schema (2020-12)."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": name,
        **_json_object(_tree(found.fields)),
    }


TARGETS: Final[dict[str, Callable[[Preview, str], Any]]] = {
    "generic": lambda found, name: found.schema(name),
    "postgres": postgres,
    "mysql": mysql,
    "sqlite": sqlite,
    "avro": avro,
    "arrow": arrow,
    "json-schema": json_schema,
}
"""Name of a target -> what it makes of a preview and a name: text, or what is printed as JSON."""


@dataclass(slots=True)
class _Node:
    """A field, and those below it."""

    field: Field | None = None
    inner: dict[str, "_Node"] = dataclasses.field(default_factory=dict)
    item: "_Node | None" = None

    @property
    def nullable(self) -> bool:
        return self.field is None or self.field.nullable


def _tree(fields: Sequence[Field]) -> dict[str, _Node]:
    root = _Node()
    for one in fields:
        node = root
        for part in one.path:
            if part == ITEM:
                node.item = node.item or _Node()
                node = node.item
            else:
                node = node.inner.setdefault(str(part), _Node())
        node.field = one
    return root.inner


def _plain(one: Field) -> str:
    """The type, unless the values are written as no target reads them."""
    return "string" if one.format == "mixed" and one.type != "json" else one.type


# SQL


def _table(found: Preview, name: str, quote: str, column: Callable[[Field], str]) -> str:
    outer = [one for one in found.fields if len(one.path) == 1]
    lines = [f"  {_quoted(str(one.path[0]), quote)} {column(one)}{_null(one)}" for one in outer]
    names = {one.name: str(one.path[0]) for one in outer}
    if found.primary_key:
        keys = ", ".join(_quoted(names[key], quote) for key in found.primary_key)
        lines.append(f"  PRIMARY KEY ({keys})")
    body = ",\n".join(lines)
    return f"CREATE TABLE {_quoted(name, quote)} (\n{body}\n);"


def _quoted(name: str, quote: str) -> str:
    return quote + name.replace(quote, quote * 2) + quote


def _null(one: Field) -> str:
    return "" if one.nullable else " NOT NULL"


def _wide(one: Field, type: str, small: str) -> str:
    """The type for integers of 64 bits where the sample has such."""
    bounds = (one.constraints.min, one.constraints.max)
    big = type == small and any(isinstance(bound, int) and not -_SMALL <= bound < _SMALL for bound in bounds)
    return "BIGINT" if big else type


# Avro


class _Avro:
    """One schema: the names of its records are all different."""

    def __init__(self) -> None:
        self._records: set[str] = set()

    def record(self, nodes: dict[str, _Node], name: str) -> dict[str, Any]:
        full = _avro_name(name, self._records)
        taken: set[str] = set()
        fields = [self._field(title, each, full, taken) for title, each in nodes.items()]
        return {"type": "record", "name": full, "fields": fields}

    def _field(self, title: str, node: _Node, record: str, taken: set[str]) -> dict[str, Any]:
        name = _avro_name(title, taken)
        made = {"name": name, "type": self._type(node, f"{record}_{name}")}
        if node.nullable:
            made |= {"type": ["null", made["type"]], "default": None}
        return made if name == title else made | {"doc": title}

    def _type(self, node: _Node, name: str) -> Any:
        if node.inner:
            return self.record(node.inner, name)
        if node.item is not None or (node.field is not None and node.field.type == "array"):
            items = self._type(node.item, f"{name}_item") if node.item is not None else "string"
            return {"type": "array", "items": items}
        if node.field is None or node.field.type == "object":
            return {"type": "map", "values": "string"}
        base, _, logical = TYPES[_plain(node.field)].avro.partition(":")
        return {"type": base, "logicalType": logical} if logical else base


def _avro_name(title: str, taken: set[str]) -> str:
    """A name that Avro takes, another for each title."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", title) or "_"
    name = f"_{name}" if name[0].isdigit() else name
    unique, number = name, 2
    while unique in taken:
        unique, number = f"{name}_{number}", number + 1
    taken.add(unique)
    return unique


# Arrow


def _arrow(node: _Node) -> str:
    if node.inner:
        inner = ", ".join(f"{title}: {_arrow(each)}{_not_null(each)}" for title, each in node.inner.items())
        return f"struct<{inner}>"
    if node.item is not None or (node.field is not None and node.field.type == "array"):
        return f"list<item: {_arrow(node.item) if node.item is not None else 'null'}>"
    if node.field is None or node.field.type == "object":
        return "struct<>"
    return TYPES[_plain(node.field)].arrow


def _not_null(node: _Node) -> str:
    return "" if node.nullable else " not null"


# JSON Schema


def _json_object(nodes: dict[str, _Node]) -> dict[str, Any]:
    made: dict[str, Any] = {"type": "object", "properties": {title: _json(each) for title, each in nodes.items()}}
    required = [title for title, node in nodes.items() if not node.nullable]
    return made | {"required": required} if required else made


def _json(node: _Node) -> dict[str, Any]:
    made = _json_not_null(node)
    if node.field is not None and node.field.nullable:
        made["type"] = [made["type"], "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    return made


def _json_not_null(node: _Node) -> dict[str, Any]:
    if node.inner:
        return _json_object(node.inner)
    if node.item is not None or (node.field is not None and node.field.type == "array"):
        return {"type": "array", **({"items": _json(node.item)} if node.item is not None else {})}
    if node.field is None:
        return {"type": "object"}
    one = node.field
    kind, _, form = TYPES[_plain(one)].json_schema.partition(":")
    if kind in ("integer", "number", "boolean") and any(isinstance(value, str) for value in one.values):
        return {"type": "string"}  # numbers in text stay text in JSON
    made: dict[str, Any] = {"type": kind}
    if form and one.format in (None, "iso8601", "%Y-%m-%d"):
        made["format"] = form
    if one.constraints.pattern:
        made["pattern"] = one.constraints.pattern
    if one.constraints.enum:
        made["enum"] = one.constraints.enum
    return made
