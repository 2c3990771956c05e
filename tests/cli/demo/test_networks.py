"""The demo's address ranges and the database made of them."""

from ipaddress import ip_address, ip_network
from itertools import combinations
from pathlib import Path
from zoneinfo import ZoneInfo

import maxminddb
import pytest

from penstock.cli.demo import networks


def test_networks_do_not_overlap_and_are_complete() -> None:
    entries = networks.networks()
    assert 20 <= len(entries) <= 50
    assert {entry.network.version for entry in entries} == {4, 6}
    for one, other in combinations(entries, 2):
        assert one.network.version != other.network.version or not one.network.overlaps(other.network)
    for entry in entries:
        if entry.city is None:
            assert entry.org is not None
            assert entry.org.startswith("Documentation")
            assert (entry.country, entry.asn, entry.latitude, entry.timezone) == (None, None, None, None)
        else:
            assert entry.country is not None
            assert len(entry.country) == 2
            assert entry.latitude is not None
            assert entry.longitude is not None
            assert -90 <= entry.latitude <= 90
            assert -180 <= entry.longitude <= 180
            assert entry.timezone is not None
            ZoneInfo(entry.timezone)


def test_database_answers_for_first_and_last_address_of_every_range(tmp_path: Path) -> None:
    path = networks.build(tmp_path / "sub" / "demo.mmdb")
    assert [p.name for p in path.parent.iterdir()] == ["demo.mmdb"]  # no half-written file is left
    with maxminddb.open_database(path) as reader:
        assert reader.metadata().database_type == networks.DATABASE_TYPE
        for entry in networks.networks():
            for address in (entry.network[0], entry.network[-1]):
                found, length = reader.get_with_prefix_len(str(address))
                assert found["autonomous_system_organization"] == entry.org
                assert found.get("autonomous_system_number") == entry.asn
                assert found.get("city", {}).get("names", {}).get("en") == entry.city
                assert ip_network(f"{address}/{length}", strict=False).subnet_of(entry.network)
        assert reader.get("8.8.9.0") is None
        assert reader.get(str(ip_address("2001:db9::1"))) is None


def test_build_replaces_a_database_that_is_in_use(tmp_path: Path) -> None:
    path = networks.build(tmp_path / "demo.mmdb")
    with maxminddb.open_database(path) as reader:
        networks.build(path)
        assert reader.get("8.8.8.8")["country"]["iso_code"] == "US"


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    (tmp_path / "demo.mmdb").mkdir()
    with pytest.raises(OSError):
        networks.build(tmp_path / "demo.mmdb")
    assert [p.name for p in tmp_path.iterdir()] == ["demo.mmdb"]
