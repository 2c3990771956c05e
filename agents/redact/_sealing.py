"""Sealing: values that only the vault's keys can read again, and whose keys can be destroyed (crypto-shredding).

Each person, the *subject*, has a data key in the vault (`penstock.stores.vault`). Whose a value is, the record says in
the fields that the option ``subject`` of `redact` names; where it has none of them, the value stands for itself, so
that one e-mail address has one key wherever it turns up. The vault knows a subject by a keyed digest of tenant and
plain form (`subject_id`), never by the value.

A frame asks the vault once for all subjects that are not known here. What is known is forgotten after
`REMEMBERED_SECONDS`: so long, at most, a worker goes on with a key that was destroyed meanwhile, and what it writes
with it nobody can read. The vault's key of a subject stays the same, so a replay gives the same bytes. What was
produced before its subject was erased is never sealed anew, whenever it is read: it becomes ``tok_erased``.
"""

import asyncio
import base64
import hmac
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Final, NamedTuple, Protocol

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESSIV

from penstock.model.keyring import Held, Key, Keyring, Wanted
from penstock.model.record import Record

REMEMBERED_SECONDS: Final = 300.0
ERASED: Final = "erased"

_MOST_REMEMBERED: Final = 50_000
_GROUPED: Final = re.compile(r"[0-9 +()/\-\u2010-\u2015]*[0-9][0-9 +()/\-\u2010-\u2015]*")


class SubjectKey:
    """A data key, ready for use.

    Parameters
    ----------
    id : str
    secret : bytes
        32 bytes.
    """

    def __init__(self, id: str, secret: bytes) -> None:
        self.id = id
        self._secret = secret

    @cached_property
    def siv(self) -> AESSIV:
        """AES-256-SIV (RFC 5297), under a key of its own."""
        return AESSIV(hmac.digest(self._secret, b"penstock tokenize 1", "sha512"))

    @cached_property
    def gcm(self) -> AESGCM:
        """AES-256-GCM, under a key of its own."""
        return AESGCM(hmac.digest(self._secret, b"penstock encrypt 1", "sha256"))

    @cached_property
    def nonces(self) -> bytes:
        """The key that nonces are derived with."""
        return hmac.digest(self._secret, b"penstock nonce 1", "sha256")


class Match(NamedTuple):
    """A value that is to be sealed."""

    text: str
    canonical: Callable[[str], str]


class Keys(Protocol):
    """What is asked of a vault; see `penstock.stores.vault.Vault.open`."""

    def open(self, wanted: Sequence[Wanted]) -> list[Held]: ...


def word(prefix: str, id: str, body: bytes) -> str:
    """``<prefix>_<key id>_<base32>``: one word of lower-case letters and digits, which stands anywhere."""
    return f"{prefix}_{id}_{base64.b32encode(body).decode().rstrip('=').lower()}"


def body(text: str) -> bytes:
    """The bytes of the base32 at the end of a word. Raises ValueError."""
    return base64.b32decode(text.upper() + "=" * (-len(text) % 8))


