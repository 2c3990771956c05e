"""geoip: country, city, coordinates, time zone and network operator of each address, from MaxMind DB files.

>>> run("geoip", {"user": {"ip": "8.8.8.8"}})["geo"]["ip_geo"]["asn_org"]
'Google LLC'
>>> run("geoip", {"source_ip": "10.1.2.3"})["geo"]["source_ip_geo"]["scope"]
'private'

What the database does not know is null. An address from a range that IANA set aside gets ``scope`` as well: which kind
of range it is, where a null country says nothing. A network (``203.0.113.0/24``, or ``203.0.113.0`` as `redact` leaves
it) is looked up by its first address. What is no address gets nothing.

Replace a database file by renaming another one over it, never in place: it is mapped into memory.
"""

from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeAlias

import maxminddb
from pydantic import Field

from penstock.agents.fields import Finder
from penstock.model.component import Annotations, EnrichRecord, FieldNames, Resources, StageConfig
from penstock.model.errors import ConfigurationError
from penstock.model.record import Record

GROUP = "geo"
VARIABLE = "GEOIP_DATABASE"

Scope: TypeAlias = Literal["private", "loopback", "link_local", "multicast", "documentation", "reserved"]
Address: TypeAlias = IPv4Address | IPv6Address


class Config(StageConfig):
    """Options of geoip."""

    fields: FieldNames = Field(
        (
            "ip",
            "ip_address",
            "ipaddress",
            "source_ip",
            "src_ip",
            "dest_ip",
            "dst_ip",
            "destination_ip",
            "client_ip",
            "server_ip",
            "remote_ip",
            "remote_addr",
            "remote_address",
            "host_ip",
            "peer_ip",
        ),
        description="Fields that hold addresses.",
    )
    database: Path | None = Field(
        None, description=f"MaxMind DB file (City, Country, or City and ASN in one); {VARIABLE} where absent."
    )
    asn_database: Path | None = Field(None, description="A second MaxMind DB file, for the operators of networks.")
    max_latency_ms: float = Field(
        10,
        gt=0,
        description="Advisory: what a record should take. A lookup is local and takes microseconds.",
    )
    cache_size: int = Field(65_536, ge=0, description="Addresses whose answer is kept, the latest used ones.")


def build(config: Config, resources: Resources) -> EnrichRecord:
    """Compile the stage.

    Raises
    ------
    ConfigurationError
        No database is named, or one cannot be opened.
    """
    find = Finder(config.fields)
    lookup = lru_cache(config.cache_size)(_lookup(config, resources))

    def enrich(record: Record) -> Annotations | None:
        found = {
            f"{label}_geo": body
            for label, value in find.labelled(record)
            if type(value) is str and len(value) <= _LONGEST and (body := lookup(value)) is not None
        }
        return {GROUP: found} if found else None

    return enrich


def _lookup(config: Config, resources: Resources) -> Callable[[str], dict[str, Any] | None]:
    path = config.database or (Path(named_path) if (named_path := resources.environ.get(VARIABLE)) else None)
    if path is None:
        raise ConfigurationError(
            "geoip has no database", hint=f"set its option database, or {VARIABLE}, to a MaxMind DB file (.mmdb)"
        )
    main = _open(path, f"database (or {VARIABLE})" if config.database is None else "database")
    operators = _open(config.asn_database, "asn_database") if config.asn_database else main

    def lookup(value: str) -> dict[str, Any] | None:
        parsed = _parse(value)
        if parsed is None:
            return None
        name, address = parsed
        body = _body(name, main(address), operators(address))
        scope = _scope(address)
        return body if scope is None else {**body, "scope": scope}

    return lookup


