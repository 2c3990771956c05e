"""vault: a data key for each person, wrapped; who destroys it makes all that was sealed with it unreadable.

    vault = Vault("postgresql://…", keyring)                        SQLite or PostgreSQL, see `vault_url`
    (held,) = vault.open([Wanted(("9f86…",), 1_700_000_000_000)])   found, or made
    vault.erase([("9f86…",)])                                       crypto-shredding

A *subject* is known here by an id alone, a keyed digest of what identifies the person (`penstock.agents.redact`):
neither a value nor anything made from one without the key is kept. A row holds the subject's data key, wrapped with
AES-256-GCM under a key of the keyring (`penstock.model.keyring`), bound to subject and id.

================  ====================================================================================================
``vault_keys``    subject -> id of its data key, the wrapped key, the id of the key that wraps it, times. An erased
                  subject keeps its row, without a key: what was produced before the erasure is never sealed anew
``vault_erased``  ids of data keys that are destroyed, so that a reader can be told so
================  ====================================================================================================

Of many workers that ask for a new subject at once, the primary key lets one make the key, and all get that one. Calls
block: callers in an event loop use threads. Each is one transaction, however many subjects it asks for.
"""

import base64
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import exc

from penstock.model import database
from penstock.model.errors import UnreachableError
from penstock.model.home import home
from penstock.model.keyring import Held, Keyring, Wanted

VARIABLE: Final = "VAULT_URL"
WHAT: Final = "the vault"

_ID_BYTES: Final = 10
_SECRET_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_AT_ONCE: Final = 400  # rows of a statement: SQLite takes 32,766 parameters, older ones 999

_metadata: Final = sa.MetaData()
_KEYS: Final = sa.Table(
    "vault_keys",
    _metadata,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, unique=True),
    sa.Column("wrapped", sa.LargeBinary),
    sa.Column("wrapped_by", sa.Text),
    sa.Column("created_at", sa.BigInteger, nullable=False),
    sa.Column("erased_at", sa.BigInteger),
)
_ERASED: Final = sa.Table(
    "vault_erased",
    _metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("erased_at", sa.BigInteger, nullable=False),
)


def vault_url(environ: Mapping[str, str]) -> str:
    """Where the vault is: ``VAULT_URL``, else ``DATABASE_URL``, else a file in penstock's home."""
    return environ.get(VARIABLE) or environ.get("DATABASE_URL") or f"sqlite:///{home(environ) / 'vault.db'}"


