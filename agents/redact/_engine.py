"""Finding and replacing in one JSON value.

All texts are searched as one, so that each pattern is tried once, however many values there are; a match never reaches
from one value into the next. A value that its field's name vouches for is one match, and not searched.
"""

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Final, TypeAlias

import orjson

from penstock.agents.redact._policy import KEEP, WHOLE_FIELD, Policy, Strategies
from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact._spans import Span, settle
from penstock.agents.redact._strategy import Strategy
from penstock.agents.redact._walk import Leaves, Renamed, Shape, walk

Counts: TypeAlias = dict[tuple[str, str, str], int]
"""(field, category, strategy) -> matches."""
Hits: TypeAlias = Sequence[int]
"""Numbers of the patterns to be tried; numbers beyond them say nothing here."""

_BETWEEN: Final = "\0"  # no pattern takes a control character, or tells one from another
_OTHER_CONTROL: Final = "\1"
# what is remembered, at most: names or shapes, fields of a shape, characters of a name
_KNOWN: Final = 4096
_SHAPE_FIELDS: Final = 64
_NAME_LENGTH: Final = 128


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
        self._begins = list(accumulate((len(item.exact) for item in recognizers), initial=0))
        self._matches = [recognizers[one].exact[number].match for one, number in self.patterns]
        self._categories = [item.category for item in recognizers]
        # names of fields are few and come again: they are remembered, personal ones aside
        self._names: dict[str, tuple[int, ...]] = {}
        self._shapes: dict[tuple[str, ...], Shape] = {}

    def leaves(self, tree: dict[str, Any]) -> Leaves:
        """The leaves of `tree`."""
        return walk(tree, self.policy, self._shapes, self._learn)

    def note_leaves(self, note: dict[str, Any], name: str) -> Leaves:
        """The leaves of what a stage noted, ``note[name]``; rules of fields hold below it, not for the note itself."""
        value = note[name]
        if isinstance(value, dict | list):
            return walk(value, self.policy, self._shapes, self._learn, name)
        return walk(note, Policy(self.policy.base), self._shapes, self._learn)

    def find(self, leaves: Leaves, hits: Hits) -> list[tuple[int, str, list[Span]]]:
        """Number, text and spans to be hidden of each leaf that has some; of the patterns, only `hits` are tried."""
        texts = leaves.texts
        found = []
        for number, called in leaves.named.items():
            text = texts[number]
            for one in called if text else ():
                if self.recognizers[one].is_value(text):
                    found.append((number, text, [(0, len(text), self._owner(text, one, hits))]))
                    texts[number] = ""
                    break
        found += [(number, texts[number], spans) for number, spans in self._search(texts, hits)]
        return found

    def in_text(self, text: str) -> list[Span]:
        """The spans to be hidden in a text that stands in no field, as the name of a field."""
        found = self._search([text], self.all_hits)
        return found[0][1] if found else []

    def redact(self, leaves: Leaves, hits: Hits, counts: Counts, null: bool = True) -> bool:
        """Hide in place what is found, and count it; whether anything changed.

        Parameters
        ----------
        null
            Whether a value that is removed whole may become null; otherwise a marker takes its place.
        """
        renamed = self._new_names(leaves, counts) if leaves.names else {}
        changed = bool(renamed)
        for number, text, spans in self.find(leaves, hits):
            holder, key, where = leaves.place(number, renamed)
            strategies = leaves.rules.get(number, leaves.base).strategies
            new: str | None = self._replaced(text, spans, strategies, where, counts)
            if new != text:
                first, last, one = spans[0]
                if null and last - first == len(text) and strategies[self._categories[one]].null:
                    new = None
                holder[key] = new
                changed = True
        for number, strategy in leaves.whole:
            changed |= _hide(leaves, number, strategy, renamed, counts, null)
        if renamed:
            _rename(leaves, renamed)
        return changed

    def _owner(self, text: str, one: int, hits: Hits) -> int:
        """Whose a whole text is that recognizer `one` takes: its own, unless one of higher precedence takes it too."""
        for hit in hits:
            if hit < self._begins[one] and self._matches[hit](text):
                other, pattern = self.patterns[hit]
                if self.recognizers[other].takes(pattern, text):
                    one = other
        return one

    def _search(self, texts: list[str], hits: Hits) -> list[tuple[int, list[Span]]]:
        """The number of each text in which the patterns find something, and its spans."""
        text = _BETWEEN.join(texts)
        if text.count(_BETWEEN) >= len(texts):
            text = _BETWEEN.join([item.replace(_BETWEEN, _OTHER_CONTROL) for item in texts])
        spans: list[Span] = []
        for hit in hits:
            if hit < len(self.patterns):
                one, pattern = self.patterns[hit]
                item = self.recognizers[one]
                pairs = _anchored(item, pattern, text) if item.anchor else item.spans(pattern, text)
                for first, last in pairs:
                    spans.append((first, last, one))
        spans.sort()
        found: list[tuple[int, list[Span]]] = []
        number = begin = at = 0
        for first, last, one in spans:
            passed = text.count(_BETWEEN, at, first)
            if passed:
                number += passed
                begin = text.rfind(_BETWEEN, at, first) + 1
            if passed or not found:
                found.append((number, inside := []))
            inside.append((first - begin, last - begin, one))
            at = first
        return [(number, settle(inside)) for number, inside in found]

    def _learn(self, keys: tuple[str, ...]) -> Shape:
        """See `_walk.Learn`."""
        fresh = [name for name in keys if name not in self._names]
        personal = {fresh[number] for number, _ in self._search(fresh, self.all_hits)}
        written = '":'.join([*fresh, ""]).encode("utf-8", "surrogatepass")
        callers = [
            (one, item)
            for one, item in enumerate(self.recognizers)
            if item.name_candidate and re.search(item.name_candidate, written)
        ]
        called = {name: tuple(one for one, item in callers if item.names_field(name)) for name in fresh}
        calls = [(place, called.get(name) or self._names.get(name, ())) for place, name in enumerate(keys)]
        places = tuple(place for place, name in enumerate(keys) if name in personal)
        shape = tuple((place, recognizers) for place, recognizers in calls if recognizers), places
        kept = {name for name in fresh if name not in personal and len(name) <= _NAME_LENGTH}
        _remember(self._names, {name: called[name] for name in kept})
        if len(keys) <= _SHAPE_FIELDS and all(name in self._names for name in keys):
            _remember(self._shapes, {keys: shape})
        return shape

    def _new_names(self, leaves: Leaves, counts: Counts) -> Renamed:
        renamed: Renamed = {}
        taken: dict[int, set[str]] = {}
        tried: dict[tuple[int, str], int] = {}
        for field in leaves.names:
            holder, name, _ = leaves.place(field, renamed)
            said: Counts = {}
            unique = new = self._replaced(name, self.in_text(name), self.policy.base.strategies, "", said)
            names = taken.get(id(holder)) or taken.setdefault(id(holder), set(holder))
            number = tried.get((id(holder), new), 2)
            while unique in names and unique != name:  # two names must not become one, a value would be lost
                unique, number = f"{new}~{number}", number + 1
            tried[id(holder), new] = number
            if unique != name:
                renamed[field] = unique
                names.add(unique)
            where = leaves.place(field, renamed)[2]
            for (_, category, strategy), matches in said.items():
                _count(counts, (where, category, strategy), matches)
        return renamed

    def _replaced(self, text: str, spans: list[Span], strategies: Strategies, where: str, counts: Counts) -> str:
        """`text`, which stands at `where`, with its spans replaced."""
        first, last, one = spans[0]
        if last - first == len(text):
            return self._stand_in(text, one, strategies, where, counts)
        pieces: list[str] = []
        behind = 0
        for first, last, one in spans:
            new = self._stand_in(text[first:last], one, strategies, where, counts)
            pieces += (text[behind:first], new)
            behind = last
        pieces.append(text[behind:])
        return "".join(pieces)

    def _stand_in(self, match: str, one: int, strategies: Strategies, where: str, counts: Counts) -> str:
        """What stands for a match of recognizer `one`."""
        category = self._categories[one]
        strategy = strategies[category]
        new = strategy.replace(match)
        # what is general already (a network's address) is no find
        if new != match or strategy.name == KEEP:
            _count(counts, (where, category, strategy.name))
        return new


