"""threat_intel: what matches, in every spelling, and when; patterns that cannot be told; feeds that change."""

import asyncio
import doctest
import re
from collections.abc import Awaitable, Callable
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from penstock.agents import registry
from penstock.agents.enrich import threat_intel
from penstock.agents.enrich._threats import observables as _observables
from penstock.agents.enrich._threats import shapes
from penstock.agents.enrich._threats import sources as _threats
from penstock.agents.enrich._threats.observables import domain, email, network, observed, url
from penstock.agents.enrich._threats.shapes import Shapes, like
from penstock.agents.enrich._threats.stix import DEEPEST, Untold, ways
from penstock.agents.enrich._threats.stix_index import Indicators
from penstock.model.component import Event, Resources
from penstock.model.errors import ConfigurationError, EnrichmentError, UnreachableError
from penstock.model.record import Kept, Record
from penstock.model.table import Table

Ask = Callable[..., Awaitable[list[Any]]]
SHA256 = "aec070645fe53ee3b3763059376134f058cc337247c978add178b6ccdfb0019f"
MD5 = "79054025255fb1a26e4bc422aef54eb4"
DAY = 86_400_000


def indicator(pattern: str, number: int = 1, **keys: Any) -> dict[str, Any]:
    made = {"type": "indicator", "spec_version": "2.1", "id": f"indicator--{number}", "pattern": pattern}
    return {**made, "pattern_type": "stix", "valid_from": "1970-01-01T00:00:00Z", "modified": "2024-01-01", **keys}


def record(data: dict[str, Any], timestamp: int = 0) -> Record:
    return Record(Kept(0, timestamp, orjson.dumps(data), {}), "t/0/0")


def stage(*indicators: dict[str, Any], resources: Resources | None = None, **options: Any) -> Ask:
    """The matches of each record, or an error's reason."""
    if not {"topic", "bundle"} & set(options):
        options["indicators"] = list(indicators)
    function: Any = registry.build(
        "threat_intel", registry.configure("threat_intel", options), resources or Resources()
    )[1]

    async def ask(*data: dict[str, Any], timestamp: int = 0) -> list[Any]:
        found = await function([record(each, timestamp) for each in data])
        return [
            each.reason if isinstance(each, EnrichmentError) else each["threat_intel"]["matches"] if each else []
            for each in found
        ]

    return ask


async def hits(pattern: str, data: dict[str, Any], **options: Any) -> bool:
    return bool((await stage(indicator(pattern), **options)(data))[0])


def test_docstring() -> None:
    def run(name: str, data: dict[str, Any], **options: Any) -> Any:
        function: Any = registry.build(name, registry.configure(name, options), Resources())[1]
        return asyncio.run(function([record(data)]))[0]

    parsed = doctest.DocTestParser().get_doctest(threat_intel.__doc__ or "", {"run": run}, "t", None, None)
    assert doctest.DocTestRunner().run(parsed) == (0, 2)


@pytest.mark.parametrize("module", [_observables, shapes])
def test_docstrings_of_its_helpers(module: Any) -> None:
    assert doctest.testmod(module).failed == 0


# What matches


async def test_what_is_added() -> None:
    phases = [{"kill_chain_name": "mitre-attack", "phase_name": "exfiltration"}]
    one = indicator(
        "[url:value = 'http://bad.example/x']", name="Dropper", confidence=85, labels=["x"],
        indicator_types=["malicious-activity"], kill_chain_phases=phases,
    )  # fmt: skip
    assert await stage(one)({"a": {"url": "hxxp://bad[.]example/x"}}) == [
        [
            {
                "indicator": "indicator--1",
                "name": "Dropper",
                "confidence": 85,
                "type": "url",
                "field": "a.url",
                "labels": ["malicious-activity", "x"],
                "kill_chain_phases": ["mitre-attack:exfiltration"],
            }
        ]
    ]


