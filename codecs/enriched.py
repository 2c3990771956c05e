"""The enriched record: what consumers of an enriched topic, and files, get of each record that was kept.

::

    {"id":"orders.raw/2/1841","tenant":"acme","data":{…},"schema":{…},"entities":[…],"relations":[…],"pii":[…],
     "license":{…},"enrichments":{"geo":{…},"hashes":{…}},
     "metadata":{"source_type":"csv","source_id":"…","record_id":"…","env":"dev",
                 "enriched_at":"2025-01-08T10:00:00.000Z","enrichment_version":"1","quality_score":null}}   (one line)

Keys always stand in this order and are never absent: what no stage noted is null, ``[]`` or, for enrichments, ``{}``.
Groups of enrichments stand in order of their names. Data and notes are JSON already and are joined as they are.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Final, TypeAlias

import orjson

from penstock.model.record import HEADER_RECORD_ID, HEADER_SOURCE_ID, HEADER_SOURCE_TYPE, Kept

Notes: TypeAlias = dict[str, bytes]

_GROUP: Final = "enrichments."
ENRICHMENT_VERSION: Final = "1.0"
"""Of the stages' annotations: what ``enrichment_version`` says where nothing else is known."""

_DEFAULTS: Final = {"schema": b"null", "entities": b"[]", "relations": b"[]", "pii": b"[]", "license": b"null"}
_CACHED: Final = 1024


def encode(entry: Kept, *, id: str | bytes, metadata: bytes, tenant: bytes = b"null") -> bytes:
    """The enriched record of an entry.

    Parameters
    ----------
    entry : Kept
        With its data in place: neither a tombstone nor a claim.
    id : str or bytes
        The record's first id; bytes are JSON already.
    metadata : bytes
        JSON; see `MetadataWriter`.
    tenant : bytes
        JSON; where no stage noted one.
    """
    if not entry.data:
        raise ValueError("a tombstone or a claim has no enriched record")
    notes = entry.notes
    layout, values = _layout(tuple(notes))
    written = id if isinstance(id, bytes) else orjson.dumps(id)
    return layout % (written, notes.get("tenant", tenant), entry.data, *values(notes), metadata)


@lru_cache(_CACHED)
def _layout(present: tuple[str, ...]) -> tuple[bytes, Callable[[Notes], tuple[bytes, ...]]]:
    """For records with these notes: a template, and what gets the notes that it takes between data and metadata.

    Records of a pipeline have the same notes, so this is made once; it halves the time that a record takes.
    """
    names = [name for name in _DEFAULTS if name in present]
    fields = [b'"%b":%b' % (name.encode(), b"%b" if name in present else absent) for name, absent in _DEFAULTS.items()]
    groups = sorted(name for name in present if name.startswith(_GROUP))
    labels = [orjson.dumps(name.removeprefix(_GROUP)).replace(b"%", b"%%") + b":%b" for name in groups]
    template = b'{"id":%%b,"tenant":%%b,"data":%%b,%b,"enrichments":{%b},"metadata":%%b}'
    return template % (b",".join(fields), b",".join(labels)), _getter([*names, *groups])


def _getter(names: list[str]) -> Callable[[Notes], tuple[bytes, ...]]:
    # itemgetter is twice as fast as a comprehension, but gives no tuple for one name, and takes none at all
    return itemgetter(*names) if len(names) > 1 else lambda notes: tuple(notes[name] for name in names)


class MetadataWriter:
    """Writes the ``metadata`` of enriched records.

    Parameters
    ----------
    env : str
        Of the pipeline: dev, staging, prod.
    enrichment_version : str
        Names the stages and their options that made the record.
    """

    def __init__(self, env: str, enrichment_version: str) -> None:
        self._env = orjson.dumps(env)
        self._version = orjson.dumps(enrichment_version)
        self._heads: dict[tuple[bytes | None, bytes | None], bytes] = {}
        self._middle = self._bare = b""
        self._at = -1.0

    def write(self, entry: Kept, at: float) -> bytes:
        """The metadata of an entry that is written `at` seconds since the epoch; same as the last time is cheap."""
        if at != self._at:
            self._set_time(at)
        if not entry.headers and "quality_score" not in entry.notes:
            return self._bare
        headers = dict(entry.headers)
        source = (headers.get(HEADER_SOURCE_TYPE), headers.get(HEADER_SOURCE_ID))
        head = self._heads.get(source) or self._head(source)
        id = headers.get(HEADER_RECORD_ID)
        score = entry.notes.get("quality_score", b"null")
        return b"%b%b%b%b}" % (head, b"null" if id is None else _text(id), self._middle, score)

    def _set_time(self, at: float) -> None:
        moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").removesuffix("+00:00")
        self._middle = b',"env":%b,"enriched_at":"%bZ","enrichment_version":%b,"quality_score":' % (
            self._env,
            moment.encode(),
            self._version,
        )
        self._at = at
        self._bare = b"%bnull%bnull}" % (self._head((None, None)), self._middle)

    def _head(self, source: tuple[bytes | None, bytes | None]) -> bytes:
        if len(self._heads) >= _CACHED:
            self._heads.clear()  # ids of sources come in headers, and anybody may write those
        head = b'{"source_type":%b,"source_id":%b,"record_id":' % (_text(source[0]), _text(source[1]))
        self._heads[source] = head
        return head


def _text(value: bytes | None) -> bytes:
    """A header as a JSON string; null where it is absent or not UTF-8."""
    if value is None:
        return b"null"
    try:
        return orjson.dumps(value.decode())
    except UnicodeDecodeError:
        return b"null"