def _anchored(recognizer: Recognizer, number: int, text: str) -> list[tuple[int, int]]:
    """What pattern `number` finds, tried only on those of the texts in `text` that have the recognizer's anchor."""
    found: list[tuple[int, int]] = []
    at = text.find(recognizer.anchor)
    while at >= 0:
        left, right = text.rfind(_BETWEEN, 0, at) + 1, text.find(_BETWEEN, at)
        right = len(text) if right < 0 else right
        found += recognizer.spans(number, text, left, right)
        at = text.find(recognizer.anchor, right)
    return found


def _remember(known: dict[Any, Any], new: dict[Any, Any]) -> None:
    """Add what is new, as far as there is room after forgetting the rest."""
    if len(known) + len(new) > _KNOWN:
        known.clear()
    if len(new) <= _KNOWN:
        known.update(new)


def _count(counts: Counts, key: tuple[str, str, str], matches: int = 1) -> None:
    counts[key] = counts.get(key, 0) + matches


def _rename(leaves: Leaves, renamed: Renamed) -> None:
    """Give fields their new names, where they stand."""
    changes: dict[int, tuple[dict[str, Any], dict[str, str]]] = {}
    for number, new in renamed.items():
        holder, name, _ = leaves.place(number, renamed)
        changes.setdefault(id(holder), (holder, {}))[1][name] = new
    for holder, names in changes.values():
        items = [(names.get(name, name), value) for name, value in holder.items()]
        holder.clear()
        holder.update(items)


def _hide(leaves: Leaves, number: int, strategy: Strategy, renamed: Renamed, counts: Counts, null: bool) -> bool:
    """Hide a value whatever it is; of a container, each leaf, unless it becomes null as a whole."""
    top, name, where = leaves.place(number, renamed)
    key = where, WHOLE_FIELD, strategy.name
    if strategy.null and null:
        top[name] = None
        _count(counts, key)
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
                _count(counts, key)
                changed = True
    return changed
