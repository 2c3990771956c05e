"""The leaves of a JSON value: every text and number that may hold something personal, and where it stands.

Every value in the tree has a number: the tree itself 0, then, container by container, what is in them. Where a value
stands is told from its number, and so costs nothing for the values in which nothing is found.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from penstock.agents.redact._policy import Policy, Rule
from penstock.agents.redact._strategy import Strategy

Holder: TypeAlias = dict[str, Any] | list[Any]
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

    __slots__ = ("_firsts", "_holders", "_keys", "_numbers", "_prefix", "base", "named", "names", "rules", "texts", "whole")

    def __init__(self, base: Rule, prefix: str) -> None:
        self.texts: list[str] = []
        self.named: dict[int, tuple[int, ...]] = {}
        self.names: list[int] = []
        self.whole: list[tuple[int, Strategy]] = []
        self.rules: dict[int, Rule] = {}
        self.base = base
        self._prefix = prefix
        # by container: the number of the first value in it, itself, its keys or indexes, its own number
        self._firsts: list[int] = []
        self._holders: list[Any] = []
        self._keys: list[Sequence[Any]] = []
        self._numbers: list[int] = []

    def add(self, holder: Holder, number: int, keys: Sequence[Any], first: int) -> None:
        """Note that `holder` is value `number`, and that what it holds under `keys` is numbered from `first` on."""
        self._firsts.append(first)
        self._holders.append(holder)
        self._keys.append(keys)
        self._numbers.append(number)

    def place(self, number: int) -> tuple[Any, Any]:
        """The container of a value, and its key or index there."""
        at = bisect_right(self._firsts, number) - 1
        return self._holders[at], self._keys[at][number - self._firsts[at]]

    def path(self, number: int, renamed: Renamed) -> str:
        """The dotted path of a value, with the new names of fields whose name was personal."""
        parts: list[str] = []
        while number:
            at = bisect_right(self._firsts, number) - 1
            parts.append(renamed.get(number) or str(self._keys[at][number - self._firsts[at]]))
            number = self._numbers[at]
        if self._prefix:
            parts.append(self._prefix)
        return ".".join(parts[::-1]) if len(parts) > 1 else parts[0]


def walk(tree: Holder, policy: Policy, shapes: Shapes, learn: Learn, prefix: str = "") -> Leaves:
    """Collect the leaves of `tree`, whose path is `prefix`. Values under a rule that hides them whole are left out."""
    leaves = Leaves(policy.base, prefix)
    named = leaves.named
    ruled = bool(policy.names or policy.paths)
    values: list[Any] = [tree]
    for number, value in enumerate(values):  # it grows on the way
        kind = type(value)
        if kind is str:
            continue
        if kind is dict:
            first, keys = len(values), tuple(value)
            calls, personal = shapes.get(keys) or learn(keys)
            for place, recognizers in calls:
                named[first + place] = recognizers
            if personal:
                leaves.names += [first + place for place in personal]
            values += value.values()
        elif kind is list:
            first, keys = len(values), range(len(value))
            if number in named:
                named.update(dict.fromkeys(range(first, first + len(value)), named[number]))
            values += value
        else:
            values[number] = number_text(value) if kind is int or kind is float else ""
            continue
        values[number] = ""
        leaves.add(value, number, keys, first)
        if ruled:
            _rule(leaves, policy, number, values, first)
    leaves.texts = values
    return leaves


def number_text(value: float) -> str:
    """A number as its JSON text; empty where it cannot be of any category, as for fractions."""
    if -MIN_NUMBER < value < MIN_NUMBER:
        return ""
    if type(value) is float:
        return str(int(value)) if value.is_integer() and abs(value) < MAX_EXACT_FLOAT else ""
    return str(value)


def _rule(leaves: Leaves, policy: Policy, outer: int, values: list[Any], first: int) -> None:
    """Note what the policy says of the values of container `outer`; what is hidden whole becomes null in `values`."""
    for number in range(first, len(values)):
        rule = policy.paths.get(leaves.path(number, {})) if policy.paths else None
        rule = rule or policy.names.get(leaves.place(number)[1]) or leaves.rules.get(outer)
        if rule is None:
            continue
        leaves.rules[number] = rule
        if rule.whole is not None and values[number] is not None:
            leaves.whole.append((number, rule.whole))
            values[number] = None
