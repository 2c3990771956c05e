"""The key of hashes: from the environment, or from a file that the environment names."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from penstock.model.errors import ConfigurationError

MIN_LENGTH: Final = 16
"""Bytes; a shorter key could be tried out."""

_ID_DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class Secret:
    """A key and the id that tells it from others, which is safe to show."""

    key: bytes = field(repr=False)
    id: str


def load(variable: str, environ: Mapping[str, str]) -> Secret:
    """The key in `variable`, else in the file that ``<variable>_FILE`` names (its text, blanks around it aside).

    Raises
    ------
    ConfigurationError
        There is none, the file cannot be read, or the key is too short.
    """
    text = environ.get(variable, "").strip()
    file = environ.get(f"{variable}_FILE", "").strip()
    if not text and file:
        try:
            text = Path(file).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"redact: the file that {variable}_FILE names cannot be read: {type(error).__name__}"
            ) from None
    hint = f"make a key with `openssl rand -hex 32` and set {variable}, or {variable}_FILE to a file that holds it"
    if not text:
        raise ConfigurationError("redact: the strategy hash needs a key", hint=hint)
    key = text.encode("utf-8", "surrogateescape")
    if len(key) < MIN_LENGTH:
        raise ConfigurationError(f"redact: the key for hashes has fewer than {MIN_LENGTH} bytes", hint=hint)
    return Secret(key, hashlib.sha256(b"penstock key id\0" + key).hexdigest()[:_ID_DIGITS])
