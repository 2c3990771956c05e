"""Avro schemas, checked and in one normal form, by the Avro 1.11 specification ("Schema Declaration", "Names").

The normal form says the same in one way, so that equal schemas have equal bytes: names and aliases are full names,
``namespace`` is gone, ``{"type": "string"}`` is ``"string"``, a named type is defined where it occurs first and a full
name from then on. Everything else that was written stays (``doc``, defaults, logical types, properties).
"""

import re
from typing import Any, Final, NamedTuple, TypeAlias

Named: TypeAlias = dict[str, dict[str, Any]]

PRIMITIVES: Final = frozenset(("null", "boolean", "int", "long", "float", "double", "bytes", "string"))
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FULL_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_INTEGERS: Final = {"int": 2**31, "long": 2**63}


class SchemaError(ValueError):
    """Not an Avro schema; says where and what."""


class Parsed(NamedTuple):
    """A schema in its normal form, and the named types in it and in what it refers to, by full name."""

    schema: Any
    named: Named


def parse(schema: Any, named: Named | None = None) -> Parsed:
    """Check a schema and bring it into its normal form.

    Parameters
    ----------
    schema
        As JSON gives it.
    named : dict, optional
        Types defined elsewhere that it may name.

    Raises
    ------
    SchemaError
    """
    known = dict(named or {})
    try:
        return Parsed(_parse(schema, "", known, "schema"), known)
    except RecursionError:
        raise SchemaError("schema: nested too deeply") from None


def _parse(schema: Any, namespace: str, named: Named, where: str) -> Any:
    if isinstance(schema, str):
        return _reference(schema, namespace, named, where)
    if isinstance(schema, list):
        return _union(schema, namespace, named, where)
    if not isinstance(schema, dict):
        raise SchemaError(f"{where}: a schema is a name, an object or a list")
    kind = schema.get("type")
    if isinstance(kind, dict | list):
        return _parse(kind, namespace, named, where)
    if kind in ("record", "error", "enum", "fixed"):
        return _named(schema, kind, namespace, named, where)
    if kind in ("array", "map"):
        inner = "items" if kind == "array" else "values"
        if inner not in schema:
            raise SchemaError(f"{where}: {kind} without {inner}")
        return {**schema, inner: _parse(schema[inner], namespace, named, f"{where}.{inner}")}
    if not isinstance(kind, str):
        raise SchemaError(f"{where}: no type")
    if kind not in PRIMITIVES:
        return _reference(kind, namespace, named, where)
    return kind if len(schema) == 1 else schema


def _reference(name: str, namespace: str, named: Named, where: str) -> str:
    if name in PRIMITIVES:
        return name
    full = _full_name(name, namespace, where)
    if full not in named:
        raise SchemaError(f"{where}: unknown type {full}")
    return full


def _full_name(name: Any, namespace: str, where: str) -> str:
    if not isinstance(name, str) or not _FULL_NAME.fullmatch(name):
        raise SchemaError(f"{where}: not a name")
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _union(schema: list[Any], namespace: str, named: Named, where: str) -> list[Any]:
    branches = [_parse(branch, namespace, named, f"{where}[{index}]") for index, branch in enumerate(schema)]
    if any(isinstance(branch, list) for branch in branches):
        raise SchemaError(f"{where}: a union directly in a union")
    names = [branch_name(branch) for branch in branches]
    if len(set(names)) < len(names):
        raise SchemaError(f"{where}: a union with two branches of one type")
    return branches


def branch_name(schema: Any) -> str:
    """What tells a branch of a union from the others: the full name of a named type, else the kind."""
    return schema if isinstance(schema, str) else str(schema.get("name", schema["type"]))


def _named(schema: dict[str, Any], kind: str, namespace: str, named: Named, where: str) -> dict[str, Any]:
    inside = schema.get("namespace", namespace)
    if not isinstance(inside, str) or (inside and not _FULL_NAME.fullmatch(inside)):
        raise SchemaError(f"{where}: not a namespace")
    full = _full_name(schema.get("name"), inside, where)
    if full in named or full in PRIMITIVES:
        raise SchemaError(f"{where}: {full} is defined twice")
    own = full.rpartition(".")[0]
    normal = {key: value for key, value in schema.items() if key != "namespace"} | {"name": full}
    if "aliases" in schema:
        normal["aliases"] = [_full_name(alias, own, where) for alias in _list(schema, "aliases", where)]
    # Before its parts are read: they may name it.
    named[full] = normal
    if kind == "enum":
        _check_enum(schema, where)
    elif kind == "fixed":
        if type(schema.get("size")) is not int or schema["size"] < 0:
            raise SchemaError(f"{where}: fixed without a size")
    else:
        _fields(schema, normal, own, named, full)
    return normal


def _list(schema: dict[str, Any], key: str, where: str) -> list[Any]:
    if not isinstance(schema.get(key), list):
        raise SchemaError(f"{where}: {key} is not a list")
    return list(schema[key])


def _check_enum(schema: dict[str, Any], where: str) -> None:
    symbols = _list(schema, "symbols", where)
    if not all(isinstance(symbol, str) and _NAME.fullmatch(symbol) for symbol in symbols):
        raise SchemaError(f"{where}: a symbol that is not a name")
    if len(set(symbols)) < len(symbols):
        raise SchemaError(f"{where}: a symbol twice")
    if "default" in schema and schema["default"] not in symbols:
        raise SchemaError(f"{where}: the default is not a symbol")


def _fields(schema: dict[str, Any], normal: dict[str, Any], namespace: str, named: Named, where: str) -> None:
    fields = normal["fields"] = []
    taken: set[str] = set()
    for field in _list(schema, "fields", where):
        name = field.get("name") if isinstance(field, dict) else None
        if not isinstance(name, str) or not _NAME.fullmatch(name) or "type" not in field:
            raise SchemaError(f"{where}: a field without a name or a type")
        if name in taken:
            raise SchemaError(f"{where}: field {name} twice")
        if "aliases" in field:
            _list(field, "aliases", f"{where}.{name}")
        taken.add(name)
        read = {**field, "type": _parse(field["type"], namespace, named, f"{where}.{name}")}
        if "default" in field and not _fits(field["default"], read["type"], named):
            raise SchemaError(f"{where}.{name}: the default does not fit the type")
        fields.append(read)


def _fits(default: Any, schema: Any, named: Named) -> bool:
    """Whether a field's default is of its type (of a union's first branch), as the specification's table has it."""
    if isinstance(schema, list):
        return bool(schema) and _fits(default, schema[0], named)
    if isinstance(schema, str) and schema in named:
        schema = named[schema]
    kind = schema if isinstance(schema, str) else schema["type"]
    if kind in _INTEGERS:
        return type(default) is int and -_INTEGERS[kind] <= default < _INTEGERS[kind]
    if kind == "array":
        return isinstance(default, list) and all(_fits(item, schema["items"], named) for item in default)
    if kind == "map":
        return isinstance(default, dict) and all(_fits(item, schema["values"], named) for item in default.values())
    if kind in ("record", "error"):
        return isinstance(default, dict) and all(
            _fits(default[field["name"]], field["type"], named) if field["name"] in default else "default" in field
            for field in schema["fields"]
        )
    if kind == "enum":
        return default in schema["symbols"]
    if kind in ("float", "double"):
        return type(default) in (int, float)
    if kind in ("null", "boolean"):
        return default is None if kind == "null" else type(default) is bool
    return isinstance(default, str) and (kind != "fixed" or len(default) == schema["size"])
