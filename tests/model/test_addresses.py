"""Addresses that a reference may name: every special range of IANA's registries, and every disguise."""

from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.model import addresses


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "1.1.1.1", "172.15.255.255", "172.32.0.0", "192.169.0.1", "100.63.255.255", "2606:4700::1111",
     "::ffff:8.8.8.8", "64:ff9b::808:808", "2400:3200::1"],
)  # fmt: skip
def test_public(address: str) -> None:
    assert addresses.kind(address) == addresses.PUBLIC


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.255.255.255", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.1.1",
     "100.64.0.1", "198.18.0.1", "::1", "fe80::1", "fe80::1%eth0", "febf::1", "fc00::1", "fdff::1", "fec0::1",
     "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1%1", "::10.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::a00:1"],
)  # fmt: skip
def test_private(address: str) -> None:
    assert addresses.kind(address) == addresses.PRIVATE


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0", "0.1.2.3", "255.255.255.255", "224.0.0.1", "239.1.1.1", "240.0.0.1", "192.0.2.1", "203.0.113.9",
     "169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "::",
     "ff02::1", "2001:db8::1", "2001:0:4136:e378::1", "2002:7f00:1::", "2002:808:808::", "64:ff9b:1::1", "100::1",
     "3fff::1", "5f00::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "::ffff:0.0.0.0", "::2", "4000::1"],
)  # fmt: skip
def test_never(address: str) -> None:
    assert addresses.kind(address) == addresses.NEVER


def test_what_is_no_address() -> None:
    with pytest.raises(ValueError, match="address"):
        addresses.kind("0x7f.1")


@settings(derandomize=True, max_examples=500)
@given(st.ip_addresses())
def test_nothing_is_public_that_the_standard_library_calls_private_or_multicast(address: object) -> None:
    parsed = ip_address(str(address))
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    if addresses.kind(str(address)) == addresses.PUBLIC:
        assert not parsed.is_multicast and not parsed.is_loopback and not parsed.is_link_local
        # NAT64 is of this network, where it leads is not
        assert str(address).startswith("64:ff9b::") or (parsed.is_global and not parsed.is_reserved)
