"""Tagging with versions from a schema registry: a shape of a subject is asked for once, then it is known."""

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import orjson

from penstock.agents.tag._evolution import Drift, is_null
from penstock.agents.tag._infer import text
from penstock.agents.tag._shape import FieldPath, Shape, shape
from penstock.agents.tag._versions import Version, Versions, subject
from penstock.model.component import Event, Resources
from penstock.model.errors import SchemaDriftError
from penstock.model.layout import Layout
from penstock.model.record import HEADER_SOURCE_ID, Record
from penstock.model.verdict import Keep, Quarantine, Verdict

_MOST_TOLD: Final = 5  # fields that an event names
_LARGEST: Final = 1000  # fields of a shape that is remembered


class _Known(NamedTuple):
    """What becomes of records of one layout in one subject.

    Attributes
    ----------
    whole : Verdict
        Where they do not drift.
    drifted : Verdict or None
        Where they do; None raises.
    gone : tuple of path or None
        They drift unless all of these are there as null; empty where they drift for sure, None where they do not.
    """

    whole: Verdict
    drifted: Verdict | None = None
    gone: tuple[FieldPath, ...] | None = None


class Registered:
    """The stage.

    Parameters
    ----------
    schema
        The note of a shape, but for what the registry says.
    tenant
        A record's tenant, as JSON.
    versions
    resources
    pinned
        Fingerprints that are neither registered nor drift.
    policy : str
        allow, quarantine or fail.
    most : int
        Layouts that are remembered.
    """

    def __init__(
        self,
        schema: Callable[[Shape], dict[str, Any]],
        tenant: Callable[[Record], bytes],
        versions: Versions,
        resources: Resources,
        *,
        pinned: frozenset[str],
        policy: str,
        most: int,
    ) -> None:
        self._schema = schema
        self._tenant = tenant
        self._versions = versions
        self._resources = resources
        self._pinned = pinned
        self._policy = policy
        self._most = most
        self._known: dict[tuple[Layout, bytes, str], _Known] = {}
        self._told: set[tuple[str, str]] = set()

    async def __call__(self, records: Sequence[Record]) -> list[Verdict]:
        """Raises ServiceUnreachableError: the registry does not answer; SchemaDriftError: the policy is fail."""
        verdicts = []
        for record in records:
            key = (record.layout, self._tenant(record), self._source(record))
            known = self._known.get(key) or await self._learn(key, record)
            verdicts.append(known.whole if known.gone is None else self._drifted(known, record))
        return verdicts

    def _source(self, record: Record) -> str:
        found = record.header(HEADER_SOURCE_ID) if record.headers else None
        return found or self._resources.pipeline

    async def _learn(self, key: tuple[Layout, bytes, str], record: Record) -> _Known:
        found = shape(record.data)
        _, tenant, source = key
        note = self._schema(found)
        if found.fingerprint in self._pinned:
            version = Version(note["version"], None, Drift())
        else:
            name = subject(orjson.loads(tenant), source)
            version = await self._versions.find(name, found)
            if version.number is None or version.drift.breaks:
                self._report(name, found.fingerprint, version)
        known = self._judged({**note, "version": version.number}, tenant, version)
        if len(found.fields) <= _LARGEST:
            if len(self._known) >= self._most:
                del self._known[next(iter(self._known))]
            self._known[key] = known
        return known

    def _judged(self, note: dict[str, Any], tenant: bytes, version: Version) -> _Known:
        whole = Keep(notes={"schema": orjson.dumps(note), "tenant": tenant})
        if version.number is not None and not version.drift.breaks:
            return _Known(whole)
        drifted: Verdict | None = None
        if self._policy == "allow":
            told = {**note, "drift": {"since": version.before, **version.drift.body()}}
            drifted = Keep(notes={"schema": orjson.dumps(told), "tenant": tenant})
        elif self._policy == "quarantine":
            drifted = Quarantine("schema_drift")
        certain = version.number is None or version.drift.changed
        return _Known(whole, drifted, () if certain else version.drift.removed)

    def _drifted(self, known: _Known, record: Record) -> Verdict:
        # a field that is null is absent from the shape, but not gone
        if known.gone and all(is_null(record.data, path) for path in known.gone):
            return known.whole
        if known.drifted is None:
            raise SchemaDriftError("the record's schema breaks those before it", hint="see `penstock schema history`")
        return known.drifted

    def _report(self, name: str, fingerprint: str, version: Version) -> None:
        """Once for each shape of a subject; of fields the first few."""
        if (name, fingerprint) in self._told:
            return
        if len(self._told) >= self._most:
            self._told.clear()
        self._told.add((name, fingerprint))
        drift = version.drift
        number = "the registry refuses it" if version.number is None else f"version {version.number}"
        parts = [f"the schema of {name} drifted: {number}"]
        if drift.removed:
            parts.append("gone since: " + ", ".join(text(path) for path in drift.removed[:_MOST_TOLD]))
        if drift.changed:
            parts.append("of another type: " + ", ".join(text(path) for path, _, _ in drift.changed[:_MOST_TOLD]))
        self._resources.report(Event("schema_drift", "; ".join(parts)))
