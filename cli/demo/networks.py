"""The address ranges of the demo, and the GeoIP database made of them.

``networks.csv`` lists some well-known public ranges and the documentation ranges. Places are where the operator is at
home, not where a packet goes: enough to see `geoip` at work without a licensed database, and for nothing else.
"""

import csv
import os
from functools import cache
from importlib.resources import files
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, NamedTuple

from mmdb_writer import MmdbU32, MMDBWriter
from netaddr import IPSet

DATABASE_TYPE = "Penstock-Demo-City-ASN"


class Network(NamedTuple):
    """One line of ``networks.csv``; empty fields (documentation ranges have no place) are None."""

    network: IPv4Network | IPv6Network
    country: str | None
    city: str | None
    latitude: float | None
    longitude: float | None
    timezone: str | None
    asn: int | None
    org: str | None


@cache
def networks() -> tuple[Network, ...]:
    """The ranges, in the order of the file; none overlaps another."""
    text = files(__package__).joinpath("networks.csv").read_text(encoding="utf-8")
    return tuple(_network(row) for row in csv.DictReader(text.splitlines()))


def build(path: Path) -> Path:
    """Write the database to `path`, at once or not at all, and return the path.

    The layout is that of MaxMind's City and ASN databases, both in one record.
    """
    writer = MMDBWriter(
        ip_version=6, ipv4_compatible=True, database_type=DATABASE_TYPE, languages=["en"], description="penstock's demo"
    )
    for entry in networks():
        writer.insert_network(IPSet([str(entry.network)]), _record(entry))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        writer.to_db_file(str(part))
        part.replace(path)  # whoever reads it meanwhile must not get half of it
    finally:
        part.unlink(missing_ok=True)
    return path


def _network(row: dict[str, str]) -> Network:
    return Network(
        ip_network(row["network"]),
        row["country"] or None,
        row["city"] or None,
        float(row["latitude"]) if row["latitude"] else None,
        float(row["longitude"]) if row["longitude"] else None,
        row["timezone"] or None,
        int(row["asn"]) if row["asn"] else None,
        row["org"] or None,
    )


def _record(entry: Network) -> dict[str, Any]:
    record: dict[str, Any] = {}
    if entry.country:
        record["country"] = {"iso_code": entry.country}
    if entry.city:
        record["city"] = {"names": {"en": entry.city}}
    if entry.timezone:
        record["location"] = {
            "latitude": entry.latitude,
            "longitude": entry.longitude,
            "time_zone": entry.timezone,
        }
    if entry.asn:
        record["autonomous_system_number"] = MmdbU32(entry.asn)
    if entry.org:
        record["autonomous_system_organization"] = entry.org
    return record
