"""Pipelines of spaCy: a folder on this machine, or an installed package. Nothing is downloaded."""

from functools import lru_cache
from importlib.util import find_spec
from typing import Any, Final

from penstock.model.errors import ConfigurationError, MissingExtraError

PERSON: Final = frozenset(("PERSON", "PER"))
"""What its models call a person."""
SURE: Final = 0.85
"""spaCy says no confidence of a name; this is about how often its small models are right on news."""


@lru_cache(maxsize=4)
def pipeline(model: str, stage: str) -> Any:
    """The pipeline, loaded once a process.

    Raises
    ------
    MissingExtraError
        spaCy is not installed.
    ConfigurationError
        The model is not there or cannot be loaded; names the stage that asked for it.
    """
    if find_spec("spacy") is None:
        raise MissingExtraError("spacy", "spacy")
    import spacy

    try:
        return spacy.load(model)
    except (OSError, ValueError):
        raise ConfigurationError(
            f"{stage} cannot load its spaCy model {model}",
            hint="install its package, or name the folder it was saved to",
        ) from None