class Vault:
    """Data keys by subject. Nothing is connected to before the first call.

    Parameters
    ----------
    url : str
    keyring : Keyring
        Wraps new keys with its current key, and unwraps with all.
    clock : callable
        Seconds since the epoch.

    Raises
    ------
    ConfigurationError
        The URL is none, or names neither SQLite nor PostgreSQL.
    """

    def __init__(self, url: str, keyring: Keyring, clock: Callable[[], float] = time.time) -> None:
        self._text = url
        self._url = database.parse(url, VARIABLE)
        self._keyring = keyring
        self._wraps = {key.id: AESGCM(key.derive("wrap")) for key in keyring.keys}
        self._clock = clock
        self._lock = threading.Lock()
        self._opened: sa.Engine | None = None
        self.address = database.address(self._url)

    def open(self, wanted: Sequence[Wanted]) -> list[Held]:
        """The data key of each subject, made where there is none yet.

        Raises
        ------
        UnreachableError
            The vault does not answer, or holds keys that the keyring cannot unwrap: nothing may go on without.
        """
        with self._reachable():
            with database.reading(self._engine()) as connection:
                rows = self._rows(connection, (subject for each in wanted for subject in each.subjects))
            found = [self._held(each, rows) for each in wanted]
            lacking = sorted({each.subjects[0] for each, held in zip(wanted, found, strict=True) if _lacks(each, held)})
            if lacking:
                with self._engine().begin() as connection:
                    self._make(connection, lacking)
                    rows |= self._rows(connection, lacking)
                found = [self._held(each, rows) for each in wanted]
        return found

    def find(self, ids: Collection[str]) -> dict[str, Held]:
        """The data keys of these ids; of those that are destroyed only when. Others are absent. Raises as `open`."""
        found: dict[str, Held] = {}
        with self._reachable(), database.reading(self._engine()) as connection:
            for some in _portions(ids):
                for row in connection.execute(sa.select(_KEYS).where(_KEYS.c.id.in_(some))):
                    found[row.id] = Held(row.id, self._unwrapped(row), None)
                for row in connection.execute(sa.select(_ERASED).where(_ERASED.c.id.in_(some))):
                    found[row.id] = Held(row.id, b"", row.erased_at)
        return found

    def erase(self, subjects: Collection[tuple[str, ...]]) -> int:
        """Destroy the data keys of subjects, for good; how many there were.

        A subject that is not known is marked as erased too: what was produced before now may still be on its way.

        Parameters
        ----------
        subjects
            Ids of each, as in `Wanted`.

        Raises
        ------
        UnreachableError
            The vault does not answer; nothing is destroyed. Or others keep its log in use: then no reader finds the
            keys any more, but they are still on the disk, until the same call succeeds.
        """
        now = int(self._clock() * 1000)
        all_ids = sorted({id for ids in subjects for id in ids})
        with self._reachable():
            with self._engine().begin() as connection:
                destroyed = [id for some in _portions(all_ids) for id in self._destroy(connection, some, now)]
                for ids in sorted(subjects):
                    insert = database.upsert(connection, _KEYS).values(subject=ids[0], created_at=now, erased_at=now)
                    mark = insert.on_conflict_do_update(index_elements=["subject"], set_={"erased_at": now})
                    connection.execute(mark)
            self._scrub()
        return len(destroyed)

    def rewrap(self) -> int:
        """Wrap every data key that an older key of the keyring wraps with the current one; how many. Raises as `open`.

        What was sealed with the data keys stays as it is.
        """
        current = self._keyring.current.id
        done = 0
        with self._reachable():
            with self._engine().begin() as connection:
                old = sa.select(_KEYS).where(_KEYS.c.wrapped.is_not(None), _KEYS.c.wrapped_by != current)
                for row in connection.execute(old.with_for_update()).all():
                    wrapped = self._wrapped(row.subject, row.id, self._unwrapped(row))
                    update = sa.update(_KEYS).where(_KEYS.c.subject == row.subject)
                    connection.execute(update.values(wrapped=wrapped, wrapped_by=current))
                    done += 1
            self._scrub()
        return done

    def _engine(self) -> sa.Engine:
        with self._lock:
            if self._opened is None:
                self._opened = database.connect(self._text, _metadata, VARIABLE, what=WHAT, scrub=True)
            return self._opened

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except (exc.DBAPIError, exc.TimeoutError, OSError) as error:
            raise database.unreachable(error, self._url, VARIABLE, WHAT) from None

    def _rows(self, connection: sa.Connection, subjects: Iterable[str]) -> dict[str, Any]:
        rows: dict[str, Any] = {}
        for some in _portions(set(subjects)):
            found = connection.execute(sa.select(_KEYS).where(_KEYS.c.subject.in_(some)))
            rows |= {row.subject: row for row in found}
        return rows

    def _held(self, wanted: Wanted, rows: Mapping[str, Any]) -> Held:
        known = [rows[subject] for subject in wanted.subjects if subject in rows]
        erased = max((row.erased_at for row in known if row.erased_at is not None), default=None)
        for row in known:
            if row.wrapped is not None:
                return Held(row.id, self._unwrapped(row), erased)
        return Held("", b"", erased)

    def _make(self, connection: sa.Connection, subjects: Sequence[str]) -> None:
        """Make keys for subjects that have none, in one order; who was faster keeps theirs."""
        now = int(self._clock() * 1000)
        insert = database.upsert(connection, _KEYS)
        new = {name: insert.excluded[name] for name in ("id", "wrapped", "wrapped_by", "created_at")}
        mine = insert.on_conflict_do_update(index_elements=["subject"], set_=new, where=_KEYS.c.wrapped.is_(None))
        connection.execute(mine, [self._fresh(subject, now) for subject in subjects])

    def _fresh(self, subject: str, now: int) -> dict[str, Any]:
        id = base64.b32encode(secrets.token_bytes(_ID_BYTES)).decode().lower()
        wrapped = self._wrapped(subject, id, secrets.token_bytes(_SECRET_BYTES))
        by = self._keyring.current.id
        return {"subject": subject, "id": id, "wrapped": wrapped, "wrapped_by": by, "created_at": now}

    def _destroy(self, connection: sa.Connection, subjects: Sequence[str], now: int) -> list[str]:
        here = _KEYS.c.subject.in_(subjects)
        live = sa.select(_KEYS.c.id).where(here, _KEYS.c.wrapped.is_not(None)).with_for_update()
        ids = list(connection.execute(live).scalars())
        if ids:
            connection.execute(sa.insert(_ERASED), [{"id": id, "erased_at": now} for id in ids])
        nothing = {"id": None, "wrapped": None, "wrapped_by": None, "erased_at": now}
        connection.execute(sa.update(_KEYS).where(here).values(nothing))
        return ids

    def _scrub(self) -> None:
        """Let no copy of what was overwritten stay in the database's files, as far as a client can see to it."""
        engine = self._engine()
        if engine.dialect.name == "postgresql":
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("VACUUM vault_keys")
            return
        raw = engine.raw_connection()  # a checkpoint must not stand in a transaction
        try:
            deadline = time.monotonic() + database.BUSY_SECONDS
            while raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
                if time.monotonic() > deadline:
                    raise UnreachableError(WHAT, self.address, variable=VARIABLE, cause="others keep its log in use")
                time.sleep(0.05)
        finally:
            raw.close()

    def _wrapped(self, subject: str, id: str, secret: bytes) -> bytes:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._wraps[self._keyring.current.id].encrypt(nonce, secret, _bound(subject, id))

    def _unwrapped(self, row: Any) -> bytes:
        wrap = self._wraps.get(row.wrapped_by)
        if wrap is None:
            why = f"the key {row.wrapped_by}, which wraps its entries, is not in the keyring"
            raise UnreachableError(WHAT, self.address, variable=VARIABLE, cause=why)
        nonce, sealed = row.wrapped[:_NONCE_BYTES], row.wrapped[_NONCE_BYTES:]
        try:
            return wrap.decrypt(nonce, sealed, _bound(row.subject, row.id))
        except InvalidTag:
            why = f"an entry is damaged, or another key is called {row.wrapped_by} here"
            raise UnreachableError(WHAT, self.address, variable=VARIABLE, cause=why) from None


def _bound(subject: str, id: str) -> bytes:
    """What a wrapped key is bound to, so that rows cannot be exchanged."""
    return f"{subject}/{id}".encode()


def _lacks(wanted: Wanted, held: Held) -> bool:
    return not held.id and (held.erased_at is None or wanted.newest > held.erased_at)


def _portions(items: Collection[str]) -> Iterator[list[str]]:
    listed = list(items)
    for first in range(0, len(listed), _AT_ONCE):
        yield listed[first : first + _AT_ONCE]
