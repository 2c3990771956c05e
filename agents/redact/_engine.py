"""Finding and replacing in one JSON value.

Matches of one text that overlap: the longest has it, among equals the category that stands first in `PRECEDENCE`
(then in the alphabet); what it leaves of another is hidden as a match of that other category, so that strategies also
get parts of what a recognizer found. A match never reaches from one value into the next.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any, Final, TypeAlias

import orjson

from penstock.agents.redact._policy import KEEP, WHOLE_FIELD, Policy, Rule
from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact._strategy import Strategy
from penstock.agents.redact._walk import Leaf, Leaves, Renamed, path, walk

PRECEDENCE: Final = ("iban", "credit_card", "email", "ssn", "ip", "phone")

Span: TypeAlias = tuple[int, int, int]
"""First character, the one behind the last, number of the recognizer."""
Counts: TypeAlias = Counter[tuple[str, str, str]]
"""(field, category, strategy) -> matches."""

_BETWEEN: Final = "\0"  # no pattern takes a control character, so none goes over from leaf to leaf
_KNOWN_NAMES: Final = 4096


def in_order(categories: Iterable[str]) -> list[str]:
    """Categories, the one that wins first."""
    rank = {category: number for number, category in enumerate(PRECEDENCE)}
    return sorted(categories, key=lambda category: (rank.get(category, len(rank)), category))


class Engine:
    """Recognizers and a policy.

    Parameters
    ----------
    recognizers
        In the order of precedence.
    policy
        What to do with what they find.

    Attributes
    ----------
    patterns
        (number of the recognizer, number of the pattern in it) of each exact pattern: what `hits` count.
    """

    def __init__(self, recognizers: Sequence[Recognizer], policy: Policy) -> None:
        self.recognizers = recognizers
        self.policy = policy
        self.patterns = [(one, number) for one, item in enumerate(recognizers) for number in range(len(item.exact))]
        self.all_hits = range(len(self.patterns))
        self._names: dict[str, tuple[int, ...]] = {}

    def leaves(self, tree: dict[str, Any]) -> Leaves:
        """The leaves of `tree`."""
        return walk(tree, self.policy, self._names, self._learn)

    def note_leaves(self, note: dict[str, Any], name: str) -> Leaves:
        """The leaves of what a stage noted, ``note[name]``; rules of fields hold below it, not for the note itself."""
        value = note[name]
        if isinstance(value, dict | list):
            return walk(value, self.policy, self._names, self._learn, (None, note, name))
        return walk(note, Policy(self.policy.base), self._names, self._learn)

    def find(self, leaves: Leaves, hits: Iterable[int]) -> list[tuple[int, list[Span]]]:
        """The spans to be hidden, by the number of their leaf; of the patterns, only those of `hits` are tried."""
        texts = leaves.texts
        found: dict[int, list[Span]] = {}
        for index, named in leaves.named:
            for one in named:
                if self.recognizers[one].is_value(texts[index]):
                    found.setdefault(index, []).append((0, len(texts[index]), one))
        text = _BETWEEN.join(texts)
        last = len(self.patterns)
        spans = [span for hit in hits if hit < last for span in self._spans(hit, text)]
        if spans:
            starts = [0, *accumulate([len(item) + 1 for item in texts])]
            for begin, end, one in spans:
                index = bisect_right(starts, begin) - 1
                start = starts[index]
                found.setdefault(index, []).append((begin - start, end - start, one))
        return [(index, settle(spans) if len(spans) > 1 else spans) for index, spans in found.items()]

    def in_text(self, text: str) -> list[Span]:
        """The spans to be hidden in a text that stands in no field, as the name of a field."""
        return settle([span for hit in self.all_hits for span in self._spans(hit, text)])

    def redact(self, leaves: Leaves, hits: Iterable[int], counts: Counts, null: bool = True) -> tuple[bool, Renamed]:
        """Hide in place what is found, and count it.

        Parameters
        ----------
        null
            Whether a value that is removed whole may become null; otherwise a marker takes its place.

        Returns
        -------
        changed : bool
        renamed
            The new names of fields whose name was personal.
        """
        renamed = self._new_names(leaves, counts)
        changed = bool(renamed)
        for index, spans in self.find(leaves, hits):
            changed |= self._replace(leaves.places[index], leaves.texts[index], spans, renamed, counts, null)
        for leaf, strategy in leaves.whole:
            changed |= _hide(leaf, strategy, renamed, counts, null)
        for holder in {id(holder): holder for _, holder, _ in leaves.names}.values():
            items = [(renamed.get((id(holder), name), name), value) for name, value in holder.items()]
            holder.clear()
            holder.update(items)
        return changed, renamed

    def _spans(self, hit: int, text: str) -> Iterable[Span]:
        one, number = self.patterns[hit]
        recognizer = self.recognizers[one]
        if not recognizer.anchor:
            return [(first, last, one) for first, last in recognizer.spans(number, text)]
        found: list[Span] = []
        at = text.find(recognizer.anchor)
        while at >= 0:  # only the leaves that have the anchor
            left, right = text.rfind(_BETWEEN, 0, at) + 1, text.find(_BETWEEN, at)
            right = len(text) if right < 0 else right
            found += [(first, last, one) for first, last in recognizer.spans(number, text, left, right)]
            at = text.find(recognizer.anchor, right)
        return found

    def _learn(self, name: str) -> tuple[tuple[int, ...], bool]:
        """See `_walk.Learn`; names are few and come again, so they are remembered, personal ones aside."""
        named = tuple(one for one, item in enumerate(self.recognizers) if item.names_field(name))
        if self.in_text(name):
            return named, True
        if len(self._names) >= _KNOWN_NAMES:
            self._names.clear()
        self._names[name] = named
        return named, False

    def _new_names(self, leaves: Leaves, counts: Counts) -> Renamed:
        renamed: Renamed = {}
        for node, holder, name in leaves.names:
            said: list[tuple[str, str]] = []
            new = self._text(name, self.in_text(name), self.policy.base, said)
            taken = holder.keys() | {renamed[key] for key in renamed if key[0] == id(holder)}
            number = 2
            unique = new
            while unique in taken and unique != name:  # two names must not become one, a value would be lost
                unique, number = f"{new}~{number}", number + 1
            if unique != name:
                renamed[id(holder), name] = unique
            for category, strategy in said:
                counts[path(node, name, renamed, holder), category, strategy] += 1
        return renamed

    def _replace(self, leaf: Leaf, text: str, spans: list[Span], renamed: Renamed, counts: Counts, null: bool) -> bool:
        holder, key, node, rule = leaf
        said: list[tuple[str, str]] = []
        new: str | None = self._text(text, spans, rule, said)
        if said:
            where = path(node, key, renamed, holder)
            for category, strategy in said:
                counts[where, category, strategy] += 1
        if new == text:
            return False
        first, last, one = spans[0]
        if null and last - first == len(text) and rule.strategies[self.recognizers[one].category].null:
            new = None
        holder[key] = new
        return True

    def _text(self, text: str, spans: list[Span], rule: Rule, said: list[tuple[str, str]]) -> str:
        """`text` with its spans replaced; what was done is added to `said`."""
        pieces: list[str] = []
        behind = 0
        for first, last, one in spans:
            category = self.recognizers[one].category
            strategy = rule.strategies[category]
            old = text[first:last]
            new = strategy.replace(old)
            # what is general already (a network's address) is no find
            if new != old or strategy.name == KEEP:
                said.append((category, strategy.name))
            pieces += (text[behind:first], new)
            behind = last
        return "".join([*pieces, text[behind:]])


def settle(spans: list[Span]) -> list[Span]:
    """The spans without overlaps, from left to right; see the head of this module."""
    if len({span[:2] for span in spans}) == 1:  # most often
        return [(*spans[0][:2], min(one for _, _, one in spans))]
    settled: list[Span] = []
    for first, last, one in sorted(set(spans), key=_rank):
        pieces = [(first, last)]
        for begin, end, _ in settled:
            cut = [((a, min(b, begin)), (max(a, end), b)) for a, b in pieces]
            pieces = [piece for pair in cut for piece in pair if piece[0] < piece[1]]
        settled += [(a, b, one) for a, b in pieces]
    return sorted(settled)


def _rank(span: Span) -> tuple[int, int, int]:
    return span[0] - span[1], span[2], span[0]


def _hide(leaf: Leaf, strategy: Strategy, renamed: Renamed, counts: Counts, null: bool) -> bool:
    """Hide a value whatever it is; of a container, each leaf, unless it becomes null as a whole."""
    top, name, node, _ = leaf
    key = (path(node, name, renamed, top), WHOLE_FIELD, strategy.name)
    if strategy.null and null:
        top[name] = None
        counts[key] += 1
        return True
    changed = False
    stack: list[tuple[Any, Any]] = [(top, name)]
    while stack:
        holder, at = stack.pop()
        value = holder[at]
        if isinstance(value, dict):
            stack += [(value, name) for name in value]
        elif isinstance(value, list):
            stack += [(value, index) for index in range(len(value))]
        elif value is not None:
            text = value if isinstance(value, str) else orjson.dumps(value).decode()
            new = strategy.replace(text)
            if new != text:
                holder[at] = new
                counts[key] += 1
                changed = True
    return changed