@pytest.mark.parametrize(
    ("pattern", "field", "value", "kind"),
    [
        ("[ipv4-addr:value = '198.51.100.7']", "src_ip", "198.51.100.7", "ipv4-addr"),
        ("[ipv4-addr:value = '198.51.100.7']", "src_ip", "::ffff:198.51.100.7", "ipv4-addr"),
        ("[ipv4-addr:value = '198.51.100.7/32']", "src_ip", " 198[.]51(.)100[dot]7 ", "ipv4-addr"),
        ("[ipv4-addr:value = '198.51.100.0/24']", "src_ip", "198.51.100.7", "ipv4-addr"),
        ("[ipv4-addr:value ISSUBSET '198.0.0.0/8']", "src_ip", "198.51.100.7", "ipv4-addr"),
        ("[ipv4-addr:value ISSUBSET '198.0.0.0/8']", "src_ip", "198.51.100.0/24", "ipv4-addr"),
        ("[ipv6-addr:value ISSUBSET '2001:db8::/32']", "ip", "2001:DB8:0::1", "ipv6-addr"),
        ("[network-traffic:dst_ref.value = '198.51.100.7']", "dst_ip", "198.51.100.7", "ipv4-addr"),
        ("[ipv4-addr:value = '198.51.100.7']", "url", "http://198.51.100.7/x", "ipv4-addr"),
        ("[domain-name:value = 'Bad.Example']", "host", "bad.example.", "domain-name"),
        ("[domain-name:value = 'bad.example']", "email", "ann@bad.example", "domain-name"),
        ("[domain-name:value = 'bad.example']", "url", "https://bad.example:8443/", "domain-name"),
        ("[domain-name:value = 'xn--mller-kva.example']", "host", "MÜLLER.example", "domain-name"),
        ("[url:value = 'http://bad.example']", "url", "HTTP://BAD.example:80/#top", "url"),
        ("[url:value = 'http://bad.example/a/%7Eb?q=%c3%bc']", "url", "http://u:p@bad.example/a/./c/../~b?q=ü", "url"),
        ("[email-addr:value = 'a.b@bad.example']", "from", "A B <A.B@Bad.Example>", "email-addr"),
        ("[email-message:from_ref.value = 'a@bad.example']", "sender", "a[at]bad[.]example", "email-addr"),
        (f"[file:hashes.'SHA-256' = '{SHA256}']", "sha256", SHA256.upper(), "file"),
        (f"[file:hashes.MD5 = 'x' OR file:hashes.SHA256 = '{SHA256}']", "hash", SHA256, "file"),
        (f"[file:hashes.MD5 IN ('0', '{MD5}')]", "md5", MD5, "file"),
    ],
)  # fmt: skip
async def test_spellings(pattern: str, field: str, value: str, kind: str) -> None:
    (found,) = await stage(indicator(pattern))({field: value})
    assert [(each["type"], each["field"]) for each in found] == [(kind, field)]


@pytest.mark.parametrize(
    ("pattern", "data"),
    [
        ("[ipv4-addr:value = '198.51.100.7']", {"ip": "198.51.100.8"}),
        ("[ipv4-addr:value ISSUBSET '198.51.100.0/24']", {"ip": "198.51.0.0/16"}),
        ("[ipv4-addr:value ISSUBSET '198.51.100.0/24']", {"ip": "198.51.101.0"}),
        ("[ipv4-addr:value = '198.51.100.7']", {"text": "198.51.100.7"}),
        ("[domain-name:value = 'bad.example']", {"host": "very.bad.example"}),
        ("[domain-name:value = 'bad.example']", {"host": "notbad.example"}),
        ("[url:value = 'http://bad.example/x']", {"url": "https://bad.example/x"}),
        ("[url:value = 'http://bad.example/x']", {"url": "http://bad.example/X"}),
        ("[file:hashes.MD5 = '79054025255fb1a26e4bc422aef54eb4']", {"md5": "79054025255fb1a26e4bc422aef54eb5"}),
        ("[ipv4-addr:value = '198.51.100.7' AND domain-name:value = 'bad.example']", {"ip": "198.51.100.7"}),
        ("[ipv4-addr:value = '198.51.100.7'", {"ip": "198.51.100.7"}),
    ],
)
async def test_what_does_not_match(pattern: str, data: dict[str, Any]) -> None:
    assert not await hits(pattern, data)


