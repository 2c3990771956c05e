"""Which IP addresses a server may be asked at when a record, not the operator, says where.

=============  ==========================================================================================
`PUBLIC`       reachable by anybody on the internet
`PRIVATE`      of this host or its networks: private, shared, loopback, link-local, unique local
`NEVER`        no server of anybody's: unspecified, multicast, reserved, documentation, tunnels that carry
               another address in disguise, and where clouds hand credentials to their machines
=============  ==========================================================================================

>>> kind("8.8.8.8"), kind("::ffff:10.1.2.3"), kind("64:ff9b::7f00:1"), kind("169.254.169.254")
('public', 'private', 'private', 'never')

The ranges are those of IANA's special-purpose address registries (RFC 6890 and its updates); a table of our own,
because what the standard library calls global differs from one Python to the next.
"""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["public", "private", "never"]
PUBLIC: Final[Kind] = "public"
PRIVATE: Final[Kind] = "private"
NEVER: Final[Kind] = "never"

_RANGES: Final[dict[Kind, tuple[str, ...]]] = {
    # the first kind that holds an address is its kind
    "never": (
        # metadata services: AWS, Azure, Google and others; AWS by IPv6; Azure's wire server; Alibaba; Oracle
        "169.254.169.254/32", "169.254.170.0/24", "fd00:ec2::/32", "168.63.129.16/32", "100.100.100.200/32",
        "192.0.0.192/32",
        "0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
        "::/128", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001:db8::/32", "2002::/16",
        "3fff::/20", "5f00::/16", "ff00::/8",
    ),
    "private": (
        "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
        "198.18.0.0/15", "::1/128", "fc00::/7", "fe80::/10", "fec0::/10",
    ),
}  # fmt: skip
_NETWORKS: Final = [(kind, ip_network(name)) for kind, names in _RANGES.items() for name in names]

_UNICAST: Final = ip_network("2000::/3")
"""What IANA gives out of IPv6; outside of it nothing is anybody's."""
_CARRIERS: Final = (ip_network("::ffff:0:0/96"), ip_network("::/96"), ip_network("64:ff9b::/96"))
"""An IPv4 address in the last 32 bits: mapped, compatible (RFC 4291, section 2.5.5), NAT64 (RFC 6052)."""


def kind(address: str) -> Kind:
    """The kind of an address as a resolver gives it, with or without a zone (``fe80::1%eth0``).

    Raises
    ------
    ValueError
        It is no address.
    """
    parsed = _plain(ip_address(address))
    for found, network in _NETWORKS:
        if parsed.version == network.version and parsed in network:
            return found
    if isinstance(parsed, IPv6Address) and parsed not in _UNICAST:
        return NEVER
    return PUBLIC


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 one carries, else the address itself without its zone."""
    if isinstance(address, IPv4Address):
        return address
    number = int(address)
    if number > 1 and any(IPv6Address(number) in carrier for carrier in _CARRIERS):
        return IPv4Address(number & 0xFFFFFFFF)
    return IPv6Address(number)
