"""mask: hide the characters of a match and keep its form, with as much left to read as its recognizer allows."""

from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact._secret import Secret
from penstock.agents.redact._strategy import Replace


def build(recognizer: Recognizer, secret: Secret | None) -> Replace:
    """As the recognizer masks; without its word, every letter and digit becomes a star."""
    return recognizer.mask or _stars


def _stars(text: str) -> str:
    return "".join("*" if character.isalnum() else character for character in text)
