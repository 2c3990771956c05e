"""The leaves of a JSON value: every text and number that may hold something personal, and where it stands."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias

from penstock.agents.redact._policy import Policy, Rule
from penstock.agents.redact._strategy import Strategy

Holder: TypeAlias = dict[str, Any] | list[Any]
Node: TypeAlias = tuple[Any, Holder, Any] | None
"""Where a container stands: (node of the container it is in, that container, key or index); None at the top."""
Known: TypeAlias = Mapping[str, tuple[int, ...]]
"""A field's name -> the numbers of the recognizers that it names."""
Learn: TypeAlias = Callable[[str], tuple[tuple[int, ...], bool]]
"""The same for a name that is not known yet, and whether the name itself is personal."""
Renamed: TypeAlias = dict[tuple[int, str], str]
"""(id of an object, name of a field in it) -> the name that it will have."""

MIN_NUMBER: Final = 10**6
"""Smaller numbers are of no category: the shortest, a local phone number, has seven digits."""
MAX_EXACT_FLOAT: Final = 1e16
"""From here on a whole float is written with an exponent."""


Leaf: TypeAlias = tuple[Any, Any, Node, Rule]
"""Where a value stands: ``holder[key]``, `holder` stands at the node, and what the policy says there."""


class Leaves:
    """What a walk found.

    Attributes
    ----------
    texts, places
        The text of each leaf, and where it is; of a number, its digits.
    named
        The leaves whose field's (or list's) name calls for recognizers: the number of the leaf, those of them.
    names
        The fields whose name is personal: where the object is, the object, the name.
    whole
        The values that are hidden whatever they are.
    """

    __slots__ = ("named", "names", "places", "texts", "whole")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.places: list[Leaf] = []
        self.named: list[tuple[int, tuple[int, ...]]] = []
        self.names: list[tuple[Node, dict[str, Any], str]] = []
        self.whole: list[tuple[Leaf, Strategy]] = []


def walk(tree: Holder, policy: Policy, known: Known, learn: Learn, node: Node = None) -> Leaves:
    """Collect the leaves of `tree`, which stands at `node`. Values under a rule that hides them whole are left out."""
    leaves = Leaves()
    texts, places = leaves.texts, leaves.places
    ruled = bool(policy.names or policy.paths)
    stack: list[tuple[Holder, Node, tuple[int, ...], Rule]] = [(tree, node, (), policy.base)]
    while stack:  # a stack of our own: data may be nested deeper than Python's
        holder, node, named, outer = stack.pop()
        rule = outer
        is_object = type(holder) is dict
        items: Iterable[tuple[Any, Any]] = holder.items() if is_object else enumerate(holder)  # type: ignore[union-attr]
        for key, value in items:
            if is_object:
                found = known.get(key)
                if found is None:
                    found, personal = learn(key)
                    if personal:
                        leaves.names.append((node, holder, key))  # type: ignore[arg-type]
                named = found
            if ruled:
                rule = rule_at(policy, node, key, outer)
                if rule.whole is not None:
                    if value is not None:
                        leaves.whole.append(((holder, key, node, rule), rule.whole))
                    continue
            kind = type(value)
            if kind is dict or kind is list:
                stack.append((value, (node, holder, key), named, rule))
                continue
            text = value if kind is str else number_text(value) if kind is int or kind is float else ""
            if text:
                if named:
                    leaves.named.append((len(texts), named))
                texts.append(text)
                places.append((holder, key, node, rule))
    return leaves


def number_text(value: float) -> str:
    """A number as its JSON text; empty where it cannot be of any category, as for fractions."""
    if -MIN_NUMBER < value < MIN_NUMBER:
        return ""
    if type(value) is float:
        return str(int(value)) if value.is_integer() and abs(value) < MAX_EXACT_FLOAT else ""
    return str(value)


def rule_at(policy: Policy, node: Node, key: Any, outer: Rule) -> Rule:
    """What the policy says of one field; `outer` is what it says of the container."""
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
