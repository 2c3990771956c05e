"""The keys that redaction works with: one is current, older ones stay as long as anything made under them is needed.

They come from the environment or from files, never from a pipeline file. In the order in which they are current:

1. the variable that the option ``key_env`` of `redact` names, or ``<key_env>_FILE``, where that is a name of its own;
2. the file that ``PENSTOCK_KEYS_FILE`` names, YAML or JSON::

       current: k2026b
       keys:
         k2026a: 9f86d081884c7d659a2feaa0c55ad015
         k2026b: 2c26b46b68ffc68ff99b453c1d304134

3. ``PENSTOCK_HASH_KEY`` or ``PENSTOCK_HASH_KEY_FILE``, one key, whose id is made from it.

What is written under a key names its id, so that a rotation shows, and the keys that were current before read what
was written under them. `docs/KEYS.md` says how to rotate. A key is never logged, and no message quotes one.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from penstock.model.errors import ConfigurationError

VARIABLE: Final = "PENSTOCK_HASH_KEY"
FILE_VARIABLE: Final = "PENSTOCK_KEYS_FILE"
MIN_LENGTH: Final = 16
"""Bytes; a shorter key could be tried out."""

_ID: Final = re.compile("[a-z][a-z0-9]{0,15}")
_ID_DIGITS: Final = 8


@dataclass(frozen=True, slots=True)
class Key:
    """A key and the id that tells it from others, which is safe to show."""

    secret: bytes = field(repr=False)
    id: str

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose, from which neither the key nor those for another can be told (NIST SP 800-108)."""
        return hmac.digest(self.secret, f"penstock {purpose} 1\0".encode(), "sha256")


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys, the current one first.

    Raises
    ------
    ValueError
        There is none.
    """

    keys: tuple[Key, ...]

    def __post_init__(self) -> None:
        if not self.keys:
            raise ValueError("a keyring has at least one key")

    @property
    def current(self) -> Key:
        return self.keys[0]

    def get(self, id: str) -> Key | None:
        """The key of that id, None where it is not among them."""
        return next((key for key in self.keys if key.id == id), None)


class Wanted(NamedTuple):
    """A subject whose data key is wanted.

    Attributes
    ----------
    subjects : tuple of str
        Its ids, one for each key of the keyring, the current one's first: a key is made under the first.
    newest : int
        When the newest of the records was produced that it is wanted for, in milliseconds since the epoch: a subject
        that was erased later than that gets no key.
    """

    subjects: tuple[str, ...]
    newest: int


@dataclass(frozen=True, slots=True)
class Held:
    """What the vault has of a subject.

    Attributes
    ----------
    id : str
        Of the data key; 16 characters of ``a`` to ``z`` and ``2`` to ``7``. Empty where there is none.
    secret : bytes
        The data key, 32 bytes; empty where there is none.
    erased_at : int or None
        When the subject was erased, the last time, in milliseconds since the epoch.
    """

    id: str = ""
    secret: bytes = field(default=b"", repr=False)
    erased_at: int | None = None


def load(environ: Mapping[str, str], variable: str = VARIABLE) -> Keyring:
    """The keyring of an environment; see the head of this module.

    Raises
    ------
    ConfigurationError
        There is no key, a file cannot be read, or a key is too short.
    """
    named = [] if variable == VARIABLE else _single(environ, variable)
    keys = [*named, *_listed(environ), *_single(environ, VARIABLE)]
    if (variable != VARIABLE and not named) or not keys:
        raise ConfigurationError("redact: a strategy needs a key", hint=_hint(variable))
    unique: dict[str, Key] = {}
    for key in keys:
        unique.setdefault(key.id, key)
    return Keyring(tuple(unique.values()))


def configured(environ: Mapping[str, str]) -> bool:
    """Whether the environment names any key at all."""
    return any(environ.get(name, "").strip() for name in (VARIABLE, f"{VARIABLE}_FILE", FILE_VARIABLE))


def key_id(secret: bytes) -> str:
    """The id of a key that nobody gave one: 8 hex digits of a hash of it, not all of them decimal.

    Eight decimal digits would look like a telephone number to those who read what was written.
    """
    digest = hashlib.sha256(b"penstock key id\0" + secret).hexdigest()
    while (id := digest[:_ID_DIGITS]).isdecimal():
        digest = hashlib.sha256(digest.encode()).hexdigest()
    return id


def _single(environ: Mapping[str, str], variable: str) -> list[Key]:
    """The key in `variable`, else in the file that ``<variable>_FILE`` names (its text, blanks around it aside)."""
    text = environ.get(variable, "").strip()
    file = environ.get(f"{variable}_FILE", "").strip()
    if not text and file:
        text = _read(file, f"{variable}_FILE").strip()
    if not text:
        return []
    secret = text.encode("utf-8", "surrogateescape")
    return [Key(_long_enough(secret, "the key", _hint(variable)), key_id(secret))]


def _listed(environ: Mapping[str, str]) -> list[Key]:
    """The keys in the file that lists them, the current one first."""
    file = environ.get(FILE_VARIABLE, "").strip()
    if not file:
        return []
    try:
        listed = yaml.safe_load(_read(file, FILE_VARIABLE))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise _fault(f"it is not YAML: {type(error).__name__}") from None  # its text may quote a key
    if not isinstance(listed, dict) or set(listed) != {"current", "keys"} or not isinstance(listed["keys"], dict):
        raise _fault("it must have the keys `current` and `keys`, and nothing else")
    keys = {id: _named(id, value) for id, value in listed["keys"].items()}
    if listed["current"] not in keys:
        raise _fault("`current` is the id of none of its keys")
    current = keys.pop(listed["current"])
    return [current, *keys.values()]


def _named(id: Any, value: Any) -> Key:
    if not isinstance(id, str) or not _ID.fullmatch(id):
        raise _fault("an id of a key begins with a letter and has lower-case letters and digits, 16 at most")
    if not isinstance(value, str):
        raise _fault(f"the key {id} is no text: put it in quotes")
    return Key(_long_enough(value.strip().encode(), f"the key {id}", _hint(FILE_VARIABLE)), id)


def _long_enough(secret: bytes, what: str, hint: str) -> bytes:
    if len(secret) < MIN_LENGTH:
        raise ConfigurationError(f"redact: {what} has fewer than {MIN_LENGTH} bytes", hint=hint)
    return secret


def _read(file: str, variable: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"redact: the file that {variable} names cannot be read: {type(error).__name__}"
        ) from None


def _fault(what: str) -> ConfigurationError:
    return ConfigurationError(f"redact: the file that {FILE_VARIABLE} names: {what}", hint="docs/KEYS.md shows one")


def _hint(variable: str) -> str:
    if variable == FILE_VARIABLE:
        return "make a key with `openssl rand -hex 32`"
    return f"make a key with `openssl rand -hex 32` and set {variable}, or {variable}_FILE to a file that holds it"
