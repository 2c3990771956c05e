"""encrypt: put a ciphertext in place of a match, another in each record, which the vault's key opens until erasure.

AES-256-GCM (NIST SP 800-38D) under the data key of the subject (`docs/KEYS.md`), written ``enc_<data key id>_<base32>``
of nonce, ciphertext and tag. The nonce is an HMAC-SHA-256 of the record's id, the field's path and the value, cut to 96
bits, under a key of its own: a replay gives the same bytes, and no two different values can share a nonce but by
accident (2^-96). Equal values in other records or fields look different, so nothing can be joined. How long the value
was shows.
"""

import hmac
from typing import Final

from penstock.agents.redact._recognizer import Recognizer
from penstock.agents.redact._sealing import ERASED, SubjectKey, word
from penstock.agents.redact._strategy import Seal
from penstock.model.keyring import Key

NEEDS_KEY: Final = True
NEEDS_SUBJECT: Final = True
PREFIX: Final = "enc"

_NONCE_BYTES: Final = 12


def build(recognizer: Recognizer, key: Key | None) -> Seal:
    """The ciphertext under the subject's key."""
    return seal


def seal(text: str, subject: SubjectKey | None, record: str, path: str) -> str:
    """The ciphertext of `text` at `path` of the record with the id `record`."""
    if subject is None:
        return f"{PREFIX}_{ERASED}"
    value = text.encode("utf-8", "surrogatepass")
    place = f"{len(record)}/{len(path)}/{record}{path}".encode("utf-8", "surrogatepass")
    nonce = hmac.digest(subject.nonces, place + value, "sha256")[:_NONCE_BYTES]
    return word(PREFIX, subject.id, nonce + subject.gcm.encrypt(nonce, value, _bound(subject)))


def reveal(body: bytes, subject: SubjectKey) -> str:
    """What the bytes of a ciphertext stand for. Raises cryptography.exceptions.InvalidTag."""
    nonce, sealed = body[:_NONCE_BYTES], body[_NONCE_BYTES:]
    return subject.gcm.decrypt(nonce, sealed, _bound(subject)).decode("utf-8", "surrogatepass")


def _bound(subject: SubjectKey) -> bytes:
    return f"{PREFIX}_{subject.id}".encode()
