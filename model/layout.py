"""The layout of a record: which fields it has, in which order and of which types, nested.

It is found once for a record and shared by all stages that make something for each layout (where the fields stand that
they look at, what they note of them), so that they need not walk the record again. Two records of one layout have the
same names and types in the same order; of lists only the kinds of their items count, not how many there are.

>>> layout({"id": 1, "user": {"name": "Ada"}}) is layout({"id": 2, "user": {"name": "Bob"}})
True
>>> layout({"id": 1}) is layout({"id": "1"})
False
"""

from collections.abc import Callable
from typing import Any, Final, Generic, TypeAlias, TypeVar

Data: TypeAlias = dict[str, Any]
T = TypeVar("T")

MOST_KNOWN: Final = 4096
LARGEST: Final = 1024
"""Names and types of a layout that is kept; each record of a larger one has its own."""


class Layout:
    """Stands for all records of one layout; compare by identity."""

    __slots__ = ()


_known: dict[tuple[Any, ...], Layout] = {}


def layout(data: Data) -> Layout:
    """The layout of `data`."""
    key = _key(data)
    found = _known.get(key)
    if found is None:
        found = Layout()
        if len(key) <= LARGEST:
            if len(_known) >= MOST_KNOWN:
                _known.clear()
            _known[key] = found
    return found


class ByLayout(Generic[T]):
    """What is made for each layout, of the first record that has it.

    Parameters
    ----------
    make
        From a record's data; what it gives must hold for every record of that layout.
    """

    def __init__(self, make: Callable[[Data], T]) -> None:
        self._make = make
        self._made: dict[Layout, T] = {}

    def __call__(self, layout: Layout, data: Data) -> T:
        try:
            return self._made[layout]
        except KeyError:
            pass
        made = self._make(data)
        if len(self._made) >= MOST_KNOWN:
            self._made.clear()
        self._made[layout] = made
        return made


def _key(data: Data) -> tuple[Any, ...]:
    """Names and types of each object, the outermost first, each closed by None: one loop, as it runs for every record.

    Without the None, an empty object could not be told from its neighbour.
    """
    key: list[Any] = []
    objects = [data]
    for part in objects:
        key += part
        for value in part.values():
            kind = type(value)
            key.append(kind)
            if kind is dict:
                objects.append(value)
            elif kind is list:
                key.append(_list_key(value))
        key.append(None)
    return tuple(key)


def _list_key(items: list[Any]) -> Any:
    # recursion is bounded: the codec refuses data that is nested deeper than 254 levels
    kinds = set(map(type, items))
    if dict in kinds or list in kinds:
        objects = frozenset([_key(item) for item in items if type(item) is dict])
        return frozenset(kinds), objects, frozenset([_list_key(item) for item in items if type(item) is list])
    return kinds.pop() if len(kinds) == 1 else frozenset(kinds)
