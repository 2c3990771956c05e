"""threat_intel: what in a record is known from threats: addresses, domains, hashes, URLs, e-mail addresses.

>>> bad = {"type": "indicator", "id": "indicator--1", "name": "C2", "confidence": 80, "pattern":
...        "[ipv4-addr:value ISSUBSET '198.51.100.0/24']", "valid_from": "1970-01-01T00:00:00Z"}
>>> run("threat_intel", {"src": {"ip": "198.51.100[.]7"}}, indicators=[bad])["threat_intel"]["matches"][0]["field"]
'src.ip'

Indicators are STIX 2.1 objects: from a compacted `topic` (an indicator, or a bundle of them, a message), a `bundle`
file, which is read again when it changes, or the pipeline file itself. Of several versions of one the one modified last
counts; a revoked one never does. One matches from its ``valid_from`` until just before its ``valid_until``: by the
record's timestamp, so that a record that is replayed is matched as it was by the indicators that there are, or with
`as_of: clock` by the time of day. An address that stands for a network, as ``=`` or ISSUBSET has it, matches every
address in it.

Values are compared in one spelling: defanged ones (``hxxp``, ``[.]``) too, IPv4 mapped into IPv6 as IPv4, names in
IDNA, URLs normalised (RFC 3986, section 6.2) and without fragment. Of a pattern what can be told of one record counts
(=, IN, ISSUBSET, LIKE, MATCHES, AND, OR); what cannot is counted, and reported by reason (event
``threat_intel_untold``). LIKE and MATCHES are tried on each value, so no more than 1,000 of them count; MATCHES takes
expressions that Hyperscan runs: without references and without looking ahead or behind.

What is added names indicator and field, never the value. An indicator's name is the feed's text and may quote what it
is about: so `redact` stands behind. Nothing is blocked. An indicator takes about 1.4 KB of memory from a topic, 0.8 KB
from a file.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Literal, Self

import orjson
from pydantic import Field, model_validator

from penstock.agents.enrich._lookups.fresh import Fresh
from penstock.agents.enrich._lookups.loading import stamp
from penstock.agents.enrich._lookups.template import expand
from penstock.agents.enrich._threats.observables import LONGEST, Observable, observed
from penstock.agents.enrich._threats.sources import Feed, Fixed, Source, Topic
from penstock.agents.enrich._threats.stix_index import Indicator, Indicators, labels, objects, phases
from penstock.agents.fields import Finder
from penstock.model.component import Annotations, EnrichBatch, FieldNames, Resources, StageConfig
from penstock.model.errors import ConfigurationError, EnrichmentError, UnreachableError
from penstock.model.record import Data, Record

ADDS_TEXT = True
ORIGINAL = True
GROUP: Final = "threat_intel"
SOURCES: Final = ("topic", "bundle", "indicators")

_TYPES: Final = {"domain": "domain-name", "url": "url", "email": "email-addr", "hash": "file"}


class Config(StageConfig):
    """Options of threat_intel."""

    topic: str | None = Field(None, description="Compacted Kafka topic of STIX indicators.")
    bundle: str | None = Field(None, description="Path of a JSON file: a STIX bundle.")
    indicators: list[dict[str, Any]] | None = Field(None, description="STIX indicators themselves, for a few.")
    fields: FieldNames = Field(
        (
            *("ip", "ip_address", "ipaddress", "source_ip", "src_ip", "dest_ip", "dst_ip", "destination_ip"),
            *("client_ip", "server_ip", "remote_ip", "remote_addr", "remote_address", "host_ip", "peer_ip"),
            *("domain", "domain_name", "host", "hostname", "fqdn", "server_name", "query", "dns_query"),
            *("url", "uri", "link", "referer", "referrer", "email", "email_address", "from", "sender", "mail_from"),
            *("md5", "sha1", "sha256", "sha512", "hash", "file_hash", "checksum"),
        ),
        description="Fields that hold what indicators are about.",
    )
    parts: bool = Field(True, description="Look at the host of a URL and the domain of an e-mail address as well.")
    parent_domains: bool = Field(False, description="An indicator for a domain matches all names below it.")
    min_confidence: int = Field(0, ge=0, le=100, description="Indicators with less, or with none said, do not count.")
    labels: tuple[str, ...] = Field((), description="Only indicators with one of these types or labels; empty is all.")
    kill_chain_phases: tuple[str, ...] = Field(
        (), description="Only indicators in one of these phases, as `mitre-attack:exfiltration`; empty is all."
    )
    as_of: Literal["record", "clock"] = Field("record", description="The time at which an indicator must be valid.")
    most_matches: int = Field(20, ge=1, description="Matches of a record that are written, the surest ones first.")
    refresh_seconds: float = Field(60, gt=0, description="How often a bundle's file is looked at.")
    cache_size: int = Field(65_536, ge=0, description="Values whose spelling is remembered, the latest used ones.")
    on_unreachable: Literal["wait", "fail"] = Field(
        "wait", description="A topic that was not read to its end yet: wait for it, or go on with an error."
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if sum(getattr(self, source) is not None for source in SOURCES) != 1:
            raise ValueError(f"one of {', '.join(SOURCES)} says where the indicators are")
        return self


def build(config: Config, resources: Resources) -> EnrichBatch:
    """Compile the stage.

    Raises
    ------
    ConfigurationError
        The bundle's file is not there; a variable is not set.
    """
    source = _source(config, resources)
    find = Finder(config.fields)
    read = lru_cache(config.cache_size)(lambda value: tuple(observed(value, config.parts)))
    clock = resources.clock if config.as_of == "clock" else None

    def enrich_one(record: Record, indicators: Indicators) -> Annotations | None:
        found = [
            (path, observable)
            for path, value in find(record.data)
            if type(value) is str and len(value) <= LONGEST
            for observable in read(value)
        ]
        if not found:
            return None
        at = record.timestamp if clock is None else int(clock() * 1000)
        return _written(config, indicators.matches(found, at))

    async def enrich(records: Sequence[Record]) -> Sequence[Annotations | Exception | None]:
        try:
            indicators = await source.indicators()
        except UnreachableError as error:
            if config.on_unreachable == "wait":
                raise
            return [EnrichmentError("unreachable", error.message) for _ in records]
        except ConfigurationError as error:
            return [EnrichmentError("bundle", error.message, hint=error.hint) for _ in records]
        return [enrich_one(record, indicators) for record in records]

    return enrich


def _written(config: Config, matches: Any) -> Annotations | None:
    found: dict[tuple[str, str], tuple[Observable, Indicator]] = {}
    for field, observable, indicator in matches:
        found.setdefault((field, indicator.id), (observable, indicator))
    if not found:
        return None
    surest = sorted(found.items(), key=lambda item: (-(item[1][1].confidence or 0), item[0]))
    shown = [_match(field, *each) for (field, _), each in surest[: config.most_matches]]
    left_out = len(surest) - len(shown)
    return {GROUP: {"matches": shown, **({"left_out": left_out} if left_out else {})}}


def _match(field: str, observable: Observable, indicator: Indicator) -> dict[str, Any]:
    kind, value = observable
    return {
        "indicator": indicator.id,
        "name": indicator.name or None,
        "confidence": indicator.confidence,
        "type": _TYPES.get(kind) or f"ipv{value[0]}-addr",
        "field": field,
        "labels": list(indicator.types),
        "kill_chain_phases": list(indicator.phases),
    }


def _source(config: Config, resources: Resources) -> Source:
    def wanted(stix: Data) -> bool:
        confidence = stix.get("confidence")
        return (
            (not config.min_confidence or (type(confidence) is int and confidence >= config.min_confidence))
            and (not config.labels or not set(config.labels).isdisjoint(labels(stix)))
            and (not config.kill_chain_phases or not set(config.kill_chain_phases).isdisjoint(phases(stix)))
        )

    def empty() -> Indicators:
        return Indicators(wanted, config.parent_domains)

    if config.topic is not None:
        return Topic(resources.table(config.topic), empty(), resources.report)
    if config.indicators is not None:
        return Fixed(config.indicators, empty(), resources.report)
    path = Path(expand(config.bundle or "", resources.environ))
    if not path.is_file():
        raise ConfigurationError(f"threat_intel has no bundle: {path} is no file")
    return Feed(
        lambda fresh: Fresh(GROUP, fresh, lambda: stamp(path), config.refresh_seconds, resources.report),
        lambda: _read(path),
        empty,
        resources.report,
    )


def _read(path: Path) -> Any:
    try:
        found = orjson.loads(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path.name} cannot be read: {type(error).__name__}") from None
    except orjson.JSONDecodeError:
        raise ConfigurationError(f"{path.name} is no JSON, and so no STIX bundle") from None
    if not any(True for _ in objects(found)) and found != [] and not isinstance(found, dict):
        raise ConfigurationError(f"{path.name} is no STIX bundle")
    return found
