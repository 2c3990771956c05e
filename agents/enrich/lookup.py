"""lookup: columns of a reference, joined to each record by one key or several.

>>> shops = [{"shop": "007", "city": "Bern"}, {"shop": "8", "city": "Basel"}]
>>> run("lookup", {"sale": {"shop_id": "007"}}, rows=shops, by={"sale.shop_id": "shop"}, label="shop")
{'lookup': {'shop': {'city': 'Bern'}}}
>>> run("lookup", {"sale": {"shop_id": 9}}, rows=shops, by={"sale.shop_id": "shop"}, missing="mark")
{'lookup': {'match': {'matched': False}}}

The reference is one of: `rows` here in the file, a `file` (CSV, TSV, Parquet or JSON lines), a `query` of a database, a
compacted Kafka `topic` (a JSON object a message; `by` may name its key as ``_key``), or keys in `redis`. All but Redis
are held in memory, no more than `most_rows`: about 0.5 KB a row of a key and three short columns, 0.7 KB where it comes
from a topic.

Files are read again when they change (replace one by renaming another over it), queries every `refresh_seconds`; both
in a thread, and until that is done the old rows are used, also where it fails (event ``lookup_stale``). Redis is asked
once in `refresh_seconds` for a key. A topic's changes count from the next frame on; until it has been read to its end
once, records wait.

`valid_from` and `valid_to` name columns that say when a row holds: from the one until just before the other. Of several
the one that began last counts, at the time of the record: its timestamp in Kafka, or the field `at`. So a record that
is replayed gets what it got, as long as rows are only added and closed; a row that was changed in place, or one that
came late, gives a replayed record what is known now. Without these columns it always does.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from penstock.agents.enrich._lookups.fresh import Fresh
from penstock.agents.enrich._lookups.index import Shape, as_it_is, as_text, as_text_in_any_case, milliseconds
from penstock.agents.enrich._lookups.loading import check_file, index_of, read_file, reader_of_query, stamp
from penstock.agents.enrich._lookups.references import Asked, Held, InRedis, Loaded, Reference, Told
from penstock.agents.enrich._lookups.template import Text, expand, field_value
from penstock.model.component import Annotations, EnrichBatch, Resources, StageConfig
from penstock.model.errors import ConfigurationError, EnrichmentError, UnreachableError
from penstock.model.record import Record

ADDS_TEXT = True
GROUP: Final = "lookup"
SOURCES: Final = ("rows", "file", "query", "topic", "redis")

_SPELLINGS: Final[dict[str, Callable[[Any], Any]]] = {
    "text": as_text,
    "ignore_case": as_text_in_any_case,
    "exact": as_it_is,
}


class Config(StageConfig):
    """Options of lookup."""

    rows: list[dict[str, Any]] | None = Field(None, description="The reference itself, for a small one.")
    file: str | None = Field(None, description="Path of a file: `.csv`, `.tsv`, `.parquet` or `.jsonl`.")
    query: str | None = Field(None, description="SQL that gives the rows.")
    database: str = Field("${DATABASE_URL}", description="Of `query`: `postgresql://…` or `sqlite:///…`.")
    topic: str | None = Field(None, description="A compacted Kafka topic.")
    redis: str | None = Field(None, description="Template of a key in Redis, such as `customer:{{customer.id}}`.")
    redis_url: str = Field("${REDIS_URL}", description="Of `redis`.")
    redis_kind: Literal["hash", "json", "text"] = Field("hash", description="What stands under a key in Redis.")
    by: dict[str, str] = Field({}, description="Path of a field in the record -> the column that it equals.")
    keys: Literal["text", "ignore_case", "exact"] = Field(
        "text", description='text: 7, 7.0 and "7" are one key; ignore_case: "Ab" and "aB" as well; exact: types differ.'
    )
    columns: dict[str, str] | list[str] = Field(
        {}, description="Columns that are joined, with new names where they are pairs; all but the keys where empty."
    )
    label: str = Field("match", min_length=1, description="What the row is called in the record.")
    missing: Literal["ignore", "mark", "fail", "default"] = Field(
        "ignore",
        description="Without a row: ignore adds nothing; mark adds `matched: false` (and true to others); fail is the"
        " error `no_match`; default adds `defaults`.",
    )
    defaults: dict[str, Any] = Field({}, description="Columns of records that have no row.")
    valid_from: str | None = Field(None, description="Column of the time from which a row holds; empty is always.")
    valid_to: str | None = Field(None, description="Column of the time from which it holds no more; empty is never.")
    at: str | None = Field(
        None,
        description="Path of the field with the record's time, ISO 8601 or a number, without which it has no row; the"
        " record's timestamp in Kafka where this option is absent.",
    )
    refresh_seconds: float = Field(60, gt=0, description="How long what was read holds.")
    most_rows: int = Field(1_000_000, ge=1, description="Rows that are held in memory; a larger reference is refused.")
    on_unreachable: Literal["wait", "fail"] = Field(
        "wait", description="A reference of which nothing is known yet: wait for it, or go on with an error."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        named = [source for source in SOURCES if getattr(self, source) is not None]
        if len(named) != 1:
            raise ValueError(f"one of {', '.join(SOURCES)} says what to look things up in")
        if bool(self.by) is (self.redis is not None):
            raise ValueError("by says which field is which column; with redis, the key's template does")
        if self.redis is not None and (self.valid_from or self.valid_to):
            raise ValueError("what stands in Redis holds now: valid_from and valid_to are not for it")
        if self.at is not None and not (self.valid_from or self.valid_to):
            raise ValueError("at needs valid_from or valid_to")
        return self


def build(config: Config, resources: Resources) -> EnrichBatch:
    """Compile the stage.

    Raises
    ------
    ConfigurationError
        A file is not there, is not what its name says, or lacks a column; an address is none; a variable is not set.
    """
    reference = _reference(config, resources)
    ask = _Ask(config, resources)
    none = _without(config)

    async def enrich(records: Sequence[Record]) -> Sequence[Annotations | Exception | None]:
        asked = [ask(record) for record in records]
        try:
            found = iter(await reference.find([each for each in asked if each is not None]))
        except UnreachableError as error:
            if config.on_unreachable == "wait":
                raise
            return [EnrichmentError("unreachable", error.message) for _ in records]
        except ConfigurationError as error:
            return [EnrichmentError("reference", error.message, hint=error.hint) for _ in records]
        rows = [None if each is None else next(found) for each in asked]
        return [none if row is None else row if isinstance(row, Exception) else joined(row) for row in rows]

    def joined(row: dict[str, Any]) -> Annotations:
        return {GROUP: {config.label: {"matched": True, **row} if config.missing == "mark" else row}}

    return enrich


def _without(config: Config) -> Annotations | Exception | None:
    """What becomes of a record without a row."""
    match config.missing:
        case "mark":
            return {GROUP: {config.label: {"matched": False}}}
        case "fail":
            return EnrichmentError("no_match", f"lookup {config.label} has no row for the record's key")
        case "default":
            return {GROUP: {config.label: config.defaults}}
    return None


class _Ask:
    """What is asked about a record; None where it has no key."""

    def __init__(self, config: Config, resources: Resources) -> None:
        self._fields = list(config.by)
        self._shape = _shape(config)
        self._key = None if config.redis is None else Text(config.redis, resources.environ)
        self._at = config.at

    def __call__(self, record: Record) -> Asked | None:
        data = record.data
        if self._key is not None:
            key: Any = self._key.fill(data, str)
        else:
            key = self._shape.key([field_value(data, field) for field in self._fields])
        at = record.timestamp if self._at is None else milliseconds(field_value(data, self._at))
        return None if key is None or at is None else Asked(key, at)


def _shape(config: Config) -> Shape:
    columns = config.columns if isinstance(config.columns, dict) else {name: name for name in config.columns}
    spelling = _SPELLINGS[config.keys]
    return Shape(list(config.by.values()), columns, config.valid_from, config.valid_to, spelling)


def _reference(config: Config, resources: Resources) -> Reference:
    shape, report, environ = _shape(config), resources.report, resources.environ
    if config.rows is not None:
        return Held(index_of(config.rows, shape, config.most_rows, "the option rows of lookup"))
    if config.topic is not None:
        return Told(resources.table(config.topic), shape, config.most_rows, report)
    if config.redis is not None:
        columns = config.columns if isinstance(config.columns, dict) else {name: name for name in config.columns}
        return InRedis(expand(config.redis_url, environ), config.redis_kind, columns, config.refresh_seconds)
    if config.file is not None:
        path = Path(expand(config.file, environ))
        check_file(path, shape)
        return Loaded(
            Fresh(
                GROUP,
                lambda: index_of(read_file(path, shape), shape, config.most_rows, path.name),
                lambda: stamp(path),
                config.refresh_seconds,
                report,
            )
        )
    assert config.query is not None
    rows = reader_of_query(config.query, expand(config.database, environ))
    return Loaded(
        Fresh(
            GROUP,
            lambda: index_of(rows(), shape, config.most_rows, "the query of lookup"),
            lambda: None,
            config.refresh_seconds,
            report,
        )
    )
