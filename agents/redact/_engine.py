"""Finding and replacing in JSON values.

The texts of many values are looked through at once for whatever *may* be personal; the exact patterns and validators
then decide, text by text, those of them that were seen there. Candidates never miss what the exact patterns find (see
`_recognizer`), so that this is the same as trying every pattern on every text. A value that its field's name vouches
for is one match, and not searched.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias

import orjson

from penstock.agents.redact import _prefilter, _views
from penstock.agents.redact._flat import FlatLeaves, Plan, plan
from penstock.agents.redact._policy import KEEP, WHOLE_FIELD, Policy, Strategies
from penstock.agents.redact._recognizer import Recognizer, may_be_named
from penstock.agents.redact._sealing import Match, Scope
from penstock.agents.redact._spans import Seen, Span, settle
from penstock.agents.redact._strategy import STARTS, Strategy, is_written, stand_in
from penstock.agents.redact._walk import Leaves, Renamed, Shape, walk
from penstock.model.errors import ConfigurationError
from penstock.model.layout import Layout
from penstock.model.record import Data

Counts: TypeAlias = dict[tuple[str, str, str], int]
"""(field, category, strategy) -> matches."""


Find: TypeAlias = tuple[int, str, list[Span]]
"""A leaf in which something is to be hidden: its number, its text, and where in it."""

AnyLeaves: TypeAlias = Leaves | FlatLeaves

_NEVER: Final = object()
_ONCE: Final = object()
_TYPES: Final = "schema"
"""The note whose values are types of fields, by the names of these: they vouch for nothing there."""
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
    thorough, decode_base64
        Which other spellings of texts are looked at as well, see `_views`.

    Raises
    ------
    ConfigurationError
        A recognizer has not one candidate for each exact pattern.
    """

    def __init__(
        self,
        recognizers: Sequence[Recognizer],
        policy: Policy,
        *,
        thorough: bool = False,
        decode_base64: bool = False,
    ) -> None:
        self.recognizers = recognizers
        self.policy = policy
        # (number of the recognizer, number of the pattern in it) of each exact pattern, as candidates are numbered
        self.patterns = [(one, number) for one, item in enumerate(recognizers) for number in range(len(item.exact))]
        self._categories = [item.category for item in recognizers]
        if any(len(item.candidates) != len(item.exact) for item in recognizers):
            raise ConfigurationError("redact: a recognizer has not one candidate for each exact pattern")
        candidates = (*(one for item in recognizers for one in item.candidates), _views.CANDIDATE, _views.JSON)
        self._scan = _prefilter.prefilter(candidates)
        self.odd = len(self.patterns)  # the number of the candidate for texts that have another spelling
        self.json = self.odd + 1  # and for those that may be JSON
        self.views = _views.views(thorough=thorough, decode_base64=decode_base64)
        self._all_odd = thorough or decode_base64
        # names of fields are few and come again: they are remembered, personal ones aside
        self._names: dict[str, tuple[int, ...]] = {}
        self._name_ends = frozenset().union(*(item.name_ends for item in recognizers))
        self._shapes: dict[tuple[str, ...], Shape] = {}
        self._plans: dict[Layout, Plan | object | None] = {}
        self._ruled = bool(policy.names or policy.paths)

    def record_leaves(self, layout: Layout, data: Data) -> AnyLeaves:
        """The leaves of a record; from the second record of a layout on without a walk."""
        known = self._plans.get(layout, _NEVER)
        if known is None:
            return self.leaves(data)
        if isinstance(known, Plan):
            return FlatLeaves(known, data)
        # what comes once only is not worth a plan
        found = plan(data, self.policy.base, self._shapes, self._learn) if known is _ONCE and not self._ruled else None
        _remember(self._plans, {layout: found if known is _ONCE else _ONCE})
        return self.leaves(data)

    def leaves(self, tree: dict[str, Any]) -> Leaves:
        """The leaves of `tree`."""
        return walk(tree, self.policy, self._shapes, self._learn)

    def note_leaves(self, note: dict[str, Any], name: str) -> Leaves:
        """The leaves of what a stage noted, ``note[name]``; rules of fields hold below it, not for the note itself."""
        value = note[name]
        if isinstance(value, dict | list):
            leaves = walk(value, self.policy, self._shapes, self._learn, name)
            if name == _TYPES:
                leaves.named = {}
            return leaves
        return walk(note, Policy(self.policy.base), self._shapes, self._learn)

    def find(self, values: Sequence[AnyLeaves]) -> list[list[Find]]:
        """For each of `values`, its leaves in which something is to be hidden."""
        texts: list[str] = []
        firsts = []
        for leaves in values:
            firsts.append(len(texts))
            texts += leaves.texts
        hits = self.hits(texts)
        found = [
            self._vouched(leaves, first, hits) if leaves.named else []
            for leaves, first in zip(values, firsts, strict=True)
        ]
        for number, patterns in hits.items():
            spans = self._spans(texts[number], patterns)
            if spans:
                at = bisect_right(firsts, number) - 1
                found[at].append((number - firsts[at], texts[number], spans))
        return found

    def in_text(self, text: str) -> list[Span]:
        """The spans to be hidden in a text that stands in no field, as the name of a field."""
        return self._spans(text, range(self.json + 1))

    def to_seal(self, leaves: AnyLeaves, found: Sequence[Find]) -> Iterator[Match]:
        """All that `redact` will ask keys for, or more."""
        base = leaves.base.strategies
        texts = [(name, self.in_text(name), base) for name in map(leaves.key, leaves.names)]
        for number, text, spans in found:
            texts.append((text, spans, leaves.rules[number].strategies if number in leaves.rules else base))
        for text, spans, strategies in texts:
            for span in spans:
                strategy, said = strategies[self._categories[span[2]]], _said(span, text)
                if strategy.seal is not None and not is_written(said):
                    yield Match(said, strategy.canonical)
        for number, strategy in leaves.whole:
            if strategy.seal is not None:
                assert isinstance(leaves, Leaves)  # others have no such values
                for text in _leaf_texts(leaves.value(number)):
                    yield Match(text, strategy.canonical)

    def redact(
        self,
        leaves: AnyLeaves,
        found: Sequence[Find],
        counts: Counts,
        null: bool = True,
        scope: Scope | None = None,
    ) -> bool:
        """Hide what was found, in a copy, and count it; whether anything changed.

        Parameters
        ----------
        null
            Whether a value that is removed whole may become null; otherwise a marker takes its place.
        scope
            The keys for `to_seal`; None where nothing is sealed.
        """
        renamed = self._new_names(leaves, counts, scope) if isinstance(leaves, Leaves) and leaves.names else {}
        changed = bool(renamed)
        rules, base = leaves.rules, leaves.base
        for number, text, spans in found:
            strategies = (rules.get(number, base) if rules else base).strategies
            new: str | None = self._replaced(text, spans, strategies, leaves.path(number, renamed), counts, scope)
            if new != text:
                first, last, one = spans[0]
                if null and last - first == len(text) and strategies[self._categories[one]].null:
                    new = None
                leaves.replace(number, new)
                changed = True
        if isinstance(leaves, Leaves):
            for number, strategy in leaves.whole:
                changed |= _hide(leaves, number, strategy, renamed, counts, null, scope)
            _rename(leaves, renamed)
        return changed

    def hits(self, texts: Sequence[str]) -> dict[int, list[int]]:
        """Number of a text -> the patterns that may match there."""
        joined = f"\0{_BETWEEN.join(texts)}\0"
        if joined.count(_BETWEEN) != len(texts) + 1:
            joined = f"\0{_BETWEEN.join([text.replace(_BETWEEN, _OTHER_CONTROL) for text in texts])}\0"
        data = joined.encode("utf-8", "surrogatepass")
        count = data.count
        hits: dict[int, list[int]] = {}
        number, at = -1, 0
        for last, pattern in sorted(self._scan(data)):
            # what is behind a text belongs to it
            number += count(b"\0", at, last)
            at = last
            patterns = hits.get(number)
            if patterns is None:
                hits[number] = [pattern]
            else:
                patterns.append(pattern)
        if self._all_odd:  # no candidate tells which texts those spellings are of
            for number, text in enumerate(texts):
                if text:
                    hits.setdefault(number, []).append(self.odd)
        return hits

    def _vouched(self, leaves: AnyLeaves, first: int, hits: dict[int, list[int]]) -> list[Find]:
        """The leaves that the names of their fields vouch for; their hits are taken out."""
        found: list[Find] = []
        texts, recognizers = leaves.texts, self.recognizers
        for number, called in leaves.named.items():
            text = texts[number]
            for one in called if text else ():
                if recognizers[one].is_value(text):
                    seen = hits.pop(first + number, None)
                    found.append((number, text, [(0, len(text), self._owner(text, one, seen) if seen else one)]))
                    break
        return found

    def _owner(self, text: str, one: int, hits: Iterable[int]) -> int:
        """Whose a whole text is that recognizer `one` takes: its own, unless one of higher precedence takes it too."""
        for hit in sorted(hits):
            if hit >= self.odd:
                break
            other, pattern = self.patterns[hit]
            if other < one and self.recognizers[other].takes(pattern, text):
                return other
        return one

    def _spans(self, text: str, patterns: Iterable[int]) -> list[Span]:
        """The spans that these patterns find in a text."""
        spans: list[Span] = []
        special = []
        for pattern in patterns:
            if pattern >= self.odd:
                special.append(pattern)
                continue
            one, number = self.patterns[pattern]
            for first, last in self.recognizers[one].spans(number, text):
                spans.append((first, last, one))
        if self.json in special:
            spans += self.in_json(text)
        if self.odd in special:
            self._look_behind(text, spans)
        if len(spans) > 1:
            spans.sort()
            return settle(spans)
        return spans

    def in_json(self, text: str) -> list[Span]:
        """The values of JSON in a text that the names of their fields vouch for."""
        spans: list[Span] = []
        for name, start, end in _views.fields(text):
            called = self._called(name)
            for said, first, last in _views.scalars(text, start, end) if called else ():
                one = next((one for one in called if self.recognizers[one].is_value(said)), None)
                if one is not None:
                    whole = first, last, one
                    spans.append(whole if last - first == len(said) else Seen(whole, said))
        return spans

    def _called(self, name: str) -> tuple[int, ...]:
        """The recognizers that the name of a field calls for."""
        called = self._names.get(name)
        if called is None:
            called = self._callers(name)
            if not self.in_text(name):
                _remember(self._names, {name: called})
        return called

    def _callers(self, name: str) -> tuple[int, ...]:
        if not may_be_named(name, self._name_ends):
            return ()
        return tuple(one for one, item in enumerate(self.recognizers) if item.names_field(name))

    def _look_behind(self, text: str, spans: list[Span]) -> None:
        """Add what stands in other spellings of a text, where no longer match is found in it as it is."""
        for make in self.views:
            view = make(text)
            if view is None:
                continue
            known = list(spans)
            for pattern in self.hits([view.text]).get(0, ()):
                if pattern >= self.odd:
                    continue
                one, number = self.patterns[pattern]
                for first, last in self.recognizers[one].spans(number, view.text):
                    begin, end = view.place(first, last)
                    if not any(begin < b and a < end and end - begin <= b - a for a, b, _ in known):
                        spans.append(Seen((begin, end, one), view.text[first:last]))

    def _learn(self, keys: tuple[str, ...]) -> Shape:
        """See `_walk.Learn`."""
        fresh = [name for name in keys if name not in self._names]
        personal = {fresh[number] for number, hits in self.hits(fresh).items() if self._spans(fresh[number], hits)}
        called = {name: self._callers(name) for name in fresh}
        calls = [(place, called.get(name) or self._names.get(name, ())) for place, name in enumerate(keys)]
        for one, item in enumerate(self.recognizers):
            for place in item.beside(keys):
                calls[place] = place, (*calls[place][1], one)
        places = tuple(place for place, name in enumerate(keys) if name in personal)
        shape = tuple((place, recognizers) for place, recognizers in calls if recognizers), places
        kept = {name for name in fresh if name not in personal and len(name) <= _NAME_LENGTH}
        _remember(self._names, {name: called[name] for name in kept})
        if len(keys) <= _SHAPE_FIELDS and all(name in self._names for name in keys):
            _remember(self._shapes, {keys: shape})
        return shape

    def _new_names(self, leaves: Leaves, counts: Counts, scope: Scope | None) -> Renamed:
        renamed: Renamed = {}
        taken: dict[int, set[str]] = {}
        tried: dict[tuple[int, str], int] = {}
        for field in leaves.names:
            holder, name = leaves.holder(field), leaves.key(field)
            said: Counts = {}
            unique = new = self._replaced(name, self.in_text(name), self.policy.base.strategies, "", said, scope)
            names = taken.get(id(holder)) or taken.setdefault(id(holder), set(holder))
            number = tried.get((id(holder), new), 2)
            while unique in names and unique != name:  # two names must not become one, a value would be lost
                unique, number = f"{new}~{number}", number + 1
            tried[id(holder), new] = number
            if unique != name:
                renamed[field] = unique
                names.add(unique)
            where = leaves.path(field, renamed)
            for (_, category, strategy), matches in said.items():
                _count(counts, (where, category, strategy), matches)
        return renamed

    def _replaced(
        self, text: str, spans: list[Span], strategies: Strategies, where: str, counts: Counts, scope: Scope | None
    ) -> str:
        """`text`, which stands at `where`, with its spans replaced."""
        first, last, one = span = spans[0]
        if last - first == len(text):
            return self._stand_in(_said(span, text), one, strategies, where, counts, scope)
        pieces = []
        for span in spans:
            said = _said(span, text)
            new = self._stand_in(said, span[2], strategies, where, counts, scope)
            if new != said:
                pieces.append((span[0], span[1], new))
        parts: list[str] = []
        behind = 0
        for first, last, new in _views.quoted(text, pieces):
            parts += (text[behind:first], new)
            behind = last
        parts.append(text[behind:])
        return "".join(parts)

    def _stand_in(
        self, match: str, one: int, strategies: Strategies, where: str, counts: Counts, scope: Scope | None
    ) -> str:
        """What stands for a match of recognizer `one`."""
        category = self._categories[one]
        strategy = strategies[category]
        if strategy.seal is None and match[:4] not in STARTS:
            new = strategy.replace(match)
        else:
            new = stand_in(strategy, match, where, scope)
        # what is general already (a network's address) is no find
        if new != match or strategy.name == KEEP:
            key = where, category, strategy.name
            counts[key] = counts.get(key, 0) + 1
        return new


