import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.agents.redact._recognizer import load
from penstock.agents.redact.recognizers import ip


@pytest.mark.parametrize(
    "address, network",
    [
        ("203.0.113.77", "203.0.113.0"),
        ("10.0.0.255", "10.0.0.0"),
        ("127.0.0.1", "127.0.0.0"),
        ("2001:db8:1:2::3", "2001:db8:1::"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
        ("::ffff:203.0.113.77", "::ffff:203.0.113.0"),
        ("2002:cb00:714d::1", "2002:cb00:7100::"),
    ],
)
def test_generalise(address: str, network: str) -> None:
    assert ip.generalise(address) == network
    ipaddress.ip_address(network)


@pytest.mark.parametrize(
    "text, address",
    [
        ("http://203.0.113.77:8080/x", "203.0.113.77"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("203.0.113.77/32", "203.0.113.77"),
        ("from 2001:db8::1: refused", "2001:db8::1"),
        ("at 203.0.113.77.", "203.0.113.77"),
        ("fe80::1%eth0 up", "fe80::1%eth0"),
        ("a,203.0.113.77,b", "203.0.113.77"),
    ],
)
def test_what_belongs_to_an_address(text: str, address: str) -> None:
    item = load("ip", None, ())
    assert [text[first:last] for number in range(2) for first, last in item.spans(number, text)] == [address]


@given(st.ip_addresses())
@settings(max_examples=300, derandomize=True, deadline=None)
def test_every_address_is_found(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    text = str(address)
    item = load("ip", None, ())
    spans = [span for number in range(2) for span in item.spans(number, f"at {text} now")]
    assert (3, 3 + len(text)) in spans or not any(character.isdigit() for character in text)


def test_ways_to_write_one_address() -> None:
    assert ip.canonical("2001:0DB8:0:0:0:0:0:1") == ip.canonical("2001:db8::1") == "2001:db8::1"


@pytest.mark.parametrize("text", ["::", "::%40", "::%1", "std::abs", "beef::feed%2"])
def test_what_has_no_digit_is_no_address(text: str) -> None:
    item = load("ip", None, ())
    assert [span for number in range(2) for span in item.spans(number, text)] == []
