"""geoip: what is found, what is not, and databases that are not what they should be."""

import asyncio
import doctest
from pathlib import Path
from random import Random
from typing import Any

import maxminddb
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdb_writer import MmdbU128, MMDBWriter
from netaddr import IPSet
from pydantic import ValidationError

from penstock.agents.chain import Chain
from penstock.agents.enrich import geoip
from penstock.cli.demo import networks
from penstock.model.component import Resources
from penstock.model.errors import ConfigurationError
from penstock.model.record import Kept

KEYS = ["ip", "country_code", "city", "latitude", "longitude", "timezone", "asn", "asn_org"]


def test_docstring(run: Any) -> None:
    parsed = doctest.DocTestParser().get_doctest(geoip.__doc__ or "", {"run": run}, "geoip", None, None)
    assert doctest.DocTestRunner().run(parsed) == (0, 2)


def test_known_address(run: Any) -> None:
    assert run("geoip", {"ip": "8.8.8.8"}) == {
        "geo": {
            "ip_geo": {
                "ip": "8.8.8.8",
                "country_code": "US",
                "city": "San Francisco",
                "latitude": 37.7749,
                "longitude": -122.4194,
                "timezone": "America/Los_Angeles",
                "asn": "AS15169",
                "asn_org": "Google LLC",
            }
        }
    }


def test_unknown_address_has_nulls(run: Any) -> None:
    body = run("geoip", {"source_ip": "8.8.9.9"})["geo"]["source_ip_geo"]
    assert list(body) == KEYS
    assert body == dict.fromkeys(KEYS) | {"ip": "8.8.9.9"}


@pytest.mark.parametrize(
    "field", ["ip", "source_ip", "dest_ip", "src_ip", "dst_ip", "client_ip", "remote_addr", "ip_address", "Client_IP"]
)
def test_default_fields(run: Any, field: str) -> None:
    assert list(run("geoip", {"a": {field: "1.1.1.1"}})["geo"]) == [f"{field}_geo"]


@pytest.mark.parametrize(
    ("value", "ip", "city"),
    [
        ("2001:4860:4860:0:0:0:0:8888", "2001:4860:4860::8888", "San Francisco"),
        ("2606:4700:4700::1111", "2606:4700:4700::1111", "San Francisco"),
        ("::ffff:193.0.0.1", "193.0.0.1", "Amsterdam"),
        (" 9.9.9.9 ", "9.9.9.9", "Zürich"),
        ("129.67.1.0", "129.67.1.0", "Oxford"),
        ("129.67.1.0/24", "129.67.1.0/24", "Oxford"),
        ("2001:638:1::/48", "2001:638:1::/48", "Berlin"),
    ],
)
def test_spellings(run: Any, value: str, ip: str, city: str) -> None:
    body = run("geoip", {"ip": value})["geo"]["ip_geo"]
    assert (body["ip"], body["city"]) == (ip, city)


