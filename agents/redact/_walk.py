"""The leaves of a JSON value: every text and number that may hold something personal, and where it stands."""

from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple, TypeAlias

from penstock.agents.redact._policy import Policy, Rule
from penstock.agents.redact._strategy import Strategy

Holder: TypeAlias = dict[str, Any] | list[Any]
Node: TypeAlias = tuple[Any, Holder, Any] | None
"""Where a container stands: (node of the container it is in, that container, key or index); None at the top."""
Learn: TypeAlias = Callable[[str], tuple[int, ...] | None]
"""A field's name in, the numbers of the recognizers that it names out; None if the name itself is personal."""
Renamed: TypeAlias = dict[tuple[int, str], str]
"""(id of an object, name of a field in it) -> the name that it will have."""

MIN_NUMBER: Final = 10**6
"""Smaller numbers are of no category: the shortest, a local phone number, has seven digits."""
MAX_EXACT_FLOAT: Final = 1e16
"""From here on a whole float is written with an exponent."""


class Leaf(NamedTuple):
    """Where a text stands.

    Attributes
    ----------
    holder, key
        ``holder[key]`` is the value.
    node
        Where `holder` is.
    named
        The numbers of the recognizers that the field's name, or its list's, calls for.
    rule
        What the policy says here.
    """

    holder: Any
    key: Any
    node: Node
    named: tuple[int, ...]
    rule: Rule


class Leaves:
    """What a walk found.

    Attributes
    ----------
    texts, places
        The text of each leaf, and where it is; of a number, its digits.
    names
        The fields whose name is personal: where the object is, the object, the name.
    whole
        The values that are hidden whatever they are.
    """

    __slots__ = ("names", "places", "texts", "whole")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.places: list[Leaf] = []
        self.names: list[tuple[Node, dict[str, Any], str]] = []
        self.whole: list[tuple[Leaf, Strategy]] = []

    def add(self, holder: Any, key: Any, node: Node, named: tuple[int, ...], rule: Rule) -> None:
        """Note ``holder[key]`` if it is a text, or a number that matters."""
        value = holder[key]
        text = value if type(value) is str else number_text(value) if type(value) in (int, float) else ""
        if text:
            self.texts.append(text)
            self.places.append(Leaf(holder, key, node, named, rule))


def walk(tree: Holder, policy: Policy, learn: Learn, node: Node = None) -> Leaves:
    """Collect the leaves of `tree`, which stands at `node`. Values under a rule that hides them whole are left out."""
    leaves = Leaves()
    ruled = bool(policy.names or policy.paths)
    stack: list[tuple[Holder, Node, tuple[int, ...], Rule]] = [(tree, node, (), policy.base)]
    while stack:  # a stack of our own: data may be nested deeper than Python's
        holder, node, named, outer = stack.pop()
        rule = outer
        items: Iterable[tuple[Any, Any]] = holder.items() if isinstance(holder, dict) else enumerate(holder)
        for key, value in items:
            if isinstance(holder, dict):
                known = learn(key)
                if known is None:
                    leaves.names.append((node, holder, key))
                named = known or ()
            if ruled:
                rule = _rule(policy, node, key, outer)
                if rule.whole is not None:
                    if value is not None:
                        leaves.whole.append((Leaf(holder, key, node, named, rule), rule.whole))
                    continue
            if isinstance(value, dict | list):
                stack.append((value, (node, holder, key), named, rule))
            else:
                leaves.add(holder, key, node, named, rule)
    return leaves


def number_text(value: float) -> str:
    """A number as its JSON text; empty where it cannot be of any category, as for fractions."""
    if -MIN_NUMBER < value < MIN_NUMBER:
        return ""
    if type(value) is float:
        return str(int(value)) if value.is_integer() and abs(value) < MAX_EXACT_FLOAT else ""
    return str(value)


def _rule(policy: Policy, node: Node, key: Any, outer: Rule) -> Rule:
    if policy.paths and (found := policy.paths.get(path(node, key))):
        return found
    return policy.names.get(key, outer)


def path(node: Node, key: Any, renamed: Renamed | None = None, holder: Any = None) -> str:
    """The dotted path of a field, with the new names of those whose name was personal."""
    parts = []
    while True:
        new = renamed.get((id(holder), key)) if renamed and type(key) is str else None
        parts.append(new or str(key))
        if node is None:
            return ".".join(reversed(parts))
        node, holder, key = node