def _open(path: Path, option: str) -> Callable[[Address], dict[str, Any]]:
    """A function from address to the record of the database, empty where it has none.

    It raises ConfigurationError where the file turns out to be damaged, as opening does.
    """
    broken = ConfigurationError(
        f"geoip's {option} {path} is damaged, or no MaxMind DB file", hint="download it again, or name another one"
    )
    try:
        _check(path)
        reader = maxminddb.open_database(path)
        old = reader.metadata().ip_version == 4
    except OSError as error:
        raise ConfigurationError(
            f"geoip cannot open its {option} {path}: {error.strerror or type(error).__name__}",
            hint="is the path right, and may this user read it?",
        ) from None
    except Exception:  # damage shows as whatever the parser stumbles over
        raise broken from None

    def get(address: Address) -> dict[str, Any]:
        if old and address.version == 6:
            return {}
        try:
            found = reader.get(address)
        except Exception:
            raise broken from None
        return found if isinstance(found, dict) else {}

    return get


def _check(path: Path) -> None:
    """Read much of the database with the reader in pure Python; raises where it is damaged.

    The reader in C, which is 20 times as fast, trusts the file: a map whose key is no string makes it read memory that
    is not its own. A small database is read whole, of a large one 1,024 addresses evenly apart and the first networks.
    """
    with maxminddb.open_database(path, maxminddb.MODE_MMAP) as reader:
        for number in range(1 << 21, 1 << 32, 1 << 22):
            _check_keys(reader.get(IPv4Address(number)))
        for _, found in islice(reader, 2048):
            _check_keys(found)


def _check_keys(value: Any) -> None:
    if isinstance(value, dict):
        if not all(type(key) is str for key in value):
            raise maxminddb.InvalidDatabaseError("a map has a key that is no string")
        for item in value.values():
            _check_keys(item)
    elif isinstance(value, list):
        for item in value:
            _check_keys(item)


_LONGEST = 64
"""Characters: no address is longer, and what is longer is not worth a place in the cache."""


def _parse(value: str) -> tuple[str, Address] | None:
    """The canonical spelling and the address to look up, None for what is no address."""
    text = value.strip()
    try:
        if "/" in text:
            network = ip_network(text, strict=False)
            return str(network), network.network_address
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address.scope_id is not None:  # the zone means something on its own host only
            address = IPv6Address(int(address))
    return str(address), address


def _body(name: str, main: dict[str, Any], operators: dict[str, Any]) -> dict[str, Any]:
    number = operators.get("autonomous_system_number")
    return {
        "ip": name,
        "country_code": _at(main, "country", "iso_code"),
        "city": _at(main, "city", "names", "en"),
        "latitude": _at(main, "location", "latitude"),
        "longitude": _at(main, "location", "longitude"),
        "timezone": _at(main, "location", "time_zone"),
        "asn": None if number is None else f"AS{number}",
        "asn_org": operators.get("autonomous_system_organization"),
    }


def _at(record: Any, *keys: str) -> Any:
    for key in keys:
        if not isinstance(record, dict):
            return None
        record = record.get(key)
    return record


def _scope(address: Address) -> Scope | None:
    """The kind of range the address is from, None for a public one.

    From IANA's special-purpose address registries; a table of our own, because what the standard library calls
    private differs from one Python to the next.
    """
    number = int(address)
    for version, first, last, scope in _SPECIAL:
        if address.version == version and first <= number <= last:
            return scope
    return None


_RANGES: tuple[tuple[Scope, tuple[str, ...]], ...] = (
    ("private", ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10")),
    ("loopback", ("127.0.0.0/8", "::1/128")),
    ("link_local", ("169.254.0.0/16", "fe80::/10")),
    ("multicast", ("224.0.0.0/4", "ff00::/8")),
    ("documentation", ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")),
    ("reserved", ("0.0.0.0/8", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", "::/128", "100::/64", "2001:2::/48")),
)
_SPECIAL: tuple[tuple[int, int, int, Scope], ...] = tuple(
    (network.version, int(network.network_address), int(network.broadcast_address), scope)
    for scope, ranges in _RANGES
    for network in map(ip_network, ranges)
)
