"""geoip: what is found, what is not, and databases that are not what they should be."""

import asyncio
import doctest
import subprocess
import sys
from ipaddress import IPv4Address, ip_network
from pathlib import Path
from random import Random
from typing import Any

import maxminddb
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from maxminddb.decoder import Decoder
from mmdb_writer import MmdbU128, MMDBWriter
from netaddr import IPSet
from pydantic import ValidationError

from penstock.agents.chain import Chain
from penstock.agents.enrich import geoip
from penstock.agents.enrich._network import addresses as _addresses
from penstock.agents.enrich._network import facts as _facts
from penstock.agents.enrich._network import mmdb as _mmdb
from penstock.cli.demo import networks
from penstock.model.component import Event, Resources
from penstock.model.errors import ConfigurationError
from penstock.model.record import Kept

MARKER = b"\xab\xcd\xefMaxMind.com"
KEYS = ["ip", "country_code", "city", "latitude", "longitude", "timezone", "asn", "asn_org"]


def test_docstring(run: Any) -> None:
    parsed = doctest.DocTestParser().get_doctest(geoip.__doc__ or "", {"run": run}, "geoip", None, None)
    assert doctest.DocTestRunner().run(parsed) == (0, 2)


@pytest.mark.parametrize("module", [_addresses, _facts])
def test_examples_of_its_helpers(module: Any) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


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
        ("64:ff9b:1::1", "private"),
        ("100:0:0:1::1", "reserved"),
        ("5f00::1", "reserved"),
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
    parsed = _addresses.parse(value)
    if parsed is not None:
        orjson.dumps(parsed[0])
        assert _addresses.parse(parsed[0]) == parsed  # the canonical spelling stays as it is


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
    writer.insert_network(IPSet(["8.0.0.0/8"]), {"country": "Utopia", "city": ["a"], "location": 1})
    writer.insert_network(IPSet(["9.0.0.0/8"]), ["a list"])
    writer.to_db_file(str(tmp_path / "other.mmdb"))
    enrich = geoip.build(geoip.Config(database=tmp_path / "other.mmdb"), Resources())
    extra = {"8.8.8.8": {"country": "Utopia", "location": 1}, "9.9.9.9": {"value": ["a list"]}}
    for address, more in extra.items():
        found = enrich(record({"ip": address}))
        assert found is not None
        assert found["geo"]["ip_geo"] == dict.fromkeys(KEYS) | {"ip": address} | more


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


def with_metadata(path: Path, changes: dict[str, Any]) -> Path:
    """The database with other metadata; None leaves a key out."""
    content = path.read_bytes()
    start = content.rindex(MARKER) + len(MARKER)
    metadata = Decoder(content, start).decode(start)[0]
    assert isinstance(metadata, dict)
    kept = {key: value for key, value in (metadata | changes).items() if value is not None}
    encoded = b"".join(mmdb_encoded(each) for pair in kept.items() for each in pair)
    path.write_bytes(content[:start] + bytes([0xE0 | len(kept)]) + encoded)
    return path


