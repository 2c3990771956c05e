"""The benchmark's GeoIP database: the networks of `generate`, in MaxMind's MMDB format and City layout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import netaddr
from generate import NETWORKS
from mmdb_writer import MMDBWriter

# country, its name, city, latitude, longitude, time zone; in the order of generate.NETWORKS
_PLACES = (
    ("US", "United States", "Mountain View", 37.39, -122.08, "America/Los_Angeles"),
    ("US", "United States", "Cambridge", 42.36, -71.09, "America/New_York"),
    ("GB", "United Kingdom", "London", 51.51, -0.13, "Europe/London"),
    ("GB", "United Kingdom", "Cambridge", 52.2, 0.12, "Europe/London"),
    ("DE", "Germany", "Berlin", 52.51, 13.33, "Europe/Berlin"),
    ("FR", "France", "Paris", 48.84, 2.35, "Europe/Paris"),
    ("ES", "Spain", "Granada", 37.18, -3.6, "Europe/Madrid"),
    ("IT", "Italy", "Florence", 43.77, 11.26, "Europe/Rome"),
    ("SE", "Sweden", "Linköping", 58.41, 15.62, "Europe/Stockholm"),
    ("JP", "Japan", "Tokyo", 35.71, 139.76, "Asia/Tokyo"),
    ("BR", "Brazil", "São Paulo", -23.56, -46.73, "America/Sao_Paulo"),
    ("NL", "Netherlands", "Amsterdam", 52.37, 4.9, "Europe/Amsterdam"),
)

COUNTRIES = {network: place[0] for network, place in zip(NETWORKS, _PLACES, strict=True)}


def write(path: Path) -> Path:
    """Write the database to `path` (its folder must exist) and return `path`."""
    writer = MMDBWriter(ip_version=4, database_type="GeoLite2-City", languages=["en"], description="benchmark")
    for network, place in zip(NETWORKS, _PLACES, strict=True):
        writer.insert_network(netaddr.IPSet([f"{network}.0.0/16"]), _city(*place))
    writer.to_db_file(str(path))
    return path


def _city(code: str, country: str, city: str, latitude: float, longitude: float, zone: str) -> dict[str, Any]:
    return {
        "city": {"names": {"en": city}},
        "country": {"iso_code": code, "names": {"en": country}},
        "location": {"latitude": latitude, "longitude": longitude, "time_zone": zone},
    }