async def test_options_of_matching() -> None:
    pattern = "[domain-name:value = 'bad.example']"
    assert await hits(pattern, {"host": "very.bad.example"}, parent_domains=True)
    assert not await hits(pattern, {"host": "notbad.example"}, parent_domains=True)
    assert not await hits(pattern, {"url": "http://bad.example/"}, parts=False)
    assert await hits(pattern, {"c2": ["x", "bad.example"]}, fields=["c2"])


async def test_what_must_be_together() -> None:
    one = "(ipv4-addr:value ISSUBSET '10.0.0.0/8' OR url:value = 'http://a.example/')"
    ask = stage(indicator(f"[{one} AND domain-name:value = 'b.example']"), parent_domains=True)
    found = await ask(
        {"ip": "10.1.2.3", "host": "x.b.example"},
        {"url": "http://a.example/", "host": "b.example"},
        {"ip": "11.1.2.3", "host": "b.example"},
        {"ip": "10.1.2.3", "host": "c.example"},
    )
    assert [len(each) for each in found] == [1, 1, 0, 0]


async def test_many_matches_the_surest_first() -> None:
    many = [indicator("[ipv4-addr:value = '10.0.0.1']", n, confidence=n) for n in range(30)]
    function: Any = threat_intel.build(threat_intel.Config(indicators=many, most_matches=3), Resources())
    (found,) = await function([record({"ip": "10.0.0.1"})])
    body = found["threat_intel"]
    assert [each["confidence"] for each in body["matches"]] == [29, 28, 27]
    assert body["left_out"] == 27


# Which indicators count, and when


@pytest.mark.parametrize(
    ("at", "found"), [(DAY - 1, False), (DAY, True), (2 * DAY - 1, True), (2 * DAY, False), (9 * DAY, False)]
)
async def test_an_indicator_is_valid_for_its_time(at: int, found: bool) -> None:
    one = indicator("[ipv4-addr:value = '10.0.0.1']", valid_from="1970-01-02T00:00:00.000Z", valid_until="1970-01-03")
    assert [bool(each) for each in await stage(one)({"ip": "10.0.0.1"}, timestamp=at)] == [found]
    by_clock = stage(one, resources=Resources(clock=lambda: at / 1000), as_of="clock")
    assert [bool(each) for each in await by_clock({"ip": "10.0.0.1"}, timestamp=DAY)] == [found]


@pytest.mark.parametrize(
    ("keys", "options", "found"),
    [
        ({"revoked": True}, {}, False),
        ({"revoked": False}, {}, True),
        ({"valid_until": "soon"}, {}, False),
        ({"confidence": 50}, {"min_confidence": 50}, True),
        ({"confidence": 49}, {"min_confidence": 50}, False),
        ({}, {"min_confidence": 1}, False),
        ({"labels": ["a"]}, {"labels": ["a", "b"]}, True),
        ({"indicator_types": ["b"]}, {"labels": ["a", "b"]}, True),
        ({}, {"labels": ["a"]}, False),
        ({"kill_chain_phases": [{"kill_chain_name": "k", "phase_name": "p"}]}, {"kill_chain_phases": ["k:p"]}, True),
        ({"kill_chain_phases": None}, {"kill_chain_phases": ["k:p"]}, False),
        ({"pattern_type": "yara"}, {}, False),
        ({"type": "malware"}, {}, False),
        ({"id": 7}, {}, False),
        ({"confidence": "high", "labels": "x", "name": None, "modified": 7, "kill_chain_phases": [1]}, {}, True),
    ],
)
async def test_which_count(keys: dict[str, Any], options: dict[str, Any], found: bool) -> None:
    one = indicator("[ipv4-addr:value = '10.0.0.1']") | keys
    assert [bool(each) for each in await stage(one, **options)({"ip": "10.0.0.1"})] == [found]


