"""A shape as an Avro schema, for the registry, and what changed between the versions of one.

Each field is optional and of the JSON types that it has: ``number`` is ``double``, several types are a union. Nothing
else stands in it, so that one shape has one schema for ever, whatever the catalogue says of its names. A name that Avro
does not take (specification 1.11, "Names") is written in ASCII with a digest, and stands in ``doc``; a name that is
personal itself (a map by address) is masked, and fields whose names are masked alike are one.

**Drift** is what breaks those who read the records:

* a field that all earlier versions have is gone (a field that came and went before is optional, and may);
* a field has a type that no earlier version gives it.

New fields break nobody.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

from penstock.agents.tag._infer import text
from penstock.agents.tag._shape import ITEM, FieldPath, Shape
from penstock.model.record import Data

Kinds: TypeAlias = Mapping[FieldPath, frozenset[str]]
"""Path -> the JSON types there."""

_AVRO: Final = {"string": "string", "number": "double", "boolean": "boolean"}
_KINDS: Final = {
    **dict.fromkeys(("string", "bytes", "enum", "fixed"), "string"),
    **dict.fromkeys(("int", "long", "float", "double"), "number"),
    **dict.fromkeys(("record", "map", "error"), "object"),
    "boolean": "boolean",
    "array": "array",
}
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Drift(NamedTuple):
    """What breaks readers, and what does not.

    Attributes
    ----------
    removed : tuple of path
        The outermost of what is gone.
    changed : tuple of (path, before, now)
        Types joined by ``|``.
    added : tuple of path
    """

    removed: tuple[FieldPath, ...] = ()
    changed: tuple[tuple[FieldPath, str, str], ...] = ()
    added: tuple[FieldPath, ...] = ()

    @property
    def breaks(self) -> bool:
        return bool(self.removed or self.changed)

    def body(self) -> dict[str, Any]:
        """As records and people are told of it."""
        return {
            "removed": [text(path) for path in self.removed],
            "changed": {text(path): f"{before} -> {now}" for path, before, now in self.changed},
        }


@dataclass(slots=True)
class _Node:
    kinds: set[str] = field(default_factory=set)
    inner: dict[str, "_Node"] = field(default_factory=dict)
    item: "_Node | None" = None


def avro_schema(shape: Shape, mask: Callable[[str], str]) -> dict[str, Any]:
    """The Avro record of a shape; `mask` hides what is personal in a field's name."""
    root = _Node({"object"})
    for path, kinds in shape.fields.items():
        node = root
        for part in path:
            if part == ITEM:
                node.item = node.item or _Node()
                node = node.item
            else:
                node = node.inner.setdefault(mask(str(part)), _Node())
        node.kinds |= kinds
    return _record(root, "Record")


def kinds(schema: Any) -> Kinds:
    """The fields of an Avro schema, ours or another's, with their JSON types."""
    found: dict[FieldPath, set[str]] = {}
    _walk(schema, (), found, {}, frozenset())
    return {path: frozenset(some) for path, some in found.items() if path}


def compare(now: Kinds, before: Sequence[Kinds]) -> Drift:
    """What changed since the versions `before`, which are at least one."""
    always = frozenset(before[0]).intersection(*before[1:])
    known = frozenset().union(*before)
    removed = (path for path in always if path not in now and path[-1] != ITEM and _is_there(path[:-1], now))
    changed = []
    for path, some in now.items():
        had = frozenset[str]().union(*(each.get(path, frozenset()) for each in before))
        if had and not some <= had:
            changed.append((path, _joined(had), _joined(some)))
    return Drift(
        tuple(sorted(removed, key=text)),
        tuple(sorted(changed, key=lambda one: text(one[0]))),
        tuple(sorted((path for path in now if path not in known and path[-1] != ITEM), key=text)),
    )


def is_null(data: Data, path: FieldPath) -> bool:
    """Whether a field that a shape does not have, as null counts as absent there, is there and null."""
    places: list[Any] = [data]
    for part in path[:-1]:
        places = list(_below(places, part))
    return any(isinstance(place, dict) and path[-1] in place for place in places)


def _below(places: list[Any], part: str | int) -> Iterator[Any]:
    for place in places:
        if part == ITEM and isinstance(place, list):
            yield from place
        elif isinstance(place, dict) and part in place:
            yield place[part]


def _is_there(path: FieldPath, now: Kinds) -> bool:
    return not path or path in now


def _joined(kinds: frozenset[str]) -> str:
    return "|".join(sorted(kinds))


def _record(node: _Node, name: str) -> dict[str, Any]:
    fields = []
    for title in sorted(node.inner):
        safe = _safe(title)
        made = {"name": safe, "type": ["null", *_branches(node.inner[title], f"{name}_{safe}")], "default": None}
        fields.append(made if safe == title else made | {"doc": title})
    return {"type": "record", "name": name, "fields": fields}


def _branches(node: _Node, name: str) -> list[Any]:
    made: list[Any] = []
    for kind in sorted(node.kinds):
        if kind == "object":
            made.append(_record(node, name))
        elif kind == "array":
            items = _branches(node.item, f"{name}_item") if node.item else []
            made.append({"type": "array", "items": ["null", *items]})
        else:
            made.append(_AVRO[kind])
    return made


def _safe(title: str) -> str:
    """The name in Avro: itself, or made from it in a way that no other name beside it changes."""
    if _NAME.fullmatch(title) and title.isascii():
        return title
    digest = hashlib.blake2b(title.encode(errors="surrogatepass"), digest_size=4).hexdigest()
    return f"_{re.sub(r'[^A-Za-z0-9_]', '_', title)[:40]}_{digest}"


def _walk(
    schema: Any, path: FieldPath, found: dict[FieldPath, set[str]], named: dict[str, Any], inside: frozenset[str]
) -> None:
    if isinstance(schema, list):
        for branch in schema:
            _walk(branch, path, found, named, inside)
        return
    if isinstance(schema, str) and schema in named:
        if schema not in inside:  # a schema that contains itself is followed once
            _walk(named[schema], path, found, named, inside | {schema})
        return
    kind = schema if isinstance(schema, str) else schema.get("type")
    if isinstance(kind, (dict, list)):
        _walk(kind, path, found, named, inside)
        return
    if kind in _KINDS:
        found.setdefault(path, set()).add(_KINDS[kind])
    if isinstance(schema, dict):
        if "name" in schema:
            named[schema["name"]] = schema
        if kind == "array":
            _walk(schema.get("items", "null"), (*path, ITEM), found, named, inside)
        for each in schema.get("fields", ()) if kind in ("record", "error") else ():
            title = each.get("doc") if each["name"] == _safe(each.get("doc") or "") else each["name"]
            _walk(each["type"], (*path, title), found, named, inside)