def mmdb_encoded(value: Any) -> bytes:
    """A short value as the format has it, numbers in 64 bits."""
    if isinstance(value, str):
        return bytes([0x40 | len(value)]) + value.encode()
    if isinstance(value, int):
        return bytes([8, 2]) + value.to_bytes(8, "big")
    return b"\xe0" if isinstance(value, dict) else b"\0\x04"


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"languages": None, "description": None, "build_epoch": None, "binary_format_minor_version": None},
        {"database_type": None},
        {"build_epoch": 2**64 - 1, "made_by": "somebody"},
    ],
)
def test_metadata_that_nothing_depends_on_may_be_anything(record: Any, tmp_path: Path, changes: dict[str, Any]) -> None:
    path = with_metadata(written(tmp_path / "x.mmdb", {"8.8.8.0/24": {"city": "Bonn"}}), changes)
    assert looked_up(geoip.build(geoip.Config(database=path), Resources()), record, "8.8.8.8")["city"] == "Bonn"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"node_count": None}, "has no node_count"),
        ({"node_count": "24"}, "has no node_count, or one that is no number"),
        ({"node_count": 0}, "no nodes"),
        ({"node_count": 2**40}, "tree of 1099511627776 nodes does not fit"),
        ({"record_size": 20}, "records of 20 bits"),
        ({"ip_version": 5}, "IP version 5"),
        ({"binary_format_major_version": 3}, "version 3 of the format"),
    ],
)
def test_metadata_that_cannot_be_is_named(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    path = with_metadata(written(tmp_path / "x.mmdb", {"8.8.8.0/24": {"city": "Bonn"}}), changes)
    with pytest.raises(ConfigurationError, match=why):
        geoip.build(geoip.Config(database=path), Resources())


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


def test_damage_found_late_is_an_error_of_the_enricher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = MMDBWriter(4, "Bad")
    writer.insert_network(IPSet(["8.8.8.0/24"]), {"country": {7: "x"}})
    writer.to_db_file(str(tmp_path / "bad.mmdb"))
    monkeypatch.setattr(_mmdb.Database, "_check", lambda self: None)  # as in a large file, where it looks at a part
    chain = Chain([("geoip", geoip.Config(database=tmp_path / "bad.mmdb"))], Resources())
    result = asyncio.run(chain.run("t", 0, [Kept(0, 0, b'{"ip":"8.8.8.8"}', {})]))
    kept = result.entries[0]
    assert isinstance(kept, Kept)
    assert kept.notes == {"enrichments.errors": b'{"geoip":"database_damaged"}'}
    assert kept.data == b'{"ip":"8.8.8.8"}'


def test_options_are_checked() -> None:
    assert geoip.Config.model_validate({"max_latency_ms": 10}).max_latency_ms == 10
    for wrong in ({"max_latency_ms": 0}, {"cache_size": -1}, {"databse": "x"}):
        with pytest.raises(ValidationError):
            geoip.Config.model_validate(wrong)


def written(path: Path, networks: dict[str, Any], version: int = 4, **options: Any) -> Path:
    """A database of these networks, put in place by renaming, as its makers advise."""
    writer = MMDBWriter(version, "Test", **options)
    for network, value in networks.items():
        writer.insert_network(IPSet([network]), value)
    part = path.with_suffix(".part")
    writer.to_db_file(str(part))
    return part.replace(path)


def looked_up(enrich: Any, record: Any, address: str) -> dict[str, Any]:
    body: dict[str, Any] = enrich(record({"ip": address}))["geo"]["ip_geo"]
    return body


# Kinds of databases


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"connection_type": "Cellular"}, {"connection_type": "Cellular"}),
        ({"domain": "example.com"}, {"domain": "example.com"}),
        ({"is_anonymous": True, "is_tor_exit_node": True}, {"is_anonymous": True, "is_tor_exit_node": True}),
        (
            {"autonomous_system_number": MmdbU128(1221), "autonomous_system_organization": "Telstra", "isp": "T"},
            {"asn": "AS1221", "asn_org": "Telstra", "isp": "T"},
        ),
        (
            {"country": {"iso_code": "GB"}, "traits": {"autonomous_system_number": 1, "user_type": "school"}},
            {"country_code": "GB", "asn": "AS1", "user_type": "school"},
        ),
        (  # flat, as IPinfo's
            {"country_code": "US", "country": "United States", "asn": "AS15169", "as_name": "Google LLC"},
            {"country_code": "US", "asn": "AS15169", "asn_org": "Google LLC", "country": "United States"},
        ),
        (
            {"city": "Bonn", "country": "DE", "lat": "50.7", "lng": "7.1", "timezone": "Europe/Berlin"},
            {"country_code": "DE", "city": "Bonn", "latitude": 50.7, "longitude": 7.1, "timezone": "Europe/Berlin"},
        ),
        ({"lat": "north", "country": "Germany", "asn": "x"}, {"record_asn": "x", "lat": "north", "country": "Germany"}),
        ({"ip": "8.8.8.0", "scope": 1}, {"record_ip": "8.8.8.0", "record_scope": 1}),
        ({"n": MmdbU128(1 << 100), "b": b"\x01\xff", "a": [1, {"x": 2.5}]},
         {"n": str(1 << 100), "b": "01ff", "a": [1, {"x": 2.5}]}),
        ("text", {"value": "text"}),
        ({"a": ["x"] * 100, "b": "x" * 600, "c": 1}, {"c": 1}),
    ],
)  # fmt: skip
def test_any_kind_of_database(record: Any, tmp_path: Path, content: Any, expected: dict[str, Any]) -> None:
    path = written(tmp_path / "x.mmdb", {"8.8.8.0/24": content}, int_type="u32")
    body = looked_up(geoip.build(geoip.Config(database=path), Resources()), record, "8.8.8.8")
    assert body == dict.fromkeys(KEYS) | {"ip": "8.8.8.8"} | expected
    assert list(body)[: len(KEYS)] == KEYS