async def test_of_several_versions_the_newest_counts() -> None:
    old = indicator("[ipv4-addr:value = '10.0.0.1']", modified="2024-01-01T00:00:00Z")
    new = indicator("[ipv4-addr:value = '10.0.0.2']", modified="2024-01-01T00:00:00.001Z")
    revoked = new | {"revoked": True, "modified": "2024-02-01"}
    data = [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]
    for order in ([old, new], [new, old]):
        assert [bool(each) for each in await stage(*order)(*data)] == [False, True]
    for order in ([old, new, revoked], [revoked, new, old]):
        assert [bool(each) for each in await stage(*order)(*data)] == [False, False]


# Patterns

IP = "ipv4-addr:value = '10.0.0.1'"


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("", "syntax"),
        ("x", "syntax"),
        ("[]", "syntax"),
        (f"[{IP}", "syntax"),
        (f"[{IP}]]", "syntax"),
        ("[ipv4-addr:value = 10.0.0.1]", "syntax"),
        ("[ipv4-addr:value = 10]", "value"),
        ("[ipv4-addr:value = '10.0.0.1]", "syntax"),
        ("[ipv4-addr:value IN ()]", "syntax"),
        ("[ipv4-addr:value ! '10.0.0.1']", "syntax"),
        ("[ipv4-addr:value = '300.0.0.1']", "value"),
        ("[ipv4-addr:value != '10.0.0.1']", "not"),
        ("[ipv4-addr:value NOT = '10.0.0.1']", "not"),
        ("[NOT ipv4-addr:value = '10.0.0.1']", "syntax"),
        ("[url:value LIKE '%_%']", "value"),
        ("[url:value LIKE '" + "a%" * 16 + "']", "value"),
        ("[domain-name:value LIKE '']", "value"),
        ("[url:value MATCHES '[']", "value"),
        ("[url:value MATCHES '(?=a)b']", "value"),
        ("[url:value MATCHES '(a)\\\\1']", "value"),
        ("[url:value NOT LIKE 'http://a.example/%']", "not"),
        ("[file:name LIKE 'x%']", "property"),
        ("[EXISTS ipv4-addr:value]", "operator"),
        ("[ipv4-addr:value ISSUPERSET '10.0.0.1']", "operator"),
        ("[file:name = 'x']", "property"),
        ("[process:pid > 7]", "operator"),
        ("[file:hashes.MD5 = 'short']", "value"),
        (f"[{IP}] AND [{IP}]", "several_observations"),
        (f"([{IP}] FOLLOWEDBY [{IP}]) WITHIN 5 SECONDS", "qualifier"),
        (f"[{IP}] REPEATS 5 TIMES", "qualifier"),
        (f"[{IP}] START t'2024-01-01T00:00:00Z' STOP t'2024-01-02T00:00:00Z'", "qualifier"),
        ("[" + "(" * 2 * DEEPEST + IP + ")" * 2 * DEEPEST + "]", "too_complex"),
        ("(" * 5000 + f"[{IP}]", "too_complex"),
        ("[" + " AND ".join([f"({' OR '.join([IP] * 10)})"] * 6) + "]", "too_complex"),
        ("[ipv4-addr:value = '" + "1" * 70_000 + "']", "too_complex"),
    ],
)
def test_patterns_that_cannot_be_told(pattern: str, why: str) -> None:
    with pytest.raises(Untold, match=f"^{why}$"):
        ways(pattern)


@pytest.mark.parametrize(
    ("pattern", "number", "untold"),
    [
        (f"[{IP}]", 1, set()),
        (f"  [ ( {IP} ) ] ", 1, set()),
        (f"[{IP}] OR ([{IP}] OR [url:value = 'http://a.example'])", 3, set()),
        (f"[{IP} OR file:name = 'x']", 1, {"property"}),
        (f"[{IP}] OR [{IP}] WITHIN 5 SECONDS", 1, {"qualifier"}),
        (f"[{IP} AND (url:value = 'http://a.example' OR url:value = 'http://b.example')]", 2, set()),
        ("[ipv4-addr:value IN ('10.0.0.1', 'no', '10.0.0.2')]", 2, {"value"}),
        ("[url:value = 'http://a.example/it\\'s']", 1, set()),
        ("[url:value MATCHES '(a+)+$' OR domain-name:value LIKE '%.a.example']", 2, set()),
    ],
)
def test_patterns_that_can_be_told(pattern: str, number: int, untold: set[str]) -> None:
    found, left_out = ways(pattern)
    assert (len(found), left_out) == (number, untold)


