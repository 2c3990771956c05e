"""Dead letters: records set aside, with everything needed to look into them and to send them again.

One JSON object a message, keyed ``<pipeline>/<stage>/<record id>`` (a letter written twice has one key)::

    {"id": "orders.raw/2/1841", "pipeline": "orders", "stage": "redact", "code": "stage", "outcome": "dead",
     "detail": "stage redact raised ValueError", "trace": ["redact.py:41 apply"], "attempts": 1,
     "topic": "orders.raw", "partition": 2, "offset": 1841, "timestamp": 1700000000000, "failed_at": 1700000000123,
     "key": {"text": "k"}, "value": {"text": "{…"}, "headers": [["name", {"base64": "/w=="}]]}

``key``, ``value`` and headers are the original bytes: as text where they are UTF-8, else in base64; null where there
were none. ``original`` is ``"gone"`` where the raw topic no longer had the message. Everything else in the letter is
free of values; these three hold what the record held, so the topic is as confidential as the raw one.

Behind letters stand markers: messages without a value, with the key of the letter and a header that says what became of
it. A place is ``<partition>/<offset>`` of the record in the raw topic.
"""

import base64
from typing import Any, Final

import msgspec
import orjson

from penstock.model.errors import DecodeError
from penstock.model.record import Headers, Outcome

HEADER_REPLAYED: Final = "penstock-replayed"
"""Milliseconds since the epoch when the record was sent again; beside it stands `HEADER_PLACE`."""
HEADER_PLACE: Final = "penstock-place"
"""The place that the record was sent again from."""
HEADER_SETTLED: Final = "penstock-settled"
"""The place from which delivery accounted for the record as set aside."""


class DeadLetter(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A record set aside; see the layout above."""

    id: str
    pipeline: str
    stage: str
    code: str
    outcome: Outcome
    detail: str = ""
    trace: list[str] = []
    attempts: int = 1
    topic: str
    partition: int
    offset: int
    timestamp: int
    failed_at: int
    key: bytes | None = None
    value: bytes | None = None
    headers: Headers = []
    original: str = ""

    @property
    def message_key(self) -> bytes:
        return message_key(self.pipeline, self.stage, self.id)

    @property
    def place(self) -> bytes:
        return raw_place(self.partition, self.offset)


def message_key(pipeline: str, stage: str, id: str) -> bytes:
    """The key of the letter of a record that this stage set aside."""
    return f"{pipeline}/{stage}/{id}".encode()


def raw_place(partition: int, offset: int) -> bytes:
    """Where in the raw topic a record stood, as markers have it."""
    return b"%d/%d" % (partition, offset)


def encode(letter: DeadLetter) -> bytes:
    """The letter as a message value."""
    body = {name: getattr(letter, name) for name in letter.__struct_fields__}
    body["key"] = _wrap(letter.key)
    body["value"] = _wrap(letter.value)
    body["headers"] = [[name, _wrap(value)] for name, value in letter.headers]
    return orjson.dumps(body)


def decode(data: bytes) -> DeadLetter:
    """The letter in a message value. Raises DecodeError."""
    try:
        body = orjson.loads(data)
        body["key"], body["value"] = _unwrap(body["key"]), _unwrap(body["value"])
        body["headers"] = [(name, _unwrap(value)) for name, value in body["headers"]]
        return msgspec.convert(body, DeadLetter)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DecodeError(f"this is no dead letter ({type(error).__name__})") from None


def _wrap(data: bytes | None) -> dict[str, str] | None:
    if data is None:
        return None
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _unwrap(value: Any) -> bytes | None:
    if value is None:
        return None
    return value["text"].encode() if "text" in value else base64.b64decode(value["base64"], validate=True)