def _said(span: Span, text: str) -> str:
    """The match that a span of `text` is."""
    return span.said if type(span) is Seen else text[span[0] : span[1]]


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
        holder = leaves.holder(number)
        changes.setdefault(id(holder), (holder, {}))[1][leaves.key(number)] = new
    for holder, names in changes.values():
        items = [(names.get(name, name), value) for name, value in holder.items()]
        holder.clear()
        holder.update(items)


def _leaf_texts(value: Any) -> Iterator[str]:
    """The texts of the leaves of a value, as `_hide` sees them."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _leaf_texts(item)
    elif value is not None:
        yield _leaf_text(value)


def _leaf_text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _hide(
    leaves: Leaves,
    number: int,
    strategy: Strategy,
    renamed: Renamed,
    counts: Counts,
    null: bool,
    scope: Scope | None,
) -> bool:
    """Hide a value whatever it is; of a container, each leaf, unless it becomes null as a whole."""
    key = leaves.path(number, renamed), WHOLE_FIELD, strategy.name
    if strategy.null and null:
        leaves.replace(number, None)
        _count(counts, key)
        return True
    hidden = 0

    def hide(value: Any) -> Any:
        nonlocal hidden
        if isinstance(value, dict):
            return {name: hide(item) for name, item in value.items()}
        if isinstance(value, list):
            return [hide(item) for item in value]
        if value is None:
            return None
        text = _leaf_text(value)
        new = stand_in(strategy, text, key[0], scope)
        if new == text:
            return value
        hidden += 1
        return new

    value = hide(leaves.value(number))
    if hidden:
        leaves.replace(number, value)
        _count(counts, key, hidden)
    return bool(hidden)