@pytest.mark.parametrize(
    ("pattern", "field", "value", "found"),
    [
        ("[domain-name:value LIKE '%.Bad.example']", "domain", "www.bad[.]example", True),
        ("[domain-name:value LIKE '%.bad.example']", "domain", "bad.example", False),
        ("[domain-name:value LIKE '%.bad.example']", "url", "https://c2.bad.example/x", True),
        ("[domain-name:value LIKE '%.bad.example']", "email", "ann@mx.bad.example", True),
        ("[domain-name:value LIKE 'b_d.example']", "domain", "bid.example", True),
        ("[domain-name:value LIKE 'b.d.example']", "domain", "bid.example", False),
        ("[url:value LIKE 'HTTP://Bad.example/Gate%.php']", "url", "hxxp://bad.example/Gate/1.php", True),
        ("[url:value LIKE 'http://bad.example/Gate%.php']", "url", "http://bad.example/gate/1.php", False),
        ("[url:value LIKE 'http://%.bad.example']", "url", "http://c2.bad.example", True),
        ("[url:value LIKE '%aa%aa']", "url", "http://b.example/aaa", False),
        ("[url:value LIKE '%aa%aa']", "url", "http://b.example/aaaa", True),
        ("[ipv4-addr:value LIKE '198.51.100.%']", "ip", "198.51.100.7", True),
        ("[ipv4-addr:value LIKE '198.51.100.%']", "ip", "198.51.10.7", False),
        ("[ipv4-addr:value LIKE '198.51.100.%']", "ip", "198.51.100.0/24", False),
        ("[ipv6-addr:value LIKE '2001:db8:%']", "ip", "2001:0db8::1", True),
        ("[file:hashes.'SHA-256' LIKE 'ABCD%']", "sha256", "abcd" * 16, True),
        ("[email-addr:value LIKE '%@bad.example']", "email", "Ann <ann@BAD.example>", True),
        ("[url:value MATCHES '^https?://[0-9.]+/[a-z]{3}$']", "url", "http://198.51.100.7/abc", True),
        ("[url:value MATCHES '^https?://[0-9.]+/[a-z]{3}$']", "url", "http://198.51.100.7/ABC", False),
        ("[domain-name:value MATCHES '^C2-\\\\d+\\\\.']", "domain", "c2-77.bad.example", True),
    ],
)
async def test_values_of_a_shape(pattern: str, field: str, value: str, found: bool) -> None:
    assert bool((await stage(indicator(pattern))({field: value}))[0]) is found


async def test_a_shape_and_a_value_must_be_together() -> None:
    both = stage(indicator("[url:value LIKE '%/gate.php' AND ipv4-addr:value = '198.51.100.7']"))
    gate, address = {"url": "http://a.example/gate.php"}, {"ip": "198.51.100.7"}
    assert [bool(each) for each in await both(gate, address, gate | address)] == [False, False, True]
    shapes = stage(indicator("[url:value LIKE '%/gate.php' AND domain-name:value MATCHES 'bad']"))
    assert [bool(each) for each in await shapes(gate, gate | {"domain": "bad.example"})] == [False, True]


