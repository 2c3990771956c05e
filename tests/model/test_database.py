"""What the reference services do not use; see tests/services/test_database.py for the rest."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from penstock.model import database
from penstock.model.errors import ConfigurationError, UnreachableError

metadata = sa.MetaData()
SECRETS = sa.Table("secrets", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("value", sa.Text))


def _careless(connection: sqlite3.Connection, _record: object) -> None:
    """What SQLite does by default where it was built so."""
    connection.execute("PRAGMA secure_delete=OFF")


def test_what_is_deleted_is_overwritten_however_sqlite_was_built(tmp_path: Path) -> None:
    for scrub, on in ((True, 1), (False, 0)):
        engine = database.connect(f"sqlite:///{tmp_path / 'a.db'}", metadata, "X_URL", scrub=scrub)
        event.listen(engine, "connect", _careless, insert=True)
        engine.dispose()
        with database.reading(engine) as connection:
            assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == on


def test_no_connection_stays_open(tmp_path: Path) -> None:
    engine = database.connect(f"sqlite:///{tmp_path / 'a.db'}", metadata, "X_URL", scrub=True)
    with engine.begin() as connection:
        connection.execute(sa.insert(SECRETS).values(value="x"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.db"]  # the last to leave takes the log along


def test_messages_name_what_the_caller_says(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="X_URL names mysql"):
        database.connect("mysql://a/b", metadata, "X_URL")
    (tmp_path / "file").write_text("")
    with pytest.raises(UnreachableError, match=r"the box at .*set X_URL"):
        database.connect(f"sqlite:///{tmp_path / 'file' / 'a.db'}", metadata, "X_URL", what="the box")
