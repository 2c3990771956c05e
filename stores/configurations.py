"""configurations: what the wizard and the API save, every version of it, by tenant.

A configuration is known by its id; its name is unique within its tenant, and saving under a name that is there makes
its next version. What equals the newest version is that version. A version counts once its lineage is recorded: until
then nobody finds it, and saving the same again goes on where it was left.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from penstock.model.database import connect, reading

VARIABLE: Final = "DATABASE_URL"
METADATA: Final = sa.MetaData()
_NAMED: Final = sa.Table(
    "configurations_named",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("tenant", sa.String(128), nullable=False),
    sa.Column("name", sa.String(256), nullable=False),
    sa.UniqueConstraint("tenant", "name"),
)
_VERSION: Final = sa.Table(
    "configurations_version",
    METADATA,
    sa.Column("id", sa.String(32), sa.ForeignKey(_NAMED.c.id), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("content_hash", sa.String(64), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("lineage", sa.Text),  # null: not recorded yet
)
ID_PATTERN: Final = r"cfg_[0-9a-f]{16}"


@dataclass(frozen=True, slots=True)
class Saved:
    """One version of a configuration.

    Attributes
    ----------
    id : str
        ``cfg_`` and 16 digits.
    version : int
        From 1.
    created_at : float
        Seconds since the epoch.
    content_hash : str
        SHA-256 of the body as canonical JSON.
    lineage : str or None
        The event in the ledger; None until it is recorded.
    """

    id: str
    tenant: str
    name: str
    version: int
    created_at: float
    content_hash: str
    lineage: str | None
    body: dict[str, Any]


class Configurations:
    """The store. Calls block.

    Parameters
    ----------
    database_url : str
        ``sqlite:///…`` or ``postgresql://…``.
    clock : callable
        Seconds since the epoch.

    Raises
    ------
    ConfigurationError, UnreachableError
        See `penstock.model.database.connect`.
    """

    def __init__(self, database_url: str, clock: Callable[[], float] = time.time) -> None:
        self._engine = connect(database_url, METADATA, VARIABLE, what="the database of configurations")
        self._clock = clock

    def save(self, tenant: str, name: str, body: dict[str, Any]) -> Saved:
        """Keep `body` as the newest version, unless it is that already; its lineage is still to be recorded."""
        text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
        digest = sha256(text).hexdigest()
        id = self._id(tenant, name)
        with self._engine.begin() as connection:
            row = sa.select(_NAMED.c.id).where(_NAMED.c.id == id).with_for_update()
            connection.execute(row)
            newest = connection.execute(_of(id).order_by(_VERSION.c.version.desc()).limit(1)).first()
            if newest is None or newest.content_hash != digest:
                version = newest.version + 1 if newest is not None else 1
                values = {"content_hash": digest, "body": text.decode(), "created_at": self._clock()}
                connection.execute(_VERSION.insert().values(id=id, version=version, **values))
                newest = connection.execute(_of(id).where(_VERSION.c.version == version)).one()
        return _saved(newest)

    def record(self, saved: Saved, lineage: str) -> Saved:
        """Say where the lineage of a version is recorded; the first word stands."""
        at = (_VERSION.c.id == saved.id) & (_VERSION.c.version == saved.version)
        with self._engine.begin() as connection:
            connection.execute(_VERSION.update().where(at & _VERSION.c.lineage.is_(None)).values(lineage=lineage))
            return _saved(connection.execute(_of(saved.id).where(at)).one())

    def get(self, id: str, version: int | None = None) -> Saved | None:
        """A version, the newest where none is named; None where there is none."""
        query = _of(id).where(_VERSION.c.lineage.is_not(None)).order_by(_VERSION.c.version.desc()).limit(1)
        if version is not None:
            query = query.where(_VERSION.c.version == version)
        with reading(self._engine) as connection:
            row = connection.execute(query).first()
        return None if row is None else _saved(row)

    def versions(self, id: str) -> list[Saved]:
        """All versions, the oldest first."""
        query = _of(id).where(_VERSION.c.lineage.is_not(None)).order_by(_VERSION.c.version)
        with reading(self._engine) as connection:
            return [_saved(row) for row in connection.execute(query)]

    def all(self, tenant: str) -> list[Saved]:
        """The newest version of each of a tenant's configurations, by name."""
        newest = (
            sa.select(_VERSION.c.id, sa.func.max(_VERSION.c.version).label("version"))
            .where(_VERSION.c.lineage.is_not(None))
            .group_by(_VERSION.c.id)
            .subquery()
        )
        query = (
            _ALL.join(newest, (newest.c.id == _VERSION.c.id) & (newest.c.version == _VERSION.c.version))
            .where(_NAMED.c.tenant == tenant)
            .order_by(_NAMED.c.name)
        )
        with reading(self._engine) as connection:
            return [_saved(row) for row in connection.execute(query)]

    def _id(self, tenant: str, name: str) -> str:
        """The id of that name; a new one where there is none."""
        found = sa.select(_NAMED.c.id).where((_NAMED.c.tenant == tenant) & (_NAMED.c.name == name))
        while True:
            with reading(self._engine) as connection:
                id: str | None = connection.execute(found).scalar()
            if id is not None:
                return id
            try:
                with self._engine.begin() as connection:
                    new = f"cfg_{secrets.token_hex(8)}"
                    connection.execute(_NAMED.insert().values(id=new, tenant=tenant, name=name))
            except IntegrityError:  # somebody else was faster
                continue


_ALL: Final = sa.select(_VERSION, _NAMED.c.tenant, _NAMED.c.name).join(_NAMED, _NAMED.c.id == _VERSION.c.id)


def _of(id: str) -> sa.Select[Any]:
    return _ALL.where(_VERSION.c.id == id)


def _saved(row: sa.Row[Any]) -> Saved:
    return Saved(
        row.id, row.tenant, row.name, row.version, row.created_at, row.content_hash, row.lineage, orjson.loads(row.body)
    )
