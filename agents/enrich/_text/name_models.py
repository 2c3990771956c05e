"""Models that find names: spaCy and GLiNER, from a folder on this machine. Nothing is downloaded."""

from collections.abc import Callable, Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, TypeAlias

from penstock.agents import _spacy
from penstock.agents.enrich._text.indicators import Found
from penstock.model.errors import ConfigurationError, MissingExtraError

Names: TypeAlias = Callable[[str], Iterable[Found]]

_LABELS: Final = {
    **dict.fromkeys(_spacy.PERSON, "person"),
    "ORG": "organisation",
    "ORGANIZATION": "organisation",
    "GPE": "place",
    "LOC": "place",
    "LOCATION": "place",
    "FAC": "place",
}
"""What models call the types of names."""


def spacy(model: str) -> Names:
    """Names by a spaCy pipeline. Raises MissingExtraError, ConfigurationError."""
    pipeline = _spacy.pipeline(model, "entities")

    def find(text: str) -> Iterable[Found]:
        for span in pipeline(text).ents:
            if span.label_ in _LABELS:
                yield Found(_LABELS[span.label_], span.start_char, span.end_char, _spacy.SURE)

    return find


def gliner(model: str) -> Names:
    """Names by a GLiNER model. Raises MissingExtraError, ConfigurationError."""
    if find_spec("gliner") is None:
        raise MissingExtraError("gliner", "gliner")
    if not Path(model).is_dir():  # a name would be looked up in a hub
        raise _unusable("GLiNER", model, "name the folder that holds it")
    from gliner import GLiNER

    try:
        loaded: Any = GLiNER.from_pretrained(model, local_files_only=True)
    except (OSError, ValueError, KeyError):
        raise _unusable("GLiNER", model, "name the folder that holds it") from None
    asked = {"person": "person", "organization": "organisation", "location": "place"}

    def find(text: str) -> Iterable[Found]:
        for span in loaded.predict_entities(text, list(asked)):
            yield Found(asked[span["label"]], span["start"], span["end"], round(min(float(span["score"]), 1.0), 2))

    return find


def _unusable(engine: str, model: str, hint: str) -> ConfigurationError:
    return ConfigurationError(f"entities cannot load its {engine} model {model}", hint=hint)
