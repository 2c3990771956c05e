"""mask: hide the characters of a match and keep its form, with as much left to read as its recognizer allows."""

from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact._strategy import Replace
from penstock.model.keyring import Key


def build(recognizer: Recognizer, key: Key | None) -> Replace:
    """As the recognizer masks; without its word, every letter and digit becomes a star."""
    return recognizer.mask or stars


def stars(text: str) -> str:
    """A star for each letter and digit, of whatever script."""
    return "".join("*" if character.isalnum() else character for character in text)
