"""Reading again what `tokenize` and `encrypt` wrote, for who holds vault and keys."""

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any, Final, NamedTuple, Protocol

from cryptography.exceptions import InvalidTag

from penstock.agents.redact._sealing import SubjectKey, body
from penstock.agents.redact.strategies import encrypt, tokenize
from penstock.model.keyring import Held

_REVEAL: Final[dict[str, Callable[[bytes, SubjectKey], str]]] = {
    tokenize.PREFIX: tokenize.reveal,
    encrypt.PREFIX: encrypt.reveal,
}
# two may stand next to each other, and what is behind one may be of its letters
_WORD: Final = re.compile("(tok|enc)_(?:(erased)|([a-z2-7]{16})_((?:(?!(?:tok|enc)_)[a-z2-7])+))")


class Finds(Protocol):
    """What is asked of a vault; see `penstock.stores.vault.Vault.find`."""

    def find(self, ids: Collection[str]) -> dict[str, Held]: ...


class Unreadable(NamedTuple):
    """A word that nobody can read.

    Attributes
    ----------
    line : int
        Number of the value that it stands in.
    key : str
        Id of its data key; empty where it never had one.
    reason : str
        ``erased``, ``unknown`` (no key of this vault) or ``damaged``.
    at : int or None
        When its subject was erased, in milliseconds since the epoch.
    """

    line: int
    key: str
    reason: str
    at: int | None = None


class Revealed(NamedTuple):
    """Values with what can be read in place of words, how many words that are, and those that cannot be read."""

    values: list[Any]
    words: int
    unreadable: list[Unreadable]


def reveal(values: list[Any], vault: Finds, first: int = 1) -> Revealed:
    """JSON values with what can be read in place of words; what cannot be read stays as it is.

    The vault is asked once. Values are numbered from `first`.

    Raises
    ------
    UnreachableError
        The vault does not answer.
    """
    ids = {match[3] for value in values for text in _texts(value) for match in _WORD.finditer(text) if match[3]}
    keys = {id: _Key(held) for id, held in (vault.find(ids) if ids else {}).items()}
    unreadable: list[Unreadable] = []
    made, count = [], 0
    for number, value in enumerate(values, first):
        revealing = _Revealing(number, keys, unreadable)
        made.append(revealing.value(value))
        count += revealing.count
    return Revealed(made, count, unreadable)


class _Key:
    def __init__(self, held: Held) -> None:
        self.erased_at = held.erased_at
        self.key = SubjectKey(held.id, held.secret) if held.secret else None


class _Revealing:
    """One value."""

    def __init__(self, number: int, keys: dict[str, _Key], unreadable: list[Unreadable]) -> None:
        self._number = number
        self._keys = keys
        self._unreadable = unreadable
        self.count = 0

    def value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {self.value(name): self.value(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return _WORD.sub(self._word, value) if isinstance(value, str) else value

    def _word(self, match: re.Match[str]) -> str:
        kind, erased, id, sealed = match.groups()
        known = None if erased else self._keys.get(id)
        if erased or (known is not None and known.key is None):
            return self._left(match, id or "", "erased", known.erased_at if known else None)
        if known is None or known.key is None:
            return self._left(match, id, "unknown")
        try:
            text = _REVEAL[kind](body(sealed), known.key)
        except (InvalidTag, ValueError):
            return self._left(match, id, "damaged")
        self.count += 1
        return text

    def _left(self, match: re.Match[str], key: str, reason: str, at: int | None = None) -> str:
        self._unreadable.append(Unreadable(self._number, key, reason, at))
        return match[0]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield name
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
