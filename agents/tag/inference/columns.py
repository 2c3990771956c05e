"""What stands in sample rows, field by field: nested objects and the items of lists too."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from penstock.agents.tag._shape import ITEM, FieldPath
from penstock.model.record import Data

DEEPEST: Final = 16
"""Levels below which objects and lists are not looked into."""


@dataclass(slots=True)
class Column:
    """The values of one field.

    Attributes
    ----------
    path : tuple
        Names from the outside in; `ITEM` stands for any item of a list.
    values : list
        Scalars that are there, in order; objects and lists are counted only.
    nulls : int
        Values that are null, or absent where the object around them is there, or empty text.
    objects, lists : int
    """

    path: FieldPath
    values: list[Any] = field(default_factory=list)
    nulls: int = 0
    objects: int = 0
    lists: int = 0
    seen: int = 0

    @property
    def name(self) -> str:
        """The last name in the path."""
        return next((part for part in reversed(self.path) if isinstance(part, str)), "")


def columns(rows: Sequence[Data]) -> list[Column]:
    """The fields of the rows, each behind the object that it stands in, in the order in which they first come."""
    found: dict[FieldPath, Column] = {}
    holders: dict[FieldPath, int] = {}
    for row in rows:
        _object(row, (), found, holders)
    for column in found.values():
        if column.path[-1] != ITEM:
            column.nulls += holders[column.path[:-1]] - column.seen
    order = {path: place for place, path in enumerate(found)}
    return sorted(found.values(), key=lambda one: [order[one.path[: end + 1]] for end in range(len(one.path))])


def _object(data: Data, path: FieldPath, found: dict[FieldPath, Column], holders: dict[FieldPath, int]) -> None:
    holders[path] = holders.get(path, 0) + 1
    for name, value in data.items():
        _value(value, (*path, name), found, holders)


def _value(value: Any, path: FieldPath, found: dict[FieldPath, Column], holders: dict[FieldPath, int]) -> None:
    column = found.get(path)
    if column is None:
        column = found[path] = Column(path)
    column.seen += 1
    if value is None or value == "":
        column.nulls += 1
    elif type(value) is dict:
        column.objects += 1
        if len(path) < DEEPEST:
            _object(value, path, found, holders)
    elif type(value) is list:
        column.lists += 1
        if len(path) < DEEPEST:
            for item in value:
                _value(item, (*path, ITEM), found, holders)
    else:
        column.values.append(value)
