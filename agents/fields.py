"""Finding fields in a record: dotted paths, list items by index (``tags.0``).

>>> list(leaves({"user": {"ip": "8.8.8.8"}, "tags": ["a", None]}))
[('user.ip', '8.8.8.8'), ('tags.0', 'a'), ('tags.1', None)]
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeAlias

from penstock.model.component import FieldNames
from penstock.model.layout import ByLayout
from penstock.model.record import Data, Record

KNOWN_KEYS = 4096
_NESTED = frozenset({dict, list})


def leaves(data: Data, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Path and value of everything in `data` that is neither an object nor a list, in the order of the record."""
    stack: list[tuple[str, Any]] = [(prefix, data)]
    while stack:  # a stack of our own: data may be nested deeper than Python's
        path, value = stack.pop()
        dot = f"{path}." if path else ""
        if isinstance(value, dict):
            stack += [(f"{dot}{key}", item) for key, item in reversed(value.items())]
        elif isinstance(value, list):
            stack += [(f"{dot}{index}", value[index]) for index in range(len(value) - 1, -1, -1)]
        else:
            yield path, value


Step: TypeAlias = tuple[str, str, tuple[str, ...]]
"""The label of a field, and its path: its first name and the others."""


class Finder:
    """Finds the fields that a stage was told to look at.

    Parameters
    ----------
    names
        ``ip`` is any field of that name at any depth (items of a list under that name as well), ``user.ip`` is that
        path only.
    """

    def __init__(self, names: FieldNames) -> None:
        self._steps = ByLayout(self._plan)
        self._names = frozenset(name.lower() for name in names if "." not in name)
        self._paths = frozenset(name.lower() for name in names if "." in name)
        self._indexed = any(part.isdigit() for path in self._paths for part in path.split("."))
        self._seen: set[str] = set()
        self._wanted: set[str] = set()

    def __call__(self, data: Data) -> list[tuple[str, Any]]:
        """Path and value of each matching leaf, in the order of the record."""
        found: list[tuple[str, Any]] = []
        self._object(data, "", found)
        return found

    def labelled(self, record: Record) -> list[tuple[str, Any]]:
        """Label (see `labels`) and value of each matching leaf of a record, in its order."""
        data = record.data
        steps = self._steps(record.layout, data)
        if steps is None:
            return self._labelled(data)
        found = []
        for label, first, rest in steps:
            value = data[first]
            for name in rest:
                value = value[name]
            found.append((label, value))
        return found

    def _labelled(self, data: Data) -> list[tuple[str, Any]]:
        found = self(data)
        return list(zip(labels([path for path, _ in found]), [value for _, value in found], strict=True))

    def _plan(self, data: Data) -> tuple[Step, ...] | None:
        """Where the fields stand in records with the layout of `data`; None where that depends on how long lists are.

        None as well where a name has a dot in it: then its path does not tell where it stands.
        """
        paths = [path for path, _ in self(data)]
        if self._indexed or any("." in name for name in _names(data)):
            return None
        steps = []
        for label, path in zip(labels(paths), paths, strict=True):
            value: Any = data
            first, *rest = path.split(".")
            for name in (first, *rest):
                if type(value) is not dict:
                    return None
                value = value[name]
            steps.append((label, first, tuple(rest)))
        return tuple(steps)

    def _object(self, data: Data, prefix: str, found: list[tuple[str, Any]]) -> None:
        # recursion is bounded: the codec refuses data that is nested deeper than its parser goes
        if not self._seen.issuperset(data):
            self._learn(data)
        wanted, paths = self._wanted, self._paths
        if paths:
            candidates = list(data.items())
        else:  # most fields of most records are neither wanted nor nested: leave them out at the speed of C
            candidates = [(key, item) for key, item in data.items() if key in wanted or type(item) in _NESTED]
        for key, item in candidates:
            here = prefix + key
            match = key in wanted or here.lower() in paths
            if type(item) is dict:
                self._object(item, here + ".", found)
            elif type(item) is list:
                self._list(item, here + ".", match, found)
            elif match:
                found.append((here, item))

    def _list(self, items: list[Any], prefix: str, wanted: bool, found: list[tuple[str, Any]]) -> None:
        for index, item in enumerate(items):
            if type(item) is dict:
                self._object(item, f"{prefix}{index}.", found)
            elif type(item) is list:
                self._list(item, f"{prefix}{index}.", wanted, found)
            elif wanted:
                found.append((f"{prefix}{index}", item))

    def _learn(self, data: Data) -> None:
        """Remember which keys are wanted, in the case they are written in: names repeat from record to record."""
        if len(self._seen) >= KNOWN_KEYS:
            self._seen.clear()  # keys that are data themselves must not fill the memory
            self._wanted.clear()
        self._seen.update(data)
        self._wanted.update(key for key in data if key.lower() in self._names)


def _names(data: Data) -> Iterator[str]:
    """The names of all fields that do not stand below a list."""
    objects = [data]
    for part in objects:
        yield from part
        objects += [item for item in part.values() if type(item) is dict]


def labels(paths: list[str]) -> list[str]:
    """The name each path goes by in an annotation: its last part, or the whole path where two would collide.

    The last part of a list item is its list's name and index: ``ips.0``.

    >>> labels(["user.ip", "ips.0"]), labels(["a.ip", "b.ip"])
    (['ip', 'ips.0'], ['a.ip', 'b.ip'])
    """
    if len(paths) < 2:
        return [_last(path) for path in paths]
    short = [_last(path) for path in paths]
    times = Counter(short)
    return [name if times[name] == 1 else path for name, path in zip(short, paths, strict=True)]


def _last(path: str) -> str:
    if "." not in path:
        return path
    parts = path.rsplit(".", 2)
    return ".".join(parts[-2:]) if parts[-1].isdigit() and len(parts) > 1 else parts[-1]
