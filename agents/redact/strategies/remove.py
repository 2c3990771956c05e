"""remove: take a match out: a value that is nothing else becomes null, in other text ``[<category>]`` stands there."""

from typing import Final

from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact._strategy import Replace
from penstock.model.keyring import Key

WHOLE_VALUE_BECOMES_NULL: Final = True


def build(recognizer: Recognizer, key: Key | None) -> Replace:
    """Gives the marker of the category."""
    marker = f"[{recognizer.category}]"
    return lambda text: marker
