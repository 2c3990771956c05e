"""What the schema registry keeps and decides: ids, versions, deletion, levels of compatibility.

Error codes are Confluent's: 40401 no such subject, 40402 version, 40403 schema; 40404 and 40406 already deleted;
40405 and 40407 to be deleted before it is forgotten; 40408 no level of its own; 409 not compatible; 42201 not a
schema; 42202 not a version; 42203 not a level; 42206 something refers to it.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa

from penstock.services import avro_resolution
from penstock.services.avro_schema import Named, Parsed, SchemaError, parse
from penstock.services.database import upsert

LEVELS: Final = (
    "NONE",
    *(f"{level}{every}" for level in ("BACKWARD", "FORWARD", "FULL") for every in ("", "_TRANSITIVE")),
)
KINDS: Final = ("AVRO", "JSON")
# Arbitrary; held by PostgreSQL while somebody writes, so that ids and versions are counted by one at a time.
_WRITER: Final = 0x70737372

METADATA: Final = sa.MetaData()
CONTENT: Final = sa.Table(
    "schemas_content",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("references", sa.Text, nullable=False),
)
VERSION: Final = sa.Table(
    "schemas_version",
    METADATA,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("schema_id", sa.Integer, sa.ForeignKey(CONTENT.c.id), nullable=False, index=True),
    sa.Column("deleted", sa.Boolean, nullable=False, default=False),
)
LEVEL: Final = sa.Table(
    "schemas_level",
    METADATA,
    sa.Column("subject", sa.Text, primary_key=True),  # "" holds the level of all others
    sa.Column("level", sa.String(32), nullable=False),
)
_ROWS: Final = sa.select(
    VERSION, CONTENT.c.id, CONTENT.c.kind, CONTENT.c.text, CONTENT.c.references, CONTENT.c.digest
).join(CONTENT)

References = list[dict[str, Any]]
Row = sa.Row[Any]


class RegistryError(Exception):
    """An answer other than success, with Confluent's code; `status` is its first three digits."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.status = code if code < 1000 else code // 100
        self.message = message


