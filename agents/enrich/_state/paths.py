"""Fields by their path from the top of a record, and texts in one plain form: what stages compare records by."""

import unicodedata
from typing import Any, Final

from penstock.model.record import Data

MESSAGE_KEY: Final = "@key"
"""Stands among names of fields for the key of the Kafka message."""
NOTHING: Final = object()


def plain(text: str) -> str:
    """One form of a text: compatible characters, case and blanks told apart no more.

    >>> plain(" Ann  SMITH ")
    'ann smith'
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.casefold().split())


def at(data: Data, path: str) -> Any:
    """The value at a dotted path from the top of the record (list items by index); `NOTHING` where there is none."""
    if path in data:
        return data[path]
    value: Any = data
    for name in path.split("."):
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return NOTHING
    return value
