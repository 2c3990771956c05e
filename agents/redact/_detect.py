"""Where something personal stands in texts and records, of what category, and how sure that is.

It sees what the stage `redact` sees, by the same recognizers and limits, and changes nothing; besides places it says
how sure a match is. With `thorough` it also looks behind disguises, and with `decode_base64` into encoded text, see
`_views`; places are those of the text as it came.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, TypeAlias

from penstock.agents.redact import _views
from penstock.agents.redact._engine import AnyLeaves, Engine
from penstock.agents.redact._recognizer import NAMED
from penstock.agents.redact._spans import Span, settle
from penstock.model.record import Data

Confidences: TypeAlias = dict[Span, float]
"""Span -> how sure it is."""

_DISGUISED: Final = 0.9
"""What is left of the confidence of a match that stood in another spelling."""


class Entity(NamedTuple):
    """A place where something personal stands.

    Attributes
    ----------
    category : str
    start, end : int
        Characters in the field's text (of a number, its digits).
    confidence : float
        0 to 1.
    field : str
        Dotted path.
    in_name : bool
        Whether it stands in the field's name rather than in its value; then `field` ends in that name.
    """

    category: str
    start: int
    end: int
    confidence: float
    field: str
    in_name: bool = False


Detect: TypeAlias = Callable[[Sequence[Data]], list[list[Entity]]]
"""Records in, for each of them what is in it, by field and place."""


def detector(engine: Engine) -> Detect:
    """Detects with the recognizers of `engine`; see the head of this module."""

    def detect(records: Sequence[Data]) -> list[list[Entity]]:
        leaves = [engine.leaves(record) for record in records]
        texts: list[str] = []
        firsts = [0]
        for one in leaves:
            texts += one.texts
            firsts.append(len(texts))
        sure = _in_texts(engine, texts)
        for make in engine.views:
            _look_behind(engine, texts, make, sure)
        found = []
        for number, one in enumerate(leaves):
            first, last = firsts[number : number + 2]
            found.append(_entities(engine, one, first, last, sure))
        return found

    return detect


def _in_texts(engine: Engine, texts: Sequence[str]) -> dict[int, Confidences]:
    """What the patterns find, by the number of the text."""
    found: dict[int, Confidences] = {}
    for at, patterns in engine.hits(texts).items():
        sure: Confidences = {}
        text = texts[at]
        for pattern in patterns:
            if pattern == engine.json:
                sure |= dict.fromkeys(engine.in_json(text), NAMED)
            if pattern >= engine.odd:
                continue
            one, number = engine.patterns[pattern]
            recognizer = engine.recognizers[one]
            for first, last in recognizer.spans(number, text):
                confidence = recognizer.confidence(number, text, first)
                if confidence > sure.get((first, last, one), 0.0):
                    sure[first, last, one] = confidence
        if sure:
            found[at] = sure
    return found


def _look_behind(
    engine: Engine, texts: Sequence[str], make: Callable[[str], _views.View | None], sure: dict[int, Confidences]
) -> None:
    """Add what is found in another spelling of the texts, at the places where it stands in them as they are."""
    seen = [(at, view) for at, text in enumerate(texts) if text and (view := make(text)) is not None]
    for at, spans in _in_texts(engine, [view.text for _, view in seen]).items():
        number, view = seen[at]
        known = sure.get(number, {})
        fresh: Confidences = {}
        for (first, last, one), confidence in spans.items():
            begin, end = view.place(first, last)
            if not any(begin < b and a < end and end - begin <= b - a for a, b, _ in known):
                fresh[begin, end, one] = max(confidence * _DISGUISED, fresh.get((begin, end, one), 0.0))
        if fresh:
            sure[number] = known | fresh


def _entities(engine: Engine, leaves: AnyLeaves, first: int, last: int, sure: dict[int, Confidences]) -> list[Entity]:
    """What is in one record, whose texts are those from `first` to `last`."""
    found: list[Entity] = []
    texts = leaves.texts
    for number in leaves.names:
        where, name = leaves.path(number, {}), str(leaves.key(number))
        found += _listed(engine, where, _in_texts(engine, [name]).get(0, {}), in_name=True)
    for number in range(last - first):
        spans = sure.get(first + number, {})
        named = leaves.named.get(number)
        if named and texts[number]:
            spans = _vouched(engine, named, texts[number], spans)
        if spans:
            found += _listed(engine, leaves.path(number, {}), spans)
    return found


def _vouched(engine: Engine, named: Iterable[int], text: str, spans: Confidences) -> Confidences:
    """With the word of the field's name: the whole value is one match, unless a stronger one takes it as well."""
    for one in named:
        if engine.recognizers[one].is_value(text):
            whole = [span for span in spans if span[:2] == (0, len(text)) and span[2] < one]
            owner = min(whole)[2] if whole else one
            return {(0, len(text), owner): max(NAMED, spans.get((0, len(text), owner), 0.0))}
    return spans


def _listed(engine: Engine, field: str, sure: Confidences, *, in_name: bool = False) -> list[Entity]:
    """The matches of one text without overlaps, in their order."""
    found = []
    for first, last, one in settle(sorted(sure)):
        confidence = max(c for (a, b, other), c in sure.items() if other == one and a <= first and last <= b)
        category = engine.recognizers[one].category
        found.append(Entity(category, first, last, round(confidence, 3), field, in_name))
    return found
