"""The shape of a record: the names of its fields, nested, and the JSON types of their values, nothing of the values.

Two records have one shape if they have the same fields with the same types, in whatever order:

* a field that is null counts as absent, so that a field which is null now and then makes two shapes, not three;
* integers and fractions are one type, as they are in JSON (``12`` and ``12.5`` do not make two shapes);
* the items of a list are merged: a list of objects has the fields that any of them has, a list may have items of
  several types; how many items there are does not matter.

>>> shape({"id": 7, "tags": ["a", "b"]}).fingerprint == shape({"tags": ["x"], "id": 1.5, "note": None}).fingerprint
True
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import NoneType
from typing import Any, Final, Generic, TypeAlias, TypeVar

import orjson

from penstock.model.entities import Kind
from penstock.model.layout import Layout
from penstock.model.record import Data, Record

FieldPath: TypeAlias = tuple[str | int, ...]
"""Names from the outside in; 0 stands for any item of a list."""

ITEM: Final = 0

T = TypeVar("T")

_KINDS: Final[Mapping[type, Kind]] = {
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    NoneType: "null",
    dict: "object",
    list: "array",
}


@dataclass(frozen=True)
class Shape:
    """Fields and their types.

    Attributes
    ----------
    fields : mapping
        Every path, of objects and lists too, to the types found there.
    """

    fields: Mapping[FieldPath, frozenset[Kind]]

    @cached_property
    def fingerprint(self) -> str:
        """32 hexadecimal digits: BLAKE2b of the sorted paths with their types, as JSON lines."""
        lines = sorted(orjson.dumps([*path, kind]) for path, kinds in self.fields.items() for kind in kinds)
        return hashlib.blake2b(b"\n".join(lines), digest_size=16).hexdigest()

    @cached_property
    def leaves(self) -> dict[FieldPath, frozenset[Kind]]:
        """The paths below which nothing is, sorted: scalars, and objects and lists that are empty."""
        inner = {path[:-1] for path in self.fields}
        leaves = ((path, kinds - {"object", "array"}) for path, kinds in self.fields.items() if path in inner)
        found = {path: kinds for path, kinds in leaves if kinds}
        found |= {path: kinds for path, kinds in self.fields.items() if path not in inner}
        return dict(sorted(found.items(), key=lambda item: orjson.dumps(item[0])))


def shape(data: Data) -> Shape:
    """The shape of one record."""
    found: dict[FieldPath, set[Kind]] = {}
    _collect(data, (), found)
    return Shape({path: frozenset(kinds) for path, kinds in found.items()})


class ByShape(Generic[T]):
    """What is made once for each shape, and found again by the layout of a record, which is cheaper than its shape.

    One shape may have several layouts, one layout never has two shapes. The oldest are forgotten first; shapes of more
    than `LARGEST` fields are not kept.

    Parameters
    ----------
    make
        From a shape.
    most
        Shapes and layouts that are kept.
    """

    LARGEST: Final = 1000

    def __init__(self, make: Callable[[Shape], T], most: int) -> None:
        self._make = make
        self._most = most
        self._made: dict[Layout | str, T] = {}

    def __call__(self, record: Record) -> T:
        layout = record.layout
        try:
            return self._made[layout]
        except KeyError:
            pass
        found = shape(record.data)
        # a record whose numbers are whole here and broken there has many layouts and one shape
        known = found.fingerprint in self._made
        made = self._made[found.fingerprint] if known else self._make(found)
        if len(found.fields) <= self.LARGEST:
            self._keep(found.fingerprint, made)
            self._keep(layout, made)
        return made

    def _keep(self, key: Layout | str, made: T) -> None:
        if key not in self._made and len(self._made) >= self._most:
            del self._made[next(iter(self._made))]
        self._made[key] = made

    def __len__(self) -> int:
        return len(self._made)


def _collect(value: Any, path: FieldPath, found: dict[FieldPath, set[Kind]]) -> None:
    # recursion is bounded: the codec refuses data that is nested deeper than 254 levels
    kind = _KINDS[type(value)]
    if kind == "null":
        return
    if path:
        found.setdefault(path, set()).add(kind)
    if kind == "object":
        for name, item in value.items():
            _collect(item, (*path, name), found)
    elif kind == "array":
        for item in value:
            _collect(item, (*path, ITEM), found)