def test_so_many_shapes_and_no_more_and_those_of_indicators_that_go_are_forgotten() -> None:
    indicators = Indicators(lambda stix: True, parents=False)
    for number in range(Shapes.MOST + 5):
        indicators.put(indicator(f"[domain-name:value LIKE '%.n{number}.example']", id=f"indicator--{number}"))
    found = [("domain", ("domain", f"a.n{number}.example")) for number in (0, Shapes.MOST - 1, Shapes.MOST)]
    assert [each.id for _, _, each in indicators.matches(found, 0)] == ["indicator--0", f"indicator--{Shapes.MOST - 1}"]
    assert indicators.untold == {"too_many_shapes": 5}
    indicators.remove("indicator--0")
    indicators.put(indicator("[domain-name:value LIKE 'a.n%']", id="indicator--again"))
    assert {each.id for _, _, each in indicators.matches(found, 0)} == {
        f"indicator--{Shapes.MOST - 1}",
        "indicator--again",
    }


@settings(derandomize=True, max_examples=300, deadline=None)
@given(st.text(alphabet="ab%_", min_size=1, max_size=8), st.text(alphabet="abc\n", max_size=8))
def test_like_is_as_a_regular_expression_would_have_it(pattern: str, value: str) -> None:
    expression = "".join({"%": ".*", "_": "."}.get(sign, sign) for sign in pattern)
    assert like(pattern)(value) is (re.fullmatch(expression, value, re.DOTALL) is not None)


def test_an_and_with_what_cannot_be_told_does_not_match_on_the_rest() -> None:
    with pytest.raises(Untold, match="property"):
        ways(f"[{IP} AND file:name = 'x']")


@settings(derandomize=True, max_examples=500, deadline=None)
@given(st.text(alphabet="[]()'\\ =!<>,:.ANDORINT10aé", max_size=60) | st.text(max_size=60))
@example("[" * 100)
def test_no_pattern_breaks_the_parser(pattern: str) -> None:
    try:
        assert ways(pattern)[0]
    except Untold as why:
        assert str(why).isidentifier()


# Observables

ADDRESSES = st.ip_addresses(v=4) | st.ip_addresses(v=6)


@settings(derandomize=True, max_examples=400, deadline=None)
@given(ADDRESSES, st.integers(0, 128), st.integers(0, 2**128 - 1), st.booleans())
def test_networks_hold_what_the_standard_library_says(address: Any, length: int, other: int, near: bool) -> None:
    length = min(length, address.max_prefixlen)
    net = ip_network(f"{address}/{length}", strict=False)
    asked = ip_address(int(net.network_address) + other % net.num_addresses) if near else address
    if address.version == 6 and (address.ipv4_mapped or asked.version != 6):
        return
    word = f"ipv{address.version}-addr:value"
    assert asyncio.run(hits(f"[{word} ISSUBSET '{net}']", {"ip": str(asked)})) is (asked in net)


@settings(derandomize=True, max_examples=500, deadline=None)
@given(st.text(max_size=40) | st.from_regex(r"(hxxp|http)s?://[a-z0-9\[\]().:@%/?#é-]{0,30}", fullmatch=True))
def test_no_value_breaks_and_a_url_is_its_own_normal_form(value: str) -> None:
    for kind, found in observed(value):
        if kind == "url":
            assert url(found) == found


@pytest.mark.parametrize(
    "value", ["", "x", "1", "10", "fe80::1%eth0", "1.2.3", "a..b", "-", "http://", "http://[", "@", "a@", "@b.example",
              "http://a.example:99999/", "a" * 64 + ".example", "ü" * 300 + ".example", "\0.example", "1.2.3.4.5",
              "7" * 33]
)  # fmt: skip
def test_what_is_nothing(value: str) -> None:
    assert observed(value) == []


def test_names() -> None:
    assert (domain("a_b.c-d.example"), domain("example"), domain("10.0.0.1")) == ("a_b.c-d.example", None, None)
    assert (email("mailto:A@B.example"), email("a b@c.example")) == ("a@b.example", None)
    assert network("::ffff:10.0.0.0/104") == network("10.0.0.0/8")


# Where indicators come from


async def test_what_cannot_be_told_is_reported() -> None:
    told = list[Event]()
    stage(
        indicator("[file:name = 'ann@example.com']", 1), indicator("no", 2), indicator(f"[{IP}]", 3),
        resources=Resources(report=told.append),
    )  # fmt: skip
    assert [event.code for event in told] == ["threat_intel_untold"]
    assert told[0].message.endswith(
        "of 3 indicators some cannot be matched, or in part only, by reason: property 1, syntax 1"
    )


