"""Addresses as records spell them, and the ranges that IANA set aside.

>>> parse(" ::ffff:8.8.8.8 "), scope(IPv4Address("10.0.0.1"))
(('8.8.8.8', IPv4Address('8.8.8.8')), 'private')
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, Literal, TypeAlias

Scope: TypeAlias = Literal["private", "loopback", "link_local", "multicast", "documentation", "reserved"]
Address: TypeAlias = IPv4Address | IPv6Address

LONGEST: Final = 64
"""Characters: no address is longer, and what is longer is not worth a place in a cache."""

FIELDS: Final = (
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
)
"""Names of fields that hold addresses."""


def parse(value: str) -> tuple[str, Address] | None:
    """The canonical spelling and the address that stands for it, None for what is no address.

    A network is stood for by its first address. An IPv4 address mapped into IPv6 (RFC 4291, 2.5.5.2) is the IPv4
    address.
    """
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


def scope(address: Address) -> Scope | None:
    """The kind of range the address is from, None for a public one.

    From IANA's special-purpose address registries; a table of our own, because what the standard library calls
    private differs from one Python to the next.
    """
    number = int(address)
    for version, first, last, found in _SPECIAL:
        if address.version == version and first <= number <= last:
            return found
    return None


_RANGES: tuple[tuple[Scope, tuple[str, ...]], ...] = (
    ("private", ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")),
    ("private", ("fc00::/7", "fec0::/10", "64:ff9b:1::/48")),
    ("loopback", ("127.0.0.0/8", "::1/128")),
    ("link_local", ("169.254.0.0/16", "fe80::/10")),
    ("multicast", ("224.0.0.0/4", "ff00::/8")),
    ("documentation", ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")),
    ("reserved", ("0.0.0.0/8", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4", "::/128", "100::/64", "100:0:0:1::/64")),
    ("reserved", ("2001:2::/48", "5f00::/16")),
)
_SPECIAL: tuple[tuple[int, int, int, Scope], ...] = tuple(
    (network.version, int(network.network_address), int(network.broadcast_address), found)
    for found, ranges in _RANGES
    for network in map(ip_network, ranges)
)
