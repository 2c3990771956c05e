"""The types that fields are found to have, and what each becomes elsewhere: one table for all targets.

The first nine are the FieldType of the AI-ETL document, with its type mapping; ``timestamp`` is a number since the
epoch (`Field.format` says of what), which stays a number. The others are what a string, a number or a value of JSON
means. Dates and numbers that stand in text in another form than the target's are to be converted as `Field.format`
says.
"""

import re
from typing import Final, NamedTuple


class Mapped(NamedTuple):
    """What a type becomes: column types of SQL, a type of Avro (1.11, with its logical types) and of Arrow, and the
    type and format of JSON Schema (2020-12)."""

    postgres: str
    mysql: str
    sqlite: str
    avro: str
    arrow: str
    json_schema: str


_TABLE: Final = """\
             PostgreSQL        MySQL         SQLite   Avro                    Arrow          JSON Schema
string       VARCHAR           VARCHAR(255)  TEXT     string                  string         string
integer      INTEGER           INT           INTEGER  long                    int64          integer
float        DOUBLE PRECISION  DOUBLE        REAL     double                  double         number
boolean      BOOLEAN           BOOLEAN       INTEGER  boolean                 bool           boolean
date         DATE              DATE          TEXT     int:date                date32[day]    string:date
datetime     TIMESTAMP         DATETIME(6)   TEXT     long:timestamp-micros   timestamp[us]  string:date-time
timestamp    BIGINT            BIGINT        INTEGER  long                    int64          integer
json         JSONB             JSON          TEXT     string                  string         string
array        JSONB             JSON          TEXT     array                   list           array
object       JSONB             JSON          TEXT     record                  struct         object
email        VARCHAR           VARCHAR(255)  TEXT     string                  string         string:email
phone        VARCHAR           VARCHAR(255)  TEXT     string                  string         string
url          TEXT              TEXT          TEXT     string                  string         string:uri
ip           INET              VARCHAR(45)   TEXT     string                  string         string
mac          MACADDR           CHAR(17)      TEXT     string                  string         string
uuid         UUID              CHAR(36)      TEXT     string:uuid             string         string:uuid
currency     VARCHAR           VARCHAR(32)   TEXT     string                  string         string
country      VARCHAR           VARCHAR(64)   TEXT     string                  string         string
language     VARCHAR           VARCHAR(35)   TEXT     string                  string         string
latitude     DOUBLE PRECISION  DOUBLE        REAL     double                  double         number
longitude    DOUBLE PRECISION  DOUBLE        REAL     double                  double         number
iban         VARCHAR(42)       VARCHAR(42)   TEXT     string                  string         string
credit_card  VARCHAR(32)       VARCHAR(32)   TEXT     string                  string         string
postal_code  VARCHAR(16)       VARCHAR(16)   TEXT     string                  string         string
hash         VARCHAR(128)      VARCHAR(128)  TEXT     string                  string         string
"""


def _rows(table: str) -> dict[str, Mapped]:
    """The rows below the heading; columns are two blanks apart."""
    rows = (re.split(r"\s{2,}", line) for line in table.splitlines()[1:])
    return {name: Mapped(*cells) for name, *cells in rows}


TYPES: Final = _rows(_TABLE)
TARGETS: Final = Mapped._fields
