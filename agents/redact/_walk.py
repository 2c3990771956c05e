"""The leaves of a JSON value: every text and number that may hold something personal, and where it stands.

Every value in the tree has a number: the tree itself 0, then, container by container, what is in them. Where a value
stands is told from its number, and so costs nothing for the values in which nothing is found.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from penstock.agents.redact._policy import Policy, Rule
from penstock.agents.redact._strategy import Strategy

Holder: TypeAlias = dict[str, Any] | list[Any]
Container: TypeAlias = tuple[int, Any, Sequence[Any], int]
"""The number of the first value in it, itself, its keys or indexes, its own number."""
Shape: TypeAlias = tuple[tuple[tuple[int, tuple[int, ...]], ...], tuple[int, ...]]
"""What the names of an object's fields say: (place of a field, recognizers that its name calls for) of those that do,
and the places of the fields whose name itself is personal."""
Shapes: TypeAlias = Mapping[tuple[str, ...], Shape]
"""The names of an object's fields -> its shape."""
Learn: TypeAlias = Callable[[tuple[str, ...]], Shape]
"""The shape for names that are not known yet."""
Renamed: TypeAlias = dict[int, str]
"""Number of a value -> the name that its field will have."""

MIN_NUMBER: Final = 10**6
"""Smaller numbers are of no category by themselves: the shortest, a local phone number, has seven digits."""
MAX_EXACT_FLOAT: Final = 1e16
"""From here on a whole float is written with an exponent."""


class Leaves:
    """What a walk found.

    Attributes
    ----------
    tree
        What was walked; once something was replaced, a copy in which it is.
    texts
        By number: the text, of a number its digits; empty for what holds none, as containers.
    named
        Number -> the recognizers that the name of its field (or of its list's) calls for.
    names
        The numbers of the values whose field's name is personal.
    whole
        The values that are hidden whatever they are, and how.
    rules
        Number -> what the policy says there, where that is not `base`.
    prefix
        The path of the tree itself.
    """

    same_layout = False
    """That is not looked after here."""

    __slots__ = ("_containers", "_ours", "base", "named", "names", "prefix", "rules", "texts", "tree", "whole")

    def __init__(self, tree: Holder, base: Rule, containers: list[Container], prefix: str) -> None:
        self.tree: Any = tree
        self.texts: list[str] = []
        self.named: dict[int, tuple[int, ...]] = {}
        self.names: list[int] = []
        self.whole: list[tuple[int, Strategy]] = []
        self.rules: dict[int, Rule] = {}
        self.base = base
        self._containers = containers
        self.prefix = prefix
        self._ours: set[int] = set()

    def key(self, number: int) -> Any:
        """The name or index of a value in its container."""
        first, _, keys, _ = self._containers[self._around(number)]
        return keys[number - first]

    def path(self, number: int, renamed: Renamed) -> str:
        """The dotted path of a value, by the new names of fields."""
        containers = self._containers
        parts = []
        while number:
            first, _, keys, outer = containers[bisect_left(containers, (number + 1,)) - 1]
            parts.append(renamed.get(number) or str(keys[number - first]))
            number = outer
        if self.prefix:
            parts.append(self.prefix)
        return ".".join(parts[::-1]) if len(parts) > 1 else parts[0]

    def value(self, number: int) -> Any:
        """The value as it is now."""
        first, holder, keys, _ = self._containers[self._around(number)]
        return holder[keys[number - first]]

    def holder(self, number: int) -> Any:
        """The container of a value, to be written to: from the first time on a copy, in copies of those around it."""
        return self._own(self._around(number))

    def replace(self, number: int, value: Any) -> None:
        """Put another value in its place; what was walked stays as it is."""
        at = self._around(number)
        first, _, keys, _ = self._containers[at]
        self._own(at)[keys[number - first]] = value

    def _around(self, number: int) -> int:
        return bisect_left(self._containers, (number + 1,)) - 1

    def _own(self, at: int) -> Any:
        """The container at this place in the list, copied; a copied one is put into a copy of the one around it."""
        first, holder, keys, number = self._containers[at]
        if at in self._ours:
            return holder
        mine = copy = holder.copy()
        while True:
            self._ours.add(at)
            self._containers[at] = first, copy, keys, number
            if not number:
                self.tree = copy
                return mine
            at, child, inner = self._around(number), copy, number
            first, copy, keys, number = self._containers[at]
            if at in self._ours:
                copy[keys[inner - first]] = child
                return mine
            copy = copy.copy()
            copy[keys[inner - first]] = child


def walk(tree: Holder, policy: Policy, shapes: Shapes, learn: Learn, prefix: str = "") -> Leaves:
    """Collect the leaves of `tree`, whose path is `prefix`. Values under a rule that hides them whole are left out."""
    containers: list[Container] = []
    leaves = Leaves(tree, policy.base, containers, prefix)
    named = leaves.named
    ruled = bool(policy.names or policy.paths)
    values: list[Any] = [tree]
    for number, value in enumerate(values):  # it grows on the way
        kind = type(value)
        if kind is str:
            continue
        first = len(values)
        if kind is dict:
            names = tuple(value)
            containers.append((first, value, names, number))
            calls, personal = shapes.get(names) or learn(names)
            for place, recognizers in calls:
                named[first + place] = recognizers
            if personal:
                leaves.names += [first + place for place in personal]
            values += value.values()
        elif kind is list:
            containers.append((first, value, range(len(value)), number))
            if number in named:
                named.update(dict.fromkeys(range(first, first + len(value)), named[number]))
            values += value
        elif kind is int or kind is float:
            values[number] = told_number(value) if number in named else number_text(value)
            continue
        else:
            values[number] = ""
            continue
        values[number] = ""
        if ruled:
            _rule(leaves, policy, containers[-1], values)
    leaves.texts = values
    return leaves


def number_text(value: float) -> str:
    """A number as its JSON text; empty where it cannot be of any category by itself, as for fractions."""
    if -MIN_NUMBER < value < MIN_NUMBER:
        return ""
    if type(value) is float:
        return str(int(value)) if value.is_integer() and abs(value) < MAX_EXACT_FLOAT else ""
    return str(value)


def told_number(value: float) -> str:
    """A number whose field's name vouches for a category, as its JSON text: a PIN is small, a latitude a fraction."""
    return str(int(value)) if value == value // 1 and abs(value) < MAX_EXACT_FLOAT else str(value)


def _rule(leaves: Leaves, policy: Policy, container: Container, values: list[Any]) -> None:
    """Note what the policy says of the values in `container`; what is hidden whole becomes null in `values`."""
    first, _, keys, outer = container
    for number, key in enumerate(keys, first):
        rule = policy.paths.get(leaves.path(number, {})) if policy.paths else None
        rule = rule or policy.names.get(key) or leaves.rules.get(outer)
        if rule is None:
            continue
        leaves.rules[number] = rule
        if rule.whole is not None and values[number] is not None:
            leaves.whole.append((number, rule.whole))
            values[number] = None