class SchemaStore:
    """The tables and their rules; every method works in the caller's transaction."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that writes, one at a time."""
        with self.engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITER)))
            yield connection

    # --- reading

    def by_id(self, connection: sa.Connection, id: int) -> Row:
        row = connection.execute(sa.select(CONTENT).where(CONTENT.c.id == id)).one_or_none()
        if row is None:
            raise RegistryError(40403, f"schema {id} not found")
        return row

    def places(self, connection: sa.Connection, id: int, deleted: bool) -> list[dict[str, Any]]:
        """Subjects and versions that a schema is registered as."""
        chosen = sa.select(VERSION.c.subject, VERSION.c.version).where(VERSION.c.schema_id == id)
        rows = connection.execute(_visible(chosen, deleted).order_by(VERSION.c.subject, VERSION.c.version))
        return [{"subject": row.subject, "version": row.version} for row in rows]

    def subjects(self, connection: sa.Connection, deleted: bool) -> list[str]:
        chosen = _visible(sa.select(VERSION.c.subject).distinct(), deleted)
        return list(connection.execute(chosen.order_by(VERSION.c.subject)).scalars())

    def versions(self, connection: sa.Connection, subject: str, deleted: bool = False) -> list[Row]:
        """Versions of a subject, oldest first; at least one."""
        rows = self._versions(connection, subject, deleted)
        if not rows:
            raise RegistryError(40401, f"subject {subject} not found")
        return rows

    def version(self, connection: sa.Connection, subject: str, version: str, deleted: bool = False) -> Row:
        number = _number(version)
        rows = self.versions(connection, subject, deleted)
        found = rows[-1] if number is None else next((row for row in rows if row.version == number), None)
        if found is None:
            raise RegistryError(40402, f"version {number} of subject {subject} not found")
        return found

    def look_up(
        self, connection: sa.Connection, subject: str, text: str, kind: str, references: References, *, deleted: bool
    ) -> Row:
        """The newest version of a subject that is this schema."""
        rows = self.versions(connection, subject, deleted)
        digest = self._read(connection, text, kind, references)[1]
        for row in reversed(rows):
            if row.digest == digest:
                return row
        raise RegistryError(40403, f"schema not found in subject {subject}")

    @staticmethod
    def described(row: Row) -> dict[str, Any]:
        """The body that gives a schema; AVRO and no references are not said."""
        body: dict[str, Any] = {"schema": row.text}
        if row.kind != "AVRO":
            body["schemaType"] = row.kind
        if references := json.loads(row.references):
            body["references"] = references
        return body

    def placed(self, row: Row) -> dict[str, Any]:
        return {"subject": row.subject, "version": row.version, "id": row.id} | self.described(row)

    # --- registering

    def register(self, connection: sa.Connection, subject: str, text: str, kind: str, references: References) -> int:
        """The id of a schema in a subject, where it becomes a new version if it is none."""
        parsed, digest, compact = self._read(connection, text, kind, references)
        rows = self._versions(connection, subject, deleted=False)
        for row in rows:
            if row.digest == digest:
                return int(row.id)
        level = self.level(connection, subject, default_to_global=True)
        if found := self._violations(connection, level, rows, parsed, kind):
            raise RegistryError(409, f"not {level} compatible with an earlier version: {'; '.join(found)}")
        id = connection.scalar(sa.select(CONTENT.c.id).where(CONTENT.c.digest == digest))
        if id is None:
            id = (connection.scalar(sa.select(sa.func.max(CONTENT.c.id))) or 0) + 1
            new = {"id": id, "digest": digest, "kind": kind, "text": compact, "references": json.dumps(references)}
            connection.execute(sa.insert(CONTENT), new)
        # Numbers of deleted versions are not used again.
        last = connection.scalar(sa.select(sa.func.max(VERSION.c.version)).where(VERSION.c.subject == subject)) or 0
        place = {"subject": subject, "version": last + 1, "schema_id": id, "deleted": False}
        connection.execute(sa.insert(VERSION), place)
        return int(id)

    def check(
        self,
        connection: sa.Connection,
        subject: str,
        text: str,
        kind: str,
        references: References,
        *,
        version: str | None = None,
    ) -> list[str]:
        """Why a schema is not compatible with one version, or with those that the subject's level names."""
        parsed = self._read(connection, text, kind, references)[0]
        level = self.level(connection, subject, default_to_global=True)
        if version is None:
            return self._violations(connection, level, self._versions(connection, subject, False), parsed, kind)
        return self._violations(connection, level, [self.version(connection, subject, version)], parsed, kind)

    def _violations(
        self, connection: sa.Connection, level: str, rows: list[Row], parsed: Parsed | None, kind: str
    ) -> list[str]:
        if level == "NONE" or not rows:
            return []
        found = []
        for row in rows if level.endswith("_TRANSITIVE") else rows[-1:]:
            if parsed is None or row.kind != kind:
                found.append(f"version {row.version}: only Avro schemas can be compared with one another")
                continue
            old = self._parse(connection, json.loads(row.text), json.loads(row.references))
            if not level.startswith("FORWARD"):
                found += [
                    f"version {row.version}, read with the new: {p}" for p in avro_resolution.problems(parsed, old)
                ]
            if not level.startswith("BACKWARD"):
                found += [
                    f"the new, read with version {row.version}: {p}" for p in avro_resolution.problems(old, parsed)
                ]
        return found

    def _read(
        self, connection: sa.Connection, text: str, kind: str, references: References
    ) -> tuple[Parsed | None, str, str]:
        """What a schema means (None if it is not Avro), the digest of its normal form, its compact text."""
        if kind not in KINDS:
            raise RegistryError(42201, f"schemas of this type are not taken; allowed are {', '.join(KINDS)}")
        try:
            definition = json.loads(text)
        except (ValueError, RecursionError):
            raise RegistryError(42201, "the schema is not JSON") from None
        parsed = self._parse(connection, definition, references) if kind == "AVRO" else None
        normal = definition if parsed is None else parsed.schema
        content = json.dumps([kind, normal, references], sort_keys=True, separators=(",", ":"))
        compact = json.dumps(definition, separators=(",", ":"), ensure_ascii=False)
        return parsed, hashlib.sha256(content.encode()).hexdigest(), compact

    def _parse(self, connection: sa.Connection, definition: Any, references: References) -> Parsed:
        named: Named = {}
        try:
            for reference in references:
                row = self.version(connection, reference["subject"], str(reference["version"]), deleted=True)
                inner = self._parse(connection, json.loads(row.text), json.loads(row.references))
                named |= inner.named
            return parse(definition, named)
        except SchemaError as error:
            raise RegistryError(42201, f"the schema is not valid: {error}") from None
        except RegistryError as error:
            raise RegistryError(42201, f"the schema refers to what is not there: {error.message}") from None

    # --- deleting

    def delete_version(self, connection: sa.Connection, subject: str, version: str, permanent: bool) -> int:
        if permanent and _number(version) is None:
            raise RegistryError(42202, "a version that is forgotten must be named by its number")
        row = self.version(connection, subject, version, deleted=_number(version) is not None)
        if row.deleted and not permanent:
            raise RegistryError(40406, f"version {row.version} of subject {subject} is deleted already")
        if permanent and not row.deleted:
            raise RegistryError(40407, f"version {row.version} of subject {subject} must be deleted first")
        self._delete(connection, [row], permanent)
        return int(row.version)

    def delete_subject(self, connection: sa.Connection, subject: str, permanent: bool) -> list[int]:
        rows = self.versions(connection, subject, deleted=True)
        living = [row for row in rows if not row.deleted]
        if not living and not permanent:
            raise RegistryError(40404, f"subject {subject} is deleted already")
        if living and permanent:
            raise RegistryError(40405, f"subject {subject} must be deleted first")
        self._delete(connection, rows if permanent else living, permanent)
        connection.execute(sa.delete(LEVEL).where(LEVEL.c.subject == subject))
        return [row.version for row in (rows if permanent else living)]

    def _delete(self, connection: sa.Connection, rows: Iterable[Row], permanent: bool) -> None:
        for row in rows:
            self._refuse_if_referred_to(connection, row)
            here = (VERSION.c.subject == row.subject) & (VERSION.c.version == row.version)
            connection.execute(
                sa.delete(VERSION).where(here) if permanent else sa.update(VERSION).where(here).values(deleted=True)
            )

    def _refuse_if_referred_to(self, connection: sa.Connection, row: Row) -> None:
        chosen = sa.select(CONTENT.c.references).join(VERSION).where(CONTENT.c.references != "[]", ~VERSION.c.deleted)
        for text in connection.execute(chosen).scalars():
            if any(found["subject"] == row.subject and found["version"] == row.version for found in json.loads(text)):
                raise RegistryError(42206, f"a schema refers to version {row.version} of subject {row.subject}")

    # --- levels

    def level(self, connection: sa.Connection, subject: str, default_to_global: bool = False) -> str:
        """The level of a subject ("": of all that have none)."""
        names = [subject, ""] if default_to_global else [subject]
        chosen = sa.select(LEVEL.c.level).where(LEVEL.c.subject.in_(names)).order_by(LEVEL.c.subject.desc())
        found = connection.scalar(chosen)
        if found is None and subject and not default_to_global:
            raise RegistryError(40408, f"subject {subject} has no compatibility level of its own")
        return found or "BACKWARD"

    def set_level(self, connection: sa.Connection, subject: str, level: str) -> str:
        if level.upper() not in LEVELS:
            raise RegistryError(42203, f"not a compatibility level; allowed are {', '.join(LEVELS)}")
        put = upsert(connection, LEVEL).values(subject=subject, level=level.upper())
        connection.execute(put.on_conflict_do_update(index_elements=["subject"], set_={"level": level.upper()}))
        return level.upper()

    def delete_level(self, connection: sa.Connection, subject: str) -> str:
        level = self.level(connection, subject)
        connection.execute(sa.delete(LEVEL).where(LEVEL.c.subject == subject))
        return level

    def _versions(self, connection: sa.Connection, subject: str, deleted: bool) -> list[Row]:
        chosen = _visible(_ROWS.where(VERSION.c.subject == subject), deleted).order_by(VERSION.c.version)
        return list(connection.execute(chosen))


def _visible(chosen: sa.Select[Any], deleted: bool) -> sa.Select[Any]:
    return chosen if deleted else chosen.where(~VERSION.c.deleted)


def _number(version: str) -> int | None:
    """The number of a version; None is the latest, which clients also write as -1."""
    if version in ("latest", "-1"):
        return None
    if not version.isascii() or not version.isdigit() or not 0 < int(version[:11]) < 2**31:
        raise RegistryError(42202, "a version is a number from 1 on, or 'latest'")
    return int(version)
