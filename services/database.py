"""How the reference services open their databases: as `penstock.model.database` says, under ``DATABASE_URL``."""

import sqlalchemy as sa

from penstock.model import database
from penstock.model.database import reading as reading
from penstock.model.database import upsert as upsert

VARIABLE = "DATABASE_URL"


def connect(database_url: str, metadata: sa.MetaData) -> sa.Engine:
    """Open a database and create the tables that it lacks. Raises ConfigurationError, UnreachableError."""
    return database.connect(database_url, metadata, VARIABLE)
