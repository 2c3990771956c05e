"""The one way in which databases are opened: SQLAlchemy 2 core, SQLite or PostgreSQL.

Writing: ``with engine.begin() as connection`` is a transaction that may read, decide and write. On SQLite it starts
with ``BEGIN IMMEDIATE``, so that nobody else writes between what was read and what is written. On PostgreSQL select
the row that the decision rests on ``.with_for_update()`` (SQLite leaves that out) and let a unique constraint decide
who creates it.

Reading: ``with reading(engine) as connection`` takes no writer's lock on SQLite: readers do not wait, nor are waited
for (write-ahead log).

Several may share one PostgreSQL database: start the names of tables with the name of the service or store.
"""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc
from sqlalchemy.dialects import postgresql, sqlite

from penstock.model.errors import ConfigurationError, UnreachableError

BUSY_SECONDS = 30
CONNECT_SECONDS = 5
# Starlette runs plain routes in 40 threads, each may hold one connection.
HIDDEN: dict[str, Any] = {"hide_parameters": True}
"""An error must not quote what was written."""
POOL: dict[str, Any] = {"pool_size": 10, "max_overflow": 30}
# One lock for all: two that create their tables at once would otherwise collide in PostgreSQL's catalogue.
SCHEMA_LOCK = 0x70656E73


def connect(
    database_url: str, metadata: sa.MetaData, variable: str, *, what: str = "the database", scrub: bool = False
) -> sa.Engine:
    """Open a database and create the tables that it lacks.

    Parameters
    ----------
    database_url : str
        ``sqlite:///relative.db``, ``sqlite:////absolute.db`` (missing folders are made) or ``postgresql://…``.
    metadata : sqlalchemy.MetaData
        The tables of the service.
    variable : str
        The environment variable that the URL comes from, for messages.
    what : str
        What the database is called in messages.
    scrub : bool
        Leave nothing behind: SQLite overwrites what is deleted, and no connection stays open between two uses, so that
        its log can be emptied.

    Raises
    ------
    ConfigurationError
        The URL is none, or names neither SQLite nor PostgreSQL, or an SQLite database in memory, which threads
        cannot share.
    UnreachableError
        The database does not answer. Names the server and the variable, never user or password.
    """
    url = parse(database_url, variable)
    try:
        engine = _sqlite(url, scrub) if url.get_backend_name() == "sqlite" else _postgresql(url, scrub)
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(SCHEMA_LOCK)))
            metadata.create_all(connection)
    except (exc.DBAPIError, OSError) as error:
        raise unreachable(error, url, variable, what) from None
    return engine


def unreachable(error: Exception, url: sa.URL, variable: str, what: str) -> UnreachableError:
    """What an error of the driver means to a caller; names the server and the variable, never user or password."""
    return UnreachableError(what, address(url), variable=variable, cause=_cause(error, url))


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that only reads: one consistent view, no writer's lock."""
    with engine.connect() as connection:
        yield connection.execution_options(penstock_reading=True)


def upsert(connection: sa.Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT of the connection's dialect, which has ``on_conflict_do_update`` and ``on_conflict_do_nothing``."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def parse(database_url: str, variable: str) -> sa.URL:
    """The URL of a database, with its driver. Raises ConfigurationError."""
    try:
        url = sa.make_url(database_url)
        backend = url.get_backend_name()
    except exc.ArgumentError:
        raise ConfigurationError(f"{variable} is not a database URL", hint="postgresql://… or sqlite:///…") from None
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise ConfigurationError(f"{variable} names {backend}", hint="allowed are postgresql://… and sqlite:///…")
    if url.database in (None, "", ":memory:"):
        raise ConfigurationError(f"{variable} names an SQLite database in memory", hint="name a file: sqlite:///…")
    return url.set(drivername="sqlite+pysqlite")


def _postgresql(url: sa.URL, scrub: bool) -> sa.Engine:
    seconds = url.query.get("connect_timeout", CONNECT_SECONDS)
    arguments = {"connect_timeout": int(str(seconds))}
    pool = {"poolclass": sa.NullPool} if scrub else {"pool_pre_ping": True, **POOL}
    return sa.create_engine(url, connect_args=arguments, **HIDDEN, **pool)


def _sqlite(url: sa.URL, scrub: bool) -> sa.Engine:
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    pool = {"poolclass": sa.NullPool} if scrub else POOL
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS}, **HIDDEN, **pool)
    event.listen(engine, "connect", _prepare)
    if scrub:
        event.listen(engine, "connect", _scrubbing)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    """Set up one SQLite connection; `BEGIN` is ours, because the driver begins too late and never IMMEDIATE."""
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")
    _write_ahead(connection)


def _scrubbing(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA secure_delete=ON")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log. The switch does not wait for other connections as all else does, so ask again."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _begin(connection: sa.Connection) -> None:
    reads = connection.get_execution_options().get("penstock_reading", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def address(url: sa.URL) -> str:
    """Where a database is, without user and password."""
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    return f"{url.host or 'localhost'}:{url.port or 5432}/{url.database or ''}"


def _cause(error: Exception, url: sa.URL) -> str:
    """The driver's first line, without the password should it ever quote it."""
    text = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    return text.replace(url.password, "***") if url.password else text