async def test_a_bundle_that_changes(tmp_path: Path) -> None:
    path, told = tmp_path / "bundle.json", list[Event]()

    def write(content: Any) -> None:
        beside = tmp_path / "new"
        beside.write_bytes(content if isinstance(content, bytes) else orjson.dumps(content))
        beside.replace(path)

    write({"type": "bundle", "id": "bundle--1", "objects": [{"type": "identity", "id": "x"}, indicator(f"[{IP}]"), 7]})
    ask = stage(bundle=str(path), refresh_seconds=0.01, resources=Resources(report=told.append))
    data = [{"ip": "10.0.0.1"}, {"ip": "10.0.0.2"}]

    async def until(expected: list[bool], events: int) -> None:
        deadline = asyncio.get_running_loop().time() + 10
        while [bool(each) for each in await ask(*data)] != expected or len(told) != events:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.01)

    assert [bool(each) for each in await ask(*data)] == [True, False]
    write({"objects": [indicator("[ipv4-addr:value = '10.0.0.2']")]})
    await until([False, True], 0)
    write(b'{"objects": [')
    await until([False, True], 1)
    assert told[0].code == "threat_intel_stale"


@pytest.mark.parametrize("content", [b"", b"no", b"7", b'"x"', b"[" * 3000])
async def test_bundles_that_are_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    assert await stage(bundle=str(tmp_path / "a.json"))({"ip": "10.0.0.1"}) == ["bundle"]
    with pytest.raises(ConfigurationError, match="no bundle"):
        stage(bundle=str(tmp_path / "none.json"))


async def test_a_topic() -> None:
    table, told = Table("threats"), list[Event]()
    ask = stage(topic="threats", resources=Resources(table=lambda topic: table, report=told.append))
    failing = stage(topic="threats", on_unreachable="fail", resources=Resources(table=lambda topic: table))
    data = [{"ip": f"10.0.0.{n}"} for n in (1, 2, 3)]

    def put(key: bytes, value: Any) -> None:
        table.put(key, None if value is None else orjson.dumps(value))

    put(b"a", indicator(f"[{IP}]", 1))
    with pytest.raises(UnreachableError, match="threats"):
        await ask(*data)
    assert await failing(data[0]) == ["unreachable"]
    table.ready = True
    assert [bool(each) for each in await ask(*data)] == [True, False, False]
    put(b"b", {"objects": [indicator(f"[ipv4-addr:value = '10.0.0.{n}']", n) for n in (2, 3)]})
    assert [bool(each) for each in await ask(*data)] == [True, True, True]
    put(b"b", {"objects": [indicator("[ipv4-addr:value = '10.0.0.2']", 2)]})
    put(b"a", None)
    table.put(b"c", b"no JSON")
    assert [bool(each) for each in await ask(*data)] == [False, True, False]
    assert told[0].message.endswith("json 1")


async def test_many_changes_at_once() -> None:
    table = Table("t")
    table.ready = True
    for n in range(2 * _threats.AT_ONCE):
        one = indicator(f"[ipv4-addr:value = '10.{n // 256}.{n % 256}.0/24']", n)
        table.put(b"%d" % n, orjson.dumps(one))
    ask = stage(topic="t", resources=Resources(table=lambda topic: table))
    found = await asyncio.gather(*(ask({"ip": "10.0.0.9"}, {"ip": "10.3.200.1"}, {"ip": "10.9.0.1"}) for _ in range(4)))
    assert [[len(each) for each in answer] for answer in found] == [[1, 1, 0]] * 4


@pytest.mark.parametrize(
    "options",
    [{}, {"topic": "a", "bundle": "b"}, {"indicators": [], "min_confidence": 101}, {"topic": "a", "as_of": "x"}],
)
def test_options_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        threat_intel.Config(**options)
