"""sentiment: how positive or negative each text field is (VADER for English, a lexicon of yours for other languages).

>>> run("sentiment", {"text": "The support was great, thank you!"})["sentiment"]["text_sentiment"]["label"]
'positive'
>>> run("sentiment", {"comment": "The parcel was broken and nobody helped."})["sentiment"]
{'comment_sentiment': {'score': -0.4767, 'label': 'negative', 'positive': 0.0, 'neutral': 0.659, 'negative': 0.341, \
'language': 'en', 'model': 'vader'}}

``score`` is VADER's compound: -1 (most negative) to 1. ``positive``, ``neutral`` and ``negative`` are the shares of
the text that are each. A text's language is what the stage `language` noted for the same field, else ``language``; a
text in a language that nothing here knows gets no sentiment, rather than a wrong neutral one. The first 1,024
characters of a text are looked at.

VADER (Hutto and Gilbert, 2014) is made for short, social texts in English: it adds up words, negations, emphasis and
emoji, and understands no irony.
"""

import re
from collections.abc import Callable
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeAlias

from pydantic import Field
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from penstock.agents.enrich._text.lexicon import Valence, read
from penstock.agents.fields import Finder
from penstock.model.component import Annotations, EnrichRecord, FieldNames, StageConfig
from penstock.model.record import Record

GROUP = "sentiment"

Score: TypeAlias = Callable[[str], Valence]

_SAMPLE: Final = 1024
"""Characters looked at: VADER's time grows with their square (16 ms for 4,096 of prose, under 2 for 1,024)."""
_MOST_PICTURES: Final = 32
"""Emoji looked at: each becomes several words (4,096 of them took four seconds)."""
_PICTURE: Final = re.compile("[\u2190-\u2bff\U0001f000-\U0001faff]")
_RUN: Final = re.compile(r"(.)\1{4,}")
_ENGLISH: Final = "en"


class Config(StageConfig):
    """Options of sentiment."""

    fields: FieldNames = Field(
        ("text", "content", "body", "message", "description", "comment", "review", "transcript"),
        description="Fields that hold text.",
    )
    language: str = Field(_ENGLISH, description="The language of texts for which the stage `language` noted none.")
    lexicons: dict[str, Path] = Field(
        {},
        description="Language -> a file of words and valences from -4 to 4: JSON, CSV, or tabs as VADER's own. One for"
        " `en` replaces VADER.",
    )
    threshold: float = Field(0.05, gt=0, lt=1, description="From this score on a text is positive, or negative.")
    min_text_length: int = Field(3, ge=1, description="Shorter text, in characters, is left alone.")
    cache_size: int = Field(8192, ge=0, description="Texts whose sentiment is kept, the latest used ones.")


def build(config: Config) -> EnrichRecord:
    """Compile the stage. Raises ConfigurationError where a lexicon cannot be read."""
    find = Finder(config.fields)
    scores: dict[str, tuple[str, Score]] = {_ENGLISH: ("vader", _vader)}
    scores |= {_base(language): ("lexicon", read(file).score) for language, file in config.lexicons.items()}

    def measure(text: str, language: str) -> dict[str, Any]:
        model, score = scores[language]
        found = score(text)
        return {
            "score": found.score,
            "label": _label(found.score, config.threshold),
            "positive": found.positive,
            "neutral": found.neutral,
            "negative": found.negative,
            "language": language,
            "model": model,
        }

    kept = lru_cache(config.cache_size)(measure)  # of the sample, so that no key is long

    def enrich(record: Record) -> Annotations | None:
        found = {}
        for label, text in find.labelled(record):
            if not isinstance(text, str) or len(text) < config.min_text_length or text.isspace():
                continue
            language = _language(record, label) or _base(config.language)
            if language in scores:
                found[f"{label}_sentiment"] = kept(text[:_SAMPLE], language)
        return {GROUP: found} if found else None

    return enrich


def _language(record: Record, label: str) -> str | None:
    """What the stage `language` noted for the field, None where it noted nothing."""
    noted = record.note("enrichments.language")
    body = noted.get(f"{label}_language") if isinstance(noted, dict) else None
    language = body.get("language") if isinstance(body, dict) else None
    return _base(language) if isinstance(language, str) else None


def _base(language: str) -> str:
    """``en`` of ``en-GB``."""
    return language.replace("_", "-").partition("-")[0].lower()


def _label(score: float, threshold: float) -> str:
    if score >= threshold:
        return "positive"
    return "negative" if score <= -threshold else "neutral"


def _vader(text: str) -> Valence:
    found = _analyzer().polarity_scores(_bounded(text))
    return Valence(found["compound"], found["pos"], found["neu"], found["neg"])


def _bounded(text: str) -> str:
    """The text without what costs much and tells nothing: runs of one character, and emoji beyond the first ones."""
    text = _RUN.sub(r"\1\1\1\1", text)
    pictures = list(islice(_PICTURE.finditer(text), _MOST_PICTURES + 1))
    if len(pictures) <= _MOST_PICTURES:
        return text
    last = pictures[_MOST_PICTURES].start()
    return text[:last] + _PICTURE.sub("", text[last:])


@cache
def _analyzer() -> Any:
    return SentimentIntensityAnalyzer()
