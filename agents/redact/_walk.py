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
"""Smaller numbers are of no category: the shortest, a local phone number, has seven digits."""
MAX_EXACT_FLOAT: Final = 1e16
"""From here on a whole float is written with an exponent."""


class Leaves:
    """What a walk found.

    Attributes
    ----------
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
    """

    __slots__ = ("_containers", "_prefix", "base", "named", "names", "rules", "texts", "whole")

    def __init__(self, base: Rule, containers: list[Container], prefix: str) -> None:
        self.texts: list[str] = []
        self.named: dict[int, tuple[int, ...]] = {}
        self.names: list[int] = []
        self.whole: list[tuple[int, Strategy]] = []
        self.rules: dict[int, Rule] = {}
        self.base = base
        self._containers = containers
        self._prefix = prefix

    def place(self, number: int, renamed: Renamed) -> tuple[Any, Any, str]:
        """Where a value stands: its container, its key or index there, and its dotted path by the new names."""
        containers = self._containers
        first, holder, keys, outer = containers[bisect_left(containers, (number + 1,)) - 1]
        key = keys[number - first]
        parts = [renamed.get(number) or str(key)]
        while outer:
            first, _, keys, above = containers[bisect_left(containers, (outer + 1,)) - 1]
            parts.append(renamed.get(outer) or str(keys[outer - first]))
            outer = above
        if self._prefix:
            parts.append(self._prefix)
        return holder, key, ".".join(parts[::-1]) if len(parts) > 1 else parts[0]


def walk(tree: Holder, policy: Policy, shapes: Shapes, learn: Learn, prefix: str = "") -> Leaves:
    """Collect the leaves of `tree`, whose path is `prefix`. Values under a rule that hides them whole are left out."""
    containers: list[Container] = []
    leaves = Leaves(policy.base, containers, prefix)
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
        else:
            values[number] = number_text(value) if kind is int or kind is float else ""
            continue
        values[number] = ""
        if ruled:
            _rule(leaves, policy, containers[-1], values)
    leaves.texts = values
    return leaves


def number_text(value: float) -> str:
    """A number as its JSON text; empty where it cannot be of any category, as for fractions."""
    if -MIN_NUMBER < value < MIN_NUMBER:
        return ""
    if type(value) is float:
        return str(int(value)) if value.is_integer() and abs(value) < MAX_EXACT_FLOAT else ""
    return str(value)


def _rule(leaves: Leaves, policy: Policy, container: Container, values: list[Any]) -> None:
    """Note what the policy says of the values in `container`; what is hidden whole becomes null in `values`."""
    first, _, keys, outer = container
    for number, key in enumerate(keys, first):
        rule = policy.paths.get(leaves.place(number, {})[2]) if policy.paths else None
        rule = rule or policy.names.get(key) or leaves.rules.get(outer)
        if rule is None:
            continue
        leaves.rules[number] = rule
        if rule.whole is not None and values[number] is not None:
            leaves.whole.append((number, rule.whole))
            values[number] = None
