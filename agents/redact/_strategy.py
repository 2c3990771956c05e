"""What a strategy is, and which one answers for a match.
A strategy is a file ``strategies/<name>.py`` (or an entry point in the group ``penstock.strategies``) with a function
``build(recognizer, key) -> Replace``, and optionally `NEEDS_KEY` and `WHOLE_VALUE_BECOMES_NULL`. With
``NEEDS_SUBJECT = True`` it builds a `Seal`: what such a strategy writes can be read again with the subject's data key,
until that is destroyed (`docs/KEYS.md`); then the file also has `PREFIX` and ``reveal(body, subject)``.

What strategies write is left alone by later passes, whatever finds it. It has forms of its own, each a word or words
that no recognizer takes for something personal:

======================================  ==============================================================================
``hash:<key id>:<32 hex digits>``       `hash`
``tok_<data key id>_<base32>``          `tokenize`; ``tok_erased`` for somebody who was erased
``enc_<data key id>_<base32>``          `encrypt`; ``enc_erased``
``Person-<digit, letter, digit, …>``    `pseudonymise`
======================================  ==============================================================================
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from penstock.agents.redact._sealing import Match, Scope, SubjectKey
from penstock.model.registry import Registry

STRATEGIES: Final = Registry("penstock.agents.redact.strategies", "penstock.strategies", "strategy")

LABELS: Final = ("Person", "Account", "Device", "Place", "Vehicle")
"""What a pseudonym may begin with."""

Replace: TypeAlias = Callable[[str], str]
Seal: TypeAlias = Callable[[str, SubjectKey | None, str, str], str]
"""The matched text, its subject's key (None: the subject was erased), the record's id and the field's path in, what
stands for the text out."""

_WRITTEN: Final = re.compile(
    "hash:[0-9a-z]{1,16}:[0-9a-f]{32}"
    "|(?:tok|enc)_(?:erased|[a-z2-7]{16}_[a-z2-7]+)"
    f"|(?:{'|'.join(LABELS)})-(?:[0-9][A-Z]){{8}}"
)
STARTS: Final = frozenset({"hash", "tok_", "enc_", *(label[:4] for label in LABELS)})
"""With what an earlier pass may have written begins; cheaper to ask than `is_written`."""


@dataclass(frozen=True, slots=True)
class Strategy:
    """A strategy made for one category.

    Attributes
    ----------
    name : str
    replace : callable
        The matched text in, what stands for it out; not called where there is a `seal`.
    null : bool
        Whether a value that is nothing but the match becomes null.
    seal : callable or None
        Does it where it takes more than the text.
    canonical : callable
        One text for all ways to write a value; tells whose it is where the record does not.
    """

    name: str
    replace: Replace
    null: bool = False
    seal: Seal | None = None
    canonical: Replace = str


def is_written(text: str) -> bool:
    """Whether an earlier pass wrote `text`."""
    return text[:4] in STARTS and _WRITTEN.fullmatch(text) is not None


def stand_in(strategy: Strategy, text: str, where: str, scope: Scope | None) -> str:
    """What stands for `text` at the path `where`; itself where an earlier pass wrote it.

    Parameters
    ----------
    scope
        The keys for this record; needed where strategies seal.
    """
    if is_written(text):
        return text
    if strategy.seal is None:
        return strategy.replace(text)
    assert scope is not None
    return strategy.seal(text, scope.key(Match(text, strategy.canonical)), scope.record, where)
