"""geoip: country, city, coordinates, time zone and network operator of each address, from MaxMind DB files.

>>> run("geoip", {"user": {"ip": "8.8.8.8"}})["geo"]["ip_geo"]["asn_org"]
'Google LLC'
>>> run("geoip", {"source_ip": "10.1.2.3"})["geo"]["source_ip_geo"]["scope"]
'private'

What the database does not know is null. An address from a range that IANA set aside gets ``scope`` as well: which kind
of range it is, where a null country says nothing. A network (``203.0.113.0/24``, or ``203.0.113.0`` as `redact` leaves
it) is looked up by its first address. What is no address gets nothing.

Any MaxMind DB file will do: City, Country, Enterprise, ASN, ISP, Anonymous-IP, Connection-Type, Domain, and flat ones
as IPinfo's. What a file knows beside the eight facts above (``is_tor_exit_node``, ``connection_type``, ``isp``) is
added behind them under the name it has there; a name that is taken gets ``record_`` before it. Of several files the
first one that knows a fact counts.

A file that is replaced is read anew within a second, without a restart. Where the new one is damaged, the old one
stays in use and an event says so.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from maxminddb import InvalidDatabaseError
from pydantic import Field

from penstock.agents.enrich._network import addresses as _addresses
from penstock.agents.enrich._network.addresses import LONGEST
from penstock.agents.enrich._network.facts import facts, merged
from penstock.agents.enrich._network.mmdb import Watched
from penstock.agents.fields import Finder
from penstock.model.component import Annotations, EnrichRecord, Event, FieldNames, Resources, StageConfig
from penstock.model.errors import ConfigurationError, EnrichmentError
from penstock.model.record import Record

GROUP = "geo"
VARIABLE = "GEOIP_DATABASE"
LOOK_EVERY_SECONDS: Final = 1.0
"""Least time between two looks at whether a file was replaced."""


class Config(StageConfig):
    """Options of geoip."""

    fields: FieldNames = Field(_addresses.FIELDS, description="Fields that hold addresses.")
    database: Path | None = Field(
        None, description=f"MaxMind DB file (City, Country, or City and ASN in one); {VARIABLE} where absent."
    )
    asn_database: Path | None = Field(None, description="A second MaxMind DB file, for the operators of networks.")
    databases: tuple[Path, ...] = Field(
        (),
        description="More MaxMind DB files, as Anonymous-IP, Connection-Type, Domain or ISP; what they know is added.",
    )
    details: bool = Field(
        False,
        description="Add what City, Country and Enterprise files know beside the eight facts: continent, region, postal"
        " code, radius of accuracy, registered country and so on.",
    )
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
    files = _files(config, resources)
    lookup = lru_cache(config.cache_size)(_lookup(files))
    clock = resources.clock
    looked = clock()
    due = looked + LOOK_EVERY_SECONDS

    def enrich(record: Record) -> Annotations | None:
        nonlocal looked, due
        if not looked <= (now := clock()) < due:  # a clock that was set back must not put it off
            looked, due = now, now + LOOK_EVERY_SECONDS
            if _replaced(files, resources.report):
                lookup.cache_clear()
        found = {
            f"{label}_geo": body
            for label, value in find.labelled(record)
            if type(value) is str and len(value) <= LONGEST and (body := lookup(value)) is not None
        }
        return {GROUP: found} if found else None

    return enrich


# Files


class _Files:
    """The databases: of places and what else, and of operators."""

    def __init__(self, main: Watched, operators: Watched | None, more: tuple[Watched, ...]) -> None:
        self.main = main
        self.operators = operators
        self.more = more

    def __iter__(self) -> Iterator[Watched]:
        yield self.main
        if self.operators is not None:
            yield self.operators
        yield from self.more


def _files(config: Config, resources: Resources) -> _Files:
    path = config.database or (Path(named_path) if (named_path := resources.environ.get(VARIABLE)) else None)
    if path is None:
        raise ConfigurationError(
            "geoip has no database", hint=f"set its option database, or {VARIABLE}, to a MaxMind DB file (.mmdb)"
        )
    details = config.details
    main = _open(path, f"database (or {VARIABLE})" if config.database is None else "database", details)
    operators = _open(config.asn_database, "asn_database", details) if config.asn_database else None
    return _Files(main, operators, tuple(_open(each, "databases", details) for each in config.databases))


def _open(path: Path, option: str, details: bool) -> Watched:
    try:
        return Watched(path, lambda record: facts(record, details))
    except OSError as error:
        raise ConfigurationError(
            f"geoip cannot open its {option} {path}: {error.strerror or type(error).__name__}",
            hint="is the path right, and may this user read it?",
        ) from None
    except InvalidDatabaseError as error:
        raise ConfigurationError(
            f"geoip's {option} {path} is damaged, or no MaxMind DB file: {error}",
            hint="download it again, or name another one",
        ) from None


def _replaced(files: _Files, report: Callable[[Event], None]) -> bool:
    """Whether any file has another version now; what cannot be read is reported, once."""
    replaced = False
    for file in files:
        try:
            replaced = file.look() or replaced
        except OSError as error:
            why = error.strerror or type(error).__name__
            report(Event("geoip_database_gone", f"{file.path}: {why}; geoip goes on with what it read before"))
        except InvalidDatabaseError as error:
            report(Event("geoip_database_damaged", f"{file.path}: {error}; geoip goes on with what it read before"))
    return replaced


# Lookups


def _lookup(files: _Files) -> Callable[[str], dict[str, Any] | None]:
    def lookup(value: str) -> dict[str, Any] | None:
        parsed = _addresses.parse(value)
        if parsed is None:
            return None
        name, address = parsed
        try:
            found = [file.get(address) for file in files]
        except InvalidDatabaseError:
            raise EnrichmentError(
                "database_damaged", "a database of geoip is damaged", hint="download it again"
            ) from None
        # where there is a file for operators, it stands second and the first one does not count for them
        first = 1 if files.operators is not None else 0
        body = {"ip": name, **merged(filter(None, found), filter(None, found[first:]))}
        scope = _addresses.scope(address)
        return body if scope is None else {**body, "scope": scope}

    return lookup
