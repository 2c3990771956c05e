"""Indicators of compromise in memory: by id, and by what they look for.

Networks stand in one table for each length of prefix: an address is looked up once for each length there is, at most 33
times (129 for IPv6), which takes less than a walk through a tree of Python's would, and one more or less costs nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from typing import Any, TypeAlias

import msgspec

from penstock.agents.enrich._lookups.index import FOREVER, milliseconds
from penstock.agents.enrich._threats.observables import Observable
from penstock.agents.enrich._threats.shapes import Shapes
from penstock.agents.enrich._threats.stix import Untold, Way, ways
from penstock.model.record import Data


class Indicator(msgspec.Struct, gc=False):
    """What is kept of a STIX indicator.

    Attributes
    ----------
    start, end : int
        It is valid from `start` until just before `end`; milliseconds since the epoch.
    modified : int
        Of several versions the one modified last counts.
    ways : tuple
        In which a record can match it; none where it was revoked, is not wanted or cannot be told.
    """

    id: str
    name: str
    confidence: int | None
    start: int
    end: int
    modified: int
    types: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()
    ways: tuple[Way, ...] = ()


Target: TypeAlias = Indicator | tuple[Indicator, Way] | list[Any]
"""One indicator, one with what else must be in the record, or several of both."""


class Indicators:
    """The indicators there are.

    Parameters
    ----------
    wanted : callable
        Whether an indicator, as STIX has it, counts.
    parents : bool
        Whether an indicator for a domain matches the names below it.

    Attributes
    ----------
    untold : Counter
        Indicators, or parts of them, that cannot be told of one record, by reason.
    """

    def __init__(self, wanted: Callable[[Data], bool], parents: bool) -> None:
        self.untold: Counter[str] = Counter()
        self._wanted = wanted
        self._parents = parents
        self._by_id: dict[str, Indicator] = {}
        self._exact: dict[str, dict[Any, Target]] = {"domain": {}, "url": {}, "email": {}, "hash": {}, "shape": {}}
        self._shapes = Shapes()
        self._networks: dict[int, dict[int, dict[int, Target]]] = {4: {}, 6: {}}
        self._same: dict[tuple[str, ...], tuple[str, ...]] = {}

    def __len__(self) -> int:
        """Indicators, those included that cannot match."""
        return len(self._by_id)

    def put(self, stix: Mapping[str, Any]) -> str | None:
        """Take in an object of STIX; the id of the indicator that it is, None where it is none."""
        id = stix.get("id")
        if stix.get("type") != "indicator" or not isinstance(id, str):
            return None
        modified = milliseconds(stix.get("modified") or stix.get("created")) or 0
        before = self._by_id.get(id)
        if before is not None and before.modified > modified:
            return id
        self.remove(id)
        indicator = self._by_id[id] = self._made(id, modified, stix)
        for way in indicator.ways:
            self._add(way[0], indicator if len(way) == 1 else (indicator, way[1:]))
        return id

    def remove(self, id: str) -> None:
        indicator = self._by_id.pop(id, None)
        for way in indicator.ways if indicator is not None else ():
            for kind, shape in way:
                if kind == "shape":
                    self._shapes.release(shape)
            table, key = self._table(way[0])
            there = table.pop(key, None)
            left: list[Any] = there if isinstance(there, list) else [] if there is None else [there]
            left = [each for each in left if _of(each) != id]
            if left:
                table[key] = left if len(left) > 1 else left[0]

    def matches(self, found: Sequence[tuple[str, Observable]], at: int) -> Iterator[tuple[str, Observable, Indicator]]:
        """Field, what it holds and indicator of each match, at that time (milliseconds since the epoch)."""
        present: set[Observable] | None = None
        for field, observable in found:
            for target in self._targets(observable):
                for each in target if isinstance(target, list) else (target,):
                    indicator, rest = each if isinstance(each, tuple) else (each, ())
                    if not indicator.start <= at < indicator.end:
                        continue
                    if rest:
                        present = present or {key for _, other in found for key in self._keys(other)}
                        if not present.issuperset(rest):
                            continue
                    yield field, observable, indicator

    def _targets(self, observable: Observable) -> Iterator[Target]:
        kind, value = observable
        if kind == "ip":
            version, length, bits = value
            # a copy: others may be taken in meanwhile, in a thread
            for prefix, table in tuple(self._networks[version].items()):
                if prefix <= length and (target := table.get(bits >> (length - prefix))) is not None:
                    yield target
        else:
            table = self._exact[kind]
            for name in self._names(kind, value):
                if (target := table.get(name)) is not None:
                    yield target
        for _, shape in self._shaped(observable):
            if (target := self._exact["shape"].get(shape)) is not None:
                yield target

    def _shaped(self, observable: Observable) -> Iterator[Observable]:
        """The shapes that the value has."""
        kind, value = observable
        if not self._shapes:
            return
        if kind == "ip":
            version, length, bits = value
            if length != (32 if version == 4 else 128):
                return
            value = str(IPv4Address(bits) if version == 4 else IPv6Address(bits))
        yield from (("shape", shape) for shape in self._shapes.of(kind, value))

    def _names(self, kind: str, value: Any) -> Iterator[Any]:
        yield value
        if kind == "domain" and self._parents:
            while "." in value:
                value = value.partition(".")[2]
                yield value

    def _keys(self, observable: Observable) -> Iterator[Observable]:
        """Everything that, looked for, is found in a record that holds this."""
        kind, value = observable
        if kind == "ip":
            version, length, bits = value
            yield from ((kind, (version, prefix, bits >> (length - prefix))) for prefix in range(length + 1))
        else:
            yield from ((kind, name) for name in self._names(kind, value))
        yield from self._shaped(observable)

    def _table(self, observable: Observable) -> tuple[dict[Any, Target], Any]:
        kind, value = observable
        if kind == "ip":
            version, length, bits = value
            return self._networks[version].setdefault(length, {}), bits
        return self._exact[kind], value

    def _add(self, observable: Observable, target: Target) -> None:
        table, key = self._table(observable)
        there = table.get(key)
        if there is None:
            table[key] = target
        elif isinstance(there, list):
            there.append(target)
        else:
            table[key] = [there, target]

    def _made(self, id: str, modified: int, stix: Mapping[str, Any]) -> Indicator:
        confidence = stix.get("confidence")
        indicator = Indicator(
            id,
            str(stix.get("name") or ""),
            confidence if type(confidence) is int else None,
            milliseconds(stix.get("valid_from")) or 0,
            FOREVER if stix.get("valid_until") is None else milliseconds(stix["valid_until"]) or 0,
            modified,
            self._shared(labels(stix)),
            self._shared(phases(stix)),
        )
        if stix.get("revoked") is not True and self._wanted(dict(stix)):
            indicator.ways = self._ways(stix)
        return indicator

    def _ways(self, stix: Mapping[str, Any]) -> tuple[Way, ...]:
        pattern = stix.get("pattern")
        try:
            if stix.get("pattern_type", "stix") != "stix":
                raise Untold("pattern_type")
            if not isinstance(pattern, str):
                raise Untold("syntax")
            found, untold = ways(pattern)
        except Untold as why:
            self.untold[str(why)] += 1
            return ()
        self.untold.update(untold)
        return tuple(filter(self._held, map(_exact_first, dict.fromkeys(found))))

    def _held(self, way: Way) -> bool:
        """Whether all its shapes are looked for; there may be too many."""
        shapes = [shape for kind, shape in way if kind == "shape"]
        held = [shape for shape in shapes if self._shapes.hold(shape)]
        if len(held) < len(shapes):
            self.untold["too_many_shapes"] += 1
            for shape in held:
                self._shapes.release(shape)
        return len(held) == len(shapes)

    def _shared(self, names: Iterable[str]) -> tuple[str, ...]:
        """One tuple for all indicators with these names: there are few."""
        made = tuple(names)
        return self._same.setdefault(made, made) if len(self._same) < 10_000 else made


def _exact_first(way: Way) -> Way:
    """A way whose first part, by which it is found, is a value where it has one."""
    return tuple(sorted(way, key=lambda part: part[0] == "shape"))


def labels(stix: Mapping[str, Any]) -> list[str]:
    """``indicator_types`` and ``labels`` of an indicator."""
    found = [*_list(stix.get("indicator_types")), *_list(stix.get("labels"))]
    return list(dict.fromkeys(each for each in found if isinstance(each, str)))


def phases(stix: Mapping[str, Any]) -> list[str]:
    """``kill chain:phase`` of each phase of an indicator."""
    return [
        f"{each.get('kill_chain_name')}:{each.get('phase_name')}"
        for each in _list(stix.get("kill_chain_phases"))
        if isinstance(each, dict)
    ]


def objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """The objects in a STIX bundle, a TAXII envelope, a list, or the one that it is."""
    if isinstance(value, dict) and value.get("type") != "indicator" and isinstance(value.get("objects"), list):
        value = value["objects"]
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict):
            yield each


def _of(target: Any) -> str:
    """The id of the indicator of a target."""
    indicator: Indicator = target[0] if isinstance(target, tuple) else target
    return indicator.id


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