def test_details_on_request(record: Any, tmp_path: Path) -> None:
    content = {
        "continent": {"code": "EU", "names": {"en": "Europe"}},
        "country": {"iso_code": "GB", "is_in_european_union": False},
        "subdivisions": [{"iso_code": "ENG", "names": {"en": "England"}}, {"iso_code": "WBK"}],
        "postal": {"code": "OX1"},
        "location": {"accuracy_radius": 100},
    }
    path = written(tmp_path / "x.mmdb", {"8.8.8.0/24": content})
    plain, detailed = (
        looked_up(geoip.build(geoip.Config(database=path, details=on), Resources()), record, "8.8.8.8")
        for on in (False, True)
    )
    assert list(plain) == KEYS
    assert detailed == plain | {
        "continent_code": "EU",
        "continent": "Europe",
        "is_in_european_union": False,
        "region_code": "ENG",
        "region": "England",
        "postal_code": "OX1",
        "accuracy_radius_km": 100,
    }


def test_several_databases_add_up(record: Any, tmp_path: Path, database: Path) -> None:
    tor = written(tmp_path / "tor.mmdb", {"8.8.8.8/32": {"is_tor_exit_node": True, "country_code": "XX"}})
    kind = written(tmp_path / "kind.mmdb", {"8.8.8.0/24": {"connection_type": "Cellular"}})
    enrich = geoip.build(geoip.Config(database=database, databases=(tor, kind)), Resources())
    exit_node, other = (looked_up(enrich, record, address) for address in ("8.8.8.8", "8.8.8.9"))
    assert exit_node == other | {"ip": "8.8.8.8", "is_tor_exit_node": True}
    assert (other["country_code"], other["connection_type"]) == ("US", "Cellular")


@pytest.mark.parametrize("size", [24, 28, 32])
@pytest.mark.parametrize("version", [4, 6])
def test_every_network_is_found_as_the_library_finds_it(tmp_path: Path, size: int, version: int) -> None:
    random = Random(size)
    networks = {
        f"{IPv4Address(random.getrandbits(length) << (32 - length))}/{length}": f"{number}"
        for number, length in enumerate(range(8, 33))
    }
    if version == 6:
        networks |= {f"2a00:{number:x}::/{length}": f"v6-{length}" for number, length in enumerate(range(32, 129, 3))}
    path = tmp_path / "x.mmdb"
    writer = MMDBWriter(version, "Test", ipv4_compatible=version == 6)
    for network, value in networks.items():
        writer.insert_network(IPSet([network]), value)
    writer.to_db_file(str(path))
    path.write_bytes(widened(path.read_bytes(), size))
    ours, theirs = _mmdb.Database(path, lambda found: found), maxminddb.open_database(path)
    for network in map(ip_network, networks):
        for address in (network[0], network[-1], network[0] + 1, network[-1] + 1, network[0] - 1):
            assert ours.get(address) == theirs.get(address)
        assert ours.get(network[0]) is not None


