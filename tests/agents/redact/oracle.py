"""The slow, obvious redaction: every recognizer's patterns on every text, one at a time, with no scan before.

What `penstock.agents.redact` does must equal this. It shares with it only what recognizers say (`EXACT`, `validate`,
names and form of fields), the other spellings of a text, and the order of precedence.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from penstock.agents.redact import _recognizer, _spans, _views

REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL")
Span = tuple[int, int, str]
VIEWS = _views.views(thorough=False, decode_base64=False)
"""The other spellings that are looked at."""


def recognizers() -> list[_recognizer.Recognizer]:
    return [_recognizer.load(name, None, REGIONS) for name in _spans.in_order(_recognizer.RECOGNIZERS.modules)]


def spans(text: str, name: str | None, known: list[_recognizer.Recognizer], others: tuple[str, ...] = ()) -> list[Span]:
    """What is to be hidden in `text`, which stands in a field called `name` (None: in none) beside `others`."""
    found: list[tuple[int, int, int]] = _matched(text, known)
    for key, start, end in _views.fields(text):
        for said, first, last in _views.scalars(text, start, end):
            ranks = [rank for rank, item in enumerate(known) if item.names_field(key) and item.is_value(said)]
            found += [(first, last, rank) for rank in ranks[:1]]
    for make in VIEWS:
        view = make(text)
        places = [(*view.place(first, last), rank) for first, last, rank in _matched(view.text, known)] if view else []
        found = found + [
            one
            for one in places
            if not any(one[0] < b and a < one[1] and one[1] - one[0] <= b - a for a, b, _ in found)
        ]
    for rank, recognizer in enumerate(known):
        if _calls(recognizer, name, others) and recognizer.is_value(text):
            found.append((0, len(text), rank))
    found.sort(key=lambda span: (span[0] - span[1], span[2], span[0]))
    owner: list[tuple[int, int, int] | None] = [None] * len(text)
    for span in found:
        for at in range(span[0], span[1]):
            owner[at] = owner[at] or span
    pieces: list[Span] = []
    for at, span in enumerate(owner):
        if span is not None and (at == 0 or owner[at - 1] != span):
            last = next((end for end in range(at, len(text)) if owner[end] != span), len(text))
            pieces.append((at, last, known[span[2]].category))
    return pieces


def _matched(text: str, known: list[_recognizer.Recognizer]) -> list[tuple[int, int, int]]:
    return [(first, last, rank) for rank, recognizer in enumerate(known) for first, last in _matches(text, recognizer)]


def redact(
    value: Any, known: list[_recognizer.Recognizer], name: str | None = None, others: tuple[str, ...] = ()
) -> Any:
    """`value` with every match replaced by its category in brackets, a value that is one match by null."""
    if isinstance(value, dict):
        return _rename({key: redact(item, known, key, tuple(value)) for key, item in value.items()}, known)
    if isinstance(value, list):
        return [redact(item, known, name, others) for item in value]
    text = _text(value, name, known, others)
    found = [] if text is None else spans(text, name, known, others)
    if text is None or not found:
        return value
    return None if found[0][:2] == (0, len(text)) else _marked(text, found)


def count(
    value: Any, known: list[_recognizer.Recognizer], name: str | None = None, others: tuple[str, ...] = ()
) -> int:
    """How many matches are in `value`, names of fields included."""
    if isinstance(value, dict):
        inner = sum(count(item, known, key, tuple(value)) for key, item in value.items())
        return inner + sum(len(spans(key, None, known)) for key in value)
    if isinstance(value, list):
        return sum(count(item, known, name, others) for item in value)
    text = _text(value, name, known, others)
    return 0 if text is None else len(spans(text, name, known, others))


def _calls(recognizer: _recognizer.Recognizer, name: str | None, others: tuple[str, ...]) -> bool:
    """Whether the name of a field, or what it stands beside, says that it holds the category."""
    if name is None:
        return False
    return recognizer.names_field(name) or (name in others and others.index(name) in recognizer.beside(others))


def _rename(value: dict[str, Any], known: list[_recognizer.Recognizer]) -> dict[str, Any]:
    names = {key: _marked(key, spans(key, None, known)) for key in value}
    taken = set(value)
    for key, new in names.items():
        if new != key:
            unique, number = new, 2
            while unique in taken:
                unique, number = f"{new}~{number}", number + 1
            taken.add(unique)
            names[key] = unique
    return {names[key]: item for key, item in value.items()}


def _marked(text: str, found: list[Span]) -> str:
    for first, last, new in reversed(_views.quoted(text, [(a, b, f"[{category}]") for a, b, category in found])):
        text = f"{text[:first]}{new}{text[last:]}"
    return text


def _text(value: Any, name: str | None, known: list[_recognizer.Recognizer], others: tuple[str, ...]) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, float) and not value.is_integer():
        # what has a fraction is a measure, unless its field says that it is somebody's
        return str(value) if any(_calls(one, name, others) for one in known) else None
    return orjson.dumps(value).decode().removesuffix(".0")


def _matches(text: str, recognizer: _recognizer.Recognizer) -> Iterator[tuple[int, int]]:
    for number, pattern in enumerate(recognizer.exact):
        start = 0
        while match := pattern.search(text, start):
            first, last = match.span(match.lastindex or 0)
            while last > first and not recognizer.judge(number)(text[first:last]):
                last = _shorter(text, first, last) if recognizer.shortens else first
            if last > first and recognizer.confidence(number, text, first) >= recognizer.least:
                yield first, last
            start = last if last > first else match.start() + 1


def _shorter(text: str, first: int, last: int) -> int:
    """Where the text without its last group of letters and digits ends."""
    while last > first and text[last - 1].isalnum():
        last -= 1
    while last > first and not text[last - 1].isalnum():
        last -= 1
    return last
