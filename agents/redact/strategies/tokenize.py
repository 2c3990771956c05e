"""tokenize: put a token in place of a match that only the vault can turn back, until the person is erased.

AES-256-SIV (RFC 5297) under the data key of the subject (`docs/KEYS.md`), written ``tok_<data key id>_<base32>``. It is
deterministic: one value of one subject is one token in all records, so that records can still be joined, and a replay
gives the same. How long the value was shows.
"""

from typing import Final

from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact._sealing import ERASED, SubjectKey, word
from penstock.agents.redact._strategy import Seal
from penstock.model.keyring import Key

NEEDS_KEY: Final = True
NEEDS_SUBJECT: Final = True
PREFIX: Final = "tok"


def build(recognizer: Recognizer, key: Key | None) -> Seal:
    """The token under the subject's key."""
    return seal


def seal(text: str, subject: SubjectKey | None, record: str, path: str) -> str:
    """The token for `text`; the same in all records."""
    if subject is None:
        return f"{PREFIX}_{ERASED}"
    return word(PREFIX, subject.id, subject.siv.encrypt(text.encode("utf-8", "surrogatepass"), [_bound(subject)]))


def reveal(body: bytes, subject: SubjectKey) -> str:
    """What the bytes of a token stand for. Raises cryptography.exceptions.InvalidTag."""
    return subject.siv.decrypt(body, [_bound(subject)]).decode("utf-8", "surrogatepass")


def _bound(subject: SubjectKey) -> bytes:
    return f"{PREFIX}_{subject.id}".encode()