@pytest.mark.parametrize(
    ("value", "scope"),
    [
        ("10.0.0.1", "private"),
        ("172.31.255.255", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("fd00::1", "private"),
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("169.254.1.1", "link_local"),
        ("fe80::1%eth0", "link_local"),
        ("224.0.0.251", "multicast"),
        ("ff02::1", "multicast"),
        ("192.0.2.1", "documentation"),
        ("198.51.100.0", "documentation"),
        ("203.0.113.0", "documentation"),
        ("2001:db8::1", "documentation"),
        ("0.0.0.0", "reserved"),
        ("240.0.0.1", "reserved"),
        ("255.255.255.255", "reserved"),
        ("::", "reserved"),
        ("::ffff:10.0.0.1", "private"),
    ],
)
def test_special_ranges_are_named(run: Any, value: str, scope: str) -> None:
    body = run("geoip", {"ip": value})["geo"]["ip_geo"]
    assert list(body) == [*KEYS, "scope"]
    assert body["scope"] == scope
    assert body["country_code"] is None


@pytest.mark.parametrize("value", ["172.15.255.255", "172.32.0.0", "11.0.0.0", "128.0.0.1", "fe00::1", "2001:db9::"])
def test_neighbours_of_special_ranges_are_not(run: Any, value: str) -> None:
    assert "scope" not in run("geoip", {"ip": value})["geo"]["ip_geo"]


@pytest.mark.parametrize(
    "value", ["", "x", "1.2.3", "1.2.3.256", "01.2.3.4", "1.2.3.4:80", "::g", 134744072, None, True, 1.5, {}, "1" * 900]
)
def test_no_address_adds_nothing(run: Any, value: Any) -> None:
    assert run("geoip", {"ip": value}) is None


def test_other_fields_are_left_alone(run: Any) -> None:
    assert run("geoip", {"message": "8.8.8.8", "zip": "1.1.1.1"}) is None
    assert run("geoip", {"zip": "1.1.1.1"}, fields=["zip"])["geo"]["zip_geo"]["city"] == "Brisbane"


def test_names_collide_and_lists_have_indexes(run: Any) -> None:
    found = run("geoip", {"a": {"ip": "8.8.8.8"}, "b": {"ip": "bad"}, "src_ip": ["1.1.1.1", None, "9.9.9.9"]})["geo"]
    assert list(found) == ["a.ip_geo", "src_ip.0_geo", "src_ip.2_geo"]


@settings(derandomize=True, max_examples=200)
@given(st.one_of(st.text(), st.ip_addresses().map(str), st.ip_addresses().map(lambda address: f"{address}/20")))
def test_any_text_gives_json_or_nothing(value: str) -> None:
    parsed = geoip._parse(value)
    if parsed is not None:
        orjson.dumps(parsed[0])
        assert geoip._parse(parsed[0]) == parsed  # the canonical spelling stays as it is


def test_in_a_chain_a_later_record_gets_the_same_answer(database: Path) -> None:
    chain = Chain([("geoip", geoip.Config(database=database, cache_size=1))], Resources())
    entries = [Kept(n, 0, b'{"ip":"8.8.8.%d"}' % (n % 3), {}) for n in range(9)]
    result = asyncio.run(chain.run("t", 0, entries))
    assert [
        orjson.loads(e.notes["enrichments.geo"])["ip_geo"]["ip"] for e in result.entries if isinstance(e, Kept)
    ] == [f"8.8.8.{n % 3}" for n in range(9)]


def test_second_database_for_operators(record: Any, tmp_path: Path, database: Path) -> None:
    writer = MMDBWriter(4, "ASN")
    writer.insert_network(
        IPSet(["8.8.8.0/24"]), {"autonomous_system_number": 64500, "autonomous_system_organization": "Example"}
    )
    writer.to_db_file(str(tmp_path / "asn.mmdb"))
    config = geoip.Config(database=database, asn_database=tmp_path / "asn.mmdb")
    enrich = geoip.build(config, Resources())
    found = enrich(record({"ip": "8.8.8.8", "src_ip": "2001:4860:4860::8888"}))
    assert found is not None
    assert (found["geo"]["ip_geo"]["asn"], found["geo"]["ip_geo"]["city"]) == ("AS64500", "San Francisco")
    assert found["geo"]["src_ip_geo"]["asn"] is None  # the second one knows version 4 only


def test_records_of_another_shape_have_nulls(record: Any, tmp_path: Path) -> None:
    writer = MMDBWriter(4, "Other")
    writer.insert_network(IPSet(["8.0.0.0/8"]), {"country": "US", "city": ["a"], "location": "x"})
    writer.insert_network(IPSet(["9.0.0.0/8"]), ["a list"])
    writer.to_db_file(str(tmp_path / "other.mmdb"))
    enrich = geoip.build(geoip.Config(database=tmp_path / "other.mmdb"), Resources())
    for address in ("8.8.8.8", "9.9.9.9"):
        found = enrich(record({"ip": address}))
        assert found is not None
        assert found["geo"]["ip_geo"] == dict.fromkeys(KEYS) | {"ip": address}


def test_no_database_names_option_and_variable() -> None:
    with pytest.raises(ConfigurationError, match=r"database.*GEOIP_DATABASE"):
        geoip.build(geoip.Config(), Resources())


@pytest.mark.parametrize("by_variable", [True, False])
def test_missing_file_names_path_and_where_it_came_from(tmp_path: Path, by_variable: bool) -> None:
    path = tmp_path / "none.mmdb"
    config = geoip.Config() if by_variable else geoip.Config(database=path)
    with pytest.raises(ConfigurationError, match=r"none\.mmdb: No such file") as caught:
        geoip.build(config, Resources(environ={"GEOIP_DATABASE": str(path)}))
    assert ("GEOIP_DATABASE" in str(caught.value)) is by_variable


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot open"):
        geoip.build(geoip.Config(database=tmp_path), Resources())


def test_truncated_anywhere_is_refused(tmp_path: Path, database: Path) -> None:
    content = database.read_bytes()
    for cut in [0, 1, *range(100, len(content), 251), len(content) - 1]:
        path = tmp_path / f"{cut}.mmdb"
        path.write_bytes(content[:cut])
        with pytest.raises(ConfigurationError, match="damaged"):
            geoip.build(geoip.Config(database=path), Resources())


@pytest.mark.parametrize("junk", [b"<html>404 not found</html>", b"\xab\xcd\xefMaxMind.com", b"\0" * 5000])
def test_another_file_is_refused(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "junk.mmdb"
    path.write_bytes(junk)
    with pytest.raises(ConfigurationError, match="damaged"):
        geoip.build(geoip.Config(asn_database=path, database=path), Resources())


@pytest.mark.parametrize("key", [7, 1.5, True, b"ip", MmdbU128(1 << 100)])
def test_a_key_that_is_no_string_never_reaches_the_reader_in_c(tmp_path: Path, key: Any) -> None:
    # that reader takes the key for a pointer to text, and the process dies
    writer = MMDBWriter(4, "Bad")
    writer.insert_network(IPSet(["8.8.8.0/24"]), {"country": {"names": [{key: "x"}]}})
    writer.to_db_file(str(tmp_path / "bad.mmdb"))
    with pytest.raises(ConfigurationError, match="damaged"):
        geoip.build(geoip.Config(database=tmp_path / "bad.mmdb"), Resources())


def test_bytes_changed_at_random_are_refused_or_harmless(record: Any, tmp_path: Path, database: Path) -> None:
    content, random = database.read_bytes(), Random(1)
    refused = 0
    for number in range(300):
        damaged = bytearray(content)
        for _ in range(1 + number % 3):
            damaged[random.randrange(len(damaged))] = random.randrange(256)
        path = tmp_path / f"{number}.mmdb"
        path.write_bytes(damaged)
        try:
            enrich = geoip.build(geoip.Config(database=path), Resources())
            for entry in networks.networks():
                enrich(record({"ip": str(entry.network[1])}))
        except ConfigurationError:
            refused += 1
    assert 0 < refused < 300


def test_damage_found_late_is_an_error_of_the_enricher(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Late:
        """A reader whose file is damaged where nothing looked before."""

        def metadata(self) -> Any:
            return type("Metadata", (), {"ip_version": 6})

        def get(self, address: Any) -> Any:
            raise maxminddb.InvalidDatabaseError(f"bad pointer at {address}")

    monkeypatch.setattr(geoip, "_check", lambda path: None)
    monkeypatch.setattr(maxminddb, "open_database", lambda path: Late())
    chain = Chain([("geoip", geoip.Config(database=database))], Resources())
    result = asyncio.run(chain.run("t", 0, [Kept(0, 0, b'{"ip":"8.8.8.8"}', {})]))
    kept = result.entries[0]
    assert isinstance(kept, Kept)
    assert kept.notes == {"enrichments.errors": b'{"geoip":"configuration"}'}
    assert kept.data == b'{"ip":"8.8.8.8"}'


def test_options_are_checked() -> None:
    assert geoip.Config.model_validate({"max_latency_ms": 10}).max_latency_ms == 10
    for wrong in ({"max_latency_ms": 0}, {"cache_size": -1}, {"databse": "x"}):
        with pytest.raises(ValidationError):
            geoip.Config.model_validate(wrong)
