"""How records that were set aside name their licenses: their original bytes, seen as the stage `license` saw them.

The stages in front of `license` are run again, because the field that names the license may be one that they made, and
the tenant is one that `tag` notes. They are pure, so that this changes nothing; enrichers that wait for a network make
it slow, and are best put behind `license`.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import httpx
import orjson

from penstock.agents.chain import Chain
from penstock.agents.license.license import Named
from penstock.codecs.avro import AvroDecoder
from penstock.codecs.dead_letter import DeadLetter
from penstock.codecs.json import canonical
from penstock.codecs.schema_registry import SchemaRegistry
from penstock.model.errors import RecordError
from penstock.model.record import Kept, Record
from penstock.topology.spec import Pipeline

Names: TypeAlias = tuple[Named, ...]
"""How a record names its license at each stage `license` of its pipeline."""

_Decode: TypeAlias = Callable[[Sequence[bytes]], Awaitable[list[bytes | None]]]
"""Canonical JSON of values of the raw topic; None for one that is not what the codec says."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A stage `license`: what stands in front of it, and how it finds the license of a record."""

    before: Chain
    named: Callable[[Record], Named]


async def find_names(
    gates: Sequence[Gate], pipeline: Pipeline, letters: Sequence[DeadLetter], environ: Mapping[str, str]
) -> list[Names | None]:
    """How each record names its license; None for one that does not come as far as `license`.

    Raises
    ------
    UnreachableError
        A stage, or an Avro topic's schema registry, does not answer.
    """
    async with _decoding(pipeline, environ) as decode:
        values = await decode([letter.value or b"" for letter in letters])
    found: list[Names | None] = [None if value is None else () for value in values]
    for gate in gates:
        live = [index for index, names in enumerate(found) if names is not None]
        entries = [_entry(letters[index], index, values[index]) for index in live]
        for entry in (await gate.before.run(pipeline.raw_topic, 0, entries)).entries:
            names, found[entry.offset] = found[entry.offset], None
            if isinstance(entry, Kept) and names is not None:
                found[entry.offset] = (*names, gate.named(Record(entry, entry.origin)))
    return found


def _entry(letter: DeadLetter, index: int, data: bytes | None) -> Kept:
    """A record under its place in the list."""
    return Kept(index, letter.timestamp, data, {}, letter.key, letter.headers, letter.id)


@asynccontextmanager
async def _decoding(pipeline: Pipeline, environ: Mapping[str, str]) -> AsyncIterator[_Decode]:
    if pipeline.raw.codec == "json":

        async def from_json(values: Sequence[bytes]) -> list[bytes | None]:
            return [_tried(canonical, value) for value in values]

        yield from_json
        return
    async with httpx.AsyncClient(timeout=10) as http:
        schemas = SchemaRegistry.from_environ(environ, http=http, token=environ.get("PENSTOCK_API_TOKEN"))
        avro = AvroDecoder(schemas)

        async def from_avro(values: Sequence[bytes]) -> list[bytes | None]:
            await avro.prefetch(values)
            return [_tried(lambda each: orjson.dumps(avro.decode(each)), value) for value in values]

        yield from_avro


def _tried(decode: Callable[[bytes], bytes], value: bytes) -> bytes | None:
    try:
        return decode(value)
    except RecordError:
        return None
