"""keep: leave a match as it is, and note that it is there; the policy says why: ``{keep: <reason>}``."""

from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact._strategy import Replace
from penstock.model.keyring import Key


def build(recognizer: Recognizer, key: Key | None) -> Replace:
    """Gives back what it gets."""
    return lambda text: text