def widened(content: bytes, size: int) -> bytes:
    """The database with records of `size` bits in its search tree."""
    start = content.rindex(MARKER) + len(MARKER)
    metadata = Decoder(content, start).decode(start)[0]
    assert isinstance(metadata, dict)
    old, nodes = metadata["record_size"], metadata["node_count"]
    step = old // 4
    tree = bytearray()
    for node in range(nodes):
        number = int.from_bytes(content[node * step : (node + 1) * step], "big")
        if old == 28:
            left, right = (number >> 32) | (number >> 28 & 0xF) << 24, number & 0xFFFFFFF
        else:
            left, right = number >> old, number & (1 << old) - 1
        joined = (left & 0xFFFFFF) << 32 | (left >> 24) << 28 | right if size == 28 else left << size | right
        tree += joined.to_bytes(size // 4, "big")
    key = content.index(b"record_size", start) + len(b"record_size")
    assert content[key + 1] == old
    return bytes(tree) + content[nodes * step : key + 1] + bytes([size]) + content[key + 2 :]


# Files that are replaced


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_replaced_file_is_read_anew(record: Any, tmp_path: Path) -> None:
    clock, events = Clock(), list[Event]()
    path = written(tmp_path / "x.mmdb", {"8.8.8.0/24": {"city": "Old"}})
    enrich = geoip.build(geoip.Config(database=path), Resources(clock=clock, report=events.append))
    assert looked_up(enrich, record, "8.8.8.8")["city"] == "Old"
    written(path, {"8.8.8.0/24": {"city": "New"}})
    clock.now += geoip.LOOK_EVERY_SECONDS / 2
    assert looked_up(enrich, record, "8.8.8.8")["city"] == "Old"  # it does not look for every record
    clock.now += geoip.LOOK_EVERY_SECONDS / 2
    assert looked_up(enrich, record, "8.8.8.8")["city"] == "New"
    path.write_bytes(written(tmp_path / "y.mmdb", {"8.8.8.0/24": {"city": "In place"}}).read_bytes())
    clock.now -= 500  # a clock that was set back
    assert looked_up(enrich, record, "8.8.8.8")["city"] == "In place"
    assert events == []


def test_a_damaged_new_file_keeps_the_old_one_and_is_reported_once(record: Any, tmp_path: Path) -> None:
    clock, events = Clock(), list[Event]()
    path = written(tmp_path / "x.mmdb", {"8.8.8.0/24": {"city": "Old"}})
    enrich = geoip.build(geoip.Config(database=path), Resources(clock=clock, report=events.append))

    def after_a_look() -> str:
        clock.now += geoip.LOOK_EVERY_SECONDS
        city: str = looked_up(enrich, record, "8.8.8.8")["city"]
        return city

    path.write_bytes(path.read_bytes()[:-7])
    assert [after_a_look() for _ in range(3)] == ["Old"] * 3
    path.unlink()
    assert [after_a_look() for _ in range(3)] == ["Old"] * 3
    written(path, {"8.8.8.0/24": {"city": "New"}})
    assert after_a_look() == "New"
    assert [event.code for event in events] == ["geoip_database_damaged", "geoip_database_gone"]
    assert all(str(path) in event.message for event in events)


# Damage, in a process of its own


CHILD = """
import sys
from ipaddress import ip_address
from pathlib import Path
from random import Random

from penstock.agents.enrich import geoip
from penstock.model.component import Event, Resources
from penstock.model.errors import ConfigurationError, EnrichmentError
from penstock.model.record import Kept, Record

path, rounds = Path(sys.argv[1]), int(sys.argv[2])
content, random = path.read_bytes(), Random(7)
refused = failed = answered = 0
work = path.with_suffix(".work")
for number in range(rounds):
    damaged = bytearray(content)
    for _ in range(random.choice((1, 2, 8, 64))):
        at = random.randrange(len(damaged))
        match random.randrange(4):
            case 0: damaged[at] = random.randrange(256)
            case 1: damaged[at] ^= 1 << random.randrange(8)
            case 2: damaged[at : at + random.randrange(64)] = b""
            case 3: damaged[at:at] = random.randbytes(random.randrange(64))
    work.write_bytes(damaged)
    try:
        enrich = geoip.build(geoip.Config(database=work, details=True), Resources())
    except ConfigurationError:
        refused += 1
        continue
    for _ in range(40):
        address = ip_address(random.getrandbits(32) if random.random() < 0.5 else random.getrandbits(128))
        try:
            enrich(Record(Kept(0, 0, b'{"ip":"%s"}' % str(address).encode(), {}), "t"))
            answered += 1
        except EnrichmentError:
            failed += 1
print(refused, failed, answered)
"""


@pytest.mark.parametrize("kind", ["demo", "deep"])
def test_damage_never_kills_the_process(tmp_path: Path, database: Path, kind: str) -> None:
    path = tmp_path / "x.mmdb"
    if kind == "demo":
        path.write_bytes(database.read_bytes())
    else:
        shared = {"names": {language: language * 3 for language in ("en", "de", "fr")}}
        networks = {f"{n}.0.0.0/8": {"city": shared, "list": [shared, [n, n / 3, b"x" * 40]]} for n in range(1, 99)}
        written(path, networks)
    command = [sys.executable, "-X", "faulthandler", "-c", CHILD, str(path), "300"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    refused, failed, answered = map(int, ran.stdout.split())
    assert refused > 50
    assert answered > 500
    assert failed + answered + refused * 40 == 300 * 40


@pytest.mark.parametrize("fan", [(2, 40), (60, 20)])
def test_a_record_that_unfolds_without_end_is_refused(tmp_path: Path, fan: tuple[int, int]) -> None:
    width, depth = fan
    content = written(tmp_path / "x.mmdb", {"8.0.0.0/8": {"a": "b"}}).read_bytes()
    start = content.index(b"\0" * 16) + 16
    data = bytearray(b"\xe0")  # an empty map, and arrays that point `width` times at what stands before them
    at = 0
    for _ in range(depth):
        pointer = bytes([0x20 | at >> 8, at & 0xFF]) if at < 2048 else b"\x28" + (at - 2048).to_bytes(2, "big")
        size = bytes([width, 4]) if width < 29 else bytes([29, 4, width - 29])
        at = len(data)
        data += size + pointer * width
    nodes = start // 6 - 2
    root = nodes + 16 + at
    tree = bytearray(content[: start - 16])
    for record in range(0, len(tree), 3):
        if int.from_bytes(tree[record : record + 3], "big") > nodes:
            tree[record : record + 3] = root.to_bytes(3, "big")
    bomb = tmp_path / "bomb.mmdb"
    bomb.write_bytes(bytes(tree) + b"\0" * 16 + data + content[content.rindex(MARKER) :])
    with pytest.raises(ConfigurationError, match=r"damaged.*exceeds"):
        geoip.build(geoip.Config(database=bomb), Resources())


@pytest.mark.parametrize(
    ("left", "right"), [(0, 0), (0xFABCDEF, 0x1234567), (0x1234567, 0xFABCDEF), (0xFFFFFFF, 0), (0, 0xFFFFFFF)]
)
def test_nodes_of_28_bits_share_a_byte(left: int, right: int) -> None:
    # only a tree of 16 million nodes has such numbers
    middle = left >> 24 << 4 | right >> 24
    node = (left & 0xFFFFFF).to_bytes(3, "big") + bytes([middle]) + (right & 0xFFFFFF).to_bytes(3, "big")
    database = object.__new__(_mmdb.Database)
    database._buffer = b"\x55" * 7 + node
    assert (database._half(1, 0), database._half(1, 1)) == (left, right)