def plain(text: str) -> str:
    """One form of what names a subject: compatible characters, case and blanks told apart no more.

    Of numbers as people group them only the digits count.

    >>> plain(" Ann@Example.com"), plain("+1 (415) 555-2671"), plain("192.0.2.1")
    ('ann@example.com', '14155552671', '192.0.2.1')
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    name = " ".join(text.casefold().split())
    return re.sub("[^0-9]", "", name) if _GROUPED.fullmatch(name) else name


def subject_id(derived: bytes, tenant: str, name: str) -> str:
    """What the vault knows a subject by.

    Parameters
    ----------
    derived
        See `subject_keys`.
    tenant
        Tenants share no subjects.
    name
        In its plain form.
    """
    return hmac.digest(derived, f"{tenant}\0{name}".encode("utf-8", "surrogatepass"), "sha256").hex()


def subject_keys(keys: Iterable[Key]) -> tuple[bytes, ...]:
    """The keys of subject ids, one for each key of a keyring."""
    return tuple(key.derive("subject") for key in keys)


class Scope(NamedTuple):
    """The keys for the values of one record.

    Attributes
    ----------
    record : str
        Its id.
    subject : str or None
        The id of its subject; None where each value stands for itself.
    own : dict
        Match -> id of its subject, for these.
    keys : dict
        By id of a subject; None for one that was erased.
    """

    record: str
    subject: str | None
    own: dict[Match, str]
    keys: dict[str, SubjectKey | None]

    def key(self, match: Match) -> SubjectKey | None:
        """The key that seals `match`; None where its subject was erased."""
        return self.keys[self.subject or self.own[match]]


class _Known(NamedTuple):
    key: SubjectKey | None
    erased_at: int | None
    until: float


class Subjects:
    """Finds whose values are, and asks the vault for their keys.

    Parameters
    ----------
    vault : Keys
    keyring : Keyring
    named : callable
        How a record names its subject, in plain form; None where it does not.
    tenant : callable
        Gives a record's tenant.
    clock : callable
        Seconds.
    """

    def __init__(
        self,
        vault: Keys,
        keyring: Keyring,
        named: Callable[[Record], str | None],
        tenant: Callable[[Record], str],
        clock: Callable[[], float],
    ) -> None:
        self._vault = vault
        self._current, *self._older = subject_keys(keyring.keys)
        self._named = named
        self._tenant = tenant
        self._clock = clock
        self._known: dict[str, _Known] = {}  # oldest first

    async def scopes(self, records: Sequence[Record], matches: Sequence[Sequence[Match]]) -> list[Scope | None]:
        """The keys for the matches of each record; None where it has none.

        Raises
        ------
        UnreachableError
            The vault does not answer.
        """
        pending = [self._pending(record, some) if some else None for record, some in zip(records, matches, strict=True)]
        known = await self._ask([each for each in pending if each is not None])
        return [None if each is None else _scope(each, known) for each in pending]

    def _pending(self, record: Record, matches: Sequence[Match]) -> "_Pending":
        tenant, name = self._tenant(record), self._named(record)
        if name is not None:
            subject = subject_id(self._current, tenant, name)
            return _Pending(record, tenant, subject, {}, {subject: name})
        own, names = {}, {}
        for match in matches:
            name = plain(match.canonical(match.text))
            subject = own[match] = subject_id(self._current, tenant, name)
            names[subject] = name
        return _Pending(record, tenant, None, own, names)

    async def _ask(self, pending: Sequence["_Pending"]) -> dict[str, _Known]:
        """What is known of all subjects of a frame; the vault is asked for the rest, in one go."""
        now = self._clock()
        found: dict[str, _Known] = {}
        missing: dict[str, tuple[str, str, int]] = {}
        for record, tenant, _, _, names in pending:
            for subject, name in names.items():
                known = self._known.get(subject)
                if known is not None and known.until > now and _settled(known, record.timestamp):
                    found[subject] = known
                else:
                    newest = missing[subject][2] if subject in missing else record.timestamp
                    missing[subject] = tenant, name, max(newest, record.timestamp)
        if missing:
            wanted = [
                Wanted((subject, *(subject_id(key, tenant, name) for key in self._older)), newest)
                for subject, (tenant, name, newest) in missing.items()
            ]
            answers = await asyncio.to_thread(self._vault.open, wanted)
            for subject, held in zip(missing, answers, strict=True):
                key = SubjectKey(held.id, held.secret) if held.id else None
                found[subject] = _Known(key, held.erased_at, now + REMEMBERED_SECONDS)
            self._remember({subject: found[subject] for subject in missing})
        return found

    def _remember(self, new: dict[str, _Known]) -> None:
        excess = len(self._known) + len(new) - _MOST_REMEMBERED
        for subject in list(self._known)[: max(0, excess)]:
            del self._known[subject]
        self._known.update(new)


class _Pending(NamedTuple):
    """A record whose keys are wanted: its subject or its matches' own, and the plain form of each."""

    record: Record
    tenant: str
    subject: str | None
    own: dict[Match, str]
    names: dict[str, str]


def _scope(pending: _Pending, known: Mapping[str, _Known]) -> Scope:
    timestamp = pending.record.timestamp
    keys = {}
    for subject in pending.names:
        one = known[subject]
        keys[subject] = None if one.erased_at is not None and timestamp <= one.erased_at else one.key
    return Scope(pending.record.id, pending.subject, pending.own, keys)


def _settled(known: _Known, timestamp: int) -> bool:
    """Whether what is known says what becomes of a record of that time."""
    return known.key is not None or (known.erased_at is not None and timestamp <= known.erased_at)
