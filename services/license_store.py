"""The tables of the license registry, and what is read from and written to them.

A license is never changed: each change is a further version of it, and deleting it is one as well (without a body).
Whoever changes a license locks its row in ``licenses_license`` first, so that versions are numbered without gaps. The
audit is only ever added to, in the transaction of what it tells of.
"""

import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import sqlalchemy as sa

from penstock.services.database import upsert

Row: TypeAlias = "sa.Row[*tuple[Any, ...]]"

BUNDLED: Final = "bundled"
"""Who made the versions that come with the product."""

METADATA: Final = sa.MetaData()
LICENSES: Final = sa.Table(
    "licenses_license",
    METADATA,
    sa.Column("key", sa.String(256), primary_key=True),  # the id in lower case
    sa.Column("version", sa.Integer, nullable=False),  # the newest
)
VERSIONS: Final = sa.Table(
    "licenses_version",
    METADATA,
    sa.Column("key", sa.String(256), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("body", sa.Text),  # JSON; null: deleted
    sa.Column("changed_at", sa.Text, nullable=False),
    sa.Column("changed_by", sa.Text, nullable=False),
)
APPEALS: Final = sa.Table(
    "licenses_appeal",
    METADATA,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("key", sa.String(256), nullable=False, index=True),
    sa.Column("license_id", sa.Text, nullable=False),
    sa.Column("operation", sa.Text, nullable=False),
    sa.Column("tenant_id", sa.Text, nullable=False),
    sa.Column("region", sa.Text),
    sa.Column("purpose", sa.Text),
    sa.Column("source_name", sa.Text),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # open, granted, refused, withdrawn
    sa.Column("filed_at", sa.Text, nullable=False),
    sa.Column("filed_by", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Text),  # of an open appeal and of a grant; null is never
    sa.Column("decided_at", sa.Text),
    sa.Column("decided_by", sa.Text),
    sa.Column("note", sa.Text, nullable=False),
)
AUDIT: Final = sa.Table(
    "licenses_audit",
    METADATA,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("details", sa.Text, nullable=False),  # JSON
    sqlite_autoincrement=True,  # a number is never given twice
)
_NEWEST: Final = (LICENSES.c.key == VERSIONS.c.key) & (LICENSES.c.version == VERSIONS.c.version)


def stamp(at: datetime) -> str:
    """A time as it is stored and answered: RFC 3339, UTC, milliseconds; sorts as text."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def newest(connection: sa.Connection, keys: Collection[str] | None = None) -> list[Row]:
    """The newest versions of licenses that were not deleted, by key."""
    chosen = sa.select(VERSIONS).join(LICENSES, _NEWEST).where(VERSIONS.c.body.is_not(None)).order_by(VERSIONS.c.key)
    if keys is not None:
        chosen = chosen.where(VERSIONS.c.key.in_(keys))
    return list(connection.execute(chosen))


def history(connection: sa.Connection, key: str) -> list[Row]:
    """Every version of a license, the first one first."""
    return list(connection.execute(sa.select(VERSIONS).where(VERSIONS.c.key == key).order_by(VERSIONS.c.version)))


def lock(connection: sa.Connection, key: str) -> int:
    """The number of the newest version (0: none), which nobody else changes until the transaction ends."""
    connection.execute(upsert(connection, LICENSES).values(key=key, version=0).on_conflict_do_nothing())
    chosen = sa.select(LICENSES.c.version).where(LICENSES.c.key == key).with_for_update()
    return int(connection.execute(chosen).scalar_one())


def add_version(connection: sa.Connection, key: str, version: int, body: str | None, at: datetime, by: str) -> None:
    """Add the version behind the newest; the key is locked."""
    row = {"key": key, "version": version, "body": body, "changed_at": stamp(at), "changed_by": by}
    connection.execute(sa.insert(VERSIONS), row)
    connection.execute(sa.update(LICENSES).where(LICENSES.c.key == key).values(version=version))


def preload(engine: sa.Engine, bodies: Mapping[str, str], at: datetime) -> None:
    """Add the first versions of licenses that the registry never had."""
    with engine.begin() as connection:
        for key, body in bodies.items():
            if lock(connection, key) == 0:
                add_version(connection, key, 1, body, at, BUNDLED)


def granted(connection: sa.Connection, keys: Collection[str], tenant: str, operation: str, at: datetime) -> list[Row]:
    """Appeals on these licenses that are open or granted at this time, newest first."""
    chosen = (
        sa.select(APPEALS)
        .where(APPEALS.c.key.in_(keys), APPEALS.c.tenant_id == tenant, APPEALS.c.operation == operation)
        .where(APPEALS.c.state.in_(("open", "granted")))
        .where(APPEALS.c.expires_at.is_(None) | (APPEALS.c.expires_at > stamp(at)))
        .order_by(APPEALS.c.filed_at.desc(), APPEALS.c.id)
    )
    return list(connection.execute(chosen))


def note(connection: sa.Connection, at: datetime, actor: str, action: str, subject: str, **details: Any) -> None:
    """Add to the audit."""
    row = {"at": stamp(at), "actor": actor, "action": action, "subject": subject, "details": json.dumps(details)}
    connection.execute(sa.insert(AUDIT), row)
